# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# The module's own tests, inside the kernel, while the kernel moves pages; and those that let its requests for memory
# fail, on zsmalloc-faulty.ko, which is the module with those requests led astray.
#   selftest.sh selftest|selftest-faults
# shellcheck shell=ash
. /cases/lib.sh

module=/modules/zsmalloc-selftest.ko
faulty=/modules/zsmalloc-faulty.ko

result() {
	dmesg | sed -n 's/.*zsmalloc-selftest: \([0-9]* passed, [0-9]* failed.*\)/\1/p' | tail -n 1
}

# run [PARAMETER]...
run() {
	dmesg -c >/dev/null
	stir_start
	insmod $module "$@" 2>/run/out
	status=$?
	stir_stop
	dmesg | grep 'zsmalloc-selftest: '
	case $(result) in
	[1-9]*" passed, 0 failed"*) ;;
	"") fail "it gave no result: $(cat /run/out)" ;;
	*) fail "$(result)" ;;
	esac
	[ $status = 0 ] || fail "insmod: status $status: $(cat /run/out)"
	unload zsmalloc_selftest
}

[ -e $module ] || skip "no zsmalloc-selftest.ko"
if [ "$1" = selftest-faults ]; then
	[ -e $faulty ] || skip "no zsmalloc-faulty.ko"
	must insmod $faulty
	run only=faults
	unload zsmalloc_faulty
else
	load_zsmalloc
	run "operations=$(scaled 100000)" "nr_objects=$(scaled 4000)"
	unload zsmalloc
fi
