#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Installs the Debian packages that a task needs and that are missing, and says which. Without the right to install, it
# prints the command to run and stops.
#   setup.sh build|check|check-arch|fuzz|coverage|soak|bench|bench-disk|bench-swap|bench-swap-run|bench-zcache|bench-zcache-disk|kmod|check-kernel|check-kernel-debug|bench-kernel|deb|check-deb|dist
set -u

build="gcc libc6-dev make meson ninja-build pkg-config liblz4-dev libzstd-dev liblzo2-dev"
check="$build g++ libcmocka-dev mandoc binutils jq libxml2-utils procps nbdkit nbdkit-plugin-dev libnbd-bin
	libnbd-dev python3-libnbd qemu-utils fio e2fsprogs fuse2fs fuse3 libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4
	python3-minimal python3-numpy redis-server redis-tools sqlite3 abigail-tools xz-utils"
arch="$build gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-i686-linux-gnu libc6-dev-i386-cross
	gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user musl-tools"
fuzz="$build clang libclang-rt-14-dev"
bench="$build libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4 valgrind python3 perl"
bench_disk="$build nbdkit nbdkit-plugin-dev libnbd-bin libnbd-dev fio python3 tar"
kmod="gcc make libc6-dev linux-headers-amd64 libelf-dev"
check_kernel="$kmod qemu-system-x86 busybox-static cpio kmod e2fsprogs dkms python3-minimal"
deb="$build build-essential debhelper dh-dkms nbdkit-plugin-dev libnbd-dev lintian"
kernel_source="linux-source-6.1 xz-utils flex bison bc libssl-dev"

case ${1:-} in
build) wanted=$build ;;
check) wanted=$check ;;
check-arch) wanted=$arch ;;
fuzz) wanted=$fuzz ;;
coverage) wanted="$check python3" ;;
soak) wanted=$check ;;
bench) wanted=$bench ;;
bench-disk | bench-zcache-disk) wanted=$bench_disk ;;
bench-swap) wanted="$build python3 tar util-linux" ;;
bench-swap-run) wanted="$build libjemalloc2 python3 redis-server redis-tools sqlite3 nodejs" ;;
bench-zcache) wanted="$build python3 memcached redis-server" ;;
kmod) wanted=$kmod ;;
check-kernel) wanted=$check_kernel ;;
check-kernel-debug) wanted="$check_kernel $kernel_source" ;;
bench-kernel) wanted="$check_kernel $kernel_source python3" ;;
deb) wanted=$deb ;;
dist) wanted="tar xz-utils" ;;
check-deb) wanted="$deb mmdebstrap util-linux xz-utils" ;;
*)
	echo "setup: '${1:-}' is no task: see the head of this file" >&2
	exit 2
	;;
esac

missing() {
	local package
	for package in $wanted; do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$package"
	done
}

if ! command -v dpkg-query >/dev/null; then
	echo "setup: this is no Debian: install the equivalents of: $wanted" >&2
	exit 0
fi
needed=$(missing)
[ -n "$needed" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "setup: missing: $needed" >&2
	echo "setup: run as root:  apt-get update && apt-get install -y --no-install-recommends $needed" >&2
	exit 1
fi
echo "setup: installing $needed"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of packages
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $needed; } >/tmp/zsmalloc-setup.log 2>&1 || {
	tail -5 /tmp/zsmalloc-setup.log >&2
	echo "setup: the installation failed; the whole log is in /tmp/zsmalloc-setup.log" >&2
	exit 1
}
