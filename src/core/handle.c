/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The handle table: leaves of cells, handed out to size classes in chunks.
 */
#include "handle.h"

_Static_assert(sizeof(union zs_leaf) == ZS_META_UNIT, "a leaf is a unit");
_Static_assert(ZS_LEAF_CHUNKS * sizeof(uint16_t) == ZS_LEAF_HEADER_CELLS * sizeof(struct zs_cell), "the header's room");

void zs_handle_table_init(struct zs_handle_table *table, struct zs_meta *meta, uint32_t salt)
{
	memset(table, 0, sizeof(*table));
	table->meta = meta;
	table->salt = salt;
}

static void leaf_node_release(struct zs_meta *meta, struct zs_leaf_node *node)
{
	for (unsigned int i = 0; i < 1u << ZS_NODE_SHIFT; i++)
		zs_meta_free(meta, node->leaves[i], sizeof(union zs_leaf));
	zs_meta_free(meta, node, sizeof(*node));
}

static void top_node_release(struct zs_meta *meta, struct zs_top_node *top)
{
	for (unsigned int i = 0; i < 1u << ZS_NODE_SHIFT; i++)
		if (top->nodes[i])
			leaf_node_release(meta, top->nodes[i]);
	zs_meta_free(meta, top, sizeof(*top));
}

void zs_handle_table_release(struct zs_handle_table *table)
{
	for (unsigned int i = 0; i < 1u << ZS_TOP_SHIFT; i++)
		if (table->top[i])
			top_node_release(table->meta, table->top[i]);
}

/*
 * Makes sure that *place points to something, made of size_bytes of zeroes. Two threads may race: one block wins and
 * the other is freed. Result: what *place points to, or NULL.
 */
static void *ensure(struct zs_handle_table *table, void *place, size_t size_bytes, unsigned int flags)
{
	void **pointer = place;
	void *block = zs_host_load_pointer(*pointer);

	if (block)
		return block;
	block = zs_meta_alloc(table->meta, size_bytes, flags);
	if (block && !zs_host_cas_pointer(pointer, NULL, block)) {
		zs_meta_free(table->meta, block, size_bytes);
		block = zs_host_load_pointer(*pointer);
	}
	return block;
}

static union zs_leaf *ensure_leaf(struct zs_handle_table *table, uint32_t index, unsigned int flags)
{
	struct zs_top_node *top;
	struct zs_leaf_node *node;

	top = ensure(table, &table->top[index >> (ZS_LEAF_SHIFT + 2 * ZS_NODE_SHIFT)], sizeof(*top), flags);
	if (!top)
		return NULL;
	node = ensure(table, &top->nodes[index >> (ZS_LEAF_SHIFT + ZS_NODE_SHIFT) & ((1u << ZS_NODE_SHIFT) - 1)],
		      sizeof(*node), flags);
	if (!node)
		return NULL;
	return ensure(table, &node->leaves[index >> ZS_LEAF_SHIFT & ((1u << ZS_NODE_SHIFT) - 1)], sizeof(union zs_leaf),
		      flags);
}

/* A generation that another pool's cell of this index has with probability 2^-16: the mix of salt and index. */
static uint32_t first_generation(const struct zs_handle_table *table, uint32_t index)
{
	return ((index ^ table->salt) * 0x9e3779b1u) >> 16;
}

/* Links the cells of a new chunk to a list in order. Returns the first. */
static uint32_t chunk_init(struct zs_handle_table *table, union zs_leaf *leaf, uint32_t chunk, unsigned int class_id)
{
	uint32_t end = (chunk + 1) << ZS_CHUNK_SHIFT;
	uint32_t first = chunk << ZS_CHUNK_SHIFT;

	if (!(first & (ZS_LEAF_CELLS - 1)))
		first += ZS_LEAF_HEADER_CELLS;
	for (uint32_t index = first; index < end; index++) {
		struct zs_cell *cell = &leaf->cells[index & (ZS_LEAF_CELLS - 1)];

		zs_host_store32(&cell->state, first_generation(table, index));
		zs_host_store32(&cell->place, index + 1 < end ? index + 1 : 0);
	}
	zs_host_store16(&leaf->owner[chunk % ZS_LEAF_CHUNKS], (uint16_t)(class_id + 1));
	return first;
}

int zs_handle_table_add_chunk(struct zs_handle_table *table, unsigned int class_id, unsigned int flags, uint32_t *first)
{
	union zs_leaf *leaf;
	uint32_t chunk;

	/* Its leaf comes first, so that a failure loses no number; whoever else claims it meanwhile got on. */
	do {
		chunk = zs_host_load32(&table->next_chunk);
		if (chunk >= ZS_MAX_CELL_INDEX >> ZS_CHUNK_SHIFT)
			return -ENOMEM;
		leaf = ensure_leaf(table, chunk << ZS_CHUNK_SHIFT, flags);
		if (!leaf)
			return -ENOMEM;
	} while (!zs_host_cas32_acquire(&table->next_chunk, chunk, chunk + 1));
	*first = chunk_init(table, leaf, chunk, class_id);
	return 0;
}
