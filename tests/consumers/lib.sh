# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What the scripts beside this one share. $dir is their folder for temporary files.
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# check WHAT JQ-EXPRESSION: the expression holds for the last report
check() {
	jq -e "$2" "$dir/report" >/dev/null || fail "$1: not so: $2: $(head -c 500 "$dir/report")"
}

# until_ready PID COMMAND...: whether the command comes to succeed, within 30 s, and while the process is there
until_ready() {
	local pid=$1
	shift
	for _ in $(seq 600); do
		"$@" 2>/dev/null && return
		kill -0 "$pid" 2>/dev/null || return
		sleep .05
	done
	return 1
}

# until_true COMMAND...: whether it comes to succeed, within 30 s
until_true() {
	until_ready $$ "$@"
}

# policies_for WORD [LIMIT]: the parameters with which a RAM disk does by itself all that it can, and soon, for
# "policies"; LIMIT is that of the file
policies_for() {
	[ "$1" != policies ] ||
		echo "recompress=idle:20ms,codec=zstd:1 dedup=on writeback=idle:40ms+incompressible,backing=$dir${2:+,limit=$2}"
}
