# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Every request of the module for memory fails once, in a module of the same objects that can be told so.
# shellcheck shell=ash
. /cases/lib.sh

[ -e /modules/zsmalloc-faulty.ko ] || skip "no zsmalloc-faulty.ko"
must insmod /modules/zsmalloc-faulty.ko
selftest only=faults
unload zsmalloc_faulty
