/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a plugin answers on its control socket, as a table of orders.
 */
#ifndef ORDERS_H
#define ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "metric.h"

/* words: the order's own name and what follows it. Result: as of zs_control_answer. */
typedef bool order_fn(void *ctx, char *const *words, FILE *out);

struct order {
	const char *name;
	const char *arguments; /* for people: "FIRST COUNT"; NULL: none */
	size_t nr_words;       /* its name among them */
	order_fn *run;
};

/* Runs the one that is asked for; if there is none, out tells which there are. */
bool orders_answer(const struct order *orders, size_t nr, void *ctx, char *const *words, size_t nr_words, FILE *out);

/* The names of the formats that zs_metrics_tell() knows, for the table. */
#define ORDERS_STAT_ARGUMENTS "plain|json|prometheus"

/* "4096". Result: whether it is a number, and no larger than there can be. */
bool orders_number(const char *text, uint64_t *number);

#endif
