/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For a program whose threads are to share a processor.
 */
#ifndef TESTS_PROCESSOR_H
#define TESTS_PROCESSOR_H

#include <sched.h>

#include "must.h"

/* For the calling thread, and those that it starts. */
static inline void take_one_processor(void)
{
	int processor = sched_getcpu();
	cpu_set_t set;

	MUST(processor >= 0);
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	MUST(!sched_setaffinity(0, sizeof(set), &set));
}

#endif
