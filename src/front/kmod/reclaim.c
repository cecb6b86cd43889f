/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The shrinker. It may run inside an allocation of our own, which holds no lock; it allocates nothing.
 */
#include "compact.h"
#include "kpool.h"
#include "reclaim.h"

#if ZS_SHRINKER_IS_ALLOCATED
static struct zs_kpool *kpool_of(struct shrinker *shrinker)
{
	return shrinker->private_data;
}
#else
static struct zs_kpool *kpool_of(struct shrinker *shrinker)
{
	return container_of(shrinker, struct zs_kpool, shrinker);
}
#endif

static unsigned long count_pages(struct shrinker *shrinker, struct shrink_control *control)
{
	return zs_pool_slack_pages(kpool_of(shrinker)->core);
}

static unsigned long compact_pages(struct shrinker *shrinker, struct shrink_control *control)
{
	const struct zs_budget budget = { .target_pages = control->nr_to_scan };
	unsigned long nr_pages;

	zs_pool_compact(kpool_of(shrinker)->core, &budget, &nr_pages);
	return nr_pages ? nr_pages : SHRINK_STOP;
}

#if ZS_SHRINKER_IS_ALLOCATED
int zs_kmod_add_shrinker(struct zs_kpool *kpool)
{
	kpool->shrinker = shrinker_alloc(0, "mm-zspool:%s", kpool->core->name);
	if (!kpool->shrinker)
		return -ENOMEM;
	kpool->shrinker->count_objects = count_pages;
	kpool->shrinker->scan_objects = compact_pages;
	kpool->shrinker->private_data = kpool;
	shrinker_register(kpool->shrinker);
	return 0;
}

void zs_kmod_remove_shrinker(struct zs_kpool *kpool)
{
	shrinker_free(kpool->shrinker);
}
#else
int zs_kmod_add_shrinker(struct zs_kpool *kpool)
{
	kpool->shrinker.count_objects = count_pages;
	kpool->shrinker.scan_objects = compact_pages;
	kpool->shrinker.seeks = DEFAULT_SEEKS;
	return register_shrinker(&kpool->shrinker, "mm-zspool:%s", kpool->core->name);
}

void zs_kmod_remove_shrinker(struct zs_kpool *kpool)
{
	unregister_shrinker(&kpool->shrinker);
}
#endif
