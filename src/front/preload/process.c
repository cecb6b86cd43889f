/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The process: settings, making managed memory, and what is told in the end.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "front.h"
#include "inside.h"
#include "questions.h"
#include "runtime.h"
#include "settings.h"
#include "summary.h"

/* What is mapped before stays with the program; so only so much is beyond the limit. */
#define WORTH_BYTES ((uint64_t)4 << 20)

enum state { NOT_READY, WAITS, BEGINS, GOES, CANNOT };

static struct {
	enum state state; /* changed atomically */
	uint64_t mapped_bytes;
	struct zswap *zswap;
	struct zswap_options options;
	char backing[4096]; /* a program may write over its environment */
	char compressor[32];
	char name[32];
} process;

/* ---- at work for the management ---- */

/* No handler of the program's runs meanwhile: it would be inside too, and could wait for what its own thread has. */
static void begin_work(struct zswap_interrupts *before)
{
	zswap_block_interrupts(before);
	zswap_enter();
}

static void end_work(const struct zswap_interrupts *before)
{
	zswap_leave();
	zswap_restore_interrupts(before);
}

/* ---- settings ---- */

static uint64_t number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* NULL: it is not set. Too long for its place cannot be, as zs looked. */
static const char *copy_of(const char *name, char *to, size_t size)
{
	const char *text = getenv(name);

	if (!text || !*text)
		return NULL;
	snprintf(to, size, "%s", text);
	return to;
}

__attribute__((constructor)) static void begin(void)
{
	uint64_t resident = number_of(ZSWAP_RUN_RESIDENT);

	if (!resident)
		return;
	zswap_enter();
	process.options = (struct zswap_options){
		.size = sizeof(process.options),
		.resident_limit_bytes = resident,
		.pool_limit_bytes = number_of(ZSWAP_RUN_POOL),
		.backing_path = copy_of(ZSWAP_RUN_BACKING, process.backing, sizeof(process.backing)),
		.compressor = copy_of(ZSWAP_RUN_COMPRESSOR, process.compressor, sizeof(process.compressor)),
		.flags = ZSWAP_PAGER,
	};
	copy_of(ZSWAP_RUN_NAME, process.name, sizeof(process.name));
	if (!getenv(ZSWAP_RUN_QUIET))
		zswap_summary_prepare();
	__atomic_store_n(&process.state, WAITS, __ATOMIC_RELEASE);
	zswap_leave();
}

/* ---- making ---- */

static enum state state_of_process(void)
{
	return __atomic_load_n(&process.state, __ATOMIC_ACQUIRE);
}

/* Only one thread makes it; what others map meanwhile stays theirs. */
static bool is_first(void)
{
	enum state waits = WAITS;

	return __atomic_compare_exchange_n(&process.state, &waits, BEGINS, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* What it is to be asked by: what was said, or what the program is called. */
static const char *name_for_questions(void)
{
	if (strcmp(process.name, ZSWAP_RUN_OWN_NAME))
		return process.name;
	return zs_runtime_name_is_valid(program_invocation_short_name) ? program_invocation_short_name : "program";
}

static void make(void)
{
	process.zswap = zswap_create(&process.options);
	if (process.zswap) {
		zswap_summary_begin(process.zswap);
		if (*process.name)
			zswap_questions_begin(process.zswap, name_for_questions());
	}
	__atomic_store_n(&process.state, process.zswap ? GOES : CANNOT, __ATOMIC_RELEASE);
}

static bool is_worth_it(size_t bytes)
{
	return __atomic_add_fetch(&process.mapped_bytes, bytes, __ATOMIC_RELAXED) > WORTH_BYTES;
}

void zswap_process_mapped(void *start, size_t bytes)
{
	struct zswap_interrupts before;
	int saved_errno = errno;
	bool is_due;

	if (zswap_inside)
		return;
	is_due = state_of_process() == WAITS && is_worth_it(bytes);
	if (!is_due && state_of_process() != GOES)
		return;
	begin_work(&before);
	if (is_due && is_first())
		make();
	if (state_of_process() == GOES)
		zswap_take_over(process.zswap, start, bytes);
	end_work(&before);
	errno = saved_errno;
}

bool zswap_process_is_managed(void)
{
	return state_of_process() == GOES;
}

void zswap_process_forked(void)
{
	struct zswap_interrupts before;

	if (!zswap_process_is_managed())
		return;
	begin_work(&before);
	zswap_questions_renew();
	end_work(&before);
}

bool zswap_process_find(uintptr_t start, uintptr_t end, uintptr_t *part_start, uintptr_t *part_end)
{
	struct zswap_region part;

	if (state_of_process() != GOES || !zswap_find(process.zswap, start, end, &part))
		return false;
	*part_start = part.start;
	*part_end = part.end;
	return true;
}

void zswap_process_let_go(void *start, size_t bytes)
{
	struct zswap_interrupts before;

	begin_work(&before);
	zswap_let_go(process.zswap, start, bytes);
	end_work(&before);
}

void zswap_process_replaced(void *start, size_t bytes, const struct zswap_interrupts *before)
{
	int saved_errno = errno;

	zswap_end_replacing(process.zswap, start, bytes, before);
	errno = saved_errno;
}

int zswap_process_advise(void *start, size_t bytes, int advice)
{
	struct zswap_interrupts before;
	int err;

	begin_work(&before);
	err = zswap_advise(process.zswap, start, bytes, (enum zswap_advice)advice);
	end_work(&before);
	return err ? -1 : 0;
}

/* ---- the end ---- */

static void finish(void)
{
	if (!zswap_process_is_managed())
		return;
	zswap_summary_tell();
	zswap_questions_end();
}

__attribute__((destructor)) static void end(void)
{
	finish();
}

__attribute__((visibility("default"), noreturn)) void _exit(int status)
{
	finish();
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

__attribute__((visibility("default"), noreturn, alias("_exit"))) void _Exit(int status);
