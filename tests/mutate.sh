#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Mistakes in the backend, each of which one case of the KUnit suite notices and no
# other: those of tests/mutants that are for user-mode Linux.  "make mutants" has all.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 11

unset ARCH CONFIG BACKEND

# Prints the names of those that a change of the backend has made void.
all_change()
{
	! grep -v '^#\|^$' "$top/tests/mutants" | while IFS= read -r row; do
		sed "$(printf '%s\n' "$row" | cut -f 3-)" "$top/mm/percpu-vm.c" |
			cmp -s - "$top/mm/percpu-vm.c" && echo "${row%%	*}"
	done | grep .
}
check "each mistake of tests/mutants changes the backend" all_change

names=$(awk -F '\t' '$2 == "um" { printf "%s%s", (n++ ? "|" : ""), $1 }' \
	"$top/tests/mutants")
"$scripts/mutate" "^($names)\$" >"$work/log" 2>&1 || true
grep -E '^(ok|FAILED) ' "$work/log" || {
	echo "FAILED  mistakes are tried"
	sed 's/^/        | /' "$work/log"
}
