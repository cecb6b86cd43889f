#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Builds the fuzzer with libFuzzer and sanitizers, and lets it run for a while, a job for each processor.
#   fuzz.sh BUILD_FOLDER SECONDS
set -u
build=${1:?a folder to build in} seconds=${2:?how long}
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1

mkdir -p "$build/corpus" || exit 1
echo "fuzz: building"
clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -D_GNU_SOURCE -I"$root/include" \
	-I"$root/tests/lib" -I"$root/src/core" -I"$root/src/host" -I"$root/src/host/posix" "$root/tests/fuzz/fuzz.c" \
	"$root/tests/lib/pages.c" "$root"/src/core/*.c "$root"/src/api/*.c "$root"/src/host/posix/*.c -pthread \
	-o "$build/fuzz" || exit 1
cd "$build" || exit 1
./fuzz -max_total_time="$seconds" -max_len=4096 -jobs="$(nproc)" -workers="$(nproc)" -print_final_stats=1 corpus \
	"$root/tests/fuzz/corpus"
status=$?
grep -h -e 'stat::number_of_executed_units' -e ERROR -e 'not so' fuzz-*.log
exit $status
