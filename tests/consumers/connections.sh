#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The RAM disk under several connections at once: random requests against a model, on four connections whose ranges
# share pages; with a limit that is reached; on a server that is killed; and beside clients that talk nonsense.
#   connections.sh PLUGIN DISK_TESTER [policies]
# With the word "policies" as a last argument the disk does by itself all that it can, and soon.
set -u

plugin=${1:?usage: connections.sh PLUGIN DISK_TESTER}
disk=${2:?usage: connections.sh PLUGIN DISK_TESTER}
dir=$(mktemp -d) || exit 1
uri="nbd+unix:///?socket=$dir/socket"
server=''
trap 'stop_server; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$(dirname "$0")/lib.sh"
policies=$(policies_for "${3:-}")
export XDG_RUNTIME_DIR=$dir # a killed server leaves its control socket

command -v nbdkit >/dev/null || { echo "left out: there is no nbdkit"; exit 77; }

# start_server PARAMETER...
start_server() {
	rm -f "$dir/pid" "$dir/socket"
	nbdkit -f -U "$dir/socket" -P "$dir/pid" "$plugin" "$@" $policies 2>"$dir/messages" &
	server=$!
	until_ready "$server" [ -s "$dir/pid" ] || fail "nbdkit does not start: $(tail -n 3 "$dir/messages")"
}

stop_server() {
	[ -n "$server" ] || return
	kill -9 "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	server=''
}

# end_server: by the signal that ends it in order; what it says of that is its status
end_server() {
	kill "$server" && wait "$server" || fail "$1: nbdkit ended with status $?: $(tail -n 3 "$dir/messages")"
	server=''
}

# play WHAT OPTION...: the tester finds no difference, and the server is there afterwards
play() {
	local what=$1
	shift
	timeout 60 "$disk" -u "$uri" "$@" >"$dir/report" 2>&1 || fail "$what: status $?: $(tail -n 3 "$dir/report")"
	kill -0 "$server" || fail "$what: the server is gone: $(tail -n 3 "$dir/messages")"
}

check_requests() {
	start_server 2M
	play "4 connections" -j 4 -s 512 -n 8000 -r 1
	play "8 connections, 2 locks" -j 8 -s 32 -n 2000 -r 2
	end_server "4 connections"
	start_server 2M compressor=zstd:1
	play "4 connections, zstd" -j 4 -s 512 -n 2000 -r 3
	end_server "4 connections, zstd"
}

# The tester takes ENOSPC, and nothing else, for an answer; then each page has its old content or its new one, and after
# a trim of all there is room again. -l says that there is a limit.
check_limit() {
	start_server 4M limit=1M
	play "a limit" -j 4 -s 1024 -n 4000 -r 4 -l 1024
	grep -q ' 0 requests refused' "$dir/report" && fail "a limit: it was not reached: $(cat "$dir/report")"
	grep -q 'No space left' "$dir/messages" || fail "a limit: the server says nothing of it"
	play "a limit, again" -j 4 -s 1024 -n 500 -r 5 -l 1024
	end_server "a limit"
}

# Whose server is killed is told so, whatever it was doing, and does not wait.
check_death() {
	local client
	start_server 2M
	timeout 60 "$disk" -u "$uri" -j 4 -n 100000000 >"$dir/report" 2>&1 &
	client=$!
	sleep 1
	kill -0 "$client" || fail "a killed server: its client ended before it: $(tail -n 3 "$dir/report")"
	stop_server
	SECONDS=0
	wait "$client"
	[ $? -eq 1 ] && [ $SECONDS -lt 20 ] || fail "a killed server: the client was not told: $(tail -n 3 "$dir/report")"
	grep -q 'failed' "$dir/report" || fail "a killed server: the client says: $(tail -n 3 "$dir/report")"
}

# Connections that send noise, or a good beginning and then noise, or nothing, beside one that does its work.
check_nonsense() {
	local client talked worked
	/usr/bin/python3 -c '' 2>/dev/null || { echo "left out: there is no python3 to talk nonsense"; return; }
	cat >"$dir/nonsense.py" <<-'END'
	import os, random, socket, sys
	random.seed(1)
	open_ones = []
	for i in range(60):
	    s = socket.socket(socket.AF_UNIX)
	    s.settimeout(1)
	    s.connect(sys.argv[1])
	    open_ones.append(s)
	    try:
	        s.recv(18)
	        if i % 3:
	            s.sendall((3).to_bytes(4, "big"))
	        if i % 3 == 2:
	            s.sendall(b"IHAVEOPT" + (1).to_bytes(4, "big") + (0).to_bytes(4, "big"))
	            s.recv(10)
	            for _ in range(random.randrange(8)):  # requests with a good magic number and random fields
	                s.sendall((0x25609513).to_bytes(4, "big") + random.randbytes(24))
	        s.sendall(random.randbytes(random.randrange(100000)))
	    except OSError:
	        pass
	    if len(open_ones) > 5:
	        open_ones.pop(0).close()
	END
	start_server 2M
	timeout 60 "$disk" -u "$uri" -j 2 -n 3000 -r 6 >"$dir/report" 2>&1 &
	client=$!
	timeout 60 /usr/bin/python3 "$dir/nonsense.py" "$dir/socket" 2>"$dir/nonsense"
	talked=$?
	wait "$client"
	worked=$?
	# nbdkit 1.32 may answer a request on a connection that it has closed for the next one's sake, and ends itself.
	if grep -q 'raw_send_socket: Assertion' "$dir/messages"; then
		echo "left out: nonsense: nbdkit ended at an assertion of its own, in raw_send_socket()"
		stop_server
		return
	fi
	[ $talked -eq 0 ] || fail "nonsense: status $talked: $(tail -n 3 "$dir/nonsense")"
	[ $worked -eq 0 ] || fail "nonsense: another client has trouble: $(tail -n 3 "$dir/report")"
	play "after nonsense" -j 4 -n 500 -r 7
	end_server "nonsense"
}

check_requests
# What packs pages again needs more for itself than this limit.
[ -n "$policies" ] || check_limit
check_death
check_nonsense
exit $failed
