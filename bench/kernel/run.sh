#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Measures the kernel module against the stock one in an emulated machine, in one run, under Debian's own zram with the
# same real pages: Debian's zsmalloc.ko (chains of 4 pages), the same source built with chains of 8, and ours.
#   run.sh [-c CODEC] [-d FOLDER]… [-o FOLDER]
#   -c  zram's compressor (lz4)
#   -d  folders of files to fill the disks with, of each file at most 256 KiB (/usr/bin and /usr/lib)
#   -o  where results.json and memory.svg go (build-bench-kernel)
# Memory: mem_used_total when a disk was filled, when as many random pages were overwritten, and after compaction, and
# our metadata, which the stock module does not count. Cost: instructions a page, on one CPU, by the emulator's count;
# compression is in them, and the same for all.
set -u
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
codec=lz4 folders=() out=$root/build-bench-kernel
module_folder=$root/build-kmod
work=

die() {
	echo "bench: $*" >&2
	exit 1
}

# shellcheck source=/dev/null
. "$root/tests/kernel/initramfs.sh"
guest_modules="zsmalloc zram lz4 lzo_rle zstd virtio_pci virtio_blk"

while getopts c:d:o: option; do
	case $option in
	c) codec=$OPTARG ;;
	d) folders+=("$OPTARG") ;;
	o) out=$OPTARG ;;
	*) sed -n 's/^#   run/   run/p; s/^#   -/   -/p' "$0" >&2 && exit 2 ;;
	esac
done

at_exit() {
	[ -z "${qemu:-}" ] || kill "$qemu" 2>/dev/null
	[ -z "$work" ] || rm -rf "$work"
}

# The stock module from Debian's source, with chains of up to 8 pages.
build_chain8() {
	local tar=/usr/src/linux-source-6.1.tar.xz folder=$work/chain8
	[ -s "$tar" ] || die "no $tar: apt-get install linux-source-6.1"
	mkdir "$folder" && tar -C "$folder" --strip-components=2 -xf "$tar" linux-source-6.1/mm/zsmalloc.c || die "cannot unpack"
	sed -i 's/^#define ZS_MAX_ZSPAGE_ORDER 2$/#define ZS_MAX_ZSPAGE_ORDER 3/' "$folder/zsmalloc.c"
	grep -q 'ZSPAGE_ORDER 3' "$folder/zsmalloc.c" || die "the source sets its chain length in another way now"
	echo 'obj-m := zsmalloc.o' >"$folder/Kbuild"
	make -s -C "/usr/src/linux-headers-$version" M="$folder" modules >"$work/build.log" 2>&1 ||
		die "chains of 8 do not build: $(tail -n 3 "$work/build.log")"
}

# A block device of real pages: this machine's files, one after the other.
make_data() {
	[ ${#folders[@]} != 0 ] || folders=(/usr/bin /usr/lib)
	find "${folders[@]}" -xdev -type f -size +32k 2>/dev/null | LC_ALL=C sort | tr '\n' '\0' |
		xargs -0 -n 64 head -q -c 256k 2>/dev/null | head -c 256M >"$work/data"
	[ "$(stat -c %s "$work/data")" = $((256 << 20)) ] || die "${folders[*]} hold less than 256 MiB"
}

make_guest() {
	local guest=$work/root stock
	mkdir -p "$guest"/{bin,proc,sys,dev,modules} && cp "$(command -v busybox)" "$guest/bin/busybox" || die "needs busybox-static"
	cp "$here/guest.sh" "$guest/init" && chmod +x "$guest/init"
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -Wall -Wextra -Werror "$here/page_io.c" -o "$guest/bin/page_io" || die "cannot build page_io"
	mkdir -p "$guest/lib/modules/$version"
	cp "$modules_root/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$guest/lib/modules/$version"
	module_files | (cd "$modules_root" && cpio -pdm --quiet "$guest") || die "cannot copy the modules"
	stock=$(find "$guest/lib/modules" -name zsmalloc.ko)
	cp "$stock" "$guest/modules/zsmalloc-stock4.ko"
	strip --strip-debug -o "$guest/modules/zsmalloc-stock8.ko" "$work/chain8/zsmalloc.ko" &&
		strip --strip-debug -o "$guest/modules/zsmalloc-ours.ko" "$module_folder/zsmalloc.ko" || die "make kmod first"
	depmod -b "$guest" "$version" || die "depmod failed"
	pack "$guest" "$work/guest.cpio"
}

# boot NAME MIB-LIST OPTION…: the console goes to $work/NAME
boot() {
	local name=$1 mib=$2
	shift 2
	timeout 1500 qemu-system-x86_64 -no-user-config -nodefaults -no-reboot -display none -monitor none \
		-serial "file:$work/$name" -m 640 -cpu qemu64 -kernel "$vmlinuz" -initrd "$work/guest.cpio" \
		-drive "if=virtio,format=raw,readonly=on,file=$work/data" "$@" \
		-append "console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr bench.codec=$codec bench.mib=$mib bench.modules=stock4,stock8,ours" \
		</dev/null >"$work/qemu.log" 2>&1 &
	qemu=$!
	wait $qemu
	qemu=
	tr -d '\r' <"$work/$name" >"$work/$name.text"
	grep -q 'guest: done' "$work/$name.text" && ! grep -q '^error:' "$work/$name.text" ||
		die "the guest failed: $(tail -n 5 "$work/$name.text" "$work/qemu.log")"
}

trap at_exit EXIT
trap 'exit 143' TERM INT HUP
work=$(mktemp -d /tmp/zsmalloc-bench.XXXXXX) || exit 1
mkdir -p "$out" || exit 1
[ -s "$module_folder/zsmalloc.ko" ] || die "no $module_folder/zsmalloc.ko: make kmod"
image=$("$root/scripts/kernel-image.sh") || exit 1
kernel_paths "$image"
echo "bench: building chains of 8, gathering data"
build_chain8
make_data
make_guest
echo "bench: memory, disks of 8 and 128 MiB, $codec"
boot memory 8,128 -smp 2 -accel tcg,thread=multi
echo "bench: instructions, disk of 8 MiB"
boot cost 8 -smp 1 -accel tcg -icount shift=0,sleep=off
"$here/report.py" "$work/memory.text" "$work/cost.text" "$codec" "$out"
