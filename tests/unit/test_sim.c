/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The simulated host itself: it fails when told to, bounds pages, and stops whoever breaks the contract.
 */
#include "clock.h"
#include "sim_unit.h"

static void return_range(struct zs_source *source, void *address, unsigned int nr_pages)
{
	struct zs_range range = { .address = address, .nr_pages = nr_pages };

	zs_host_spans_return(source, &range, 1);
}

static struct zs_source *source(void)
{
	struct zs_source *made = NULL;

	assert_int_equal(zs_host_source_create(NULL, &made), 0);
	return made;
}

/* Seven fallible calls of different kinds. Returns a bit for each that succeeded; gives everything back. */
static unsigned int call_all(struct zs_source *s)
{
	void *spans[2] = { zs_host_span_get(s, 1), zs_host_span_get(s, 64) };
	bool reserved[2] = { zs_host_span_reserve(s, 1, 0) == 0, zs_host_span_reserve(s, 2, 0) == 0 };
	void *units[2] = { zs_host_meta_get(s, 0), zs_host_meta_get(s, 0) };
	void *buffer = zs_host_buffer_get(s, 5000);
	unsigned int mask = 0;

	for (unsigned int i = 0; i < 2; i++) {
		mask |= (spans[i] != NULL) << i | reserved[i] << (2 + i) | (units[i] != NULL) << (4 + i);
		if (spans[i])
			zs_host_span_put(s, spans[i], i ? 64 : 1);
		if (reserved[i])
			zs_host_span_unreserve(s, i + 1);
		if (units[i])
			zs_host_meta_put(s, units[i]);
	}
	if (buffer)
		zs_host_buffer_put(s, buffer, 5000);
	return mask | (buffer != NULL) << 6;
}

static void test_nth_call_fails(void **state)
{
	struct zs_source *s = source();

	(void)state;
	assert_int_equal(call_all(s), 0x7f);
	for (unsigned int nth = 1; nth <= 7; nth++) {
		zs_sim.fail_at = zs_sim.nr_fallible_calls + nth;
		assert_int_equal(call_all(s), 0x7f & ~(1u << (nth - 1)));
		zs_sim.fail_at = zs_sim.nr_fallible_calls + nth;
		zs_sim.fail_after = true;
		assert_int_equal(call_all(s), (1u << (nth - 1)) - 1);
		zs_sim.fail_after = false;
	}
	zs_host_source_destroy(s);
}

/* By chance: about as many as are asked for, the same for a seed, others for another, and none after the end. */
static unsigned int nr_unlucky(uint64_t seed, uint64_t *pattern)
{
	unsigned int nr = 0;

	zs_sim.fail_one_in = 4;
	zs_sim.fail_seed = seed;
	for (unsigned int i = 0; i < 64000; i++) {
		bool fails = zs_sim_is_to_fail();

		nr += fails;
		*pattern = *pattern * 31 + fails;
	}
	return nr;
}

static void test_calls_fail_by_chance(void **state)
{
	uint64_t first = 0, again = 0, other = 0;

	(void)state;
	assert_in_range(nr_unlucky(1, &first), 15000, 17000);
	nr_unlucky(1, &again);
	nr_unlucky(2, &other);
	assert_true(first == again && first != other);
	assert_int_equal(zs_sim.nr_fallible_calls, 3 * 64000);
	zs_sim_stop_failing();
	for (unsigned int i = 0; i < 1000; i++)
		assert_false(zs_sim_is_to_fail());
}

static void test_page_budget(void **state)
{
	void *pages[4];

	(void)state;
	for (const struct world *world = worlds; world < worlds + NR_OF(worlds); world++) {
		struct zs_source *s;

		enter_world(world);
		zs_sim.page_budget = 3;
		s = source();
		assert_int_equal(zs_host_page_shift(s), world->page_shift);
		assert_int_equal(zs_host_contiguous(s), world->contiguous);
		if (world->contiguous) {
			assert_int_equal(zs_host_span_reserve(s, 4, 0), -ENOMEM);
			assert_int_equal(zs_host_span_reserve(s, 3, 0), 0);
			assert_int_equal(zs_host_span_reserve(s, 1, 0), -ENOMEM);
			zs_host_span_unreserve(s, 3);
		} else {
			for (unsigned int i = 0; i < 4; i++)
				pages[i] = zs_host_page_get(s, 0);
			assert_true(pages[2] && !pages[3]);
			assert_int_not_equal(((unsigned char *)pages[0])[(1ul << world->page_shift) - 1], 0);
			for (unsigned int i = 0; i < 3; i++)
				zs_host_page_put(s, pages[i]);
		}
		assert_int_equal(zs_sim.nr_pages, 0);
		zs_host_source_destroy(s);
	}
}

static void test_clean_tells_what_is_out(void **state)
{
	struct zs_source *s = source();
	void *unit, *span, *buffer;

	(void)state;
	assert_false(zs_sim_is_clean());
	unit = zs_host_meta_get(s, 0);
	span = zs_host_span_get(s, 3);
	buffer = zs_host_buffer_get(s, 5000);
	assert_int_equal(zs_host_span_reserve(s, 5, 0), 0);
	zs_host_span_populate(s, span, 3);
	memset(span, 1, 3 * 4096);
	assert_int_equal(zs_sim.nr_units + zs_sim.nr_spans + zs_sim.nr_buffers + zs_sim.nr_pages, 8);
	return_range(s, span, 3);
	zs_host_span_unreserve(s, 5);
	zs_host_span_put(s, span, 3);
	zs_host_meta_put(s, unit);
	zs_host_buffer_put(s, buffer, 5000);
	assert_false(zs_sim_is_clean());
	zs_host_source_destroy(s);
	assert_true(zs_sim_is_clean());
}

static void test_clock_moves_by_looks(void **state)
{
	uint64_t now;

	(void)state;
	zs_sim.clock_step_ns = 10;
	now = zs_host_now_ns();
	assert_int_equal(zs_host_now_ns(), now);
	assert_false(zs_host_should_stop(now + 25));
	assert_false(zs_host_should_stop(now + 25));
	assert_true(zs_host_should_stop(now + 25));
	assert_false(zs_host_should_stop(0));
	assert_int_equal(zs_sim.nr_clock_looks, 4);
	assert_int_equal(zs_host_now_ns(), now + 40);
}

static void test_chance_repeats(void **state)
{
	uint64_t first = zs_host_random(), second = zs_host_random();

	(void)state;
	assert_true(first != second);
	zs_sim_reset();
	assert_true(zs_host_random() == first);
	assert_true(zs_host_random() == second);
}

/* ---- contract violations ---- */

static void call_with_a_lock_held(void *arg)
{
	struct zs_source *s = source();
	zs_lock lock;

	(void)arg;
	zs_host_lock_init(&lock);
	zs_host_lock(&lock);
	zs_host_meta_get(s, 0);
}

static void take_a_second_lock(void *arg)
{
	zs_lock locks[2];

	(void)arg;
	for (unsigned int i = 0; i < 2; i++) {
		zs_host_lock_init(&locks[i]);
		zs_host_lock(&locks[i]);
	}
}

static void drop_a_lock_twice(void *arg)
{
	zs_lock lock;

	(void)arg;
	zs_host_lock_init(&lock);
	zs_host_lock(&lock);
	zs_host_unlock(&lock);
	zs_host_unlock(&lock);
}

static void populate_unreserved(void *arg)
{
	struct zs_source *s = source();

	(void)arg;
	zs_host_span_populate(s, zs_host_span_get(s, 2), 1);
}

static void populate_twice(void *arg)
{
	struct zs_source *s = source();
	void *span = zs_host_span_get(s, 2);

	(void)arg;
	zs_host_span_reserve(s, 2, 0);
	zs_host_span_populate(s, span, 1);
	zs_host_span_populate(s, span, 1);
}

static void put_populated_span(void *arg)
{
	struct zs_source *s = source();
	void *span = zs_host_span_get(s, 2);

	(void)arg;
	zs_host_span_reserve(s, 1, 0);
	zs_host_span_populate(s, span, 1);
	zs_host_span_put(s, span, 2);
}

static void put_half_a_span(void *arg)
{
	struct zs_source *s = source();

	(void)arg;
	zs_host_span_put(s, zs_host_span_get(s, 2), 1);
}

static void return_absent_pages(void *arg)
{
	struct zs_source *s = source();

	(void)arg;
	return_range(s, zs_host_span_get(s, 2), 1);
}

static void reset_with_something_out(void *arg)
{
	(void)arg;
	source();
	zs_sim_reset();
}

static void test_violations_stop_the_program(void **state)
{
	static const struct {
		void (*violate)(void *arg);
		const char *message;
	} violations[] = {
		{ call_with_a_lock_held, "zs_host_meta_get: called with a lock held" },
		{ take_a_second_lock, "a second lock was taken" },
		{ drop_a_lock_twice, "a lock was dropped that was not held" },
		{ populate_unreserved, "more came back than was handed out" },
		{ populate_twice, "populated twice" },
		{ put_populated_span, "the span has populated pages" },
		{ put_half_a_span, "not the span that was handed out" },
		{ return_absent_pages, "returned what was not populated" },
		{ reset_with_something_out, "something was not given back" },
	};

	(void)state;
	for (unsigned int i = 0; i < NR_OF(violations); i++)
		assert_aborts(violations[i].violate, NULL, violations[i].message);
}

static void touch_returned_page(void *arg)
{
	struct zs_source *s = source();
	char *span = zs_host_span_get(s, 2);

	(void)arg;
	zs_host_span_reserve(s, 1, 0);
	zs_host_span_populate(s, span, 1);
	return_range(s, span, 1);
	*(volatile char *)span = 1;
}

static void test_returned_pages_cannot_be_touched(void **state)
{
	char text[4096];
	int status = run_child(touch_returned_page, NULL, text, sizeof(text));

	(void)state;
	assert_true(UNIT_SANITIZED ? status != 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_nth_call_fails),
		SIM_TEST(test_calls_fail_by_chance),
		SIM_TEST(test_page_budget),
		SIM_TEST(test_clean_tells_what_is_out),
		SIM_TEST(test_clock_moves_by_looks),
		SIM_TEST(test_chance_repeats),
		SIM_TEST(test_violations_stop_the_program),
		SIM_TEST(test_returned_pages_cannot_be_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
