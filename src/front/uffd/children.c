/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Children that read the backing file: they have it open, and pages of theirs are there until they need them.
 *
 * So before a fork what is in the file is sealed. Nobody tells when a child is done with it, but a pipe does: the child
 * has its writing end, which is closed when it ends, becomes another program or has no use for the file any more; and
 * so have the child's children, which read the file as well. When all pipes have hung up, the seal is broken. A child
 * whose pipe there is no room for keeps it for ever.
 *
 * Locks: one, innermost but for the engine's log; who forks has it until the fork is over.
 */
#include <fcntl.h>
#include <unistd.h>

#include "front.h"

/* ---- in the parent ---- */

static void forget_child(struct zswap_children *children, unsigned int i)
{
	close(children->end[i].fd);
	children->end[i] = children->end[--children->nr];
}

/* context: lock */
static void look(struct zswap *zswap)
{
	struct zswap_children *children = &zswap->children;

	if (children->nr && poll(children->end, children->nr, 0) > 0)
		for (unsigned int i = children->nr; i--;)
			if (children->end[i].revents & POLLHUP)
				forget_child(children, i);
	if (children->nr || children->is_unknown)
		return;
	zswap_engine_unseal(zswap->engine);
	__atomic_store_n(&children->is_sealed, false, __ATOMIC_RELAXED);
}

static bool is_sealed(const struct zswap *zswap)
{
	return __atomic_load_n(&zswap->children.is_sealed, __ATOMIC_RELAXED);
}

void zswap_children_look(struct zswap *zswap)
{
	if (!is_sealed(zswap))
		return;
	zs_share_lock(&zswap->children.lock, true);
	if (is_sealed(zswap))
		look(zswap);
	zs_share_unlock(&zswap->children.lock, true);
}

bool zswap_children_are_there(struct zswap *zswap)
{
	zswap_children_look(zswap);
	return is_sealed(zswap);
}

void zswap_children_expect(struct zswap *zswap)
{
	struct zswap_children *children = &zswap->children;

	if (!zswap->file)
		return;
	zs_share_lock(&children->lock, true);
	if (is_sealed(zswap))
		look(zswap);
	zswap_engine_seal(zswap->engine);
	__atomic_store_n(&children->is_sealed, true, __ATOMIC_RELAXED);
	if (children->nr == ZSWAP_MOST_CHILDREN || pipe2(children->next, O_CLOEXEC))
		children->next[0] = children->next[1] = -1;
}

void zswap_children_watch(struct zswap *zswap)
{
	struct zswap_children *children = &zswap->children;

	if (!zswap->file)
		return;
	if (children->next[0] < 0) {
		children->is_unknown = true;
	} else {
		close(children->next[1]);
		children->end[children->nr++].fd = children->next[0];
	}
	zs_share_unlock(&children->lock, true);
}

/* ---- in the child ---- */

/* What nobody reads from any more tells nobody anything. */
static void drop_unheard(struct zswap_children *children)
{
	if (poll(children->own, children->nr_own, 0) <= 0)
		return;
	for (unsigned int i = children->nr_own; i--;)
		if (children->own[i].revents & POLLERR) {
			close(children->own[i].fd);
			children->own[i] = children->own[--children->nr_own];
		}
}

/* One that there is no room for stays open until the process ends. */
static void hold(struct zswap_children *children, int end)
{
	drop_unheard(children);
	if (children->nr_own < ZSWAP_MOST_PARENTS)
		children->own[children->nr_own++].fd = end;
}

static void close_all(struct pollfd *end, unsigned int *nr)
{
	while (*nr)
		close(end[--*nr].fd);
}

static void branch(struct zswap *zswap)
{
	if (!zs_file_store_branch(zswap->file, zswap_engine_branch(zswap->engine)))
		return;
	zswap_engine_end_store(zswap->engine);
	zswap_tell(zswap,
		   "a child has no backing file of its own: what is in its parent's is read, and no more goes there");
}

void zswap_children_branch(struct zswap *zswap)
{
	struct zswap_children *children = &zswap->children;

	if (!zswap->file)
		return;
	close_all(children->end, &children->nr); /* the parent's children */
	children->is_unknown = children->is_sealed = false;
	if (children->next[0] >= 0) {
		close(children->next[0]);
		hold(children, children->next[1]);
	}
	branch(zswap);
	zs_share_unlock(&children->lock, true);
}

void zswap_children_release(struct zswap *zswap)
{
	close_all(zswap->children.own, &zswap->children.nr_own);
}

void zswap_children_destroy(struct zswap *zswap)
{
	zswap_children_release(zswap);
	close_all(zswap->children.end, &zswap->children.nr);
}
