/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What tests of one size class need: the class of a pool.
 */
#ifndef TESTS_CLASS_UNIT_H
#define TESTS_CLASS_UNIT_H

#include "pool.h"
#include "sim_unit.h"

/* The class of a size that is the top of its group, so that it serves the size whether the pool is small or not. */
static inline struct zs_class *class_of(struct zs_pool *pool, size_t size)
{
	unsigned int id = zs_pool_serving_class(pool, size);
	struct zs_class *class = zs_pool_ensure_class(pool, id, 0);

	assert_non_null(class);
	assert_int_equal(class->id, id);
	return class;
}

#endif
