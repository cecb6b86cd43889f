#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# A shared library exports exactly the functions that its public header declares, and all carry a version.
#   exports.sh SOURCE_ROOT LIBRARY HEADER PREFIX VERSION
set -u
root=$1 library=$2 header=$3 prefix=$4 version=$5
declared=$(sed 's,/\*.*,,; s,^ \*.*,,' "$root/include/$header" | grep -oE "^[a-z].*\b${prefix}_[a-z_]+\(" |
	grep -oE "${prefix}_[a-z_]+\($" | tr -d '(' | sort)
exported=$(nm -D --defined-only "$library" | awk '$2 ~ /^[TWDBRV]$/ { print $3 }' | sort)
[ -n "$declared" ] || { echo "exports: no declaration found in include/$header"; exit 1; }
versioned=$(sed "s/\$/@@$version/" <<<"$declared")
diff <(echo "$versioned") <(echo "$exported") >/dev/null && exit 0
echo "exports: declared (<) and exported (>) differ:"
diff <(echo "$versioned") <(echo "$exported")
exit 1
