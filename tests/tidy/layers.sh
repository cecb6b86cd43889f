#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Who may include whom, as src/README.md says: a file includes only files of its own layer or of layers below, the core
# includes no system header, and no two files of the core include each other, directly or around a corner. The drawing in
# docs/architecture.md has a box for each folder.
#   layers.sh SOURCE_ROOT
set -u
root=$1
bad=0

fail() {
	echo "layers: $*"
	bad=1
}

# The folder that holds a header, by the header's name.
declare -A folder_of
find_headers() {
	local path
	while read -r path; do
		folder_of[${path##*/}]=${path%/*}
	done < <(cd "$root" && find src include -name '*.h' -not -path '*/sim/*' -not -path '*/kernel/host_types.h' | sort -r)
}

# folder: the folders it may include from
allowed() {
	case $1 in
	src/host) echo "src/host src/host/posix" ;;
	src/host/posix | src/host/sim) echo "$1 src/host src/host/posix include" ;;
	src/core) echo "src/core src/host src/host/posix" ;;
	src/host/kernel) echo "src/host/kernel src/host" ;;
	src/front/kmod) echo "src/front/kmod src/core src/host/kernel src/host" ;;
	src/api) echo "src/api src/core src/host src/host/posix include" ;;
	src/comp) echo "src/comp" ;;
	src/metrics) echo "src/metrics" ;;
	src/service) echo "src/service src/host" ;;
	src/engine) echo "src/engine src/host" ;;
	src/zram) echo "src/zram src/engine src/metrics src/comp include" ;;
	src/zswap) echo "src/zswap src/engine src/metrics src/comp include src/host" ;;
	src/zcache) echo "src/zcache src/engine src/metrics src/comp include src/host" ;;
	src/front/zcache) echo "src/front/zcache src/service src/zcache src/engine src/comp src/host include" ;;
	src/front/uffd) echo "src/front/uffd src/service src/zswap src/engine src/comp src/host include" ;;
	src/front/nbdkit) echo "src/front/nbdkit src/service src/zram src/zcache src/metrics src/comp include" ;;
	src/front/preload) echo "src/front/preload src/front/uffd src/service src/zswap src/engine include" ;;
	tools/zs) echo "tools/zs src/service src/metrics src/comp src/core src/host/posix src/front/preload include" ;;
	*) echo "" ;;
	esac
}

check_file() {
	local file=$1 folder=${1%/*} header from allowed
	allowed=" $(allowed "$folder") "
	while read -r header; do
		from=${folder_of[${header##*/}]:-.}
		[ -f "$root/$folder/${header##*/}" ] && from=$folder
		[[ $allowed == *" $from "* ]] || fail "$file includes $header of $from, which is not below $folder"
	done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$root/$file")
}

check_core_is_free_of_system_headers() {
	local hits
	hits=$(cd "$root" && grep -n '^#include <' src/core/*.[ch])
	[ -z "$hits" ] || fail "the core includes system headers: $hits"
	hits=$(cd "$root" && grep -nE '__KERNEL__|LINUX_VERSION|CONFIG_[A-Z]|__linux__|_WIN32' src/core/*.[ch])
	[ -z "$hits" ] || fail "the core knows its host: $hits"
}

# tsort says which files form a loop.
check_core_has_no_cycle() {
	local loop
	loop=$(cd "$root/src/core" && for f in *.[ch]; do
		sed -n 's/^#include "\(.*\)"/\1/p' "$f" | while read -r h; do
			[ -f "$h" ] && [ "${f%.*}" != "${h%.*}" ] && echo "${f%.*} ${h%.*}"
		done
	done | sort -u | tsort 2>&1 >/dev/null)
	[ -z "$loop" ] || fail "files of the core include each other: $loop"
}

# What is drawn with a slash at its end, and the folders that have files.
check_drawing() {
	local drawn folders
	drawn=$(awk '/^<!-- layers -->$/ { here = 1; next } here && /^```/ { fences++ } here && fences == 1' \
		"$root/docs/architecture.md" | grep -oE '\b[a-z]+/([a-z]+/)?' | sed 's|/$||' | sort)
	folders=$(cd "$root/src" && find . -name '*.[ch]' -printf '%h\n' | sed 's|^\./||' | sort -u)
	[ "$drawn" = "$folders" ] ||
		fail "the drawing in docs/architecture.md (<) differs from src (>): $(diff <(echo "$drawn") <(echo "$folders"))"
}

find_headers
for file in $(cd "$root" && find src tools -name '*.[ch]' | sort); do
	check_file "$file"
done
check_core_is_free_of_system_headers
check_core_has_no_cycle
check_drawing
exit $bad
