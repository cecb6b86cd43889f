/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The subcommands of zs swap, which get the words after their own name.
 */
#ifndef ZS_SWAP_COMMAND_H
#define ZS_SWAP_COMMAND_H

int zs_swap_run(int argc, char **argv);

#endif
