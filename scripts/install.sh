#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Installs what was built. What was put in place from this build folder before is kept in meson's list, which is written
# anew each time: so `ninja uninstall` also takes away what a later version has no more, and the folders made at first.
#   install.sh BUILD_FOLDER
set -u
build=${1:?the build folder}
list=$build/meson-logs/install-log.txt

earlier=$(cat "$list" 2>/dev/null)
meson install -C "$build" --no-rebuild || exit 1
grep -v '^#' <<<"$earlier" | grep -vxF -f "$list" | grep . >>"$list"
exit 0
