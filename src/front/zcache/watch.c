/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Watching for want of memory.
 */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clocks.h"
#include "control_group.h"
#include "pressure.h"
#include "reserve.h"
#include "thread.h"

#define GROUP_REST_NS 100000000u
#define STEP_PART 16u
#define STACK_BYTES (128u << 10)

struct zcache_watch {
	struct zcache_watch_target target;
	struct zcache_pressure pressure;
	struct zcache_group group;
	uint64_t step_bytes; /* 0: a part of the limit */
	pthread_t thread;
	pid_t pid;
	int end_fd; /* an eventfd */
};

/* ---- the thread ---- */

static void give_back(struct zcache_watch *watch)
{
	struct zcache_engine *engine = watch->target.engine;
	uint64_t step = watch->step_bytes ? watch->step_bytes : zcache_engine_limit(engine) / STEP_PART;

	zcache_engine_reclaim(engine, step);
	zcache_engine_note_pressure(engine);
}

static void tell(const struct zcache_watch *watch, const char *what)
{
	if (watch->target.on_event)
		watch->target.on_event(watch->target.ctx, what);
}

/* Files that are of no use any more are told of once, and not looked at again. */
static bool is_due(struct zcache_watch *watch, short revents)
{
	int pressure = zcache_pressure_look(&watch->pressure, revents, zs_clock_ns());
	int group = zcache_group_look(&watch->group);

	if (pressure < 0) {
		zcache_pressure_close(&watch->pressure);
		tell(watch, "the file of memory pressure cannot be read any more");
	}
	if (group < 0) {
		zcache_group_close(&watch->group);
		tell(watch, "the control group cannot be read any more");
	}
	return pressure > 0 || group > 0;
}

/* For poll(), in milliseconds. */
static int rest_of(const struct zcache_watch *watch)
{
	uint64_t ns = zcache_pressure_rest_ns(&watch->pressure, zs_clock_ns());

	if (watch->group.high_fd >= 0 && ns > GROUP_REST_NS)
		ns = GROUP_REST_NS;
	return ns == UINT64_MAX ? -1 : (int)(ns / 1000000u) + 1;
}

static void *run(void *arg)
{
	struct zcache_watch *watch = arg;

	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = watch->end_fd, .events = POLLIN },
			{ .fd = watch->pressure.has_trigger ? watch->pressure.fd : -1, .events = POLLPRI },
		};

		if (poll(fds, 2, rest_of(watch)) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			break;
		if (is_due(watch, fds[1].revents))
			give_back(watch);
	}
	return NULL;
}

/* ---- start and stop ---- */

static int open_files(struct zcache_watch *watch, const struct zcache_watch_options *options)
{
	int err = 0;

	watch->pressure.fd = watch->group.high_fd = watch->group.current_fd = -1;
	watch->end_fd = eventfd(0, EFD_CLOEXEC);
	if (watch->end_fd < 0)
		return -errno;
	if (*options->psi_path)
		err = zcache_pressure_open(&watch->pressure, options->psi_path, options->stall_us, options->window_us,
					   zs_clock_ns());
	if (!err && options->cgroup_path)
		err = zcache_group_open(&watch->group, options->cgroup_path);
	return err;
}

static void discard(struct zcache_watch *watch)
{
	zcache_pressure_close(&watch->pressure);
	zcache_group_close(&watch->group);
	if (watch->end_fd >= 0)
		close(watch->end_fd);
	zs_unreserve(watch, sizeof(*watch));
}

int zcache_watch_start(const struct zcache_watch_target *target, const struct zcache_watch_options *options,
		       struct zcache_watch **result)
{
	struct zcache_watch *watch;
	int err;

	if (!*options->psi_path && !options->cgroup_path)
		return -EINVAL;
	watch = zs_reserve(sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	watch->target = *target;
	watch->step_bytes = options->step_bytes;
	watch->pid = getpid();
	err = open_files(watch, options);
	if (!err)
		err = zs_thread_start(&watch->thread, STACK_BYTES, run, watch);
	if (err)
		discard(watch);
	else
		*result = watch;
	return err;
}

void zcache_watch_stop(struct zcache_watch *watch)
{
	uint64_t one = 1;

	if (!watch)
		return;
	if (watch->pid == getpid()) {
		while (write(watch->end_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(watch->thread, NULL);
	}
	discard(watch);
}
