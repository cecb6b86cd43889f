# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zswap within its limit: pages go into the pool and come back from it.
# shellcheck shell=ash
. /cases/zswap-lib.sh

zswap_start 80
limit_hit_before=$(figure pool_limit_hit)
stored_before=$(vmstat zswpout)
loaded_before=$(vmstat zswpin)
migrations_watch
stir_start
press 120 2 -w $figures/stored_pages -w $figures/pool_total_size -w /proc/vmstat:zswpout -w /proc/vmstat:zswpin
stir_stop
migrations_end
print_figures

[ $(($(vmstat zswpout) - stored_before)) -gt 5000 ] || fail "only $(($(vmstat zswpout) - stored_before)) pages stored"
[ $(($(vmstat zswpin) - loaded_before)) -gt 5000 ] || fail "only $(($(vmstat zswpin) - loaded_before)) pages loaded"
[ "$(figure pool_limit_hit)" = "$limit_hit_before" ] || fail "the pool was full: $(figure pool_limit_hit) times"
# The samples: while the pool holds pages it has a size, less than the pages' own.
awk '/^pass/ { if ($4 < 1000 || $6 < 4096 || $6 > $4 * 4096) bad = 1; n++ } END { exit bad || !n }' /run/passes ||
	fail "the pool's figures do not fit together: $(grep ^pass /run/passes | tail -n 1)"
zswap_stop
