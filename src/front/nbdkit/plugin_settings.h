/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Values of parameters, as plugins read them.
 */
#ifndef PLUGIN_SETTINGS_H
#define PLUGIN_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "comp.h"

/* Room for the longest message. */
#define PLUGIN_MESSAGE 200

/* A size above 0, as nbdkit reads sizes. Result: nbdkit's, 0 or -1 with a message. */
int plugin_set_size(const char *value, const char *key, uint64_t *bytes);

/* "500ms", "60s", "10m", "2h": above 0, and at most a year. Result: whether it is one. */
bool plugin_parse_time(const char *text, uint64_t *ns);

/* A codec, as compressor= and codec= name it. Result: whether there is such; else message says why not. */
bool plugin_codec(const char *text, struct zs_comp_spec *comp, char *message);

/* Writes a message of up to PLUGIN_MESSAGE bytes. Result: false. */
bool plugin_refuse(char *message, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* nbdkit's result for what was read from a value; if it was refused, message says why. */
int plugin_taken(bool good, const char *key, const char *value, const char *message);

/* nbdkit's result for a request, with a message. err: 0 or a negative errno, which the client is told */
int plugin_told(int err, const char *what, uint64_t offset);

#endif
