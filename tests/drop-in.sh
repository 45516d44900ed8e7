#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# mm/percpu-vm.c alone, in a tree that is otherwise untouched, builds without
# a warning, with KUnit and NUMA and without.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 2

"$scripts/packages" build
make_drop_in_tree
objects=$build/drop-in/objects
fragment=$work/fragment

builds()
{
	rm -rf "$objects"
	silent compile mm/percpu.o "$build/drop-in/src" "$objects" "$fragment" W=1
	nm "$objects/mm/percpu.o" >"$work/symbols"
	grep ' pcpu_populate_chunk' "$work/symbols"

	# mm/percpu.c creates its tracepoints, and headers included later do not
	sed -n 's/.* D __tracepoint_//p' "$work/symbols" >"$work/tracepoints"
	grep '^percpu_' "$work/tracepoints"
	not grep -v '^percpu_' "$work/tracepoints"
}

printf 'CONFIG_%s=y\n' SMP FTRACE ENABLE_DEFAULT_TRACERS >"$fragment"
check "drop-in builds" builds
printf 'CONFIG_%s=y\n' KUNIT PCI ACPI NUMA X86_64_ACPI_NUMA >>"$fragment"
check "drop-in builds with KUnit and NUMA" builds
