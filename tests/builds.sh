#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What the other tests do not build is built without a warning: mm/percpu-vm.c alone in
# a tree that is otherwise untouched, and kernels without SMP or without an MMU, which
# have mm/percpu-km.c and nothing of the series.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 5

"$scripts/packages" build arm

# Usage: builds NAME FILE "OPTION..." [VARIABLE=VALUE...]: in $tree, with that FILE
builds()
{
	objects=$build/builds/$1
	file=$2
	# shellcheck disable=SC2086 # each word an option
	printf 'CONFIG_%s\n' $3 >"$work/fragment"
	shift 3
	silent compile mm/percpu.o "$tree" "$objects" "$work/fragment" W=1 "$@"
	grep "mm/$file" "$objects/mm/.percpu.o.cmd"
}

# Usage: builds_for_arm NAME FILE "OPTION..."
builds_for_arm()
{
	builds "$@" ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf- \
		CC="ccache arm-linux-gnueabihf-gcc"
}

# mm/percpu.c creates its tracepoints, and headers included later do not.
# Usage: drop_in_builds "OPTION..."
drop_in_builds()
{
	builds drop-in percpu-vm.c "SMP=y FTRACE=y ENABLE_DEFAULT_TRACERS=y $1"
	nm "$objects/mm/percpu.o" | sed -n 's/.* D __tracepoint_//p' >"$work/tracepoints"
	grep '^percpu_' "$work/tracepoints"
	not grep -v '^percpu_' "$work/tracepoints"
}

make_drop_in_tree
tree=$build/drop-in/src
check "drop-in builds" drop_in_builds ''
check "drop-in builds with KUnit and NUMA" drop_in_builds \
	'KUNIT=y PCI=y ACPI=y NUMA=y X86_64_ACPI_NUMA=y'

lock "$build/replacement"
tree=$("$scripts/make-tree" replacement)
check "without SMP" builds up percpu-km.c SMP=n
check "without an MMU" builds_for_arm nommu percpu-km.c MMU=n
check "with a first chunk that is never mapped page by page" builds_for_arm \
	embed percpu-vm.c 'MMU=y ARCH_MULTI_V7=y ARCH_VIRT=y SMP=y'
