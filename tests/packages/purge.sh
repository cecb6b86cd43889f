# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What is there after all packages were purged is what was there before they came.

# Left out: what is not of the root (/proc, /dev), this test's own folder, and what those who were used keep for
# themselves: apt's packages and lists, and the pages that man has shown, which man-db clears daily.
list_files() {
	find / \( -path /proc -o -path /dev -o -path /sys -o -path "$sets" -o -path /var/cache/apt \
		-o -path /var/lib/apt/lists -o -path /var/cache/man \) -prune -o -print | sort
}

# Settings of others may not change. This one lists libraries, of any package.
sum_settings() {
	find /etc -type f ! -name ld.so.cache -exec sha256sum {} + | sort -k 2
}

remember() {
	[ ! -e /var/lib/dkms ] || [ -z "$(kernel)" ] || depmod "$(kernel)" # as it is after DKMS was at work
	list_files >"$sets/before" && sum_settings >"$sets/settings" && [ -s "$sets/before" ]
}

nothing_is_left() {
	local left
	left=$(list_files | comm -13 "$sets/before" -)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

nothing_is_missing() {
	local missing
	missing=$(list_files | comm -23 "$sets/before" -)
	[ -z "$missing" ] || { echo "missing: $missing"; return 1; }
}

settings_are_same() {
	sum_settings | diff "$sets/settings" -
}

test_purge() {
	expect "purge all" purge_ours
	expect "nothing is left" nothing_is_left
	expect "nothing of others is missing" nothing_is_missing
	expect "the settings of others are the same" settings_are_same
	[ -z "$(kernel)" ] || expect "the kernel module is gone" module_is_gone
}
