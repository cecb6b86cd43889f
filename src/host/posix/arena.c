/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The arena of a pool: where zspages are contiguous in virtual memory.
 *
 * Address space is reserved a region at a time (256 MiB, less where that much is refused) and made accessible in steps
 * from its low end, so that neither an address-space limit nor strict overcommit charges for what is not used. A
 * region is divided into blocks; a bitmap of them stands in the region's first page. A block serves either a zspage
 * span (whole blocks, aligned to their number) or 64 units of metadata, tracked in one word. The lowest block is
 * taken first, so the high end drains and a region without used blocks is unmapped.
 *
 * Huge pages are turned off in the arena: they would make more memory resident than the pool counts.
 *
 * Locks: arena->lock, innermost of all. Regions are mapped and unmapped outside of it; a part of a region is made
 * accessible, and a metadata unit returned, under it.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arena.h"

#define REGION_MIN (1ul << 20)
#define VECTORS ZS_HOST_RANGES
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#define SELF (-10001) /* PIDFD_SELF_THREAD_GROUP, which headers before Linux 6.14 do not have */
#define COMMIT_STEP (4ul << 20)
#define WORD_BITS 64u
#define REGION_WORDS (ARENA_REGION_MAX / ARENA_BLOCK / WORD_BITS)
/* Only the first blocks of a region can hold metadata: their unit bitmaps must fit its first page. */
#define META_BLOCKS 440u
#define UNITS_PER_BLOCK (ARENA_BLOCK / ZS_META_UNIT)

struct region {
	struct region *next;
	size_t bytes;
	size_t accessible_bytes;
	unsigned int nr_blocks;
	unsigned int nr_used;
	uint64_t used[REGION_WORDS]; /* a bit per block */
	uint64_t meta[REGION_WORDS]; /* blocks that hold metadata */
	uint64_t units[META_BLOCKS]; /* used units of such a block */
};

/* The first page of the first region. */
struct home {
	struct region region;
	struct arena arena;
};

_Static_assert(REGION_MIN / 4 >= ARENA_BLOCK, "what a region leaves is enough to align it");
_Static_assert(UNITS_PER_BLOCK == WORD_BITS, "one word tracks the units of a block");
_Static_assert(sizeof(struct home) + 64 <= ZS_META_UNIT,
	       "a region's first unit holds its bitmaps and the caller's part");

static bool region_open(struct region *region, size_t upto_bytes)
{
	char *from = (char *)region + region->accessible_bytes;

	if (mprotect(from, upto_bytes - region->accessible_bytes, PROT_READ | PROT_WRITE))
		return false;
	region->accessible_bytes = upto_bytes;
	return true;
}

/* In steps, or as far as needed where a step is refused. */
static bool region_make_accessible(struct region *region, size_t upto_bytes)
{
	size_t target = (upto_bytes + COMMIT_STEP - 1) & ~(COMMIT_STEP - 1);

	if (upto_bytes <= region->accessible_bytes)
		return true;
	if (target > region->bytes)
		target = region->bytes;
	return region_open(region, target) || region_open(region, upto_bytes);
}

/*
 * Reserves bytes of address space, aligned to a block so that a block's number is in its address. Only if a quarter as
 * much is left besides: where address space is limited, the pool's tables and the rest of the process need some too.
 */
static void *reserve_aligned(size_t bytes)
{
	size_t spare = bytes / 4; /* a block at least */
	char *raw = mmap(NULL, bytes + spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t head;

	if (raw == MAP_FAILED)
		return NULL;
	head = -(uintptr_t)raw & (ARENA_BLOCK - 1);
	if (head)
		munmap(raw, head);
	munmap(raw + head + bytes, spare - head);
	return raw + head;
}

/* A region that can hold nr_blocks aligned blocks beside its header's. */
static struct region *region_create(unsigned int nr_blocks)
{
	size_t least = nr_blocks > 1 ? 2 * nr_blocks * ARENA_BLOCK : REGION_MIN;
	struct region *region = NULL;
	size_t bytes = ARENA_REGION_MAX;

	while (!region && bytes >= REGION_MIN && bytes >= least) {
		region = reserve_aligned(bytes);
		if (!region)
			bytes /= 4;
	}
	if (!region)
		return NULL;
	madvise(region, bytes, MADV_NOHUGEPAGE);
	if (mprotect(region, REGION_MIN, PROT_READ | PROT_WRITE)) {
		munmap(region, bytes);
		return NULL;
	}
	region->bytes = bytes;
	region->accessible_bytes = REGION_MIN;
	region->nr_blocks = (unsigned int)(bytes / ARENA_BLOCK);
	region->nr_used = 1;
	region->used[0] = region->meta[0] = 1; /* block 0: the first unit is this header */
	region->units[0] = 1;
	return region;
}

int arena_create(struct arena **arena, void **extra)
{
	struct region *region = region_create(1);
	struct home *home = (struct home *)region;

	if (!region)
		return -ENOMEM;
	zs_host_lock_init(&home->arena.lock);
	home->arena.first = region;
	zs_host_add_long(&home->arena.nr_regions, 1);
	home->arena.page_shift = (unsigned int)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	*arena = &home->arena;
	*extra = home + 1;
	return 0;
}

void arena_destroy(struct arena *arena)
{
	struct region *region = arena->first;

	while (region) {
		struct region *next = region->next;

		munmap(region, region->bytes);
		region = next;
	}
}

/* The lowest free run of nr_blocks, aligned to nr_blocks, or -1. A run never crosses a word: both are powers of two. */
static int region_find(const struct region *region, unsigned int nr_blocks)
{
	uint64_t run = (1ull << nr_blocks) - 1; /* at most 16 */

	for (unsigned int first = 0; first + nr_blocks <= region->nr_blocks; first += nr_blocks) {
		uint64_t word = region->used[first / WORD_BITS];

		if (word == ~0ull)
			first |= WORD_BITS - nr_blocks;
		else if (!(word & (run << (first % WORD_BITS))))
			return (int)first;
	}
	return -1;
}

static void *region_take(struct region *region, unsigned int nr_blocks)
{
	int first = region_find(region, nr_blocks);

	if (first < 0 || !region_make_accessible(region, ((size_t)first + nr_blocks) * ARENA_BLOCK))
		return NULL;
	region->used[(unsigned int)first / WORD_BITS] |= ((1ull << nr_blocks) - 1) << ((unsigned int)first % WORD_BITS);
	region->nr_used += nr_blocks;
	return (char *)region + (size_t)first * ARENA_BLOCK;
}

static void *arena_take(struct arena *arena, unsigned int nr_blocks)
{
	for (struct region *r = arena->first; r; r = r->next) {
		void *blocks = r->nr_blocks - r->nr_used >= nr_blocks ? region_take(r, nr_blocks) : NULL;

		if (blocks)
			return blocks;
	}
	return NULL;
}

/* Adds a region, unless another thread did so since there were nr_regions. Result: whether to look again. */
static bool arena_grow(struct arena *arena, unsigned int nr_blocks, unsigned long nr_regions)
{
	struct region *region = region_create(nr_blocks);
	struct region **link = &arena->first;
	bool grown;

	zs_host_lock(&arena->lock);
	if (region && zs_host_load_long(&arena->nr_regions) <= nr_regions) {
		while (*link)
			link = &(*link)->next;
		*link = region;
		zs_host_add_long(&arena->nr_regions, 1);
		region = NULL;
	}
	grown = zs_host_load_long(&arena->nr_regions) > nr_regions;
	zs_host_unlock(&arena->lock);
	if (region)
		munmap(region, region->bytes);
	return grown;
}

void *arena_get_blocks(struct arena *arena, unsigned int nr_blocks)
{
	unsigned long nr_regions;
	void *blocks;

	do {
		zs_host_lock(&arena->lock);
		blocks = arena_take(arena, nr_blocks);
		nr_regions = zs_host_load_long(&arena->nr_regions);
		zs_host_unlock(&arena->lock);
	} while (!blocks && arena_grow(arena, nr_blocks, nr_regions));
	return blocks;
}

static struct region *arena_region_of(struct arena *arena, const void *address)
{
	struct region *r = arena->first;

	while ((uintptr_t)address - (uintptr_t)r >= r->bytes)
		r = r->next;
	return r;
}

/* Takes an unused region out, unless it is the first. The caller unmaps it outside the lock. */
static struct region *arena_detach_if_unused(struct arena *arena, struct region *region)
{
	struct region **link = &arena->first;

	if (region == arena->first || region->nr_used > 1 || region->units[0] != 1)
		return NULL;
	while (*link != region)
		link = &(*link)->next;
	*link = region->next;
	zs_host_add_long(&arena->nr_regions, -1);
	return region;
}

void arena_put_blocks(struct arena *arena, void *blocks, unsigned int nr_blocks)
{
	struct region *region;
	struct region *unused;
	size_t first;

	zs_host_lock(&arena->lock);
	region = arena_region_of(arena, blocks);
	first = ((uintptr_t)blocks - (uintptr_t)region) / ARENA_BLOCK;
	region->used[first / WORD_BITS] &= ~(((1ull << nr_blocks) - 1) << (first % WORD_BITS));
	region->nr_used -= nr_blocks;
	unused = arena_detach_if_unused(arena, region);
	zs_host_unlock(&arena->lock);
	if (unused)
		munmap(unused, unused->bytes);
}

/* A unit of the lowest metadata block that has one free, or NULL. */
static void *region_take_unit(struct region *region)
{
	for (unsigned int b = 0; b < META_BLOCKS && b < region->nr_blocks; b++) {
		unsigned int unit;

		if (!(region->meta[b / WORD_BITS] >> (b % WORD_BITS) & 1) || region->units[b] == ~0ull)
			continue;
		unit = (unsigned int)__builtin_ctzll(~region->units[b]);
		region->units[b] |= 1ull << unit;
		return (char *)region + b * ARENA_BLOCK + (size_t)unit * ZS_META_UNIT;
	}
	return NULL;
}

/* Turns a free block among the first META_BLOCKS into one for metadata and takes its first unit. */
static void *region_take_meta_block(struct region *region)
{
	int b = region_find(region, 1);

	if (b < 0 || (unsigned int)b >= META_BLOCKS || !region_take(region, 1))
		return NULL;
	region->meta[(unsigned int)b / WORD_BITS] |= 1ull << ((unsigned int)b % WORD_BITS);
	region->units[b] = 1;
	return (char *)region + (size_t)b * ARENA_BLOCK;
}

static void *arena_take_unit(struct arena *arena)
{
	void *unit = NULL;

	for (struct region *r = arena->first; r && !unit; r = r->next)
		unit = region_take_unit(r);
	for (struct region *r = arena->first; r && !unit; r = r->next)
		unit = region_take_meta_block(r);
	return unit;
}

void *arena_get_unit(struct arena *arena)
{
	unsigned long nr_regions;
	void *unit;

	do {
		zs_host_lock(&arena->lock);
		unit = arena_take_unit(arena);
		nr_regions = zs_host_load_long(&arena->nr_regions);
		zs_host_unlock(&arena->lock);
	} while (!unit && arena_grow(arena, 1, nr_regions));
	/* Its return may not have cleared it: memory may be locked, and a larger system page is shared with others. */
	return unit ? memset(unit, 0, ZS_META_UNIT) : NULL;
}

/* The units that share the system page of a unit. */
static uint64_t units_of_page(const struct arena *arena, unsigned int unit)
{
	unsigned int units = 1u << (arena->page_shift - ZS_META_UNIT_SHIFT);

	return ((1ull << units) - 1) << (unit & ~(units - 1)); /* at most 16 */
}

void arena_put_unit(struct arena *arena, void *unit)
{
	uintptr_t page = (uintptr_t)unit >> arena->page_shift << arena->page_shift;
	struct region *unused = NULL;
	struct region *region;
	unsigned int b, u;

	/*
	 * A system page whose units are all free goes back to the system before anyone else can take them: hence under
	 * the lock. Units are returned seldom.
	 */
	zs_host_lock(&arena->lock);
	region = arena_region_of(arena, unit);
	b = (unsigned int)(((uintptr_t)unit - (uintptr_t)region) / ARENA_BLOCK);
	u = (unsigned int)((uintptr_t)unit % ARENA_BLOCK / ZS_META_UNIT);
	region->units[b] &= ~(1ull << u);
	if (!(region->units[b] & units_of_page(arena, u)))
		arena_return((void *)page, (size_t)1 << arena->page_shift);
	if (!region->units[b]) {
		region->meta[b / WORD_BITS] &= ~(1ull << (b % WORD_BITS));
		region->used[b / WORD_BITS] &= ~(1ull << (b % WORD_BITS));
		region->nr_used--;
	}
	unused = arena_detach_if_unused(arena, region);
	zs_host_unlock(&arena->lock);
	if (unused)
		munmap(unused, unused->bytes);
}

void arena_populate(void *address, size_t bytes)
{
	int saved_errno = errno;

	madvise(address, bytes, MADV_POPULATE_WRITE);
	errno = saved_errno;
}

/* Fails only where the memory is locked (mlockall): it then stays resident with its content, as was asked for. */
void arena_return(void *address, size_t bytes)
{
	int saved_errno = errno;

	madvise(address, bytes, MADV_DONTNEED);
	errno = saved_errno;
}

/*
 * One call for many ranges costs the system a fraction of a call each, since other processors are interrupted once.
 * Only newer kernels do that for MADV_DONTNEED, and for a process itself. Returns how many ranges are done.
 */
static unsigned int return_at_once(const struct arena *arena, const struct zs_range *ranges, unsigned int nr)
{
	static zs_atomic32 is_unknown;
	struct iovec vectors[VECTORS];
	size_t bytes = 0;

	if (nr < 2 || nr > VECTORS || zs_host_load32(&is_unknown))
		return 0;
	for (unsigned int i = 0; i < nr; i++) {
		vectors[i].iov_base = ranges[i].address;
		vectors[i].iov_len = (size_t)ranges[i].nr_pages << arena->page_shift;
		bytes += vectors[i].iov_len;
	}
	if (syscall(SYS_process_madvise, SELF, vectors, nr, MADV_DONTNEED, 0) == (long)bytes)
		return nr;
	zs_host_store32(&is_unknown, 1);
	return 0;
}

void arena_return_ranges(const struct arena *arena, const struct zs_range *ranges, unsigned int nr)
{
	int saved_errno = errno;
	unsigned int done = return_at_once(arena, ranges, nr);

	for (; done < nr; done++)
		arena_return(ranges[done].address, (size_t)ranges[done].nr_pages << arena->page_shift);
	errno = saved_errno;
}
