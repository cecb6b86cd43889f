/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Statistics in debugfs. A class is looked at under its lock, one after the other.
 */
#include <linux/seq_file.h>

#include "compact.h"
#include "kpool.h"
#include "statistics.h"
#include "stats.h"

typedef unsigned long long ull;

static struct dentry *root;

static void show_header(struct seq_file *file)
{
	seq_printf(file, " %5s %5s %11s %12s %13s %10s %10s %16s %8s\n", "class", "size", "almost_full", "almost_empty",
		   "obj_allocated", "obj_used", "pages_used", "pages_per_zspage", "freeable");
}

static void show_class(struct seq_file *file, unsigned int index, const struct zs_class_stats *stats)
{
	seq_printf(file, " %5u %5u %11llu %12llu %13llu %10llu %10llu %16u %8llu\n", index, stats->size_bytes,
		   (ull)stats->almost_full, (ull)stats->almost_empty, (ull)(stats->objects + stats->holes),
		   (ull)stats->objects, (ull)stats->pages, stats->chain_pages, (ull)stats->freeable_pages);
}

static void show_sum(struct seq_file *file, const struct zs_class_stats *sum)
{
	seq_printf(file, "\n %5s %5s %11llu %12llu %13llu %10llu %10llu %16s %8llu\n", "Total", "",
		   (ull)sum->almost_full, (ull)sum->almost_empty, (ull)(sum->objects + sum->holes), (ull)sum->objects,
		   (ull)sum->pages, "", (ull)sum->freeable_pages);
}

static void add(struct zs_class_stats *sum, const struct zs_class_stats *stats)
{
	sum->almost_full += stats->almost_full;
	sum->almost_empty += stats->almost_empty;
	sum->objects += stats->objects;
	sum->holes += stats->holes;
	sum->pages += stats->pages;
	sum->freeable_pages += stats->freeable_pages;
}

static int classes_show(struct seq_file *file, void *unused)
{
	struct zs_kpool *kpool = file->private;
	struct zs_class_stats sum = { .objects = 0 };

	show_header(file);
	for (unsigned int index = 0; index < zs_pool_nr_classes(kpool->core); index++) {
		struct zs_class_stats stats;

		zs_pool_class_stats(kpool->core, index, &stats);
		show_class(file, index, &stats);
		add(&sum, &stats);
	}
	show_sum(file, &sum);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(classes);

static int pool_show(struct seq_file *file, void *unused)
{
	struct zs_kpool *kpool = file->private;
	unsigned long lru_bytes = (unsigned long)atomic_long_read(&kpool->lru_bytes);
	struct zs_totals totals;

	zs_pool_totals(kpool->core, &totals);
	seq_printf(file, "objects %llu\nslot_bytes %llu\npages %llu\n", (ull)totals.objects, (ull)totals.slot_bytes,
		   (ull)totals.pages);
	seq_printf(file, "metadata_bytes %llu\n", (ull)(totals.metadata_bytes + lru_bytes));
	seq_printf(file, "objects_moved %llu\npages_compacted %llu\n", (ull)totals.objects_moved,
		   (ull)totals.pages_compacted);
	seq_printf(file, "failed_allocs %llu\nbad_handles %llu\n", (ull)totals.failed_allocs, (ull)totals.bad_handles);
	seq_printf(file, "bytes_moved %llu\n", (ull)totals.bytes_moved);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pool);

void zs_kmod_show_pool(struct zs_kpool *kpool)
{
	kpool->debugfs = debugfs_create_dir(kpool->core->name, root);
	debugfs_create_file("classes", 0400, kpool->debugfs, kpool, &classes_fops);
	debugfs_create_file("pool", 0400, kpool->debugfs, kpool, &pool_fops);
}

void zs_kmod_hide_pool(struct zs_kpool *kpool)
{
	debugfs_remove_recursive(kpool->debugfs);
}

void zs_kmod_show(void)
{
	root = debugfs_create_dir("zsmalloc", NULL);
}

void zs_kmod_hide(void)
{
	debugfs_remove_recursive(root);
}
