#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The version, which several files tell: prints it, if all tell the same, or has all of them tell another.
#   version.sh                  prints it
#   version.sh NUMBER.NUMBER.NUMBER
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
header=$root/include/zsmalloc.h

die() {
	echo "version: $*" >&2
	exit 1
}

# Each file with an expression of three groups, of which the middle one is the version. Only the first such line counts.
places() {
	cat <<-'END'
		CHANGELOG.md	^(## )([0-9.]+)(.*)$
		meson.build	^(  version: ')([0-9.]+)(',)$
		dkms.conf	^(PACKAGE_VERSION=")([0-9.]+)(")$
		src/front/kmod/module.c	^(MODULE_VERSION\(")([0-9.]+)("\);)$
	END
}

version_of_header() {
	sed -nE 's/^#define ZS_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+)$/\2/p' "$header" | paste -sd .
}

show() {
	local file expression told version
	version=$(version_of_header)
	while IFS=$'\t' read -r file expression; do
		told=$(sed -nE "s/$expression/\2/p" "$root/$file" | head -n 1)
		[ "$told" = "$version" ] || die "$file is of version '$told', and zsmalloc.h of '$version'"
	done < <(places)
	[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "'$version' is no version"
	echo "$version"
}

# In the changelog the new version gets a heading of its own, before the others.
change() {
	local file expression major minor patch
	[[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "'$1' is no version: it has three numbers"
	IFS=. read -r major minor patch <<<"$1"
	sed -i -E "s/^(#define ZS_VERSION_MAJOR ).*/\1$major/; s/^(#define ZS_VERSION_MINOR ).*/\1$minor/
		s/^(#define ZS_VERSION_PATCH ).*/\1$patch/" "$header" || exit 1
	while IFS=$'\t' read -r file expression; do
		if [ "$file" = CHANGELOG.md ]; then
			sed -i -E "0,/$expression/s//## $1 (unreleased)\n\n\1\2\3/" "$root/$file" || exit 1
		else
			sed -i -E "s/$expression/\1$1\3/" "$root/$file" || exit 1
		fi
	done < <(places)
}

case $# in
0) show ;;
1) change "$1" && show >/dev/null ;;
*) sed -n '4,5p' "$0" | sed 's/^# *//' >&2 && exit 2 ;;
esac
