#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The KUnit suite under QEMU, and that nothing of it is in a production kernel.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 3

# What kunit-all makes of it.  A case that is skipped though the machine has all that
# it needs hides something.  Usage: suite arch|debug NAME
suite()
{
	results=$build/replacement/kunit-$1
	rm -f "$results/$2"[.,]*
	listen "$scripts/kunit-all" "$1" "$2"
	[ $status = 0 ] || grep -hvE 'PASSED|^\$|^[A-Z][a-z]+ing ' "$results/$2"[.,]*log
	return $status
}

# Usage: check_suite NAME arch|debug NAME
check_suite()
{
	check "KUnit suite $1" suite "$2" "$3"
	sed -n 's/^ok */        /p' "$said"
}
# A kernel without debug options, on the machine that differs most and is quick
# to build for, and one with those that see most
check_suite "on 32 bits with highmem" arch arm
check_suite "on x86-64 with lockdep, also with units across page-table pages" \
	debug lockdep

# mm/percpu.o without CONFIG_KUNIT, in trees with and without the series.  Where a
# string lies depends on how long the path of the tree is, which is one of them.
same_object()
{
	echo CONFIG_SMP=y >"$work/fragment"
	for tree in drop-in replacement; do
		objects=$work/$tree
		compile mm/percpu.o "$build/$tree/src" "$objects" "$work/fragment"
		objdump -dr --no-show-raw-insn "$objects/mm/percpu.o" |
			sed -e '/file format/d' \
			    -e 's/\(\.rodata\.str[^+]*\)+.*/\1/' \
			    -e 's/ *<[^>]*>$//' >"$work/$tree.code"
	done
	cmp "$work/drop-in.code" "$work/replacement.code"
}
make_drop_in_tree
check "the production kernel is the same without the test" same_object
