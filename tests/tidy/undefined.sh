#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What the core's objects need from outside: the host contract and mem*, nothing else; and every symbol that it
# defines has the project's prefix.
#   undefined.sh SOURCE_ROOT STATIC_LIBRARY
set -u
root=$1 library=$2
bad=0
objects=$(ar t "$library" | grep '\.core_\|core_')
[ -n "$objects" ] || { echo "undefined: no object of the core in $library"; exit 1; }
# What of the contract is inline in the library's host may lead on to that host's own functions.
contract=$(grep -ohE '\bzs_host_[a-z0-9_]+\(' "$root/src/host/host.h" "$root/src/host/posix/host_types.h" | tr -d '(' | sort -u)
for object in $objects; do
	needs=$(nm -u "$library" 2>/dev/null | awk -v o="$(basename "$object"):" '$0 ~ /:$/ { on = index($0, o) } on && $1 == "U" { print $2 }')
	for symbol in $needs; do
		case $symbol in
		memcpy | memmove | memset | memcmp | _GLOBAL_OFFSET_TABLE_ | __stack_chk_fail) ;;
		zs_host_*) grep -qx "$symbol" <<<"$contract" || { echo "undefined: $object needs $symbol, which is not in host.h"; bad=1; } ;;
		zs_*) ;;
		*) echo "undefined: $object needs $symbol"; bad=1 ;;
		esac
	done
done
others=$(nm --defined-only -g "$library" 2>/dev/null | awk 'NF == 3 { print $3 }' | grep -vE '^(zs_|arena_)')
[ -z "$others" ] || { echo "undefined: symbols without the prefix zs_: $others"; bad=1; }
exit $bad
