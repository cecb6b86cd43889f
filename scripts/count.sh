# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# What scripts of many tests share: their verdicts, counted.
passed=0 failed=0 skipped=0

# count TEST VERDICT
count() {
	echo "$1: $2"
	case $2 in
	ok) passed=$((passed + 1)) ;;
	skipped*) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
}
