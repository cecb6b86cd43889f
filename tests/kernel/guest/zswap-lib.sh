# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What the cases of zswap share: a swap disk with zswap in front of it, its pool in zsmalloc.
# shellcheck shell=ash
. /cases/lib.sh

parameters=/sys/module/zswap/parameters
figures=/sys/kernel/debug/zswap
disk=/dev/vda

figure() {
	cat "$figures/$1"
}

parameter() {
	echo "$2" >"$parameters/$1" || fail "zswap refuses $1=$2"
	[ "$(cat "$parameters/$1")" = "$2" ] || fail "zswap has $1=$(cat "$parameters/$1"), not $2"
}

# zswap_start PERCENT: what its pool may take of the memory
zswap_start() {
	[ -d $parameters ] || skip "this kernel has no zswap"
	load virtio_pci
	load virtio_blk
	until_true test -b $disk || fail "no disk to swap to"
	load_zsmalloc
	load lz4
	parameter max_pool_percent "$1"
	parameter compressor lz4
	parameter zpool zsmalloc
	parameter enabled Y
	must mkswap $disk
	must swapon $disk
}

# Everything comes back in. The pool stays zswap's, and zsmalloc loaded.
zswap_stop() {
	must swapoff $disk
	parameter enabled N
	[ "$(figure stored_pages)" = 0 ] || fail "after swapoff zswap holds $(figure stored_pages) pages"
}

print_figures() {
	local name
	for name in "$figures"/*; do
		note "${name##*/} $(cat "$name")"
	done
}
