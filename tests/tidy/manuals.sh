#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
# Whether the manuals say what the public headers, the zs tool, the tables of figures and
# docs/man/meson.build say, have the sections that a reader looks for, are free of mandoc's warnings, and have examples
# that compile and run.
# Usage: manuals.sh SOURCE-ROOT [PATH-TO-ZS [FOLDER-OF-LIBZSMALLOC]]; either may be empty, and its part is left out
set -u
export LC_ALL=C

usage='usage: manuals.sh SOURCE-ROOT [PATH-TO-ZS [FOLDER-OF-LIBZSMALLOC]]'
root=${1:?$usage}
zs=${2:-}
library=${3:-}
man=$root/docs/man
headers=("$root/include/zsmalloc.h" "$root/include/zswap.h" "$root/include/zcache.h")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# ---- pages ----

pages() {
	local page
	for page in "$man"/*.[1-9]; do
		[ -e "$page" ] && echo "${page##*/}"
	done
}

# The page that a page's first line sends the reader to; nothing if it has a text of its own.
alias_target() {
	sed -n '1s,^\.so man[1-9]/,,p' "$man/$1"
}

# An alias is one line and leads to a page with a text of its own.
check_alias() {
	local target
	target=$(alias_target "$1")
	[ "$(wc -l <"$man/$1")" -eq 1 ] || fail "$1: more than the one line of an alias"
	if [ ! -f "$man/$target" ] || [ -n "$(alias_target "$target")" ]; then
		fail "$1: leads to $target, which is missing or an alias itself"
	fi
}

# Every manual of ours that a page refers to exists.
check_references() {
	local name section
	while read -r _ name section _; do
		[ -f "$man/$name.$section" ] || fail "$1: refers to $name($section), which is missing"
	done < <(grep -oE '\bXr z(s|cache)[a-z_-]* [1-9]' "$man/$1")
}

check_lint() {
	local page text
	if ! command -v mandoc >"$dir/mandoc"; then
		fail "mandoc is missing; on Debian: apt-get install mandoc"
		return
	fi
	while read -r page; do
		if [ -n "$(alias_target "$page")" ]; then
			check_alias "$page"
			continue
		fi
		text=$(mandoc -T lint -W warning "$man/$page" 2>&1) || fail "$page: mandoc warns: $text"
		check_references "$page"
	done < <(pages)
}

# ---- sections ----

# What a reader of the page looks for, by the number of its part of the manual.
sections_of() {
	case $1 in
	*.1) printf '%s\n' NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO' ;;
	*.3) printf '%s\n' NAME LIBRARY SYNOPSIS DESCRIPTION 'RETURN VALUES' EXAMPLES THREADS 'SEE ALSO' ;;
	*.7) printf '%s\n' NAME SYNOPSIS DESCRIPTION EXAMPLES THREADS 'SEE ALSO' HISTORY ;;
	esac
}

check_sections() {
	local page section
	while read -r page; do
		[ -z "$(alias_target "$page")" ] || continue
		while read -r section; do
			grep -qx "\.Sh $section" "$man/$page" || fail "$page: has no section $section"
		done < <(sections_of "$page")
	done < <(pages)
}

# What the product asks its environment for is in some page.
check_environment() {
	local name
	grep -rhoE 'getenv\("[A-Z_]+"\)' "$root/src" "$root/tools" | grep -oE '[A-Z_]{2,}' | sort -u >"$dir/names"
	[ -s "$dir/names" ] || fail "nothing asks the environment: this check is wrong"
	while read -r name; do
		grep -qE "^\.(It )?Ev $name( |\$)" "$man"/*.[1-9] || fail "no page tells of the environment's $name"
	done <"$dir/names"
}

# ---- prototypes ----

# Prototypes on stdin, one a line, with white space only where it matters.
normalise() {
	sed -E 's/[[:space:]]+/ /g; s/ ?([*(),]) ?/\1/g; s/^ //; s/ $//'
}

header_prototypes() {
	sed '/^#/d' "$1" | tr '\n' ' ' | sed -E 's,/\*([^*]|\*+[^*/])*\*+/,,g' | tr ';' '\n' |
		sed 's/.*[{}]//' | grep -E '[ *](zs|zswap|zcache)_[a-z0-9_]+\(' | normalise
}

# Those of the synopsis: of .Fo to .Fc, and of .Fn with its arguments, behind their .Ft.
page_prototypes() {
	awk '
		/^\.Sh / { synopsis = $2 == "SYNOPSIS" }
		!synopsis { next }
		/^\.Ft / { type = substr($0, 5) }
		/^\.Fo / { name = $2; arguments = "" }
		/^\.Fa / { gsub(/"/, ""); arguments = arguments (arguments == "" ? "" : ",") substr($0, 5) }
		/^\.Fc/ { print type " " name "(" arguments ")" }
		/^\.Fn / {
			name = $2
			sub(/^\.Fn [^ ]+ */, "")
			gsub(/" *"/, ",")
			gsub(/"/, "")
			print type " " name "(" $0 ")"
		}
	' "$man/$1" | normalise
}

name_of() {
	sed -E 's/\(.*//; s/.*[ *]//' <<<"$1"
}

# The page of a prototype's name, or the one it leads to, shows this prototype and lists the name.
check_prototype() {
	local name page target
	name=$(name_of "$1")
	page=$name.3
	if [ ! -f "$man/$page" ]; then
		fail "there is no $page for: $1"
		return
	fi
	target=$(alias_target "$page")
	page=${target:-$page}
	[ -f "$man/$page" ] || return # check_alias tells
	page_prototypes "$page" | grep -qxF -- "$1" || fail "$page: lacks the header's: $1"
	grep -qE "^\.Nm $name( ,)?$" "$man/$page" || fail "$page: does not list $name under NAME"
}

check_prototypes() {
	local header page prototype
	for header in "${headers[@]}"; do
		header_prototypes "$header" >"$dir/prototypes"
		[ -s "$dir/prototypes" ] || fail "no prototype found in $header"
		cat "$dir/prototypes" >>"$dir/header"
	done
	while read -r prototype; do
		check_prototype "$prototype"
	done <"$dir/header"
	while read -r page; do
		page_prototypes "$page" | grep -vxF -f "$dir/header" >"$dir/extra" &&
			fail "$page: in no header: $(cat "$dir/extra")"
	done < <(pages | grep '\.3$')
}

# ---- options ----

# The options in a help text on stdin. --help is one, since the text was asked for by it.
options_of_help() {
	{
		echo ' --help'
		cat
	} | grep -oE '(^|[][:space:][(|,])(--[a-z][a-z-]*|-[a-zA-Z])\b' | grep -oE -- '--?[a-zA-Z][a-z-]*' | sort -u
}

options_of_page() {
	grep -oE 'Fl -?[a-zA-Z][a-z-]*' "$man/$1" | sed 's/^Fl /-/' | sort -u
}

# check_options PAGE [COMMAND]: what zs COMMAND --help shows and what the page explains
check_options() {
	local page=$1 option command
	shift
	command="zs${1:+ $1}"
	if [ ! -f "$man/$page" ]; then
		fail "there is no $page for: $command"
		return
	fi
	if ! "$zs" "$@" --help >"$dir/help" 2>&1; then
		fail "$command --help: failed"
		return
	fi
	options_of_help <"$dir/help" >"$dir/tool"
	options_of_page "$page" >"$dir/page"
	while read -r option; do
		# A page need not explain that the tool can explain itself.
		[ "$option" = --help ] || fail "$page: lacks the option $option of $command"
	done < <(comm -23 "$dir/tool" "$dir/page")
	while read -r option; do
		fail "$page: explains $option, which $command --help does not show"
	done < <(comm -13 "$dir/tool" "$dir/page")
}

# The commands that zs --help lists, but for help itself.
commands_of_tool() {
	"$zs" --help 2>&1 | sed -nE 's/^ +zs ([a-z][a-z-]*) .*/\1/p' | grep -vx help | sort -u
}

check_tool() {
	local command
	if [ -z "$zs" ]; then
		echo "left out: the options of zs (no path to it was given)"
		return
	fi
	commands_of_tool >"$dir/commands"
	[ -s "$dir/commands" ] || fail "zs --help lists no command"
	check_options zs.1
	while read -r command; do
		check_options "zs-$command.1" "$command"
	done <"$dir/commands"
	while read -r command; do
		fail "zs-$command.1: zs --help lists no such command"
	done < <(pages | sed -n 's/^zs-\(.*\)\.1$/\1/p' | grep -vxF -f "$dir/commands")
}

# ---- figures ----

# A table's rows, as a page is to list them: the name with unit and type, and the text.
figures_of_table() {
	tr '\n' ' ' <"$1" | grep -oE 'ROW\([a-z_]+, "[a-z]+", ZS_[A-Z]+,[[:space:]]*"[^"]*"\)' |
		sed -E 's/ROW\(([a-z_]+), "([a-z]+)", (ZS_[A-Z]+),[[:space:]]*"([^"]*)"\)/.It Va \1 Pq \2\3\n\u\4./
			s/ZS_COUNTER\n/, a counter\n/; s/ZS_GAUGE\n/\n/'
}

figures_of_page() {
	sed -nE '/^\.It Va [a-z_]+ Pq /{ N; p }' "$man/$1"
}

# check_figures PAGE TABLE: the page lists the figures of the table, in its order, and no others
check_figures() {
	figures_of_table "$root/$2" >"$dir/table"
	figures_of_page "$1" >"$dir/page"
	[ -s "$dir/table" ] || fail "no figure found in $2"
	diff "$dir/table" "$dir/page" >"$dir/extra" || fail "$1: differs (>) from $2 (<): $(cat "$dir/extra")"
}

# ---- installation ----

check_installed() {
	local page
	pages | sort >"$dir/pages"
	grep -v '^ *#' "$man/meson.build" | grep -oE "'[^']+\.[1-9]'" | tr -d "'" | sort >"$dir/listed"
	while read -r page; do
		fail "docs/man/meson.build: does not list $page"
	done < <(comm -23 "$dir/pages" "$dir/listed")
	while read -r page; do
		fail "docs/man/meson.build: lists $page, which is missing or listed twice"
	done < <(comm -13 "$dir/pages" "$dir/listed")
}

# ---- examples ----

# What a reader sees between the markers of a page's example.
example_of() {
	sed -n '/^\.\\" example begin$/,/^\.\\" example end$/p' "$man/$1" | sed '/^\.\\"/d; s/\\e/\\/g; s/\\-/-/g'
}

# Whether a program may take its own faults here.
may_take_faults() {
	printf '#include "uffd_there.h"\nint main(void)\n{\n\treturn !uffd_user_features();\n}\n' >"$dir/asks.c"
	cc -I "$root/tests/lib" -o "$dir/asks" "$dir/asks.c" && "$dir/asks"
}

# The name of the library that the example in $dir/example.c is for.
library_of_example() {
	local name
	for name in zswap zcache; do
		grep -q "<$name\.h>" "$dir/example.c" && echo $name && return
	done
	echo zsmalloc
}

# The folder of a library.
folder_of() {
	case $1 in
	zswap) echo "$library/front/uffd" ;;
	zcache) echo "$library/front/zcache" ;;
	*) echo "$library" ;;
	esac
}

# Why an example for a library does not run here; nothing if it does.
why_not() {
	if [ ! -e "$(folder_of "$1")/lib$1.so" ]; then
		echo "lib$1 was not built"
	elif [ "$1" = zswap ] && ! may_take_faults; then
		echo "userfaultfd is not in this kernel, or not allowed"
	fi
}

run_example() {
	local folder name why
	name=$(library_of_example)
	folder=$(folder_of "$name")
	why=$(why_not "$name")
	if [ -n "$why" ]; then
		echo "left out: running the example of $1 ($why)"
		return
	fi
	if ! cc -o "$dir/example" "$dir/example.o" -L"$folder" -l"$name" -Wl,-rpath,"$folder" \
		-Wl,-rpath-link,"$library" 2>"$dir/err"; then
		fail "$1: the example does not link: $(head -5 "$dir/err")"
	elif ! "$dir/example" >"$dir/out" 2>&1; then
		fail "$1: the example fails: $(head -5 "$dir/out")"
	elif [ ! -s "$dir/out" ]; then
		fail "$1: the example prints nothing"
	fi
}

check_example() {
	example_of "$1" >"$dir/example.c"
	if ! cc -std=gnu11 -Wall -Wextra -Werror -I "$root/include" -c -o "$dir/example.o" "$dir/example.c" 2>"$dir/err"; then
		fail "$1: the example does not compile: $(head -5 "$dir/err")"
	elif [ -n "$library" ] && grep -q '^int main' "$dir/example.c"; then
		run_example "$1"
	fi
}

check_examples() {
	local page
	[ -n "$library" ] || echo "left out: running the examples (no folder of libzsmalloc was given)"
	for page in zsmalloc.7 zswap.7 zcache.7; do
		example_of "$page" | grep -q '^int main' || fail "$page: has no program as an example"
	done
	while read -r page; do
		check_example "$page"
	done < <(cd "$man" && grep -l '^\.\\" example begin$' -- *.[1-9])
}

check_prototypes
check_lint
check_sections
check_environment
check_tool
check_figures zswap_stats.3 src/zswap/zswap_metrics.c
check_figures zcache_stats.3 src/zcache/zcache_metrics.c
check_figures zs-zcache.1 src/front/nbdkit/zcache_disk_metrics.c
check_installed
check_examples
exit $failed
