# SPDX-License-Identifier: GPL-2.0-only
# What all tests share.  Sourced as the first thing that they do.
# shellcheck shell=sh disable=SC2034

unset V		# what is printed is compared
. "$(dirname -- "$0")/../scripts/lib.sh"

scripts=$top/scripts
work=$(mktemp -d)
output=$work/output
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# So many checks follow; scripts/test takes fewer as a failure.
plan()
{
	echo "1..$1"
}

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

# Usage: compile_objects "TARGET..." TREE OBJECTS FRAGMENT [VARIABLE=VALUE...]
compile_objects()
{
	targets=$1
	src=$2
	obj=$3
	fragment=$4
	shift 4
	use_ccache gcc
	# what has been preprocessed hides from gcc where not to warn
	unset CCACHE_NOCPP2
	mkdir -p "$obj"
	for goals in allnoconfig "$targets"; do
		# shellcheck disable=SC2086 # each word a target
		KCONFIG_ALLCONFIG=$fragment make -s -C "$src" O="$obj" \
			ARCH=x86_64 CC="ccache gcc" HOSTCC="ccache gcc" \
			-j"$(nproc)" "$@" $goals || return 1
	done
}

# Usage: compile_percpu TREE OBJECTS FRAGMENT [VARIABLE=VALUE...]
compile_percpu()
{
	compile_objects mm/percpu.o "$@"
}

# Commits are from nobody in particular, and as no setting of the user has them.
be_somebody()
{
	GIT_AUTHOR_NAME="A. Tester"
	GIT_AUTHOR_EMAIL=tester@example.org
	GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME
	GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
	GIT_CONFIG_GLOBAL=/dev/null
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL
	export GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_CONFIG_GLOBAL
}
