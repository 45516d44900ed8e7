#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The KUnit suite under QEMU, on the kernels that make run boots, with the new backend
# and the current one, and that nothing of it is in a production kernel.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 6

unset ARCH CONFIG BACKEND

# A case that is skipped though the machine has all that it needs hides something.
# Usage: suite ARCH KERNEL SKIPPED FIRST_CHUNK
suite()
{
	listen env ARCH="$1" "$scripts/kunit" --kernel="$2" --kernel_args=percpu_alloc="$4"
	[ $status = 0 ] || grep -vE 'PASSED|^[A-Z][a-z]+ing ' "$said"
	tail -n 1 "$said" | grep "passed, 0 failed, $3 skipped\$"
	grep "^[0-9]* CPUs on .* first chunk $4" "$said"
}
for first in embed page; do
	check "KUnit suite on x86-64, percpu_alloc=$first" suite x86_64 run 0 $first
	check "KUnit suite on 32 bits with highmem, percpu_alloc=$first" \
		suite i386 run-i386 3 $first
done

only_promises_fail()
{
	BACKEND=stock "$scripts/kunit" --kernel=run >"$work/log" 2>&1 || true
	sed -n 's/^	KUNIT_CASE[A-Z_]*(\([a-z_]*\).*/\1/p' \
		"$top/lib/tests/percpu_vm_promises_kunit.c" | sort >"$work/promises"
	failed_cases "$work/log" | diff "$work/promises" -
	grep -v '^#' "$top/tests/stock-differences" | cut -f 1 | sort | diff "$work/promises" -
}
check "on the current backend, the promises fail that tests/stock-differences explains" \
	only_promises_fail

# mm/percpu.o without CONFIG_KUNIT, in trees with and without the series.  Where a
# string lies depends on the length of the tree's path, itself such a string.
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
