#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's htmldocs makes a page of Documentation/mm/percpu-vm.rst, and warns
# of nothing that it does not warn of without the series.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 2

"$scripts/packages" build document

# Usage: htmldocs TREE NAME
htmldocs()
{
	listen make -s -C "$1" O="$work/$2" htmldocs SPHINXDIRS=mm
	[ $status = 0 ]
	# where a line is depends on what was inserted
	sed -n "s|$1/||g; s/:[0-9][0-9]*//; /warning:/Ip; /error:/Ip" \
		"$said" | sort -u >"$work/$2.warnings"
}

no_new_warning()
{
	make_drop_in_tree
	htmldocs "$build/drop-in/src" base
	lock "$build/replacement"
	htmldocs "$("$scripts/make-tree" replacement)" series
	[ -z "$(comm -13 "$work/base.warnings" "$work/series.warnings")" ]
}
check "htmldocs has no new warning" no_new_warning

complete_page()
{
	cd "$work/series/Documentation/output/mm"
	grep 'href="percpu-vm.html"' index.html
	grep '<h1>Backing memory for per-CPU chunks' percpu-vm.html
	# htmldocs does not warn of a function that is not there.
	hooks=$(sed -n '/:functions:/,$p' "$top/Documentation/mm/percpu-vm.rst")
	[ -n "$hooks" ]
	for hook in ${hooks#*:functions:}; do
		grep "id=\"c.$hook\"" percpu-vm.html
	done
}
check "the index leads to the page, which has each function" complete_page
