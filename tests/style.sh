#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Coding style: the kernel's checkpatch for C, shellcheck for the scripts.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 4

"$scripts/packages" build check
source=$("$scripts/kernel-source")
cd "$top"

checkpatch()
{
	perl "$source/scripts/checkpatch.pl" --no-tree --strict --terse --no-summary -f "$@"
}

# shellcheck disable=SC2046 # each word a file
{
	check "checkpatch" checkpatch \
		$(find guest include lib mm tools -name '*.[ch]' | sort)
	# What adapts a call has parameters that it does not pass on.
	check "checkpatch of what is for older kernels" checkpatch \
		--ignore MACRO_ARG_REUSE,MACRO_ARG_UNUSED series/older/*.h
	check "shellcheck" shellcheck \
		$(grep -LE '^#!.*python3' .ci/run guest/init scripts/* tests/*.sh)
}

every_help()
{
	for file in scripts/*; do
		[ ! -x "$file" ] || "$file" --help | grep "usage: .*$file"
	done
}
check "--help of each script" every_help
