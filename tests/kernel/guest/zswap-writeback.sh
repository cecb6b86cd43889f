# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zswap at its limit for long: the pool must write pages back to the disk, and so keep taking new ones.
# shellcheck shell=ash
. /cases/zswap-lib.sh

percent=5
zswap_start $percent
migrations_watch
stir_start
fewest_passes=2
press 115 3 -w $figures/pool_limit_hit -w $figures/written_back_pages -w /proc/vmstat:zswpout \
	-w $figures/pool_total_size -w $figures/reject_reclaim_fail
stir_stop
migrations_end
print_figures

[ "$(figure pool_limit_hit)" -gt 0 ] || fail "the pool never was full"
[ "$(figure written_back_pages)" -gt 0 ] || fail "nothing was written back"
# From pass to pass more was written back and more was stored: a pool that fills up and then stands still is seen here.
awk '/^pass/ { if (n++ && ($6 <= back || $8 <= stored)) bad = 1; back = $6; stored = $8 } END { exit bad || n < 2 }' \
	/run/passes || fail "writing back or storing came to a stop: $(grep ^pass /run/passes | tail -n 1)"
# The limit is asked before a page is stored, by each processor for itself, so it can be exceeded by a little.
limit=$(($(total_mib) * percent * 1024 * 1024 / 100))
awk -v limit=$((limit + (2 << 20))) '/^pass/ { if ($10 > limit) bad = 1 } END { exit bad }' /run/passes ||
	fail "the pool grew beyond its limit of $limit bytes"
# It may fail at times, when the oldest are in use; not as a rule.
[ "$(figure reject_reclaim_fail)" -le $(($(figure pool_limit_hit) / 2)) ] ||
	fail "writing back failed $(figure reject_reclaim_fail) of $(figure pool_limit_hit) times"
[ "$(figure duplicate_entry)" = 0 ] || note "zswap saw $(figure duplicate_entry) pages twice"
zswap_stop
