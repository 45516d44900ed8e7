#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Kernels without SMP or without an MMU have mm/percpu-km.c and nothing of the
# series, which must not break them.

set -eu
. "$(dirname -- "$0")/lib.sh"

"$scripts/packages" build arm
tree=$("$scripts/make-tree" replacement)

# Usage: builds NAME OPTION [VARIABLE=VALUE...]
builds()
{
	objects=$build/percpu-km/$1
	echo "$2" >"$work/fragment"
	shift 2
	compile_percpu "$tree" "$objects" "$work/fragment" W=1 "$@" || return 1
	! grep -qx CONFIG_MMU=y "$objects/.config" ||
		! grep -qx CONFIG_SMP=y "$objects/.config" || return 1
	grep -q 'mm/percpu-km.c' "$objects/mm/.percpu.o.cmd"
}

check "without SMP" builds up '# CONFIG_SMP is not set'
check "without an MMU" builds nommu '# CONFIG_MMU is not set' \
	ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf- \
	CC="ccache arm-linux-gnueabihf-gcc"
