#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# make run: the selftests in a booted kernel, and that a guest which does not
# come to its end is noticed.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 30

# A line each test, which counts; a test that is skipped here hides something.
"$scripts/run" >"$said" && status=0 || status=$?
cat "$said"
none_skipped()
{
	[ $status = 0 ]
	not grep '^skipped ' "$said"
}
check "make run, nothing skipped" none_skipped

objects=$build/${BACKEND:-replacement}/run
check "a guest that hangs" fails 'did not end within 5 seconds' \
	env TIMEOUT=5 "$scripts/boot" "$objects" hang
check "a guest that dies" fails 'the guest died' "$scripts/boot" "$objects" die

# The OOM killer can choose the shell that runs the tests
early_end()
{
	"$scripts/boot" "$objects" cut
	grep "^not ok the guest's tests came to an end" "$objects/report.txt"
}
check "tests that come to an early end" early_end
