# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Boots the guest for a group of cases, within a time, and judges by its console. Read by check.sh and shell.sh.
# The processor is emulated even where there is a /dev/kvm: inside of a virtual machine that may be there and not work.
# The machine is a q35: the older one's firmware has a table of PCI interrupts which is a program with loops, and with every
# allocation under watch a debug kernel runs into its limit of 30 s there.
# shellcheck shell=bash

# On the kernel's console, or in a case's output, these mean that something is wrong whatever the case says.
bad_lines='WARNING|BUG|Oops|Call Trace|possible circular|INFO: |KASAN|UBSAN|unreferenced object|general protection'
bad_lines+='|Kernel panic|detected stall|blocked for more than|Out of memory|oom-kill|invoked oom|allocation failure'
bad_lines+='|kernel tainted|segfault|Bad page|Bad swap|I/O error|EXT4-fs error|Read-error|Write-error'
bad_lines+='|[Cc]ompression failed|disagrees about version|Unknown symbol'

# The machine, but for its memory and what it runs.
machine=(-machine q35 -no-user-config -nodefaults -no-reboot -display none -smp 2 -accel "tcg,thread=multi" -cpu qemu64)
kernel_arguments="console=ttyS0 panic=-1 oops=panic mitigations=off nokaslr rcupdate.rcu_cpu_stall_timeout=120"

# What the machine and its file system (initramfs.sh) are made with.
need_programs() {
	local program
	for program in qemu-system-x86_64 cpio modprobe depmod strip; do
		command -v $program >/dev/null || die "needs $program"
	done
}

# group_of CASE: cases of a group share a boot
group_of() {
	case $1 in
	zram-swap) echo swap ;;
	zram-* | debugfs) echo zram ;;
	zswap*) echo zswap ;;
	selftest*) echo selftest ;;
	esac
}

# qemu_options GROUP: the machine that the group needs
qemu_options() {
	case $1 in
	zswap)
		rm -f "$work/disk"
		truncate -s 1G "$work/disk" || die "no room for a disk"
		echo "-drive if=virtio,format=raw,cache=unsafe,file=$work/disk"
		;;
	esac
}

# boot VARIANT GROUP CASES: the console goes to $console; false when it took too long
boot() {
	local variant=$1 group=$2 cases=$3 initrd=$work/initrd status
	local arguments="$kernel_arguments loglevel=5 printk.devkmsg=on"
	arguments+=" zs.variant=$variant zs.cases=${cases// /,} zs.seconds=$seconds zs.work=$work_percent"
	cat "$work/$variant.cpio" >"$initrd"
	[ "$group" != zram ] || cat "$work/data.cpio" >>"$initrd"
	: >"$console"
	# shellcheck disable=SC2046  # words
	timeout -k 5 $((boot_seconds + seconds * 2)) qemu-system-x86_64 "${machine[@]}" -m "$memory_mib" -monitor none \
		-serial "file:$console" -kernel "$vmlinuz" -initrd "$initrd" -append "$arguments" $(qemu_options "$group") \
		</dev/null >"$work/qemu.log" 2>&1 &
	qemu=$!
	[ -z "$verbose" ] || tail -n +1 -f --pid=$qemu "$console" &
	wait $qemu
	status=$?
	qemu=
	wait
	tr -d '\r' <"$console" >"$console.text"
	[ $status != 124 ] && [ $status != 137 ]
}

# The console's part between a case's start and its end; with no name, the rest of the console.
console_of() {
	awk -v name="$1" '
		match($0, /case [a-z0-9-]+: start$/) { now = substr($0, RSTART + 5, RLENGTH - 12) }
		now == name
		match($0, /case [a-z0-9-]+: (ok|skipped|failed)/) { now = "" }' "$console.text"
}

# bad_lines_of CASE
bad_lines_of() {
	console_of "$1" | grep -vE 'case [a-z0-9-]+: ' | grep -E "$bad_lines"
}

# verdict CASE: what the guest said, "ok" or "skipped: …" or "failed: …"; nothing when it did not come to it
verdict() {
	sed -nE "s/^(\[ *[0-9.]+\] )?case $1: (ok|skipped: .*|failed: .*)$/\2/p" "$console.text" | tail -n 1
}

# judge VARIANT CASE: counts one test and prints a line
judge() {
	local variant=$1 name=$2 verdict bad
	verdict=$(verdict "$name")
	bad=$(bad_lines_of "$name")
	[ -n "$verdict" ] || verdict="failed: no result, the guest $(how_it_ended)"
	if [ -n "$bad" ]; then
		verdict="failed: on its console: $(head -n 1 <<<"$bad") (case: $verdict)"
	fi
	count "$variant $name" "$verdict"
}

how_it_ended() {
	if [ "$in_time" = 0 ]; then
		echo "took longer than $((boot_seconds + seconds * 2)) s"
	elif [ -s "$work/qemu.log" ] && [ ! -s "$console" ]; then
		head -n 1 "$work/qemu.log"
	else
		echo "stopped"
	fi
}

# A boot is no test of its own, unless something goes wrong in it for which no case was blamed.
judge_boot() {
	local variant=$1 group=$2 bad
	bad=$(bad_lines_of '')
	if [ -n "$bad" ]; then
		count "$variant boot of $group" "failed: on its console: $(head -n 1 <<<"$bad")"
	elif ! grep -q 'guest: done' "$console.text"; then
		count "$variant boot of $group" "failed: the guest $(how_it_ended)"
	fi
}

# Where it first went wrong, and how it ended.
show_console() {
	local first
	first=$(grep -nE "$bad_lines|case [a-z0-9-]+: failed" "$console.text" | head -n 1 | cut -d: -f1)
	echo "--- the console from the first bad line on:"
	[ -z "$first" ] || sed -n "$((first > 20 ? first - 20 : 1)),$((first + 40))p" "$console.text"
	echo "--- its end:"
	tail -n 20 "$console.text"
	echo "---"
}

# run_group VARIANT GROUP CASES
run_group() {
	local variant=$1 group=$2 cases=$3 name before=$failed started=$SECONDS
	echo "== $variant, $group: $cases"
	in_time=1
	boot "$variant" "$group" "$cases" || in_time=0
	for name in $cases; do
		judge "$variant" "$name"
	done
	[ "$failed" != "$before" ] || judge_boot "$variant" "$group"
	echo "   $((SECONDS - started)) s"
	[ "$failed" = "$before" ] || [ -n "$verbose" ] || show_console
}
