/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Departures: empty pages of contiguous zspages on their way to the system, of several zspages and classes at once,
 * which costs the system less than one after the other.
 *
 * Until a departure is finished its pages can be neither used nor populated.
 */
#ifndef ZS_CORE_DEPARTURE_H
#define ZS_CORE_DEPARTURE_H

#include "class.h"

/* More than these never depart at once. */
#define ZS_DEPARTURE_MAX_PAGES (ZS_HOST_RANGES * ZS_MAX_CHAIN)

struct zs_departure {
	struct zs_pages pages; /* only their number */
	unsigned int nr_ranges;
	unsigned int nr_parts;
	struct zs_departing {
		struct zs_class *class;
		struct zs_zspage *zspage;
		uint64_t mask;
	} parts[ZS_HOST_RANGES];
	struct zs_range ranges[ZS_HOST_RANGES];
};

static inline void zs_departure_init(struct zs_departure *departure)
{
	departure->pages.nr = departure->nr_ranges = departure->nr_parts = 0;
}

/* Adds empty pages that a class keeps, up to max_pages of all classes. context: no lock. */
void zs_departure_add(struct zs_departure *departure, struct zs_class *class, unsigned int max_pages);

/*
 * Gives back what departs. As many as fit keep below keep_max stay there instead (NULL: none). Returns how many pages
 * went to the system. context: no lock.
 */
unsigned int zs_departure_finish(struct zs_departure *departure, struct zs_memory *memory, struct zs_pages *keep,
				 unsigned int keep_max);

/* Both, for up to max_pages of one class. */
unsigned int zs_departure_some(struct zs_class *class, unsigned int max_pages, struct zs_pages *keep,
			       unsigned int keep_max);

#endif
