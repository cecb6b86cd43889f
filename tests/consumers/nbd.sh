#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The RAM disk as its clients meet it, over unix sockets: nbdsh, nbdinfo, nbdcopy, qemu-img, qemu-io and fio; wrong
# settings; a limit that is reached; a server that is killed. Usage: nbd.sh PLUGIN [policies]
# With the word "policies" as a last argument the disk does by itself all that it can, and soon.
set -u

plugin=${1:?usage: nbd.sh PLUGIN}
dir=$(mktemp -d) || exit 1
server=''
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$dir"' EXIT
. "$(dirname "$0")/lib.sh"
policies=$(policies_for "${2:-}")
export XDG_RUNTIME_DIR=$dir # a killed server leaves its control socket

have() {
	command -v "$1" >/dev/null || { echo "left out: there is no $1"; return 1; }
}

have nbdkit || exit 77

# serve 'COMMAND with $uri' PARAMETER...: what the command says is in $dir/report, what nbdkit says in $dir/messages
serve() {
	local command=$1
	shift
	# shellcheck disable=SC2086  # parameters of their own
	timeout 120 nbdkit -U - "$plugin" "$@" $policies --run "$command" >"$dir/report" 2>"$dir/messages"
}

works() {
	local what=$1
	shift
	serve "$@" || fail "$what: status $?: $(cat "$dir/report" "$dir/messages" | tail -n 3)"
}

# refused PATTERN PARAMETER...
refused() {
	local pattern=$1
	shift
	serve true "$@" && fail "nbdkit took: $*"
	grep -q -- "$pattern" "$dir/messages" || fail "$*: no '$pattern' in: $(cat "$dir/messages")"
}

check_settings() {
	refused 'give the disk' compressor=lz4
	refused 'must be above 0' size=0
	refused 'no such compressor' 1M compressor=rot13
	refused 'the levels of zstd' 1M compressor=zstd:99
	refused "unknown parameter 'colour'" 1M colour=red
	nbdkit "$plugin" --help >"$dir/report" || fail "--help"
	for key in size compressor limit; do
		grep -q "$key" "$dir/report" || fail "--help does not tell of $key"
	done
	nbdkit "$plugin" --dump-plugin | grep -q '^zsmalloc_version=' || fail "--dump-plugin tells no version"
}

# A tree of real files in one image, of a size that is no multiple of a page.
make_image() {
	tar -cf - -C /usr/include . 2>/dev/null | head -c 12345678 >"$dir/image"
	head -c 1000000 /dev/urandom >>"$dir/image"
	head -c 1000000 /dev/zero >>"$dir/image"
}

check_nbdsh() {
	/usr/bin/python3 -c 'import nbd' 2>/dev/null || { echo "left out: there is no python3-libnbd"; return; }
	cat >"$dir/shell.py" <<-'END'
	import sys, nbd
	h = nbd.NBD()
	h.add_meta_context("base:allocation")
	h.connect_uri(sys.argv[1])
	assert h.get_size() == 1 << 40 and h.can_multi_conn() and h.can_fua() and h.can_fast_zero() and h.can_trim()
	text = bytes(range(256)) * 100
	h.pwrite(text, (1 << 39) + 100, nbd.CMD_FLAG_FUA)
	assert h.pread(len(text), (1 << 39) + 100) == text
	h.zero(5000, (1 << 39) + 200, nbd.CMD_FLAG_FAST_ZERO)
	assert h.pread(5200, (1 << 39) + 100) == text[:100] + bytes(5000) + text[5100:5200]
	h.trim(8192, 1 << 39)
	assert h.pread(8192, 1 << 39) == bytes(8192)
	h.cache(4096, 0)
	h.flush()
	found = []
	h.block_status(1 << 30, 1 << 39, lambda context, offset, entries, error: found.extend(entries))
	assert found[0] == 8192 and found[1] == nbd.STATE_HOLE | nbd.STATE_ZERO and found[3] == 0, found
	try:
	    h.set_strict_mode(0)
	    h.pread(4096, (1 << 40) - 1)
	except nbd.Error as error:
	    assert error.errno == "EINVAL", error
	else:
	    raise AssertionError("a read beyond the end")
	END
	works nbdsh "/usr/bin/python3 $dir/shell.py \"\$uri\"" 1T
}

check_libnbd() {
	have nbdcopy || return
	for compressor in lz4 zstd:1 zstd; do
		works "nbdcopy, $compressor" "nbdcopy $dir/image \"\$uri\" && nbdcopy \"\$uri\" $dir/back" 20M compressor=$compressor
		cmp -n "$(stat -c %s "$dir/image")" "$dir/image" "$dir/back" || fail "nbdcopy, $compressor: another image"
		rm -f "$dir/back"
	done
	works "nbdinfo --map" "nbdcopy $dir/image \"\$uri\" && nbdinfo --map --json \"\$uri\"" 1G
	jq -e 'map(.length) | add == 1073741824' "$dir/report" >/dev/null || fail "nbdinfo: the map is no whole disk"
	jq -e '.[-1].type == 3 and .[-1].length > 1000000000' "$dir/report" >/dev/null || fail "nbdinfo: the rest is no hole"
}

check_qemu() {
	have qemu-img && have qemu-io || return
	works "qemu-img" "qemu-img convert -n -f raw -O raw $dir/image \"\$uri\" && qemu-img compare -f raw -F raw $dir/image \"\$uri\"" \
		size="$(stat -c %s "$dir/image")"
	works "qemu-io" "qemu-io -f raw \"\$uri\" -c 'write -P 7 1000 70000' -c 'discard 8k 16k' -c 'write -z 40000 9000' \
		-c 'read -P 7 1000 7000' -c 'read -P 0 8k 16k' -c 'read -P 7 24k 15424' -c 'read -P 0 40000 9000'" 1M
	grep -q 'Pattern verification failed' "$dir/report" && fail "qemu-io: $(cat "$dir/report")"
}

check_fio() {
	have fio || return
	works "fio" "fio --name=verify --ioengine=nbd --uri=\"\$uri\" --rw=randrw --bsrange=512-64k --size=32M --iodepth=8 \
		--buffer_compress_percentage=60 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --randseed=7 --output-format=terse" 32M
}

check_limit() {
	have nbdcopy || return
	head -c 8000000 /dev/urandom >"$dir/noise"
	serve "nbdcopy $dir/noise \"\$uri\"" 64M limit=4M && fail "8 MB of noise went into 4 MiB"
	grep -qi 'no space' "$dir/report" "$dir/messages" || fail "a full disk is not said to be: $(tail -n 2 "$dir/messages")"
}

# Clients of a server that is killed get an error at once.
check_death() {
	have nbdcopy || return
	nbdkit -f -U "$dir/socket" -P "$dir/pid" "$plugin" 64M $policies &
	server=$!
	until_ready "$server" [ -s "$dir/pid" ] || fail "nbdkit does not start"
	nbdcopy "$dir/image" "nbd+unix:///?socket=$dir/socket" || fail "nbdcopy to a socket"
	kill -9 "$server"
	wait "$server" 2>/dev/null
	server=''
	timeout 20 nbdcopy "nbd+unix:///?socket=$dir/socket" "$dir/back" 2>/dev/null
	[ $? -eq 1 ] || fail "a client of a dead server is not told so"
}

check_settings
make_image
check_nbdsh
check_libnbd
check_qemu
check_fio
check_limit
check_death
exit $failed
