/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The subcommands of zs zram, which get the words after their own name.
 */
#ifndef ZS_ZRAM_COMMAND_H
#define ZS_ZRAM_COMMAND_H

int zs_zram_stat(int argc, char **argv);
int zs_zram_top(int argc, char **argv);
int zs_zram_run(int argc, char **argv);
int zs_zram_blocks(int argc, char **argv);
int zs_zram_map(int argc, char **argv);

/* One order to one disk. */
int zs_zram_compact(int argc, char **argv);
int zs_zram_reset_peak(int argc, char **argv);
int zs_zram_idle(int argc, char **argv);
int zs_zram_recompress(int argc, char **argv);
int zs_zram_writeback(int argc, char **argv);

#endif
