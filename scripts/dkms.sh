#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Hands the module's sources to DKMS, or takes them back; afterwards the kernel's own zsmalloc is used again.
#   dkms.sh install [KERNEL_VERSION]      for the running kernel, or the one named
#   dkms.sh remove
#   dkms.sh sources FOLDER                only lays out in a folder what DKMS is given, for those who make packages
# What is loaded stays loaded: reboot, or unload zram and zsmalloc, to change over.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$root/dkms.conf")
sources=/usr/src/zsmalloc-$version

die() {
	echo "dkms: $*" >&2
	exit 1
}

# What the build of the module needs, as DKMS finds it.
lay_out() {
	mkdir -p "$1/scripts" && cp -pr "$root"/{Kbuild,dkms.conf,LICENSES,src} "$1/" &&
		cp -p "$root"/scripts/kmod*.sh "$1/scripts/" || die "cannot copy the sources to $1"
}

install_module() {
	local kernel=${1:-$(uname -r)}
	[ -e "/lib/modules/$kernel/build" ] || die "no headers of the kernel $kernel: install linux-headers-$kernel"
	rm -rf "$sources"
	lay_out "$sources"
	dkms add "zsmalloc/$version" || die "dkms add failed"
	if ! dkms install "zsmalloc/$version" -k "$kernel"; then
		sed -n '/^kmod: /,$p' "/var/lib/dkms/zsmalloc/$version/build/make.log" >&2
		remove_module
		die "not installed; the kernel's own zsmalloc stays in use"
	fi
	echo "dkms: installed for $kernel; it is used when zsmalloc is loaded the next time"
}

remove_module() {
	dkms remove "zsmalloc/$version" --all || die "dkms remove failed"
	rm -rf "$sources"
}

[ "${1:-}" != sources ] || { lay_out "${2:?a folder}" && exit; }
command -v dkms >/dev/null || die "DKMS is missing: apt-get install dkms"
[ "$(id -u)" = 0 ] || die "must be run as root"
case ${1:-} in
install) install_module "${2:-}" ;;
remove) remove_module ;;
*) sed -n '4,6p' "$0" | sed 's/^# *//' >&2 && exit 2 ;;
esac
