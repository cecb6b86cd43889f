/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The small things that every program of the benchmarks needs.
 */
#include "program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void bench_die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint64_t bench_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void *bench_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		bench_die("no memory for %zu bytes of tables: %s", bytes, strerror(errno));
	return memory;
}

uint64_t bench_number(int option, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || end == text || *end || number < least || number > most)
		bench_die("-%c %s: give a number from %llu to %llu", option, text, (unsigned long long)least,
			  (unsigned long long)most);
	return number;
}

void bench_read_trace(struct zs_sizes *trace, const char *path)
{
	int err = zs_sizes_read(trace, path);

	if (err)
		bench_die("%s: cannot read the trace: %s; make one with zs trace", path, strerror(err));
}

static int by_value(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

double bench_quantile(double *values, size_t nr, double share)
{
	size_t at = (size_t)(share * (double)nr);

	qsort(values, nr, sizeof(*values), by_value);
	return values[at < nr ? at : nr - 1];
}
