/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * zsmalloc-selftest: drives the calls of <linux/zsmalloc.h> in the kernel, whichever module offers them.
 *
 *   insmod zsmalloc-selftest.ko [seed=N] [operations=N] [nr_objects=N] [threads=N] [seconds=N] [only=TEST]
 *
 * Loading runs everything and says "zsmalloc-selftest: N passed, M failed, K skipped"; it fails with EINVAL if a test
 * did. Each failure says what, which value, at which step and with which seed; the seed replays what one thread does.
 * Nobody else may use zsmalloc meanwhile if lost pages shall be noticed.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "selftest.h"

#define MAX_LINES 12

struct st_parameters st_parameters = {
	.operations = 100000,
	.nr_objects = 4000,
	.threads = 4,
	.seconds = 60,
};

module_param_named(seed, st_parameters.seed, ullong, 0444);
MODULE_PARM_DESC(seed, "of all random choices; 0 (default): another one each time");
module_param_named(operations, st_parameters.operations, uint, 0444);
MODULE_PARM_DESC(operations, "of each test that goes by operations (100000)");
module_param_named(nr_objects, st_parameters.nr_objects, uint, 0444);
MODULE_PARM_DESC(nr_objects, "that a test holds at most (4000; some hold fewer)");
module_param_named(threads, st_parameters.threads, uint, 0444);
MODULE_PARM_DESC(threads, "that work at the same time in the test \"concurrent\" (4)");
module_param_named(seconds, st_parameters.seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "after which a test ends early, without being a failure for that (60)");
static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "the name of the one test to run");

static struct selftest tests[] = {
	{ .name = "limits", .run = st_limits_run },     { .name = "model", .run = st_model_run },
	{ .name = "atomic", .run = st_atomic_run },     { .name = "concurrent", .run = st_concurrent_run },
	{ .name = "starved", .run = st_starved_run },   { .name = "faults", .run = st_faults_run },
	{ .name = "pressure", .run = st_pressure_run },
};

void st_fail(struct selftest *st, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (atomic_inc_return(&st->nr_failures) > MAX_LINES)
		return;
	va_start(args, fmt);
	vaf.va = &args;
	pr_err("%s: %pV (step %llu, seed %llu)\n", st->name, &vaf, st->step, st->seed);
	va_end(args);
}

bool st_goes_on(struct selftest *st)
{
	cond_resched();
	return atomic_read(&st->nr_failures) < MAX_LINES && time_before(jiffies, st->end);
}

static void run(struct selftest *st)
{
	bool is_alone = st_nr_zspages() == 0;
	unsigned long start = jiffies;
	int nr_failures;

	st->seed = st_parameters.seed;
	st->end = start + st_parameters.seconds * HZ;
	st->run(st);
	if (is_alone && !st_zspages_are_gone())
		st_fail(st, "%lu pages are lost", st_nr_zspages());
	nr_failures = atomic_read(&st->nr_failures);
	if (nr_failures)
		pr_err("%s: FAILED, %d times (seed %llu)\n", st->name, nr_failures, st->seed);
	else if (st->skipped)
		pr_info("%s: skipped: %s\n", st->name, st->skipped);
	else
		pr_info("%s: passed, %u ms\n", st->name, jiffies_to_msecs(jiffies - start));
}

static bool is_wanted(const struct selftest *st)
{
	return !*only || !strcmp(only, st->name);
}

static int run_all(void)
{
	unsigned int nr_passed = 0, nr_failed = 0, nr_skipped = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (!is_wanted(&tests[i]))
			continue;
		run(&tests[i]);
		if (atomic_read(&tests[i].nr_failures))
			nr_failed++;
		else if (tests[i].skipped)
			nr_skipped++;
		else
			nr_passed++;
	}
	pr_info("%u passed, %u failed, %u skipped\n", nr_passed, nr_failed, nr_skipped);
	return nr_failed || !(nr_passed + nr_skipped) ? -EINVAL : 0;
}

static int __init selftest_init(void)
{
	struct st_parameters *p = &st_parameters;

	if (!p->operations || !p->nr_objects || p->nr_objects > 1 << 20 || !p->threads || p->threads > 64 ||
	    !p->seconds || p->seconds > 3600) {
		pr_err("operations, nr_objects (to %u), threads (to 64), seconds (to 3600): one is out of bounds\n",
		       1 << 20);
		return -EINVAL;
	}
	while (!p->seed)
		p->seed = get_random_u32();
	pr_info("seed=%llu operations=%u nr_objects=%u threads=%u seconds=%u\n", p->seed, p->operations, p->nr_objects,
		p->threads, p->seconds);
	return run_all();
}

static void __exit selftest_exit(void)
{
}

module_init(selftest_init);
module_exit(selftest_exit);

MODULE_DESCRIPTION("Self-test of zsmalloc");
MODULE_LICENSE("Dual BSD/GPL");
