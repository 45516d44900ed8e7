#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# mm/percpu-vm.c alone, in a tree that is otherwise untouched, builds without
# a warning, with KUnit and NUMA and without.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 4

"$scripts/packages" build
make_drop_in_tree
tree=$build/drop-in/src

# Usage: compiles FRAGMENT: and says nothing about it
compiles()
{
	objects=$build/drop-in/objects
	rm -rf "$objects"
	compile_percpu "$tree" "$objects" "$1" W=1 >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	! grep -A5 'warning:' "$work/log" || return 1

	# what was asked for is what was built
	while read -r line; do
		grep -x "$line" "$objects/.config" || return 1
	done <"$1"
	nm "$objects/mm/percpu.o" | grep -q ' pcpu_populate_chunk' || return 1

	# mm/percpu.c creates its tracepoints, and headers included later do not
	nm "$objects/mm/percpu.o" | grep -q ' D __tracepoint_percpu_' || return 1
	! nm "$objects/mm/percpu.o" | grep ' D __tracepoint_' |
		grep -v ' __tracepoint_percpu_'
}

for kunit in n y; do
	for numa in n y; do
		{
			echo CONFIG_SMP=y
			echo CONFIG_FTRACE=y
			echo CONFIG_ENABLE_DEFAULT_TRACERS=y
			[ $kunit = n ] || echo CONFIG_KUNIT=y
			if [ $numa = y ]; then
				echo CONFIG_PCI=y
				echo CONFIG_ACPI=y
				echo CONFIG_NUMA=y
				echo CONFIG_X86_64_ACPI_NUMA=y
			fi
		} >"$work/fragment"
		check "drop-in builds with KUNIT=$kunit NUMA=$numa W=1" \
			compiles "$work/fragment"
	done
done
