/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a RAM disk answers when it is asked for its blocks, which may be more than an answer holds; and numbers in
 * orders.
 */
#include "unit.h"

#include "orders.h"
#include "zram_control.h"

#define PAGE ZRAM_PAGE_BYTES
#define NR_PAGES 3500000u      /* of which each second one has content: as many states, of 16 bytes or more each */
#define AT_A_TIME 1048576u     /* as zs asks for them */
#define ANSWER_BYTES 50331648u /* at most, but for the last line of them */

/* No two neighbours are in the same state. */
static struct zram *make_disk(void)
{
	struct zram_options options = { .size_bytes = (uint64_t)NR_PAGES * PAGE };
	unsigned char page[PAGE];
	struct zram *zram = NULL;

	memset(page, 7, PAGE);
	assert_int_equal(zs_comp_parse("lz4", &options.comp), 0);
	assert_int_equal(zram_create(&options, &zram), 0);
	for (uint64_t i = 0; i < NR_PAGES; i += 2)
		assert_int_equal(zram_write(zram, page, PAGE, i * PAGE), 0);
	return zram;
}

struct answer {
	bool done;
	char *text;
	size_t len;
};

static struct answer ask(struct zram_controlled *disk, uint64_t first, uint64_t nr)
{
	char first_word[24], nr_word[24], *const words[] = { (char[]){ "blocks" }, first_word, nr_word };
	struct answer answer;
	FILE *out = open_memstream(&answer.text, &answer.len);

	assert_non_null(out);
	snprintf(first_word, sizeof(first_word), "%llu", (unsigned long long)first);
	snprintf(nr_word, sizeof(nr_word), "%llu", (unsigned long long)nr);
	answer.done = zram_control_answer(disk, words, NR_OF(words), out);
	assert_int_equal(fclose(out), 0);
	return answer;
}

/* Nothing is left of what was found before it was too much. */
static void assert_refused(struct zram_controlled *disk, uint64_t first, uint64_t nr, const char *why)
{
	struct answer answer = ask(disk, first, nr);

	assert_false(answer.done);
	assert_int_equal(answer.len, strlen(why));
	assert_string_equal(answer.text, why);
	free(answer.text);
}

static void assert_listed(struct zram_controlled *disk, uint64_t first, uint64_t nr)
{
	struct answer answer = ask(disk, first, nr);
	uint64_t nr_lines = 0;

	assert_true(answer.done);
	assert_in_range(answer.len, 1, ANSWER_BYTES);
	for (size_t i = 0; i < answer.len; i++)
		nr_lines += answer.text[i] == '\n';
	assert_int_equal(nr_lines, nr);
	free(answer.text);
}

static void an_answer_has_an_end(void **state)
{
	struct zram_controlled disk = { .zram = make_disk(), .name = "one" };

	(void)state;
	assert_listed(&disk, 0, 2);
	assert_listed(&disk, NR_PAGES - AT_A_TIME, AT_A_TIME);
	assert_refused(&disk, 0, NR_PAGES, "their states are more than an answer holds: ask for fewer blocks");
	assert_refused(&disk, NR_PAGES, 1, "the disk has no such blocks");
	zram_destroy(disk.zram);
}

static void a_number_is_all_of_its_word(void **state)
{
	static const char *const others[] = { "", " 1", "+1", "-1", "1 ", "1k", "0x1", "18446744073709551616" };
	uint64_t number;

	(void)state;
	assert_true(orders_number("4096", &number));
	assert_int_equal(number, 4096);
	assert_true(orders_number("18446744073709551615", &number));
	assert_int_equal(number, UINT64_MAX);
	for (size_t i = 0; i < NR_OF(others); i++)
		assert_false(orders_number(others[i], &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_all_of_its_word),
		cmocka_unit_test(an_answer_has_an_end),
	};

	return cmocka_run_group_tests_name("zram_control", tests, NULL, NULL);
}
