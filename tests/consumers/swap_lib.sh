# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What tests of zs swap run share. $zs and $calls are the programs, $malloc which allocator there is to be; $dir is made here, and gone in the end with what runs
# in it ($server).
dir=$(mktemp -d) || exit 1
zs=$(realpath "$zs")
calls=$(realpath "$calls")
server=''
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$dir"' EXIT
. "$(dirname "$0")/lib.sh"
export XDG_RUNTIME_DIR=$dir/runtime
mkdir -m 700 "$XDG_RUNTIME_DIR"

left_out() {
	echo "left out: $*"
	exit 77
}

needs() {
	command -v "$1" >/dev/null || left_out "there is no $1"
}

"$zs" swap run --malloc none true 2>"$dir/err" || left_out "memory cannot be managed here: $(cat "$dir/err")"
"$zs" swap run --malloc "${malloc:-jemalloc}" true 2>"$dir/err" || left_out "$(cat "$dir/err")"

# managed RESIDENT COMMAND...: $dir/out and $dir/err; something was packed, so it was not all for show. $options come
# before the command.
options=()
managed() {
	local resident=$1
	shift
	timeout 300 "$zs" swap run --resident "$resident" "${options[@]}" -- "$@" >"$dir/out" 2>"$dir/err" ||
		fail "$*: status $?: $(tail -3 "$dir/err")"
	grep -q '^zs swap: .* [1-9][0-9]* pages packed' "$dir/err" || fail "$*: nothing was packed: $(tail -3 "$dir/err")"
}

# same RESIDENT COMMAND...: the same output as without
same() {
	"${@:2}" >"$dir/plain" 2>"$dir/err" || fail "${*:2}: fails without zs, too: $(tail -3 "$dir/err")"
	managed "$@"
	cmp "$dir/plain" "$dir/out" || fail "$*: another output"
}

# wait_for COMMAND...: until it succeeds
wait_for() {
	until_true "$@" || fail "waited in vain for: $*"
}
