#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Whether zsmalloc.ko gets or gives back memory through a kernel function that fault.c does not stand in front of.
# Prints those; the exit status is then 1.
#   unwrapped.sh ZSMALLOC.KO
set -u
here=$(cd "$(dirname "$0")" && pwd)
wrapped=$(sed -nE -e 's/^GET\([^,]*, (\w+),.*/\1/p' -e 's/^PUT\((\w+),.*/\1/p' -e 's/.* __wrap_(\w+);$/\1/p' \
	"$here/fault.c")
# The xarray is for zpool's order of eviction, which is not reached through the calls under test.
harmless='kmalloc_caches|unregister_shrinker|(zpool|debugfs|seq|single|xa)_.*'

missing=$(nm -u "$1" | awk '{ print $2 }' |
	grep -E 'alloc|free|dup|printf|get_zeroed|folio_put|put_page|_create|_destroy|shrinker' |
	grep -vxE "$(paste -sd'|' <<<"$wrapped")|$harmless")
[ -z "$missing" ] && exit 0
echo "unwrapped: fault.c does not know: ${missing//$'\n'/ }"
exit 1
