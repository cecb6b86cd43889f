#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds the fuzzers of the allocator and of the cache with libFuzzer and sanitizers, and lets each run for half of a
# while, a job for each processor.
#   fuzz.sh BUILD_FOLDER SECONDS
set -u
build=${1:?a folder to build in} seconds=${2:?how long}
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
src=$root/src
allocator=("$src"/core/*.c "$src"/api/*.c "$src"/host/posix/*.c)
cache=("$src"/zcache/*.c "$src"/front/zcache/*.c "$src"/engine/{reserve,share_lock,spares}.c "$src/service/thread.c"
	"$src"/comp/{comp,lz4,zstd}.c "$src"/metrics/*.c -llz4 -lzstd)

# compile NAME WORD...
compile() {
	local name=$1
	shift
	clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -D_GNU_SOURCE -I"$root/include" \
		-I"$root/tests/lib" -I"$src/core" -I"$src/host" -I"$src/host/posix" -I"$src/comp" -I"$src/engine" \
		-I"$src/service" -I"$src/metrics" -I"$src/zcache" -I"$src/front/zcache" "$@" -pthread -o "$build/$name"
}

# run NAME CORPUS...: prints what came of it
run() {
	local name=$1 status
	shift
	mkdir -p "$name.corpus"
	"./$name" -max_total_time=$((seconds / 2)) -max_len=4096 -jobs="$(nproc)" -workers="$(nproc)" -print_final_stats=1 \
		"$name.corpus" "$@"
	status=$?
	for log in fuzz-*.log; do
		mv "$log" "$name.${log#fuzz-}"
	done
	grep -H -e 'stat::number_of_executed_units' -e ERROR -e 'not so' "$name".*.log
	return $status
}

mkdir -p "$build" || exit 1
echo "fuzz: building"
compile fuzz "$root/tests/fuzz/fuzz.c" "$root/tests/lib/pages.c" "${allocator[@]}" || exit 1
compile fuzz-zcache "$root/tests/fuzz/fuzz_zcache.c" "${allocator[@]}" "${cache[@]}" || exit 1
cd "$build" || exit 1
status=0
run fuzz "$root/tests/fuzz/corpus" || status=1
run fuzz-zcache || status=1
exit $status
