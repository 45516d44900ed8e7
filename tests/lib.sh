# SPDX-License-Identifier: GPL-2.0-only
# What all tests share.  Sourced as the first thing that they do.
# shellcheck shell=sh disable=SC2034

. "$(dirname -- "$0")/../scripts/lib.sh"

scripts=$top/scripts
work=$(mktemp -d)
output=$work/output
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# One line a check, which scripts/test counts.
passed()
{
	echo "ok      $1"
}

failed()
{
	echo "FAILED  $1"
	[ ! -s "$output" ] || sed 's/^/        | /' "$output"
}

skipped()
{
	echo "skipped $1: $2"
}

# Usage: check NAME COMMAND...: the command succeeds
check()
{
	name=$1
	shift
	if "$@" >"$output" 2>&1; then
		passed "$name"
	else
		failed "$name"
	fi
}

# Usage: check_error NAME PATTERN COMMAND...: the command fails, with one line
# of error that matches, besides what it says about its steps
check_error()
{
	name=$1
	pattern=$2
	shift 2
	if "$@" >"$output" 2>&1; then
		echo "it succeeds" >>"$output"
		failed "$name"
	elif [ "$(grep -cvE '^(  [A-Z]|make.*: \*\*\*)' "$output")" != 1 ]; then
		failed "$name"
	elif ! grep -qE -- "$pattern" "$output"; then
		echo "expected was: $pattern" >>"$output"
		failed "$name"
	else
		passed "$name"
	fi
}

# A directory for PATH that has all programs but some.
# Usage: path_without DIRECTORY PROGRAM...
path_without()
{
	mkdir -p "$1"
	for bin in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do
		[ ! -d "$bin" ] || cp -sn "$bin"/* "$1" 2>/dev/null || true
	done
	dir=$1
	shift
	for program in "$@"; do
		rm -f "$dir/$program"
	done
}

# build/drop-in/src: the kernel source with mm/percpu-vm.c and nothing else
make_drop_in_tree()
{
	source=$("$scripts/kernel-source")
	mkdir -p "$build/drop-in/src"
	rsync -a --delete --link-dest="$source/" "$source/" "$build/drop-in/src/"
	rm "$build/drop-in/src/mm/percpu-vm.c"
	cp "$top/mm/percpu-vm.c" "$build/drop-in/src/mm/percpu-vm.c"
}

# Usage: compile_percpu TREE OBJECTS FRAGMENT [VARIABLE=VALUE...]
compile_percpu()
{
	src=$1
	obj=$2
	fragment=$3
	shift 3
	use_ccache
	mkdir -p "$obj"
	for target in allnoconfig mm/percpu.o; do
		KCONFIG_ALLCONFIG=$fragment make -s -C "$src" O="$obj" \
			ARCH=x86_64 CC="ccache gcc" HOSTCC="ccache gcc" \
			-j"$(nproc)" "$@" $target || return 1
	done
}
