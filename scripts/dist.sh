#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Packs the tree's files as they are now: zsmalloc-VERSION.tar.xz. The same files of the same day give the same archive,
# byte for byte, whoever packs them and wherever; also those that were unpacked from such an archive.
#   dist.sh FOLDER              where to put it; its name is printed
set -u
folder=${1:?a folder to put the archive in}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
export LC_ALL=C
# Nobody's settings of xz may have a say.
unset XZ_DEFAULTS XZ_OPT TAR_OPTIONS

die() {
	echo "dist: $*" >&2
	exit 1
}

is_under_git() {
	[ -e "$root/.git" ] && git -C "$root" rev-parse HEAD >/dev/null 2>&1
}

# What belongs to the tree, each name with a NUL. Beside git's files, those that are to be added to them.
files() {
	local file
	if is_under_git; then
		git -C "$root" ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
			[ ! -e "$root/$file" ] || printf '%s\0' "$file"
		done
	else
		(cd "$root" && find . -path ./.git -prune -o -path './build*' -prune -o \( -type f -o -type l \) -printf '%P\0')
	fi | sort -zu
}

# When the tree was changed last, in seconds: every file of the archive is of that time.
moment() {
	if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
		echo "$SOURCE_DATE_EPOCH"
	elif is_under_git; then
		git -C "$root" log -1 --format=%ct
	else
		stat -c %Y "$root/CHANGELOG.md"
	fi
}

pack() {
	files | tar -C "$root" --format=gnu --owner=0 --group=0 --numeric-owner \
		--mtime="@$(moment)" --mode=u=rwX,go=rX --transform "s,^,zsmalloc-$version/,S" --null -T - -c | xz -6 -T1 -C crc64
}

version=$("$here/version.sh") || exit 1
archive=$folder/zsmalloc-$version.tar.xz
mkdir -p "$folder" || die "cannot make $folder"
set -o pipefail
pack >"$archive.new" && mv "$archive.new" "$archive" || {
	rm -f "$archive.new"
	die "cannot pack $archive"
}
echo "$archive"
