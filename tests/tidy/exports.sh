#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The shared library exports exactly the functions that its public header declares, and all carry a version.
#   exports.sh SOURCE_ROOT LIBRARY
set -u
root=$1 library=$2
declared=$(sed 's,/\*.*,,; s,^ \*.*,,' "$root/include/zsmalloc.h" | grep -oE '^[a-z].*\bzs_[a-z_]+\(' | grep -oE 'zs_[a-z_]+\($' |
	tr -d '(' | sort)
exported=$(nm -D --defined-only "$library" | awk '$2 ~ /^[TWDBRV]$/ { print $3 }' | sort)
[ -n "$declared" ] || { echo "exports: no declaration found in include/zsmalloc.h"; exit 1; }
versioned=$(sed 's/$/@@ZSMALLOC_0/' <<<"$declared")
diff <(echo "$versioned") <(echo "$exported") >/dev/null && exit 0
echo "exports: declared (<) and exported (>) differ:"
diff <(echo "$versioned") <(echo "$exported")
exit 1
