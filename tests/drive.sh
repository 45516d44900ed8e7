#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# make run: the selftests in a booted kernel, and that a guest which does not
# come to its end is noticed.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 29

# A line each test, which counts; a test that is skipped here hides something.
"$scripts/run" >"$output" && status=0 || status=$?
cat "$output"
if [ "$status" = 0 ] && ! grep -q '^skipped ' "$output"; then
	passed "make run"
else
	: >"$output"
	failed "make run, see above"
fi

objects=$build/${BACKEND:-replacement}/run
check "its kernel log is not empty" test -s "$objects/console.log"

hang()
{
	TIMEOUT=20 "$scripts/boot" "$objects" hang 2>&1 >/dev/null |
		tail -n 1 | grep 'did not end within 20 seconds'
}
check "a guest that hangs" hang

death()
{
	"$scripts/boot" "$objects" die 2>&1 >/dev/null |
		tail -n 1 | grep 'the guest died'
}
check "a guest that dies" death

# The OOM killer can choose the shell that runs the tests
early_end()
{
	"$scripts/boot" "$objects" cut || return 1
	tail -n 1 "$objects/report.txt" | grep '^0 passed, 1 failed,'
}
check "tests that come to an early end" early_end
