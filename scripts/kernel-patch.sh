#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Lays the module's files out in a kernel tree, in mm/zsmalloc/, as a second implementation under CONFIG_ZSMALLOC: a
# choice in mm/Kconfig between it and mm/zsmalloc.c. May be run again: the files are then brought up to date.
#   kernel-patch.sh KERNEL_SOURCE_FOLDER
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
kernel=${1:-}

die() {
	echo "kernel-patch: $*" >&2
	exit 1
}

# All that it is going to look for, so that nothing is changed where it cannot be done.
check_tree() {
	[ -n "$kernel" ] || die "name the kernel's source folder: make kernel-patch KSRC=/usr/src/linux-source-6.1"
	if [ ! -f "$kernel/mm/Kconfig" ] || [ ! -f "$kernel/mm/Makefile" ] || [ ! -f "$kernel/mm/zsmalloc.c" ]; then
		die "$kernel is no kernel source folder (no mm/Kconfig, no mm/Makefile or no mm/zsmalloc.c)"
	fi
	grep -q '^config ZSMALLOC_STAT$' "$kernel/mm/Kconfig" ||
		die "$kernel/mm/Kconfig has no place for the choice: it is not like 6.1's"
	grep -q '^obj-$(CONFIG_ZSMALLOC)' "$kernel/mm/Makefile" ||
		die "$kernel/mm/Makefile has no line for zsmalloc: it is not like 6.1's"
}

# The files, under the paths that Kbuild lists.
copy_sources() {
	local to=$kernel/mm/zsmalloc
	rm -rf "$to"
	mkdir -p "$to/src/host" "$to/src/front" || return 1
	cp -r "$root/src/core" "$to/src/" && cp "$root/src/host/host.h" "$to/src/host/" &&
		cp -r "$root/src/host/kernel" "$to/src/host/" && cp -r "$root/src/front/kmod" "$to/src/front/" || return 1
	sed -e 's|^obj-m := |obj-$(CONFIG_ZSMALLOC) := |' -e 's|-I$(src)/|-I$(srctree)/$(src)/|g' \
		-e '/^# what the kernel calls/s|`make kmod`.*|Laid out from the zsmalloc project.|' \
		"$root/Kbuild" >"$to/Makefile"
}

# The choice goes before the statistics of the first implementation, which then belong to that one.
patch_kconfig() {
	grep -q '^config ZSMALLOC_DEMAND$' "$kernel/mm/Kconfig" && return 0
	awk '
		/^config ZSMALLOC_STAT$/ {
			print "choice"
			print "\tprompt \"zsmalloc implementation\""
			print "\tdepends on ZSMALLOC"
			print "\tdefault ZSMALLOC_CHAINS\n"
			print "config ZSMALLOC_CHAINS"
			print "\tbool \"whole chains of pages\""
			print "\thelp"
			print "\t  Allocates all pages of a chain at once.\n"
			print "config ZSMALLOC_DEMAND"
			print "\tbool \"chains that grow on demand\""
			print "\thelp"
			print "\t  Chains of up to 64 pages that own only the pages their objects touch."
			print "\t  Stores the same objects in less memory, and lets zswap write back.\n"
			print "endchoice\n"
			stat = 1
		}
		stat && /depends on ZSMALLOC$/ { sub(/ZSMALLOC$/, "ZSMALLOC_CHAINS"); stat = 0 }
		{ print }' "$kernel/mm/Kconfig" >"$kernel/mm/Kconfig.new" &&
		mv "$kernel/mm/Kconfig.new" "$kernel/mm/Kconfig"
}

patch_makefile() {
	grep -q '+= zsmalloc/' "$kernel/mm/Makefile" && return 0
	awk '
		/^obj-\$\(CONFIG_ZSMALLOC\)/ {
			print "ifdef CONFIG_ZSMALLOC_DEMAND"
			print "obj-$(CONFIG_ZSMALLOC)\t+= zsmalloc/"
			print "else"
			print
			print "endif"
			next
		}
		{ print }' "$kernel/mm/Makefile" >"$kernel/mm/Makefile.new" &&
		mv "$kernel/mm/Makefile.new" "$kernel/mm/Makefile"
}

check_tree
copy_sources || die "cannot copy the files to $kernel/mm/zsmalloc"
patch_kconfig && patch_makefile || die "cannot change $kernel/mm/Kconfig and $kernel/mm/Makefile"
echo "kernel-patch: laid out in $kernel/mm/zsmalloc; choose CONFIG_ZSMALLOC_DEMAND"
