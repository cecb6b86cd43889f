#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# A cached disk as its clients meet it: nbdsh, nbdcopy, qemu-io and fio; random requests against a model and a search
# for stale reads, on several connections; servers behind that fail, hang, are killed and come back; limits and a
# resize while it is used; servers that can do less or take few connections; wrong settings.
#   cached.sh PLUGIN PATH-TO-ZS DISK_TESTER STALE_TESTER [SECONDS]
# With SECONDS it only searches for stale reads, half of the time with a server behind and half with a file.
set -u

usage='usage: cached.sh PLUGIN PATH-TO-ZS DISK_TESTER STALE_TESTER [SECONDS]'
plugin=${1:?$usage}
zs=${2:?$usage}
disk=${3:?$usage}
stale=${4:?$usage}
seconds=${5:-}
dir=$(mktemp -d) || exit 1
behind=''
server=''
trap 'stop "$server"; stop "$behind"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$(dirname "$0")/lib.sh"
export XDG_RUNTIME_DIR=$dir/runtime
mkdir -m 700 "$XDG_RUNTIME_DIR"
behind_uri="nbd+unix:///?socket=$dir/behind.sock"
uri="nbd+unix:///?socket=$dir/front.sock"

command -v nbdkit >/dev/null || { echo "left out: there is no nbdkit"; exit 77; }

# stop PID: as a crash does it
stop() {
	[ -n "$1" ] || return
	kill -9 "$1" 2>/dev/null
	kill -CONT "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# wait_for PID FILE WHAT
wait_for() {
	until_ready "$1" [ -s "$2" ] || fail "$3 does not start: $(tail -n 3 "$dir"/*messages)"
}

# start_behind WORD...: nbdkit with these
start_behind() {
	rm -f "$dir/behind.sock" "$dir/behind.pid"
	nbdkit -f -U "$dir/behind.sock" -P "$dir/behind.pid" "$@" 2>>"$dir/behind.messages" &
	behind=$!
	wait_for "$behind" "$dir/behind.pid" "what is behind"
}

# start PARAMETER...: the cache, named front
start() {
	rm -f "$dir/front.sock" "$dir/front.pid"
	nbdkit -f -U "$dir/front.sock" -P "$dir/front.pid" "$plugin" name=front "$@" 2>"$dir/messages" &
	server=$!
	wait_for "$server" "$dir/front.pid" "nbdkit"
}

# end WHAT: the cache ends in order
end() {
	kill "$server" && wait "$server" || fail "$1: nbdkit ended with status $?: $(tail -n 3 "$dir/messages")"
	server=''
}

end_behind() {
	stop "$behind"
	behind=''
}

# works WHAT COMMAND...
works() {
	local what=$1
	shift
	timeout 120 "$@" >"$dir/report" 2>&1 || fail "$what: status $?: $(tail -n 3 "$dir/report" "$dir/messages")"
}

# shell WHAT: python from standard input, with h connected, and what it needs
shell() {
	{
		cat <<-'END'
		import errno, glob, os, signal, sys, time, nbd
		uri, behind = sys.argv[1], int(sys.argv[2] or 0)
		def connect(strict=True):
		    h = nbd.NBD()
		    if not strict:
		        h.set_strict_mode(0)
		    h.connect_uri(uri)
		    return h
		def stop(pid):
		    """The signal alone takes effect some time later."""
		    os.kill(pid, signal.SIGSTOP)
		    states = ""
		    while set(states) != {"T"}:
		        states = [open(path).read().rsplit(")", 1)[1].split()[0] for path in glob.glob(f"/proc/{pid}/task/*/stat")]
		def fails(with_errno, call, *arguments):
		    begun = time.monotonic()
		    try:
		        call(*arguments)
		    except nbd.Error as error:
		        assert error.errno == with_errno, (error, with_errno)
		    else:
		        raise AssertionError(f"{call} did not fail")
		    return time.monotonic() - begun
		h = connect()
		END
		cat
	} >"$dir/shell.py"
	works "$1" /usr/bin/python3 "$dir/shell.py" "$uri" "$behind"
}

figure() {
	"$zs" zcache stat --json front | jq ".$1"
}

# refused PATTERN PARAMETER...
refused() {
	local pattern=$1
	shift
	timeout 60 nbdkit -U - "$plugin" "$@" --run true >"$dir/report" 2>&1 && fail "nbdkit took: $*"
	grep -q -- "$pattern" "$dir/report" || fail "$*: no '$pattern' in: $(cat "$dir/report")"
}

check_settings() {
	: >"$dir/empty"
	refused 'which disk is behind' cache=16M
	refused 'which disk is behind' file="$dir/file" uri=nbd://localhost cache=16M
	refused 'how much memory' file="$dir/file"
	refused 'how much memory' file="$dir/file" cache=100K
	refused 'must be above 0' file="$dir/file" cache=0
	refused 'no such compressor' file="$dir/file" cache=16M compressor=rot13
	refused 'the levels of zstd' file="$dir/file" cache=16M compressor=zstd:99
	refused 'writethrough and readonly' file="$dir/file" cache=16M mode=writeback
	refused 'a time is' file="$dir/file" cache=16M timeout=soon
	refused 'No such file' file="$dir/nothing" cache=16M
	refused 'no file and no block device' file=/dev/null cache=16M
	refused 'is empty' file="$dir/empty" cache=16M
	refused 'No such file' uri="nbd+unix:///?socket=$dir/nothing" cache=16M
	refused "unknown parameter 'colour'" file="$dir/file" cache=16M colour=red
	nbdkit "$plugin" --dump-plugin | grep -q '^zcache_compressors=none .*lz4' || fail "--dump-plugin"
}

# All calls, and that they come to the file.
check_calls() {
	head -c 9000000 /dev/urandom >"$dir/file"
	start "$dir/file" cache=16M
	shell "nbdsh" <<-END
	size = h.get_size()
	content = bytearray(open("$dir/file", "rb").read())
	assert size == len(content) == 9000000 and h.can_multi_conn() and h.can_fua() and h.can_trim() and h.can_cache()
	def same(): return h.pread(size, 0) == content == open("$dir/file", "rb").read()
	assert same() and same()
	def put(data, offset): content[offset:offset + len(data)] = data
	h.pwrite(b"a" * 5000, 4000, nbd.CMD_FLAG_FUA); put(b"a" * 5000, 4000)
	assert same()
	h.zero(10000, 100, nbd.CMD_FLAG_NO_HOLE); put(bytes(10000), 100)
	assert same()
	h.zero(8192, 40960); put(bytes(8192), 40960)
	h.trim(8192, 81920); put(bytes(8192), 81920)
	h.cache(65536, 65536)
	h.flush()
	assert same()
	h.pwrite(b"end", size - 3); put(b"end", size - 3)
	assert same()
	fails("EINVAL", connect(False).pread, 4096, size - 1)
	END
	end "nbdsh"
	start "$dir/file" cache=16M mode=readonly
	shell "readonly" <<-'END'
	assert h.is_read_only()
	fails("EPERM", connect(False).pwrite, b"no", 0)
	fails("EPERM", connect(False).trim, 4096, 0)
	h.pread(4096, 0)
	END
	end "readonly"
}

check_clients() {
	truncate -s 40M "$dir/target"
	tar -cf - -C /usr/include . 2>/dev/null | head -c 20000000 >"$dir/image"
	for compressor in lz4 zstd none; do
		start "$dir/target" cache=16M compressor=$compressor
		works "nbdcopy, $compressor" nbdcopy "$dir/image" "$uri"
		works "nbdcopy back, $compressor" nbdcopy "$uri" "$dir/back"
		cmp -n 20000000 "$dir/image" "$dir/back" || fail "nbdcopy, $compressor: another image"
		works "qemu-io, $compressor" qemu-io -f raw "$uri" -c 'write -P 7 1000 70000' -c 'read -P 7 1000 70000' \
			-c 'discard 8k 16k' -c 'write -z 40000 9000' -c 'read -P 7 1000 7000' -c 'read -P 0 40000 9000' \
			-c 'read -P 0 8k 16k' -c 'read -P 7 24k 15424'
		grep -q 'Pattern verification failed' "$dir/report" && fail "qemu-io: $(cat "$dir/report")"
		works "fio, $compressor" fio --name=verify --ioengine=nbd --uri="$uri" --rw=randrw --bsrange=512-64k --size=32M \
			--iodepth=8 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --randseed=7 --output-format=terse
		[ "$(figure total_bytes)" -le 16777216 ] || fail "$compressor: more than its limit: $(figure total_bytes)"
		end "$compressor"
	done
}

# Random requests against a model; the map of holes too.
check_model() {
	start_behind --filter=delay memory 4M rdelay=1ms wdelay=1ms
	start uri="$behind_uri" cache=1M
	works "a server, 4 connections" "$disk" -e -u "$uri" -j 4 -s 512 -n 400 -r 1
	end "a server, 4 connections"
	end_behind
	start_behind memory 4M
	start uri="$behind_uri" cache=2M compressor=zstd
	works "a server, 8 connections" "$disk" -e -u "$uri" -j 8 -s 512 -n 1500 -r 2
	end "a server, 8 connections"
	end_behind
	rm -f "$dir/file"
	truncate -s 4M "$dir/file"
	start "$dir/file" cache=16M
	works "a file" "$disk" -e -u "$uri" -j 1 -s 512 -n 3000 -r 3
	end "a file"
}

# search WHAT OPTION...: for stale reads
search() {
	local what=$1
	shift
	timeout $((${seconds:-0} + 120)) "$stale" -u "$uri" -j 8 "$@" >"$dir/report" 2>&1 ||
		fail "$what: status $?: $(tail -n 3 "$dir/report" "$dir/messages")"
	tail -n 1 "$dir/report"
}

# search_all OPTION...
search_all() {
	start_behind --filter=delay memory 4M rdelay=1ms wdelay=1ms
	start uri="$behind_uri" cache=1M
	search "stale, a server" "$@" -r 1
	end "stale, a server"
	end_behind
	truncate -s 4M "$dir/stale"
	start "$dir/stale" cache=16M
	search "stale, a file" "$@" -r 2
	end "stale, a file"
}

check_stale() {
	search_all -n 1500
	start_behind --filter=error memory 4M error-rate=10%
	start uri="$behind_uri" cache=2M
	search "stale, a server that fails" -f -n 1500 -r 3
	grep -q ' 0 requests refused' "$dir/report" && fail "a server that fails: it did not"
	end "stale, a server that fails"
	end_behind
}

# Errors reach the client as they are; after a write that failed the old content is read from behind.
check_errors() {
	rm -f "$dir/fail"
	start_behind --filter=error memory 4M error-pwrite=ENOSPC error-pwrite-rate=100% error-file="$dir/fail" \
		error-pread=EIO error-pread-rate=100%
	start uri="$behind_uri" cache=2M
	shell "errors" <<-END
	flag = "$dir/fail"
	h.pwrite(b"old" * 4096, 4096)
	assert h.pread(3 * 4096, 4096) == b"old" * 4096
	open(flag, "w").close()
	assert h.pread(3 * 4096, 4096) == b"old" * 4096
	fails("ENOSPC", h.pwrite, b"new" * 1000, 5000)
	fails("EIO", h.pread, 10, 5000)
	fails("EIO", h.pread, 4096, 1 << 20)
	assert h.pread(4096, 8192) == (b"old" * 4096)[4096:8192]
	os.unlink(flag)
	assert h.pread(3 * 4096, 4096) == b"old" * 4096
	h.pwrite(b"new" * 1000, 5000)
	assert h.pread(3000, 5000) == b"new" * 1000
	END
	end "errors"
	end_behind
}

# A server that is stopped answers nothing: errors come in time, and what is kept can be read. A write that may still
# happen is not kept until the end.
check_hangs() {
	start_behind memory 4M
	start uri="$behind_uri" cache=2M timeout=1s
	shell "hangs" <<-'END'
	h.pwrite(b"a" * 16384, 0)
	assert h.pread(8192, 0) == b"a" * 8192
	stop(behind)
	assert h.pread(8192, 0) == b"a" * 8192
	assert .5 < fails("EIO", h.pread, 4096, 8192) < 10
	assert fails("EIO", h.pwrite, b"b" * 4096, 0) < 10
	assert fails("EIO", h.flush) < 10
	assert h.pread(4096, 4096) == b"a" * 4096
	others = [connect() for _ in range(8)]
	begun = time.monotonic()
	for each in others:
	    fails("EIO", each.pread, 4096, 12288)
	assert time.monotonic() - begun < 20
	os.kill(behind, signal.SIGCONT)
	deadline = time.monotonic() + 20
	while True:
	    try:
	        assert h.pread(4096, 8192) == b"a" * 4096
	        break
	    except nbd.Error:
	        assert time.monotonic() < deadline
	h.pwrite(b"c" * 4096, 0)
	assert h.pread(8192, 0) == b"c" * 4096 + b"a" * 4096
	h.shutdown()
	END
	[ "$(figure reconnections)" -ge 1 ] || fail "hangs: no session was begun again"
	end "hangs"
	end_behind
}

# A delay that is longer than the time a request is given: the write is in doubt, and its page is read from behind.
check_doubt() {
	start_behind --filter=delay memory 4M delay-write=2
	start uri="$behind_uri" cache=2M timeout=500ms
	shell "doubt" <<-'END'
	assert fails("EIO", h.pwrite, b"b" * 4096, 4096) < 10
	for _ in range(3):
	    assert h.pread(12288, 0)[4096:8192] in (bytes(4096), b"b" * 4096)
	END
	[ "$(figure doubtful_pages)" -eq 1 ] || fail "doubt: $(figure doubtful_pages) pages, not 1"
	[ "$(figure values)" -eq 2 ] || fail "doubt: $(figure values) values, not 2"
	end "doubt"
	end_behind
}

is_again_connected() {
	[ "$(figure reconnections)" -ge 1 ]
}

refuses_the_disk() {
	grep -q 'not the disk that it was' "$dir/messages"
}

# The server behind is killed, and another one, without the content, takes its place: nothing of the old is read, and
# who flushes is told once that writes may be lost.
check_other_server() {
	start_behind memory 4M
	start uri="$behind_uri" cache=2M timeout=5s
	shell "before" <<-'END'
	h.pwrite(b"a" * 8192, 0)
	h.flush()
	h.pwrite(b"b" * 4096, 0)
	assert h.pread(8192, 0) == b"b" * 4096 + b"a" * 4096
	END
	end_behind
	start_behind memory 4M
	until_true is_again_connected
	shell "after" <<-'END'
	assert h.pread(8192, 0) == bytes(8192)
	fails("EIO", h.flush)
	h.flush()
	h.pwrite(b"c" * 4096, 0)
	assert h.pread(8192, 0) == b"c" * 4096 + bytes(4096)
	h.flush()
	END
	end_behind
	start_behind memory 8M
	until_true refuses_the_disk
	timeout 60 nbdinfo --size "$uri" >/dev/null || fail "another size: the cache is gone"
	shell "another size" <<-'END'
	fails("EIO", h.pread, 4096, 1 << 20)
	END
	refuses_the_disk || fail "another size: nobody says so"
	end_behind
	end "other servers"
}

# The same disk of a server that can do less is not taken either.
check_lesser_server() {
	start_behind memory 4M
	start uri="$behind_uri" cache=2M timeout=5s
	end_behind
	start_behind --filter=nozero memory 4M zeromode=plugin fastzeromode=none
	for _ in $(seq 100); do
		grep -q 'not the disk that it was' "$dir/messages" && break
		sleep .1
	done
	grep -q 'not the disk that it was' "$dir/messages" || fail "lesser server: it is taken"
	end_behind
	end "lesser server"
}

# A server that takes two connections and leaves others in its queue keeps nobody waiting.
check_few_connections() {
	command -v qemu-nbd >/dev/null || { echo "left out: there is no qemu-nbd"; return; }
	truncate -s 4M "$dir/few"
	rm -f "$dir/behind.sock" "$dir/behind.pid"
	qemu-nbd -k "$dir/behind.sock" -e 2 -t -f raw --pid-file="$dir/behind.pid" "$dir/few" 2>>"$dir/behind.messages" &
	behind=$!
	wait_for "$behind" "$dir/behind.pid" "what is behind"
	start uri="$behind_uri" cache=2M
	works "few connections" nbdinfo --size "$uri"
	end "few connections"
	end_behind
}

# While clients work: the server behind goes and comes back, and what is read is never what was true before. The server
# has a file, so that it has what it had.
check_comings_and_goings() {
	rm -f "$dir/file"
	truncate -s 4M "$dir/file"
	start_behind file "$dir/file"
	start uri="$behind_uri" cache=2M timeout=10s
	"$stale" -u "$uri" -j 4 -f -t 6 -r 4 >"$dir/search" 2>&1 &
	local client=$!
	for _ in 1 2 3; do
		sleep 1
		end_behind
		start_behind file "$dir/file"
	done
	wait "$client" || fail "comings and goings: $(tail -n 3 "$dir/search" "$dir/messages")"
	tail -n 1 "$dir/search"
	[ "$(figure reconnections)" -ge 2 ] || fail "comings and goings: $(figure reconnections) sessions"
	end "comings and goings"
	end_behind
}

# The limit holds under load, also while it changes; what is asked for is what is told.
check_limit() {
	tar -cf - -C /usr/share . 2>/dev/null | head -c 60000000 >"$dir/image"
	truncate -s 64M "$dir/image"
	start "$dir/image" cache=8M
	fio --name=load --ioengine=nbd --uri="$uri" --rw=randrw --rwmixread=90 --bs=4k --size=64M --iodepth=16 --runtime=6 \
		--time_based --output-format=terse >"$dir/report" 2>&1 &
	local load=$! most=8388608
	for size in 8M 2M 32M 1M 16M; do
		"$zs" zcache resize front $size || fail "resize to $size"
		most=$((${size%M} << 20))
		for _ in $(seq 10); do
			[ "$(figure total_bytes)" -le $most ] || fail "$size: $(figure total_bytes) bytes"
			sleep .05
		done
	done
	wait "$load" || fail "load: $(tail -n 3 "$dir/report")"
	"$zs" zcache stat front | grep -q '^hit_share' || fail "stat: no share"
	"$zs" zcache flush front | grep -q 'pages dropped' || fail "flush"
	[ "$(figure values)" -eq 0 ] || fail "flush left $(figure values) values"
	"$zs" zcache stat --prometheus front | grep -q '^zcache_hit_pages_total{name="front"}' || fail "prometheus"
	"$zs" zcache top -n 2 -d .1 | grep -c '^front' | grep -qx 2 || fail "top"
	"$zs" ls | grep -q '^zcache *front' || fail "ls: $("$zs" ls)"
	"$zs" zcache resize front 1k 2>/dev/null && fail "resize to 1k"
	"$zs" zcache resize front 2>/dev/null && fail "resize without a size"
	end "limit"
}

# Clients of a cache that is killed are told so; the next one takes its name, and the file has what was written.
check_death() {
	truncate -s 4M "$dir/kept"
	start "$dir/kept" cache=2M
	"$stale" -u "$uri" -j 4 -t 60 >"$dir/report" 2>&1 &
	local client=$!
	sleep 1
	stop "$server"
	server=''
	wait "$client" && fail "death: the client is not told"
	start "$dir/kept" cache=2M
	shell "after death" <<-END
	assert h.pread(1 << 22, 0) == open("$dir/kept", "rb").read()
	END
	end "death"
}

if [ -n "$seconds" ]; then
	search_all -t $((seconds / 2))
	exit $failed
fi
: >"$dir/file"
check_settings
check_calls
check_clients
check_model
check_stale
check_errors
check_hangs
check_doubt
check_other_server
check_lesser_server
check_few_connections
check_comings_and_goings
check_limit
check_death
[ -z "$(ls "$XDG_RUNTIME_DIR"/zsmalloc 2>/dev/null)" ] || fail "sockets are left: $(ls "$XDG_RUNTIME_DIR"/zsmalloc)"
exit $failed
