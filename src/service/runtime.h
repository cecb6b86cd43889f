/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The folder where running processes can be found: a socket for each, named KIND.NAME.sock.
 *
 * It is $XDG_RUNTIME_DIR/zsmalloc; without that variable /run/zsmalloc for root, and /tmp/zsmalloc-UID for others. It
 * must belong to the user and be closed to all others, so nobody else can put anything in it. Who adds or removes a
 * socket locks the folder meanwhile: otherwise two who find a stale one could each remove the other's new one.
 */
#ifndef ZS_RUNTIME_H
#define ZS_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ZS_NAME_MAX 31 /* bytes of a kind, and of a name */

#define ZS_RUNTIME_TIMEOUT_NS 3000000000u /* for the folder's lock, which everybody lets go of soon */

struct zs_runtime {
	int fd; /* of the folder, locked */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* Letters, digits, '-', '_' and '.', the first one no '.', 1 to ZS_NAME_MAX. */
bool zs_runtime_name_is_valid(const char *name);

/*
 * Opens the folder and locks it. create: it is made if it is not there. Result: 0; -ENOENT: it is not there; -EPERM: it
 * is not the user's alone; -ETIMEDOUT: another process keeps it locked; -ENAMETOOLONG; what mkdir() or open() said.
 * path is set in any case.
 */
int zs_runtime_open(struct zs_runtime *runtime, bool create);
void zs_runtime_close(struct zs_runtime *runtime);
/* Closes it, and removes it if it is empty. */
void zs_runtime_remove(struct zs_runtime *runtime);

/* The address of a socket in it. Result: 0 or -ENAMETOOLONG. */
int zs_runtime_address(const struct zs_runtime *runtime, const char *kind, const char *name,
		       struct sockaddr_un *address);

/*
 * The address of a socket without a file ("abstract"), of the name that the file would have. The system knows whether
 * it is taken, and lets go of it when the process ends, however it ends; but everybody may take it, and connect to it.
 * It is found by who is in the same network namespace, and needs no folder. Result: 0 or -ENAMETOOLONG.
 */
int zs_runtime_bare_address(const char *kind, const char *name, struct sockaddr_un *address);
/* How long an address of either kind is. */
socklen_t zs_runtime_length(const struct sockaddr_un *address);
/* Where all names of sockets begin, with or without files: the folder. Result: 0 or -ENAMETOOLONG. */
int zs_runtime_find(char *path, size_t size);

/* Takes "KIND.NAME.sock" apart. false: it is no such name. Both have room for ZS_NAME_MAX and a NUL. */
bool zs_runtime_parse(const char *file, char *kind, char *name);

/* Removes a socket that nobody listens to any more. Result: 0; -EADDRINUSE: somebody does; what connect() said. */
int zs_runtime_remove_stale(const struct sockaddr_un *address);

#endif
