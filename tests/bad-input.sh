#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Wrong input and an unfit machine: one line that says what to do, a failure,
# and nothing left behind.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 29

in_make()
{
	make -s -C "$top" "$@"
}

check_error "BACKEND that does not exist" 'neither replacement nor stock' \
	env BACKEND=other "$scripts/run"
check_error "ARCH that does not exist" 'ARCH=pdp11 is none of: .*x86_64' \
	env ARCH=pdp11 "$scripts/kunit"
check_error "ARCH that is a path" 'is none of: ' \
	env ARCH=../debug/kasan "$scripts/kunit"
check_error "CONFIG that does not exist" 'CONFIG=fast is none of: .*kasan' \
	env CONFIG=fast "$scripts/kunit"
check_error "kunit-all of a machine that does not exist" "'pdp11' is none of" \
	"$scripts/kunit-all" arch pdp11
check_error "KDIR that does not exist" 'nowhere is not a directory' \
	env KDIR="$work/nowhere" "$scripts/run"
check_error "KDIR that is not a kernel" 'not a kernel source tree' \
	env KDIR="$top" "$scripts/run"
check_error "ACCEL that does not exist" 'neither tcg nor kvm' \
	env ACCEL=fast "$scripts/boot" "$work"
check_error "TIMEOUT that is not a number" 'not a number of seconds' \
	env TIMEOUT=soon "$scripts/boot" "$work"
check_error "the same before anything is built" 'neither tcg nor kvm' \
	env ACCEL=fast "$scripts/run"
check_error "kunit with an ACCEL that does not exist" 'neither tcg nor kvm' \
	env ACCEL=fast "$scripts/kunit"
check_error "kunit with a TIMEOUT that is not a number" 'number of seconds' \
	env TIMEOUT=soon "$scripts/kunit"
check_error "a mistake that does not exist" "matches 'nothing like it'" \
	"$scripts/mutate" 'nothing like it'
check "help" in_make help

# Usage: environment VARIABLE=VALUE...: what a script makes of it
environment()
{
	# shellcheck disable=SC2016 # that shell is to expand it
	env "$@" sh -c 'umask 077; . "$1/lib.sh"; env; umask; echo "$cache"' \
		"$scripts/any" "$scripts"
}

spotless()
{
	environment LLVM=1 CROSS_COMPILE=x- KCFLAGS=-O0 MAKEFLAGS=-n V=1 \
		KCONFIG_CONFIG=mine GIT_DIR=/nowhere CDPATH=/ >"$work/env"
	grep -x 0022 "$work/env" && ! grep -E \
		'^(LLVM|CROSS_|KC|MAKEF|GIT_DIR|CDPATH)' "$work/env"
}
check "what a user exports for builds reaches none" spotless
verbose()
{
	environment V=1 2>&1 | grep -x '+ umask'
}
check "V=1 shows commands" verbose
homeless()
{
	environment -u HOME XDG_CACHE_HOME=relative | grep -x "$build/.*"
}
check "without HOME, and with a relative XDG_CACHE_HOME" homeless

# Usage: locked SECONDS: as a script that uses $work/locked for so long
locked()
{
	# shellcheck disable=SC2016 # that shell is to expand it
	sh -c '. "$1/lib.sh"
		lock "$2"
		: >"$2.held"
		sleep "$3"
		echo "$3" >>"$2.order"' \
		"$scripts/locked" "$scripts" "$work/locked" "$1"
}
locked 1 &
until [ -e "$work/locked.held" ]; do
	sleep 0.1
done
check "a second one in the same directory" locked 0
wait
check "has waited for the first" test "$(tr -d '\n' <"$work/locked.order")" = 10

path_without "$work/bin" apt-get flex
check_error "no apt and a missing package" 'what has flex, which Debian has' \
	env PATH="$work/bin" "$scripts/packages" build
# An apt whose lock somebody else holds, until it has waited
mkdir -p "$work/busy"
cat >"$work/busy/apt-get" <<END
#!/bin/sh
case " \$* " in
*" flex "*" DPkg::Lock::Timeout="*) cp /bin/true "$work/busy/flex" ;;
*" install "*) exit 100 ;;
esac
END
chmod +x "$work/busy/apt-get"
check "a missing package while apt is in use" \
	env PATH="$work/busy:$work/bin" "$scripts/packages" build
# Nobody is asked for a password, and what is there stays there
printf '#!/bin/sh\necho 1000\n' >"$work/busy/id"
chmod +x "$work/busy/id"
rm "$work/busy/flex"
check_error "a missing package and not root" \
	'as root: apt-get install --no-remove .* flex$' \
	env PATH="$work/busy:$work/bin" "$scripts/packages" build
path_without "$work/bin" apt-get
check_error "no apt and no kernel source" 'pass KDIR=' \
	env PATH="$work/bin" XDG_CACHE_HOME="$work/cache" \
	"$scripts/kernel-source"

small="mount -t tmpfs -o size=4m tmpfs $work/small"
mkdir -p "$work/small"
if unshare -m sh -c "$small" 2>/dev/null; then
	check_error "no room on disk" 'needs 2500 MB in .* make room' \
		unshare -m sh -c "$small; XDG_CACHE_HOME=$work/small \
			'$scripts/kernel-source'"
else
	skipped "no room on disk" "needs root to mount a small one"
fi

# A QEMU that never prints anything, as where KVM is there but does not work
mkdir -p "$work/stub"
printf '#!/bin/sh\nexec sleep 1000\n' >"$work/stub/qemu-system-x86_64"
chmod +x "$work/stub/qemu-system-x86_64"
check_error "KVM that does not start a guest" 'ACCEL=kvm: .*use ACCEL=tcg' \
	env PATH="$work/stub:$PATH" ACCEL=kvm TIMEOUT=2 "$scripts/boot" "$work"

# Ctrl-C goes to all processes in the foreground.
PATH="$work/stub:$PATH" setsid env --default-signal=INT \
	"$scripts/boot" "$work" >/dev/null 2>&1 &
until pgrep -f '^sleep 1000$' >/dev/null; do
	sleep 0.1
done
env kill -INT -- "-$!"
for _ in $(seq 50); do
	pgrep -f '^sleep 1000$' >/dev/null || break
	sleep 0.1
done
check "Ctrl-C ends a guest" test -z "$(pgrep -f '^sleep 1000$')"
pkill -f '^sleep 1000$' || true

# An archive whose package turns out to be broken
printf '#!/bin/sh\nexit 1\n' >"$work/stub/tar"
printf '#!/bin/sh\ntouch %s/unpacked\nexit 1\n' "$work" \
	>"$work/stub/dpkg-deb"
chmod +x "$work/stub/tar" "$work/stub/dpkg-deb"
cat >"$work/stub/apt-get" <<END
#!/bin/sh
case " \$* " in
*" indextargets "*) echo 'http://example.org/debian stable main' ;;
*" download "*) touch linux-source-9.9_9.9-1_all.deb ;;
esac
END
printf '#!/bin/sh\necho linux-source-9.9\n' >"$work/stub/apt-cache"
chmod +x "$work/stub/apt-get" "$work/stub/apt-cache"
mkdir -p "$work/cache/percpu-vm/tmp.crash"
if PATH="$work/stub:$PATH" XDG_CACHE_HOME="$work/cache" \
	"$scripts/kernel-source" >"$output" 2>&1; then
	failed "a broken package"
else
	passed "a broken package"
fi
check "which was unpacked" test -e "$work/unpacked"
check "it leaves nothing to trust" \
	test -z "$(ls "$work/cache/percpu-vm")"
