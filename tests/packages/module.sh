# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The package of the kernel module: DKMS builds it for the kernel whose headers are there, replaces it when it is
# upgraded, and takes it away. That the kernel's own goes behind ours and comes back is tested by tests/kernel/dkms.sh.

# The kernel that the headers are of; nothing if there are none.
kernel() {
	find /lib/modules/ -mindepth 2 -maxdepth 2 -name build -printf '%h\n' 2>/dev/null | sed 's,.*/,,' | head -n 1
}

modules_of_ours() {
	find /lib/modules/ -name 'zsmalloc.ko*'
}

module_is_of() {
	local version
	version=$(version_of "$1")
	dkms status "zsmalloc/$version" | tee /dev/stderr | grep -q "$(kernel).*: installed" &&
		[ "$(modules_of_ours | wc -l)" = 1 ] && [ "$(modinfo -F version "$(modules_of_ours)")" = "$version" ] &&
		[ "$(dkms status zsmalloc | wc -l)" = 1 ] && [ "$(find /usr/src -maxdepth 1 -name 'zsmalloc-*')" = "/usr/src/zsmalloc-$version" ]
}

module_is_gone() {
	local left
	left=$(modules_of_ours; find /usr/src /var/lib/dkms -maxdepth 1 -name 'zsmalloc*')
	[ -z "$left" ] || { echo "left: $left"; return 1; }
	! grep -r zsmalloc "/lib/modules/$(kernel)"/modules.{dep,alias,symbols} && depmod -n "$(kernel)" >/dev/null
}

test_module() {
	if [ -z "$(kernel)" ]; then
		count "kernel module" "skipped: no headers of a kernel are packaged for this architecture"
		return
	fi
	expect "install the kernel module" apt install "$(module_deb old)"
	expect "DKMS has built it" module_is_of old
	expect "upgrade the kernel module" apt install "$(module_deb new)"
	expect "DKMS has built the new one, and the old one is gone" module_is_of new
	expect "remove the kernel module" apt remove zsmalloc-dkms
	expect "it is gone" module_is_gone
	expect "install it again" apt install "$(module_deb new)"
	expect "DKMS has built it again" module_is_of new
}
