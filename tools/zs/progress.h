/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A progress bar on stderr, drawn only if that is a terminal. One at a time, from the main thread.
 */
#ifndef ZS_PROGRESS_H
#define ZS_PROGRESS_H

#include <stdint.h>

/* A phase begins; total_bytes is what it will come to. */
void zs_progress_begin(const char *phase, uint64_t total_bytes);
/* So much of the phase is done; redraws ten times a second at most. */
void zs_progress_at(uint64_t done_bytes);
/* Takes the bar off the terminal, before a message or at the end. The next zs_progress_at() draws it again. */
void zs_progress_wipe(void);

#endif
