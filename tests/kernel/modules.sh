#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds what the tests load: zsmalloc.ko, the self-test, and zsmalloc-faulty.ko, which is the same objects with their
# requests for memory led through a function that fails when told to.
#   modules.sh BUILD_FOLDER [KERNEL_BUILD_FOLDER]     as scripts/kmod.sh
set -u
build=${1:?a folder to build in}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1

die() {
	echo "modules: $*" >&2
	exit 1
}

# make_in FOLDER VARIABLE…
make_in() {
	local folder=$1
	shift
	make -s -C "$kernel" M="$folder" "$@" modules >"$folder/log" 2>&1 || { cat "$folder/log" >&2 && die "$folder does not build"; }
	! grep -q 'warning:' "$folder/log" || { cat "$folder/log" >&2 && die "$folder builds with warnings"; }
}

# The module's Kbuild makes the other module of the same objects.
build_faulty() {
	local folder=$build/faulty
	mkdir -p "$folder/tests/kernel" && cp -pr --update "$root/src" "$folder/" &&
		cp -pr --update "$here/selftest" "$folder/tests/kernel/" || die "cannot copy to $folder"
	{
		sed 's/^obj-m := .*/obj-m :=/' "$root/Kbuild"
		echo 'selftest := tests/kernel/selftest'
		echo 'include $(src)/$(selftest)/faulty.kbuild'
	} >"$folder/Kbuild"
	make_in "$folder"
	mv "$folder/zsmalloc-faulty.ko" "$build/"
}

build_selftest() {
	local folder=$build/selftest
	mkdir -p "$folder" && cp -pr --update "$here/selftest/." "$folder/" || die "cannot copy to $folder"
	make_in "$folder" KBUILD_EXTRA_SYMBOLS="$build/Module.symvers"
	mv "$folder/zsmalloc-selftest.ko" "$build/"
}

"$root/scripts/kmod.sh" "$build" "${@:2}" >/dev/null || exit 1
build=$(cd "$build" && pwd)
kernel=$("$root/scripts/kmod.sh" -k "${@:2}") || exit 1
build_faulty
build_selftest
"$here/selftest/unwrapped.sh" "$build/zsmalloc.ko" || die "the failing variant does not know all of the module's requests"
