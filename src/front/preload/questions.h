/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The process's control socket.
 */
#ifndef ZSWAP_QUESTIONS_H
#define ZSWAP_QUESTIONS_H

struct zswap;

/* Answers from now on: by this name, or if another process has it, by NAME-PID. What cannot be is told. */
void zswap_questions_begin(struct zswap *zswap, const char *name);
/* In a child after a fork: it is asked by a name of its own. */
void zswap_questions_renew(void);
/* No more answers. Only in the process that began. */
void zswap_questions_end(void);

#endif
