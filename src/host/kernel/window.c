/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Windows in the kernel: one of a page's length for each CPU, lent to the thread that runs there.
 *
 * Between open and close the thread stays on its CPU and nobody else runs there who could want the window, as with the
 * kernel's own zsmalloc. Locks: cpu_windows.lock is a local lock; class locks are taken inside it, none outside.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/local_lock.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "kernel_source.h"

struct cpu_window {
	local_lock_t lock;
	bool is_open;
	struct zs_window window;
};

static DEFINE_PER_CPU(struct cpu_window, cpu_windows) = {
	.lock = INIT_LOCAL_LOCK(lock),
};
static int cpu_state;

static int window_prepare(unsigned int cpu)
{
	struct zs_window *window = &per_cpu(cpu_windows, cpu).window;

	if (!window->data)
		window->data = kmalloc_node(PAGE_SIZE, GFP_KERNEL, cpu_to_node(cpu));
	return window->data ? 0 : -ENOMEM;
}

static int window_dead(unsigned int cpu)
{
	struct zs_window *window = &per_cpu(cpu_windows, cpu).window;

	kfree(window->data);
	window->data = NULL;
	return 0;
}

int zs_kernel_windows_create(void)
{
	cpu_state = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "mm/zsmalloc:prepare", window_prepare, window_dead);
	return cpu_state < 0 ? cpu_state : 0;
}

void zs_kernel_windows_destroy(void)
{
	cpuhp_remove_state(cpu_state);
}

struct zs_window *zs_host_window_open(struct zs_source *source)
{
	struct cpu_window *own;

	local_lock(&cpu_windows.lock);
	own = this_cpu_ptr(&cpu_windows);
	own->is_open = true;
	return &own->window;
}

/* Called by a thread that has none only in error, and then perhaps one that is free to leave its CPU. */
struct zs_window *zs_host_window_opened(struct zs_source *source)
{
	struct cpu_window *own = raw_cpu_ptr(&cpu_windows);

	return own->is_open ? &own->window : NULL;
}

void zs_host_window_close(struct zs_source *source, struct zs_window *window)
{
	container_of(window, struct cpu_window, window)->is_open = false;
	local_unlock(&cpu_windows.lock);
}
