#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Tests the core on other architectures under qemu's user emulation, and with musl: the model on each page source, on
# the simulated host with and without tables, threads, waits with both widths of time, the out-of-memory sweep, and the
# fuzzer's corpus.
# Ends with a line "N passed, N failed, N skipped".
#   check-arch.sh BUILD_FOLDER [ARCHITECTURE...]     arm64 (64-bit), i386 (32-bit), s390x (big-endian), musl
set -u
build=${1:?a folder to build in}
shift
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/scripts/count.sh"

compiler_of() {
	case $1 in
	arm64) echo aarch64-linux-gnu-gcc ;;
	i386) echo i686-linux-gnu-gcc ;;
	s390x) echo s390x-linux-gnu-gcc ;;
	musl) echo musl-gcc ;;
	esac
}

emulator_of() {
	case $1 in
	arm64) echo qemu-aarch64 ;;
	i386) echo qemu-i386 ;;
	s390x) echo qemu-s390x ;;
	esac
}

# compile ARCHITECTURE PROGRAM HOST OPTION_OR_FILE…
compile() {
	local arch=$1 program=$2 host=$3
	shift 3
	"$(compiler_of "$arch")" -static -O2 -g -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -I"$root/include" -I"$root/tests/lib" \
		-I"$root/src/core" -I"$root/src/host" -I"$root/src/host/$host" "$@" "$root/tests/lib/pages.c" "$root"/src/core/*.c \
		"$root"/src/api/*.c "$root/src/host/$host"/*.c -pthread -o "$build/$arch/$program"
}

build_all() {
	local arch=$1 tests=$root/tests
	compile "$arch" model posix "$tests/model/model.c" &&
		compile "$arch" stress posix "$tests/stress/stress.c" &&
		compile "$arch" fuzz posix "$tests"/fuzz/{fuzz,main}.c &&
		compile "$arch" model-sim sim -DMODEL_SIM "$tests/model/model.c" &&
		compile "$arch" model-trees sim -DMODEL_SIM -DZS_HOST_TABLES=0 "$tests/model/model.c" &&
		compile "$arch" fault sim "$tests/fault/fault.c" &&
		compile "$arch" futex-wait posix "$tests/unit/futex_wait.c" &&
		compile "$arch" futex-wait-time64 posix "$tests/unit/futex_wait.c" -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64
}

# run ARCHITECTURE PROGRAM ARGUMENT…
run() {
	local arch=$1 program=$2
	shift 2
	# shellcheck disable=SC2046  # no emulator: nothing
	if timeout 600 $(emulator_of "$arch") "$build/$arch/$program" "$@" >"$build/$arch/log" 2>&1; then
		count "$arch: $program $(printf '%s ' "$@" | cut -c 1-40)" ok
	else
		tail -5 "$build/$arch/log"
		count "$arch: $program $*" failed
	fi
}

check_arch() {
	local arch=$1 source
	if ! command -v "$(compiler_of "$arch")" >/dev/null; then
		count "$arch" "skipped: no $(compiler_of "$arch")"
		return
	fi
	mkdir -p "$build/$arch" || exit 1
	if ! build_all "$arch"; then
		count "$arch: build" failed
		return
	fi
	for source in arena ops; do
		run "$arch" model -s $source -r 1 -n 60000
		run "$arch" model -s $source -r 2 -m 65536 -n 10000
		run "$arch" stress -s $source -n 5000
		run "$arch" stress -c -s $source -n 5000
	done
	for source in arena scattered; do
		run "$arch" model-sim -s $source -p 16 -r 3 -m 65536 -n 10000
		run "$arch" model-trees -s $source -r 4 -n 20000
	done
	run "$arch" futex-wait
	run "$arch" futex-wait-time64
	run "$arch" fault
	run "$arch" fuzz -n 200 "$root"/tests/fuzz/corpus/*
}

for arch in ${*:-arm64 i386 s390x musl}; do
	[ -n "$(compiler_of "$arch")" ] || { echo "check-arch: $arch is none of arm64, i386, s390x, musl" >&2; exit 2; }
	check_arch "$arch"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
