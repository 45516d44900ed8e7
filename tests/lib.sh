# SPDX-License-Identifier: GPL-2.0-only
# What all tests share.  Sourced as the first thing that they do.
# shellcheck shell=sh disable=SC2034

unset V		# what is printed is compared
. "$(dirname -- "$0")/../scripts/lib.sh"

scripts=$top/scripts
work=$(mktemp -d)
output=$work/output
said=$work/said
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Commits are from nobody in particular, and as no setting of the user has them.
unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
export GIT_CONFIG_GLOBAL="$work/gitconfig"
printf '[user]\n\tname = A. Tester\n\temail = tester@example.org\n' >"$GIT_CONFIG_GLOBAL"

# So many checks follow; scripts/test takes fewer as a failure.
plan()
{
	echo "1..$1"
}

# Usage: check NAME COMMAND...: the command succeeds; of a function, each command
check()
{
	name=$1
	shift
	# not in a condition, where "set -e" has no effect
	set +e
	(
		set -ex
		"$@"
	) >"$output" 2>&1
	status=$?
	set -e
	if [ $status = 0 ]; then
		echo "ok      $name"
	else
		echo "FAILED  $name"
		tail -n 50 "$output" | sed 's/^/        | /'
	fi
}

# Usage: fails PATTERN COMMAND...: the command does, its last line matches
fails()
{
	pattern=$1
	shift
	listen "$@"
	[ $status != 0 ]
	grep -vE '^(  [A-Z]|make.*: \*\*\*)' "$said" >"$work/errors"
	tail -n 1 "$work/errors" | grep -E -- "$pattern"
}

# Usage: one_error PATTERN COMMAND...: and says nothing else, except about its steps
one_error()
{
	fails "$@"
	[ "$(wc -l <"$work/errors")" = 1 ]
}

# Usage: silent COMMAND...: it succeeds and says nothing
silent()
{
	listen "$@"
	[ $status = 0 ]
	[ ! -s "$said" ]
}

# Usage: listen COMMAND...: what it says is in $said, its status in $status
listen()
{
	# a trace would be in there, too
	set +x
	status=0
	"$@" >"$said" 2>&1 || status=$?
	set -x
	cat "$said"
}

# "set -e" has no effect behind "!".  Usage: not COMMAND...
not()
{
	! "$@"
}

# Usage: check_as_root NAME COMMAND...: a check that mounts something
check_as_root()
{
	if unshare -m mount -t tmpfs tmpfs "$work" 2>/dev/null; then
		check "$@"
	else
		echo "skipped $1: needs root to mount a file system"
	fi
}

# A copy of this project to change something in
copy_project()
{
	rsync -a --exclude=/build --exclude=/.git "$top/" "$work/copy"
}

# build/drop-in/src: the kernel source with mm/percpu-vm.c and nothing else
make_drop_in_tree()
{
	lock "$build/drop-in"
	source=$("$scripts/kernel-source")
	copy_kernel "$source" "$build/drop-in/src" </dev/null
	copy_base "$source" "$work/base"
	(cd "$build/drop-in/src" && series_paths | xargs rm -f)
	cp -pR --remove-destination "$work/base/." "$build/drop-in/src"
	cp --remove-destination "$top/mm/percpu-vm.c" "$build/drop-in/src/mm/"
}

# Usage: compile "TARGET..." TREE OBJECTS FRAGMENT [VARIABLE=VALUE...]
compile()
{
	targets=$1
	src=$2
	obj=$3
	fragment=$4
	shift 4
	use_ccache
	mkdir -p "$obj"
	# what was compiled before says nothing
	rm -f "$obj/mm/percpu.o" "$obj"/lib/tests/percpu_vm_*.o
	for goals in allnoconfig "$targets"; do
		# shellcheck disable=SC2086 # each word a target
		KCONFIG_ALLCONFIG=$fragment make -s -C "$src" O="$obj" \
			ARCH=x86_64 CC="ccache gcc" HOSTCC="ccache gcc" \
			-j"$(nproc)" "$@" $goals || return 1
	done
	# what was asked for is what was built
	! sed 's/\(.*\)=n$/# \1 is not set/' "$fragment" | grep -vxFf "$obj/.config"
}
