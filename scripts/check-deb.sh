#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds the packages twice, the second time as of the next version, and tests them in a root of their own: installing,
# using, upgrading, purging (tests/packages). Ends with a line "N passed, N failed, N skipped".
#   check-deb.sh BUILD_FOLDER
# The root is a bare Debian of this machine's release, from where this machine's apt has its packages. It is kept, packed,
# in the folder, with the packages that it was given, so that the next run takes less. What is mounted there is mounted in
# a namespace of its own, so nothing stays mounted, however this ends.
set -u
build=${1:?a folder to build in}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
tree=$(dirname "$here")
tests=''

die() {
	echo "check-deb: $*" >&2
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}

# ---- inside the namespaces ----

# A node that every program may need; nothing of this machine's disks.
give_devices() {
	local node
	mount -t tmpfs -o mode=755 tmpfs "$1/dev" || return 1
	for node in null zero full random urandom; do
		: >"$1/dev/$node" && mount --bind "/dev/$node" "$1/dev/$node" || return 1
	done
	ln -s /proc/self/fd "$1/dev/fd" && mkdir -m 1777 "$1/dev/shm"
}

if [ "$build" = inside ]; then
	root=$2
	mount -t proc proc "$root/proc" && give_devices "$root" &&
		mount --bind "$(dirname "$root")/archives" "$root/var/cache/apt/archives" || die "cannot mount in $root"
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		${http_proxy:+http_proxy="$http_proxy"} /check/tests/run.sh
fi

# ---- outside ----

# Only what this run has started and made. Who is inside ends with the one that is killed here.
clean() {
	trap '' INT TERM HUP
	[ -z "$tests" ] || { kill -KILL "$tests" && wait "$tests"; } 2>/dev/null
	rm -rf --one-file-system "$build/root" "$build/next"
}

check_rights() {
	[ "$(id -u)" = 0 ] || die "needs root: it makes a root of its own, and installs packages there"
	unshare --mount --pid --ipc --fork --propagation private true 2>/dev/null ||
		die "cannot make namespaces here: a container has to be privileged for that"
	command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: apt-get install mmdebstrap"
	mkdir -p "$build/archives/partial" && build=$(cd "$build" && pwd) || die "cannot make $build"
	exec 9>"$build/lock"
	flock -n 9 || die "another run is at work in $build"
}

# Where this machine's apt has Debian's packages from, a line each for the main part of a release.
sources() {
	apt-get indextargets --format '$(ORIGIN) $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v own="$VERSION_CODENAME" '$1 == "Debian" && index($3, own) == 1 { print "deb", $2, $3, $4 }' | sort -u
}

# make_root: keeps it packed, as long as it is from the same place
make_root() {
	local lines
	. /etc/os-release
	[ -n "$(sources)" ] || apt-get update -qq
	sources >"$build/sources.new"
	[ -s "$build/sources.new" ] || die "apt knows of no packages of Debian $VERSION_CODENAME here"
	apt-config dump | grep -E '^Acquire::[a-z]+::Proxy' >"$build/apt.conf"
	if ! cmp -s "$build/sources.new" "$build/sources.list" || [ ! -s "$build/root.tar" ]; then
		echo "check-deb: making a root of Debian $VERSION_CODENAME; its log is $build/root.log"
		mapfile -t lines <"$build/sources.new"
		mv "$build/sources.new" "$build/sources.list" && rm -f "$build"/root.tar*
		mmdebstrap --mode=root --variant=minbase --format=tar --aptopt="$build/apt.conf" "$VERSION_CODENAME" \
			"$build/root.tar.new" "${lines[@]}" >"$build/root.log" 2>&1 && mv "$build/root.tar.new" "$build/root.tar" || {
			tail -n 20 "$build/root.log" >&2
			die "cannot make a root"
		}
	fi
	rm -f "$build/sources.new"
}

# Both sets of packages, as they stand in $build/old and $build/new.
build_packages() {
	local archive version
	"$here/deb.sh" "$build/old" >/dev/null || die "cannot build the packages"
	lintian --fail-on error,warning "$build"/old/*.changes || die "lintian has something against the packages"
	version=$("$here/version.sh") && archive=$("$here/dist.sh" "$build/next") &&
		tar -C "$build/next" -xf "$archive" || die "cannot copy the tree"
	tree_next=$build/next/zsmalloc-$version
	"$tree_next/scripts/version.sh" "${version%.*}.$((${version##*.} + 1))" &&
		"$tree_next/scripts/deb.sh" "$build/new" >/dev/null || die "cannot build the next version's packages"
}

lay_out_root() {
	rm -rf --one-file-system "$build/root" && mkdir "$build/root" &&
		tar -C "$build/root" --numeric-owner --exclude='./dev/*' -xpf "$build/root.tar" &&
		cp -L --remove-destination /etc/resolv.conf "$build/root/etc/" &&
		mkdir -p "$build/root/check/tests" && cp -r "$build/old" "$build/new" "$build/root/check/" &&
		cp "$tree"/tests/packages/* "$here/count.sh" "$tree/tests/lib/uffd_there.h" "$build/root/check/tests/" ||
		die "cannot lay out the root"
}

trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
check_rights
build_packages
make_root
lay_out_root
unshare --mount --pid --ipc --fork --kill-child --propagation private "$0" inside "$build/root" &
tests=$!
wait "$tests"
status=$?
tests=''
exit $status
