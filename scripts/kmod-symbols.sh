#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Whether a built zsmalloc.ko can take the place of a kernel's own: every symbol that the kernel's zsmalloc exports must
# be there, in the same version, or zram.ko would be refused when it is loaded.
#   kmod-symbols.sh OUR_MODULE_SYMVERS KERNEL_MODULE_SYMVERS
set -u
ours=$1 kernels=$2

# version, symbol and module of each symbol of zsmalloc
exports() {
	awk '$3 ~ /(^|\/)zsmalloc$/ { print $1, $2 }' "$1" | sort -k 2
}

die() {
	echo "kmod: $*" >&2
	exit 1
}

[ -s "$ours" ] || die "no $ours: the module was not built"
[ -s "$kernels" ] || die "no $kernels: the headers of a kernel with CONFIG_MODVERSIONS have it"
wanted=$(exports "$kernels")
[ -n "$wanted" ] || die "this kernel has no zsmalloc: nothing to take the place of"
missing=$({ exports "$ours" && exports "$ours" && echo "$wanted"; } | sort | uniq -u)
[ -z "$missing" ] || die "these symbols differ from the kernel's own, so its zram.ko would not load:
$missing
Build zram for this kernel from its own sources with KBUILD_EXTRA_SYMBOLS=$ours, or leave the stock zsmalloc in place."
echo "kmod: $(echo "$wanted" | wc -l) symbols are the kernel's own, version for version"
