/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A store in memory for the disk tester, of which one call in so many fails.
 */
#ifndef TESTS_DISK_STORE_H
#define TESTS_DISK_STORE_H

#include <stdbool.h>

#include "store.h"

/* fail_one_in: 0 for none. NULL: no memory */
struct zs_store *disk_store_create(uint64_t size_bytes, uint64_t fail_one_in, uint64_t seed);
/* From here on no call fails. */
void disk_store_calm(struct zs_store *store);
void disk_store_destroy(struct zs_store *store);

#endif
