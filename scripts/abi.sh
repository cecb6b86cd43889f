#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Records in abi/ what programs that were linked with the libraries rely on, which tests/tidy/abi.sh compares with:
# functions and types, as abidw finds them in the debug information, and the constants of the public headers.
#   abi.sh record BUILD_FOLDER      of a build with debug information on x86_64, so that all are recorded alike
#   abi.sh library FILE             only prints what would be recorded of a library,
#   abi.sh constants HEADER         and of a header's constants
# docs/abi.md says when that may be done.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
libraries="zsmalloc zswap zcache"

die() {
	echo "abi: $*" >&2
	exit 1
}

# A line each, in order; but for the version, and what keeps the header from being read twice.
constants() {
	local prefix
	case $(basename "$1") in
	zsmalloc.h) prefix=ZS ;;
	zswap.h) prefix=ZSWAP ;;
	zcache.h) prefix=ZCACHE ;;
	*) die "$1 is no public header" ;;
	esac
	${CC:-cc} -E -dM "$1" | sed -n "s/^#define \(${prefix}_[A-Z0-9_]* .*\)$/\1/p" | grep -vE '^(ZS_VERSION_[A-Z]*|[A-Z]*_H) ' | LC_ALL=C sort
}

library_of() {
	find "$1/src" -name "lib$2.so.0" -print -quit
}

# Nothing of this machine, of where the build was, or of how the compiler names types goes into the file.
library() {
	abidw --headers-dir "$root/include" --drop-private-types --no-corpus-path --no-comp-dir-path --no-show-locs \
		--exported-interfaces-only --no-elf-needed --type-id-style hash "$1" | sed "s,path='[^']*/src/,path='src/,"
}

record() {
	local name library
	command -v abidw >/dev/null || die "abidw is missing: apt-get install abigail-tools"
	[ "$(uname -m)" = x86_64 ] || die "it is recorded on x86_64 only"
	for name in $libraries; do
		library=$(library_of "$1" "$name")
		[ -n "$library" ] || die "there is no lib$name.so.0 in $1"
		readelf -S "$library" | grep -q '\.debug_info' || die "$library has no debug information"
		library "$library" >"$root/abi/lib$name.abi" &&
			constants "$root/include/$name.h" >"$root/abi/$name.constants" || die "cannot record $name"
	done
	echo "abi: recorded in $root/abi"
}

case ${1:-} in
record) record "${2:?a build folder}" ;;
library) library "${2:?a library}" ;;
constants) constants "${2:?a header}" ;;
*) sed -n '5,7p' "$0" | sed 's/^# *//' >&2 && exit 2 ;;
esac
