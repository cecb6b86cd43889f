/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Remembering keys.
 */
#include "ghosts.h"

/* A line of the cache. */
struct set {
	uint32_t next; /* where the next one goes */
	uint32_t mark[ZCACHE_SET_GHOSTS];
};

_Static_assert(sizeof(struct set) == 64, "a set is a line");

#define GROW_SETS 2u

static struct set *set_at(const struct zcache_ghosts *ghosts, uint32_t number)
{
	return zcache_array_at(&ghosts->sets, (size_t)number * sizeof(struct set));
}

static struct set *set_of(const struct zcache_ghosts *ghosts, uint64_t hash)
{
	return set_at(ghosts, zcache_hash_place(hash, ghosts->nr_sets));
}

/* 0 is no mark. */
static uint32_t mark_of(uint64_t hash)
{
	uint32_t mark = (uint32_t)(hash >> 24);

	return mark ? mark : 1;
}

int zcache_ghosts_create(struct zcache_ghosts *ghosts)
{
	int err = zcache_array_create(&ghosts->sets);

	if (!err)
		err = zcache_array_hold(&ghosts->sets, sizeof(struct set));
	ghosts->nr_sets = 1;
	ghosts->nr = 0;
	return err;
}

void zcache_ghosts_destroy(struct zcache_ghosts *ghosts)
{
	zcache_array_destroy(&ghosts->sets);
}

static uint32_t nr_marks(const struct set *set)
{
	uint32_t nr = 0;

	for (unsigned int i = 0; i < ZCACHE_SET_GHOSTS; i++)
		nr += set->mark[i] != 0;
	return nr;
}

/* What a new set remembers is what its parent does: of each key one of both is looked at, and the other forgets it. */
void zcache_ghosts_grow(struct zcache_ghosts *ghosts, uint32_t nr)
{
	for (unsigned int i = 0; i < GROW_SETS && ghosts->nr_sets < nr / ZCACHE_SET_GHOSTS; i++) {
		if (zcache_array_hold(&ghosts->sets, ((size_t)ghosts->nr_sets + 1) * sizeof(struct set)))
			return;
		*set_at(ghosts, ghosts->nr_sets) = *set_at(ghosts, zcache_hash_parent(ghosts->nr_sets));
		ghosts->nr += nr_marks(set_at(ghosts, ghosts->nr_sets));
		ghosts->nr_sets++;
	}
}

void zcache_ghosts_shrink(struct zcache_ghosts *ghosts, uint32_t nr)
{
	if (ghosts->nr_sets == 1 || ghosts->nr_sets <= 2 * (nr / ZCACHE_SET_GHOSTS))
		return;
	while (ghosts->nr_sets > 1 && ghosts->nr_sets > 2 * (nr / ZCACHE_SET_GHOSTS)) {
		ghosts->nr_sets--;
		ghosts->nr -= nr_marks(set_at(ghosts, ghosts->nr_sets));
	}
	zcache_array_trim(&ghosts->sets, (size_t)ghosts->nr_sets * sizeof(struct set));
}

static unsigned int find(const struct set *set, uint32_t mark)
{
	unsigned int i = 0;

	while (i < ZCACHE_SET_GHOSTS && set->mark[i] != mark)
		i++;
	return i;
}

void zcache_ghosts_add(struct zcache_ghosts *ghosts, uint64_t hash)
{
	struct set *set = set_of(ghosts, hash);

	if (find(set, mark_of(hash)) < ZCACHE_SET_GHOSTS)
		return;
	ghosts->nr += !set->mark[set->next];
	set->mark[set->next] = mark_of(hash);
	set->next = (set->next + 1) % ZCACHE_SET_GHOSTS;
}

bool zcache_ghosts_take(struct zcache_ghosts *ghosts, uint64_t hash)
{
	struct set *set = set_of(ghosts, hash);
	unsigned int at = find(set, mark_of(hash));

	if (at == ZCACHE_SET_GHOSTS)
		return false;
	set->mark[at] = 0;
	ghosts->nr--;
	return true;
}
