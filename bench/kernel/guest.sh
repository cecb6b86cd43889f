#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# /init of the guest that measures: each zsmalloc in turn under the same zram with the same pages. Lines that begin with
# "row" or "cost" are the results; run.sh makes tables of them.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug
version=$(uname -r)
zram=/sys/block/zram0

parameter() {
	sed -n "s/.*bench\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

# mm_stat: orig_data_size compr_data_size mem_used_total mem_limit mem_used_max same_pages pages_compacted huge_pages …
row() {
	set -- "$1" "$2" "$3" $(cat $zram/mm_stat)
	metadata=0
	[ ! -f /sys/kernel/debug/zsmalloc/zram0/pool ] ||
		metadata=$(sed -n 's/^metadata_bytes //p' /sys/kernel/debug/zsmalloc/zram0/pool)
	echo "row $1 $2 $3 orig=$4 compr=$5 used=$6 same=$9 huge=${11} metadata=$metadata"
}

# measure MODULE MIB
measure() {
	pages=$(($2 * 256))
	insmod "/modules/zsmalloc-$1.ko" && modprobe zram || return 1
	echo "$codec" >$zram/comp_algorithm
	echo "$2M" >$zram/disksize
	write=$(page_io write /dev/zram0 $pages /dev/vda) || return 1
	row "$1" "$2" fresh
	read=$(page_io read /dev/zram0 $pages) || return 1
	overwrite=$(page_io overwrite /dev/zram0 $pages /dev/vda 2026) || return 1
	row "$1" "$2" overwritten
	echo 1 >$zram/compact
	row "$1" "$2" compacted
	echo "cost $1 $2 write=$write overwrite=$overwrite read=$read"
	echo 1 >$zram/reset
	rmmod zram && rmmod zsmalloc
}

modprobe virtio_pci
modprobe virtio_blk
codec=$(parameter codec)
modprobe "$codec" 2>/dev/null
for mib in $(parameter mib | tr , ' '); do
	for module in $(parameter modules | tr , ' '); do
		measure "$module" "$mib" || echo "error: $module on $mib MiB"
	done
done
echo "guest: done"
poweroff -f
