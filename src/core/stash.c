/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is done to a stash now and then, by others than its thread.
 */
#include "meta.h"
#include "stash.h"

_Static_assert(sizeof(struct zs_stash) == ZS_META_UNIT, "a stash is a unit");

struct zs_stash *zs_no_stashes[ZS_HOST_THREADS];

bool zs_stash_shows(const struct zs_stash *stash, unsigned int class_id, uint32_t index)
{
	const struct zs_shelf *shelf = &stash->shelves[class_id];
	uint32_t nr = ZS_HOST_GLANCE(shelf->nr);

	for (uint32_t i = 0; i < nr; i++)
		if (ZS_HOST_GLANCE(shelf->cells[i]) == index)
			return true;
	return false;
}

unsigned int zs_stash_clear_shelf(struct zs_stash *stash, unsigned int class_id, uint32_t *cells)
{
	struct zs_shelf *shelf = &stash->shelves[class_id];
	unsigned int nr;

	if (!zs_stash_has(stash, class_id) || !zs_stash_hold(stash))
		return 0;
	nr = shelf->nr;
	memcpy(cells, shelf->cells, nr * sizeof(*cells));
	ZS_HOST_SHOW(shelf->nr, 0);
	ZS_HOST_SHOW(stash->nr, stash->nr - nr);
	zs_stash_let_go(stash);
	return nr;
}

void zs_stash_set_open(struct zs_stash *stash, bool open)
{
	if (open == (zs_host_load32(&stash->state) != ZS_STASH_CLOSED))
		return;
	if (open)
		zs_host_store32_release(&stash->state, ZS_STASH_OPEN);
	else if (zs_stash_hold(stash))
		zs_host_store32_release(&stash->state, stash->nr ? ZS_STASH_OPEN : ZS_STASH_CLOSED);
}
