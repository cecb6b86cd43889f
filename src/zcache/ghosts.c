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

/* 0 is no mark. */
static uint32_t mark_of(uint64_t hash)
{
	uint32_t mark = (uint32_t)(hash >> 24);

	return mark ? mark : 1;
}

static struct set *set_of(const struct zcache_ghosts *ghosts, uint32_t mark)
{
	return set_at(ghosts, zcache_hash_place(mark, ghosts->nr_sets));
}

int zcache_ghosts_create(struct zcache_ghosts *ghosts, unsigned char **chunks)
{
	*ghosts = (struct zcache_ghosts){ .nr_sets = 1 };
	zcache_array_init(&ghosts->sets, chunks, ZCACHE_GHOST_CHUNKS);
	return zcache_array_hold(&ghosts->sets, sizeof(struct set));
}

void zcache_ghosts_empty(struct zcache_ghosts *ghosts)
{
	zcache_array_empty(&ghosts->sets);
}

static void add_mark(struct zcache_ghosts *ghosts, uint32_t mark)
{
	struct set *set = set_of(ghosts, mark);

	ghosts->nr += !set->mark[set->next];
	set->mark[set->next] = mark;
	set->next = (set->next + 1) % ZCACHE_SET_GHOSTS;
}

/* Those of a set that is one of two now, or none any more, from the oldest on. */
static void sort_again(struct zcache_ghosts *ghosts, uint32_t number)
{
	struct set old = *set_at(ghosts, number);

	*set_at(ghosts, number) = (struct set){ .next = 0 };
	for (unsigned int i = 0; i < ZCACHE_SET_GHOSTS; i++) {
		uint32_t mark = old.mark[(old.next + i) % ZCACHE_SET_GHOSTS];

		if (!mark)
			continue;
		ghosts->nr--;
		add_mark(ghosts, mark);
	}
}

static bool add_set(struct zcache_ghosts *ghosts)
{
	if (zcache_array_hold(&ghosts->sets, ((size_t)ghosts->nr_sets + 1) * sizeof(struct set)))
		return false;
	*set_at(ghosts, ghosts->nr_sets) = (struct set){ .next = 0 };
	ghosts->nr_sets++;
	sort_again(ghosts, zcache_hash_parent(ghosts->nr_sets - 1));
	return true;
}

static bool is_full(const struct zcache_ghosts *ghosts)
{
	return ghosts->nr > ghosts->nr_sets * (ZCACHE_SET_GHOSTS / 2);
}

void zcache_ghosts_grow(struct zcache_ghosts *ghosts, uint32_t nr)
{
	bool has_grown = true;

	for (unsigned int i = 0; i < GROW_SETS && has_grown && is_full(ghosts); i++)
		has_grown = ghosts->nr_sets < nr / ZCACHE_SET_GHOSTS && add_set(ghosts);
}

void zcache_ghosts_shrink(struct zcache_ghosts *ghosts, uint32_t nr)
{
	if (ghosts->nr_sets == 1 || ghosts->nr_sets <= 2 * (nr / ZCACHE_SET_GHOSTS))
		return;
	while (ghosts->nr_sets > 1 && ghosts->nr_sets > 2 * (nr / ZCACHE_SET_GHOSTS)) {
		ghosts->nr_sets--;
		sort_again(ghosts, ghosts->nr_sets);
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
	uint32_t mark = mark_of(hash);

	if (find(set_of(ghosts, mark), mark) == ZCACHE_SET_GHOSTS)
		add_mark(ghosts, mark);
}

bool zcache_ghosts_take(struct zcache_ghosts *ghosts, uint64_t hash)
{
	struct set *set = set_of(ghosts, mark_of(hash));
	unsigned int at = find(set, mark_of(hash));

	if (at == ZCACHE_SET_GHOSTS)
		return false;
	set->mark[at] = 0;
	ghosts->nr--;
	return true;
}
