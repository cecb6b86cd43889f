/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The JSON writer. Bytes that are not UTF-8 become U+FFFD, since a path may hold anything.
 */
#include "json.h"

#include <inttypes.h>
#include <math.h>

static void next_line(struct zs_json *json)
{
	fputc('\n', json->out);
	for (unsigned int i = 0; i < json->depth; i++)
		fputc('\t', json->out);
}

/* Length of the UTF-8 character at text; 0: it is none. Overlong forms and surrogates are none. */
static unsigned int utf8_length(const unsigned char *text)
{
	unsigned char low = 0x80, high = 0xbf;
	unsigned int len;

	if (*text < 0x80)
		return 1;
	if (*text < 0xc2 || *text > 0xf4)
		return 0;
	len = *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
	if (*text == 0xe0)
		low = 0xa0;
	else if (*text == 0xed)
		high = 0x9f;
	else if (*text == 0xf0)
		low = 0x90;
	else if (*text == 0xf4)
		high = 0x8f;
	for (unsigned int i = 1; i < len; i++, low = 0x80, high = 0xbf)
		if (text[i] < low || text[i] > high)
			return 0;
	return len;
}

static void put_string(FILE *out, const char *string)
{
	const unsigned char *at = (const unsigned char *)string;

	fputc('"', out);
	while (*at) {
		unsigned int len = utf8_length(at);

		if (!len)
			fputs("\\ufffd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else
			fwrite(at, 1, len, out);
		at += len ? len : 1;
	}
	fputc('"', out);
}

static void put_key(struct zs_json *json, const char *key)
{
	if (!json->first)
		fputc(',', json->out);
	json->first = false;
	next_line(json);
	if (key) {
		put_string(json->out, key);
		fputs(": ", json->out);
	}
}

static void put_open(struct zs_json *json, char bracket)
{
	fputc(bracket, json->out);
	json->depth++;
	json->first = true;
}

static void put_close(struct zs_json *json, char bracket)
{
	json->depth--;
	if (!json->first)
		next_line(json);
	fputc(bracket, json->out);
	json->first = false;
}

void zs_json_begin(struct zs_json *json, FILE *out)
{
	*json = (struct zs_json){ .out = out };
	put_open(json, '{');
}

void zs_json_end(struct zs_json *json)
{
	put_close(json, '}');
	fputc('\n', json->out);
}

void zs_json_open_object(struct zs_json *json, const char *key)
{
	put_key(json, key);
	put_open(json, '{');
}

void zs_json_close_object(struct zs_json *json)
{
	put_close(json, '}');
}

void zs_json_open_array(struct zs_json *json, const char *key)
{
	put_key(json, key);
	put_open(json, '[');
}

void zs_json_close_array(struct zs_json *json)
{
	put_close(json, ']');
}

void zs_json_string(struct zs_json *json, const char *key, const char *value)
{
	put_key(json, key);
	put_string(json->out, value);
}

void zs_json_integer(struct zs_json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void zs_json_number(struct zs_json *json, const char *key, double value)
{
	if (!isfinite(value)) {
		zs_json_null(json, key);
		return;
	}
	put_key(json, key);
	fprintf(json->out, "%.6f", value);
}

void zs_json_bool(struct zs_json *json, const char *key, bool value)
{
	put_key(json, key);
	fputs(value ? "true" : "false", json->out);
}

void zs_json_null(struct zs_json *json, const char *key)
{
	put_key(json, key);
	fputs("null", json->out);
}
