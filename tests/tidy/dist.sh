#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The source archive is the same, byte for byte, whoever packs it and wherever: what was unpacked elsewhere, by somebody
# whose umask, zone and language are others, gives the same again. And it leaves nothing of the tree out.
#   dist.sh SOURCE_ROOT
set -eu
root=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'echo "dist: failed at line $LINENO"' ERR

first=$("$root/scripts/dist.sh" "$dir/first")
name=$(basename "$first" .tar.xz)
mkdir -p "$dir/some/where/else"
(
	umask 077
	export TZ=Pacific/Apia LANG=tr_TR.UTF-8 XZ_OPT=-0 TAR_OPTIONS=--format=posix
	tar -C "$dir/some/where/else" -xf "$first"
	touch "$dir/some/where/else/$name/README.md" # of another time, as after it was copied
	"$dir/some/where/else/$name/scripts/dist.sh" "$dir/second" >/dev/null
)
cmp "$first" "$dir/second/$name.tar.xz"

# Nothing is missing: what git knows, if this is git's tree.
tar -tf "$first" | sed "s,^$name/,," | LC_ALL=C sort >"$dir/packed"
for file in README.md meson.build .clang-format tests/meson.build packaging/debian/rules LICENSES/BSD-3-Clause.txt; do
	grep -qxF "$file" "$dir/packed"
done
if git -C "$root" rev-parse HEAD >/dev/null 2>&1 && [ -e "$root/.git" ]; then
	git -C "$root" ls-files | while read -r file; do
		[ ! -e "$root/$file" ] || echo "$file"
	done | LC_ALL=C sort >"$dir/known"
	missing=$(LC_ALL=C comm -23 "$dir/known" "$dir/packed")
	[ -z "$missing" ] || { echo "dist: not packed: $missing"; exit 1; }
fi
