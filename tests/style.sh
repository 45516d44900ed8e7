#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Coding style: the kernel's checkpatch for C, shellcheck for the scripts.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 81

"$scripts/packages" build check
source=$("$scripts/kernel-source")
cd "$top"

find guest include lib mm tools -name "*.[ch]" | sort | while read -r file; do
	check "checkpatch $file" perl "$source/scripts/checkpatch.pl" \
		--no-tree --strict --terse --no-summary -f "$file"
done

# What adapts a call has parameters that it does not pass on.
for file in series/older/*.h; do
	check "checkpatch $file" perl "$source/scripts/checkpatch.pl" \
		--no-tree --strict --terse --no-summary \
		--ignore MACRO_ARG_REUSE,MACRO_ARG_UNUSED -f "$file"
done

for file in .ci/run guest/init scripts/* tests/*.sh; do
	case $(head -n 1 "$file") in
	*python3)
		check "syntax of $file" python3 -c \
			'import ast, sys; ast.parse(open(sys.argv[1]).read())' \
			"$file"
		;;
	*)
		check "shellcheck $file" shellcheck "$file"
		;;
	esac
done

for file in scripts/*; do
	[ -x "$file" ] || continue
	check "help of $file" "$file" --help
done
