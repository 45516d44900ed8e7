#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The KUnit suite on the kernel's own backend: what any backend has to do passes,
# and what only ours promises fails, each case of it.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 1

unset ARCH
# the options of tests/kunit.sh, so that ccache has most objects already
export BACKEND=stock CONFIG=lockdep
for first in embed page; do
	"$scripts/kunit" --kernel_args=percpu_alloc=$first 2>&1 || true
done >"$work/log"

only_promises_fail()
{
	sed -n 's/^	KUNIT_CASE[A-Z_]*(\([a-z_]*\).*/\1/p' \
		"$top/lib/tests/percpu_vm_promises_kunit.c" | sort >"$work/promises"
	failed_cases "$work/log" | diff "$work/promises" -
	grep -v '^#' "$top/tests/stock-differences" | cut -f 1 | diff "$work/promises" -
}
check "on the stock backend, the promises fail that tests/stock-differences explains" \
	only_promises_fail
