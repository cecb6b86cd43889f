# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The front door: thin over meson. `make help` says what there is.

BUILD ?= build
PREFIX ?= /usr/local
# Where the compiler, pkg-config and the loader look, which Meson knows only with Debian's dpkg-dev; empty: as Meson has it.
LIBDIR ?= $(addprefix lib/,$(shell $(CC) -print-multiarch 2>/dev/null))
DESTDIR ?=
MESON_FLAGS ?=

.PHONY: all setup-build run check kmod kernel-shell dkms dkms-remove kernel-patch check-kernel check-kernel-debug check-arch fuzz coverage soak bench bench-disk bench-swap bench-swap-run bench-zcache bench-zcache-disk bench-kernel install uninstall abi deb check-deb dist format clean help

all: setup-build
	ninja -C $(BUILD)

help:
	@echo 'make            build the library and the tool in $(BUILD)/'
	@echo 'make run        install what the build needs, build, and run `zs store` on this machine'\''s files'
	@echo 'make check      install what the tests need, build, and run all tests'
	@echo 'make kmod       build the kernel module in $(BUILD)-kmod/ (KDIR=… for another kernel than the installed headers)'
	@echo 'make kernel-shell        try the module by hand in an emulated machine; nothing is loaded on this one'
	@echo 'make check-kernel        test the module in an emulated machine; nothing is loaded on this one'
	@echo 'make check-kernel-debug  the same on a debug kernel (KASAN, lockdep), which is built first and kept'
	@echo 'make check-arch test the core on arm64, on 32-bit x86, on big-endian s390x (emulated), and with musl'
	@echo 'make fuzz       drive the public calls by bytes that libFuzzer chooses, for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make coverage   tell which lines the tests run, by folder; fails where it is less than 90 percent of the core or an engine'
	@echo 'make soak       run all that can go on for long, by turns and with fresh seeds, for HOURS=$(HOURS) (a fraction will do)'
	@echo 'make bench      measure the library against glibc, jemalloc, mimalloc and tcmalloc (about 10 minutes)'
	@echo 'make bench-disk measure the RAM disk against nbdkit'\''s memory plugin and the kernel'\''s zram (about 13 minutes)'
	@echo 'make bench-swap measure compressed memory against the kernel'\''s swap on zram (about 6 minutes)'
	@echo 'make bench-swap-run    measure what programs that know nothing of it lose by zs swap run (at most 15 minutes)'
	@echo 'make bench-zcache  measure the cache against memcached and redis (about 2 minutes)'
	@echo 'make bench-zcache-disk   measure the cached disk against nbdkit'\''s cache filter and a plain LRU (about 12 minutes)'
	@echo 'make bench-kernel        measure the module against the stock one in an emulated machine'
	@echo 'make dkms       have DKMS build and install the module for this kernel and those to come; make dkms-remove undoes it'
	@echo 'make kernel-patch KSRC=…  lay the module out in a kernel tree'
	@echo 'make install    install below PREFIX=$(PREFIX) (DESTDIR is honoured)'
	@echo 'make uninstall  remove what make install installed'
	@echo 'make deb        build Debian packages in $(BUILD)-deb/ and have lintian look at them'
	@echo 'make check-deb  install, use, upgrade and purge those packages in a root made for that (as root, 10 to 20 minutes)'
	@echo 'make dist       make a source archive in $(BUILD)-dist/, the same of the same files, wherever'
	@echo 'make abi        record what programs rely on anew, after docs/abi.md'
	@echo 'make format     format the C sources'
	@echo 'make clean      remove the build folders'

setup-build:
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) $(MESON_FLAGS)

run:
	@scripts/setup.sh build
	@$(MAKE) --no-print-directory all MESON_FLAGS='--buildtype=release -Dtests=false' BUILD=$(BUILD)-run
	$(BUILD)-run/tools/zs/zs store

check:
	@scripts/setup.sh check
	@scripts/check.sh $(BUILD)

# KDIR names the folder of the kernel headers to build for.
kmod:
	@scripts/setup.sh kmod
	@scripts/kmod.sh $(BUILD)-kmod $(KDIR)

# A script that is its standard input is run in there.
kernel-shell: kmod
	@scripts/setup.sh check-kernel
	@tests/kernel/shell.sh $(BUILD)-kmod

check-kernel:
	@scripts/setup.sh check-kernel
	@scripts/check-kernel.sh $(BUILD)-kmod

check-kernel-debug:
	@scripts/setup.sh check-kernel-debug
	@scripts/check-kernel.sh $(BUILD)-kmod-debug debug

check-arch:
	@scripts/setup.sh check-arch
	@scripts/check-arch.sh $(BUILD)-arch

# FUZZ_SECONDS bounds it. What it finds stays in $(BUILD)-fuzz.
FUZZ_SECONDS ?= 3600
fuzz:
	@scripts/setup.sh fuzz
	@scripts/fuzz.sh $(BUILD)-fuzz $(FUZZ_SECONDS)

# COVERAGE_FLAGS=-l tells the lines, too.
coverage:
	@scripts/setup.sh coverage
	@scripts/coverage.sh $(COVERAGE_FLAGS) $(BUILD)-coverage

# SOAK_FLAGS=-k goes on after a failure. What fails stays in $(BUILD)-soak.
HOURS ?= 1
soak:
	@scripts/setup.sh soak
	@scripts/soak.sh $(SOAK_FLAGS) $(BUILD) $(HOURS)

# $(call build_bench,FOLDER,OPTION)
define build_bench
@[ -f $(1)/build.ninja ] || meson setup $(1) --buildtype=release -Dtests=false -Dbench=true $(2) $(MESON_FLAGS)
@ninja -C $(1)
endef

bench:
	@scripts/setup.sh bench
	$(call build_bench,$(BUILD)-bench)
	@bench/run.py $(BUILD)-bench $(BUILD)-bench/results

bench-disk:
	@scripts/setup.sh bench-disk
	$(call build_bench,$(BUILD)-bench-disk,-Dnbdkit=enabled)
	@bench/disk/run.py $(BUILD)-bench-disk $(BUILD)-bench-disk/results

bench-swap:
	@scripts/setup.sh bench-swap
	$(call build_bench,$(BUILD)-bench)
	@bench/swap/run.py $(BUILD)-bench $(BUILD)-bench/swap

bench-swap-run:
	@scripts/setup.sh bench-swap-run
	$(call build_bench,$(BUILD)-bench)
	@bench/swap/run_programs.py $(BUILD)-bench $(BUILD)-bench/swap-run

bench-zcache:
	@scripts/setup.sh bench-zcache
	$(call build_bench,$(BUILD)-bench)
	@bench/zcache/run.py $(BUILD)-bench $(BUILD)-bench/zcache

bench-zcache-disk:
	@scripts/setup.sh bench-zcache-disk
	$(call build_bench,$(BUILD)-bench-disk,-Dnbdkit=enabled)
	@bench/zcache/disk.py $(BUILD)-bench-disk $(BUILD)-bench-disk/zcache

bench-kernel: kmod
	@scripts/setup.sh bench-kernel
	@bench/kernel/run.sh -o $(BUILD)-bench-kernel

dkms:
	@scripts/dkms.sh install

dkms-remove:
	@scripts/dkms.sh remove

kernel-patch:
	@scripts/kernel-patch.sh $(KSRC)

install:
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --buildtype=release -Dtests=false --prefix=$(PREFIX) $(MESON_FLAGS)
	meson configure $(BUILD) --prefix=$(PREFIX) $(addprefix --libdir=,$(LIBDIR))
	ninja -C $(BUILD)
	DESTDIR=$(DESTDIR) scripts/install.sh $(BUILD)

uninstall:
	ninja -C $(BUILD) uninstall

deb:
	@scripts/setup.sh deb
	@scripts/deb.sh $(BUILD)-deb
	lintian --fail-on error,warning $(BUILD)-deb/*.changes

check-deb:
	@scripts/setup.sh check-deb
	@scripts/check-deb.sh $(BUILD)-check-deb

dist:
	@scripts/setup.sh dist
	@scripts/dist.sh $(BUILD)-dist

abi: all
	@scripts/abi.sh record $(BUILD)

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD) $(BUILD)-run $(BUILD)-asan $(BUILD)-tsan $(BUILD)-kmod $(BUILD)-kmod-debug $(BUILD)-arch $(BUILD)-fuzz $(BUILD)-coverage $(BUILD)-soak $(BUILD)-bench $(BUILD)-bench-disk $(BUILD)-bench-kernel $(BUILD)-deb $(BUILD)-check-deb $(BUILD)-dist
