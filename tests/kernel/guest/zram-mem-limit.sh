# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zram at its mem_limit: writes are refused with an error, what was there stays, and a higher limit lets writes in.
# shellcheck shell=ash
. /cases/lib.sh

limit_mib=8

# step COMMAND: result becomes "N written N refused N verified"
step() {
	must blocks -e -s 11 -n "$(scaled 12000)" /dev/$dev /tmp/model "$1"
	result=$(cat /run/out)
}

# Some were written, some refused.
must_refuse() {
	case $result in
	"0 written "*) fail "nothing was written" ;;
	*" 0 refused "*) fail "nothing was refused" ;;
	esac
}

# At rest: what was refused has been given back.
check_limit() {
	local limit=$((limit_mib << 20))
	note "mm_stat: $(cat $block/mm_stat)"
	[ "$(mm_stat limit)" = $limit ] || fail "the limit reads $(mm_stat limit), not $limit"
	[ "$(mm_stat used)" -le $((limit + (1 << 16))) ] || fail "$(mm_stat used) bytes used, limit $limit"
	[ "$(mm_stat used)" -ge $((limit * 3 / 4)) ] || fail "only $(mm_stat used) bytes used, limit $limit"
}

rm -f /tmp/model # another case's
zram_start lz4 48M ${limit_mib}M
step fill
must_refuse
check_limit
step verify
step churn
must_refuse
step verify

echo 0 >$block/mem_limit || fail "the limit cannot be taken away"
step fill
case $result in
*" 0 refused "*) ;;
*) fail "refused without a limit: $result" ;;
esac
step verify
[ "$(mm_stat used)" -gt $((limit_mib << 20)) ] || fail "no limit, and yet only $(mm_stat used) bytes used"
zram_stop
