/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Sessions with an NBD server, under threads, in this process: servers that work, are stopped, are killed and come
 * back. The server is nbdkit with its memory plugin; where there is none this is skipped.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clocks.h"
#include "random.h"
#include "zcache_disk.h"
#include "zcache_nbd.h"

#define PAGE ZCACHE_DISK_PAGE
#define NR_THREADS 8u
#define NR_PAGES 16u /* of each thread */
#define SIZE (NR_THREADS * NR_PAGES * PAGE)
#define STEPS 300u
#define TIMEOUT_NS 1000000000u
#define SOON_NS (20 * 1000000000ull)
#define SKIPPED 77

extern char **environ;

struct fixture {
	char folder[32];
	char socket[48];
	char uri[96];
	pid_t server;
	struct zcache_nbd *nbd;
	struct zcache_backing backing;
	struct zcache *cache;
	struct zcache_disk disk;
};

/* ---- the server ---- */

/* The socket is there some time before. */
static bool is_listening(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is;

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	is = !connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return is;
}

static void start_server(struct fixture *f)
{
	char *words[] = { "nbdkit", "-f", "-U", f->socket, "memory", "512K", NULL };

	assert_int_equal(posix_spawnp(&f->server, words[0], NULL, NULL, words, environ), 0);
	for (unsigned int i = 0; i < 1000 && !is_listening(f->socket); i++)
		usleep(10000);
}

static void kill_server(struct fixture *f)
{
	if (f->server > 0) {
		kill(f->server, SIGKILL);
		waitpid(f->server, NULL, 0);
	}
	f->server = 0;
	unlink(f->socket);
}

/* It answers nothing from here on: the signal alone takes effect some time later. */
static void stop_server(struct fixture *f)
{
	int status;

	kill(f->server, SIGSTOP);
	assert_int_equal(waitpid(f->server, &status, WUNTRACED), f->server);
	assert_true(WIFSTOPPED(status));
}

/* ---- the disk ---- */

static void forget(void *ctx)
{
	zcache_disk_forget(ctx);
}

static void ignore(void *ctx, const char *what)
{
	(void)ctx;
	(void)what;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct zcache_options options = { .size = sizeof(options), .limit_bytes = 1 << 20 };
	struct zcache_pool_options pool = { .size = sizeof(pool), .compressor = "lz4" };
	struct zcache_nbd_options server = { .timeout_ns = TIMEOUT_NS, .on_session = forget, .on_event = ignore };
	char message[ZCACHE_NBD_MESSAGE];

	assert_non_null(f);
	snprintf(f->folder, sizeof(f->folder), "/tmp/zcache-nbd-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->socket, sizeof(f->socket), "%s/socket", f->folder);
	snprintf(f->uri, sizeof(f->uri), "nbd+unix:///?socket=%s", f->socket);
	start_server(f);
	server.uri = f->uri;
	server.ctx = &f->disk;
	assert_int_equal(zcache_nbd_open(&server, &f->nbd, &f->backing, message), 0);
	f->cache = zcache_create(&options);
	assert_non_null(f->cache);
	zcache_disk_init(&f->disk, f->cache, zcache_new_pool(f->cache, &pool), &f->backing, 8);
	assert_int_equal(zcache_nbd_start(f->nbd), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	uint64_t begun = zs_clock_ns();

	zcache_nbd_close(f->nbd);
	assert_true(zs_clock_ns() - begun < SOON_NS);
	zcache_disk_destroy(&f->disk);
	zcache_destroy(f->cache);
	kill_server(f);
	rmdir(f->folder);
	free(f);
	return 0;
}

/* ---- players ---- */

struct player {
	pthread_t thread;
	struct fixture *fixture;
	uint64_t number;
	bool may_fail;
	uint64_t failed;
	unsigned char model[NR_PAGES * PAGE];
};

/* A buffer of its own for each request: whoever writes to it afterwards is found by AddressSanitizer. */
static int read_into_own(struct player *p, uint32_t count, uint64_t offset)
{
	unsigned char *buf = malloc(count);
	int err = buf ? zcache_disk_read(&p->fixture->disk, buf, count, p->number * NR_PAGES * PAGE + offset) : -ENOMEM;

	if (!err && !p->may_fail && memcmp(buf, p->model + offset, count))
		err = -EILSEQ;
	free(buf);
	return err;
}

static int write_own(struct player *p, struct rng *rng, uint32_t count, uint64_t offset)
{
	struct zcache_change change = { .kind = rng_below(rng, 8) ? ZCACHE_WRITE : ZCACHE_ZERO,
					.data = p->model + offset,
					.count = count,
					.offset = p->number * NR_PAGES * PAGE + offset };

	if (change.kind == ZCACHE_ZERO)
		memset(p->model + offset, 0, count);
	else
		rng_fill(rng, p->model + offset, count);
	return zcache_disk_change(&p->fixture->disk, &change);
}

static void *play(void *arg)
{
	struct player *p = arg;
	struct rng rng = { .state = p->number };

	for (uint32_t i = 0; i < STEPS; i++) {
		uint64_t offset = rng_below(&rng, sizeof(p->model));
		uint32_t count = 1 + rng_below(&rng, (uint32_t)(sizeof(p->model) - offset));
		int err = rng_below(&rng, 3) ? read_into_own(p, count, offset) : write_own(p, &rng, count, offset);

		if (i % 50 == 0)
			p->fixture->backing.ops->flush(p->fixture->backing.ctx);
		p->failed += err != 0;
	}
	return NULL;
}

static struct player *start_players(struct fixture *f, bool may_fail)
{
	struct player *players = calloc(NR_THREADS, sizeof(*players));

	assert_non_null(players);
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		players[i].fixture = f;
		players[i].number = i;
		players[i].may_fail = may_fail;
		assert_int_equal(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
	}
	return players;
}

/* Result: how many requests failed. */
static uint64_t end_players(struct player *players)
{
	uint64_t failed = 0;

	for (uint32_t i = 0; i < NR_THREADS; i++) {
		pthread_join(players[i].thread, NULL);
		failed += players[i].failed;
	}
	free(players);
	return failed;
}

/* ---- tests ---- */

static void threads_share_a_session(void **state)
{
	assert_int_equal(end_players(start_players(*state, false)), 0);
	assert_int_equal(zcache_nbd_reconnections(((struct fixture *)*state)->nbd), 0);
}

static int read_soon(struct fixture *f)
{
	uint64_t deadline = zs_clock_ns() + SOON_NS;
	unsigned char byte;
	int err;

	do
		err = zcache_disk_read(&f->disk, &byte, 1, 0);
	while (err && zs_clock_ns() < deadline);
	return err;
}

/* Some requests are cut off in the middle, on the server's side and on ours; those after it work. */
static void a_server_is_killed_and_comes_back(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++) {
		struct player *players = start_players(f, true);

		usleep(20000);
		kill_server(f);
		start_server(f);
		end_players(players);
		zcache_disk_forget(&f->disk);
		assert_int_equal(read_soon(f), 0);
	}
	assert_true(zcache_nbd_reconnections(f->nbd) >= 1);
}

static void *read_stopped(void *arg)
{
	struct player *p = arg;

	p->failed = read_into_own(p, sizeof(p->model), 0) != 0;
	return NULL;
}

/* All requests end in time. */
static void a_stopped_server_ends_all_requests(void **state)
{
	struct fixture *f = *state;
	struct player *players = calloc(NR_THREADS, sizeof(*players));
	uint64_t begun = zs_clock_ns();

	assert_non_null(players);
	stop_server(f);
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		players[i].fixture = f;
		players[i].number = i;
		players[i].may_fail = true;
		assert_int_equal(pthread_create(&players[i].thread, NULL, read_stopped, &players[i]), 0);
	}
	assert_int_equal(end_players(players), NR_THREADS);
	assert_true(zs_clock_ns() - begun < SOON_NS);
	kill_server(f); /* nbdkit 1.32 may end by itself when it goes on, as it cannot answer any more */
	start_server(f);
	assert_int_equal(read_soon(f), 0);
}

static void a_write_to_a_stopped_server_is_in_doubt(void **state)
{
	static const unsigned char byte = 7;
	struct zcache_change change = { .kind = ZCACHE_WRITE, .data = &byte, .count = 1, .offset = 5 * PAGE };
	struct fixture *f = *state;

	stop_server(f);
	assert_int_equal(zcache_disk_change(&f->disk, &change), -ETIMEDOUT);
	assert_int_equal(zcache_changes_doubtful_pages(&f->disk.changes), 1);
	/* There is no session: it was never sent. */
	change.offset = 9 * PAGE;
	assert_int_equal(zcache_disk_change(&f->disk, &change), -ETIMEDOUT);
	assert_int_equal(zcache_changes_doubtful_pages(&f->disk.changes), 1);
}

static void writes_that_are_lost_are_told_once(void **state)
{
	static const unsigned char byte = 7;
	struct zcache_change change = { .kind = ZCACHE_WRITE, .data = &byte, .count = 1 };
	struct fixture *f = *state;

	assert_int_equal(zcache_disk_change(&f->disk, &change), 0);
	assert_int_equal(f->backing.ops->flush(f->nbd), 0);
	change.fua = true;
	assert_int_equal(zcache_disk_change(&f->disk, &change), 0);
	kill_server(f);
	start_server(f);
	zcache_disk_forget(&f->disk);
	assert_int_equal(read_soon(f), 0);
	assert_int_equal(f->backing.ops->flush(f->nbd), 0); /* all was flushed */
	change.fua = false;
	assert_int_equal(zcache_disk_change(&f->disk, &change), 0);
	kill_server(f);
	start_server(f);
	zcache_disk_forget(&f->disk);
	assert_int_equal(read_soon(f), 0);
	assert_int_equal(f->backing.ops->flush(f->nbd), -EIO);
	assert_int_equal(f->backing.ops->flush(f->nbd), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(threads_share_a_session),
		TEST(a_server_is_killed_and_comes_back),
		TEST(a_stopped_server_ends_all_requests),
		TEST(a_write_to_a_stopped_server_is_in_doubt),
		TEST(writes_that_are_lost_are_told_once),
	};

	if (system("nbdkit --version >/dev/null 2>&1"))
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
