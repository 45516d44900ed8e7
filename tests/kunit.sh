#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The KUnit suite under QEMU, and that nothing of it is in a production kernel.

set -eu
. "$(dirname -- "$0")/lib.sh"

# The kernel's own backend has a test of its own, kunit-stock.
BACKEND=replacement
export BACKEND
unset ARCH CONFIG

# A case that is skipped here hides something: the machine has all they need.
# Usage: suite [ARGUMENT...]
suite()
{
	"$scripts/kunit" "$@" >"$work/log" 2>&1 || {
		grep -vE 'PASSED|^=+( [a-z_(0-9 )]* =+)?$|^\$|^[A-Z][a-z]+ing ' \
			"$work/log" | tail -n 40
		return 1
	}
	tail -n 1 "$work/log" | grep ', 0 failed, 0 skipped$'
}
check "KUnit suite" suite
tail -n 1 "$work/log"
check "KUnit suite with units across page-table pages" \
	suite --kernel_args=percpu_alloc=page
tail -n 1 "$work/log"

# mm/percpu.o without CONFIG_KUNIT, in trees with and without the series.  Where a
# string lies depends on how long the path of the tree is, which is one of them.
same_object()
{
	echo CONFIG_SMP=y >"$work/fragment"
	for tree in drop-in replacement; do
		objects=$work/$tree
		compile_percpu "$build/$tree/src" "$objects" \
			"$work/fragment" || return 1
		objdump -dr --no-show-raw-insn "$objects/mm/percpu.o" |
			sed -e '/file format/d' \
			    -e 's/\(\.rodata\.str[^+]*\)+.*/\1/' \
			    >"$work/$tree.code"
	done
	cmp "$work/drop-in.code" "$work/replacement.code"
}
make_drop_in_tree
check "the production kernel is the same without the test" same_object
