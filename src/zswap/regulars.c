/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Guests that come back soon are regulars, and stay: so what is used often gets its place though all came as guests.
 * How long a page was gone is told in pages that went meanwhile, as the kernel's refault distance (Weiner 2014).
 *
 * In a walk over a little more than may be resident all come back so soon, and each that stayed would drive out one
 * that is needed next. So where half of them do, none stays.
 */
#include "parts.h"

#define TICKS 256u /* while as many pages go as may be resident */
#define SOON_TICKS 32u

/* It comes round after 256 times as many pages: one in two thousand seems to come soon then. */
static uint16_t now(const struct zswap_engine *engine)
{
	return (uint16_t)(zswap_counted(&engine->counts.evicted) * TICKS / engine->limit_pages);
}

void zswap_regulars_go(struct zswap_engine *engine, uint32_t page)
{
	*zswap_gone_of(&engine->table, page) = now(engine);
}

bool zswap_regulars_come(struct zswap_engine *engine, uint32_t page)
{
	struct zswap_opinion opinion = zswap_opinion_look(&engine->regulars);
	uint16_t gone = *zswap_gone_of(&engine->table, page);
	bool is_soon = (uint16_t)(now(engine) - gone) < SOON_TICKS;

	opinion.nr_seen++;
	opinion.nr_such += is_soon;
	zswap_opinion_note(&engine->regulars, opinion);
	return is_soon && zswap_opinion_is_known(&opinion) && !zswap_opinion_is_share(&opinion, 1, 2);
}
