#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The KUnit suite on the kernel's own backend: exactly the cases fail that
# Documentation/mm/percpu-vm.rst lists as differences.

set -eu
. "$(dirname -- "$0")/lib.sh"

unset ARCH
# the options of tests/kunit.sh, so that ccache has most objects already
BACKEND=stock CONFIG=lockdep
export BACKEND CONFIG
for first in embed page; do
	"$scripts/kunit" --kernel_args=percpu_alloc=$first 2>&1 || true
done >"$work/log"

same_differences()
{
	failed_cases "$work/log" | diff "$top/tests/stock-differences" -
}
check "KUnit suite on the stock backend: known differences" same_differences

while read -r case; do
	check "the document lists $case" \
		grep -qF "\`\`$case\`\`" "$top/Documentation/mm/percpu-vm.rst"
done <"$top/tests/stock-differences"
