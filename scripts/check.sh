#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Runs all tests: the plain build with every suite, then the suites that mean something under AddressSanitizer and
# UndefinedBehaviorSanitizer, and under ThreadSanitizer. Ends with a line "N passed, N failed, N skipped".
#   check.sh BUILD_FOLDER
set -u
build=${1:-build}
passed=0 failed=0 skipped=0
# Some tests wait more than they work, as for a server that does not answer.
processes=$((($(nproc) * 3 + 1) / 2))

# configure FOLDER OPTION…
configure() {
	local folder=$1
	shift
	[ -f "$folder/build.ninja" ] || meson setup "$folder" "$@" >"$folder.log" 2>&1 || {
		tail -20 "$folder.log"
		echo "check: configuring $folder failed"
		return 1
	}
	rm -f "$folder.log"
}

# What the tests of these suites are made of, or use: needed_by FOLDER SUITE…
needed_by() {
	jq -rn --arg suites "${*:2}" --arg folder "$(realpath "$1")/" --slurpfile tests "$1/meson-info/intro-tests.json" \
		--slurpfile targets "$1/meson-info/intro-targets.json" '
		($suites | split(" ") | map("zsmalloc:" + .)) as $suites |
		[$tests[0][] | select(any(.suite[]; IN($suites[]))) | .depends[]] as $needed |
		$targets[0][] | select(.id | IN($needed[])) | .filename[] | ltrimstr($folder)'
}

# The plain build is of everything there is, the others of what is tested there: build_all FOLDER SUITE…
build_all() {
	local targets=''
	ninja -C "$1" build.ninja || return
	[ "$1" = "$build" ] || targets=$(needed_by "$@")
	# shellcheck disable=SC2086  # a list
	ninja -C "$1" $targets
}

# The results of the last run in a folder, a word a test.
results() {
	sed -n 's/.*"result": "\([A-Z]*\)".*/\1/p' "$1/meson-logs/testlog.json"
}

# run FOLDER SUITE…
run() {
	local folder=$1 result
	shift
	echo "== $folder: $*"
	build_all "$folder" "$@" >"$folder/ninja.log" 2>&1 || {
		tail -30 "$folder/ninja.log"
		echo "check: building $folder failed"
		failed=$((failed + 1))
		return
	}
	rm -f "$folder/meson-logs/testlog.json" # an earlier run's results are none of this one's
	meson test -C "$folder" --no-rebuild --print-errorlogs --num-processes "$processes" "${@/#/--suite=}"
	[ -s "$folder/meson-logs/testlog.json" ] || {
		echo "check: no test of $folder was run"
		failed=$((failed + 1))
		return
	}
	for result in $(results "$folder"); do
		case $result in
		OK | EXPECTEDFAIL) passed=$((passed + 1)) ;;
		SKIP) skipped=$((skipped + 1)) ;;
		*) failed=$((failed + 1)) ;;
		esac
	done
}

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

if configure "$build"; then
	run "$build" unit model stress fault fuzz tidy consumers
else
	failed=$((failed + 1))
fi
if configure "$build-asan" -Db_sanitize=address,undefined -Db_lundef=false; then
	run "$build-asan" unit model stress fault fuzz consumers
else
	failed=$((failed + 1))
fi
if configure "$build-tsan" -Db_sanitize=thread -Db_lundef=false; then
	run "$build-tsan" stress consumers
else
	failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
