#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Kernels unlike those of the other tests build without a warning: those without
# SMP or without an MMU, which have mm/percpu-km.c and nothing of the series.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 3

"$scripts/packages" build arm
lock "$build/replacement"
tree=$("$scripts/make-tree" replacement)

# Usage: builds NAME FILE "OPTION..." [VARIABLE=VALUE...]: with that FILE
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

check "without SMP" builds up percpu-km.c SMP=n
check "without an MMU" builds_for_arm nommu percpu-km.c MMU=n
check "with a first chunk that is never mapped page by page" builds_for_arm \
	embed percpu-vm.c 'MMU=y ARCH_MULTI_V7=y ARCH_VIRT=y SMP=y'
