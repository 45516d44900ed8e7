#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's semantic patches, all that make a report, find nothing in our
# files.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 1

"$scripts/packages" build analysis
source=$("$scripts/kernel-source")

# coccicheck looks at all files of a directory.
mkdir "$work/files"
cd "$top"
series_paths | grep '[.][ch]$' | grep -vx mm/percpu.c | xargs cp --parents -t "$work/files"

# A report is FILE:LINE:COLUMN: TEXT, the rest is what coccicheck does.
clean_report()
{
	listen make -s -C "$source" coccicheck M="$work/files" MODE=report
	[ $status = 0 ]
	# it does not say when there was nothing to do
	grep -q '/spatch .*[.]cocci ' "$said"
	not grep -E '^[^ ]*[.][ch]:[0-9]' "$said"
}
check "coccicheck" clean_report
