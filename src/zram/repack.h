/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Packing the pages of one group again: what is idle goes together into units by the stronger codec, as does what is
 * left of a unit with too much dead in it; what turned warm is put by itself again.
 *
 * Pages are read while their group's lock is shared and packed without it; then each new object takes its pages' slots
 * if they are what they were. Only one thread packs at a time (zram_walk.lock), and only it makes units or ages pages,
 * so a slot that looks as before has not changed and changed back: every write makes a page young.
 */
#ifndef ZRAM_REPACK_H
#define ZRAM_REPACK_H

#include "disk.h"

/* What one who walks needs: the one to read pages with, the other to pack them with. */
struct zram_repacker {
	struct zram *zram;
	struct zram_scratch *reader;
	struct zram_scratch *packer;
};

/* Result: 0 or -ENOMEM. */
int zram_repacker_init(struct zram_repacker *repacker, struct zram *zram);
void zram_repacker_finish(struct zram_repacker *repacker);

/* Returns how many pages were packed. context: walk.lock, no group's lock. */
unsigned int zram_repack_group(struct zram_repacker *repacker, uint64_t group);

/* Whether dead bytes in units are so many, of all memory, that it is worth to look for them. */
bool zram_has_many_dead(const struct zram *zram);

#endif
