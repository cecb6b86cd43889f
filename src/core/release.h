/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Releases: empty pages of one scattered zspage on their way to the source. Begun under the class lock, finished
 * without: a page is put back where the source may sleep, and may call back into the pool.
 */
#ifndef ZS_CORE_RELEASE_H
#define ZS_CORE_RELEASE_H

#include "class.h"

struct zs_release {
	struct zs_pages pages;
	struct zs_zspage *zspage;
	bool bare; /* the zspage goes too */
};

/* Takes empty pages out of the class. pre: there are 1 to ZS_MAX_SLOT_PAGES in the mask. context: class locked. */
void zs_release_begin(struct zs_release *release, struct zs_class *class, struct zs_zspage *zspage, uint64_t mask);

/*
 * Gives them back. As many as fit keep below keep_max stay there instead (NULL: none). Returns how many went to the
 * source. context: no lock.
 */
unsigned int zs_release_finish(struct zs_release *release, struct zs_class *class, struct zs_pages *keep,
			       unsigned int keep_max);

/* Gives back all that a class has, whatever lives in it. context: no lock, nobody uses the pool any more. */
void zs_release_all(struct zs_class *class);

#endif
