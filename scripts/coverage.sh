#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Which lines of the product its tests run: builds with counters, runs the suites, and prints a table of folders. Fails
# if a test fails, or if less than LEAST percent of the lines of the core, the public calls or an engine were run.
#   coverage.sh [-l] BUILD_FOLDER
#   -l: tells the lines that were not run, too
# What a process counted that was killed, or ended by _exit(), is lost: the figures are too low by that, never too high.
# (Not by gcovr: Debian 12's cannot add up files that define a function twice, for hosts with tables and without.)
set -u

LEAST=90
must='src/core src/api src/zram src/zswap src/zcache'

lists=''
while getopts l option; do
	case $option in
	l) lists=-l ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
build=${1:?usage: coverage.sh [-l] BUILD_FOLDER}
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1

prepare() {
	mkdir -p "$build" || return 1
	[ -f "$build/build.ninja" ] ||
		meson setup "$build" -Dbuildtype=debug -Doptimization=1 -Db_coverage=true >"$build/setup.log" 2>&1 || {
		tail -20 "$build/setup.log"
		return 1
	}
	ninja -C "$build" >"$build/ninja.log" 2>&1 || {
		tail -30 "$build/ninja.log"
		return 1
	}
	find "$build" -name '*.gcda' -delete
}

prepare || { echo "coverage: building failed"; exit 1; }
status=0
meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 4 \
	--suite unit --suite model --suite fault --suite stress --suite fuzz --suite consumers || status=1
# shellcheck disable=SC2086  # a list of folders
"$root/scripts/coverage.py" $lists "$root" "$build" $LEAST $must || status=1
exit $status
