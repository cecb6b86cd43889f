#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# zs swap run: programs in compressed memory that know nothing of it, each with the answer that it gives without. What
# goes wrong is told before the program runs, and nothing is left behind.
#   swap_run.sh PATH-TO-ZS SWAP-CALLS calls|words|PROGRAM
set -u

usage='usage: swap_run.sh PATH-TO-ZS SWAP-CALLS calls|words|PROGRAM'
zs=${1:?$usage}
calls=${2:?$usage}
part=${3:?$usage}
dir=$(mktemp -d) || exit 1
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
"$zs" swap run true 2>"$dir/err" || left_out "$(cat "$dir/err")"

# managed RESIDENT COMMAND...: $dir/out and $dir/err; something was packed, so it was not all for show
managed() {
	local resident=$1
	shift
	timeout 300 "$zs" swap run --resident "$resident" -- "$@" >"$dir/out" 2>"$dir/err" ||
		fail "$*: status $?: $(tail -3 "$dir/err")"
	grep -q '^zs swap: .* [1-9][0-9]* pages packed' "$dir/err" || fail "$*: nothing was packed: $(cat "$dir/err")"
}

# same RESIDENT COMMAND...: the same output as without
same() {
	"${@:2}" >"$dir/plain" 2>"$dir/err" || fail "${*:2}: fails without zs, too: $(tail -3 "$dir/err")"
	managed "$@"
	cmp "$dir/plain" "$dir/out" || fail "$*: another output"
}

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
	for what in hold move drop replace reserve fork spawn transfer threads signals; do
		managed 8M "$calls" "$what"
		timeout 300 "$zs" swap run --resident 8M --pool 1M --backing "$dir" --compressor zstd:1 "$calls" "$what" \
			2>"$dir/err" || fail "$what, with a file: $(cat "$dir/err")"
	done
	[ "$(find "$dir" -type f | wc -l)" -le 3 ] || fail "files were left: $(find "$dir" -type f)"
}

check_words() {
	bad 2 "there is no 'walk'" walk
	bad 2 'needs a command' run --resident 64M
	bad 2 'at least 1M' run --resident 64 true
	bad 2 'at least 1M' run --pool 1X true
	bad 2 'is no name' run --name a/b true
	bad 2 'no option' run --colour true
	bad 1 'give a folder' run --backing "$calls" true
	bad 1 'no such compressor' run --compressor rot13 true
	bad 1 'No such file' run --malloc /nowhere.so true
	bad 127 'cannot run nothing-of-this-name' run nothing-of-this-name
	bad 126 'cannot run /dev/null' run /dev/null
	bad 1 'no swap runs' stat
	ZSWAP_DISABLE=full "$zs" swap run true 2>"$dir/err" && fail "run without faults of all kinds"
	grep -q 'unprivileged_userfaultfd' "$dir/err" || fail "no remedy in: $(cat "$dir/err")"
	"$zs" swap run sh -c 'exit 7'
	[ $? -eq 7 ] || fail "another exit status"
	{ "$zs" swap run sh -c 'kill -9 $$'; } 2>"$dir/err"
	[ $? -eq 137 ] || fail "another signal"
	"$zs" swap run --quiet --resident 8M "$calls" hold 2>"$dir/err"
	[ ! -s "$dir/err" ] || fail "--quiet is not: $(cat "$dir/err")"
	# A program that is small has nothing of it, and is not told of.
	"$zs" swap run true 2>"$dir/err"
	[ ! -s "$dir/err" ] || fail "told of nothing: $(cat "$dir/err")"
}

# It can be asked, and two of a name are told apart; what a killed one leaves is found.
check_asking() {
	local script='import os, time
a = [bytes([i % 256]) * 1000 + b"x%d" % i for i in range(30000)]
open(os.environ["ready"], "w").close()
time.sleep(60)'
	needs python3
	ready=$dir/ready "$zs" swap run --resident 8M --name asked -- python3 -c "$script" 2>"$dir/err" &
	server=$!
	for _ in $(seq 400); do
		[ -e "$dir/ready" ] && break
		sleep .05
	done
	"$zs" swap stat --json asked >"$dir/report" || fail "stat"
	check stat '.resident_limit_pages == 2048 and .resident_pages <= 2048 and .pool_pages > 4000 and .lost_pages == 0'
	"$zs" swap stat asked | grep -q '^ratio ' || fail "stat: no ratio"
	"$zs" swap top -n 1 | grep -q '^asked ' || fail "top does not show it"
	"$zs" ls | grep -q "^swap *asked *$server " || fail "ls: $("$zs" ls)"
	rm "$dir/ready"
	ready=$dir/ready "$zs" swap run --resident 8M --name asked -- sh -c \
		"python3 -c '${script/time.sleep(60)/}'; '$zs' ls" >"$dir/out" 2>"$dir/err"
	"$zs" ls | grep -c . | grep -qx 1 || fail "more than one is left: $("$zs" ls)"
	kill -9 "$server"
	wait "$server" 2>/dev/null
	server=''
	[ -z "$("$zs" ls)" ] || fail "a killed one is still told of"
}

check_python3() {
	needs python3
	same 16M python3 -c 'import array
a = [array.array("Q", range(i, i + 65536)) for i in range(120)]
print(sum(sum(b) for b in a), sum(memoryview(b)[i] for i, b in enumerate(a)))'
	same 16M python3 -c 'import gc, subprocess, threading
class Thing: pass
things = []
for i in range(60000):
    thing = Thing(); thing.a = i; thing.b = [i, str(i)]; thing.c = {"k": i}
    things.append(thing)
gc.collect()
print(subprocess.run(["echo", "a child"], capture_output=True).stdout)
total = []
def count(): total.append(sum(x.a + x.b[0] + x.c["k"] for x in things))
workers = [threading.Thread(target=count) for _ in range(3)]
[w.start() for w in workers]; [w.join() for w in workers]
del things[::2]
gc.collect()
print(total, sum(int(x.b[1]) for x in things))'
	same 16M python3 -c 'import os
a = [bytes([i % 256]) * 900 + b"%d" % i for i in range(40000)]
sums = []
for k in range(3):
    r, w = os.pipe()
    if not os.fork():
        os.write(w, b"%d" % sum(int(x[900:]) for x in a)); os._exit(0)
    sums.append(os.read(r, 20)); os.wait()
print(sums)'
}

check_sort() {
	needs sort
	seq 700000 | awk '{ print ($1 * 7919) % 700001, "the value of line", $1 }' >"$dir/lines"
	same 32M sort -S 200M --parallel=1 -n "$dir/lines"
}

check_sqlite3() {
	needs sqlite3
	same 16M sqlite3 :memory: "create table t(k integer primary key, v text);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
			insert into t select i, 'the value of row ' || i || ' and some more text' from n;
		create index i on t(v); select count(*), sum(length(v)), max(v) from t;
		delete from t where k % 3 = 0; vacuum; select count(*), sum(k) from t; pragma integrity_check;"
}

check_gcc() {
	needs gcc
	awk 'BEGIN { for (i = 0; i < 1200; i++) printf "int f%d(int a, int b) { int c = a * %d; for (int k = 0; k < b; k++) " \
		"c += k ^ (a << (k & 7)); return c > %d ? c - b : c + a; }\n", i, i, i }' >"$dir/many.c"
	gcc -O1 -c -o "$dir/plain.o" "$dir/many.c" || fail "gcc"
	managed 32M gcc -O1 -c -o "$dir/many.o" "$dir/many.c"
	cmp "$dir/plain.o" "$dir/many.o" || fail "gcc: another object"
}

check_node() {
	needs node
	same 48M node -e 'const a = []; for (let i = 0; i < 60; i++) a.push(Buffer.alloc(1 << 20, "text " + i));
let s = 0; for (const b of a) for (let i = 0; i < b.length; i += 4096) s += b[i]; console.log(s)'
}

check_redis_server() {
	local i
	needs redis-server
	needs redis-cli
	"$zs" swap run --resident 24M -- redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" \
		--daemonize no >"$dir/log" 2>"$dir/err" &
	server=$!
	for _ in $(seq 200); do
		[ -S "$dir/redis.sock" ] && break
		sleep .05
	done
	for i in $(seq 40000); do
		printf 'SET key:%d "value %d %s"\r\n' "$i" "$i" "the quick brown fox jumps over the lazy dog, again and again, \
until the line is long enough to be one of those that people keep in such stores; this one has number $i, of many"
	done | redis-cli -s "$dir/redis.sock" --pipe >"$dir/out" || fail "redis: filling: $(cat "$dir/out")"
	redis-cli -s "$dir/redis.sock" eval 'for i = 1, 200000 do
			local p = redis.call("get", "key:" .. (i - 1) % 40000 + 1)
			if not p or not string.find(p, "value " .. (i - 1) % 40000 + 1 .. " ", 1, true) then return i end
			if i > 40000 then redis.call("set", "more:" .. i, p) end
		end return "all right"' 0 | grep -qx 'all right' || fail "redis: a value is missing or wrong"
	redis-cli -s "$dir/redis.sock" bgsave >"$dir/out"
	for _ in $(seq 400); do
		redis-cli -s "$dir/redis.sock" info persistence | grep -q 'rdb_bgsave_in_progress:0' && break
		sleep .05
	done
	redis-cli -s "$dir/redis.sock" info persistence | grep -q 'rdb_last_bgsave_status:ok' || fail "redis: its child failed"
	redis-cli -s "$dir/redis.sock" shutdown nosave
	wait "$server"
	server=''
	grep -q '^zs swap: .* [1-9][0-9]* pages packed' "$dir/err" || fail "redis: nothing was packed: $(cat "$dir/err")"
}

case $part in
calls) check_calls ;;
words) check_words && check_asking ;;
*) "check_${part//-/_}" ;;
esac
exit $failed
