#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds the debug kernel that the file config describes from Debian's linux-source-6.1 and prints its folder, which lies
# in a cache outside this tree; if it is there already, only prints it. The folder holds vmlinuz, lib/modules/RELEASE,
# build for `make -C build M=...`, and when all of it is there a file named complete.
#   build.sh [-j JOBS] [-w]     -w: build nothing; print the folder and fail if the kernel is not in it
# shellcheck disable=SC2317  # step calls functions
set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tarball=/usr/src/linux-source-6.1.tar.xz
packages="linux-source-6.1 gcc libc6-dev make flex bison bc libelf-dev kmod xz-utils"
jobs=$(nproc)
# Goes up when this script lays the folder out in another way, so that the folders of before are not found.
layout=1

say() {
	echo "debug kernel: $*" >&2
}

die() {
	say "$*"
	exit 1
}

usage() {
	sed -n 's/^#   \(build.sh .*\)/usage: \1/p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

# ---- where it goes ----

check_packages() {
	local package missing=
	[ "$(uname -m)" = x86_64 ] || die "this is $(uname -m): the kernel is built on x86_64 only"
	command -v dpkg-query >/dev/null || die "this is no Debian: the source comes from Debian 12's package linux-source-6.1"
	for package in $packages; do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=" $package"
	done
	[ -z "$missing" ] || die "missing packages; as root:  apt-get update && apt-get install -y --no-install-recommends$missing"
	[ -r "$tarball" ] || die "$tarball cannot be read; as root:  apt-get install --reinstall linux-source-6.1"
}

# One folder for each source, configuration and compiler.
find_folder() {
	local version hash
	cache=${ZSMALLOC_KERNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/zsmalloc-kernel}
	version=$(dpkg-query -W -f='${Version}' linux-source-6.1)
	hash=$({ cat "$here/config" && echo "$version $layout" && gcc --version; } | sha256sum | cut -c 1-12)
	folder=$cache/debug-$version-$hash
	case $folder in
	/*[\ :]* | [!/]*) die "'$folder': set ZSMALLOC_KERNEL_CACHE to an absolute path without spaces and colons" ;;
	esac
}

# Two builds of one folder take turns.
lock() {
	mkdir -p "$cache" || die "cannot make $cache: set ZSMALLOC_KERNEL_CACHE to a folder that can be written to"
	exec 9>"$folder.lock" || die "cannot write to $cache: set ZSMALLOC_KERNEL_CACHE to another folder"
	flock -n 9 && return
	say "another build of $folder is under way: waiting for it"
	flock 9
}

check_space() {
	local free_mib
	free_mib=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free_mib" -ge 2048 ] || die "$free_mib MiB are free in $cache, 2048 are needed: make room or set ZSMALLOC_KERNEL_CACHE"
}

# ---- making it ----

# step WHAT COMMAND…: runs the command with its output in the log and says now and then how far it is.
step() {
	local what=$1 line lines=0 next=$((SECONDS + 30))
	shift
	say "$what"
	"$@" 2>&1 | while IFS= read -r line; do
		echo "$line" >>"$log"
		lines=$((lines + 1))
		[ "$SECONDS" -ge "$next" ] || continue
		say "$what: $lines lines of the log after $SECONDS s"
		next=$((SECONDS + 30))
	done || {
		tail -20 "$log" >&2
		die "$what failed; the whole log is in $log"
	}
}

# The environment is left behind: make's own variables (from `make check`), ARCH, LOCALVERSION and others would have a say.
kernel_make() {
	env -i PATH="$PATH:/usr/sbin:/sbin" HOME="${HOME:-/}" LC_ALL=C nice -n 10 make -j"$jobs" ARCH=x86_64 \
		KBUILD_BUILD_USER=zsmalloc KBUILD_BUILD_HOST=debug KBUILD_BUILD_TIMESTAMP=@0 "$@"
}

# Without most of what is certainly not compiled; the Kconfig files are all needed.
unpack() {
	local unused=() name
	for name in 'arch/[!x]*' 'drivers/gpu/*' 'drivers/net/*' 'drivers/media/*' 'sound/*'; do
		unused+=("--exclude=linux-source-6.1/$name.[chS]")
	done
	mkdir "$source" && tar -xf "$tarball" -C "$source" --strip-components=1 "${unused[@]}" \
		--exclude='linux-source-6.1/Documentation/[!K]*' --exclude='*.dts' --exclude='*.dtsi'
}

# A symbol that is unknown or lacks a dependency is dropped without a word: look for every one of them.
check_config() {
	local wanted found lost=0 requests
	requests=$(grep -E '^(# )?CONFIG_[A-Za-z0-9_]+(=| is not set$)' "$here/config") || die "no request found in $here/config"
	while read -r wanted; do
		found=$(grep -E "^CONFIG_$(sed -E 's/^(# )?CONFIG_([A-Za-z0-9_]+).*/\2/' <<<"$wanted")=" "$source/.config")
		[ "$found" = "${wanted##\#*}" ] && continue
		say "config: '$wanted' became '${found:-not set}'"
		lost=$((lost + 1))
	done <<<"$requests"
	[ "$lost" = 0 ] || die "$lost lines of $here/config did not take effect: unknown, or a dependency is missing (see $source)"
}

# Keeps what modules from outside need of the tree, as Debian's linux-headers do.
keep_build_tree() {
	mkdir "$folder/build" && (cd "$source" && {
		echo .config
		echo Module.symvers
		echo tools/objtool/objtool
		find . arch/x86 -maxdepth 1 -name 'Makefile*'
		find include scripts arch/x86/include \( -type f -o -type l \) ! -name '*.o'
	} | tar -cf - -T -) | tar -xf - -C "$folder/build"
}

# Shows that the kept tree suffices.
try_build_tree() {
	local dir=$folder/try result
	mkdir -p "$dir" && echo 'obj-m := try.o' >"$dir/Kbuild" || return
	printf '%s\n' '#include <linux/module.h>' 'MODULE_LICENSE("GPL");' 'MODULE_DESCRIPTION("nothing");' >"$dir/try.c"
	kernel_make -C "$folder/build" M="$dir" modules && [ -f "$dir/try.ko" ]
	result=$?
	rm -rf "$dir"
	return "$result"
}

install_files() {
	rm -rf "${folder:?}/lib" "$folder/build"
	cp "$source/arch/x86/boot/bzImage" "$folder/vmlinuz" || return
	kernel_make -C "$source" INSTALL_MOD_PATH="$folder" modules_install || return
	# They lead into the source, which goes.
	rm -f "$folder"/lib/modules/*/build "$folder"/lib/modules/*/source
	[ -s "$(echo "$folder"/lib/modules/*/modules.dep)" ] || {
		echo "depmod left no modules.dep"
		return 1
	}
	keep_build_tree
}

# Goes on where an attempt that was stopped has come to: make finds out what is left to do.
build() {
	source=$folder/source log=$folder/log
	if [ ! -e "$folder/unpacked" ]; then
		rm -rf "$folder"
		mkdir "$folder" || die "cannot make $folder"
		check_space
		step "unpacking $tarball" unpack
		touch "$folder/unpacked"
	fi
	step "configuring" kernel_make -C "$source" KCONFIG_ALLCONFIG="$here/config" allnoconfig
	check_config
	step "compiling with $jobs jobs (1,500 lines or so)" kernel_make -C "$source" bzImage modules
	step "installing" install_files
	step "trying to build a module" try_build_tree
	rm -rf "$source" "$folder/unpacked"
	touch "$folder/complete"
	say "built in $SECONDS s: $(du -sm "$folder" | cut -f 1) MiB"
}

# Read as a whole before it starts: this file may change while a build runs.
main() {
	local option where=
	while getopts j:w option; do
		case $option in
		j) jobs=$OPTARG ;;
		w) where=1 ;;
		*) usage ;;
		esac
	done
	if [ "$OPTIND" -le $# ] || ! [[ $jobs =~ ^[1-9][0-9]*$ ]]; then
		usage
	fi
	check_packages
	find_folder
	if [ -z "$where" ] && [ ! -e "$folder/complete" ]; then
		lock
		[ -e "$folder/complete" ] || build
	fi
	echo "$folder"
	[ -e "$folder/complete" ]
}

main "$@"; exit
