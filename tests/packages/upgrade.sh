# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# From one version to the next: nothing of the old one is left, and programs that were linked with it run.

files_of_ours() {
	local package
	for package in $(ours); do
		dpkg -L "$package"
	done | sort -u
}

# What only the old version had. /usr/share/doc and the like stand in both.
old_files_are_gone() {
	local file bad=0
	files_of_ours >"$sets/files.new"
	comm -23 "$sets/files.old" "$sets/files.new" >"$sets/files.gone"
	grep -q 'libzsmalloc\.so\.' "$sets/files.gone" || { echo "the library has the old one's name"; bad=1; }
	while read -r file; do
		[ ! -e "$file" ] || { echo "left: $file"; bad=1; }
	done <"$sets/files.gone"
	return $bad
}

new_files_are_there() {
	local file bad=0
	while read -r file; do
		[ -e "$file" ] || { echo "missing: $file"; bad=1; }
	done <"$sets/files.new"
	return $bad
}

# Only what was built before: it finds the new library by the soname.
programs_use_new() {
	ldd "$sets/hello" | grep -q 'libzsmalloc\.so\.0 => /' &&
		readlink -f "$(ldd "$sets/hello" | awk '/libzsmalloc/ { print $3 }')" | grep -qF "$(version_of new)"
}

test_upgrade() {
	files_of_ours >"$sets/files.old"
	expect "upgrade" install_set new
	expect "the old version's files are gone" old_files_are_gone
	expect "the new version's files are there" new_files_are_there
	expect "the new zs --version" tells_version "$(version_of new)"
	expect "programs linked before use the new library" programs_use_new
	expect "programs linked before run" programs_run
	expect "RAM disk of the new version" ram_disk
	expect "cached disk of the new version" cached_disk
	test_compressed_memory
}
