#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# A file system on the RAM disk: real files come back as they were, what is deleted and trimmed gives its memory back,
# and e2fsck has nothing to say. Three ways: nbdfuse with a loop mount, nbdfuse with fuse2fs, and copies of an image with
# debugfs, which needs no right to mount. What cannot be had here is left out, and the reason printed.
#   filesystem.sh PLUGIN [policies PATH-TO-ZS]
# With the word "policies" the disk does by itself all that it can, and soon, with little memory and a small file.
set -u

plugin=${1:?usage: filesystem.sh PLUGIN [policies PATH-TO-ZS]}
PATH=$PATH:/usr/sbin:/sbin

dir=${ZS_TEST_APART:-$(mktemp -d)} || exit 1
uri="nbd+unix:///?socket=$dir/socket"
server='' nbdfuse='' fuse2fs='' nr_done=0
. "$(dirname "$0")/lib.sh"
policies=$(policies_for "${2:-}" 8M)
zs=${3:-}

# In namespaces of its own, where they may be made, all processes and mounts go with the first of them, however that
# ends: a signal to this one is the end of that one.
go_apart() {
	local apart="unshare --mount --pid --fork --mount-proc --kill-child" inside
	# shellcheck disable=SC2086  # words
	[ -z "${ZS_TEST_APART-}" ] && $apart true 2>/dev/null || return 0
	# shellcheck disable=SC2086
	ZS_TEST_APART=$dir $apart bash "$0" "$@" &
	inside=$!
	# shellcheck disable=SC2064  # now
	trap "kill -9 $inside; wait $inside; rm -rf --one-file-system '$dir'; exit 1" HUP INT TERM
	wait $inside
	exit $?
}

left_out() {
	echo "left out: $*"
}

have() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || { left_out "$what: there is no $tool"; return 1; }
	done
}

# ---- what is started and mounted, and ended again ----

is_mounted() {
	grep -qs " $1 " /proc/self/mountinfo
}

unmount() {
	is_mounted "$1" || return 0
	timeout 30 umount "$1" 2>/dev/null || timeout 30 fusermount3 -u "$1" 2>/dev/null || umount -l "$1"
}

# end PID: of a process of ours, in order, or at last without
end() {
	[ -n "$1" ] || return 0
	kill "$1" 2>/dev/null
	for _ in $(seq 50); do
		kill -0 "$1" 2>/dev/null || break
		sleep .1
	done
	kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

clean_up() {
	trap '' HUP INT TERM
	unmount "$dir/files"
	end "$fuse2fs"
	unmount "$dir/fuse"
	end "$nbdfuse"
	end "$server"
	rm -rf --one-file-system "$dir"
}

start_server() {
	# shellcheck disable=SC2086  # parameters of their own
	timeout 120 nbdkit -f -U "$dir/socket" -P "$dir/pid" "$plugin" 256M ${policies:+$policies limit=32M control=disk} \
		2>"$dir/messages" &
	server=$!
	until_ready $server test -s "$dir/pid" && return
	fail "nbdkit does not start: $(tail -n 3 "$dir/messages")"
	exit 1
}

start_nbdfuse() {
	timeout 120 nbdfuse "$dir/fuse/disk" "$uri" >"$dir/words" 2>&1 &
	nbdfuse=$!
	until_ready $nbdfuse is_mounted "$dir/fuse" && return
	nbdfuse=''
	left_out "$what: $(tail -n 1 "$dir/words")"
	return 1
}

stop_nbdfuse() {
	unmount "$dir/fuse"
	end "$nbdfuse"
	nbdfuse=''
}

# ---- files ----

# Small ones and some large ones; and the same without every second.
make_files() {
	{
		find /usr/include -xdev -type f -size -200k 2>/dev/null | sort | head -n 700
		find /usr/bin /usr/lib -xdev -type f -size +1000k -size -6000k 2>/dev/null | sort | head -n 6
	} | sed 's|^/||' >"$dir/list"
	awk 'NR % 2 == 0' "$dir/list" >"$dir/deleted"
	mkdir "$dir/tree" "$dir/half" "$dir/files" "$dir/fuse"
	tar -C / -cf - -T "$dir/list" | tar -C "$dir/tree" -xf - || fail "cannot copy files"
	cp -a "$dir/tree/." "$dir/half"
	env -C "$dir/half" xargs -d '\n' -a "$dir/deleted" rm
	deleted_kib=$(($(size_kib "$dir/tree") - $(size_kib "$dir/half")))
}

size_kib() {
	du -sk --apparent-size "$1" | cut -f 1
}

# same_as TREE FOLDER
same_as() {
	timeout 60 diff -r -x lost+found "$dir/$1" "$2" >"$dir/report" 2>&1 ||
		fail "$what: other files than in the $1: $(head -n 3 "$dir/report")"
}

# ---- what the disk takes ----

data_kib() {
	nbdinfo --map --totals "$uri" | awk '$3 == 0 { print int($1 / 1024) }'
}

# With policies, of the file too: what is deleted may be there.
memory_kib() {
	if [ -n "$policies" ]; then
		"$zs" zram stat --json disk | jq '(.mem_used_total + .bd_bytes) / 1024 | floor'
	else
		awk '$1 == "VmRSS:" { print $2 }' "/proc/$(cat "$dir/pid")/status"
	fi
}

takes_less_than() {
	[ "$(memory_kib)" -lt "$1" ]
}

note_use() {
	data_before=$(data_kib) memory_before=$(memory_kib)
}

# Most of what was deleted is holes, and of the memory that it took, compressed, a good part has gone back.
check_use() {
	local data memory=$((memory_before - deleted_kib / 4))
	[ -z "$policies" ] || memory=$((memory_before - deleted_kib / 8)) # it was packed better
	data=$(data_kib)
	[ "$data" -le $((data_before - deleted_kib * 8 / 10)) ] ||
		fail "$what: $deleted_kib KiB were deleted, and data went from $data_before to $data KiB"
	until_ready "$server" takes_less_than "$memory" ||
		fail "$what: $deleted_kib KiB were deleted, and memory went from $memory_before to $(memory_kib) KiB"
	echo "$what: data $data_before -> $data KiB, memory $memory_before -> $(memory_kib) KiB"
	nr_done=$((nr_done + 1))
	[ -z "$policies" ] || check_policies
}

# They were at work, within their limits.
check_policies() {
	"$zs" zram stat --json disk >"$dir/report"
	check "$what: policies" '.recompressed > 1000 and .bd_writes > 100'
	check "$what: limits" '.bd_bytes <= 8388608 and .mem_used_max <= 33554432 + 1000000'
	check "$what: failures" '.failed_reads == 0 and .failed_writes == 0 and .bd_failures == 0'
}

# step COMMAND...
step() {
	timeout 60 "$@" >"$dir/report" 2>&1 || fail "$what: $1: status $?: $(tail -n 3 "$dir/report")"
}

# ---- the ways ----

mount_loop() {
	timeout 30 mount -o loop,discard "$dir/fuse/disk" "$dir/files" 2>"$dir/report"
}

try_loop() {
	step mkfs.ext4 -q -F -b 4096 "$dir/fuse/disk"
	mount_loop || { left_out "$what: $(tail -n 1 "$dir/report")"; return; }
	step cp -a "$dir/tree/." "$dir/files"
	unmount "$dir/files"
	mount_loop || { fail "$what: it does not mount again: $(tail -n 1 "$dir/report")"; return; }
	same_as tree "$dir/files"
	note_use
	step env -C "$dir/files" xargs -d '\n' -a "$dir/deleted" rm
	step sync -f "$dir/files"
	step fstrim "$dir/files"
	same_as half "$dir/files"
	unmount "$dir/files"
	step e2fsck -fn "$dir/fuse/disk"
	check_use
}

mount_fuse2fs() {
	timeout 120 fuse2fs -f -o fakeroot "$dir/fuse/disk" "$dir/files" >"$dir/words" 2>&1 &
	fuse2fs=$!
	until_ready $fuse2fs is_mounted "$dir/files" && is_mounted "$dir/files"
}

# fuse2fs writes the last when it ends: nobody looks at the disk before.
unmount_fuse2fs() {
	unmount "$dir/files"
	wait "$fuse2fs" || fail "$what: fuse2fs: status $?: $(tail -n 3 "$dir/words")"
	fuse2fs=''
}

try_fuse2fs() {
	step mkfs.ext4 -q -F -b 4096 "$dir/fuse/disk"
	mount_fuse2fs || { left_out "$what: $(tail -n 1 "$dir/words")"; return; }
	step cp -a "$dir/tree/." "$dir/files"
	unmount_fuse2fs
	mount_fuse2fs || { fail "$what: it does not mount again: $(tail -n 1 "$dir/words")"; return; }
	same_as tree "$dir/files"
	note_use
	step env -C "$dir/files" xargs -d '\n' -a "$dir/deleted" rm
	same_as half "$dir/files"
	unmount_fuse2fs
	step e2fsck -fn "$dir/fuse/disk"
	step e2fsck -fy -E discard "$dir/fuse/disk"
	check_use
}

# with_nbdfuse WAY
with_nbdfuse() {
	start_nbdfuse || return
	"$1"
	unmount "$dir/files"
	stop_nbdfuse
}

# Out of the image and into the tree that it should be.
same_image() {
	rm -rf "$dir/back" "$dir/out"
	mkdir "$dir/out"
	step nbdcopy "$uri" "$dir/back"
	step e2fsck -fn "$dir/back"
	step debugfs -R "rdump / $dir/out" "$dir/back"
	same_as "$1" "$dir/out"
}

try_copies() {
	rm -f "$dir/image"
	step mkfs.ext4 -q -b 4096 -d "$dir/tree" "$dir/image" 256M
	step nbdcopy "$dir/image" "$uri"
	same_image tree
	note_use
	sed 's|.*|rm "/&"|' "$dir/deleted" >"$dir/commands"
	step debugfs -w -f "$dir/commands" "$dir/image"
	step e2fsck -fy -E discard "$dir/image"
	step nbdcopy "$dir/image" "$uri"
	same_image half
	check_use
}

go_apart "$@"
export XDG_RUNTIME_DIR=$dir
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
what=filesystem
[ -r /proc/self/mountinfo ] || { left_out "there is no /proc"; exit 77; }
have nbdkit nbdinfo mkfs.ext4 e2fsck || exit 77
[ -z "$policies" ] || have jq || exit 77
make_files
start_server
what="a loop mount"
have nbdfuse mount fstrim && with_nbdfuse try_loop
what=fuse2fs
have nbdfuse fuse2fs && with_nbdfuse try_fuse2fs
what="copies of an image"
have nbdcopy debugfs && try_copies
[ $failed != 0 ] || [ $nr_done != 0 ] || exit 77
exit $failed
