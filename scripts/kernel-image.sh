#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Prints a folder with Debian's kernel image for the installed linux-headers-amd64: vmlinuz, and lib/modules/VERSION with
# modules.dep. It is fetched by apt at the first call and kept in a cache; nothing is installed, /boot stays as it is.
#   kernel-image.sh
set -u
PATH=$PATH:/usr/sbin:/sbin # depmod, for who is not root
cache=${ZSMALLOC_KERNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/zsmalloc-kernel}
headers=linux-headers-amd64

die() {
	echo "kernel-image: $*" >&2
	exit 1
}

# The package that $headers stands for, as "VERSION PACKAGE-VERSION": 6.1.0-56-amd64 6.1.192-2
installed() {
	dpkg-query -W -f='${Status}|${Depends}\n' "$headers" 2>/dev/null |
		sed -n 's/^install ok installed|.*linux-headers-\([^ ]*-amd64\) (= \([^)]*\)).*/\1 \2/p'
}

# fetch VERSION PACKAGE-VERSION FOLDER: all is made beside FOLDER, which appears whole or not at all
fetch() {
	local version=$1 package_version=$2 folder=$3
	(cd "$made" && apt-get download -q "linux-image-$version=$package_version") >"$made/log" 2>&1 || {
		tail -3 "$made/log" >&2
		die "cannot download linux-image-$version=$package_version; try:" \
			"apt-get update && apt-get install $headers"
	}
	mkdir "$made/image" && dpkg -x "$made"/linux-image-*.deb "$made/image" || die "cannot unpack the image"
	ln -s "boot/vmlinuz-$version" "$made/image/vmlinuz" || die "cannot write to $made"
	depmod -b "$made/image" "$version" || die "depmod failed"
	[ -s "$made/image/vmlinuz" ] && [ -s "$made/image/lib/modules/$version/modules.dep" ] ||
		die "the package linux-image-$version has no kernel or no modules"
	# Another call may have been faster; its folder is as good.
	mv -T "$made/image" "$folder" 2>/dev/null || [ -s "$folder/vmlinuz" ] || die "cannot make $folder"
}

for program in dpkg-query dpkg apt-get depmod; do
	command -v "$program" >/dev/null || die "needs $program; this works on Debian, with its package kmod"
done
read -r version package_version <<<"$(installed)"
[ -n "${package_version:-}" ] || die "$headers is not installed: apt-get install $headers"
folder=$cache/${version}_$package_version
if [ ! -s "$folder/vmlinuz" ]; then
	mkdir -p "$cache" || die "cannot make $cache"
	made=$(mktemp -d "$cache/.fetching.XXXXXX") || die "cannot write to $cache"
	trap 'rm -rf "$made"' EXIT
	trap 'exit 1' INT TERM HUP
	fetch "$version" "$package_version" "$folder"
fi
echo "$folder"
