#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds the kernel module in a folder of its own, so that the kernel's build leaves nothing among the sources.
#   kmod.sh BUILD_FOLDER [KERNEL_BUILD_FOLDER]
#   kmod.sh -k [KERNEL_BUILD_FOLDER]              only says which kernel's headers it would use
# KERNEL_BUILD_FOLDER is where the kernel's headers are; without it the running kernel's, else those of Debian's
# linux-headers-amd64. Ends with an error when the module would not take the place of that kernel's own (see kmod-symbols.sh).
set -u
build=${1:?a folder to build in}
kernel=${2:-}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")

die() {
	echo "kmod: $*" >&2
	exit 1
}

# The headers that Debian's package linux-headers-amd64 stands for.
debian_headers() {
	dpkg-query -W -f='${Depends}' linux-headers-amd64 2>/dev/null | sed -n 's|^\(linux-headers-[^ ]*\).*|/usr/src/\1|p'
}

if [ -z "$kernel" ]; then
	kernel=/lib/modules/$(uname -r)/build
	[ -e "$kernel/Makefile" ] || kernel=$(debian_headers)
fi
[ -e "$kernel/Makefile" ] ||
	die "no kernel headers: install linux-headers-amd64, or name their folder: make kmod KDIR=/usr/src/linux-headers-…"

[ "$build" != -k ] || { echo "$kernel" && exit 0; }
if grep -qs "$(printf '\tzs_malloc\tvmlinux\t')" "$kernel/Module.symvers"; then
	die "this kernel has zsmalloc built in (CONFIG_ZSMALLOC=y): a module cannot take its place; see make kernel-patch"
fi
mkdir -p "$build" && cp -pr --update "$root/Kbuild" "$root/src" "$build/" || die "cannot copy the sources to $build"
make -C "$kernel" M="$(cd "$build" && pwd)" ${KMOD_FLAGS:-} modules || die "the build against $kernel failed"
"$here/kmod-symbols.sh" "$build/Module.symvers" "$kernel/Module.symvers"
