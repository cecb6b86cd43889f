/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Migration: a host replaces a page under the objects in it, to get at that one (the kernel's compaction does).
 *
 * The page's objects are marked as being moved, as when they change their slots, so who maps one meanwhile waits for
 * the class lock. No handle and no cell changes.
 */
#ifndef ZS_CORE_MIGRATE_H
#define ZS_CORE_MIGRATE_H

#include "class.h"

/*
 * Copies a page of a scattered zspage to another and puts that one in its place. pre: both stay while this runs, and
 * the class does. Result: 0, and the old page is used nowhere; -EAGAIN, with nothing changed: an object in it is
 * mapped, or the class does not use the page any more. context: no lock.
 */
int zs_class_replace_page(struct zs_class *class, void *old_page, void *new_page);

#endif
