#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What `make kernel-patch` lays out in a kernel tree is whole: every object that the tree's Makefiles name has its source,
# the choice of one of the two implementations decides which, and a second time changes nothing. On the lines of 6.1's
# mm/Kconfig and mm/Makefile that it looks for; tests/kernel and the debug kernel are what compiles the files.
#   kernel_patch.sh SOURCE_ROOT
set -u
root=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
tree=$dir/linux
bad=0

fail() {
	echo "kernel_patch: $*"
	bad=1
}

make_tree() {
	mkdir -p "$tree/mm"
	echo '/* the first implementation */' >"$tree/mm/zsmalloc.c"
	printf '%s\n' 'config ZSMALLOC' '	tristate' '	depends on MMU' '' 'config ZSMALLOC_STAT' \
		'	bool "Export zsmalloc statistics"' '	depends on ZSMALLOC' '	select DEBUG_FS' '' \
		'config GENERIC_EARLY_IOREMAP' '	bool' >"$tree/mm/Kconfig"
	printf '%s\n' 'obj-$(CONFIG_ZBUD)	+= zbud.o' 'obj-$(CONFIG_ZSMALLOC)	+= zsmalloc.o' \
		'obj-$(CONFIG_Z3FOLD)	+= z3fold.o' >"$tree/mm/Makefile"
}

# value_of MAKEFILE VARIABLE SETTING…: as Kbuild would see it
value_of() {
	local makefile=$1 variable=$2
	shift 2
	printf 'include %s\nall:\n\t@echo $(%s)\n' "$makefile" "$variable" |
		make -s -C "$(dirname "$makefile")" -f - all srctree="$tree" src=mm/zsmalloc "$@"
}

# chosen SETTING…: what of mm/ is a module, where zsmalloc is to be one
chosen() {
	value_of "$tree/mm/Makefile" obj-m CONFIG_ZSMALLOC=m "$@"
}

check_makefiles() {
	local own=$tree/mm/zsmalloc/Makefile word objects
	[ "$(chosen CONFIG_ZSMALLOC_DEMAND=y)" = zsmalloc/ ] || fail "chosen, it is not built: $(chosen CONFIG_ZSMALLOC_DEMAND=y)"
	[ "$(chosen)" = zsmalloc.o ] || fail "not chosen, the first one is not built: $(chosen)"
	[ "$(value_of "$own" obj-m CONFIG_ZSMALLOC=m)" = zsmalloc.o ] || fail "its Makefile builds no zsmalloc.o"
	objects=$(value_of "$own" zsmalloc-y)
	[ -n "$objects" ] || fail "its Makefile names no object"
	for word in $objects; do
		[ -s "$tree/mm/zsmalloc/${word%.o}.c" ] || fail "$word has no source"
	done
	for word in $(value_of "$own" ccflags-y); do
		[ -d "${word#-I}" ] || fail "there is no folder for $word"
	done
}

check_kconfig() {
	[ "$(grep -c '^config ZSMALLOC_DEMAND$' "$tree/mm/Kconfig")" = 1 ] || fail "mm/Kconfig has no choice, or two"
	[ "$(grep -c '^choice$' "$tree/mm/Kconfig")" = "$(grep -c '^endchoice$' "$tree/mm/Kconfig")" ] ||
		fail "mm/Kconfig: a choice does not end"
	grep -A 2 '^config ZSMALLOC_STAT$' "$tree/mm/Kconfig" | grep -q 'depends on ZSMALLOC_CHAINS$' ||
		fail "mm/Kconfig: the first one's statistics can be chosen without it"
}

patch_tree() {
	"$root/scripts/kernel-patch.sh" "$tree" >"$dir/log" 2>&1 || fail "status $?: $(cat "$dir/log")"
}

# refused PATTERN COMMAND…: a tree that the command has changed; it stays as it is
refused() {
	local pattern=$1
	shift
	rm -rf "$tree" "$dir/before" && make_tree && "$@" && cp -r "$tree" "$dir/before"
	"$root/scripts/kernel-patch.sh" "$tree" >"$dir/log" 2>&1 && fail "takes a tree after: $*"
	grep -q "$pattern" "$dir/log" || fail "no '$pattern' in: $(cat "$dir/log")"
	diff -r "$dir/before" "$tree" >"$dir/log" || fail "a tree that is refused, after $*, is changed: $(head -n 5 "$dir/log")"
}

make_tree
patch_tree
check_makefiles
check_kconfig
cp -r "$tree" "$dir/once"
patch_tree
diff -r "$dir/once" "$tree" >"$dir/log" || fail "a second time it changes: $(head -n 5 "$dir/log")"
refused 'no place for the choice' sed -i '/ZSMALLOC_STAT/d' "$tree/mm/Kconfig"
refused 'no line for zsmalloc' sed -i '/ZSMALLOC/d' "$tree/mm/Makefile"
refused 'no kernel source folder' rm "$tree/mm/zsmalloc.c"
exit $bad
