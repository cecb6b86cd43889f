/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A sorted array of regions.
 */
#include "regions.h"

#include <errno.h>
#include <string.h>

#include "reserve.h"

#define LEAST_ROOM 65536u
#define NR_CHUNKS 65536u
#define CHUNK_BYTES ((uintptr_t)1 << 28)

int zswap_regions_create(struct zswap_regions *regions)
{
	regions->region = zs_reserve(LEAST_ROOM * sizeof(*regions->region));
	regions->room = LEAST_ROOM;
	regions->base = zs_reserve(NR_CHUNKS * sizeof(*regions->base));
	return regions->region && regions->base ? 0 : -ENOMEM;
}

void zswap_regions_destroy(struct zswap_regions *regions)
{
	zs_unreserve(regions->region, regions->room * sizeof(*regions->region));
	zs_unreserve(regions->base, NR_CHUNKS * sizeof(*regions->base));
}

/* The first region that ends above an address. context: lock, as for all below */
static size_t find(const struct zswap_regions *regions, uintptr_t address)
{
	size_t low = 0, high = regions->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (regions->region[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void insert(struct zswap_regions *regions, const struct zswap_region *region)
{
	size_t at = find(regions, region->start);

	memmove(&regions->region[at + 1], &regions->region[at], (regions->nr - at) * sizeof(*region));
	regions->region[at] = *region;
	regions->nr++;
}

static void take_out(struct zswap_regions *regions, size_t at)
{
	regions->nr--;
	memmove(&regions->region[at], &regions->region[at + 1], (regions->nr - at) * sizeof(regions->region[0]));
}

/* Each second page of an area may be unmapped. */
static size_t most_of(uint64_t nr_pages)
{
	return (size_t)(nr_pages + 1) / 2;
}

/* All that is ever needed is there before: that pages are unmapped cannot be refused. */
static bool make_room(struct zswap_regions *regions, size_t most)
{
	size_t room = most < 2 * regions->room ? 2 * regions->room : most;
	struct zswap_region *region;

	if (most <= regions->room)
		return true;
	region = zs_reserve(room * sizeof(*region));
	if (!region)
		return false;
	memcpy(region, regions->region, regions->nr * sizeof(*region));
	zs_unreserve(regions->region, regions->room * sizeof(*region));
	regions->region = region;
	regions->room = room;
	return true;
}

int zswap_regions_add(struct zswap_regions *regions, uintptr_t start, size_t bytes, uint32_t page)
{
	struct zswap_region region = { start, start + bytes, page, page, bytes >> 12 };
	size_t more = most_of(region.nr_pages);
	int err = -ENOMEM;

	zs_share_lock(&regions->lock, true);
	if (make_room(regions, regions->most + more)) {
		for (uintptr_t done = 0; done < bytes; done += CHUNK_BYTES)
			__atomic_store_n(&regions->base[(page >> 16) + (done / CHUNK_BYTES)], start + done,
					 __ATOMIC_RELAXED);
		insert(regions, &region);
		regions->most += more;
		err = 0;
	}
	zs_share_unlock(&regions->lock, true);
	return err;
}

static uint32_t page_at(const struct zswap_region *region, uintptr_t address)
{
	return region->page + (uint32_t)((address - region->start) >> 12);
}

/* NULL: nobody's. */
static const struct zswap_region *region_at(const struct zswap_regions *regions, uintptr_t address)
{
	size_t at = find(regions, address);

	return at < regions->nr && regions->region[at].start <= address ? &regions->region[at] : NULL;
}

bool zswap_regions_find(struct zswap_regions *regions, uintptr_t address, uint32_t *page)
{
	const struct zswap_region *region;

	zs_share_lock(&regions->lock, false);
	region = region_at(regions, address);
	if (region)
		*page = page_at(region, address);
	zs_share_unlock(&regions->lock, false);
	return region != NULL;
}

void *zswap_regions_place(struct zswap_regions *regions, uint32_t page)
{
	const struct zswap_region *region;
	uintptr_t address;
	bool is_there;

	zs_share_lock(&regions->lock, false);
	address = (uintptr_t)zswap_regions_address(regions, page);
	region = region_at(regions, address);
	is_there = region && page_at(region, address) == page;
	zs_share_unlock(&regions->lock, false);
	return is_there ? (void *)address : NULL;
}

static void cut(struct zswap_region *part, uintptr_t start, uintptr_t end)
{
	if (part->start < start) {
		part->page = page_at(part, start);
		part->start = start;
	}
	if (part->end > end)
		part->end = end;
}

bool zswap_regions_next(struct zswap_regions *regions, uintptr_t start, uintptr_t end, struct zswap_region *part)
{
	bool is_there;
	size_t at;

	zs_share_lock(&regions->lock, false);
	at = find(regions, start);
	is_there = start < end && at < regions->nr && regions->region[at].start < end;
	if (is_there) {
		*part = regions->region[at];
		cut(part, start, end);
	}
	zs_share_unlock(&regions->lock, false);
	return is_there;
}

/* Whether something is left of a part's area: among its addresses, where others may be by now, and near to it first. */
static bool has_area(const struct zswap_regions *regions, const struct zswap_region *part)
{
	uintptr_t start = part->start - ((uintptr_t)(part->page - part->area) << 12);
	uintptr_t end = start + (part->nr_pages << 12);
	size_t at = find(regions, part->start);

	for (size_t i = at; i < regions->nr && regions->region[i].start < end; i++)
		if (regions->region[i].area == part->area)
			return true;
	for (size_t i = at; i && regions->region[i - 1].end > start; i--)
		if (regions->region[i - 1].area == part->area)
			return true;
	return false;
}

/* Most parts are at an end of their region: then nothing else is moved. */
static void cut_out(struct zswap_regions *regions, size_t at, const struct zswap_region *part)
{
	struct zswap_region *region = &regions->region[at], behind = *region;

	cut(&behind, part->end, region->end);
	if (part->start == region->start && part->end == region->end) {
		take_out(regions, at);
	} else if (part->start == region->start) {
		*region = behind;
	} else {
		region->end = part->start;
		if (behind.start < behind.end)
			insert(regions, &behind);
	}
}

/* Unless somebody else unmapped it at the same time. */
static bool is_part(const struct zswap_regions *regions, size_t at, const struct zswap_region *part)
{
	const struct zswap_region *region = &regions->region[at];

	return at < regions->nr && region->area == part->area && region->start <= part->start &&
	       part->end <= region->end;
}

bool zswap_regions_remove(struct zswap_regions *regions, const struct zswap_region *part)
{
	bool was_last = false;
	size_t at;

	zs_share_lock(&regions->lock, true);
	at = find(regions, part->start);
	if (is_part(regions, at, part)) {
		cut_out(regions, at, part);
		was_last = !has_area(regions, part);
		if (was_last)
			regions->most -= most_of(part->nr_pages);
	}
	zs_share_unlock(&regions->lock, true);
	return was_last;
}
