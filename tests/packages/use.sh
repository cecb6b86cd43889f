# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The packages in use, as their users do: the command, disks with real clients, programs in compressed memory, manuals,
# and programs of one's own.
work=$sets/work

install_set() {
	# shellcheck disable=SC2046  # a list
	apt install $(debs "$1")
}

make_content() {
	rm -rf "$work" && mkdir -p "$work"
	tar -cf - -C / usr/bin usr/share/doc 2>/dev/null | head -c 20M >"$work/image"
	seq 700000 | awk '{ print ($1 * 7919) % 700001, "the value of line", $1 }' >"$work/lines"
	sort -n "$work/lines" >"$work/sorted"
	head -c 20M "$work/lines" >"$work/other"
	[ "$(stat -c %s "$work/image" "$work/other" | xargs)" = "20971520 20971520" ]
}

tells_version() {
	[ "$(zs --version)" = "zs $1" ]
}

stores() {
	zs store -c "$1" /usr/bin | tee "$work/told" | grep -q 'every byte came back' ||
		{ cat "$work/told"; return 1; }
}

ram_disk() {
	nbdkit -U - zram 20M --run 'nbdcopy "$work/image" "$uri" && nbdcopy "$uri" "$work/copy" &&
		zs zram stat >"$work/told"' && cmp "$work/image" "$work/copy" && grep -q '^mem_used_total' "$work/told"
}

ram_disk_for_command() {
	zs zram run -s 20M -- sh -c 'nbdcopy "$work/image" "$uri" && nbdcopy "$uri" "$work/copy"' &&
		cmp "$work/image" "$work/copy"
}

# Read twice, then written: the file behind has it all.
cached_disk() {
	cp "$work/image" "$work/behind"
	nbdkit -U - zcache file="$work/behind" cache=8M name=checked --run 'nbdcopy "$uri" "$work/copy" &&
		nbdcopy "$uri" "$work/again" && zs zcache stat checked >"$work/told" && nbdcopy "$work/other" "$uri"' &&
		cmp "$work/image" "$work/copy" && cmp "$work/image" "$work/again" && cmp "$work/other" "$work/behind" &&
		grep -q '^hits' "$work/told"
}

runs_in_compressed_memory() {
	zs swap run --resident 32M -- sort -S 200M --parallel=1 -n "$work/lines" >"$work/out" 2>"$work/told" &&
		cmp "$work/sorted" "$work/out" && grep '^zs swap: .* [1-9][0-9]* pages packed' "$work/told"
}

has_manuals() {
	local page bad=0
	for page in 1:zs 1:zs-store 1:zs-zcache 1:nbdkit-zram-plugin 1:nbdkit-zcache-plugin \
		3:zs_malloc 3:zs_free 3:zswap_create 3:zcache_get 7:zsmalloc 7:zswap 7:zcache; do
		man -w "${page%%:*}" "${page#*:}" && man "${page%%:*}" "${page#*:}" | grep -q . || bad=1
	done
	return $bad
}

# build_program EXAMPLE LIBRARY: of the package's own example, with what pkg-config says alone
build_program() {
	local example
	example=$(find "/usr/share/doc/lib$2-dev/examples" -name "$1.c*" -print -quit)
	[ -n "$example" ] || { echo "lib$2-dev has no example $1.c"; return 1; }
	case $example in
	*.gz) zcat "$example" >"$work/$1.c" ;;
	*) cp "$example" "$work/$1.c" ;;
	esac
	# shellcheck disable=SC2046  # a list
	gcc -Wall -Werror "$work/$1.c" $(pkg-config --cflags --libs "$2") -o "$sets/$1"
}

build_programs() {
	build_program hello zsmalloc && build_program zswap zswap && build_program zcache zcache
}

build_static() {
	# shellcheck disable=SC2046  # a list
	gcc "$work/hello.c" $(pkg-config --cflags zsmalloc) -l:libzsmalloc.a -pthread -o "$work/static" &&
		"$work/static" | grep compacted
}

has_userfaultfd() {
	[ -e "$sets/has-uffd" ] || printf '#include "uffd_there.h"\nint main(void)\n{\n\treturn !uffd_user_features();\n}\n' |
		gcc -I "$sets/tests" -x c - -o "$sets/has-uffd" || return 1
	"$sets/has-uffd"
}

programs_run() {
	"$sets/hello" | grep compacted && "$sets/zcache" | grep 'are kept in' || return 1
	! has_userfaultfd || "$sets/zswap" | grep '^paged out'
}

# What needs userfaultfd, where the kernel has it for us.
test_compressed_memory() {
	if has_userfaultfd; then
		expect "zs swap run" runs_in_compressed_memory
	else
		count "zs swap run" "skipped: there is no userfaultfd for us"
	fi
}

test_use() {
	local codec
	export work
	expect "install" install_set old
	expect "make content" make_content
	expect "zs --version" tells_version "$(version_of old)"
	for codec in lz4 zstd:3 lzo; do
		expect "zs store -c $codec" stores $codec
	done
	expect "RAM disk" ram_disk
	expect "RAM disk for a command" ram_disk_for_command
	expect "cached disk" cached_disk
	test_compressed_memory
	expect "manuals" has_manuals
	expect "compile programs" build_programs
	expect "compile a static program" build_static
	expect "programs run" programs_run
}
