/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A plugin's control socket: its name, and starting it with messages for nbdkit's log.
 */
#ifndef PLUGIN_CONTROL_H
#define PLUGIN_CONTROL_H

#include "control.h"
#include "runtime.h"

struct plugin_control {
	const char *key;    /* of the parameter that names it */
	const char *wanted; /* as it was given; "off": no socket. NULL: the process's number */
	char own_name[ZS_NAME_MAX + 1];
	struct zs_control *control;
};

/* The parameter's value, which must stay. Result: nbdkit's, 0 or -1 with a message. */
int plugin_control_set(struct plugin_control *control, const char *value);

/* What it is called: as it was given, or the number of the process that asks. */
const char *plugin_control_name(struct plugin_control *control);

/*
 * Listens from now on, unless it is off. What nobody asked to be found does not fail for it. Result: nbdkit's. context:
 * after nbdkit has forked
 */
int plugin_control_start(struct plugin_control *control, const char *kind, zs_control_answer *answer, void *ctx);

void plugin_control_stop(struct plugin_control *control);

#endif
