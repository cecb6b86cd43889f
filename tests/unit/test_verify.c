/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Verification: each check fails on damage made for it, with its own message, and passes once the damage is undone.
 */
#include "object.h"
#include "pool.h"
#include "sim_unit.h"
#include "verify.h"

/* A scattered pool with a class of two zspages: the first full but for one hole, the second just begun. */
struct patient {
	struct error_log log;
	struct zs_pool *pool;
	struct zs_class *class;
	struct zs_zspage *full;
	struct zs_zspage *begun;
	struct zs_cell *cell;  /* of the first object of the full zspage */
	unsigned long handle;  /* its handle */
	unsigned long foreign; /* an object of another class */
};

/* What was overwritten, to be put back. */
struct damage {
	void *at[2];
	unsigned char before[2][8];
	size_t bytes[2];
	unsigned int nr;
};

static void damage(struct damage *d, void *at, uint64_t value, size_t bytes)
{
	d->at[d->nr] = at;
	d->bytes[d->nr] = bytes;
	memcpy(d->before[d->nr++], at, bytes);
	memcpy(at, &value, bytes); /* little-endian, as all machines we test on */
}

#define DAMAGE(d, place, value) damage(d, &(place), (uint64_t)(value), sizeof(place))

static void undo(struct damage *d)
{
	while (d->nr) {
		d->nr--;
		memcpy(d->at[d->nr], d->before[d->nr], d->bytes[d->nr]);
	}
}

static void patient_create(struct patient *p)
{
	const size_t size = 1296; /* the highest of its group: it serves its size whatever the pool's size is */
	unsigned long hole;

	enter_scattered_world();
	p->pool = make_pool((struct zs_pool_options){ .size = 0 }, &p->log);
	p->handle = make_object(p->pool, size);
	hole = make_object(p->pool, size);
	p->class = zs_pool_class(p->pool, zs_pool_serving_class(p->pool, size));
	assert_int_equal(p->class->layout.slot_bytes, size);
	assert_in_range(p->class->layout.nr_slots, 65, 500); /* two words of holes */
	assert_in_range(p->class->layout.nr_pages, 2, 63);   /* room for a bit beyond the last page */
	while (p->class->nr_live < p->class->layout.nr_slots + 2ul)
		make_object(p->pool, size);
	zs_free(p->pool, hole);
	p->full = zs_zspage_index_find(&p->class->zspages, 0);
	p->begun = zs_zspage_index_find(&p->class->zspages, 1);
	p->cell = zs_handle_cell(&p->pool->handles, zs_handle_index(p->handle));
	p->foreign = make_object(p->pool, 3000);
	assert_int_equal(zs_pool_check(p->pool), 0);
}

static uint32_t *owner_of_first(struct patient *p)
{
	return zs_zspage_owner(p->full, 0);
}

/* ---- damage to slots and cells ---- */

static void owner_is_header(struct patient *p, struct damage *d)
{
	DAMAGE(d, *owner_of_first(p), ZS_FIRST_CELL - 1);
}

static void owner_is_nowhere(struct patient *p, struct damage *d)
{
	DAMAGE(d, *owner_of_first(p), 0xfffff000);
}

static void owner_is_foreign(struct patient *p, struct damage *d)
{
	DAMAGE(d, *owner_of_first(p), zs_handle_index(p->foreign));
}

static void owner_piece_is_missing(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->full->words[0].owners, NULL);
}

static void cell_is_free(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->cell->state.value, p->cell->state.value | ZS_CELL_FREE);
}

static void cell_is_moving(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->cell->state.value, p->cell->state.value | ZS_CELL_MOVING);
}

static void cell_is_elsewhere(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->cell->place.value, p->cell->place.value + 2);
}

static void hole_without_page(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->begun->words[0].holes, p->begun->words[0].holes | 1ull << 40);
}

static void lost_object(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->full->words[0].holes, p->full->words[0].holes | 1);
}

static void hole_cell_is_elsewhere(struct patient *p, struct damage *d)
{
	uint32_t index = *zs_zspage_owner(p->full, 1);
	struct zs_cell *cell = zs_handle_cell(&p->pool->handles, index);

	assert_true(zs_zspage_is_hole(p->full, 1));
	DAMAGE(d, cell->place.value, cell->place.value + 2);
}

static void unpopulated_has_cell(struct patient *p, struct damage *d)
{
	uint32_t *owner = zs_zspage_owner(p->begun, 20);

	assert_true(p->begun->is_short); /* its piece reaches to slot 31 */
	assert_false(zs_zspage_is_hole(p->begun, 20) || zs_zspage_is_live(p->begun, &p->class->layout, 20));
	DAMAGE(d, *owner, 100);
}

static void hole_summary(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->full->hole_words, p->full->hole_words | 2);
}

static void hole_summary_missing(struct patient *p, struct damage *d)
{
	unsigned int word = 1;

	DAMAGE(d, p->full->words[word].holes, p->full->words[word].holes | 1);
}

/* ---- damage to pages ---- */

static void page_beyond_last(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->full->returning, 1ull << p->class->layout.nr_pages);
}

static void page_returning(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->full->returning, 1);
}

static void page_empty_mark(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->full->empty, 2);
}

static void absent_page_empty_mark(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->begun->empty, 1ull << (p->class->layout.nr_pages - 1));
}

static void page_without_memory(struct patient *p, struct damage *d)
{
	DAMAGE(d, zs_zspage_pages(p->full, &p->class->layout)[1], 0);
}

/* ---- damage to zspages and their index ---- */

static void zspage_number(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->full->index, 1);
}

static void zspage_bare(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->begun->present, 0);
}

/* The zspage's own marks are checked after those of the nodes, so both are made to lie alike. */
static void zspage_marks(struct patient *p, struct damage *d)
{
	struct zs_index_node *root = (struct zs_index_node *)(p->class->zspages.root & ~(uintptr_t)7);

	DAMAGE(d, p->full->marks, p->full->marks | 1u << ZS_MARK_ROOM);
	DAMAGE(d, root->marks[ZS_MARK_ROOM], root->marks[ZS_MARK_ROOM] | 1);
}

static void zspage_hole_mark(struct patient *p, struct damage *d)
{
	struct zs_index_node *root = (struct zs_index_node *)(p->class->zspages.root & ~(uintptr_t)7);

	DAMAGE(d, p->full->marks, p->full->marks & ~(1u << ZS_MARK_HOLE));
	DAMAGE(d, root->marks[ZS_MARK_HOLE], root->marks[ZS_MARK_HOLE] & ~1u);
}

static void node_marks(struct patient *p, struct damage *d)
{
	struct zs_index_node *root = (struct zs_index_node *)(p->class->zspages.root & ~(uintptr_t)7);

	DAMAGE(d, root->marks[ZS_MARK_HOLE], root->marks[ZS_MARK_HOLE] | 1u << 9);
}

/* ---- damage to the class ---- */

static void class_live_count(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->nr_live, p->class->nr_live - 1);
}

static void class_page_count(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->nr_pages, p->class->nr_pages + 1);
}

static void class_zspage_count(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->zspages.nr_zspages, p->class->zspages.nr_zspages + 1);
}

static void class_lowest_zspage(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->lowest, (uintptr_t)p->begun);
}

static void class_lowest_number(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->lowest_index, 7);
}

static void flanked_slots(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->begun->nr_flanked, p->begun->nr_flanked + 1);
}

static void free_list_nowhere(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->free_cell, 0xfffff000);
}

static void free_list_foreign(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->free_cell, zs_handle_index(p->foreign) + 1);
}

static void free_list_live(struct patient *p, struct damage *d)
{
	DAMAGE(d, p->class->free_cell, zs_handle_index(p->handle));
}

static void free_list_ring(struct patient *p, struct damage *d)
{
	struct zs_cell *first = zs_handle_cell(&p->pool->handles, p->class->free_cell);

	DAMAGE(d, first->place.value, p->class->free_cell);
}

static const struct {
	void (*make)(struct patient *p, struct damage *d);
	const char *message;
} damages[] = {
	{ owner_piece_is_missing, "a slot has no owner" },
	{ owner_is_header, "a slot's owner is no cell" },
	{ owner_is_nowhere, "a slot's owner is no cell" },
	{ owner_is_foreign, "a slot's owner is a cell of another class" },
	{ cell_is_free, "a slot and its cell do not agree that it is live" },
	{ cell_is_moving, "a cell is being moved by nobody" },
	{ cell_is_elsewhere, "a slot's cell names another slot" },
	{ hole_without_page, "a hole lacks a page" },
	{ lost_object, "a slot and its cell do not agree that it is live" },
	{ hole_cell_is_elsewhere, "a slot's cell names another slot" },
	{ unpopulated_has_cell, "a slot without pages has a cell" },
	{ hole_summary, "a zspage's summary of holes is wrong" },
	{ hole_summary_missing, "a zspage's summary of holes is wrong" },
	{ page_beyond_last, "a zspage has a page beyond its last" },
	{ page_returning, "a page is present and on its way back" },
	{ page_empty_mark, "a page's empty mark is wrong" },
	{ absent_page_empty_mark, "a page's empty mark is wrong" },
	{ page_without_memory, "a present page has no memory" },
	{ zspage_number, "a zspage stands at another number than its own" },
	{ zspage_bare, "a zspage without pages was kept" },
	{ zspage_marks, "a zspage's marks are wrong" },
	{ zspage_hole_mark, "a zspage's marks are wrong" },
	{ node_marks, "a node's marks are wrong" },
	{ class_live_count, "a class's counts are wrong" },
	{ class_page_count, "a class's counts are wrong" },
	{ class_zspage_count, "a class's counts are wrong" },
	{ class_lowest_zspage, "a class's lowest zspage with a hole is another" },
	{ class_lowest_number, "a class's lowest zspage has another number" },
	{ flanked_slots, "a zspage's count of flanked slots is wrong" },
	{ free_list_nowhere, "the list of free cells leads nowhere" },
	{ free_list_foreign, "a free cell belongs to another class" },
	{ free_list_live, "a cell in the list of free ones is live" },
	{ free_list_ring, "the list of free cells is a ring" },
};

static void test_each_check_can_fail(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_OF(damages); i++) {
		struct damage d = { .nr = 0 };
		struct patient p;

		patient_create(&p);
		damages[i].make(&p, &d);
		assert_int_equal(zs_pool_check(p.pool), -EIO);
		assert_string_equal(p.log.what, damages[i].message);
		assert_error(&p.log, EIO);
		assert_int_equal(zs_pool_verify(p.pool), -EIO);
		assert_error(&p.log, EIO);
		undo(&d);
		assert_int_equal(zs_pool_check(p.pool), 0);
		assert_int_equal(p.log.nr, 0);
		zs_destroy_pool(p.pool);
	}
}

static bool has_test(const char *message)
{
	for (unsigned int i = 0; i < NR_OF(damages); i++)
		if (!strcmp(damages[i].message, message))
			return true;
	return false;
}

/* Every sentence in verify.c is the message of some damage above. */
static void test_each_message_has_a_damage(void **state)
{
	FILE *source = fopen(VERIFY_SOURCE, "r");
	unsigned int nr = 0;
	char line[256];

	(void)state;
	assert_non_null(source);
	while (fgets(line, sizeof(line), source)) {
		char *begin = line[0] == '#' ? NULL : strchr(line, '"');
		char *end = begin ? strrchr(begin + 1, '"') : NULL;

		if (!end)
			continue;
		*end = '\0';
		if (!has_test(begin + 1))
			fail_msg("no damage is made for \"%s\"", begin + 1);
		nr++;
	}
	fclose(source);
	assert_true(nr >= 20);
}

/* Damage is not counted as a bad handle. */
static void test_damage_is_no_bad_handle(void **state)
{
	struct damage d = { .nr = 0 };
	struct patient p;

	(void)state;
	patient_create(&p);
	cell_is_free(&p, &d);
	assert_int_equal(zs_pool_check(p.pool), -EIO);
	assert_int_equal(stats_of(p.pool).bad_handles, 0);
	undo(&d);
	zs_destroy_pool(p.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_each_check_can_fail),
		SIM_TEST(test_each_message_has_a_damage),
		SIM_TEST(test_damage_is_no_bad_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
