#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's htmldocs makes a page of Documentation/mm/percpu-vm.rst, and warns
# of nothing that it does not warn of without the series.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 13

"$scripts/packages" build document
source=$("$scripts/kernel-source")
lock "$build/replacement"
tree=$("$scripts/make-tree" replacement 2>/dev/null)

# Usage: htmldocs TREE NAME
htmldocs()
{
	make -s -C "$1" O="$work/$2" htmldocs SPHINXDIRS=mm \
		>"$work/$2.log" 2>&1 || {
		cat "$work/$2.log"
		return 1
	}
	# where a line is depends on what was inserted
	sed -n "s|$1/||g; s/:[0-9][0-9]*//; /warning:/Ip; /error:/Ip" \
		"$work/$2.log" | sort -u >"$work/$2.warnings"
}

no_new_warning()
{
	! comm -13 "$work/base.warnings" "$work/series.warnings" | grep .
}

check "htmldocs without the series" htmldocs "$source" base
check "htmldocs" htmldocs "$tree" series
check "it has no new warning" no_new_warning
page=$work/series/Documentation/output/mm/percpu-vm.html
check "it has the page" grep -q '<h1>Backing memory for per-CPU chunks' "$page"
check "the index leads to it" grep -q 'href="percpu-vm.html"' \
	"$work/series/Documentation/output/mm/index.html"

# It does not warn of a function that is not there.
hooks=$(sed -n '/:functions:/,$p' "$top/Documentation/mm/percpu-vm.rst" |
	sed 's/.*:functions://')
for hook in $hooks; do
	check "the page has $hook()" grep -q "id=\"c.$hook\"" "$page"
done
