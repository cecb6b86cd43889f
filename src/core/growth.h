/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Growth: a class gets pages, a slot's at a time, and a zspage if none of its own has room.
 *
 * It happens under the class lock, and uses up supplies; see supplies.h.
 */
#ifndef ZS_CORE_GROWTH_H
#define ZS_CORE_GROWTH_H

#include "supplies.h"

/*
 * Sees to it that zs_class_take() finds a hole, growing if may_grow, and a free cell. Result: false with *need telling
 * what is lacking (nothing: it may not grow). context: class locked.
 */
bool zs_growth_provide(struct zs_class *class, struct zs_supplies *supplies, bool may_grow, struct zs_need *need);

/*
 * Populates what the lowest unpopulated slot lacks and up to nr_ahead pages more, in a new zspage if need be. Result:
 * false with *need telling what is lacking. context: class locked.
 */
bool zs_growth_populate(struct zs_class *class, struct zs_supplies *supplies, unsigned int nr_ahead,
			struct zs_need *need);

#endif
