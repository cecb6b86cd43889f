/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Size classes at work: taking slots, growing, and giving pages back.
 */
#include "class.h"

/* What a class populates ahead: this share of its pages, but no more than so many. */
#define AHEAD_SHIFT 10
#define AHEAD_MAX_PAGES 3u

struct zs_class *zs_class_create(struct zs_memory *memory, struct zs_handle_table *handles, unsigned int id,
				 uint32_t slot_bytes, unsigned int flags)
{
	struct zs_class *class = zs_meta_alloc(&memory->meta, sizeof(*class), flags);

	if (!class)
		return NULL;
	zs_host_lock_init(&class->lock);
	class->id = id;
	class->memory = memory;
	class->handles = handles;
	class->lowest_index = ~0u;
	zs_layout_init(&class->layout, slot_bytes, memory->page_shift);
	return class;
}

uint8_t zs_class_marks(const struct zs_class *class, const struct zs_zspage *zspage)
{
	return (uint8_t)(zs_zspage_has_hole(zspage) << ZS_MARK_HOLE |
			 zs_zspage_has_room(zspage, &class->layout) << ZS_MARK_ROOM |
			 (zspage->empty != 0) << ZS_MARK_EMPTY);
}

/* What follows for the class when a zspage has got its first hole. */
static void gained_hole(struct zs_class *class, struct zs_zspage *zspage)
{
	zs_zspage_index_set(zspage, ZS_MARK_HOLE);
	if (zspage->index < class->lowest_index)
		zs_class_set_lowest(class, zspage);
}

/* And when it has lost its last. */
static void lost_holes(struct zs_class *class, struct zs_zspage *zspage)
{
	zs_zspage_index_clear(zspage, ZS_MARK_HOLE);
	if (class->lowest == zspage)
		zs_class_set_lowest(class, zs_zspage_index_first(&class->zspages, ZS_MARK_HOLE));
}

static void set_mark(struct zs_zspage *zspage, enum zs_mark mark, bool on)
{
	if (on == (zspage->marks >> mark & 1))
		return;
	if (on)
		zs_zspage_index_set(zspage, mark);
	else
		zs_zspage_index_clear(zspage, mark);
}

/* The pool's count of empty pages and the class's index follow. */
static void note_empty(struct zs_class *class, struct zs_zspage *zspage, uint64_t before)
{
	long more = (long)zs_count_bits(zspage->empty) - (long)zs_count_bits(before);

	if (zspage->empty == before)
		return;
	zs_host_add_long(&class->memory->nr_empty, more);
	ZS_HOST_SHOW_MORE(class->nr_empty, more);
	set_mark(zspage, ZS_MARK_EMPTY, zspage->empty != 0);
}

/* What follows when pages were added to a zspage or taken from it. */
static void note_pages(struct zs_class *class, struct zs_zspage *zspage, uint64_t empty_before)
{
	bool has_hole = zs_zspage_has_hole(zspage);

	note_empty(class, zspage, empty_before);
	set_mark(zspage, ZS_MARK_ROOM, zs_zspage_has_room(zspage, &class->layout));
	if (has_hole == (zspage->marks >> ZS_MARK_HOLE & 1))
		return;
	if (has_hole)
		gained_hole(class, zspage);
	else
		lost_holes(class, zspage);
}

/* ---- slots ---- */

/* A slot's cell is the one of that index from now on; 0: none. */
static void set_owner(struct zs_class *class, struct zs_spot spot, uint32_t index)
{
	*zs_zspage_owner(spot.zspage, spot.slot) = index;
	if (index)
		zs_host_store32(&zs_handle_cell(class->handles, index)->place, zs_class_place(spot));
}

/* Gives a slot without a cell the class's next free one. Returns its index; 0: there is none. */
static uint32_t attach_cell(struct zs_class *class, struct zs_spot spot)
{
	uint32_t index = class->free_cell;
	struct zs_cell *cell;

	if (!index)
		return 0;
	cell = zs_handle_cell(class->handles, index);
	class->free_cell = zs_host_load32(&cell->place);
	set_owner(class, spot, index);
	return index;
}

unsigned int zs_class_take_slot(struct zs_class *class, struct zs_zspage *zspage)
{
	uint64_t empty = zspage->empty;
	unsigned int slot = zs_zspage_take_slot(zspage, &class->layout);

	ZS_HOST_SHOW_MORE(class->nr_live, 1);
	if (!zs_zspage_has_hole(zspage))
		lost_holes(class, zspage);
	note_empty(class, zspage, empty);
	return slot;
}

unsigned long zs_class_take(struct zs_class *class)
{
	struct zs_spot spot = { .zspage = class->lowest };
	struct zs_cell *cell;
	uint32_t index;

	if (!spot.zspage)
		return 0;
	spot.slot = zs_zspage_lowest_hole(spot.zspage);
	index = *zs_zspage_owner(spot.zspage, spot.slot);
	if (!index && !(index = attach_cell(class, spot)))
		return 0;
	zs_class_take_slot(class, spot.zspage);
	cell = zs_handle_cell(class->handles, index);
	return zs_handle_make(index, zs_host_fetch_sub32_release(&cell->state, ZS_CELL_FREE));
}

uint64_t zs_class_put_slot(struct zs_class *class, struct zs_spot spot)
{
	return zs_class_put_direct(class, spot) ? 0 : zs_class_put_rest(class, spot);
}

uint64_t zs_class_put_rest(struct zs_class *class, struct zs_spot spot)
{
	uint64_t empty = spot.zspage->empty;
	uint64_t emptied = zs_zspage_mark_emptied(spot.zspage, &class->layout, spot.slot);

	if (!(spot.zspage->marks >> ZS_MARK_HOLE & 1))
		gained_hole(class, spot.zspage);
	note_empty(class, spot.zspage, empty);
	return emptied;
}

/* ---- growing ---- */

/* Whether a page may be added somewhere: a zspage's number must fit a place. */
static bool may_grow_more(const struct zs_class *class)
{
	return class->zspages.nr_zspages < 1u << (32u - ZS_PLACE_SLOT_BITS) ||
	       zs_zspage_index_first(&class->zspages, ZS_MARK_ROOM);
}

/* A zspage without pages, in no class yet, to which places can lead; NULL: no memory. context: no lock. */
static struct zs_zspage *create_zspage(struct zs_class *class, unsigned int flags)
{
	struct zs_zspage *zspage = zs_zspage_create(&class->memory->meta, &class->layout, flags);

#if ZS_HOST_TABLES
	if (zspage) {
		struct zs_record record = { .base = zspage->base,
					    .zspage = zspage,
					    .slot_bytes = class->layout.slot_bytes };

		if (!zs_records_add(&class->memory->records, &record, &zspage->place))
			return zspage;
		zs_zspage_destroy(&class->memory->meta, zspage, &class->layout);
		zspage = NULL;
	}
#endif
	return zspage;
}

/* pre: bare, in no class. context: no lock. */
static void destroy_zspage(struct zs_class *class, struct zs_zspage *zspage)
{
#if ZS_HOST_TABLES
	zs_records_remove(&class->memory->records, zspage->place);
#endif
	zs_zspage_destroy(&class->memory->meta, zspage, &class->layout);
}

static struct zs_zspage *add_zspage(struct zs_class *class, struct zs_supplies *supplies, unsigned int nr_nodes)
{
	struct zs_zspage *zspage = supplies->zspage;

	supplies->nr_nodes -= nr_nodes;
	zs_zspage_index_insert(&class->zspages, zspage, &supplies->nodes);
#if !ZS_HOST_TABLES
	zspage->place = zspage->index << ZS_PLACE_SLOT_BITS;
#endif
	supplies->zspage = NULL;
	return zspage;
}

static unsigned int last_word(const struct zs_class *class)
{
	return zs_zspage_words(&class->layout) - 1;
}

/* pre: zeroes, but for what a piece that was outgrown holds; that one is not used again. */
static void push_piece(struct zs_spare_piece **pieces, void *block)
{
	struct zs_spare_piece *piece = block;

	piece->next = *pieces;
	*pieces = piece;
}

static void *pop_piece(struct zs_spare_piece **pieces)
{
	struct zs_spare_piece *piece = *pieces;

	*pieces = piece->next;
	piece->next = NULL; /* no slot has a cell yet */
	return piece;
}

/* The piece for a whole word, or for the last one. */
static void *take_piece(struct zs_class *class, struct zs_supplies *supplies, unsigned int word)
{
	void *piece = supplies->last_piece;

	if (word == last_word(class)) {
		supplies->last_piece = NULL;
		return piece;
	}
	supplies->nr_pieces--;
	return pop_piece(&supplies->pieces);
}

static void install_pieces(struct zs_class *class, struct zs_zspage *zspage, const struct zs_zspage_lack *lack,
			   struct zs_supplies *supplies)
{
	if (lack->short_piece) {
		zspage->words[0].owners = pop_piece(&supplies->short_pieces);
		zspage->is_short = true;
	}
	for (uint32_t words = lack->pieces; words; words &= words - 1) {
		unsigned int word = (unsigned int)__builtin_ctz(words);
		uint32_t *piece = take_piece(class, supplies, word);

		if (!word && zspage->is_short) {
			memcpy(piece, zspage->words[0].owners, ZS_SHORT_PIECE_BYTES);
			push_piece(&supplies->short_pieces, zspage->words[0].owners);
			zspage->is_short = false;
		}
		zspage->words[word].owners = piece;
	}
}

/* Scattered pages are told whom they serve, so that a host can ask for one. pages: as for zs_zspage_populate(). */
static void bind_pages(struct zs_class *class, const struct zs_zspage *zspage, uint64_t mask, void **pages)
{
	for (; mask; mask &= mask - 1)
		zs_host_page_use(class->memory->source, *pages++, class,
				 zs_page_place(zspage, (unsigned int)__builtin_ctzll(mask)));
}

static void unbind_pages(const struct zs_class *class, const struct zs_pages *pages)
{
	for (unsigned int i = 0; i < pages->nr; i++)
		zs_host_page_use(class->memory->source, pages->at[i], NULL, 0);
}

/* Populates the pages of the lack with the last ones of the supplies. */
static void install_pages(struct zs_class *class, struct zs_zspage *zspage, uint64_t mask, struct zs_pages *pages)
{
	unsigned int nr = zs_count_bits(mask);
	uint64_t empty = zspage->empty;

	pages->nr -= nr;
	zs_zspage_populate(zspage, &class->layout, class->memory->source, mask,
			   class->memory->contiguous ? NULL : pages->at + pages->nr);
	if (!class->memory->contiguous)
		bind_pages(class, zspage, mask, pages->at + pages->nr);
	ZS_HOST_SHOW_MORE(class->nr_pages, nr);
	note_pages(class, zspage, empty);
}

/* What growing takes: in the zspage that has room, or NULL for a new one. */
static struct zs_zspage_lack plan_growth(const struct zs_class *class, const struct zs_zspage *zspage,
					 unsigned int nr_ahead, struct zs_need *need)
{
	struct zs_zspage_lack lack = zs_zspage_lowest_lack(zspage, &class->layout, nr_ahead);

	need->nr_pages = zs_count_bits(lack.pages);
	need->short_piece = lack.short_piece;
	need->last_piece = lack.pieces >> last_word(class);
	need->nr_pieces = zs_count_bits(lack.pieces) - need->last_piece;
	need->zspage = !zspage;
	need->nr_nodes = zspage ? 0 : zs_zspage_index_nodes_needed(&class->zspages);
	return lack;
}

static bool is_supplied(const struct zs_supplies *supplies, const struct zs_need *need)
{
	return supplies->pages.nr >= need->nr_pages && supplies->nr_pieces >= need->nr_pieces &&
	       supplies->nr_nodes >= need->nr_nodes && (supplies->last_piece || !need->last_piece) &&
	       (supplies->short_pieces || !need->short_piece) && (supplies->zspage || !need->zspage) && !need->cells;
}

bool zs_class_grow(struct zs_class *class, struct zs_supplies *supplies, unsigned int nr_ahead, struct zs_need *need)
{
	struct zs_zspage *zspage = zs_zspage_index_first(&class->zspages, ZS_MARK_ROOM);
	struct zs_zspage_lack lack = plan_growth(class, zspage, nr_ahead, need);

	if (!is_supplied(supplies, need))
		return false;
	if (!zspage)
		zspage = add_zspage(class, supplies, need->nr_nodes);
	install_pieces(class, zspage, &lack, supplies);
	install_pages(class, zspage, lack.pages, &supplies->pages);
	class->nr_changes++;
	return true;
}

/*
 * A large class of a contiguous pool populates a few pages at once, which costs the system less than a fault for each
 * and leaves no more than 1/1024 of its pages waiting for objects.
 */
static unsigned int pages_ahead(const struct zs_class *class)
{
	unsigned long nr_pages = class->nr_pages >> AHEAD_SHIFT;

	if (!class->memory->contiguous)
		return 0;
	return nr_pages < AHEAD_MAX_PAGES ? (unsigned int)nr_pages : AHEAD_MAX_PAGES;
}

static void adopt_cells(struct zs_class *class, struct zs_supplies *supplies)
{
	if (class->free_cell)
		return;
	class->free_cell = supplies->first_cell;
	supplies->first_cell = 0;
}

/* Whether the next object finds a cell: its slot may have one, from the object that was there before. */
static bool has_cell(const struct zs_class *class)
{
	const struct zs_zspage *lowest = class->lowest;

	return class->free_cell || (lowest && *zs_zspage_owner(lowest, zs_zspage_lowest_hole(lowest)));
}

bool zs_class_provide(struct zs_class *class, struct zs_supplies *supplies, bool may_grow, struct zs_need *need)
{
	bool has_hole = class->lowest != NULL;

	if (!has_hole && (!may_grow || !may_grow_more(class)))
		return false;
	adopt_cells(class, supplies);
	need->cells = !has_cell(class);
	/* Without a cell it only learns what else is lacking: no page is populated for nothing. */
	if (!has_hole)
		has_hole = zs_class_grow(class, supplies, supplies->frugal ? 0 : pages_ahead(class), need);
	return has_hole && !need->cells;
}

/* ---- cells ---- */

void zs_class_swap_cells(struct zs_class *class, struct zs_spot a, struct zs_spot b)
{
	uint32_t of_a = *zs_zspage_owner(a.zspage, a.slot);
	uint32_t of_b = *zs_zspage_owner(b.zspage, b.slot);

	set_owner(class, a, of_b);
	set_owner(class, b, of_a);
}

/* Makes the cell of a free slot the class's next free one, if the slot has one. */
static void detach_cell(struct zs_class *class, struct zs_spot spot)
{
	uint32_t *owner = zs_zspage_owner(spot.zspage, spot.slot);

	if (!*owner)
		return;
	zs_host_store32(&zs_handle_cell(class->handles, *owner)->place, class->free_cell);
	class->free_cell = *owner;
	*owner = 0;
}

/* The slots that touch pages which go have no use for their cells. */
static void detach_cells(struct zs_class *class, struct zs_zspage *zspage, uint64_t pages)
{
	for (; pages; pages &= pages - 1) {
		unsigned int page = (unsigned int)__builtin_ctzll(pages);
		struct zs_spot spot = { .zspage = zspage, .slot = zs_layout_first_slot(&class->layout, page) };
		unsigned int last = zs_layout_last_slot(&class->layout, page);

		for (; spot.slot <= last; spot.slot++)
			detach_cell(class, spot);
	}
}

/* ---- supplies ---- */

static int supply_zspage(struct zs_class *class, struct zs_supplies *supplies, unsigned int flags)
{
	if (!supplies->zspage)
		supplies->zspage = create_zspage(class, flags);
	return supplies->zspage ? 0 : -ENOMEM;
}

static int supply_nodes(struct zs_class *class, struct zs_supplies *supplies, unsigned int nr, unsigned int flags)
{
	while (supplies->nr_nodes < nr) {
		struct zs_index_node *node = zs_meta_alloc(&class->memory->meta, sizeof(*node), flags);

		if (!node)
			return -ENOMEM;
		node->parent = supplies->nodes;
		supplies->nodes = node;
		supplies->nr_nodes++;
	}
	return 0;
}

static int supply_pieces(struct zs_class *class, struct zs_supplies *supplies, const struct zs_need *need,
			 unsigned int flags)
{
	struct zs_meta *meta = &class->memory->meta;
	void *piece;

	if (need->short_piece && !supplies->short_pieces) {
		piece = zs_meta_alloc(meta, ZS_SHORT_PIECE_BYTES, flags);
		if (!piece)
			return -ENOMEM;
		push_piece(&supplies->short_pieces, piece);
	}
	if (need->last_piece && !supplies->last_piece) {
		supplies->last_piece =
			zs_meta_alloc(meta, zs_zspage_piece_bytes(&class->layout, last_word(class)), flags);
		if (!supplies->last_piece)
			return -ENOMEM;
	}
	for (; supplies->nr_pieces < need->nr_pieces; supplies->nr_pieces++) {
		piece = zs_meta_alloc(meta, zs_zspage_piece_bytes(&class->layout, 0), flags);
		if (!piece)
			return -ENOMEM;
		push_piece(&supplies->pieces, piece);
	}
	return 0;
}

int zs_class_supply(struct zs_class *class, struct zs_supplies *supplies, const struct zs_need *need,
		    unsigned int flags)
{
	int err = 0;

	if (need->cells && !supplies->first_cell)
		err = zs_handle_table_add_chunk(class->handles, class->id, flags, &supplies->first_cell);
	if (!err && need->zspage)
		err = supply_zspage(class, supplies, flags);
	if (!err)
		err = supply_nodes(class, supplies, need->nr_nodes, flags);
	if (!err)
		err = supply_pieces(class, supplies, need, flags);
	if (!err)
		err = zs_memory_get_pages(class->memory, &supplies->pages, need->nr_pages, flags);
	return err;
}

/* Cells cannot be given back to the table: the class keeps them for its next objects. */
static void keep_cells(struct zs_class *class, uint32_t first_cell)
{
	struct zs_cell *last;
	uint32_t next = first_cell;

	zs_host_lock(&class->lock);
	do {
		last = zs_handle_cell(class->handles, next);
		next = zs_host_load32(&last->place);
	} while (next);
	zs_host_store32(&last->place, class->free_cell);
	class->free_cell = first_cell;
	zs_host_unlock(&class->lock);
}

static void put_pieces(struct zs_meta *meta, struct zs_spare_piece *pieces, size_t bytes)
{
	while (pieces) {
		struct zs_spare_piece *piece = pieces;

		pieces = piece->next;
		zs_meta_free(meta, piece, bytes);
	}
}

void zs_class_put_supplies(struct zs_class *class, struct zs_supplies *supplies)
{
	struct zs_meta *meta = &class->memory->meta;

	if (supplies->first_cell)
		keep_cells(class, supplies->first_cell);
	if (supplies->zspage)
		destroy_zspage(class, supplies->zspage);
	while (supplies->nodes) {
		struct zs_index_node *node = supplies->nodes;

		supplies->nodes = node->parent;
		zs_meta_free(meta, node, sizeof(*node));
	}
	put_pieces(meta, supplies->pieces, zs_zspage_piece_bytes(&class->layout, 0));
	put_pieces(meta, supplies->short_pieces, ZS_SHORT_PIECE_BYTES);
	zs_meta_free(meta, supplies->last_piece, zs_zspage_piece_bytes(&class->layout, last_word(class)));
	zs_memory_put_pages(class->memory, &supplies->pages);
}

/* ---- giving pages back ---- */

/* The lowest nr set bits of a mask. */
static uint64_t lowest_bits(uint64_t mask, unsigned int nr)
{
	uint64_t rest = mask;

	while (rest && nr--)
		rest &= rest - 1;
	return mask & ~rest;
}

/* Takes empty pages out of a zspage. Scattered ones are handed out in pages. Result: whether it is bare and gone. */
static bool take_out(struct zs_class *class, struct zs_zspage *zspage, uint64_t mask, struct zs_pages *pages)
{
	uint64_t empty = zspage->empty;

	pages->nr = zspage->base ? 0 : zs_count_bits(mask);
	detach_cells(class, zspage, mask);
	zs_zspage_depopulate(zspage, &class->layout, mask, pages->at);
	unbind_pages(class, pages);
	ZS_HOST_SHOW_MORE(class->nr_pages, -(long)zs_count_bits(mask));
	note_pages(class, zspage, empty);
	if (!zs_zspage_is_bare(zspage))
		return false;
	zs_zspage_index_remove(&class->zspages, zspage);
	return true;
}

/* The pages of a contiguous zspage have gone to the system. Result: whether it is bare and gone. */
static bool have_returned(struct zs_class *class, struct zs_zspage *zspage, uint64_t mask)
{
	zspage->returning &= ~mask;
	if (zs_zspage_is_bare(zspage)) {
		zs_zspage_index_remove(&class->zspages, zspage);
		return true;
	}
	note_pages(class, zspage, zspage->empty);
	return false;
}

void zs_class_release_begin(struct zs_class *class, struct zs_zspage *zspage, uint64_t mask, struct zs_release *release)
{
	release->zspage = zspage;
	release->mask = mask;
	release->bare = take_out(class, zspage, mask, &release->pages);
}

/* Hands the pages of a contiguous zspage to the system, after which they may be populated again. */
static void return_span(struct zs_class *class, struct zs_release *release)
{
	struct zs_range ranges[ZS_HOST_RANGES];
	uint64_t left = release->mask;

	while (left) {
		uint64_t mask = left;
		unsigned int nr = zs_zspage_ranges(release->zspage, &class->layout, &mask, ranges, ZS_HOST_RANGES);

		zs_host_spans_return(class->memory->source, ranges, nr);
		left &= ~mask;
	}
	zs_host_lock(&class->lock);
	release->bare = have_returned(class, release->zspage, release->mask);
	zs_host_unlock(&class->lock);
}

unsigned int zs_class_release_finish(struct zs_class *class, struct zs_release *release, struct zs_pages *keep,
				     unsigned int keep_max)
{
	unsigned int nr = zs_count_bits(release->mask);

	/* A scattered zspage that is not bare may be gone by now: others are free to take its last object. */
	if (class->memory->contiguous) {
		return_span(class, release);
		release->pages.nr = nr;
	}
	if (keep)
		zs_memory_move_pages(class->memory, &release->pages, keep, keep_max);
	nr = release->pages.nr;
	zs_memory_put_pages(class->memory, &release->pages);
	if (release->bare)
		destroy_zspage(class, release->zspage);
	return nr;
}

void zs_class_depart(struct zs_class *class, struct zs_departure *departure, unsigned int max_pages)
{
	struct zs_zspage *zspage;
	struct zs_pages none;
	uint64_t mask;

	/* Only contiguous zspages keep empty pages. */
	if (!class->memory->contiguous)
		return;
	zs_host_lock(&class->lock);
	while (departure->pages.nr < max_pages && departure->nr_ranges < ZS_HOST_RANGES &&
	       (zspage = zs_zspage_index_first(&class->zspages, ZS_MARK_EMPTY))) {
		mask = lowest_bits(zspage->empty, max_pages - departure->pages.nr);
		departure->nr_ranges +=
			zs_zspage_ranges(zspage, &class->layout, &mask, departure->ranges + departure->nr_ranges,
					 ZS_HOST_RANGES - departure->nr_ranges);
		departure->pages.nr += zs_count_bits(mask);
		departure->parts[departure->nr_parts++] = (struct zs_departing){ class, zspage, mask };
		take_out(class, zspage, mask, &none);
	}
	zs_host_unlock(&class->lock);
}

/* The pages of one zspage have gone. */
static void end_departing(const struct zs_departing *part)
{
	bool bare;

	zs_host_lock(&part->class->lock);
	bare = have_returned(part->class, part->zspage, part->mask);
	zs_host_unlock(&part->class->lock);
	if (bare)
		destroy_zspage(part->class, part->zspage);
}

unsigned int zs_departure_finish(struct zs_departure *departure, struct zs_memory *memory, struct zs_pages *keep,
				 unsigned int keep_max)
{
	unsigned int nr;

	if (!departure->pages.nr)
		return 0;
	zs_host_spans_return(memory->source, departure->ranges, departure->nr_ranges);
	for (unsigned int i = 0; i < departure->nr_parts; i++)
		end_departing(&departure->parts[i]);
	if (keep)
		zs_memory_move_pages(memory, &departure->pages, keep, keep_max);
	nr = departure->pages.nr;
	zs_memory_put_pages(memory, &departure->pages);
	return nr;
}

unsigned int zs_class_release_some(struct zs_class *class, unsigned int max_pages, struct zs_pages *keep,
				   unsigned int keep_max)
{
	struct zs_departure departure;

	zs_departure_init(&departure);
	zs_class_depart(class, &departure, max_pages);
	return zs_departure_finish(&departure, class->memory, keep, keep_max);
}

bool zs_class_release_buffer(struct zs_class *class)
{
	struct zs_buffer *buffer;

	zs_host_lock(&class->lock);
	buffer = class->spare_buffer;
	class->spare_buffer = NULL;
	zs_host_unlock(&class->lock);
	zs_buffer_destroy_list(class->memory, buffer);
	return buffer;
}

/* Fewest pages that hold nr_live objects. */
static unsigned long least_pages(const struct zs_class *class, unsigned long nr_live)
{
	const struct zs_layout *layout = &class->layout;
	unsigned long full = nr_live / layout->nr_slots;
	unsigned long rest = nr_live % layout->nr_slots;

	return full * layout->nr_pages +
	       ((rest * layout->slot_bytes + (1ul << layout->page_shift) - 1) >> layout->page_shift);
}

unsigned long zs_class_least_pages(const struct zs_class *class)
{
	return least_pages(class, class->nr_live);
}

unsigned long zs_class_slack_pages(const struct zs_class *class)
{
	unsigned long nr_pages = ZS_HOST_GLANCE(class->nr_pages);
	unsigned long least = least_pages(class, ZS_HOST_GLANCE(class->nr_live));

	return nr_pages > least ? nr_pages - least : 0;
}

unsigned long zs_class_loose_pages(const struct zs_class *class)
{
	unsigned long slack = zs_class_slack_pages(class), empty = ZS_HOST_GLANCE(class->nr_empty);

	return slack > empty ? slack - empty : 0;
}

/* ---- the end ---- */

/* The objects of a pool that ends: their pages may go to others, but for those that the system clears. */
static void clear_objects(struct zs_class *class, struct zs_zspage *zspage)
{
	for (unsigned int slot = 0; slot < class->layout.nr_slots; slot++)
		if (zs_zspage_is_live(zspage, &class->layout, slot))
			zs_class_clear_slot(class, (struct zs_spot){ .zspage = zspage, .slot = slot });
}

/* Takes a zspage down whatever lives in it. */
static void demolish_zspage(struct zs_class *class, struct zs_zspage *zspage)
{
	unsigned int max_pages = zspage->base ? ZS_MAX_CHAIN : ZS_MAX_SLOT_PAGES;
	struct zs_release release = { .bare = false };

	if (class->memory->clears && !zspage->base)
		clear_objects(class, zspage);
	if (!zspage->base)
		zs_buffer_destroy_list(class->memory, *zs_zspage_buffers(zspage, &class->layout));
	zspage->empty = zspage->present;
	while (!release.bare) {
		/* Nobody uses the pool any more, but a host may still ask for a page of it. */
		zs_host_lock(&class->lock);
		zs_class_release_begin(class, zspage, lowest_bits(zspage->present, max_pages), &release);
		zs_host_unlock(&class->lock);
		zs_class_release_finish(class, &release, NULL, 0);
	}
}

void zs_class_destroy(struct zs_class *class)
{
	struct zs_meta *meta = &class->memory->meta;

	while (class->zspages.nr_zspages)
		demolish_zspage(class, zs_zspage_index_find(&class->zspages, class->zspages.end - 1));
	zs_zspage_index_release(&class->zspages, meta);
	zs_buffer_destroy_list(class->memory, class->spare_buffer);
	zs_meta_free(meta, class, sizeof(*class));
}
