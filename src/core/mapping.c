/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Pins, maps, reads and writes.
 */
#include "mapping.h"

/* A pinned object: nothing of this changes until it is unpinned. */
struct pinned {
	struct zs_cell *cell;
	struct zs_class *class;
	struct zs_spot spot; /* scattered pools only, once its address was looked for */
};

static ZS_HOST_NOINLINE int report_access(struct zs_pool *pool)
{
	return zs_pool_report(pool, EINVAL, "use of a bad handle (stale, or of another pool)");
}

/* Waits for the move of an object that this caller has pinned meanwhile; no further move can begin. */
static ZS_HOST_NOINLINE void wait_for_move(struct zs_class *class)
{
	zs_host_lock(&class->lock);
	zs_host_unlock(&class->lock);
}

/*
 * Adds a pin, unless the handle is bad or there are too many. The state is looked at first, so that a bad handle is
 * seldom a pin even for a moment; the look after the addition is what counts.
 */
static int pin_cell(struct zs_cell *cell, unsigned long handle, struct zs_class *class)
{
	uint32_t state = zs_host_load32(&cell->state);

	if (ZS_HOST_UNLIKELY(!zs_handle_matches(handle, state)))
		return -EINVAL;
	state = zs_host_fetch_add32_acquire(&cell->state, ZS_CELL_PIN);
	if (ZS_HOST_UNLIKELY(!zs_handle_matches(handle, state))) {
		zs_cell_unpin(cell);
		return -EINVAL;
	}
	if (ZS_HOST_UNLIKELY(zs_cell_pins(state) >= ZS_CELL_MAX_PINS)) {
		zs_cell_unpin(cell);
		return -EBUSY;
	}
	if (ZS_HOST_UNLIKELY(state & ZS_CELL_MOVING))
		wait_for_move(class);
	return 0;
}

static int pin(struct zs_pool *pool, unsigned long handle, struct pinned *pinned)
{
	unsigned int class_id;
	int err;

	if (ZS_HOST_UNLIKELY(!zs_handle_find(&pool->handles, handle, &pinned->cell, &class_id)))
		return report_access(pool);
	pinned->class = zs_pool_class(pool, class_id);
	err = pin_cell(pinned->cell, handle, pinned->class);
	if (ZS_HOST_UNLIKELY(err))
		return err == -EINVAL ? report_access(pool) : err;
	return 0;
}

static void *contiguous_address(struct zs_pool *pool, const struct pinned *pinned)
{
#if ZS_HOST_TABLES
	return zs_records_address(&pool->memory.records, zs_host_load32(&pinned->cell->place));
#else
	struct zs_spot spot = zs_class_spot(pinned->class, pinned->cell);

	(void)pool;
	return zs_zspage_address(spot.zspage, &pinned->class->layout, spot.slot, 1);
#endif
}

/* Where a pinned object's first len bytes are, or NULL with its spot if they are not in one piece. */
static void *find_address(struct zs_pool *pool, struct pinned *pinned, size_t len)
{
	if (pool->memory.contiguous)
		return contiguous_address(pool, pinned);
	pinned->spot = zs_class_spot(pinned->class, pinned->cell);
	return zs_zspage_address(pinned->spot.zspage, &pinned->class->layout, pinned->spot.slot, len);
}

/* The object of a handle that the caller says it has pinned. */
static int find_pinned(struct zs_pool *pool, unsigned long handle, struct pinned *pinned)
{
	unsigned int class_id;
	uint32_t state;

	if (ZS_HOST_UNLIKELY(!zs_handle_find(&pool->handles, handle, &pinned->cell, &class_id)))
		return report_access(pool);
	state = zs_host_load32(&pinned->cell->state);
	if (ZS_HOST_UNLIKELY(!zs_handle_matches(handle, state)))
		return report_access(pool);
	if (ZS_HOST_UNLIKELY(!zs_cell_pins(state)))
		return zs_pool_report(pool, EINVAL, "unmap of an object that is not mapped");
	pinned->class = zs_pool_class(pool, class_id);
	return 0;
}

/* ---- objects that span pages: a copy of one is seen in the host's window, or in a buffer linked to its zspage ---- */

/* The class's spare buffer, or a new one, for which what others keep may have to go. */
static struct zs_buffer *get_buffer(struct zs_pool *pool, struct zs_class *class)
{
	struct zs_buffer *buffer;

	zs_host_lock(&class->lock);
	buffer = class->spare_buffer;
	class->spare_buffer = NULL;
	zs_host_unlock(&class->lock);
	if (!buffer)
		buffer = zs_buffer_create(class->memory, class->layout.slot_bytes);
	if (!buffer && zs_pool_reclaim(pool))
		buffer = zs_buffer_create(class->memory, class->layout.slot_bytes);
	return buffer;
}

/* Keeps a buffer as the class's spare if it has none, else frees it. */
static void put_buffer(struct zs_class *class, struct zs_buffer *buffer)
{
	if (class->memory->clears)
		memset(buffer->data, 0, buffer->size_bytes);
	zs_host_lock(&class->lock);
	if (!class->spare_buffer) {
		class->spare_buffer = buffer;
		buffer = NULL;
	}
	zs_host_unlock(&class->lock);
	zs_buffer_destroy_list(class->memory, buffer);
}

/* Links a filled buffer to its zspage, unless the slot got one meanwhile. Returns the slot's. */
static struct zs_buffer *link_buffer(const struct pinned *pinned, struct zs_buffer *buffer, bool copy_back)
{
	struct zs_buffer **list = zs_zspage_buffers(pinned->spot.zspage, &pinned->class->layout);
	struct zs_buffer *linked;

	zs_host_lock(&pinned->class->lock);
	linked = zs_buffer_find(*list, pinned->spot.slot);
	if (!linked) {
		linked = buffer;
		linked->slot = pinned->spot.slot;
		linked->nr_maps = 0;
		linked->copy_back = false;
		linked->next = *list;
		*list = linked;
	}
	linked->nr_maps++;
	linked->copy_back |= copy_back;
	zs_host_unlock(&pinned->class->lock);
	return linked;
}

/* Fills what the caller is going to see, unless it only writes. */
static void copy_out(const struct pinned *pinned, enum zs_map_mode mode, void *to)
{
	const struct zs_layout *layout = &pinned->class->layout;

	if (mode != ZS_MAP_WO)
		zs_zspage_copy_out(pinned->spot.zspage, layout, pinned->spot.slot, to, layout->slot_bytes);
}

static void copy_in(const struct pinned *pinned, const void *from)
{
	const struct zs_layout *layout = &pinned->class->layout;

	zs_zspage_copy_in(pinned->spot.zspage, layout, pinned->spot.slot, from, layout->slot_bytes);
}

static int map_to_buffer(struct zs_pool *pool, const struct pinned *pinned, enum zs_map_mode mode, void **address)
{
	struct zs_class *class = pinned->class;
	struct zs_buffer *buffer = get_buffer(pool, class);
	struct zs_buffer *linked;

	if (!buffer)
		return -ENOMEM;
	copy_out(pinned, mode, buffer->data);
	linked = link_buffer(pinned, buffer, mode != ZS_MAP_RO);
	if (linked != buffer)
		put_buffer(class, buffer);
	*address = linked->data;
	return 0;
}

/* Ends one map of a slot. Result: 0 with *last its buffer if that was the last map; -EINVAL: it has none. */
static int unlink_buffer(const struct pinned *pinned, struct zs_buffer **last)
{
	struct zs_buffer **list = zs_zspage_buffers(pinned->spot.zspage, &pinned->class->layout);
	struct zs_buffer *linked;

	*last = NULL;
	zs_host_lock(&pinned->class->lock);
	linked = zs_buffer_find(*list, pinned->spot.slot);
	if (linked && --linked->nr_maps == 0) {
		zs_buffer_unlink(list, linked);
		*last = linked;
	}
	zs_host_unlock(&pinned->class->lock);
	return linked ? 0 : -EINVAL;
}

static int unmap_from_buffer(const struct pinned *pinned)
{
	struct zs_buffer *last;

	if (unlink_buffer(pinned, &last))
		return -EINVAL;
	if (!last)
		return 0;
	if (last->copy_back)
		copy_in(pinned, last->data);
	put_buffer(pinned->class, last);
	return 0;
}

static int map_by_copy(struct zs_pool *pool, const struct pinned *pinned, enum zs_map_mode mode, void **address)
{
	struct zs_window *window = zs_host_window_open(pool->memory.source);

	if (!window)
		return map_to_buffer(pool, pinned, mode, address);
	window->mode = mode;
	copy_out(pinned, mode, window->data);
	*address = window->data;
	return 0;
}

static int unmap_copied(struct zs_pool *pool, const struct pinned *pinned)
{
	struct zs_window *window = zs_host_window_opened(pool->memory.source);

	if (!window)
		return unmap_from_buffer(pinned);
	if (window->mode != ZS_MAP_RO)
		copy_in(pinned, window->data);
	if (pool->memory.clears)
		memset(window->data, 0, pinned->class->layout.slot_bytes);
	zs_host_window_close(pool->memory.source, window);
	return 0;
}

/* ---- the calls ---- */

int zs_pool_map(struct zs_pool *pool, unsigned long handle, enum zs_map_mode mode, void **address)
{
	struct pinned pinned;
	int err = pin(pool, handle, &pinned);

	if (ZS_HOST_UNLIKELY(err))
		return err;
	*address = find_address(pool, &pinned, pinned.class->layout.slot_bytes);
	if (*address)
		return 0;
	err = map_by_copy(pool, &pinned, mode, address);
	if (err)
		zs_cell_unpin(pinned.cell);
	return err;
}

int zs_pool_unmap(struct zs_pool *pool, unsigned long handle)
{
	struct pinned pinned;
	int err = find_pinned(pool, handle, &pinned);

	if (ZS_HOST_UNLIKELY(err))
		return err;
	/* What was not found in one piece was mapped by copy. */
	if (!pool->memory.contiguous && !find_address(pool, &pinned, pinned.class->layout.slot_bytes) &&
	    unmap_copied(pool, &pinned))
		return zs_pool_report(pool, EINVAL, "unmap of an object that is not mapped");
	zs_cell_unpin(pinned.cell);
	return 0;
}

int zs_pool_read_begin(struct zs_pool *pool, unsigned long handle, size_t len, void *copy, const void **address)
{
	struct pinned pinned;
	int err = pin(pool, handle, &pinned);

	if (ZS_HOST_UNLIKELY(err))
		return err;
	*address = NULL;
	if (len <= pinned.class->layout.slot_bytes)
		*address = find_address(pool, &pinned, len);
	if (*address) {
		zs_object_prefetch(*address, len);
		return 0;
	}
	if (len > pinned.class->layout.slot_bytes || !copy) {
		zs_cell_unpin(pinned.cell);
		return -EINVAL;
	}
	zs_zspage_copy_out(pinned.spot.zspage, &pinned.class->layout, pinned.spot.slot, copy, len);
	*address = copy;
	return 0;
}

int zs_pool_read_end(struct zs_pool *pool, unsigned long handle)
{
	struct pinned pinned = { .cell = NULL };
	int err = find_pinned(pool, handle, &pinned);

	if (err)
		return err;
	zs_cell_unpin(pinned.cell);
	return 0;
}

int zs_pool_write(struct zs_pool *pool, unsigned long handle, const void *from, size_t len)
{
	struct pinned pinned;
	void *address;
	int err = pin(pool, handle, &pinned);

	if (ZS_HOST_UNLIKELY(err))
		return err;
	if (len > pinned.class->layout.slot_bytes)
		err = -EINVAL;
	else if ((address = find_address(pool, &pinned, len)))
		memcpy(address, from, len);
	else
		zs_zspage_copy_in(pinned.spot.zspage, &pinned.class->layout, pinned.spot.slot, from, len);
	zs_cell_unpin(pinned.cell);
	return err;
}
