#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds the Debian packages in a folder of its own: from the tree's files a source package, whose debian/ is
# packaging/debian with a changelog of the version that CHANGELOG.md tells, and from that the packages.
#   deb.sh BUILD_FOLDER         which is emptied first
set -u
build=${1:?a folder to build in}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")

die() {
	echo "deb: $*" >&2
	exit 1
}

# The newest version in CHANGELOG.md, of which all that tells a version must tell the same.
find_version() {
	local file
	version=$(sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' "$root/CHANGELOG.md" | head -n 1)
	[ -n "$version" ] || die "CHANGELOG.md tells no version"
	for file in meson.build dkms.conf src/front/kmod/module.c; do
		grep -qE "(version: '|PACKAGE_VERSION=\"|MODULE_VERSION\(\")$version['\"]" "$root/$file" ||
			die "$file is not of version $version, which CHANGELOG.md tells"
	done
}

# The date of the last change, so that the same tree makes the same packages.
find_date() {
	date=$(git -C "$root" log -1 --format=%aD 2>/dev/null) || date=$(date -R -r "$root/CHANGELOG.md")
}

# What belongs to the tree, each name with a NUL.
files() {
	local file
	if [ -e "$root/.git" ]; then
		git -C "$root" ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
			[ ! -e "$root/$file" ] || printf '%s\0' "$file"
		done
	else
		(cd "$root" && find * -path 'build*' -prune -o \( -type f -o -type l \) -print0)
	fi
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

lay_out() {
	rm -rf "$build" && mkdir -p "$build/$source" || die "cannot make $build"
	files | tar -C "$root" --null -T - --sort=name --owner=0 --group=0 --numeric-owner --mtime="$date" \
		--mode=u+rw,go=rX --transform "s,^,$source/," -cJf "$build/zsmalloc_$version.orig.tar.xz" &&
		tar -C "$build" -xf "$build/zsmalloc_$version.orig.tar.xz" || die "cannot pack the sources"
	cp -r "$root/packaging/debian" "$build/$source/debian" && changelog >"$build/$source/debian/changelog" ||
		die "cannot lay out $build/$source/debian"
}

find_version
find_date
source=zsmalloc-$version
lay_out
echo "deb: building $source in $build; its log is $build/build.log"
(cd "$build/$source" && dpkg-buildpackage --no-sign --jobs=auto) >"$build/build.log" 2>&1 || {
	tail -n 30 "$build/build.log" >&2
	die "the build failed"
}
rm -rf "${build:?}/$source"
ls "$build"/*.deb
