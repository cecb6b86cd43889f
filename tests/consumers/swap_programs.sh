#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Programs in compressed memory that know nothing of it, each with the answer that it gives without. docs/swap-run.md has
# the list of them.
#   swap_programs.sh PATH-TO-ZS SWAP-CALLS PROGRAM
set -u

usage='usage: swap_programs.sh PATH-TO-ZS SWAP-CALLS PROGRAM'
zs=${1:?$usage}
calls=${2:?$usage}
part=${3:?$usage}
tree=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/swap_lib.sh"

# ---- python3 ----

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

# The collector of garbage finds cycles beside objects that stay, all the time.
check_collector() {
	needs python3
	same 16M python3 -c 'import gc, weakref
gc.set_threshold(500, 5, 5)
class Node: pass
kept, gone = {}, []
for i in range(90000):
    node = Node(); node.self = node; node.name = "node %d" % i; node.next = kept.get(i - 7)
    if i % 3: kept[i] = node
    elif i % 90 == 0: gone.append(weakref.ref(node))
del node
gc.collect()
print(len(kept), sum(int(n.name[5:]) for n in kept.values()), sum(n.next is not None for n in kept.values()))
print(all(n.self is n for n in kept.values()), sum(r() is not None for r in gone), gc.get_stats()[2]["collections"] > 10)'
}

# Scans of four times what may be resident, and the sums by formulas.
check_numpy() {
	/usr/bin/python3 -c 'import numpy' 2>/dev/null || left_out "there is no numpy"
	same 16M /usr/bin/python3 -c 'import numpy as np
n = 8 << 20
a = np.arange(n, dtype=np.int64)
assert a.sum() == n * (n - 1) // 2
assert a[::-1].sum() == n * (n - 1) // 2
for step in (2, 16, 512, 4096):
    m = n // step
    assert a[::step].sum() == step * m * (m - 1) // 2, step
a *= 3; a += 5; a ^= 1; a ^= 1
assert a.sum() == 3 * n * (n - 1) // 2 + 5 * n
columns = a.reshape(-1, 1024).sum(axis=0)
rows = n // 1024
assert all(columns[c] == sum((3 * (r * 1024 + c) + 5) for r in (0, rows - 1)) * rows // 2 for c in range(1024))
b = a[n // 2:].copy(); b.sort(); assert (b == a[n // 2:]).all()
c = np.sqrt(a[:n // 4].astype(np.float64)); print(a.sum(), columns[::100], c[::300000], float(c.dot(c)))'
}

# ---- redis-server ----

# serve RESIDENT [OPTION...]: "plain" runs it without zs
serve() {
	local prefix=("$zs" swap run --resident "$1" --)
	[ "$1" != plain ] || prefix=()
	rm -f "$dir/redis.sock"
	"${prefix[@]}" redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" --daemonize no \
		--enable-debug-command yes >"$dir/log" 2>"$dir/err" &
	server=$!
	wait_for [ -S "$dir/redis.sock" ]
}

ask() {
	redis-cli -s "$dir/redis.sock" "$@"
}

stop_serving() {
	ask shutdown nosave
	wait "$server"
	server=''
}

packed() {
	grep -q '^zs swap: .* [1-9][0-9]* pages packed' "$dir/err" || fail "redis: nothing was packed: $(cat "$dir/err")"
}

is_saved() {
	ask info persistence | grep -q 'rdb_bgsave_in_progress:0'
}

check_redis_server() {
	local i
	needs redis-server
	needs redis-cli
	serve 24M
	for i in $(seq 40000); do
		printf 'SET key:%d "value %d %s"\r\n' "$i" "$i" "the quick brown fox jumps over the lazy dog, again and again, \
until the line is long enough to be one of those that people keep in such stores; this one has number $i, of many"
	done | ask --pipe >"$dir/out" || fail "redis: filling: $(cat "$dir/out")"
	ask eval 'for i = 1, 200000 do
			local p = redis.call("get", "key:" .. (i - 1) % 40000 + 1)
			if not p or not string.find(p, "value " .. (i - 1) % 40000 + 1 .. " ", 1, true) then return i end
			if i > 40000 then redis.call("set", "more:" .. i, p) end
		end return "all right"' 0 | grep -qx 'all right' || fail "redis: a value is missing or wrong"
	ask bgsave >"$dir/out"
	wait_for is_saved
	ask info persistence | grep -q 'rdb_last_bgsave_status:ok' || fail "redis: its child failed"
	stop_serving
	packed
}

# texts: 24,000 values of 1 KiB, pieces of this tree's sources, as requests
texts() {
	find "$tree/src" "$tree/docs" "$tree/tests" -name '*.[ch]' -o -name '*.md' | LC_ALL=C sort | xargs cat 2>/dev/null |
		LC_ALL=C tr -c '[:print:]' ' ' | LC_ALL=C tr '"\\' ' ' | head -c 1500000 >"$dir/text"
	LC_ALL=C awk '{ for (i = 0; i < 24000; i++)
		printf "SET text:%d \"%s\"\r\n", i, substr($0, 1 + i * 761 % 1490000, 1024) }' "$dir/text"
}

# redis-benchmark beside real text: its own counts are right afterwards, and all values what they are without zs.
check_redis_benchmark() {
	local which
	needs redis-server
	needs redis-benchmark
	texts >"$dir/requests"
	for which in plain 16M; do
		serve "$which"
		ask --pipe <"$dir/requests" >"$dir/out" || fail "filling: $(cat "$dir/out")"
		redis-benchmark -s "$dir/redis.sock" -q -P 16 -n 40000 -d 700 -t set,get,incr,lpush,rpop,sadd,hset,mset \
			>"$dir/out" 2>&1 || fail "redis-benchmark: $(cat "$dir/out")"
		# Of random keys all values are alike.
		redis-benchmark -s "$dir/redis.sock" -q -P 16 -n 40000 -r 20000 -d 700 SET random:__rand_int__ "$(seq -s, 200)" \
			>"$dir/out" 2>&1 || fail "redis-benchmark: $(cat "$dir/out")"
		[ "$(ask get counter:__rand_int__)" = 40000 ] || fail "$which: counted $(ask get counter:__rand_int__)"
		ask eval 'local n, value = 0, ARGV[1]
			for _, key in ipairs(redis.call("keys", "random:*")) do
				if redis.call("get", key) ~= value then return key end
				redis.call("del", key); n = n + 1
			end return n > 15000 and "all right"' 0 "$(seq -s, 200)" | grep -qx 'all right' || fail "$which: a random one"
		ask dbsize >>"$dir/digests"
		ask debug digest >>"$dir/digests"
		stop_serving
	done
	packed
	[ "$(sort -u "$dir/digests" | wc -l)" -eq 2 ] || fail "another content: $(cat "$dir/digests")"
	[ "$(grep -c . "$dir/digests")" -eq 4 ] || fail "not all was asked: $(cat "$dir/digests")"
}

# ---- others ----

# A file of more than four times what may be resident, in memory as a whole.
check_sort() {
	needs sort
	seq 112000 | awk '{ print ($1 * 7919) % 112001, "the value of line", $1, "and more" }' >"$dir/lines"
	[ "$(stat -c %s "$dir/lines")" -ge $((4 << 20)) ] || fail "the file is too small"
	LC_ALL=C sort -S 100M --parallel=1 "$dir/lines" | sha256sum >"$dir/sum"
	managed 1M env LC_ALL=C sort -S 100M --parallel=1 "$dir/lines"
	sha256sum <"$dir/out" | cmp - "$dir/sum" || fail "sort: another output"
}

check_sqlite3() {
	needs sqlite3
	same 16M sqlite3 :memory: "create table t(k integer primary key, v text);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
			insert into t select i, 'the value of row ' || i || ' and some more text' from n;
		create index i on t(v); select count(*), sum(length(v)), max(v) from t;
		select count(*), sum(k) from t where v between 'the value of row 15' and 'the value of row 16';
		delete from t where k % 3 = 0; vacuum; select count(*), sum(k) from t; pragma integrity_check;"
}

check_gcc() {
	local flags=(-O2 -g -D_GNU_SOURCE -I"$tree/include" -I"$tree/src/core" -I"$tree/src/host/posix" -I"$tree/src/host" -c)
	needs gcc
	awk 'BEGIN { for (i = 0; i < 500; i++) printf "int f%d(int a, int b) { int c = a * %d; for (int k = 0; k < b; k++) " \
		"c += k ^ (a << (k & 7)); return c > %d ? c - b : c + a; }\n", i, i, i }' >"$dir/many.c"
	gcc -O1 -c -o "$dir/plain.o" "$dir/many.c" || fail "gcc"
	managed 16M gcc -O1 -c -o "$dir/many.o" "$dir/many.c"
	cmp "$dir/plain.o" "$dir/many.o" || fail "gcc: another object"
	cd "$dir" || exit 1
	gcc "${flags[@]}" -o plain.o "$tree/src/core/pool.c" || fail "gcc: a file of this tree"
	managed 2M gcc "${flags[@]}" -o managed.o "$tree/src/core/pool.c"
	cmp plain.o managed.o || fail "gcc: another object of a file of this tree"
}

# Buffers, and the collector's own memory: objects, strings, maps.
check_node() {
	needs node
	same 48M node -e 'const a = []; for (let i = 0; i < 60; i++) a.push(Buffer.alloc(1 << 20, "text " + i));
let s = 0; for (const b of a) for (let i = 0; i < b.length; i += 4096) s += b[i]; console.log(s)'
	same 32M node -e 'const all = new Map();
for (let i = 0; i < 250000; i++) all.set("key " + i, { number: i, words: ["some", "text", String(i)] });
for (let i = 0; i < 250000; i += 3) all.delete("key " + i);
let sum = 0; for (const one of all.values()) sum += one.number + Number(one.words[2]);
console.log(all.size, sum)'
}

check_java() {
	needs javac
	cat >"$dir/Many.java" <<'EOF'
import java.util.*;
public class Many {
	public static void main(String[] words) {
		Map<String, int[]> all = new HashMap<>();
		for (int i = 0; i < 150000; i++) all.put("key " + i, new int[] { i, i * 7, 1, 2, 3, 4, 5, 6 });
		for (int round = 0; round < 3; round++) {
			for (int i = round; i < 150000; i += 5) all.put("key " + i, new int[] { i, i * 7, 1, 2, 3, 4, 5, 6 });
			System.gc();
		}
		long sum = 0;
		for (int i = 0; i < 150000; i++) sum += all.get("key " + i)[1];
		System.out.println(all.size() + " " + sum);
	}
}
EOF
	javac -d "$dir" "$dir/Many.java" || fail "javac"
	same 24M java -Xmx128m -XX:+UseSerialGC -cp "$dir" Many
}

# Files past the page cache, and by rings, into memory that is not resident and out of it: fio compares what it reads.
check_fio() {
	local way
	needs fio
	for way in psync libaio io_uring; do
		fio --name=probe --ioengine="$way" --direct=1 --rw=read --bs=4k --size=4k --filename="$dir/data" \
			>"$dir/out" 2>&1 || { echo "no $way here" && continue; }
		managed 8M fio --name=all --ioengine="$way" --direct=1 --rw=write --bs=1m --iodepth=24 --size=64m --thread \
			--filename="$dir/data" --verify=crc32c --verify_state_save=0 --do_verify=1 --iomem=malloc --norandommap
		grep -q 'err= 0' "$dir/out" || fail "$way: $(tail -3 "$dir/out")"
	done
}

# Other allocators: tcmalloc takes some of its memory by sbrk(), which stays.
check_allocators() {
	local library nr=0
	needs sqlite3
	for library in /usr/lib/*-linux-gnu/lib{mimalloc.so.2,tcmalloc_minimal.so.4}; do
		[ -e "$library" ] || continue
		nr=$((nr + 1))
		options=(--malloc "$library")
		TCMALLOC_SKIP_SBRK=1 same 3M sqlite3 :memory: "create table t(k integer primary key, v text);
			with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
				insert into t select i, 'the value of row ' || i from n;
			create index i on t(v); select count(*), sum(length(v)), max(v) from t; pragma integrity_check;"
	done
	[ $nr -gt 0 ] || left_out "there is neither mimalloc nor tcmalloc"
}

# unmanaged COMMAND...: it goes on as without
unmanaged() {
	"$zs" swap run --resident 8M -- "$@" >"$dir/out" 2>"$dir/err" || fail "$*: status $?: $(tail -3 "$dir/err")"
	! grep '^zs swap:' "$dir/err" || fail "$*: is managed: docs/swap-run.md is wrong"
}

# What docs/swap-run.md says does not work runs as it would without.
check_without() {
	needs gcc
	gcc -static -O1 -o "$dir/static" "$tree/tests/consumers/swap_calls.c" -D_GNU_SOURCE -pthread || fail "gcc -static"
	unmanaged "$dir/static" hold
	[ "$(id -u)" -eq 0 ] || left_out "only root makes a program run as somebody else"
	chmod 755 "$dir"
	install -o nobody -m 4755 "$calls" "$dir/setuid"
	"$dir/setuid" hold >"$dir/out" 2>&1 || left_out "a program of somebody else's cannot be run: $(tail -1 "$dir/out")"
	unmanaged "$dir/setuid" hold
}

# A program that was built with a sanitizer has its own malloc(); what it maps is managed.
check_sanitized() {
	local kind
	needs gcc
	for kind in address undefined; do
		gcc -fsanitize=$kind -fno-sanitize-recover=all -O1 -D_GNU_SOURCE -pthread -o "$dir/$kind" \
			"$tree/tests/consumers/swap_calls.c" || fail "gcc -fsanitize=$kind"
		options=(--malloc none)
		ASAN_OPTIONS=verify_asan_link_order=0 managed 8M "$dir/$kind" threads
	done
}

"check_${part//-/_}"
exit $failed
