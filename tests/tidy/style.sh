#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What a look at the text can tell: every source file has its licence line, lines of C fit 120 columns, nothing trails,
# and no function of the product is longer than a screen.
#   style.sh SOURCE_ROOT
set -u

sources() {
	find src include tools tests bench examples \( -name '*.[ch]' -o -name '*.sh' -o -name 'meson.build' \) -type f | sort
}

cd "$1" || exit 1
mapfile -t files < <(sources)
awk '
	function fail(what) {
		print "style: " what
		bad = 1
	}

	function columns(line, parts, nr, at, i) {
		nr = split(line, parts, "\t")
		at = length(parts[1])
		for (i = 2; i <= nr; i++)
			at += 8 - at % 8 + length(parts[i])
		return at
	}

	FNR == 1 { start = 0 }
	FNR <= 2 && /SPDX-License-Identifier: BSD-3-Clause OR GPL-2\.0-only/ { licensed[FILENAME] = 1 }
	FILENAME !~ /\.sh$/ && columns($0) > 120 { fail(FILENAME ": longer than 120 columns: line " FNR) }
	/[[:space:]]$/ { fail(FILENAME ": trailing space: line " FNR) }
	FILENAME ~ /^src.*\.c$/ && /^{/ { start = FNR }
	start && /^}/ {
		if (FNR - start > 50)
			fail(FILENAME ": a function of more than 50 lines at line " start)
		start = 0
	}

	END {
		for (i = 1; i < ARGC; i++)
			if (!(ARGV[i] in licensed))
				fail(ARGV[i] ": no SPDX line at the top")
		exit bad
	}
' "${files[@]}"
