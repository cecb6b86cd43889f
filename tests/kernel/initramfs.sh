# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Makes the guest's file system: busybox, the cases, their programs, and modules of a kernel with ours or the stock
# zsmalloc among them. Read by check.sh and shell.sh.
# shellcheck shell=bash

# What cases load; what else a module needs follows from modules.dep. One that a kernel has built in is no module.
guest_modules="zsmalloc zram lzo lzo_rle lz4 lz4hc zstd ext4 crc32c_generic virtio_pci virtio_blk"

# kernel_paths FOLDER: sets vmlinuz, modules_root and version. The folder is what scripts/kernel-image.sh prints, or a
# kernel of one's own: vmlinuz or bzImage, and lib/modules/VERSION in it or below its folder modules.
kernel_paths() {
	local folder=$1 name
	vmlinuz='' modules_root=''
	for name in vmlinuz bzImage; do
		[ ! -s "$folder/$name" ] || vmlinuz=$folder/$name
	done
	for name in "$folder" "$folder/modules"; do
		[ ! -d "$name/lib/modules" ] || modules_root=$name
	done
	[ -n "$vmlinuz" ] || die "no vmlinuz in $folder"
	[ -n "$modules_root" ] || die "no lib/modules in $folder"
	version=$(basename -a "$modules_root"/lib/modules/*)
	[ -s "$modules_root/lib/modules/$version/modules.dep" ] ||
		die "not one kernel's modules with modules.dep: $modules_root/lib/modules/*"
}

# The files of modules and of what they need, relative to the root.
module_files() {
	local module
	for module in $guest_modules; do
		modprobe -d "$modules_root" -S "$version" --show-depends "$module" 2>/dev/null
	done | sed -n "s|^insmod $modules_root/*\([^ ]*\).*|\1|p" | sort -u
}

# copy_modules VARIANT ROOT
copy_modules() {
	local variant=$1 root=$2 file stock
	mkdir -p "$root/lib/modules/$version" "$root/modules"
	cp "$modules_root/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version" 2>/dev/null
	module_files | (cd "$modules_root" && cpio -pdm --quiet "$root") || die "cannot copy the modules"
	stock=$(find "$root/lib/modules" -name zsmalloc.ko)
	if [ "$variant" = ours ]; then
		[ -n "$stock" ] || die "zsmalloc is no module of the kernel $version, it cannot be replaced"
		strip --strip-debug -o "$stock" "$module_folder/zsmalloc.ko" || die "no zsmalloc.ko in $module_folder"
		for file in "$module_folder"/zsmalloc-{selftest,faulty}.ko; do
			[ ! -e "$file" ] || strip --strip-debug -o "$root/modules/${file##*/}" "$file" || die "cannot copy $file"
		done
	fi
	depmod -b "$root" "$version" || die "depmod failed"
}

# copy_program PROGRAM ROOT: with the libraries it is linked with
copy_program() {
	local program root=$2 file
	program=$(command -v "$1") || die "needs $1"
	cp "$program" "$root/sbin/"
	ldd "$program" | grep -o '/[^ ]*' | while read -r file; do
		mkdir -p "$root${file%/*}" && cp -L "$file" "$root$file"
	done
}

build_program() {
	"${CC:-gcc}" -std=gnu11 -O2 -static -Wall -Wextra -Werror -I "$here/../lib" "$here/guest/$1.c" -o "$2/bin/$1" \
		-pthread || die "cannot build $1"
}

# What the file system's case stores: programs and text, some 10 MB.
copy_data() {
	local data=$1/data name
	mkdir -p "$data/programs" "$data/text"
	find "$modules_root/lib/modules/$version" -name '*.ko' -size +200k | sort | head -8 | xargs -r cp -t "$data/programs"
	cp "$(command -v busybox)" "$data/programs"
	for name in src docs tests; do
		cp -r "$tree/$name" "$data/text" || die "cannot copy $name"
	done
}

pack() {
	(cd "$1" && find . | sort | cpio -o -H newc -R 0:0 --quiet) >"$2" || die "cannot pack the guest's files"
}

# make_initramfs VARIANT: $work/VARIANT.cpio, and $work/data.cpio
make_initramfs() {
	local root=$work/$1.root program
	mkdir -p "$root"/{bin,sbin,etc,cases}
	! ldd "$(command -v busybox)" >/dev/null 2>&1 || die "needs busybox-static"
	cp "$(command -v busybox)" "$root/bin/busybox" || die "needs busybox-static"
	cp "$here/guest/init.sh" "$root/init" && chmod +x "$root/init"
	cp "$here"/guest/*.sh "$root/cases/"
	for program in blocks pressure; do
		build_program $program "$root"
	done
	for program in mke2fs e2fsck; do
		copy_program $program "$root"
	done
	cp /etc/mke2fs.conf "$root/etc/"
	copy_modules "$1" "$root"
	pack "$root" "$work/$1.cpio"
	rm -r "$root"
	[ -s "$work/data.cpio" ] || {
		mkdir "$work/data.root" && copy_data "$work/data.root"
		pack "$work/data.root" "$work/data.cpio"
		rm -r "$work/data.root"
	}
}
