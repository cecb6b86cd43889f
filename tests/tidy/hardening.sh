#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Programs and libraries are linked so that mistakes in them are hard to make use of: everything is bound at the start
# and read only afterwards, nothing that can be written can be run, programs may be loaded anywhere, and calls of the C
# library that are told a buffer check its size.
#   hardening.sh FILE…
set -u
export LC_ALL=C
bad=0 checked=0

fail() {
	echo "hardening: $file: $*"
	bad=1
}

check_segments() {
	local segments
	segments=$(readelf -lW "$file")
	grep -q '^ *GNU_RELRO ' <<<"$segments" || fail "no part becomes read only (RELRO)"
	grep -qE '^ *GNU_STACK .* RW +' <<<"$segments" || fail "the stack can be executed"
	! grep -qE '^ *LOAD .* RWE ' <<<"$segments" || fail "a segment can be written and executed"
}

check_dynamic() {
	local entries
	entries=$(readelf -dW "$file")
	grep -qE '\((FLAGS|BIND_NOW)\).*BIND_NOW|\(FLAGS_1\).*\bNOW\b' <<<"$entries" || fail "is bound late (no BIND_NOW)"
	! grep -q '(TEXTREL)' <<<"$entries" || fail "has text that is changed when it is loaded (TEXTREL)"
	grep -q '(SONAME)' <<<"$entries" || [[ $file == *.so ]] || grep -q '(FLAGS_1).*\bPIE\b' <<<"$entries" ||
		fail "is no program that may be loaded anywhere (PIE)"
}

# What only shows where code has use for it: all of it together must.
check_calls() {
	local symbols
	symbols=$(nm -D --undefined-only "$@" | grep -oE '__[a-z_]+_chk|__stack_chk_fail')
	file='all files'
	grep -q '_chk$' <<<"$symbols" || fail "no call checks the size of what it is given (_FORTIFY_SOURCE)"
	grep -q '^__stack_chk_fail$' <<<"$symbols" || fail "no function checks its frame (-fstack-protector-strong)"
}

for file in "$@"; do
	check_segments
	check_dynamic
	checked=$((checked + 1))
done
[ $checked -ne 0 ] || { echo "hardening: no file to check"; exit 1; }
check_calls "$@"
exit $bad
