#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The guest's first process: runs the cases that the kernel's command line names, says of each how it ended, and stops
# the machine. A case is /cases/NAME.sh, or one script is for several. Where zs.shell=yes it has a shell in their place.
# What the driver reads goes through the kernel's log, so that no other line can get into its middle.
set -u
export PATH=/bin:/sbin

say() {
	echo "<3>$*" >/dev/kmsg
}

# The value of NAME=value on the kernel's command line.
argument() {
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"
}

start() {
	/bin/busybox mkdir -p /proc /sys /dev /run /mnt /tmp
	/bin/busybox --install -s /bin
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs dev /dev 2>/dev/null
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	echo /bin/modprobe >/proc/sys/kernel/modprobe
	exec </dev/console >/dev/console 2>&1
	# An emulated machine beside other work is slow, not stuck. 0 where the kernel has no such setting.
	echo 60 >/proc/sys/kernel/watchdog_thresh 2>/dev/null
	VARIANT=$(argument zs.variant)
	SECONDS_MIN=$(argument zs.seconds)
	WORK_PERCENT=$(argument zs.work)
	export VARIANT SECONDS_MIN WORK_PERCENT
}

# So that the next case finds what the first found, whatever a failed one left.
clean_up() {
	local device module
	[ ! -s /run/beside ] || kill -9 $(cat /run/beside) 2>/dev/null
	swapoff -a 2>/dev/null
	umount /mnt 2>/dev/null
	for device in /sys/block/zram*; do
		[ ! -e "$device" ] || echo 1 >"$device/reset"
	done
	for module in zram zsmalloc_selftest zsmalloc_faulty zsmalloc; do
		rmmod $module 2>/dev/null
	done
	rm -rf /run/* /tmp/*
}

run_case() {
	local name=$1 script=/cases/$1.sh status
	case $name in
	zram-lz* | zram-zstd) script=/cases/zram-codec.sh ;;
	selftest-*) script=/cases/selftest.sh ;;
	esac
	say "case $name: start"
	sh "$script" "${name#zram-}"
	status=$?
	case $status in
	0) say "case $name: ok" ;;
	77) say "case $name: skipped: $(cat /run/why)" ;;
	*) say "case $name: failed: $(cat /run/why 2>/dev/null || echo "exit status $status")" ;;
	esac
	[ $status = 0 ] || clean_up
}

# What is in /commands, as far as all goes well; or else what is typed, on a terminal of its own for interrupts.
run_shell() {
	if [ -e /commands ]; then
		sh -e /commands
		echo "kernel-shell: status $?"
	else
		setsid sh -c 'exec sh -l </dev/ttyS0 >/dev/ttyS0 2>&1'
	fi
	reboot -f
}

# kmemleak looks only at what is older than five seconds, and a first scan may see a pointer on its way.
report_leaks() {
	local kmemleak=/sys/kernel/debug/kmemleak
	[ -e $kmemleak ] || return
	sleep 6
	echo scan >$kmemleak
	echo scan >$kmemleak
	cat $kmemleak
}

# Warnings of which the console shows nothing still leave a mark: bad page, died, warned, locked up.
report_taint() {
	local taint
	taint=$(cat /proc/sys/kernel/tainted)
	[ $((taint & (1 << 5 | 1 << 7 | 1 << 9 | 1 << 14))) = 0 ] || say "guest: kernel tainted: $taint"
}

# With one, nothing runs beside anything.
report_processors() {
	[ "$(nproc)" = 2 ] || say "guest: WARNING: $(nproc) processors where 2 were given"
}

start
[ "$(argument zs.shell)" != yes ] || run_shell
report_processors
for name in $(argument zs.cases | tr , ' '); do
	run_case "$name"
done
report_leaks
report_taint
say "guest: done"
sync
reboot -f
