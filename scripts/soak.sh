#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Runs all tests that can go on for long, by turns and with fresh seeds, until the time is up: models, threads, lost
# updates, stale reads, forks, fuzzers and RAM disks, in the plain build and under AddressSanitizer and ThreadSanitizer.
#   soak.sh [-k] BUILD_FOLDER HOURS
#   -k: goes on after a failure
# HOURS may be a fraction; building does not count. Says once a minute what runs. Ends at the first failure, whose
# command, seed and output stay in BUILD_FOLDER-soak, or when it is interrupted; a table tells what was run. The exit
# status is 0 if nothing failed, 1 if something did or nothing ran, 2 for wrong arguments, 130 if it was interrupted.
set -u

LEAST_TURN=5 # seconds
TOLD_EVERY=60
GRACE=300 # for a run that is bounded by work, before it is taken to hang

usage() {
	echo "usage: soak.sh [-k] BUILD_FOLDER HOURS" >&2
	exit 2
}

goes_on=''
while getopts k option; do
	case $option in
	k) goes_on=yes ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
build=${1:?usage: soak.sh [-k] BUILD_FOLDER HOURS} hours=${2:?usage: soak.sh [-k] BUILD_FOLDER HOURS}
[[ $hours =~ ^[0-9]*\.?[0-9]+$ ]] || usage
total=$(awk "BEGIN { printf \"%d\", $hours * 3600 }")
[ "$total" -ge 1 ] || usage
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
logs=$build-soak
scratch=$(mktemp -d) || exit 1
# Where servers have their sockets: one that a test kills leaves its own.
export XDG_RUNTIME_DIR=$scratch

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# ---- what there is to run ----

# What each job is: its name, the builds that it runs in (p plain, a AddressSanitizer, t ThreadSanitizer), and its
# command. SEED is a fresh one, SECONDS what is left of the turn, T the build's folder of tests, B the build's folder.
# Commands without SECONDS are run again and again until their turn is over.
jobs_table() {
	cat <<-'END'
	model, arena|pa|T/model -s arena -n 200000 -r SEED -t SECONDS
	model, zs_ops|pa|T/model -s ops -n 200000 -r SEED -t SECONDS
	model, 64 KiB objects|pa|T/model -s arena -m 65536 -n 20000 -r SEED -t SECONDS
	model, clearing|pa|T/model -z -n 100000 -r SEED -t SECONDS
	model sim, tended|pa|T/model-sim -c -n 50000 -r SEED -t SECONDS
	model sim, scattered, pages of 64 KiB|pa|T/model-sim -s scattered -p 16 -m 65536 -n 20000 -r SEED -t SECONDS
	model sim, clearing|pa|T/model-sim -s scattered -z -m 65536 -n 20000 -r SEED -t SECONDS
	model trees|pa|T/model-trees -c -n 20000 -r SEED -t SECONDS
	threads, arena, compactor|pat|T/stress -c -s arena -w 2 -n 2000 -r SEED -t SECONDS
	threads, clearing|pat|T/stress -c -z -w 2 -n 2000 -r SEED -t SECONDS
	threads, zs_ops|pat|T/stress -s ops -w 2 -n 2000 -r SEED -t SECONDS
	threads, sim, migration|pat|T/stress-sim -s scattered -w 2 -n 500 -r SEED -t SECONDS
	a million objects|pt|T/million -c -n 200000 -r SEED
	fuzz|pa|T/fuzz -n 500 -r SEED
	fuzz, sim|pa|T/fuzz-sim -n 200 -r SEED
	fuzz, the cache|pa|T/fuzz-zcache -n 200 -r SEED
	RAM disk|pat|T/disk -j 4 -n 20000 -r SEED -t SECONDS
	RAM disk, all policies|pat|T/disk -p rdw -x 20 -j 4 -n 20000 -r SEED -t SECONDS
	RAM disk, memory fails|pat|T/disk-sim -f 50 -p rdw -x 20 -j 4 -n 10000 -r SEED -t SECONDS
	RAM disk under nbdkit|p|C/connections.sh B/src/front/nbdkit/nbdkit-zram-plugin.so T/disk policies
	compressed memory, model|pat|T/zswap-model -j 4 -l 2000 -w 3072 -x 20 -g 20 -a 8 -n 10000 -r SEED
	compressed memory, memory fails|pa|T/zswap-model-sim -j 4 -f 10 -l 1800 -w 8192 -x 20 -n 10000 -r SEED
	lost updates, SIGBUS|pat|T/zswap-lost -m sigbus -n 100000 -w 2 -r SEED
	lost updates, pager|pat|T/zswap-lost -m full -n 100000 -w 2 -r SEED
	lost updates, one processor|pat|T/zswap-lost -m full -1 -n 100000 -w 2 -r SEED
	lost updates, hidden moves|pat|T/zswap-lost -m full -h -n 100000 -w 2 -r SEED
	lost updates, no move|pa|T/zswap-lost -m full -d move -n 100000 -w 2 -r SEED
	lost updates, a file|pat|T/zswap-lost -m full -b L -n 50000 -w 2 -r SEED
	forks|p|T/zswap-fork -m pager -b folder all
	forks, threads|p|T/zswap-fork -m sigbus -b folder threads
	cache, model|pat|T/zcache-model -j 4 -c zstd:1 -l 16384 -n 20000 -r SEED
	cache, memory fails|pa|T/zcache-model-sim -j 4 -f 50 -l 8192 -n 10000 -r SEED
	cache, its limit|p|T/zcache-limit -j 4 -r SEED -t SECONDS
	cache, stale fills|pat|T/zcache-stale -n 20000 -r SEED
	cached disk, stale reads|p|C/cached.sh B/src/front/nbdkit/nbdkit-zcache-plugin.so B/tools/zs/zs T/disk T/zcache-nbd-stale SECONDS
	END
}

declare -A names=([p]=plain [a]=asan [t]=tsan)
declare -A folder=([p]=$build [a]=$build-asan [t]=$build-tsan)
declare -a turns                                   # BUILD|NAME|COMMAND
declare -A nr_runs seconds_of result               # by BUILD|NAME

list_turns() {
	local name builds command i
	while IFS='|' read -r name builds command; do
		for ((i = 0; i < ${#builds}; i++)); do
			turns+=("${builds:i:1}|$name|$command")
		done
	done < <(jobs_table)
}

# configure FOLDER OPTION...
configure() {
	local where=$1
	shift
	mkdir -p "$logs" || return 1
	[ -f "$where/build.ninja" ] || meson setup "$where" "$@" >"$logs/build.log" 2>&1 || {
		tail -20 "$logs/build.log"
		echo "soak: configuring $where failed"
		return 1
	}
	ninja -C "$where" >"$logs/build.log" 2>&1 || {
		tail -30 "$logs/build.log"
		echo "soak: building $where failed"
		return 1
	}
	rm -f "$logs/build.log"
}

build_all() {
	configure "${folder[p]}" &&
		configure "${folder[a]}" -Db_sanitize=address,undefined -Db_lundef=false &&
		configure "${folder[t]}" -Db_sanitize=thread -Db_lundef=false
}

# ---- one run ----

stopped=''
running='' # the process group of the run
trap 'stopped=INT' INT
trap 'stopped=TERM' TERM HUP
trap 'end_run; rm -rf "$logs/left" "$scratch"' EXIT

# All of the run's processes: they are a group of their own, so none is missed and no other is met.
end_run() {
	[ -n "$running" ] || return
	kill -TERM -- "-$running" 2>/dev/null
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		kill -0 -- "-$running" 2>/dev/null || break
		sleep .2
	done
	kill -KILL -- "-$running" 2>/dev/null
	wait "$running" 2>/dev/null
	running=''
}

tell_progress() {
	[ $((SECONDS - told)) -ge $TOLD_EVERY ] || return
	told=$SECONDS
	echo "soak: $((SECONDS / 60)) of $(((total + 59) / 60)) min: $1 (${names[$2]}), $(total_runs) runs so far, $(failures) failed"
}

# Waits for the run for so many seconds. Result: its status, or 124: it was ended, 130: it was interrupted.
wait_for_run() {
	local most=$((SECONDS + $1)) status
	while kill -0 "$running" 2>/dev/null; do
		if [ -n "$stopped" ] || [ $SECONDS -ge $most ]; then
			end_run
			[ -n "$stopped" ] && return 130
			return 124
		fi
		tell_progress "$2" "$3"
		sleep .2
	done
	wait "$running"
	status=$?
	end_run # a server that it left
	return $status
}

# fill_in BUILD COMMAND SEED SECONDS: the command as words
fill_in() {
	local where=${folder[$1]} word
	for word in $2; do
		case $word in
		SEED) word=$3 ;;
		SECONDS) word=$4 ;;
		L) word=$logs/left ;;
		T/*) word=$where/tests/${word#T/} ;;
		B/*) word=$where/${word#B/} ;;
		C/*) word=$root/tests/consumers/${word#C/} ;;
		esac
		printf '%s\n' "$word"
	done
}

# run_once BUILD NAME COMMAND SECONDS: notes and tells what came of it. Result: whether the job can be run again.
run_once() {
	local key="$1|$2" left=$4 seed began=$SECONDS status words log
	seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	mapfile -t words < <(fill_in "$1" "$3" "$seed" "$left")
	[ -x "${words[0]}" ] || { result[$key]='not built'; return 1; }
	mkdir -p "$logs/left"
	log=$logs/$(date +%H%M%S)-${names[$1]}-${2//[^A-Za-z0-9]/-}.log
	echo "\$ ${words[*]}" >"$log"
	setsid "${words[@]}" >>"$log" 2>&1 </dev/null &
	running=$!
	wait_for_run $((left + GRACE)) "$2" "$1"
	status=$?
	rm -rf "$logs/left"
	seconds_of[$key]=$((${seconds_of[$key]:-0} + SECONDS - began))
	case $status in
	0) nr_runs[$key]=$((${nr_runs[$key]:-0} + 1)); result[$key]=${result[$key]:-ok} ;;
	77) result[$key]='left out' ;;
	130) rm -f "$log"; return 1 ;;
	*) note_failure "$key" "$status" "$seed" "$log"; return 1 ;;
	esac
	rm -f "$log"
	[ $status = 0 ]
}

note_failure() {
	local key=$1 why="status $2" seed=$3 log=$4
	[ "$2" != 124 ] || why='it hung'
	nr_runs[$key]=$((${nr_runs[$key]:-0} + 1))
	result[$key]="FAILED: $why, seed $seed, $log"
	echo "soak: FAILED: ${key#*|} (${names[${key%%|*}]}): $why"
	head -n 1 "$log"
	tail -n 5 "$log" | sed 's/^/  /'
}

# ---- all ----

total_runs() {
	local nr=0 key
	for key in "${!nr_runs[@]}"; do
		nr=$((nr + nr_runs[$key]))
	done
	echo $nr
}

failures() {
	local nr=0 key
	for key in "${!result[@]}"; do
		[[ ${result[$key]} != FAILED* ]] || nr=$((nr + 1))
	done
	echo $nr
}

is_over() {
	[ $SECONDS -ge "$total" ] || [ -n "$stopped" ] || { [ -z "$goes_on" ] && [ "$(failures)" != 0 ]; }
}

# take_turn TURN SECONDS
take_turn() {
	local which=${1%%|*} rest=${1#*|} end=$((SECONDS + $2))
	[ $end -le "$total" ] || end=$total
	while ! is_over && [ $SECONDS -lt $end ]; do
		run_once "$which" "${rest%%|*}" "${rest#*|}" $((end - SECONDS)) || return
	done
}

# Where there is time for all, each has an equal share of it; where there is not, chance tells who comes first.
take_turns() {
	local turn share=$((total / ${#turns[@]}))
	[ $share -ge $LEAST_TURN ] || share=$LEAST_TURN
	while ! is_over; do
		while read -r turn; do
			is_over && break
			take_turn "$turn" $share </dev/null
		done < <(printf '%s\n' "${turns[@]}" | shuf)
	done
}

verdict() {
	local turn key
	printf '\n%-40s %-6s %6s %8s  %s\n' what build runs seconds result
	for turn in "${turns[@]}"; do
		key=${turn%|*}
		printf '%-40s %-6s %6d %8d  %s\n' "${key#*|}" "${names[${key%%|*}]}" "${nr_runs[$key]:-0}" \
			"${seconds_of[$key]:-0}" "${result[$key]:-its turn did not come}"
	done
	echo "soak: $(total_runs) runs in $SECONDS seconds, $(failures) failed${stopped:+, interrupted}"
}

list_turns
echo "soak: building"
build_all || exit 1
SECONDS=0 told=0
echo "soak: $total seconds, ${#turns[@]} turns; failures stay in $logs"
take_turns
verdict
[ -z "$stopped" ] || exit 130
[ "$(failures)" = 0 ] && [ "$(total_runs)" != 0 ]
