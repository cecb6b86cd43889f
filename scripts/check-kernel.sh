#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Tests the kernel module: its build, its symbol versions, DKMS, its work in an emulated machine, and the tutorial on it.
# Ends with a line "N passed, N failed, N skipped".
#   check-kernel.sh BUILD_FOLDER          Debian's kernel, ours and the stock module
#   check-kernel.sh BUILD_FOLDER debug    a debug kernel from linux-source-6.1, ours alone; it is built once (10 minutes)
set -u
build=${1:?a folder to build in}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
tests=$root/tests/kernel
. "$here/count.sh"
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# summed COMMAND…: runs it, and adds up what its last line counts
summed() {
	local line
	"$@" | tee "$log"
	line=$(tail -n 1 "$log")
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
	else
		count "check-kernel: $1" "failed: it ended without a result"
	fi
}

# The build compares the symbol versions too.
build_modules() {
	local verdict=failed
	! "$tests/modules.sh" "$@" || verdict=ok
	count "build and symbol versions" "$verdict"
}

# As it is written, on a copy of the sources.
check_tutorial() {
	"$root/tests/tutorials/run.py" "$root/docs/tutorials/kernel-module.md" --sources "$root" --seconds 1200
	case $? in
	0) count tutorial ok ;;
	77) count tutorial "skipped: it was left out" ;;
	*) count tutorial failed ;;
	esac
}

check_debian() {
	local image
	image=$("$here/kernel-image.sh") || return 1
	build_modules "$build"
	summed "$tests/dkms.sh" "$image"
	summed "$tests/check.sh" -k "$image" -o "$build"
	check_tutorial
}

# KASAN and lockdep make it slow: a fifth of the work.
check_debug() {
	local kernel
	kernel=$("$tests/debug/build.sh") || return 1
	build_modules "$build" "$kernel/build"
	summed "$tests/check.sh" -m ours -k "$kernel" -o "$build" -M 704 -w 20 -b 2400
}

if [ "${2:-}" = debug ]; then
	check_debug || failed=$((failed + 1))
else
	check_debian || failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
