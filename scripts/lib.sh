# SPDX-License-Identifier: GPL-2.0-only
# Shared by all scripts, which source it first.
# shellcheck shell=sh disable=SC2034

# Of what a kernel developer may have exported, nothing reaches a build or git but what
# the Makefile offers.
unset CDPATH MAKEFLAGS MFLAGS MAKELEVEL O C W CF CHECK CC LD LLVM LLVM_IAS CROSS_COMPILE
unset KCFLAGS KAFLAGS KCPPFLAGS KRUSTFLAGS HOSTCC HOSTCFLAGS HOSTLDFLAGS CFLAGS
unset LDFLAGS USERCFLAGS USERLDFLAGS KCONFIG_CONFIG KCONFIG_ALLCONFIG KBUILD_OUTPUT KBUILD_VERBOSE
unset KBUILD_EXTMOD KBUILD_EXTRA_WARN KBUILD_CHECKSRC KERNELRELEASE LOCALVERSION
unset INSTALL_MOD_PATH KUNIT_CONFIG_PATH GREP_OPTIONS GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
unset GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS
export LC_ALL=C.UTF-8
umask 022

top=$(cd -- "$(dirname -- "$0")/.." && pwd)
build=$top/build
# a relative one is none, says the XDG base directory specification
cache=${HOME:-$build}/.cache/percpu-vm
case ${XDG_CACHE_HOME:-} in
/*)
	cache=$XDG_CACHE_HOME/percpu-vm
	;;
esac
# not all shells expand ~ behind "KDIR="
case ${KDIR:-} in
\~/*)
	KDIR=${HOME:-}/${KDIR#??}
	;;
esac
# What was built from one kernel tree is of no use for another.
[ -z "${KDIR:-}" ] ||
	build=$build/$(readlink -m -- "$KDIR" | sed 's,[^A-Za-z0-9._-],_,g')

# One line for whoever has to do something about it.
die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Say what takes the time, as the kernel's build does.
step()
{
	printf '  %-7s %s\n' "$1" "$2" >&2
}

# Usage: need_space DIRECTORY MEGABYTES WHAT
need_space()
{
	mkdir -p "$1" || die "cannot create $1; check who owns the directory"
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die "$3 needs $2 MB in $1, $free MB are free; make room there"
}

# Usage: check_value NAME VALUE REGEX WRONG: what it is when it does not match
check_value()
{
	printf '%s\0' "$2" | grep -zqxE -- "$3" || die "$1=$2 is $4"
}

# Usage: check_backend BACKEND, which is another one for scripts/coverage and mutate
check_backend()
{
	check_value BACKEND "$1" 'replacement|stock|coverage|mutant' \
		'neither replacement nor stock'
}

# Usage: check_guest_options ACCEL TIMEOUT
check_guest_options()
{
	check_value TIMEOUT "$2" '[0-9]+' 'not a number of seconds'
	check_value ACCEL "$1" 'tcg|kvm' 'neither tcg nor kvm'
	[ "$1" = tcg ] || { [ -r /dev/kvm ] && [ -w /dev/kvm ]; } ||
		die "ACCEL=kvm: /dev/kvm cannot be used here; use ACCEL=tcg"
}

# QEMU's arguments for a machine with 1 GB, whose CPU numbers take turns on the nodes
# Usage: numa_nodes CPUS NODES
numa_nodes()
{
	memory=$((1024 / $2))
	for node in $(seq 0 $(($2 - 1))); do
		echo "-object memory-backend-ram,id=m$node,size=${memory}M"
		echo "-numa node,nodeid=$node,memdev=m$node"
		for cpu in $(seq "$node" "$2" $(($1 - 1))); do
			echo "-numa cpu,node-id=$node,socket-id=$cpu"
		done
	done
}

# Is KDIR a kernel that needs what is in series/older, or has it?  Usage: is_older [TREE]
is_older()
{
	set -- "${1:-${KDIR:-}}"
	[ -d "$1" ] && {
		[ ! -e "$1/mm/vmalloc.h" ] || grep -q '^/[*] Unless ' "$1/mm/vmalloc.h"
	}
}

# What uses the same directory takes turns, until it ends.  The lock lies beside
# the directory, which may be deleted.  Usage: lock DIRECTORY
lock()
{
	{
		mkdir -p "${1%/*}" && touch "$1.lock"
	} 2>/dev/null || die "cannot write to $1.lock; check who owns it"
	exec 9>"$1.lock"
	flock -n 9 || {
		step WAIT "for another that uses $1"
		flock 9
	}
}

# What series/overlay says for the kernel whose own files are in BASE, or else for
# the newest one.  Usage: series_entries [BASE]
series_entries()
{
	awk -v base="${1:-}" '
		/^(#|$)/ { next }
		$1 != "older" {
			entry[++nr] = $0
			path[nr] = $2
			next
		}
		base != "" && (getline line <(base "/" $2)) < 0 {
			sub(/^older +[^ ]+ +/, "")
			print
			older[$2]
		}
		END {
			for (i = 1; i <= nr; i++)
				if (!(path[i] in older))
					print entry[i]
		}' "$top/series/overlay"
}

# The files in a kernel tree that this is about.  Usage: series_paths [BASE]
# shellcheck disable=SC2120 # not all pass a BASE
series_paths()
{
	series_entries "$@" | awk '{ print $2 }' | sort -u
}

# The kernel's own version of these files, from a tree that may have the series in it
# Usage: copy_base SOURCE DIRECTORY
copy_base()
{
	KDIR=$1 "$top/scripts/install" own "$2"
}

# The kernel's files but those that were built, and those on the input, which TREE
# keeps.  What is in the cache is linked.  Usage: copy_kernel SOURCE TREE
copy_kernel()
{
	link=
	case $1 in
	"$cache"/*)
		link=--link-dest=$1/
		;;
	esac
	mkdir -p "$2"
	rsync -a --delete ${link:+"$link"} --exclude=/.git \
		--exclude=/.config --exclude=/include/config \
		--exclude=/include/generated \
		--exclude='/arch/*/include/generated' \
		--exclude='*.o' --exclude='*.ko' --exclude='.*.cmd' \
		--exclude=/.percpu-vm.patch --exclude-from=- \
		"$1/" "$2/" >/dev/null	# says which directories stay
}

# The number of lines of a file that match a regular expression.
count_matches()
{
	grep -cE -- "$1" "$2" || true
}

# The last line of what runs tests, from what it said about each.  Fails when one has.
# Usage: sum_up FILE
sum_up()
{
	nr_failed=$(count_matches '^FAILED ' "$1")
	echo "$(count_matches '^ok ' "$1") passed, $nr_failed failed," \
	     "$(count_matches '^skipped ' "$1") skipped"
	[ "$nr_failed" = 0 ]
}

# The compiler's results are the same in every clone and for both backends.  In depend
# mode, a first build takes hardly longer than without ccache, but ccache then does not
# look for .incbin, and would take the kernel in a bzImage for any other one.
# Usage: use_ccache [TARGET...]
use_ccache()
{
	export CCACHE_BASEDIR="$build" CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1
	case " $* " in
	*" bzImage "*)
		unset CCACHE_DEPEND
		;;
	esac
}

# The kernel's make for a guest on x86-64.  Usage: kernel_make ARGUMENT...
kernel_make()
{
	use_ccache "$@"
	make ARCH=x86_64 CC="ccache gcc" HOSTCC="ccache gcc" "$@"
}

# The machines or debug options that there are
# Usage: names_in DIRECTORY
names_in()
{
	basename -s .config -a "$top/$1"/*.config | paste -sd ' ' -
}

# Usage: is_name_in DIRECTORY NAME
is_name_in()
{
	names_in "$1" | tr ' ' '\n' | grep -qxF -- "$2"
}

# A file of guest/arch or guest/debug, after those whose options and arguments,
# compiler and packages it shares
# Usage: settings_of FILE
settings_of()
{
	[ -f "$1" ] || die "there is no $1; correct the '# also:' line that names it"
	for also in $(setting also "$1"); do
		settings_of "$top/guest/$also"
	done
	echo "$1"
}

# What files of guest/arch and guest/debug say besides options of the kernel
# Usage: setting NAME FILE...
setting()
{
	key=$1
	shift
	sed -n "s/^# $key: //p" "$@" | paste -sd ' ' -
}

# The machine on which debug options are tried, also without any
# Usage: machine_of NAME
machine_of()
{
	machine=$([ -z "$1" ] || setting arch "$top/guest/debug/$1.config")
	echo "${machine:-x86_64}"
}

# The cases that failed, from what scripts/kunit printed
# Usage: failed_cases LOG
failed_cases()
{
	sed -nE 's/^=* *\[FAILED\] (test_[a-z_]*) *=*$/\1/p' "$1" | sort -u
}

# What a result depends on, as one number, but for compilers and QEMU: what comes on
# the input, what kernels are built with, and files besides.  Usage: checksum FILE...
checksum()
{
	{
		cat
		tar -C "$top" -cP --sort=name --mtime=@0 --exclude=RESULTS.md \
			mm include lib Kconfig series scripts "$@"
	} | sha256sum | cut -c 1-32
}

# Prints the line with which COMMAND says how a run ended, and keeps it in FILE, whose
# name has the checksum.  When that begins with "ok" already, COMMAND is not run again.
# Usage: once FILE COMMAND...
once()
{
	! grep -s '^ok ' "$1" || return 0
	result=$1
	shift
	"$@" | tee "$result"
}

# Makes what comes on the input a section of guest/RESULTS.md.  Usage: results TITLE
results()
{
	file=$top/guest/RESULTS.md
	{
		awk -v title="## $1" '/^## / { skip = $0 == title } !skip' "$file"
		printf '## %s\n\n' "$1"
		cat
	} >"$file.new"
	mv "$file.new" "$file"
}

# Usage: kernel_version TREE
kernel_version()
{
	awk '/^(VERSION|PATCHLEVEL|SUBLEVEL) = [0-9]+$/ { v = v "." $3 }
	     END { print substr(v, 2) }' "$1/Makefile"
}

# The text at the top of a script is its help.
case ${1:-} in
-h | --help)
	sed -n '4,/^$/s/^# \{0,1\}//p' "$0"
	exit
	;;
esac

# V=1 is for the kernel's build, too.
case ${V:-} in
*1*)
	export KBUILD_VERBOSE=1
	set -x
	;;
esac
