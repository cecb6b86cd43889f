/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What zs swap run says to the processes that it starts, and they to theirs: variables of the environment.
 */
#ifndef ZSWAP_SETTINGS_H
#define ZSWAP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#define ZSWAP_RUN_RESIDENT "ZSWAP_RUN_RESIDENT" /* bytes */
#define ZSWAP_RUN_POOL "ZSWAP_RUN_POOL"
#define ZSWAP_RUN_BACKING "ZSWAP_RUN_BACKING" /* a folder */
#define ZSWAP_RUN_COMPRESSOR "ZSWAP_RUN_COMPRESSOR"
#define ZSWAP_RUN_NAME "ZSWAP_RUN_NAME" /* of a control socket; none: there is none */
#define ZSWAP_RUN_OWN_NAME "*"          /* each has what its program is called */
#define ZSWAP_RUN_QUIET "ZSWAP_RUN_QUIET"

#endif
