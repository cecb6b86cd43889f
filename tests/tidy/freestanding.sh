#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The core needs no C library: its files are compiled without system headers, linked with a host of a hundred lines into
# a program without libc, and run.
#   freestanding.sh SOURCE_ROOT
set -u
root=$1
here=$root/tests/tidy/freestanding
[ "$(uname -m)" = x86_64 ] || { echo "freestanding: the program's start is written for x86_64"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
${CC:-cc} -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdinc -nostdlib -static -fno-pie -no-pie -fno-stack-protector \
	-isystem "$(${CC:-cc} -print-file-name=include)" -I "$here" -I "$root/src/host" -I "$root/src/core" \
	"$root"/src/core/*.c "$here/program.c" -o "$dir/program" || { echo "freestanding: does not build"; exit 1; }
[ -z "$(nm -u "$dir/program")" ] || { echo "freestanding: needs: $(nm -u "$dir/program")"; exit 1; }
"$dir/program" || { echo "freestanding: the program failed: exit status $?"; exit 1; }
