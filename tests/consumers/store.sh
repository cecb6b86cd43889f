#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zs store end to end: every byte comes back, the figures add up, what cannot be done is said. Usage: store.sh PATH-TO-ZS plain|sanitized CODEC...
set -u

zs=${1:?usage: store.sh PATH-TO-ZS plain|sanitized CODEC...}
codecs=("${@:3}")
dir=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$dir"; rm -rf "$dir"' EXIT
. "$(dirname "$0")/lib.sh"

command -v jq >/dev/null || { echo "needs jq"; exit 77; }

# store ARGUMENT...: runs zs store --json, which must succeed
store() {
	"$zs" store --json "$@" >"$dir/report" 2>"$dir/messages"
	local status=$?
	[ $status -eq 0 ] || fail "zs store $*: status $status: $(cat "$dir/messages")"
	check "zs store $*" '.ok and .verified.bad == 0 and .verified.units == .units and .verified.pool_sound'
}

make_input() {
	mkdir -p "$dir/in/sub/deep"
	seq -f 'line %.0f of a text that compresses' 1 50000 >"$dir/in/numbers"
	head -c 300000 /dev/urandom >"$dir/in/sub/random"     # 73 pages that do not compress, and a rest
	head -c 81920 /dev/zero >"$dir/in/sub/deep/zeros"     # 20 same-filled pages
	yes abcdefg | head -c 40960 >"$dir/in/sub/deep/words" # 10 same-filled pages, of another word
	printf x >"$dir/in/one byte"
	: >"$dir/in/empty"
	ln -s /usr/bin "$dir/in/link"
	mkfifo "$dir/in/fifo"
}

check_units() {
	local units
	units=$(find "$dir/in" -type f -printf '%s\n' | awk '{ n += int(($1 + 4095) / 4096) } END { print n }')
	store "$dir/in"
	check "all units of all files, links not followed" ".units == $units and .files == 5 and .files_skipped == 0"
	check "same-filled pages" '.same_filled == 30'
	check "random pages are kept raw" '.incompressible == 73'
	check "what is not same-filled is an object" '.objects == .units - .same_filled'
	check "half of the objects are freed" '.half_freed.objects_freed == (.objects / 2 | floor)'
	check "the other half and the same-filled come back after compaction" \
		'.verified.units_after_compaction == .units - .half_freed.objects_freed'
	check "the pool's total is its parts" \
		'.filled.zsmalloc | .total_bytes == .pages_bytes + .metadata_bytes and .total_bytes > .payload_bytes'
	check "compaction gives memory back" \
		'.half_freed.zsmalloc_compacted.total_bytes <= .half_freed.zsmalloc.total_bytes'
	check "the models need more than the payload" \
		'[.filled.kernel_chain_4, .filled.kernel_chain_8, .filled.one_page_each] | all(.total_bytes > .payload_bytes)'
	check "one page each" '.filled.one_page_each.total_bytes == .objects * 4096'
	check "malloc is measured" '.filled.malloc.resident_bytes > 0 and .speed.malloc.store_ns > 0'
}

check_codecs() {
	local codec unit
	for codec in "${codecs[@]}"; do
		store -c $codec "$dir/in"
		check "$codec is named" ".codec == \"$codec\""
	done
	for unit in 4k 8k 16k 32k 64k; do
		store -c zstd -u $unit -j 3 "$dir/in"
		check "$unit" ".unit_bytes == ${unit%k} * 1024"
	done
	check "no model at 64k" '.filled.kernel_chain_4 == null and .filled.one_page_each == null'
}

check_limits() {
	store -n 7 "$dir/in"
	check "-n" '.units == 7'
	store -n 1 "$dir/in/one byte"
	check "one page" '.units == 1 and .objects == 1 and .half_freed.objects_freed == 0'
	store "$dir/in/sub/deep"
	check "only same-filled pages" '.objects == 0 and .same_filled == 30'
	store -j 16 "$dir/in/sub/random"
	check "16 threads" '.threads == 16'
}

check_unreadable() {
	if [ "$(id -u)" -ne 0 ]; then
		chmod 0 "$dir/in/numbers" "$dir/in/sub/deep"
		store "$dir/in"
		check "an unreadable file and directory are skipped" '.files_skipped == 2 and .files == 2'
		grep -q 'numbers: Permission denied; skipped' "$dir/messages" || fail "no message about what is skipped"
		chmod 700 "$dir/in/sub/deep"
		chmod 600 "$dir/in/numbers"
	fi
	store "$dir/in/numbers" "$dir/missing" "$dir/in/fifo"
	check "a missing file and a fifo are skipped" '.files_skipped == 2 and .files == 1'
	grep -q 'missing: No such file or directory; skipped' "$dir/messages" || fail "no message about a missing file"
}

# expect STATUS PATTERN ARGUMENT...
expect() {
	local status=$1 pattern=$2 got
	shift 2
	"$zs" store "$@" >"$dir/out" 2>"$dir/messages"
	got=$?
	[ $got -eq "$status" ] || fail "zs store $*: status $got, not $status"
	grep -q -- "$pattern" "$dir/messages" || fail "zs store $*: no '$pattern' in: $(cat "$dir/messages")"
	[ ! -s "$dir/out" ] || fail "zs store $*: something on standard output"
}

check_failures() {
	expect 1 'nothing to store' "$dir/missing"
	expect 1 'nothing to store' "$dir/in/empty"
	expect 1 'cannot write the drawing' --svg "$dir/no/such.svg" "$dir/in"
	"$zs" store "$dir/in" >/dev/full 2>"$dir/messages"
	[ $? -eq 1 ] || fail "a full standard output goes unnoticed"
	grep -q 'cannot write to standard output' "$dir/messages" || fail "no message about a full standard output"
	"$zs" store --svg /dev/full "$dir/in" >/dev/null 2>"$dir/messages"
	[ $? -eq 1 ] || fail "a full disk under the drawing goes unnoticed"
	grep -q '/dev/full: cannot write the drawing' "$dir/messages" || fail "no message about a full disk"
}

check_drawing() {
	store --svg "$dir/a.svg" "$dir/in"
	grep -q '</svg>' "$dir/a.svg" || fail "the drawing is cut off"
	grep -q '<title>' "$dir/a.svg" || fail "the drawing has no title"
	[ "$(grep -c '<rect' "$dir/a.svg")" -gt 5 ] || fail "the drawing has no bars"
	if command -v xmllint >/dev/null; then
		xmllint --noout "$dir/a.svg" || fail "the drawing is not XML"
	fi
}

check_table() {
	local line
	"$zs" store -n 500 "$dir/in" >"$dir/table" 2>"$dir/messages" || fail "the table: status $?"
	[ ! -s "$dir/messages" ] || fail "messages beside the table: $(cat "$dir/messages")"
	for line in pages same-filled incompressible objects zsmalloc 'glibc malloc' "kernel's rules, chain 4" \
		"kernel's rules, chain 8" 'one page each' 'zsmalloc, compacted' 'every byte came back'; do
		grep -q -- "$line" "$dir/table" || fail "no '$line' in the table"
	done
}

check_interrupt() {
	local pid status
	"$zs" store -c zstd:19 -j 1 /usr/bin >/dev/null 2>"$dir/messages" &
	pid=$!
	sleep 1
	kill -INT $pid 2>/dev/null || return 0 # done already
	wait $pid
	status=$?
	[ $status -eq 130 ] || fail "an interrupted run: status $status, not 130"
	[ ! -s "$dir/messages" ] || fail "an interrupted run: $(cat "$dir/messages")"
}

# Address space that does not do must end in a message, never in a crash.
check_no_memory() {
	local status
	(ulimit -v 250000; "$zs" store -j 2 /usr/bin) >/dev/null 2>"$dir/messages"
	status=$?
	[ $status -eq 1 ] || [ $status -eq 0 ] || fail "short of memory: status $status: $(tail -3 "$dir/messages")"
	[ $status -eq 0 ] || grep -q 'memory\|set up' "$dir/messages" || fail "no message about memory"
}

# Small pools of real pages are dense too: descriptors and half-filled pages must not eat what compression gained.
check_small_pools() {
	store -n 1000 /usr/bin
	check "1,000 pages" '.filled.zsmalloc.density >= 0.75'
	store -n 5000 /usr/bin
	check "5,000 pages" '.filled.zsmalloc.density >= 0.92'
}

make_input
check_units
check_small_pools
check_codecs
check_limits
check_unreadable
check_failures
check_drawing
check_table
check_interrupt
# Sanitizers reserve more address space than the limit leaves.
[ "${2:-}" = sanitized ] || check_no_memory
[ $failed -eq 0 ] && echo "zs store: all checks passed"
exit $failed
