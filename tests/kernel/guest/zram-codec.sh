# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zram with a codec, from loading to unloading: a file system on it, then the bare device against a model.
#   zram-codec.sh CODEC
# shellcheck shell=ash
. /cases/lib.sh

codec=$1

compare() {
	must diff -r /data "/mnt/$1"
}

# What is in memory must not hide what zram holds.
forget() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

used_below() {
	[ "$(mm_stat used)" -lt "$1" ]
}

# /sbin has the host's programs; by name the shell takes busybox's own mke2fs.
files() {
	local full
	must /sbin/mke2fs -q -t ext4 -F /dev/$dev
	must mount -t ext4 -o discard /dev/$dev /mnt
	must cp -r /data /mnt/one
	must cp -r /data /mnt/two
	forget
	compare one
	check_used
	full=$(mm_stat used)
	must rm -r /mnt/one
	sync
	must fstrim /mnt
	used_below $((full * 3 / 4)) || fail "removing half of the files left $(mm_stat used) of $full bytes"
	must cp -r /data /mnt/three
	echo 1 >$block/compact || fail "compact"
	must umount /mnt
	must mount -t ext4 /dev/$dev /mnt
	compare two
	compare three
	must umount /mnt
	must /sbin/e2fsck -fn /dev/$dev
	zram_reset
}

step() {
	note "$1"
	must blocks -s 7 -n "$(scaled 12000)" /dev/$dev /tmp/model "$1"
}

device() {
	local full
	echo "$codec" >$block/comp_algorithm || fail "no codec $codec"
	echo 48M >$block/disksize || fail "no disksize"
	rm -f /tmp/model
	migrations_watch
	stir_start
	step fill
	step churn
	stir_stop
	step verify
	check_used
	full=$(mm_stat used)
	step thin
	echo 1 >$block/compact || fail "compact"
	used_below $((full / 2)) || fail "two of three blocks discarded, $(mm_stat used) of $full bytes left"
	check_used
	step verify
	stir_start
	step churn
	stir_stop
	migrations_end
	step verify
	must blkdiscard /dev/$dev
	until_true used_is_0 || fail "all blocks discarded, $(mm_stat used) bytes left"
	rm -f /tmp/model
	step verify
}

# A second device with a pool of its own, taken away while it holds something.
second_device() {
	local number
	number=$(cat /sys/class/zram-control/hot_add) || fail "hot_add"
	echo 8M >"/sys/block/zram$number/disksize" || fail "no size for the second device"
	must dd if=/bin/busybox of="/dev/zram$number" bs=4k conv=fsync
	echo "$number" >/sys/class/zram-control/hot_remove || fail "hot_remove"
	[ ! -e "/sys/block/zram$number" ] || fail "zram$number is still there"
}

zram_start "$codec" 96M
grep -q "\[$codec\]" $block/comp_algorithm || fail "zram uses $(cat $block/comp_algorithm), not $codec"
files
device
second_device
echo 0 >/sys/class/zram-control/hot_remove || fail "zram0 cannot be removed"
unload zram
unload zsmalloc
load_zsmalloc
unload zsmalloc
