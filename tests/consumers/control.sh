#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# A RAM disk and who asks it: zs ls and zs zram with disks that run, that are killed and that never were; garbage on the
# control socket; a disk for a command, and what is left afterwards. Usage: control.sh PLUGIN PATH-TO-ZS MANUAL
set -u

usage='usage: control.sh PLUGIN PATH-TO-ZS MANUAL'
plugin=${1:?$usage}
zs=${2:?$usage}
manual=${3:?$usage}
dir=$(mktemp -d) || exit 1
servers=''
trap 'for pid in $servers; do kill -9 "$pid" 2>/dev/null; done; rm -rf "$dir"' EXIT
. "$(dirname "$0")/lib.sh"
export XDG_RUNTIME_DIR=$dir/runtime
sockets=$XDG_RUNTIME_DIR/zsmalloc
mkdir -m 700 "$XDG_RUNTIME_DIR"

command -v nbdkit >/dev/null || { echo "left out: there is no nbdkit"; exit 77; }

# start NAME PARAMETER...: $server is the process that serves $dir/NAME.nbd, or that could not
start() {
	local name=$1
	shift
	nbdkit -f -U "$dir/$name.nbd" "$plugin" "$@" 2>"$dir/$name.messages" &
	server=$!
	servers="$servers $server"
	until_ready "$server" serves "$name" || ! kill -0 "$server" 2>/dev/null ||
		fail "nbdkit does not start: $(cat "$dir/$name.messages")"
}

serves() {
	timeout 20 nbdinfo --size "nbd+unix:///?socket=$dir/$1.nbd" >/dev/null
}

stop() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# good PATTERN ARGUMENT...; bad STATUS PATTERN ARGUMENT...: what zs prints, on stdout and on stderr; '' is anything
good() {
	local pattern=$1
	shift
	timeout 60 "$zs" "$@" >"$dir/out" 2>"$dir/err" || fail "zs $*: status $?: $(cat "$dir/err")"
	[ -z "$pattern" ] || grep -q -- "$pattern" "$dir/out" || fail "zs $*: no '$pattern' in: $(head -3 "$dir/out")"
}

bad() {
	local status=$1 pattern=$2 got
	shift 2
	timeout 60 "$zs" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ $got -eq "$status" ] || fail "zs $*: status $got, not $status"
	[ -z "$pattern" ] || grep -q -- "$pattern" "$dir/err" || fail "zs $*: no '$pattern' in: $(head -3 "$dir/err")"
}

fill() {
	tar -cf - -C /usr/include . 2>/dev/null | head -c 8000000 >"$dir/image"
	nbdcopy "$dir/image" "nbd+unix:///?socket=$dir/$1.nbd"
}

check_nothing_runs() {
	good '' ls
	[ ! -s "$dir/out" ] || fail "zs ls: something runs: $(cat "$dir/out")"
	bad 1 'no zram runs' zram stat
	bad 1 'none of this name' zram stat nobody
	bad 1 'is no name' zram compact a/b
	[ ! -e "$sockets" ] || fail "asking left a folder"
}

check_usage() {
	bad 2 'say what' zram
	bad 2 "there is no 'look'" zram look
	bad 2 'not both' zram stat --json --prometheus
	bad 2 'one name' zram stat a b
	bad 2 'nothing else' zram compact a b
	bad 2 'nothing else' zram reset-peak --now
	bad 2 '-d 0' zram top -d 0
	bad 2 '-n 0' zram top -n 0
	bad 2 'no argument' zram top a
	bad 2 'needs a command' zram run -s 1M
	bad 2 'no option' zram run -x true
	bad 2 'no argument' ls a
}

# Each figure by each way, and in the manual with its text.
check_figures() {
	local figure
	good disk_size zram stat one
	good '^utilisation' zram stat one
	good '' zram stat --json one
	cp "$dir/out" "$dir/report"
	check stat '.disk_size == 16777216 and .compr_data_size > 0 and .compr_data_size < .mem_used_total'
	check stat '.mem_used_total < .orig_data_size and .writes > 0 and .bytes_written >= 8000000 and .failed_writes == 0'
	good 'zram_bytes_written_total{name="one"}' zram stat --prometheus one
	sed -n 's/^# HELP [^ ]* \(.*\) ([a-z]*)$/\1/p' "$dir/out" >"$dir/helps"
	[ "$(wc -l <"$dir/helps")" -eq "$(jq length "$dir/report")" ] || fail "another number of figures in each way"
	while read -r figure; do
		grep -qi "^$figure\.$" "$manual" || fail "the manual does not say: $figure"
	done <"$dir/helps"
	for figure in $(jq -r 'keys[]' "$dir/report"); do
		grep -q "^\.It Va $figure Pq" "$manual" || fail "the manual does not name $figure"
	done
}

# All blocks are told of, and each kind is drawn.
check_blocks() {
	good '^ *first block' zram blocks one
	[ "$(awk 'NR > 1 { n += $2 } END { print n }' "$dir/out")" -eq 4096 ] || fail "blocks: not all of the disk"
	[ "$(awk '$3 == "compressed" { n += $2 } END { print n }' "$dir/out")" -gt 1000 ] || fail "blocks: no content"
	start large 8G control=large
	good '^ *0 *2097152 hole  *0$' zram blocks large
	stop "$server"
	servers=${servers% *}
	good '^4096 blocks .*, 2 a letter: . hole' zram map one
	[ "$(tail -n +2 "$dir/out" | wc -l)" -eq 32 ] || fail "map: not 32 lines: $(cat "$dir/out")"
	good '' zram map --svg "$dir/map.svg" one
	xmllint --noout "$dir/map.svg" || fail "map: no SVG"
	[ "$(grep -c 'width="11"' "$dir/map.svg")" -eq 2048 ] || fail "map: not as many cells as there should be"
	good '</svg>' zram map --svg - one
	bad 1 'cannot write /nowhere' zram map --svg /nowhere/map.svg one
	bad 2 'one name' zram map a b
	bad 2 'nothing else' zram blocks a b
}

# has_written NAME: its figures are in $dir/report
has_written() {
	"$zs" zram stat --json "$1" >"$dir/report" && jq -e '.bd_count > 1000' "$dir/report" >/dev/null
}

# A disk with every policy does by itself, and at once, what it is told to.
check_policies() {
	start pack 16M recompress=manual,codec=zstd:1 dedup=on writeback=manual,backing="$dir" control=pack
	fill pack
	nbdcopy "$dir/image" "nbd+unix:///?socket=$dir/pack.nbd"
	good '^0 pages packed' zram recompress pack
	good '' zram idle pack
	good '^[1-9][0-9]* pages packed' zram recompress pack
	good '' zram stat --json pack
	cp "$dir/out" "$dir/report"
	check recompress '.unit_pages > 1000 and .units < .unit_pages and .bd_count == 0'
	good '^[1-9][0-9]* objects written' zram writeback pack
	good '' zram stat --json pack
	cp "$dir/out" "$dir/report"
	check writeback '.unit_pages == 0 and .bd_count > 1000 and .bd_bytes > 100000 and .compr_data_size < 400000'
	good ' stored ' zram blocks pack
	nbdcopy "nbd+unix:///?socket=$dir/pack.nbd" - | cmp -n "$(stat -c %s "$dir/image")" - "$dir/image" ||
		fail "another image after recompression and writeback"
	stop "$server"
	bad 1 'without recompress=' zram recompress one
	bad 1 'without writeback=' zram writeback one
	# And by itself, soon.
	start itself 16M recompress=idle:20ms,codec=zstd:1 writeback=idle:50ms+incompressible,backing="$dir/file" control=itself
	fill itself
	until_true has_written itself
	check 'by itself' '.bd_count > 1000 and .recompressed > 0'
	start other 1M writeback=idle:1m,backing="$dir/file"
	wait "$server" && fail "two disks in one file"
	grep -q 'another process uses it' "$dir/other.messages" || fail "not said: $(cat "$dir/other.messages")"
	nbdcopy "nbd+unix:///?socket=$dir/itself.nbd" - | cmp -n "$(stat -c %s "$dir/image")" - "$dir/image" ||
		fail "another image after it went to a file by itself"
	stop "${servers##* }"
	servers=${servers% *}
	stop "${servers##* }"
	[ -e "$dir/file" ] && [ ! -s "$dir/file" ] || fail "the backing file is not empty in the end"
}

refused() {
	local pattern=$1
	shift
	nbdkit -U - "$plugin" 1M "$@" --run true 2>"$dir/err" && fail "nbdkit took $*"
	grep -q -- "$pattern" "$dir/err" || fail "$*: no '$pattern' in: $(cat "$dir/err")"
}

check_policy_settings() {
	echo mine >"$dir/mine"
	refused "a time is a number above 0" recompress=idle:60
	refused "a time is a number above 0" recompress=idle:0s
	refused "say when" recompress=soon
	refused "the levels of zstd" recompress=idle:1s,codec=zstd:99
	refused "unit=5k: there are" recompress=idle:1s,unit=5k
	refused "there are codec= and unit=" recompress=idle:1s,colour=red
	refused "say where to" writeback=idle:1m
	refused "say when" writeback=soon,backing="$dir"
	refused "a time is a number above 0" writeback=idle:1,backing="$dir"
	refused "limit=z" writeback=idle:1s,backing="$dir",limit=z
	refused "it is not empty" writeback=idle:1s,backing="$dir/mine"
	refused "No such file" writeback=idle:1s,backing=/nowhere/at/all
	refused "could not" dedup=perhaps
	[ "$(cat "$dir/mine")" = mine ] || fail "a file that somebody has was touched"
}

check_orders() {
	good 'bytes given back' zram compact one
	good '' zram reset-peak one
	good '' zram stat --json one
	cp "$dir/out" "$dir/report"
	check reset-peak '.mem_used_max >= .mem_used_total and .mem_used_max < .mem_used_total + 1000000'
	good '^one .* 16.0 MiB' zram top -n 2 -d .05
	[ "$(grep -c '^one ' "$dir/out")" -eq 2 ] || fail "top: not two looks: $(cat "$dir/out")"
}

# watch: $top looks over and over, and has done so some times
watch() {
	: >"$dir/looks"
	"$zs" zram top -d .05 >"$dir/looks" 2>"$dir/err" &
	top=$!
	servers="$top $servers"
	until_ready "$top" has_looked || fail "top ends early: $(cat "$dir/err")"
}

has_looked() {
	[ "$(grep -c '^one ' "$dir/looks")" -ge 4 ]
}

# ended STATUS
ended() {
	local got
	wait "$top"
	got=$?
	servers=${servers#* }
	[ $got -eq "$1" ] || fail "top: status $got, not $1: $(cat "$dir/err")"
}

check_top() {
	watch
	kill -TERM "$top"
	ended 143
	watch
	chmod 755 "$sockets" # others may look into it now
	ended 1
	chmod 700 "$sockets"
	good disk_size zram stat
}

# It is the only one, so no name is needed. Then there are two.
check_choice() {
	good disk_size zram stat
	start two 1M
	bad 1 '2 run: say which' zram stat
	good "^zram *$server  *$server  1 MiB disk, lz4" ls
	good '' ls --json
	cp "$dir/out" "$dir/report"
	check ls '.running | length == 2 and all(.kind == "zram" and .pid > 0)'
	start three 1M control=one
	wait "$server" && fail "two disks of one name"
	grep -q 'another disk has this name' "$dir/three.messages" || fail "not said: $(cat "$dir/three.messages")"
	stop "${servers##* }"
	servers=${servers% *}
	stop "${servers##* }"
	good disk_size zram stat
	start four 1M control=off
	good disk_size zram stat
	stop "$server"
}

# Garbage, silence and crowds: the disk answers others, and ends when it is told to.
check_hostile_peers() {
	cat >"$dir/hostile.py" <<-'END'
	import os, random, socket, sys
	random.seed(1)
	def peer():
	    s = socket.socket(socket.AF_UNIX)
	    s.settimeout(20)
	    s.connect(sys.argv[1])
	    return s
	silent = [peer() for _ in range(8)]
	for length in [0, 1, 10, 1023, 1024, 5000, 100000]:
	    s = peer()
	    try:
	        s.sendall(random.randbytes(length))
	        s.shutdown(socket.SHUT_WR)
	        answer = b"".join(iter(lambda: s.recv(4096), b""))
	        assert not answer or answer.startswith(b"zs1 error "), answer
	    except (BrokenPipeError, ConnectionResetError):
	        pass
	for line in [b"stat\n", b"stat xml\n", b"compact now\n", b"stat plain json\n", b"%s%n\n", b"\x1b[2J\n"]:
	    s = peer()
	    s.sendall(line)
	    answer = b"".join(iter(lambda: s.recv(4096), b""))
	    assert answer.startswith(b"zs1 error "), answer
	sys.stdout.write("done\n")
	sys.stdout.flush()
	sys.stdin.read()
	END
	mkfifo "$dir/wait"
	/usr/bin/python3 "$dir/hostile.py" "$sockets/zram.one.sock" <"$dir/wait" >"$dir/hostile" 2>&1 &
	local hostile=$!
	servers="$servers $hostile"
	exec 9>"$dir/wait"
	until_ready "$hostile" [ -s "$dir/hostile" ]
	grep -q '^done' "$dir/hostile" || fail "hostile peers: $(cat "$dir/hostile")"
	good disk_size zram stat one
	stop "$one"
	[ ! -e "$sockets" ] || fail "a disk that ended left $(ls "$sockets")"
	exec 9>&-
	wait "$hostile"
}

# What a killed disk leaves is recognised, and its name can be had again.
check_death() {
	start five 1M control=five
	kill -9 "$server"
	wait "$server" 2>/dev/null
	[ -e "$sockets/zram.five.sock" ] || fail "a killed disk left no socket: the test is wrong"
	bad 1 'has ended' zram stat five
	rm -f "$dir/five.nbd"
	start five 2M control=five
	good '2097152' zram stat five
	kill -9 "$server"
	wait "$server" 2>/dev/null
	good '' ls
	[ ! -e "$sockets/zram.five.sock" ] || fail "zs ls left a stale socket"
	rmdir "$sockets" || fail "the folder of sockets is not empty"
}

check_folder() {
	mkdir -m 755 "$sockets"
	bad 1 "not this user's alone" ls
	start six 1M control=six
	wait "$server" && fail "a disk that should be found and cannot be started nevertheless"
	grep -q 'must belong to the user' "$dir/six.messages" || fail "not said: $(cat "$dir/six.messages")"
	start seven 1M
	nbdinfo --size "nbd+unix:///?socket=$dir/seven.nbd" >/dev/null || fail "a disk without a socket does not serve"
	stop "$server"
	rmdir "$sockets"
}

# Who was stopped while it had the folder locked keeps nobody waiting for ever.
check_locked_folder() {
	mkdir -m 700 "$sockets"
	exec 8<"$sockets"
	flock 8
	bad 1 'another process keeps the folder of sockets locked' ls
	bad 1 'another process keeps the folder of sockets locked' zram stat eight
	start eight 1M control=eight 8<&-
	wait "$server" && fail "a disk that should be found and cannot be started nevertheless"
	grep -q 'another process keeps it locked' "$dir/eight.messages" || fail "not said: $(cat "$dir/eight.messages")"
	exec 8<&-
	rmdir "$sockets"
}

folders_of_runs() {
	find /tmp -maxdepth 1 -name 'zs-zram-*' | sort
}

# Folders of others that run at the same time go away, too.
nothing_is_left_of_runs() {
	[ -z "$(folders_of_runs | comm -13 "$dir/before" -)" ]
}

check_run() {
	folders_of_runs >"$dir/before"
	good '^5242880$' zram run -s 5M -- sh -c 'nbdinfo --size "$uri"'
	good '"mem_limit": 1048576' zram run -s 5M -l 1M -c zstd:1 -- "$zs" zram stat --json
	bad 7 '' zram run -s 1M -- sh -c 'exit 7'
	bad 137 '' zram run -s 1M -- sh -c 'kill -9 $$'
	bad 127 'cannot run nothing-of-this-name' zram run -s 1M nothing-of-this-name
	bad 126 'cannot run /dev/null' zram run -s 1M /dev/null
	bad 1 'size=0' zram run -s 0 true
	bad 1 'no such compressor' zram run -c rot13 true
	bad 1 'the disk ended before' zram run -s 1M -- sh -c "kill -9 \$('$zs' ls --json | jq '.running[0].pid')"
	PATH=/nowhere "$zs" zram run true 2>"$dir/err" && fail "run without nbdkit"
	grep -q 'cannot run nbdkit' "$dir/err" || fail "not said: $(cat "$dir/err")"
	until_true nothing_is_left_of_runs || fail "run left one of: $(folders_of_runs)"
	"$zs" ls >"$dir/out"
	[ ! -s "$dir/out" ] || fail "run left a disk: $(cat "$dir/out")"
}

# run_until_ready COMMAND-TEXT: $run is zs zram run, whose command has made $dir/ready
run_until_ready() {
	rm -f "$dir/ready"
	env --default-signal=HUP "$zs" zram run -s 1M -- sh -c "$1" & # it may be nohup(1) that runs this
	run=$!
	servers="$servers $run"
	until_ready "$run" [ -e "$dir/ready" ] || fail "run: the command does not start: $1"
}

# ends_with SIGNAL STATUS: the command, and the disk with it
ends_with() {
	local got
	kill -"$1" "$run"
	wait "$run"
	got=$?
	[ $got -eq "$2" ] || fail "run: SIG$1 ended it with status $got, not $2"
	"$zs" ls >"$dir/out"
	[ ! -s "$dir/out" ] || fail "run left a disk: $(cat "$dir/out")"
}

# A signal to zs reaches the command, which finds it as zs did.
check_run_is_ended() {
	local run
	run_until_ready 'trap "exit 3" TERM; touch '"$dir"'/ready; while :; do sleep .1; done'
	ends_with TERM 3
	run_until_ready 'touch '"$dir"'/ready; exec sleep 10'
	ends_with HUP 129
	(trap '' HUP; "$zs" zram run -s 1M -- sh -c 'kill -HUP $$; exit 5')
	[ $? -eq 5 ] || fail "run: the command does not ignore SIGHUP, as nohup would have it"
}

check_nothing_runs
check_usage
start one 16M control=one
one=$server
fill one
check_figures
check_orders
check_top
check_blocks
check_policy_settings
check_policies
check_choice
check_hostile_peers
check_death
check_folder
check_locked_folder
check_run
check_run_is_ended
exit $failed
