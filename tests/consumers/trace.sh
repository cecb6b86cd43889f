#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zs trace and zs replay end to end: the sizes are those of the pages, of files and of a process; every state of a
# replay adds up; what cannot be done is said. Usage: trace.sh PATH-TO-ZS
set -u

zs=${1:?usage: trace.sh PATH-TO-ZS}
dir=$(mktemp -d) || exit 1
child=''
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; rm -rf "$dir"' EXIT
. "$(dirname "$0")/lib.sh"

command -v jq >/dev/null || { echo "needs jq"; exit 77; }

# zs COMMAND ARGUMENT...: must succeed
run() {
	"$zs" "$@" >"$dir/report" 2>"$dir/messages" || fail "zs $*: status $?: $(cat "$dir/messages")"
}

# refused PATTERN ARGUMENT...: status 1 and the pattern on stderr
refused() {
	local pattern=$1 status
	shift
	"$zs" "$@" >"$dir/report" 2>"$dir/messages"
	status=$?
	[ $status -eq 1 ] || fail "zs $*: status $status, not 1"
	grep -q -- "$pattern" "$dir/messages" || fail "zs $*: no '$pattern' in: $(cat "$dir/messages")"
}

sizes() {
	od -An -v -tu2 -w2 --endian=little "$1" | tr -d ' '
}

make_input() {
	mkdir "$dir/in"
	head -c 40960 /dev/urandom >"$dir/in/random" # 10 pages that do not compress
	head -c 40960 /dev/zero >"$dir/in/zeros"     # 10 same-filled ones
	seq -f 'line %.0f of a text that compresses' 1 20000 >"$dir/in/text"
}

check_files() {
	local pages
	pages=$(find "$dir/in" -type f -printf '%s\n' | awk '{ n += int(($1 + 4095) / 4096) } END { print n }')
	run trace --json -o "$dir/trace" "$dir/in"
	check "every page is counted" ".units == $pages and .same_filled == 10 and .incompressible == 10"
	check "the rest has sizes" '.objects == .units - .same_filled'
	[ "$(sizes "$dir/trace" | wc -l)" -eq $((pages - 10)) ] || fail "the trace has not a size for each object"
	[ "$(sizes "$dir/trace" | grep -c '^4096$')" -eq 10 ] || fail "incompressible pages are not whole pages"
	check "their sum" ".object_bytes == $(sizes "$dir/trace" | awk '{ n += $1 } END { print n }')"
	"$zs" trace -o - "$dir/in" 2>/dev/null | cmp - "$dir/trace" || fail "standard output has another trace"
	head -c 131072 /dev/urandom >"$dir/units"
	run trace --json -o "$dir/trace64" -u 64k "$dir/units"
	[ "$(sizes "$dir/trace64" | xargs)" = "0 0" ] || fail "65536 is not written as 0"
	check "and counted as 65536" '.object_bytes == 131072'
	run trace --json -n 5 -o "$dir/short" "$dir/in"
	check "-n bounds what is read" '.units == 5'
}

# Units of 64 KiB with anonymous pages: mappings that lie side by side share some.
units_of() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { range = $1 } /^Anonymous:/ && $2 > 0 { print range }' "/proc/$1/smaps" |
		while IFS=- read -r begin end; do
			seq $((0x$begin >> 16)) $(((0x$end - 1) >> 16))
		done | sort -u | wc -l
}

# A process that holds a known amount of text, and reads what nobody writes.
check_process() {
	local waited=0
	mkfifo "$dir/silence"
	sh -c 'text=$(seq 1 400000); echo ready >"$0"; read -r line; : "$text" "$line"' "$dir/ready" <>"$dir/silence" &
	child=$!
	while [ ! -s "$dir/ready" ] && [ $waited -lt 200 ]; do
		sleep 0.1
		waited=$((waited + 1))
	done
	run trace --json -o "$dir/process" -p $child
	check "the text's 2.7 MB are there" '.units > 600 and .objects > 600 and .objects + .same_filled == .units'
	run trace --json -o "$dir/process" -u 64k -p $child
	check "no unit is read twice" ".units > 40 and .units <= $(units_of $child)"
	kill $child
	wait $child 2>/dev/null
	refused "process $child: cannot read its memory: No such process" trace -o "$dir/process" -p $child
	child=''
}

check_replay() {
	run trace -o "$dir/trace" "$dir/in/text"
	run replay --json -n 3000 "$dir/trace"
	check "all is intact" '.ok'
	check "the chapters" '(.half | length) == 4 and (.most | length) == 3 and (.churn | length) == 4'
	check "the objects" '[.half[].objects] == [3000, 1500, 1500, 3000] and .most[1].objects == 300'
	check "densities" '[.half, .most, .churn | .[]] | all(.density > 0 and .density < 1 and .payload_bytes < .total_bytes)'
	check "compaction frees memory" '.most[2].total_bytes < .most[1].total_bytes and .most[2].moved_bytes > 0'
	check "churn replaces all of it" '.churn[1].freed_bytes > .churn[0].payload_bytes / 2 and .churn[1].objects == 3000'
	run replay --json -n 3000 -s most "$dir/trace"
	check "only one chapter" '.half == null and (.most | length) == 3'
	run replay --json -n 3000 -s most --malloc "$dir/trace"
	check "malloc is the peer" '.heap == "malloc" and (.most | length) == 3'
	run replay "$dir/trace"
	grep -q 'nine tenths freed' "$dir/report" || fail "the table has no line for nine tenths freed"
	run trace -u 64k -o "$dir/trace64" "$dir/in/text"
	run replay --json "$dir/trace64"
	check "units of 64 KiB" '.ok and .half[0].objects > 0'
}

check_refusals() {
	: >"$dir/empty"
	printf x >"$dir/odd"
	refused 'No such file' replay "$dir/none"
	refused 'no trace: it is empty' replay "$dir/empty"
	refused 'no trace: it is empty' replay "$dir/odd"
	refused 'cannot write the trace: No such file' trace -o "$dir/none/trace" "$dir/in"
	refused 'cannot write the trace: No space' trace -o /dev/full "$dir/in"
	refused 'nothing to trace' trace -o "$dir/none" "$dir/in/zeros"
}

make_input
check_files
check_process
check_replay
check_refusals
[ $failed -eq 0 ] && echo "zs trace, zs replay: all checks passed"
exit $failed
