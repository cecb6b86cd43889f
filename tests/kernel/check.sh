#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Tests the kernel module in an emulated machine, and the stock module as control: what the stock one does, ours must.
# Ends with a line "N passed, N failed, N skipped".
#   check.sh [-m ours|stock] [-k KERNEL_FOLDER] [-o MODULE_FOLDER] [-t SECONDS] [-w PERCENT] [-M MIB] [-b SECONDS]
#            [-v] [CASE…]
#   -m  only this module; without -m ours with every case, and stock with some
#   -k  the kernel to boot, see kernel_paths in initramfs.sh; without it, Debian's by scripts/kernel-image.sh
#   -o  where zsmalloc.ko is, and zsmalloc-selftest.ko and zsmalloc-faulty.ko if they are there (build-kmod)
#   -t  the swap cases go on for at least so long (0)
#   -w  the amount of work in percent (100): less for a slow kernel
#   -M  the guest's memory (256)
#   -b  what a boot may take before it is stopped, besides twice the seconds of -t (600)
#   -v  show the console as it comes; without it, its end after a failure
set -u
PATH=$PATH:/usr/sbin:/sbin # modprobe, mke2fs, for who is not root
here=$(cd "$(dirname "$0")" && pwd) || exit 1
tree=$(cd "$here/../.." && pwd) || exit 1
all_cases="zram-lzo-rle zram-lz4 zram-zstd zram-mem-limit debugfs zram-swap zswap zswap-writeback selftest selftest-faults"
only_ours="debugfs zswap-writeback selftest selftest-faults"
control="zram-lzo-rle zram-mem-limit zram-swap zswap"

variants="ours stock" kernel='' module_folder=$tree/build-kmod cases=''
seconds=0 work_percent=100 memory_mib=256 boot_seconds=600 verbose=''
. "$tree/scripts/count.sh"
work='' qemu=''

die() {
	echo "check: $*" >&2
	count check "failed: $*"
	exit 1
}

# Only what this run has started and made. A second signal must not stop it halfway.
at_exit() {
	trap '' INT TERM HUP
	[ -z "$qemu" ] || { kill "$qemu" && wait "$qemu"; } 2>/dev/null
	[ -z "$work" ] || rm -rf "$work"
	echo "$passed passed, $failed failed, $skipped skipped"
}

usage() {
	sed -n 's/^#  \( .*\)/\1/p' "$0" >&2
	exit 2
}

# chosen VARIANT: the cases to run on it
chosen() {
	local name
	for name in ${cases:-$([ "$1,$variants" = "stock,ours stock" ] && echo "$control" || echo "$all_cases")}; do
		[ "$1" = ours ] || [[ " $only_ours " != *" $name "* ]] || continue
		echo "$name"
	done
}

run_variant() {
	local variant=$1 group names
	names=$(chosen "$variant")
	[ -n "$names" ] || return
	make_initramfs "$variant"
	for group in $(for name in $names; do group_of "$name"; done | awk '!seen[$0]++'); do
		run_group "$variant" "$group" \
			"$(for name in $names; do [ "$(group_of "$name")" != "$group" ] || echo "$name"; done | xargs)"
	done
}

while getopts m:k:o:t:w:M:b:v option; do
	case $option in
	m) variants=$OPTARG ;;
	k) kernel=$OPTARG ;;
	o) module_folder=$OPTARG ;;
	t) seconds=$OPTARG ;;
	w) work_percent=$OPTARG ;;
	M) memory_mib=$OPTARG ;;
	b) boot_seconds=$OPTARG ;;
	v) verbose=1 ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
cases=$*
for name in $cases; do
	[[ " $all_cases " == *" $name "* ]] || usage
done
[[ $variants =~ ^(ours|stock|ours stock)$ ]] || usage
for name in "$seconds" "$work_percent" "$memory_mib" "$boot_seconds"; do
	[[ $name =~ ^[0-9]+$ ]] || usage
done

. "$here/initramfs.sh"
. "$here/boot.sh"
trap at_exit EXIT
trap 'exit 130' INT TERM HUP
need_programs
[ -n "$kernel" ] || kernel=$("$tree/scripts/kernel-image.sh") || die "no kernel to boot"
kernel_paths "$kernel"
[ "$variants" = stock ] || [ -e "$module_folder/zsmalloc.ko" ] || die "no $module_folder/zsmalloc.ko: make kmod"
work=$(mktemp -d "${TMPDIR:-/tmp}/zsmalloc-kernel.XXXXXX") || die "no folder for temporary files"
console=$work/console
for variant in $variants; do
	run_variant "$variant"
done
[ "$failed" = 0 ] && [ "$passed" != 0 ]
