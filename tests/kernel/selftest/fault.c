/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Linked into zsmalloc-faulty.ko, beside the objects of zsmalloc.ko as they are: stands between them and the kernel's
 * allocators, counts what is got and given back, and lets chosen requests fail.
 *
 * The linker puts it there, by --wrap=NAME for each NAME in the lists below (faulty.kbuild reads them from here): a
 * call of NAME in the module goes to __wrap_NAME here, and __real_NAME here is the kernel's. A name that the module
 * does not use costs nothing. unwrapped.sh tells whether the module uses one that is missing.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "fault.h"

/* Only the thread that armed it reads and writes these. */
static struct task_struct *armed;
static unsigned long nr_requests, first, nr_to_fail, nr_failed;

static atomic_long_t nr_outstanding;

/* zsmalloc-faulty.ko's own initialisation: it must fail cleanly too. */
static unsigned long fail_init;
module_param(fail_init, ulong, 0444);
MODULE_PARM_DESC(fail_init, "lets this request for memory while the module is loaded fail (the first is 1)");

unsigned long zs_selftest_fail_at(unsigned long n, unsigned long nr)
{
	unsigned long before = nr_failed;

	WRITE_ONCE(armed, NULL);
	nr_requests = 0;
	nr_failed = 0;
	first = n;
	nr_to_fail = nr;
	WRITE_ONCE(armed, n ? current : NULL);
	return before;
}
EXPORT_SYMBOL_GPL(zs_selftest_fail_at);

long zs_selftest_outstanding(void)
{
	return atomic_long_read(&nr_outstanding);
}
EXPORT_SYMBOL_GPL(zs_selftest_outstanding);

static bool must_fail_loading(void)
{
	static unsigned long nr_loading;

	return fail_init && THIS_MODULE->state == MODULE_STATE_COMING && ++nr_loading == fail_init;
}

static bool must_fail(void)
{
	if (READ_ONCE(armed) != current)
		return must_fail_loading();
	nr_requests++;
	if (nr_requests < first || nr_requests - first >= nr_to_fail)
		return false;
	nr_failed++;
	return true;
}

static void count(bool is_got)
{
	if (is_got)
		atomic_long_inc(&nr_outstanding);
}

static void discount(bool is_given)
{
	if (is_given)
		atomic_long_dec(&nr_outstanding);
}

/* Requests: type, name, parameters, arguments. */
#define GET(type, name, parameters, arguments)                                                                         \
	typeof(name) __real_##name, __wrap_##name;                                                                     \
	type __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		type got = must_fail() ? (type)0 : __real_##name arguments;                                            \
		count(got != (type)0);                                                                                 \
		return got;                                                                                            \
	}

/* What gives back: name, parameters, arguments, and whether anything is. */
#define PUT(name, parameters, arguments, is_given)                                                                     \
	typeof(name) __real_##name, __wrap_##name;                                                                     \
	void __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		discount(is_given);                                                                                    \
		__real_##name arguments;                                                                               \
	}

/* clang-format off */

/* ---- pages ---- */

#ifdef CONFIG_NUMA /* else an inline function that calls the next */
GET(struct page *, alloc_pages, (gfp_t gfp, unsigned int order), (gfp, order))
#endif
GET(struct page *, __alloc_pages, (gfp_t gfp, unsigned int order, int node, nodemask_t *mask), (gfp, order, node, mask))
GET(unsigned long, __get_free_pages, (gfp_t gfp, unsigned int order), (gfp, order))
GET(unsigned long, get_zeroed_page, (gfp_t gfp), (gfp))
PUT(__free_pages, (struct page *page, unsigned int order), (page, order), true)
PUT(free_pages, (unsigned long address, unsigned int order), (address, order), address)
PUT(__folio_put, (struct folio *folio), (folio), true) /* the end of put_page() */

/* ---- slabs ---- */

GET(void *, kmem_cache_alloc, (struct kmem_cache *cache, gfp_t gfp), (cache, gfp))
GET(void *, kmem_cache_alloc_node, (struct kmem_cache *cache, gfp_t gfp, int node), (cache, gfp, node))
GET(void *, kmalloc_trace, (struct kmem_cache *cache, gfp_t gfp, size_t size), (cache, gfp, size))
GET(void *, kmalloc_node_trace, (struct kmem_cache *cache, gfp_t gfp, int node, size_t size), (cache, gfp, node, size))
GET(void *, kmalloc_large, (size_t size, gfp_t gfp), (size, gfp))
GET(void *, kmalloc_large_node, (size_t size, gfp_t gfp, int node), (size, gfp, node))
GET(void *, __kmalloc, (size_t size, gfp_t gfp), (size, gfp))
GET(void *, __kmalloc_node, (size_t size, gfp_t gfp, int node), (size, gfp, node))
GET(char *, kstrdup, (const char *string, gfp_t gfp), (string, gfp))
GET(void *, kmemdup, (const void *from, size_t size, gfp_t gfp), (from, size, gfp))
PUT(kmem_cache_free, (struct kmem_cache *cache, void *object), (cache, object), object)
PUT(kfree, (const void *object), (object), object)
PUT(kfree_sensitive, (const void *object), (object), object)
#ifndef CONFIG_TINY_RCU
PUT(kvfree_call_rcu, (struct rcu_head *head, rcu_callback_t func), (head, func), true) /* kfree_rcu() */
#endif

/* ---- areas ---- */

GET(void *, kvmalloc_node, (size_t size, gfp_t gfp, int node), (size, gfp, node))
GET(void *, vmalloc, (unsigned long size), (size))
GET(void *, vzalloc, (unsigned long size), (size))
GET(void __percpu *, __alloc_percpu, (size_t size, size_t align), (size, align))
PUT(kvfree, (const void *object), (object), object)
PUT(vfree, (const void *object), (object), object)
PUT(free_percpu, (void __percpu *object), (object), object)

/* ---- what asks for memory in its turn ---- */

GET(struct kmem_cache *, kmem_cache_create,
    (const char *name, unsigned int size, unsigned int align, slab_flags_t flags, void (*ctor)(void *)),
    (name, size, align, flags, ctor))
PUT(kmem_cache_destroy, (struct kmem_cache *cache), (cache), cache)

/* clang-format on */

typeof(register_shrinker) __real_register_shrinker, __wrap_register_shrinker;
int __wrap_register_shrinker(struct shrinker *shrinker, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;
	int error;

	if (must_fail())
		return -ENOMEM;
	va_start(args, fmt);
	vaf.va = &args;
	error = __real_register_shrinker(shrinker, "%pV", &vaf);
	va_end(args);
	return error;
}
