#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Each public header stands alone, as C11 and as C++, without a warning.
#   headers.sh SOURCE_ROOT
set -u
bad=0
for header in "$1"/include/*.h; do
	${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c "$header" || bad=1
	${CXX:-c++} -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ "$header" || bad=1
done
[ $bad = 0 ] || echo "headers: not self-contained"
exit $bad
