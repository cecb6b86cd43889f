/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What zsmalloc-faulty.ko (fault.c) offers to the self-test beside the allocator's own calls; found by name.
 */
#ifndef ZSMALLOC_SELFTEST_FAULT_H
#define ZSMALLOC_SELFTEST_FAULT_H

/*
 * From now on lets the n-th request for memory that the running thread makes through zsmalloc fail (the first is 1),
 * and the nr - 1 after it. n = 0: none. Result: how many were made to fail since the last call.
 */
unsigned long zs_selftest_fail_at(unsigned long n, unsigned long nr);

/* Pieces of memory that zsmalloc has got, from any thread, and not given back. */
long zs_selftest_outstanding(void);

#endif
