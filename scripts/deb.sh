#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds the Debian packages in a folder of its own: from the tree's files, as dist.sh packs them, a source package, whose
# debian/ is packaging/debian with a changelog of its version, and from that the packages.
#   deb.sh BUILD_FOLDER         which is emptied first
set -u
build=${1:?a folder to build in}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")

die() {
	echo "deb: $*" >&2
	exit 1
}

# One entry, of a revision that any of Debian's own would replace. What changed is told by the project's own changelog,
# which is installed beside it.
changelog() {
	cat <<-END
		zsmalloc ($version-0zsmalloc1) unstable; urgency=medium

		  * Version $version; what changed is in changelog.gz.

		 -- $(sed -n 's/^Maintainer: //p' "$root/packaging/debian/control")  $date
	END
}

# The sources' time of last change is that of the packages too, so that the same tree makes the same packages.
lay_out() {
	local archive
	rm -rf "$build" && archive=$("$here/dist.sh" "$build") || die "cannot pack the sources"
	mv "$archive" "$build/zsmalloc_$version.orig.tar.xz" &&
		tar -C "$build" -xf "$build/zsmalloc_$version.orig.tar.xz" || die "cannot lay out the sources"
	date=$(date -R -u -r "$build/$source/CHANGELOG.md")
	cp -r "$root/packaging/debian" "$build/$source/debian" && changelog >"$build/$source/debian/changelog" ||
		die "cannot lay out $build/$source/debian"
}

version=$("$here/version.sh") || exit 1
source=zsmalloc-$version
lay_out
echo "deb: building $source in $build; its log is $build/build.log"
(cd "$build/$source" && dpkg-buildpackage --no-sign --jobs=auto) >"$build/build.log" 2>&1 || {
	tail -n 30 "$build/build.log" >&2
	die "the build failed"
}
rm -rf "${build:?}/$source"
ls "$build"/*.deb
