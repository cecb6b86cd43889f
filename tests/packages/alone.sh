# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The packages in a bare root: what they say they need is all that they need. apt fetches that from this machine's mirror.

install_alone() {
	# shellcheck disable=SC2046  # a list
	apt install $(debs old)
}

# Every program and library of ours.
binaries() {
	local package
	for package in $(ours); do
		dpkg -L "$package"
	done | grep -E '/bin/[^/]+$|\.so(\.[0-9.]+)?$' | sort -u
}

loads_all() {
	local file missing bad=0
	[ -n "$(binaries)" ] || { echo "no program found"; return 1; }
	for file in $(binaries); do
		missing=$(ldd "$file" | grep 'not found') && echo "$file lacks: $missing" && bad=1
	done
	return $bad
}

plugins_load() {
	nbdkit zram --dump-plugin | grep -qx "zsmalloc_version=$(version_of old)" &&
		nbdkit zcache --dump-plugin | grep -qx "zsmalloc_version=$(version_of old)"
}

# A compiler, and the packages that the -dev ones bring, are all that a program needs.
developer_has_all() {
	local name
	for name in zsmalloc zswap zcache; do
		[ -e "$(echo /usr/lib/*/pkgconfig/$name.pc)" ] && [ -e "/usr/include/$name.h" ] || return 1
	done
	dpkg -s liblz4-dev libzstd-dev >/dev/null # for those who link with the static libraries
}

test_alone() {
	expect "install in a bare root" install_alone
	expect "all libraries are there" loads_all
	expect "zs runs" zs --version
	expect "nbdkit loads the plugins" plugins_load
	expect "what developers need is there" developer_has_all
	expect "purge" purge_ours
}
