#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What a look at the text can tell: every source file has its licence line, lines of C fit 120 columns, nothing trails,
# and no function of the product is longer than a screen.
#   style.sh SOURCE_ROOT
set -u
root=$1
bad=0

fail() {
	echo "style: $*"
	bad=1
}

sources() {
	(cd "$root" && find src include tools tests bench examples \( -name '*.[ch]' -o -name '*.sh' -o -name 'meson.build' \) \
		-type f | sort)
}

cd "$root" || exit 1
for file in $(sources); do
	head -2 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only' || fail "$file: no SPDX line at the top"
	hits=$(expand -t 8 "$file" | awk 'length($0) > 120 { print FNR }' | head -3 | tr '\n' ' ')
	[ -z "$hits" ] || [ "${file##*.}" = sh ] || fail "$file: longer than 120 columns: line $hits"
	hits=$(grep -nE '[[:space:]]+$' "$file" | head -3 | cut -d: -f1 | tr '\n' ' ')
	[ -z "$hits" ] || fail "$file: trailing space: line $hits"
done
for file in $(sources | grep '^src.*\.c$'); do
	hits=$(awk '/^{/ { start = NR } /^}/ && start { if (NR - start > 50) print start; start = 0 }' "$file" | tr '\n' ' ')
	[ -z "$hits" ] || fail "$file: a function of more than 50 lines at line $hits"
done
exit $bad
