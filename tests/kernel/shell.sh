#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# A shell in the emulated machine that the kernel module is tested in: Debian's kernel and zram, with our zsmalloc.ko in the
# stock one's place, and some files in /data. `exit` ends it, or Ctrl-A X. Nothing is loaded on this machine.
#   shell.sh MODULE_FOLDER        as scripts/kmod.sh has made it
# Where the standard input is no terminal it is a script: its commands are run until one fails, what they print is printed
# in the end, and the exit status is theirs.
set -u
PATH=$PATH:/usr/sbin:/sbin # modprobe, mke2fs, for who is not root
here=$(cd "$(dirname "$0")" && pwd) || exit 1
tree=$(cd "$here/../.." && pwd) || exit 1
module_folder=${1:?usage: shell.sh MODULE_FOLDER}
memory_mib=256 boot_seconds=600
work='' qemu=''

die() {
	echo "kernel-shell: $*" >&2
	exit 1
}

at_exit() {
	trap '' INT TERM HUP
	[ -z "$qemu" ] || { kill "$qemu" && wait "$qemu"; } 2>/dev/null
	[ -z "$work" ] || rm -rf "$work"
}

# The script goes with the guest's files.
pack_script() {
	mkdir "$work/script.root" && cat >"$work/script.root/commands" || die "cannot read the script"
	pack "$work/script.root" "$work/script.cpio"
}

# run_qemu OPTION…
run_qemu() {
	qemu-system-x86_64 "${machine[@]}" -m "$memory_mib" -kernel "$vmlinuz" -initrd "$work/initrd" \
		-append "$kernel_arguments quiet loglevel=1 zs.variant=ours zs.shell=yes" "$@"
}

run_script() {
	local status
	run_qemu -monitor none -serial "file:$work/console" </dev/null >"$work/qemu.log" 2>&1 &
	qemu=$!
	for ((i = 0; i < boot_seconds; i++)); do
		kill -0 $qemu 2>/dev/null || break
		sleep 1
	done
	kill $qemu 2>/dev/null && echo "kernel-shell: stopped after $boot_seconds s" >&2
	wait $qemu
	qemu=''
	cat "$work/qemu.log" >&2
	tr -d '\r' <"$work/console" | sed '/^kernel-shell: status /,$d'
	status=$(tr -d '\r' <"$work/console" | sed -n 's/^kernel-shell: status //p')
	return "${status:-1}"
}

. "$here/initramfs.sh"
. "$here/boot.sh"
trap at_exit EXIT
trap 'exit 130' INT TERM HUP
need_programs
[ -e "$module_folder/zsmalloc.ko" ] || die "no $module_folder/zsmalloc.ko: make kmod"
kernel=$("$tree/scripts/kernel-image.sh") || die "no kernel to boot"
kernel_paths "$kernel"
work=$(mktemp -d "${TMPDIR:-/tmp}/zsmalloc-kernel.XXXXXX") || die "no folder for temporary files"
make_initramfs ours
if [ -t 0 ]; then
	cat "$work/ours.cpio" "$work/data.cpio" >"$work/initrd"
	run_qemu -serial mon:stdio
else
	pack_script
	cat "$work/ours.cpio" "$work/data.cpio" "$work/script.cpio" >"$work/initrd"
	run_script
fi
