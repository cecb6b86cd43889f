/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Finding the order that is asked for, and what several have in common.
 */
#include "orders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void tell_which(const struct order *orders, size_t nr, FILE *out)
{
	fputs("there are: about", out);
	for (size_t i = 0; i < nr; i++)
		fprintf(out, ", %s%s%s", orders[i].name, orders[i].arguments ? " " : "",
			orders[i].arguments ? orders[i].arguments : "");
}

bool orders_answer(const struct order *orders, size_t nr, void *ctx, char *const *words, size_t nr_words, FILE *out)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(words[0], orders[i].name) && nr_words == orders[i].nr_words)
			return orders[i].run(ctx, words, out);
	tell_which(orders, nr, out);
	return false;
}

bool orders_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}
