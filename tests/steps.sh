#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Every step of the series builds, with what it brings switched on and off, and
# neither gcc with W=1 nor sparse has anything to say.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan $((1 + $(find "$top/series/patches" -name '[0-9]*' | wc -l)))

"$scripts/packages" build series analysis
unset KDIR REROLL SIGNOFF
source=$("$scripts/kernel-source")
tree=$build/steps/src

# Debian 12's sparse does not know __typeof_unqual__, without which the kernel
# leaves sparse out, and cannot evaluate the length of a string, which
# MODULE_LICENSE() asks for: after that error, it would keep its warnings back.
sparse_flags="-D__typeof_unqual__=__typeof__ \
'-D__builtin_strlen(string)=(sizeof(string)-1)'"

off='KUNIT=y KUNIT_ALL_TESTS=m'	# as distributions have it
suite='KUNIT=y PERCPU_VM_KUNIT_TEST=y'
module='KUNIT=m PERCPU_VM_KUNIT_TEST=m'
benchmark='DEBUG_KERNEL=y PERCPU_VM_BENCHMARK=y'

# Usage: compiles OBJECTS "OPTION..." [TARGET]: and neither gcc nor sparse says anything
compiles()
{
	# shellcheck disable=SC2086 # each word an option
	printf 'CONFIG_%s\n' SMP=y MODULES=y RUNTIME_TESTING_MENU=y $2 >"$work/fragment"
	silent compile "mm/percpu.o ${3:-}" "$tree" "$build/steps/$1" "$work/fragment" \
		W=1 C=2 CF="$sparse_flags"
}

# The suite as a module needs nothing that nobody exports.  To link it takes a whole
# kernel, which takes minutes.
exports_suffice()
{
	nm -u "$build/steps/module/lib/tests/percpu_vm_kunit.o" |
		awk '{ print $2 }' | sort -u >"$work/needed"
	(cd "$tree" && grep -rhoE 'EXPORT_[A-Z_]+\([A-Za-z0-9_]+' \
		--include='*.[chS]' arch/x86 init kernel lib mm) |
		sed 's/.*(//' | sort -u >"$work/exported"
	[ -s "$work/needed" ]
	[ -z "$(comm -23 "$work/needed" "$work/exported")" ]
}

# All that is in mm/percpu.o but line numbers: those of two includes are different.
contents()
{
	object=$build/steps/off/mm/percpu.o
	# the name of an initcall has its line
	nm -S "$object" | sed 's/\(__initcall__kmod_percpu__\)[0-9_]*_/\1/'
	objdump -d "$object"
	objdump -s -j .data -j .data..ro_after_init -j .init.data -j .rodata \
		-j .rodata.str1.1 -j .rodata.str1.8 "$object"
}

# Usage: changes DIRECTORY...: does the last patch do anything there?
changes()
{
	! git -C "$tree" diff --quiet HEAD~ -- "$@"
}

# The source as links, and as a repository what the series touches
rm -rf "$tree/.git"
copy_kernel "$source" "$tree" </dev/null
copy_base "$source" "$tree"
git -C "$tree" init -q
for path in $(series_paths); do
	[ ! -f "$tree/$path" ] || git -C "$tree" add -f "$path"
done
git -C "$tree" commit -q -m base

check "the base builds" compiles off "$off"
contents >"$work/contents"

# Usage: step_builds NUMBER PATCH
step_builds()
{
	git -C "$tree" am "$2"
	changes include lib mm || return 0
	! changes include mm || compiles off "$off"
	# without tests, step 1 leaves the object as it was; the first ten differences
	# tell enough
	[ "$1" != 1 ] || contents | diff "$work/contents" - | head -n 10 | not grep .
	compiles suite "$suite" lib/tests/
	compiles module "$module" lib/tests/
	exports_suffice
	! grep -qx 'config PERCPU_VM_BENCHMARK' "$tree/lib/Kconfig.debug" ||
		compiles benchmark "$benchmark" lib/tests/
}

"$scripts/series" "$work/series" >/dev/null 2>&1
number=0
for patch in "$work"/series/000[1-9]-*.patch; do
	number=$((number + 1))
	check "step $number builds" step_builds $number "$patch"
done
