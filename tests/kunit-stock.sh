#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The KUnit suite on the kernel's own backend: what any backend has to do passes,
# and what only ours promises fails, each case of it.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 2

unset ARCH
# the options of tests/kunit.sh, so that ccache has most objects already
BACKEND=stock CONFIG=lockdep
export BACKEND CONFIG
for first in embed page; do
	"$scripts/kunit" --kernel_args=percpu_alloc=$first 2>&1 || true
done >"$work/log"
sed -n 's/^	KUNIT_CASE[A-Z_]*(\([a-z_]*\).*/\1/p' \
	"$top/lib/tests/percpu_vm_promises_kunit.c" | sort >"$work/promises"

only_promises_fail()
{
	failed_cases "$work/log" | diff "$work/promises" -
}
check "KUnit suite on the stock backend: only promises are not kept" \
	only_promises_fail

all_explained()
{
	grep -v '^#' "$top/tests/stock-differences" | cut -f 1 |
		diff "$work/promises" -
}
check "tests/stock-differences explains each" all_explained
