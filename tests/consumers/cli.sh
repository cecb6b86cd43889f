#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# How zs takes its arguments: help, version, every kind of wrong usage; and zs classes. Usage: cli.sh PATH-TO-ZS
set -u

zs=${1:?usage: cli.sh PATH-TO-ZS}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/lib.sh"

# good PATTERN ARGUMENT...: status 0, the pattern on stdout, nothing on stderr
good() {
	local pattern=$1 status
	shift
	"$zs" "$@" >"$dir/out" 2>"$dir/err"
	status=$?
	[ $status -eq 0 ] || fail "zs $*: status $status"
	grep -q -- "$pattern" "$dir/out" || fail "zs $*: no '$pattern' in: $(head -3 "$dir/out")"
	[ ! -s "$dir/err" ] || fail "zs $*: on stderr: $(cat "$dir/err")"
}

# wrong PATTERN ARGUMENT...: status 2, the pattern on stderr, nothing on stdout
wrong() {
	local pattern=$1 status
	shift
	"$zs" "$@" >"$dir/out" 2>"$dir/err"
	status=$?
	[ $status -eq 2 ] || fail "zs $*: status $status, not 2"
	grep -q -- "$pattern" "$dir/err" || fail "zs $*: no '$pattern' in: $(cat "$dir/err")"
	[ ! -s "$dir/out" ] || fail "zs $*: on stdout: $(head -3 "$dir/out")"
}

check_help() {
	local command words option
	good 'Usage: zs COMMAND' --help
	good 'Usage: zs COMMAND' help
	for command in classes ls replay store swap trace zcache zram; do
		good "Usage: zs $command" help $command
		good "Usage: zs $command" $command --help
	done
	for words in 'swap run' 'swap stat' 'zram run' 'zram map' 'zram top' 'zcache flush' 'zcache stat'; do
		good "Usage: zs ${words% *}" $words --help
	done
	good '^zs [0-9]*\.[0-9]*\.[0-9]*$' --version
	for option in -c -u -j -n --json --svg; do
		good " $option " store --help
	done
}

check_wrong_usage() {
	wrong 'Usage: zs COMMAND'
	wrong "no command 'stroe'" stroe
	wrong "no command 'stroe'" help stroe
	wrong "-c lz5: no such codec" store -c lz5
	wrong "-c : no such codec" store -c ''
	wrong "-c lz4:3: no such level" store -c lz4:3
	wrong "-c zstd:: no such level" store -c zstd:
	wrong "-c zstd:fast: no such level" store -c zstd:fast
	wrong "-c zstd:23: the levels of zstd are" store -c zstd:23
	wrong "-c zstd:99999999999999999999: the levels" store -c zstd:99999999999999999999
	wrong "-u 2k: a unit is" store -u 2k
	wrong "-u 12k: a unit is" store -u 12k
	wrong "-u 128k: a unit is" store -u 128k
	wrong "-u 4kb: a unit is" store -u 4kb
	wrong "-u -4k: a unit is" store -u -4k
	wrong "-u 18014398509481988k: a unit is" store -u 18014398509481988k # 4k, but for the overflow
	wrong "-j 0: give a number" store -j 0
	wrong "-j 257: give a number" store -j 257
	wrong "-j two: give a number" store -j two
	wrong "-n 0: give a number" store -n 0
	wrong "-n 4294967296: give a number" store -n 4294967296
	wrong "-n 5x: give a number" store -n 5x
	wrong "option '-j' needs a value" store -j
	wrong "option '--svg' needs a value" store --svg
	wrong "no option '-x'" store -x
	wrong "no option '--jsno'" store --jsno
	wrong "no option '--json=1'" store --json=1
	wrong "-m 0: give a size" classes -m 0
	wrong "-m 65537: give a size" classes -m 65537
	wrong "-m 65k: give a size" classes -m 65k
	wrong "no argument such as 'x'" classes x
	wrong "no option '-c'" classes -c lz4
	wrong "Give -o FILE" trace /usr/bin
	wrong "either files or processes" trace -o x -p 1 /usr/bin
	wrong "-p 0: give the number" trace -o x -p 0
	wrong "-p me: give the number" trace -o x -p me
	wrong "zs trace: -u 12k: a unit is" trace -o x -u 12k
	wrong "zs trace: -c lz5: no such codec" trace -o x -c lz5
	wrong "no option '--svg'" trace -o x --svg y
	wrong "give one trace" replay
	wrong "give one trace" replay a b
	wrong "-s third: there are the chapters" replay -s third a
	wrong "-n 0: give a number" replay -n 0 a
	wrong "-r -1: give a number" replay -r -1 a
}

# Slot sizes rise to the maximum, and each line's arithmetic holds.
check_classes() {
	local max
	for max in 4096 64k 8192; do
		good 'slot bytes' classes -m $max
		awk -v max=$((${max%k} * (${#max} < 4 ? 1024 : 1))) '
			NR > 1 && NF == 6 {
				if ($1 != NR - 2 || $2 <= last || $4 * $2 + $5 != $3 * 4096 || $5 >= $2 && $4 > 0 && $3 == 1)
					bad = 1
				last = $2
			}
			END { exit bad || last != max }' "$dir/out" || fail "zs classes -m $max: the table does not add up"
	done
	if command -v jq >/dev/null; then
		good '"classes"' classes --json
		jq -e '.max_object_bytes == 4096 and .huge_class_size <= 4096 and .classes[-1].slot_bytes == 4096' \
			"$dir/out" >/dev/null || fail "zs classes --json: $(head -5 "$dir/out")"
	fi
}

check_full_output() {
	"$zs" classes >/dev/full 2>"$dir/err"
	[ $? -eq 1 ] || fail "zs classes: a full standard output goes unnoticed"
	grep -q 'cannot write to standard output' "$dir/err" || fail "zs classes: no message about a full standard output"
}

check_help
check_wrong_usage
check_classes
check_full_output
[ $failed -eq 0 ] && echo "zs: all checks passed"
exit $failed
