/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A player of the disk tester: requests of random kinds, ranges and contents within its own bytes, each compared with
 * the model; and on pages that all players write. After a request that was refused each page has its old or its new
 * content.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk_tester.h"

#define STEPS_BETWEEN_CHECKS 4096
#define LONGEST_SILENCE 120 /* seconds between two checks, after which the program is taken to hang */

_Noreturn void disk_differ(const struct disk_player *p, const char *what, int err, uint64_t offset, uint64_t len)
{
	printf("disk: %s%s%s at step %llu of the player of bytes %llu to %llu, offset %llu, length %llu\n"
	       "disk: replay: %s\n",
	       what, err ? ": " : "", err ? strerror(-err) : "", (unsigned long long)p->step,
	       (unsigned long long)p->from, (unsigned long long)p->end, (unsigned long long)offset,
	       (unsigned long long)len, disk_replay);
	fflush(stdout);
	_exit(1); /* other threads are at work */
}

static uint32_t below(struct disk_player *p, uint32_t bound)
{
	return rng_below(&p->rng, bound);
}

/* A range that begins or ends at a page's border, or at those of the player's bytes, more often than by chance. */
static uint64_t random_range(struct disk_player *p, uint64_t *offset)
{
	uint64_t room = p->end - p->from;
	uint64_t len = below(p, 4) ? 1 + below(p, LONGEST) : PAGE * (1 + below(p, 8));
	uint32_t where = below(p, 8);

	if (where >= 6)
		len = 1 + below(p, PAGE);
	len = len < room ? len : room;
	*offset = p->from + below(p, (uint32_t)room);
	if (where < 4)
		*offset &= ~(uint64_t)(PAGE - 1);
	if (where == 6 || *offset < p->from)
		*offset = p->from;
	if (where == 7)
		*offset = p->end - len;
	return len < p->end - *offset ? len : p->end - *offset;
}

/* Noise, one byte over and over, words, or half of each, in runs that do not keep to pages. */
static void random_content(struct disk_player *p, unsigned char *to, uint64_t len)
{
	while (len) {
		uint32_t part = 1 + below(p, 3 * PAGE), kind = below(p, 5);

		part = part < len ? part : (uint32_t)len;
		memset(to, kind == 0 ? 0 : (int)below(p, 256), part);
		if (kind == 1)
			rng_fill(&p->rng, to, part);
		else if (kind == 2)
			rng_fill(&p->rng, to, part / 3);
		else if (kind == 3)
			for (uint32_t i = 0; i + 8 <= part; i += 8)
				memcpy(to + i, "zsmalloc", 8);
		to += part;
		len -= part;
	}
}

/* ---- against the model ---- */

/* For want of memory, or because the backing store does not give it back; it may the next time. */
static bool may_fail_to_read(const struct disk_player *p, int err)
{
	return (err == -ENOMEM && p->settings->fail_one_in) || (err == -EIO && p->settings->store_fails);
}

/* Into the buffer. A read that may fail is repeated. */
static void read_bytes(struct disk_player *p, uint64_t offset, uint64_t len)
{
	int err;

	while ((err = p->way->read(p->conn, p->buffer, len, offset)) && may_fail_to_read(p, err))
		p->tally.failed_reads++;
	if (err)
		disk_differ(p, "a read failed", err, offset, len);
}

static void check_read(struct disk_player *p, uint64_t offset, uint64_t len)
{
	read_bytes(p, offset, len);
	if (memcmp(p->buffer, p->model + offset, len))
		disk_differ(p, "wrong bytes", 0, offset, len);
}

void disk_check_all(struct disk_player *p)
{
	for (uint64_t offset = p->from; offset < p->end; offset += LONGEST)
		check_read(p, offset, p->end - offset < LONGEST ? p->end - offset : LONGEST);
}

/* A range of own bytes in one page. */
struct piece {
	uint64_t from;
	uint64_t end;
};

/* The player's bytes of the page that has the byte at an offset. */
static struct piece piece_at(const struct disk_player *p, uint64_t offset)
{
	uint64_t page = offset / PAGE * PAGE, next = page + PAGE;

	return (struct piece){ .from = page > p->from ? page : p->from, .end = next < p->end ? next : p->end };
}

/* The model has what the disk has, if that is the old content or the new. */
static void settle_piece(struct disk_player *p, const struct piece *piece)
{
	uint64_t len = piece->end - piece->from;

	read_bytes(p, piece->from, len);
	if (memcmp(p->buffer, p->model + piece->from, len) && memcmp(p->buffer, p->before + piece->from, len))
		disk_differ(p, "neither old nor new", 0, piece->from, len);
	memcpy(p->model + piece->from, p->buffer, len);
}

static bool is_refusal(const struct disk_player *p, int err)
{
	return (err == -ENOSPC && may_refuse(p->settings)) || may_fail_to_read(p, err);
}

/* The model after a request that changes bytes. err: what the disk said. pre: len > 0 */
static void changed(struct disk_player *p, int err, uint64_t offset, uint64_t len)
{
	if (err && !is_refusal(p, err))
		disk_differ(p, "a write failed", err, offset, len);
	p->tally.failed_writes += err != 0;
	for (uint64_t at = offset; at < offset + len;) {
		struct piece piece = piece_at(p, at);

		if (err)
			settle_piece(p, &piece);
		memcpy(p->before + piece.from, p->model + piece.from, piece.end - piece.from);
		at = piece.end;
	}
}

/* ---- requests ---- */

static void request_read(struct disk_player *p)
{
	uint64_t offset, len = random_range(p, &offset);

	check_read(p, offset, len);
}

static void request_write(struct disk_player *p)
{
	uint64_t offset, len = random_range(p, &offset);

	random_content(p, p->model + offset, len);
	changed(p, p->way->write(p->conn, p->model + offset, len, offset), offset, len);
}

static void request_zero(struct disk_player *p)
{
	uint64_t offset, len = random_range(p, &offset);

	memset(p->model + offset, 0, len);
	changed(p, p->way->zero(p->conn, len, offset, below(p, 2)), offset, len);
}

/* Of the RAM disk only pages that lie wholly in the range are dropped. Other disks drop each byte of it. */
static void request_discard(struct disk_player *p)
{
	uint64_t offset, len = random_range(p, &offset);
	uint64_t first = (offset + PAGE - 1) / PAGE * PAGE, end = (offset + len) / PAGE * PAGE;
	int err;

	if (p->settings->drops_bytes) {
		first = offset;
		end = offset + len;
	}
	if (first < end)
		memset(p->model + first, 0, end - first);
	err = p->way->discard(p->conn, len, offset);
	if (err)
		disk_differ(p, "a discard failed", err, offset, len);
	changed(p, 0, offset, len);
}

/* What is told not to be data reads as zeroes; others may change what they have in the same page meanwhile. */
static int check_extent(void *ctx, uint64_t offset, uint64_t len, enum disk_extent kind)
{
	struct disk_player *p = ctx;

	for (uint64_t i = offset; kind != DISK_DATA && i < offset + len; i++)
		if (p->model[i])
			disk_differ(p, "content in a hole", 0, offset, len);
	return 0;
}

static void request_extents(struct disk_player *p)
{
	uint64_t offset, len = random_range(p, &offset);
	int err = p->way->extents(p->conn, len, offset, check_extent, p);

	if (err)
		disk_differ(p, "extents failed", err, offset, len);
}

static void request_tend(struct disk_player *p)
{
	p->way->tend(p->conn, below(p, 6));
}

/* ---- the pages that all write ---- */

static uint64_t common_offset(const struct disk_player *p, uint32_t number)
{
	return (p->settings->nr_pages - common_pages(p->settings) + number) * PAGE;
}

/* A page that tells by its first bytes what the others are, so that whoever reads it needs no model. */
static void make_common(unsigned char *page, uint64_t seed)
{
	struct rng rng = { .state = seed };

	memset(page, (int)(seed & 0xff), PAGE);
	memcpy(page, &seed, sizeof(seed));
	rng_fill(&rng, page + sizeof(seed), (uint32_t)(seed >> 8 & 0x7ff));
}

/* One thread's page, or zeroes, but not a part of each. */
static void check_common(struct disk_player *p, uint64_t offset)
{
	unsigned char expected[PAGE] = { 0 };
	uint64_t seed;

	read_bytes(p, offset, PAGE);
	memcpy(&seed, p->buffer, sizeof(seed));
	if (seed)
		make_common(expected, seed);
	if (memcmp(p->buffer, expected, PAGE))
		disk_differ(p, "a page that nobody wrote", 0, offset, PAGE);
}

static void change_common(struct disk_player *p, uint64_t offset)
{
	uint32_t dice = below(p, 8);
	int err;

	make_common(p->buffer, rng_next(&p->rng) | 1);
	if (dice == 0)
		err = p->way->discard(p->conn, PAGE, offset);
	else if (dice == 1)
		err = p->way->zero(p->conn, PAGE, offset, below(p, 2));
	else
		err = p->way->write(p->conn, p->buffer, PAGE, offset);
	if (err && (dice == 0 || !is_refusal(p, err)))
		disk_differ(p, "a write failed", err, offset, PAGE);
	p->tally.failed_writes += err != 0;
}

static void request_common(struct disk_player *p)
{
	uint64_t offset;

	if (!common_pages(p->settings))
		return;
	offset = common_offset(p, below(p, COMMON_PAGES));
	if (below(p, 2))
		check_common(p, offset);
	else
		change_common(p, offset);
}

void disk_settle_common(struct disk_player *p)
{
	for (uint32_t i = 0; i < common_pages(p->settings); i++) {
		check_common(p, common_offset(p, i));
		memcpy(p->model + common_offset(p, i), p->buffer, PAGE);
	}
}

static void one_request(struct disk_player *p)
{
	uint32_t dice = below(p, 100);

	request_common(p);
	if (dice < 40)
		request_write(p);
	else if (dice < 75)
		request_read(p);
	else if (dice < 83)
		request_discard(p);
	else if (dice < 91)
		request_zero(p);
	else if (dice < 97)
		request_extents(p);
	else
		request_tend(p);
}

void *disk_play(void *arg)
{
	struct disk_player *p = arg;

	for (p->step = 0; p->step < p->settings->nr_requests; p->step++) {
		one_request(p);
		if (p->step % STEPS_BETWEEN_CHECKS)
			continue;
		alarm(LONGEST_SILENCE);
		disk_check_all(p);
	}
	disk_check_all(p);
	return NULL;
}
