/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A kernel that says EEXIST of pages that it has moved, as Linux 6.18 does now and then: this program's ioctl(), which
 * libraries find before libc's, has one UFFDIO_MOVE in a few tell of none, or only some, of the pages it moved.
 */
#ifndef TESTS_HIDDEN_MOVES_H
#define TESTS_HIDDEN_MOVES_H

#include <stdint.h>

/* From now on. */
void hidden_moves_begin(void);
/* How many calls told less than they had done. */
uint64_t hidden_moves(void);

#endif
