/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Mapping the image.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "random.h"

void bench_image_open(struct bench_image *image, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat about;

	if (fd < 0 || fstat(fd, &about))
		bench_die("%s: %s", path, strerror(errno));
	image->nr_pages = (size_t)about.st_size / BENCH_PAGE_BYTES;
	if (!image->nr_pages || image->nr_pages > UINT32_MAX)
		bench_die("%s: %zu pages are no image", path, image->nr_pages);
	image->bytes = mmap(NULL, image->nr_pages * BENCH_PAGE_BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (image->bytes == MAP_FAILED)
		bench_die("%s: %s", path, strerror(errno));
	close(fd);
}

uint32_t *bench_image_shuffled(const struct bench_image *image, uint64_t seed)
{
	uint32_t *pages = bench_memory(image->nr_pages * sizeof(*pages));

	for (size_t i = 0; i < image->nr_pages; i++)
		pages[i] = (uint32_t)i;
	for (size_t left = image->nr_pages; left > 1; left--) {
		uint32_t i = zs_random_below(&seed, left), page = pages[i];

		pages[i] = pages[left - 1];
		pages[left - 1] = page;
	}
	return pages;
}
