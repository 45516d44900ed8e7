#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Every step of the series builds, with what it brings switched on and off, and
# neither gcc with W=1 nor sparse has anything to say.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 19

"$scripts/packages" build series analysis
unset KDIR REROLL SIGNOFF
source=$("$scripts/kernel-source")
tree=$build/steps/src
be_somebody

# Debian 12's sparse does not know __typeof_unqual__, without which the kernel
# leaves sparse out, and cannot evaluate the length of a string, which
# MODULE_LICENSE() asks for: after that error, it would keep its warnings back.
sparse_flags="-D__typeof_unqual__=__typeof__ \
'-D__builtin_strlen(string)=(sizeof(string)-1)'"

fragment()
{
	echo CONFIG_SMP=y
	echo CONFIG_MODULES=y
	echo CONFIG_RUNTIME_TESTING_MENU=y
	case $1 in
	off)
		# as distributions have it
		echo CONFIG_KUNIT=y
		echo CONFIG_KUNIT_ALL_TESTS=m
		;;
	suite)
		echo CONFIG_KUNIT=y
		echo CONFIG_PERCPU_VM_KUNIT_TEST=y
		;;
	module)
		echo CONFIG_KUNIT=m
		echo CONFIG_PERCPU_VM_KUNIT_TEST=m
		;;
	benchmark)
		echo CONFIG_DEBUG_KERNEL=y
		echo CONFIG_PERCPU_VM_BENCHMARK=y
		;;
	esac
}

# Usage: compiles CONFIGURATION: and neither gcc nor sparse says anything
compiles()
{
	objects=$build/steps/$1
	fragment "$1" >"$work/fragment"
	# what was compiled before says nothing
	rm -f "$objects/mm/percpu.o" "$objects"/lib/tests/percpu_vm_*.o
	targets=mm/percpu.o
	[ "$1" = off ] || targets="$targets lib/tests/"
	compile_objects "$targets" "$tree" "$objects" "$work/fragment" \
		W=1 C=2 CF="$sparse_flags" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	cat "$work/log"
	[ ! -s "$work/log" ] || return 1

	# what was asked for is what was built
	while read -r line; do
		grep -x "$line" "$objects/.config" || return 1
	done <"$work/fragment"
}

# What the suite as a module needs, but nobody exports.  To link it takes a whole
# kernel, which takes minutes.
not_exported()
{
	nm -u "$build/steps/module/lib/tests/percpu_vm_kunit.o" |
		awk '{ print $2 }' | sort -u >"$work/needed"
	(cd "$tree" && grep -rhoE 'EXPORT_[A-Z_]+\([A-Za-z0-9_]+' \
		--include='*.[chS]' arch/x86 init kernel lib mm) |
		sed 's/.*(//' | sort -u >"$work/exported"
	comm -23 "$work/needed" "$work/exported"
}

needs_exports_only()
{
	missing=$(not_exported)
	echo "not exported: $missing"
	[ -s "$work/needed" ] && [ -z "$missing" ]
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

# The first difference says where, all others follow from it.
same_contents()
{
	contents | cmp "$work/contents" - && return 0
	contents | diff "$work/contents" - | head -n 10
	return 1
}

# Usage: changes DIRECTORY...: does the last patch do anything there?
changes()
{
	! git -C "$tree" diff --quiet HEAD~ -- "$@"
}

# The source as links, and as a repository what the series touches
mkdir -p "$tree"
rsync -a --delete --link-dest="$source/" "$source/" "$tree/"
copy_base "$source" "$tree"
git -C "$tree" init -q
for path in $(series_paths); do
	[ ! -f "$tree/$path" ] || git -C "$tree" add -f "$path"
done
git -C "$tree" commit -q -m base

check "the base builds" compiles off
contents >"$work/contents"

"$scripts/series" "$work/series" >/dev/null 2>&1
number=0
for patch in "$work"/series/000[1-9]-*.patch; do
	number=$((number + 1))
	check "step $number applies" git -C "$tree" am "$patch"
	changes include lib mm || continue

	! changes include mm ||
		check "step $number builds without tests" compiles off
	[ $number != 1 ] ||
		check "step 1 leaves the object as it was without tests" \
			same_contents
	check "step $number builds with the suite" compiles suite
	check "step $number builds with the suite as a module" compiles module
	check "which needs nothing that is not exported" needs_exports_only
	! grep -qx 'config PERCPU_VM_BENCHMARK' "$tree/lib/Kconfig.debug" ||
		check "step $number builds with the benchmark" \
			compiles benchmark
done
