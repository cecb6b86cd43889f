#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Programs that were linked with a library of the recorded ABI still run with this one: no function, symbol version,
# type or constant is gone or another. What was added is told of; docs/abi.md says what may be.
#   abi.sh SOURCE_ROOT LIBRARY NAME
set -u
root=$1 library=$2 name=$3
recorded=$root/abi/lib$name.abi
bad=0

fail() {
	echo "abi: $*"
	bad=1
}

left_out() {
	echo "abi: left out: $*"
	exit 77
}

command -v abidiff >/dev/null || left_out "abidiff is missing: apt-get install abigail-tools"
[ "$(uname -m)" = x86_64 ] || left_out "it is recorded for x86_64"
readelf -S "$library" | grep -q '\.debug_info' || left_out "$library was built without debug information"
[ -s "$recorded" ] || { echo "abi: $recorded is missing: make abi"; exit 1; }

# Both are recorded alike: abidiff by itself would take the opaque types' insides for changes.
compare() {
	abidiff "$@" "$recorded" "$dir/library"
}

# What grows as it is allowed to is suppressed, and symbols that come.
check_library() {
	local report status
	"$root/scripts/abi.sh" library "$library" >"$dir/library" || fail "cannot read $library"
	report=$(compare --no-added-syms --suppressions "$root/abi/allowed.abignore")
	status=$?
	[ $status -eq 0 ] || fail "lib$name differs from the recorded ABI (abidiff: $status): $report"
	report=$(compare)
	status=$?
	[ $status -eq 0 ] || [ $bad -ne 0 ] || echo "abi: lib$name has more than was recorded; make abi, if it stays: $report"
}

# Structures and their members on stdin, each with its place and the name that abidw has given to its type.
members() {
	awk -F "'" '/<class-decl / { name = $2 } /<data-member / { place = $4 } /<var-decl / { print name, place, $2, $4 }'
}

# abidiff takes a structure that may grow for one that may change.
check_members() {
	local gone
	members <"$recorded" >"$dir/members.old"
	members <"$dir/library" >"$dir/members.new"
	[ -s "$dir/members.old" ] || fail "no members of structures are recorded"
	gone=$(grep -vxF -f "$dir/members.new" "$dir/members.old") &&
		fail "members of structures are gone, elsewhere or of another type: $gone"
}

check_constants() {
	local gone
	[ -s "$root/abi/$name.constants" ] || fail "abi/$name.constants is missing or empty"
	"$root/scripts/abi.sh" constants "$root/include/$name.h" >"$dir/constants" || fail "no constants"
	gone=$(grep -vxF -f "$dir/constants" "$root/abi/$name.constants") && fail "gone or another: $gone"
}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
check_library
check_members
check_constants
exit $bad
