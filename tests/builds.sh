#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Kernels unlike those of the other tests build without a warning: those without
# SMP or without an MMU, which have mm/percpu-km.c and nothing of the series.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 6

"$scripts/packages" build arm
lock "$build/replacement"
tree=$("$scripts/make-tree" replacement)

# Usage: builds NAME OPTIONS [VARIABLE=VALUE...]
builds()
{
	objects=$build/builds/$1
	# shellcheck disable=SC2086 # each word an option
	printf '%s\n' $2 >"$work/fragment"
	shift 2
	rm -f "$objects/mm/percpu.o"
	compile_percpu "$tree" "$objects" "$work/fragment" W=1 "$@" \
		>"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	cat "$work/log"
	[ ! -s "$work/log" ]
}

# Usage: has_percpu_km NAME
has_percpu_km()
{
	objects=$build/builds/$1
	! grep -qx CONFIG_MMU=y "$objects/.config" ||
		! grep -qx CONFIG_SMP=y "$objects/.config" || return 1
	grep -q 'mm/percpu-km.c' "$objects/mm/.percpu.o.cmd"
}

# Usage: builds_for_arm NAME OPTIONS
builds_for_arm()
{
	builds "$@" ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf- \
		CC="ccache arm-linux-gnueabihf-gcc"
}

check "without SMP" builds up CONFIG_SMP=n
check "which has percpu-km.c" has_percpu_km up
check "without an MMU" builds_for_arm nommu CONFIG_MMU=n
check "which has percpu-km.c" has_percpu_km nommu
check "with a first chunk that is never mapped page by page" builds_for_arm \
	embed 'CONFIG_MMU=y CONFIG_ARCH_MULTI_V7=y CONFIG_ARCH_VIRT=y CONFIG_SMP=y'
check "which has percpu-vm.c" grep -qx CONFIG_SMP=y \
	"$build/builds/embed/.config"
