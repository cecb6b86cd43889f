/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Names and messages of control sockets.
 */
#include "plugin_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

int plugin_control_set(struct plugin_control *control, const char *value)
{
	if (!zs_runtime_name_is_valid(value)) {
		nbdkit_error("%s=%s: a name is 1 to %d letters, digits, '-', '_' or '.', and begins with no '.'",
			     control->key, value, ZS_NAME_MAX);
		return -1;
	}
	control->wanted = value;
	return 0;
}

const char *plugin_control_name(struct plugin_control *control)
{
	if (control->wanted)
		return control->wanted;
	snprintf(control->own_name, sizeof(control->own_name), "%ld", (long)getpid());
	return control->own_name;
}

static const char *control_error(int err)
{
	switch (err) {
	case -EADDRINUSE: return "another disk has this name";
	case -EPERM: return "the folder must belong to the user and be closed to others (mode 0700)";
	case -ETIMEDOUT: return "another process keeps it locked";
	default: return strerror(-err);
	}
}

static int tell(const struct plugin_control *control, const char *where, int err)
{
	if (control->wanted)
		nbdkit_error("%s=%s: %s: %s", control->key, control->wanted, where, control_error(err));
	else
		nbdkit_debug("no control socket: %s: %s", where, control_error(err));
	return control->wanted ? -1 : 0;
}

int plugin_control_start(struct plugin_control *control, const char *kind, zs_control_answer *answer, void *ctx)
{
	struct zs_control_options options = {
		.kind = kind, .name = plugin_control_name(control), .answer = answer, .ctx = ctx
	};
	char where[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int err;

	if (control->wanted && !strcmp(control->wanted, "off"))
		return 0;
	err = zs_control_start(&options, &control->control, where, sizeof(where));
	return err ? tell(control, where, err) : 0;
}

void plugin_control_stop(struct plugin_control *control)
{
	zs_control_stop(control->control);
	control->control = NULL;
}
