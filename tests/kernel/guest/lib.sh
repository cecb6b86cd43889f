# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What the guest's cases share. A case reads this file, does its steps, and cleans up itself: that a swap, a device or
# a module can be taken away again is part of what it tests.
# shellcheck shell=ash

set -u
beside=
dev=zram0
block=/sys/block/$dev

fail() {
	echo "$*" >/run/why
	exit 1
}

skip() {
	echo "$*" >/run/why
	exit 77
}

note() {
	echo "  $*"
}

# must COMMAND...: fails with the command's own last line
must() {
	local status
	"$@" >/run/out 2>&1
	status=$?
	cat /run/out
	[ $status = 0 ] || fail "$*: status $status: $(tail -n 1 /run/out)"
}

# until_true COMMAND...: for what the kernel may do a moment later. The bound is far above what anything takes.
until_true() {
	local tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 1
		usleep 100000
	done
}

# load MODULE [PARAMETER]...: what is not in the list of modules is built in, or is missed where it is used.
load() {
	! grep -q "/$1\.ko:" "/lib/modules/$(uname -r)/modules.dep" || must modprobe "$@"
}

# What is built in has no initstate, and stays.
unload() {
	[ ! -e "/sys/module/$1/initstate" ] || must rmmod "$1"
}

# Loads zsmalloc and looks whether it is the one that is to be tested: only a module from outside the kernel's tree
# is marked O.
load_zsmalloc() {
	load zsmalloc
	case $VARIANT:$(cat /sys/module/zsmalloc/taint 2>/dev/null) in
	ours:*O*) ;;
	ours:* | stock:*O*) fail "the zsmalloc loaded is not $VARIANT" ;;
	esac
}

vmstat() {
	sed -n "s/^$1 //p" /proc/vmstat
}

total_mib() {
	echo $(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
}

# scaled NUMBER: the amount of work, less where the kernel is slow
scaled() {
	echo $((($1 * WORK_PERCENT + 99) / 100))
}

# How many passes a case needs to compare one with another, however slow the kernel is.
fewest_passes=1

# press PERCENT PASSES [-w FILE]...: memory pressure of so much of the guest's memory; the samples are in /run/passes
press() {
	local mib=$(($(total_mib) * $1 / 100)) passes
	passes=$(scaled "$2")
	[ "$passes" -ge "$fewest_passes" ] || passes=$fewest_passes
	shift 2
	set -o pipefail
	pressure -m $mib -n "$passes" -t "$SECONDS_MIN" "$@" 2>&1 | tee /run/passes || fail "$(tail -n 1 /run/passes)"
}

# --- zram

# mm_stat orig|compr|used|limit|used_max|same|compacted|huge: bytes, or pages from same on
# shellcheck disable=SC2034  # used by name
mm_stat() {
	local orig compr used limit used_max same compacted huge rest
	read -r orig compr used limit used_max same compacted huge rest <$block/mm_stat
	eval "echo \$$1"
}

used_is_0() {
	[ "$(mm_stat used)" = 0 ]
}

# zram_start CODEC SIZE [LIMIT]
zram_start() {
	[ -d /sys/module/zram ] || {
		load_zsmalloc
		load "${1%-rle}"
		load zram num_devices=1
	}
	[ -d $block ] || fail "no zram0"
	echo "$1" >$block/comp_algorithm || fail "no codec $1"
	echo "$2" >$block/disksize || fail "zram refuses the size $2"
	[ -z "${3:-}" ] || echo "$3" >$block/mem_limit || fail "zram refuses the limit $3"
}

zram_reset() {
	echo 1 >$block/reset || fail "zram cannot be reset"
	[ "$(mm_stat used)" = 0 ] || fail "after the reset zram holds $(mm_stat used) bytes"
}

zram_stop() {
	zram_reset
	unload zram
	unload zsmalloc
}

# What zram holds is not less than the objects, and not much more.
check_used() {
	local compr used
	compr=$(mm_stat compr)
	used=$(mm_stat used)
	note "mm_stat: $(cat $block/mm_stat)"
	[ "$used" -ge "$compr" ] || fail "$used bytes used for $compr bytes of objects"
	[ "$used" -le $((compr + compr / 2 + (1 << 20))) ] || fail "$used bytes used for only $compr bytes of objects"
}

# --- things that go on beside a case's work

stir() {
	while :; do
		echo 1 >/proc/sys/vm/compact_memory
		[ ! -e $block/compact ] || echo 1 >$block/compact 2>/dev/null
		usleep 20000
	done
}

# The kernel migrates pages, and zram compacts its pool, until stir_stop.
stir_start() {
	stir &
	beside=$!
	echo $beside >/run/beside
}

stir_stop() {
	kill $beside
	wait $beside 2>/dev/null
	rm -f /run/beside
}

# Counts the module's calls for moving a page by what they return, where the kernel has probes: that some came, and that
# pages were moved, is part of the test.
tracing=/sys/kernel/tracing
probe=$tracing/events/kprobes/zs_moved
migrations_watch() {
	local symbol
	[ -e $tracing/kprobe_events ] || return 0
	symbol=$(grep -oE '(migrate_page|zs_page_migrate).\[zsmalloc\]$' /proc/kallsyms | head -n 1 | cut -f 1)
	[ -n "$symbol" ] || fail "zsmalloc has no function for moving a page"
	# shellcheck disable=SC2016  # the kernel's variable
	echo "r:zs_moved zsmalloc:$symbol"' result=$retval:s32' >$tracing/kprobe_events || fail "no probe at $symbol"
	echo 'hist:keys=result' >$probe/trigger 2>/dev/null || migrations_trace
}

# Where the kernel cannot count them, those that moved a page are traced; that the buffer is short does not matter.
migrations_trace() {
	echo 'result == 0' >$probe/filter && echo 1 >$probe/enable || fail "no trace of the moves of pages"
}

migrations_end() {
	local nr
	[ -e $probe ] || return 0
	if [ "$(cat $probe/enable)" = 1 ]; then
		nr=$(grep -c zs_moved: $tracing/trace)
		echo 0 >$probe/enable
	else
		nr=$(sed -n 's/^{ result: *0 } *hitcount: *\([0-9]*\)$/\1/p' $probe/hist)
		note "calls to move a page, by result: $(grep '^{' $probe/hist | tr -s ' \n' ' ')"
		echo '!hist:keys=result' >$probe/trigger
	fi
	note "pages moved: ${nr:-0}"
	echo >$tracing/kprobe_events
	[ "${nr:-0}" -gt 0 ] || fail "the kernel never moved a page of zsmalloc"
}
