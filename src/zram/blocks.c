/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What each page is at the moment, for those who look at the whole disk.
 */
#include <errno.h>

#include "page.h"

static const struct {
	enum zram_kind kind;
	const char *name;
} states[] = {
	{ ZRAM_EMPTY, "hole" },    { ZRAM_FILL, "fill" }, { ZRAM_OBJECT, "compressed" }, { ZRAM_RAW, "raw" },
	{ ZRAM_STRONG, "strong" }, { ZRAM_UNIT, "unit" }, { ZRAM_SHARED, "shared" },     { ZRAM_STORED, "stored" },
};

static const char *name_of(enum zram_kind kind)
{
	for (unsigned int i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].kind == kind)
			return states[i].name;
	return "damaged";
}

/* The page's slot with nothing in it but the kind and the age. */
static uint64_t state_of(struct zram *zram, uint64_t page)
{
	uint64_t slot = zram_page_look(zram, page), kind = zram_slot_kind(slot);

	return zram_slot_has_object(slot) ? (slot & ZRAM_AGE_MASK) | kind : kind;
}

int zram_blocks(struct zram *zram, uint64_t first, uint64_t nr,
		int (*each)(void *ctx, const struct zram_blocks *blocks), void *ctx)
{
	uint64_t end = nr < zram->nr_pages - first ? first + nr : zram->nr_pages;
	int err = 0;

	if (first >= zram->nr_pages)
		return -EINVAL;
	while (!err && first < end) {
		struct zram_blocks blocks = { .first = first };
		uint64_t state = state_of(zram, first);

		while (++first < end && state_of(zram, first) == state)
			;
		blocks.nr = first - blocks.first;
		blocks.state = name_of(zram_slot_kind(state));
		blocks.age = zram_slot_age(state);
		err = each(ctx, &blocks);
	}
	return err;
}
