/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What this host does not have, as the contract lets it say: contiguous spans (a module cannot map pages in atomic
 * context), buffers for maps (it has windows), and somebody who tends pools. The core never comes here.
 */
#include <linux/bug.h>

#include "host.h"

void *zs_host_span_get(struct zs_source *source, unsigned int nr_pages)
{
	WARN_ON_ONCE(1);
	return NULL;
}

void zs_host_span_put(struct zs_source *source, void *span, unsigned int nr_pages)
{
	WARN_ON_ONCE(1);
}

int zs_host_span_reserve(struct zs_source *source, unsigned int nr_pages, unsigned int flags)
{
	WARN_ON_ONCE(1);
	return -ENOMEM;
}

void zs_host_span_unreserve(struct zs_source *source, unsigned int nr_pages)
{
	WARN_ON_ONCE(1);
}

void zs_host_span_populate(struct zs_source *source, void *address, unsigned int nr_pages)
{
	WARN_ON_ONCE(1);
}

void zs_host_spans_return(struct zs_source *source, const struct zs_range *ranges, unsigned int nr)
{
	WARN_ON_ONCE(1);
}

void zs_host_work(struct zs_source *source)
{
	WARN_ON_ONCE(1);
}

void *zs_host_buffer_get(struct zs_source *source, size_t size_bytes)
{
	WARN_ON_ONCE(1);
	return NULL;
}

void zs_host_buffer_put(struct zs_source *source, void *buffer, size_t size_bytes)
{
	WARN_ON_ONCE(1);
}
