/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What every program of the benchmarks needs: to end with a message, a clock, memory of its own, numbers and traces
 * from its arguments.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "sizes.h"

/* Ends the program with status 1 and a line on stderr, its name before it. */
void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

uint64_t bench_clock_ns(clockid_t clock);

/* Zeroed memory that is in place and never freed, so that what is measured later is not ours. Ends if there is none. */
void *bench_memory(size_t bytes);

/* The value of an option; ends if it is not a number from least to most. */
uint64_t bench_number(int option, const char *text, uint64_t least, uint64_t most);

/* Ends if there is no trace. */
void bench_read_trace(struct zs_sizes *trace, const char *path);

/* Sorts, and returns the value below which a share of all lie; share .5 is the median. pre: nr > 0 */
double bench_quantile(double *values, size_t nr, double share);

#endif
