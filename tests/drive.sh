#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The drive of make run in its short form, and that a guest which does not come
# to its end is noticed.

set -eu
. "$(dirname -- "$0")/lib.sh"

if "$scripts/run" brief >"$output"; then
	cat "$output"
	passed "the short drive, see above"
else
	failed "the short drive"
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
