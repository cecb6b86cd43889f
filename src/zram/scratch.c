/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Scratches: taken from those at hand, or made.
 */
#include "scratch.h"

#include <stdlib.h>

static struct zram_scratch *scratch_create(struct zram_scratches *scratches)
{
	struct zram_scratch *scratch = malloc(sizeof(*scratch));

	if (!scratch)
		return NULL;
	scratch->codec = scratches->comp.comp->create(scratches->comp.level, ZRAM_PAGE_BYTES);
	if (!scratch->codec) {
		free(scratch);
		return NULL;
	}
	scratch->room = NULL;
	__atomic_fetch_add(&scratches->nr, 1, __ATOMIC_RELAXED);
	return scratch;
}

struct zram_scratch *zram_scratch_get(struct zram_scratches *scratches)
{
	struct zram_scratch *scratch = zs_spares_try(&scratches->spares);

	return scratch ? scratch : scratch_create(scratches);
}

void zram_scratch_put(struct zram_scratches *scratches, struct zram_scratch *scratch)
{
	zs_spares_put(&scratches->spares, &scratch->spare);
}

struct zram_room *zram_scratch_room(struct zram_scratches *scratches, struct zram_scratch *scratch)
{
	struct zram_room *room = scratch->room ? scratch->room : malloc(sizeof(*room));

	if (scratch->room || !room)
		return room;
	room->codec = NULL;
	if (scratches->strong.comp) {
		room->codec = scratches->strong.comp->create(scratches->strong.level, ZRAM_UNIT_BYTES);
		if (!room->codec) {
			free(room);
			return NULL;
		}
	}
	room->unpacked = 0;
	scratch->room = room;
	__atomic_fetch_add(&scratches->nr_rooms, 1, __ATOMIC_RELAXED);
	return room;
}

static void room_destroy(const struct zram_scratches *scratches, struct zram_room *room)
{
	if (room && room->codec)
		scratches->strong.comp->destroy(room->codec);
	free(room);
}

void zram_scratches_destroy(struct zram_scratches *scratches)
{
	struct zram_scratch *scratch;

	while ((scratch = zs_spares_try(&scratches->spares))) {
		scratches->comp.comp->destroy(scratch->codec);
		room_destroy(scratches, scratch->room);
		free(scratch);
	}
}

uint64_t zram_scratches_bytes(const struct zram_scratches *scratches)
{
	return __atomic_load_n(&scratches->nr, __ATOMIC_RELAXED) * sizeof(struct zram_scratch) +
	       __atomic_load_n(&scratches->nr_rooms, __ATOMIC_RELAXED) * sizeof(struct zram_room);
}
