#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Tests the packages in the root that scripts/check-deb.sh has made, as root there. Prints a line for each test, and the
# last line is "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
for part in lib alone use upgrade module purge; do
	. "$here/$part.sh"
done

# What the tests work with, and no package of ours asks for.
tools() {
	local headers
	headers=linux-headers-$(dpkg --print-architecture)
	apt-cache show "$headers" >/dev/null 2>&1 || headers=''
	# shellcheck disable=SC2086  # none, if there are no headers
	apt install gcc libc6-dev pkgconf libnbd-bin nbdkit libjemalloc2 man-db dkms kmod $headers
}

expect "apt update" apt update
test_alone
expect "install what the tests need" tools
expect "look at all files" remember
test_use
test_upgrade
test_module
test_purge
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
