/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Whether a control group (version 2) is near its memory.high, beyond which the kernel slows its tasks down.
 */
#ifndef ZCACHE_CONTROL_GROUP_H
#define ZCACHE_CONTROL_GROUP_H

struct zcache_group {
	int high_fd; /* -1: not looked at */
	int current_fd;
};

/* Result: 0 or what opening or reading its files said. */
int zcache_group_open(struct zcache_group *group, const char *path);
void zcache_group_close(struct zcache_group *group);

/* Whether it uses more than 15/16. Result: 1, 0, or a negative errno: it is of no use any more. */
int zcache_group_look(const struct zcache_group *group);

#endif
