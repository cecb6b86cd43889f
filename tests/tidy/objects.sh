#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The kernel module is made of the library's core, file for file, and is of the same version everywhere.
#   objects.sh SOURCE_ROOT
set -u
root=$1
bad=0

fail() {
	echo "objects: $*"
	bad=1
}

# Of the folder, of the library and of the module: a name a line.
files=$(cd "$root/src/core" && ls ./*.c | sed 's|^./||; s|\.c$||' | sort)
library=$(grep -o "'core/[a-z_]*\.c'" "$root/src/meson.build" | sed "s|'core/||; s|\.c'||" | sort)
module=$(sed -e ':a' -e '/\\$/{N;s/\\\n//;ta' -e '}' "$root/Kbuild" | sed -n 's/^zsmalloc-core := //p' | tr -s ' \t' '\n' | sort)

[ "$files" = "$library" ] || fail "the library is not made of src/core: $(diff <(echo "$files") <(echo "$library"))"
[ "$files" = "$module" ] || fail "the module is not made of src/core: $(diff <(echo "$files") <(echo "$module"))"

"$root/scripts/version.sh" >/dev/null || bad=1
exit $bad
