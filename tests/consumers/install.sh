#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The source archive builds by itself, and what `make install` puts in place is complete: the examples build with
# pkg-config's flags alone and run, that of the allocator and that of the cache shared and static, that of compressed
# memory where userfaultfd is allowed; the tool, the plugins and the manuals are found; `make uninstall` leaves nothing,
# no folder either, but what others have there.
#   install.sh SOURCE_ROOT
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'echo "install: failed at line $LINENO"' ERR
archive=$("$1/scripts/dist.sh" "$dir/dist")
tar -C "$dir" -xf "$archive"
root=$dir/$(basename "$archive" .tar.xz)
# Somebody else's, who was there before.
mkdir -p "$dir/usr/share/man/man1" "$dir/usr/include"
echo other >"$dir/usr/share/man/man1/other.1"
find "$dir/usr" | sort >"$dir/before"
# dpkg-dev is not there.
mkdir "$dir/bin"
printf '#!/bin/sh\nexit 127\n' >"$dir/bin/dpkg-architecture"
chmod +x "$dir/bin/dpkg-architecture"
run_make() {
	PATH="$dir/bin:$PATH" make -s -C "$root" "$1" PREFIX="$dir/usr" BUILD="$dir/build" >>"$dir/log" 2>&1 || { tail -20 "$dir/log"; exit 1; }
}
run_make install
lib=$(dirname "$(find "$dir/usr" -name libzsmalloc.a)")
multiarch=$(cc -print-multiarch 2>/dev/null || true)
[ -z "$multiarch" ] || [ "$lib" = "$dir/usr/lib/$multiarch" ] || { echo "install: the libraries are in $lib"; exit 1; }
for file in include/zsmalloc.h bin/zs share/man/man1/zs.1 share/man/man3/zs_malloc.3 share/man/man7/zsmalloc.7 \
	include/zswap.h share/man/man3/zswap_create.3 share/man/man7/zswap.7 \
	include/zcache.h share/man/man3/zcache_get.3 share/man/man7/zcache.7; do
	[ -e "$dir/usr/$file" ] || { echo "install: $file is missing"; exit 1; }
done
# Those that are built where there is what they need.
plugins=
! pkg-config --exists nbdkit || plugins='nbdkit/plugins/nbdkit-zram-plugin.so'
! pkg-config --exists nbdkit libnbd || plugins="$plugins nbdkit/plugins/nbdkit-zcache-plugin.so"
for file in pkgconfig/zsmalloc.pc pkgconfig/zswap.pc pkgconfig/zcache.pc zsmalloc/libzswap-preload.so $plugins; do
	[ -e "$lib/$file" ] || { echo "install: $lib/$file is missing"; exit 1; }
done
objdump -p "$lib/libzsmalloc.so" | grep -q 'SONAME *libzsmalloc.so.0$' || { echo "install: the SONAME is wrong"; exit 1; }

export PKG_CONFIG_PATH=$lib/pkgconfig
flags() {
	pkg-config "$@" zsmalloc
}
cp "$root/examples/hello.c" "$root/examples/zswap.c" "$root/examples/zcache.c" "$dir"
cd "$dir"
cc -Wall -Werror hello.c $(flags --cflags --libs) -o hello
LD_LIBRARY_PATH=$lib ./hello >out
grep -q compacted out
ldd_out=$(LD_LIBRARY_PATH=$lib ldd ./hello)
grep -q "libzsmalloc.so.0 => $lib" <<<"$ldd_out"
# It needs the other library, which ld looks for there too.
LD_LIBRARY_PATH=$lib cc -Wall -Werror zswap.c $(pkg-config --cflags --libs zswap) -o zswap
# Where there is userfaultfd for us, asked without the library, it works; elsewhere it says why not.
cc -x c -I "$root/tests/lib" - -o has-uffd <<-END
	#include "uffd_there.h"
	int main(void) { return !uffd_user_features(); }
END
if ./has-uffd; then
	LD_LIBRARY_PATH=$lib ./zswap >out
	grep -q '^paged out' out
elif LD_LIBRARY_PATH=$lib ./zswap >out 2>err; then
	echo "install: compressed memory without userfaultfd"
	exit 1
else
	grep -q '^zswap: ' err
fi
LD_LIBRARY_PATH=$lib cc -Wall -Werror zcache.c $(pkg-config --cflags --libs zcache) -o zcache
LD_LIBRARY_PATH=$lib ./zcache >out
grep -q 'are kept in' out
objdump -p "$lib/libzcache.so" | grep -q 'SONAME *libzcache.so.0$' || { echo "install: the SONAME is wrong"; exit 1; }
cc -Wall -Werror zcache.c $(pkg-config --cflags zcache) "$lib/libzcache.a" "$lib/libzsmalloc.a" \
	$(pkg-config --libs liblz4 libzstd) -pthread -o zcache-static
./zcache-static | grep -q 'are kept in'
cc -Wall -Werror hello.c $(flags --cflags) "$lib/libzsmalloc.a" -o hello-static
./hello-static | grep -q compacted
"$dir/usr/bin/zs" --version | grep -qx "zs $(flags --modversion)"

# The other library, as a program of its own finds it.
[ -e "$dir/usr/include/zswap.h" ] || { echo "install: zswap.h is missing"; exit 1; }
objdump -p "$lib/libzswap.so" | grep -q 'SONAME *libzswap.so.0$' || { echo "install: the SONAME is wrong"; exit 1; }
cat >more.c <<'END'
#include <stdio.h>
#include <zswap.h>
int main(void)
{
	struct zswap_options options = { .size = sizeof(options), .resident_limit_bytes = 1 << 20, .compressor = "none" };

	return zswap_create(&options) ? 1 : puts("refused") < 0;
}
END
# The linker looks for the other library where programs do.
LD_LIBRARY_PATH=$lib cc -Wall -Werror more.c $(pkg-config --cflags --libs zswap) -o more
LD_LIBRARY_PATH=$lib ./more 2>/dev/null | grep -q refused
ldd_out=$(LD_LIBRARY_PATH=$lib ldd ./more)
grep -q "libzswap.so.0 => $lib" <<<"$ldd_out"
cc -Wall -Werror more.c $(pkg-config --cflags zswap) "$lib/libzswap.a" "$lib/libzsmalloc.a" \
	$(pkg-config --libs liblz4 libzstd) -pthread -o more-static
./more-static 2>/dev/null | grep -q refused

# Installed once more, as after a change; it is still known what was put in place at first.
run_make install
run_make uninstall
find "$dir/usr" | sort | diff "$dir/before" - || { echo "install: uninstall left (>) or took (<) these"; exit 1; }
