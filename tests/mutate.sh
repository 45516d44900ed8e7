#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Mistakes in the backend, each of which one case of the KUnit suite notices and no
# other: those that tests/mutants marks with "um".  "make mutants" has all.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan "$(grep -c '	um	' "$top/tests/mutants")"

unset ARCH CONFIG BACKEND

names=$(awk -F '\t' '$2 == "um" { printf "%s%s", (n++ ? "|" : ""), $1 }' \
	"$top/tests/mutants")
"$scripts/mutate" "^($names)\$" >"$work/log" 2>&1 || true
grep -E '^(ok|FAILED) ' "$work/log" || {
	echo "FAILED  mistakes are tried"
	sed 's/^/        | /' "$work/log"
}
