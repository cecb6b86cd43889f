/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Writes JSON: commas, indentation and escapes are seen to. A key is NULL inside an array.
 */
#ifndef ZS_JSON_H
#define ZS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct zs_json {
	FILE *out;
	unsigned int depth;
	bool first; /* nothing was written at this depth yet */
};

void zs_json_begin(struct zs_json *json, FILE *out);
/* Ends what zs_json_begin() began, with a new line. */
void zs_json_end(struct zs_json *json);
void zs_json_open_object(struct zs_json *json, const char *key);
void zs_json_close_object(struct zs_json *json);
void zs_json_open_array(struct zs_json *json, const char *key);
void zs_json_close_array(struct zs_json *json);
void zs_json_string(struct zs_json *json, const char *key, const char *value);
void zs_json_integer(struct zs_json *json, const char *key, uint64_t value);
/* Six digits behind the point. */
void zs_json_number(struct zs_json *json, const char *key, double value);
void zs_json_bool(struct zs_json *json, const char *key, bool value);
void zs_json_null(struct zs_json *json, const char *key);

#endif
