# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zram as swap for more memory than the guest has, while the kernel moves pages and zram compacts.
# shellcheck shell=ash
. /cases/lib.sh

zram_start lz4 $(($(total_mib) * 2))M
must mkswap /dev/$dev
must swapon /dev/$dev
out_before=$(vmstat pswpout)
in_before=$(vmstat pswpin)

migrations_watch
stir_start
press 130 3 -w /proc/vmstat:pswpout -w /proc/vmstat:pswpin
stir_stop
migrations_end
note "out $(($(vmstat pswpout) - out_before)), in $(($(vmstat pswpin) - in_before)), mm_stat: $(cat $block/mm_stat)"
[ $(($(vmstat pswpout) - out_before)) -gt 10000 ] || fail "only $(($(vmstat pswpout) - out_before)) pages swapped out"
[ $(($(vmstat pswpin) - in_before)) -gt 10000 ] || fail "only $(($(vmstat pswpin) - in_before)) pages swapped in"
[ "$(mm_stat used_max)" -gt $((16 << 20)) ] || fail "zram never held more than $(mm_stat used_max) bytes"

must swapoff /dev/$dev
echo 1 >$block/compact || fail "compact"
note "after swapoff: $(cat $block/mm_stat)"
# What stays are the first page, and what the kernel gave back without telling zram.
[ "$(mm_stat used)" -le $((1 << 20)) ] || fail "after swapoff zram holds $(mm_stat used) bytes"
zram_stop
