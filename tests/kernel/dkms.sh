#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# DKMS from add to remove, for the kernel whose headers are installed: our module goes before the stock one, removing it
# restores the stock one, and where a symbol's version differs nothing is installed.
#   dkms.sh KERNEL_FOLDER       as scripts/kernel-image.sh prints it
# Runs in mount namespaces of its own, over copies: the machine's /lib/modules, /usr/src and DKMS tree stay as they are.
# Prints a line for each test, and the last line is "N passed, N failed, N skipped".
set -u
image=${1:?the folder of the kernel image}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
version=$(basename "$image"/lib/modules/*)
. "$root/scripts/count.sh"

if [ "$(id -u)" != 0 ] || ! command -v dkms >/dev/null; then
	count dkms "skipped: needs root and the package dkms"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 0
fi
if [ -z "${DKMS_INSIDE:-}" ]; then
	DKMS_INSIDE=$(mktemp -d) || exit 1
	export DKMS_INSIDE
	unshare --mount --propagation unchanged "$0" "$@"
	status=$?
	rm -rf "$DKMS_INSIDE"
	exit $status
fi

die() {
	count dkms "failed: $*"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 1
}

# expect NAME COMMAND…
expect() {
	local name=$1
	shift
	if "$@" >"$DKMS_INSIDE/log" 2>&1; then
		count "dkms $name" ok
	else
		count "dkms $name" "failed: $*"
		tail -n 20 "$DKMS_INSIDE/log"
	fi
}

# A copy of the image's modules with the links to the headers; and empty trees for DKMS.
prepare() {
	local headers=/usr/src/linux-headers-$version
	[ -e "$headers/Makefile" ] || die "no $headers: install linux-headers-$version"
	mkdir -p "$DKMS_INSIDE"/{modules,src,dkms} &&
		cp -r "$image/lib/modules/$version" "$DKMS_INSIDE/modules/" &&
		ln -sfn "$headers" "$DKMS_INSIDE/modules/$version/build" &&
		cp -r /usr/src/linux-headers-* /usr/src/linux-kbuild-* "$DKMS_INSIDE/src/" || die "cannot copy the modules"
	mount --bind "$DKMS_INSIDE/modules" "$(readlink -f /lib/modules)" &&
		mount --bind "$DKMS_INSIDE/src" /usr/src || die "cannot mount over /lib/modules"
	mkdir -p /var/lib/dkms && mount --bind "$DKMS_INSIDE/dkms" /var/lib/dkms || die "cannot mount over /var/lib/dkms"
	depmod "$version" || die "depmod failed"
}

uses_stock() {
	modprobe -S "$version" --show-depends zram | grep -q "/kernel/mm/zsmalloc.ko"
}

uses_ours() {
	modprobe -S "$version" --show-depends zram | grep -q "/updates/dkms/zsmalloc.ko" &&
		[ "$(modinfo -k "$version" -F license zsmalloc)" = "Dual BSD/GPL" ] &&
		modinfo -k "$version" -F version zsmalloc | grep -q .
}

# A kernel whose zsmalloc exports another zs_free.
change_a_version() {
	sed -i 's/^0x[0-9a-f]*\(\tzs_free\t\)/0x00000001\1/' "/usr/src/linux-headers-$version/Module.symvers"
}

is_refused() {
	! "$root/scripts/dkms.sh" install "$version" >"$DKMS_INSIDE/refusal" 2>&1 &&
		grep -q 'zs_free' "$DKMS_INSIDE/refusal" && grep -q "kernel's own zsmalloc stays" "$DKMS_INSIDE/refusal"
}

# Nothing that is mounted here may appear outside. In a root that is no mount point it can only be looked at.
mount --make-rprivate / 2>/dev/null || ! grep -q ' shared:' /proc/self/mountinfo || die "mounts here would be seen outside"
prepare
expect "begins with the stock module" uses_stock
expect "add, build and install" "$root/scripts/dkms.sh" install "$version"
expect "our module goes before" uses_ours
expect "remove" "$root/scripts/dkms.sh" remove
expect "the stock module is back" uses_stock
change_a_version
expect "refuses other symbol versions" is_refused
expect "the stock module stays" uses_stock
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
