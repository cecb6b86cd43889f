# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What the scripts beside this one share. They run in a root of their own, where $sets/old and $sets/new have packages.
sets=/check
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
. "$sets/tests/count.sh"

# expect NAME COMMAND…: what it says is shown if it fails
expect() {
	local name=$1
	shift
	if "$@" >"$sets/log" 2>&1; then
		count "$name" ok
	else
		tail -n 30 "$sets/log"
		count "$name" "failed: $*"
	fi
}

apt() {
	apt-get -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
}

# The files of a set, but for debug information and the kernel module, which stands alone.
debs() {
	find "$sets/$1" -name '*.deb' ! -name '*-dbgsym_*' ! -name 'zsmalloc-dkms_*' | sort
}

module_deb() {
	find "$sets/$1" -name 'zsmalloc-dkms_*.deb'
}

# version_of SET: that of the sources
version_of() {
	dpkg-deb -f "$(module_deb "$1")" Version | sed 's/-.*//'
}

# Packages of ours that are there, if only their configuration is.
ours() {
	dpkg-query -W -f '${db:Status-Status} ${source:Package} ${Package}\n' |
		awk '$1 != "not-installed" && $2 == "zsmalloc" { print $3 }'
}

purge_ours() {
	local packages
	packages=$(ours)
	[ -n "$packages" ] || { echo "nothing of ours is installed"; return 1; }
	# shellcheck disable=SC2086  # a list
	apt purge $packages && [ -z "$(ours)" ]
}
