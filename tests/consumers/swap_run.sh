#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zs swap run itself: a program that does to its memory what programs do, usage, figures, backing files, and what is left
# when it is killed, which is nothing.
#   swap_run.sh PATH-TO-ZS SWAP-CALLS calls|words|asking|backing|ends [MALLOC]
set -u

usage='usage: swap_run.sh PATH-TO-ZS SWAP-CALLS calls|words|asking|backing|ends [MALLOC]'
zs=${1:?$usage}
calls=${2:?$usage}
part=${3:?$usage}
malloc=${4:-jemalloc}
. "$(dirname "$0")/swap_lib.sh"

bad() {
	local status=$1 pattern=$2 got
	shift 2
	timeout 60 "$zs" swap "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ $got -eq "$status" ] || fail "zs swap $*: status $got, not $status"
	grep -q -- "$pattern" "$dir/err" || fail "zs swap $*: no '$pattern' in: $(head -3 "$dir/err")"
}

check_calls() {
	local what
	for what in hold move drop replace reserve fork spawn transfer threads signals faults userfault; do
		options=(--malloc "$malloc")
		managed 8M "$calls" "$what"
		options+=(--pool 4M --backing "$dir" --compressor zstd:1)
		managed 8M "$calls" "$what"
	done
	[ "$(find "$dir" -type f | wc -l)" -le 3 ] || fail "files were left: $(find "$dir" -type f)"
}

check_words() {
	local jemalloc
	jemalloc=$(ldconfig -p | awk '/libjemalloc.so.2/ { print $NF; exit }')
	bad 2 "there is no 'walk'" walk
	bad 2 'needs a command' run --resident 64M
	bad 2 'at least 1M' run --resident 64 true
	bad 2 'at least 4M' run --pool 1X true
	bad 2 'at least 4M' run --pool 1M true
	bad 2 'is no name' run --name a/b true
	bad 2 'no option' run --colour true
	bad 1 'give a folder, or a file' run --backing /dev/null true
	bad 1 'No such file' run --backing "$dir/nowhere/file" true
	bad 1 'No such file' run --backing "$dir/nowhere/" true
	bad 1 'No such file' run --backing '' true
	bad 1 'no such compressor' run --compressor rot13 true
	bad 1 'No such file' run --malloc /nowhere.so true
	mkdir "$dir/a b" && : >"$dir/a b/own.so"
	bad 1 'has a blank or a colon' run --malloc "$dir/a b/own.so" true
	bad 127 'cannot run nothing-of-this-name' run nothing-of-this-name
	bad 126 'cannot run /dev/null' run /dev/null
	"$zs" swap run nothing-of-this-name 2>&-
	[ $? -eq 127 ] || fail "another status where nothing can be said"
	bad 1 'no swap runs' stat
	ZSWAP_DISABLE=full "$zs" swap run true 2>"$dir/err" && fail "run without faults of all kinds"
	grep -q 'unprivileged_userfaultfd' "$dir/err" || fail "no remedy in: $(cat "$dir/err")"
	"$zs" swap run sh -c 'exit 7'
	[ $? -eq 7 ] || fail "another exit status"
	{ "$zs" swap run sh -c 'kill -9 $$'; } 2>"$dir/err"
	[ $? -eq 137 ] || fail "another signal"
	"$zs" swap run --quiet --resident 8M "$calls" hold 2>"$dir/err"
	[ ! -s "$dir/err" ] || fail "--quiet is not: $(cat "$dir/err")"
	# An allocator that is named from here is one for who goes elsewhere, too.
	if [ -e "$jemalloc" ]; then
		cp "$jemalloc" "$dir/own.so"
		(cd "$dir" && "$zs" swap run --malloc own.so sh -c 'cd / && grep own.so /proc/self/maps' >out 2>err) &&
			[ ! -s "$dir/err" ] || fail "an allocator in this folder: $(cat "$dir/err")"
	fi
	# A program that is small has nothing of it, and is not told of.
	"$zs" swap run true 2>"$dir/err"
	[ ! -s "$dir/err" ] || fail "told of nothing: $(cat "$dir/err")"
}

has_line() {
	grep -q -- "$1" "$2"
}

nr_mappings() {
	wc -l <"/proc/$server/maps"
}

# How many can be asked, by all means that there are to find them.
nr_asked() {
	"$zs" ls | grep -c .
}

# Each process by its own name, of its own figures, as long as it lives; and however often it is asked.
check_asking() {
	local child before
	"$zs" swap run --resident 8M --name asked -- "$calls" family >"$dir/ready" 2>"$dir/err" &
	server=$!
	wait_for has_line ^child "$dir/ready"
	wait_for has_line ^parent "$dir/ready"
	child=$(awk '$1 == "child" { print $2 }' "$dir/ready")
	"$zs" swap stat --json asked >"$dir/report" || fail "stat"
	check stat '.resident_limit_pages == 2048 and .resident_pages <= 2048 and .pool_pages > 4000 and .lost_pages == 0'
	"$zs" swap stat asked | grep -q '^ratio ' || fail "stat: no ratio"
	"$zs" swap top -n 1 | grep -q '^asked ' || fail "top does not show it"
	"$zs" ls | grep -q "^swap *asked *$server " || fail "ls: $("$zs" ls)"
	"$zs" ls | grep -q "^swap *asked-$child *$child " || fail "ls, of the child: $("$zs" ls)"
	"$zs" swap stat --json "asked-$child" >"$dir/report" || fail "stat of the child"
	check 'stat of the child' '.faults > 1000 and .lost_pages == 0'
	for _ in $(seq 20); do "$zs" swap stat asked >"$dir/out" || fail "stat again"; done
	before=$(nr_mappings)
	for _ in $(seq 50); do "$zs" swap stat asked >"$dir/out" || fail "stat again and again"; done
	[ "$(nr_mappings)" -lt $((before + 20)) ] || fail "each question takes memory: $before mappings, then $(nr_mappings)"
	for heap in none jemalloc; do
		"$zs" swap run --malloc $heap --resident 8M --name asked -- "$calls" environment 2>"$dir/err" ||
			fail "a child's environment, with $heap: $(cat "$dir/err")"
	done
	# One of the same name, whose program it is that counts, not the shell that starts it.
	"$zs" swap run --resident 8M --name asked -- sh -c "'$calls' hold; '$zs' ls" >"$dir/out" 2>"$dir/err"
	[ "$(nr_asked)" -eq 2 ] || fail "more than two are left: $("$zs" ls)"
	kill -9 "$server"
	wait "$server" 2>/dev/null
	server=$child
	bad 1 'there is none of this name' stat asked
	"$zs" swap stat "asked-$child" >"$dir/out" || fail "the child cannot be asked any more"
	[ "$(nr_asked)" -eq 1 ] || fail "the child is not alone: $("$zs" ls)"
	kill -9 "$child"
	wait_for dead "$child"
	server=''
	[ -z "$("$zs" ls)" ] || fail "a killed one is still told of"
	"$zs" swap run --stats --resident 8M -- sh -c "'$calls' stay & echo \$!; wait" >"$dir/ready" 2>"$dir/err" &
	server=$!
	wait_for has_line ready "$dir/ready"
	"$zs" ls | grep -q "^swap *$(basename "$calls") *$(head -1 "$dir/ready") " || fail "not by its own name: $("$zs" ls)"
	kill "$(head -1 "$dir/ready")"
	wait "$server"
	server=''
}

dead() {
	! kill -0 "$1"
}

# wrote: a summary says that something is in the file
wrote() {
	grep -Eq '^zs swap: .* ([1-9][0-9]*\.[0-9]|0\.[1-9]) MiB in the file' "$dir/err" ||
		fail "$1: nothing was written: $(cat "$dir/err")"
}

# with_file FILE COMMAND...: all right, written, and nothing left that was not there
with_file() {
	local file=$1
	options=(--pool 4M --backing "$file")
	managed 8M "${@:2}"
	options=()
	wrote "$file"
	[ "$(ls -A "$dir/back")" = mine ] || fail "$file: left in the folder: $(ls -A "$dir/back")"
}

# A disk that is full is told of, and nothing is lost. What was written before may have come back by the end.
full() {
	[ "$1" -eq 0 ] || fail "$2: status $1: $(cat "$dir/err")"
	grep -q 'nothing can be written' "$dir/err" || fail "$2: that is not told: $(cat "$dir/err")"
}

check_backing() {
	mkdir "$dir/back"
	echo 'what was there before' >"$dir/back/mine"
	with_file "$dir/back" "$calls" hold
	with_file "$dir/back/new" "$calls" fork
	with_file "$dir/back/mine" "$calls" spawn
	with_file "$dir/back/new" sh -c "'$calls' threads & '$calls' hold; wait"
	[ "$(grep -c 'in the file' "$dir/err")" -eq 2 ] || fail "not two with files: $(cat "$dir/err")"
	(cd "$dir/back" && "$zs" swap run --resident 8M --pool 4M --backing new sh -c "cd / && exec '$calls' move" 2>"$dir/err") ||
		fail "a file here: $(cat "$dir/err")"
	wrote "a file here"
	[ "$(cat "$dir/back/mine")" = 'what was there before' ] || fail "a file that was there has changed"
	(ulimit -f 3000 && exec "$zs" swap run --resident 8M --pool 4M --backing "$dir/back" "$calls" hold 2>"$dir/err")
	full $? "a limit on files"
	if unshare -m true 2>/dev/null; then
		unshare -m sh -c "mount -t tmpfs -o size=3m none '$dir/back' &&
			exec '$zs' swap run --resident 8M --pool 4M --backing '$dir/back/file' -- \
				sh -c \"'$calls' fork & one=\\\$!; '$calls' hold && wait \\\$one\"" 2>"$dir/err"
		full $? "a full disk"
	fi
}

# Nobody of a session, no socket, and no file is there.
nothing_left() {
	[ -z "$(ps -o pid= -s "$server")" ] || fail "$1: still there: $(ps -s "$server")"
	[ -z "$("$zs" ls)" ] || fail "$1: can be asked: $("$zs" ls)"
	! grep -F "$dir" /proc/net/unix || fail "$1: a socket is left"
	[ -z "$(find "$XDG_RUNTIME_DIR" "$dir/back" -mindepth 1)" ] || fail "$1: left: $(find "$XDG_RUNTIME_DIR" "$dir/back")"
}

# end BY WHAT TO: SIGNAL ends a program, or with "-" all of its group, as a terminal does
end() {
	local signal=$1 what=$2 to=$3
	: >"$dir/ready"
	setsid env --default-signal "$zs" swap run --resident 8M --pool 4M --backing "$dir/back/file" --stats -- \
		"$calls" "$what" >"$dir/ready" 2>"$dir/err" &
	server=$!
	wait_for has_line "$4" "$dir/ready"
	"$zs" ls | grep -q "$server " || fail "$signal: cannot be asked before"
	kill "-$signal" -- "$to$server"
	{ wait "$server"; } 2>/dev/null
	[ $? -eq $((128 + $(kill -l "$signal"))) ] || fail "$signal: another status"
	[ -z "$to" ] || wait_for nobody_of "$server"
	nothing_left "$signal, $what"
	server=''
}

nobody_of() {
	[ -z "$(ps -o pid= -s "$1")" ]
}

check_ends() {
	local signal
	mkdir "$dir/back"
	for signal in TERM INT HUP KILL; do
		end "$signal" stay '' ready
		end "$signal" family - child
	done
}

"check_$part"
exit $failed
