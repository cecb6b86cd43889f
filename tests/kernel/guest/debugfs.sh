# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# A pool's files in debugfs: their columns are the stock module's, their sums are zram's.
# shellcheck shell=ash
. /cases/lib.sh

folder=/sys/kernel/debug/zsmalloc/$dev
columns=" class  size almost_full almost_empty obj_allocated   obj_used pages_used pages_per_zspage freeable"

# Of a class: no more used than allocated, pages in whole zspages or less (a chain may have holes).
check_classes() {
	awk '
		NR == 1 || NF == 0 { next }
		$1 == "Total" { total_used = $5; total_pages = $6; seen = 1; next }
		NF != 9 || $6 > $5 || $2 <= last { bad = 1; print "odd line: " $0 }
		{ last = $2; used += $6; pages += $7; bytes += $2 * $6 }
		END {
			if (!seen || used != total_used || pages != total_pages) {
				print "the sums are " used " objects in " pages " pages, the total says " \
					total_used " in " total_pages
				bad = 1
			}
			printf "%d %d %d\n", used, pages, bytes
			exit bad
		}' /run/classes >/run/sums || fail "classes: $(head -n 1 /run/sums)"
}

# At rest, every page of zram that is not one word repeated is one object.
check_sums() {
	local objects pages bytes
	read -r objects pages bytes </run/sums
	note "$objects objects, $pages pages, $bytes bytes; mm_stat: $(cat $block/mm_stat)"
	[ "$objects" = $(($(mm_stat orig) / 4096 - $(mm_stat same))) ] || fail "$objects objects do not fit mm_stat"
	[ $((pages * 4096)) = "$(mm_stat used)" ] || fail "$pages pages, but zram uses $(mm_stat used) bytes"
	[ "$bytes" -ge "$(mm_stat compr)" ] || fail "slots of $bytes bytes for $(mm_stat compr) bytes of objects"
}

check() {
	cat $folder/classes >/run/classes || fail "no $folder/classes"
	[ "$(head -n 1 /run/classes)" = "$columns" ] || fail "the columns are: $(head -n 1 /run/classes)"
	check_classes
	check_sums
}

step() {
	must blocks -s 13 /dev/$dev /tmp/model "$1"
}

rm -f /tmp/model # another case's
zram_start lz4 24M
check
step fill
check
step thin
check
echo 1 >$block/compact
check
step verify
cat $folder/pool || fail "no $folder/pool"
grep -i metadata $folder/pool | grep -q '[1-9]' || fail "$folder/pool says nothing of metadata"
zram_reset
[ ! -e $folder ] || fail "$folder is there without its pool"
zram_stop
