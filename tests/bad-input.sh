#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Wrong input and an unfit machine: one line that says what to do, a failure,
# and nothing left behind.

set -eu
unset KDIR
. "$(dirname -- "$0")/lib.sh"
plan 39

cd "$top"
while IFS='|' read -r command error; do
	# shellcheck disable=SC2086 # each word an argument
	check "error of $command" one_error "$error" env $command
done <<END
BACKEND=other scripts/run|neither replacement nor stock
KDIR=nowhere scripts/run|nowhere is not a directory
KDIR=. scripts/run|not a kernel source tree
ACCEL=fast scripts/run|neither tcg nor kvm
ACCEL=fast scripts/boot build/nowhere|neither tcg nor kvm
TIMEOUT=soon scripts/boot build/nowhere|not a number of seconds
ACCEL=fast scripts/kunit|neither tcg nor kvm
TIMEOUT=soon scripts/kunit|number of seconds
BACKEND=stock KDIR=. scripts/kunit|7.3 and later only
ARCH=pdp11 scripts/kunit|ARCH=pdp11 is none of: .*x86_64
ARCH=../debug/kasan scripts/kunit|is none of:
CONFIG=fast scripts/kunit|CONFIG=fast is none of: .*kasan
scripts/kunit --kernel=nowhere|there is no guest/nowhere.config
scripts/kunit-all arch pdp11|'pdp11' is none of
scripts/mutate nowhere|matches 'nowhere'
KDIR=. scripts/kernels|not KDIR
KDIR=. scripts/test|not Linux 7.3 or later
KDIR=nowhere scripts/test|nowhere is not a directory
QUICK=yes scripts/bench|QUICK=yes is neither
REROLL=x scripts/series build/nowhere|is not the number of a version
SIGNOFF=me scripts/series build/nowhere|neither 1 nor 0
make install KDIR=|KDIR=
make install KDIR=series|not a kernel source tree
make uninstall KDIR=series|not a kernel source tree
END
mkdir "$work/a clone"
cp -R "$scripts" "$work/a clone"
check "a clone in a path with spaces" one_error 'a path without spaces' \
	"$work/a clone/scripts/make-tree" replacement
check "help" sh -c 'make -s help | grep "^make run"'

# A script has a clean environment, shows commands with V=1, and takes no directory
# for the cache that depends on where it is called.
environment()
{
	# shellcheck disable=SC2016 # that shell is to expand it
	env -u HOME XDG_CACHE_HOME=relative LLVM=1 CROSS_COMPILE=x- KCFLAGS=-O0 \
		MAKEFLAGS=-n V=1 KCONFIG_CONFIG=mine GIT_DIR=/nowhere CDPATH=/ \
		GIT_DIFF_OPTS=-u0 GIT_CONFIG_COUNT=0 KBUILD_EXTRA_WARN=1 \
		sh -c 'umask 077; . "$1/lib.sh"; env; umask; echo "cache $cache"' \
		"$scripts/any" "$scripts" >"$said" 2>&1
	not grep -E '^(LLVM|CROSS_|KC|KBUILD_E|MAKEF|GIT_(D|CONFIG_C)|CDPATH)' "$said"
	grep -x 0022 "$said"
	grep -x '+ umask' "$said"
	grep "^cache $build/" "$said"
}
check "what a user exports" environment

second_waits()
{
	flock "$work/locked.lock" sh -c \
		"touch '$work/held'; sleep 1; touch '$work/released'" &
	until [ -e "$work/held" ]; do
		sleep 0.1
	done
	lock "$work/locked"
	[ -e "$work/released" ]
}
check "a second one in the same directory waits for the first" second_waits

# A test that makes fewer checks than it plans, and one that fails without any
false_tests()
{
	copy_project
	# shellcheck disable=SC2016 # that shell is to expand it
	printf '%s\n' '. "${0%/*}/lib.sh"' 'plan 2' 'check one true' >"$work/copy/tests/few.sh"
	echo 'exit 1' >"$work/copy/tests/dies.sh"
	listen "$work/copy/scripts/test" few dies
	[ $status != 0 ]
	grep -x 'FAILED  tests/few.sh made 1 of 2 checks' "$said"
	grep -x 'FAILED  tests/dies.sh did not finish' "$said"
}
check "tests that would pass falsely" false_tests

# Usage: stub PROGRAM COMMANDS: which takes the place of that program
stub()
{
	printf '#!/bin/sh\n%s\n' "$2" >"$work/stub/$1"
	chmod +x "$work/stub/$1"
}

# $work/bin: all programs but one
mkdir "$work/stub" "$work/bin"
for bin in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do
	cp -sn "$bin"/* "$work/bin" 2>/dev/null || true
done
rm -f "$work/bin/apt-get"

check "no apt and no kernel source" one_error 'pass KDIR=' \
	env PATH="$work/bin" XDG_CACHE_HOME="$work/cache" scripts/kernel-source
rm -f "$work/bin/flex"
check "no apt and a missing package" one_error 'not found: flex; install' \
	env PATH="$work/bin" scripts/packages build

# Nobody is asked for a password, and what is there stays there
stub id 'echo 1000'
stub apt-get 'exit 100'
check "a missing package and not root" one_error \
	'as root: apt-get install --no-remove .* flex$' \
	env PATH="$work/stub:$work/bin" scripts/packages build

# For root, an apt whose lock somebody else holds, until it has waited
stub id 'echo 0'
stub apt-get "case \" \$* \" in
*' flex '*' DPkg::Lock::Timeout='*) cp /bin/true '$work/stub/flex' ;;
*' install '*) exit 100 ;;
esac"
check "a missing package while apt is in use" \
	env PATH="$work/stub:$work/bin" scripts/packages build

# git and perl are all that installing takes
rm -f "$work/bin/gcc"
check "no compiler where none is needed" env PATH="$work/bin" scripts/packages series
check "no compiler" one_error 'not found: .*gcc' env PATH="$work/bin" scripts/packages build

check_as_root "no room on disk" one_error 'needs 2500 MB in .* make room' \
	unshare -m sh -c "mount -t tmpfs -o size=4m tmpfs '$work/stub' &&
		XDG_CACHE_HOME=$work/stub scripts/kernel-source"

# A QEMU that never prints anything, as where KVM is there but does not work
stub qemu-system-x86_64 "echo \$\$ >'$work/pid'; exec sleep 1000"
check "KVM that does not start a guest" one_error 'ACCEL=kvm: .*use ACCEL=tcg' \
	env PATH="$work/stub:$PATH" ACCEL=kvm TIMEOUT=2 scripts/boot "$work"

# Ctrl-C goes to all processes in the foreground.
rm -f "$work/pid"
lock "$work/boot"
PATH="$work/stub:$PATH" setsid env --default-signal=INT \
	scripts/boot "$work" >/dev/null 2>&1 &
exec 9>&-
until [ -s "$work/pid" ]; do
	sleep 0.1
done
env kill -INT -- "-$!"
ends()
{
	timeout 5 tail --pid="$(cat "$work/pid")" -f /dev/null
	flock -w 5 "$work/boot.lock" true
}
check "Ctrl-C ends a guest and frees its lock" ends
kill "$(cat "$work/pid")" 2>/dev/null || true

# An archive whose package turns out to be broken
stub tar 'exit 1'
stub dpkg-deb "touch '$work/unpacked'; exit 1"
stub apt-get 'case " $* " in
*" indextargets "*) echo http://example.org/debian stable main ;;
*" download "*) touch linux-source-9.9_9.9-1_all.deb ;;
esac'
stub apt-cache 'echo linux-source-9.9'
broken_package()
{
	mkdir -p "$work/cache/percpu-vm/tmp.crash"
	listen env PATH="$work/stub:$PATH" XDG_CACHE_HOME="$work/cache" scripts/kernel-source
	[ $status != 0 ]
	[ -e "$work/unpacked" ]
	[ -z "$(ls "$work/cache/percpu-vm")" ]
}
check "a broken package leaves nothing to trust" broken_package
