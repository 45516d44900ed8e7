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
for path in $(series_paths | grep '[.][ch]$' | grep -vx mm/percpu.c); do
	mkdir -p "$work/files/$(dirname -- "$path")"
	cp "$top/$path" "$work/files/$path"
done

# A report is FILE:LINE:COLUMN: TEXT, the rest is what coccicheck does.
clean_report()
{
	make -s -C "$source" coccicheck M="$work/files" MODE=report \
		>"$work/report" 2>&1 || {
		tail -n 5 "$work/report"
		return 1
	}
	# it does not say when there was nothing to do
	grep -q '/spatch .*[.]cocci ' "$work/report" || return 1
	! grep -E '^[^ ]*[.][ch]:[0-9]' "$work/report"
}
check "coccicheck" clean_report
