/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The clock of the userspace hosts, for layers above the core that turn a budget into a deadline.
 */
#ifndef ZS_HOST_CLOCK_H
#define ZS_HOST_CLOCK_H

#include <stdint.h>

/* The monotonic clock that zs_host_should_stop() reads. */
uint64_t zs_host_now_ns(void);

#endif
