/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The radix tree of a class's zspages and its marks.
 */
#include "zspage_index.h"

#define HEIGHT_MASK 7u

static unsigned int height_of(uintptr_t root)
{
	return root & HEIGHT_MASK;
}

static void *pointer_of(uintptr_t root)
{
	return (void *)(root & ~(uintptr_t)HEIGHT_MASK);
}

/* The child of a node of the given level (0: lowest) that leads to a number. */
static unsigned int child_of(uint32_t number, unsigned int level)
{
	return number >> (level * ZS_INDEX_SHIFT) & (ZS_INDEX_FANOUT - 1);
}

static uint64_t capacity(unsigned int height)
{
	return 1ull << (height * ZS_INDEX_SHIFT);
}

struct zs_zspage *zs_zspage_index_get(const struct zs_zspage_index *index, uint32_t number)
{
	uintptr_t root = zs_host_load_pointer(index->root);
	void *at = pointer_of(root);

	for (unsigned int level = height_of(root); level-- > 0;)
		at = zs_host_load_pointer(((struct zs_index_node *)at)->children[child_of(number, level)]);
	return at;
}

struct zs_zspage *zs_zspage_index_find(const struct zs_zspage_index *index, uint32_t number)
{
	void *at = pointer_of(index->root);

	if (number >= capacity(height_of(index->root)))
		return NULL;
	for (unsigned int level = height_of(index->root); at && level-- > 0;)
		at = ((struct zs_index_node *)at)->children[child_of(number, level)];
	return at;
}

struct zs_zspage *zs_zspage_index_first(const struct zs_zspage_index *index, enum zs_mark mark)
{
	void *at = pointer_of(index->root);

	if (!height_of(index->root))
		return at && ((struct zs_zspage *)at)->marks >> mark & 1 ? at : NULL;
	for (unsigned int level = height_of(index->root); level-- > 0;) {
		struct zs_index_node *node = at;

		if (!node->marks[mark])
			return NULL;
		at = node->children[__builtin_ctz(node->marks[mark])];
	}
	return at;
}

/* The lowest number that is not in use. */
static uint32_t lowest_unused(const struct zs_zspage_index *index)
{
	unsigned int level = height_of(index->root);
	struct zs_index_node *node = pointer_of(index->root);
	uint32_t number = 0;

	if (index->nr_zspages == index->end)
		return index->end;
	while (node && level-- > 0) {
		unsigned int child = (unsigned int)__builtin_ctz(~node->marks[ZS_MARK_FULL]);

		number |= child << (level * ZS_INDEX_SHIFT);
		node = node->children[child];
	}
	return number;
}

unsigned int zs_zspage_index_nodes_needed(const struct zs_zspage_index *index)
{
	uint32_t number = lowest_unused(index);
	unsigned int height = height_of(index->root);
	unsigned int needed = 0;
	struct zs_index_node *node = pointer_of(index->root);

	/* Taller: each new root above the old; then a path down to the number beside what exists. */
	if (number >= capacity(height)) {
		while (number >= capacity(height)) {
			height++;
			needed++;
		}
		return needed + height - 1;
	}
	for (unsigned int level = height; level-- > 1;) {
		node = node ? node->children[child_of(number, level)] : NULL;
		needed += !node;
	}
	return needed;
}

/* Marks of a subtree as its parent sees them. height 0: a zspage. */
static bool subtree_marked(const void *subtree, unsigned int height, enum zs_mark mark)
{
	const struct zs_index_node *node = subtree;

	if (!height)
		return mark == ZS_MARK_FULL || (((const struct zs_zspage *)subtree)->marks >> mark & 1);
	return mark == ZS_MARK_FULL ? node->marks[mark] == ~0u : node->marks[mark] != 0;
}

/* Sets or clears a child's mark in a node. Result: whether that changes what the node's parent sees. */
static bool set_mark(struct zs_index_node *node, unsigned int child, enum zs_mark mark, bool on)
{
	bool before = subtree_marked(node, 1, mark);
	uint32_t bit = 1u << child;

	node->marks[mark] = on ? node->marks[mark] | bit : node->marks[mark] & ~bit;
	return subtree_marked(node, 1, mark) != before;
}

void zs_index_node_tell(struct zs_index_node *node, enum zs_mark mark, bool on)
{
	while (node->parent && set_mark(node->parent, node->position, mark, on))
		node = node->parent;
}

static void set_full(struct zs_index_node *node, unsigned int child, bool on)
{
	if (set_mark(node, child, ZS_MARK_FULL, on))
		zs_index_node_tell(node, ZS_MARK_FULL, on);
}

static struct zs_index_node *take_spare(struct zs_index_node **spares)
{
	struct zs_index_node *node = *spares;

	*spares = node->parent;
	node->parent = NULL;
	return node;
}

/* Puts a node or, at level 0, a zspage below a node. Its marks are the caller's to tell. */
static void adopt(struct zs_index_node *parent, unsigned int position, void *down, unsigned int level)
{
	if (level) {
		((struct zs_index_node *)down)->parent = parent;
		((struct zs_index_node *)down)->position = position;
	} else {
		((struct zs_zspage *)down)->node = parent;
	}
	zs_host_store_pointer(parent->children[position], down);
}

static void grow_taller(struct zs_zspage_index *index, struct zs_index_node **spares)
{
	struct zs_index_node *root = take_spare(spares);
	unsigned int height = height_of(index->root);
	void *old = pointer_of(index->root);

	if (old)
		adopt(root, 0, old, height);
	for (enum zs_mark mark = ZS_MARK_FULL; mark < ZS_NR_MARKS; mark++)
		root->marks[mark] = old && subtree_marked(old, height, mark);
	zs_host_store_pointer(index->root, (uintptr_t)root | (height + 1));
}

/* The lowest node that leads to a number; missing ones on the way are made of spares. pre: height is not 0. */
static struct zs_index_node *node_of(struct zs_zspage_index *index, uint32_t number, struct zs_index_node **spares)
{
	struct zs_index_node *node = pointer_of(index->root);

	for (unsigned int level = height_of(index->root); --level > 0;) {
		unsigned int position = child_of(number, level);

		if (!node->children[position])
			adopt(node, position, take_spare(spares), level);
		node = node->children[position];
	}
	return node;
}

void zs_zspage_index_insert(struct zs_zspage_index *index, struct zs_zspage *zspage, struct zs_index_node **spares)
{
	uint32_t number = lowest_unused(index);

	while (number >= capacity(height_of(index->root)))
		grow_taller(index, spares);
	zspage->index = number;
	zspage->marks = 0;
	if (!height_of(index->root)) {
		zs_host_store_pointer(index->root, (uintptr_t)zspage);
	} else {
		adopt(node_of(index, number, spares), child_of(number, 0), zspage, 0);
		set_full(zspage->node, child_of(number, 0), true);
	}
	index->nr_zspages++;
	if (number >= index->end)
		index->end = number + 1;
}

void zs_zspage_index_remove(struct zs_zspage_index *index, struct zs_zspage *zspage)
{
	struct zs_index_node *node = zspage->node;
	unsigned int position = child_of(zspage->index, 0);

	for (enum zs_mark mark = ZS_MARK_HOLE; mark < ZS_NR_MARKS; mark++)
		zs_zspage_index_clear(zspage, mark);
	if (!node) {
		zs_host_store_pointer(index->root, (uintptr_t)0);
	} else {
		zs_host_store_pointer(node->children[position], NULL);
		set_full(node, position, false);
		zspage->node = NULL;
	}
	index->nr_zspages--;
	while (index->end && !zs_zspage_index_find(index, index->end - 1))
		index->end--;
}

static void release_node(struct zs_meta *meta, struct zs_index_node *node, unsigned int height)
{
	for (unsigned int child = 0; height > 1 && child < ZS_INDEX_FANOUT; child++)
		if (node->children[child])
			release_node(meta, node->children[child], height - 1);
	zs_meta_free(meta, node, sizeof(*node));
}

void zs_zspage_index_release(struct zs_zspage_index *index, struct zs_meta *meta)
{
	if (height_of(index->root))
		release_node(meta, pointer_of(index->root), height_of(index->root));
	index->root = 0;
}

static bool node_is_sound(const struct zs_index_node *node, unsigned int height)
{
	for (unsigned int child = 0; child < ZS_INDEX_FANOUT; child++) {
		const void *below = node->children[child];

		for (enum zs_mark mark = ZS_MARK_FULL; mark < ZS_NR_MARKS; mark++)
			if ((node->marks[mark] >> child & 1) != (below && subtree_marked(below, height - 1, mark)))
				return false;
		if (height > 1 && below && !node_is_sound(below, height - 1))
			return false;
	}
	return true;
}

bool zs_zspage_index_is_sound(const struct zs_zspage_index *index)
{
	unsigned int height = height_of(index->root);

	return !height || node_is_sound(pointer_of(index->root), height);
}
