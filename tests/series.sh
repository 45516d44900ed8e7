#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/series: the patches make the tree what scripts/overlay makes it, and
# the kernel's own tools have nothing to say against them.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 66

"$scripts/packages" build check series
unset KDIR REROLL SIGNOFF
source=$("$scripts/kernel-source")
series=$work/series

be_somebody
paths=$(series_paths)
messages=$(cd "$top/series/patches" && echo [0-9]*)

one_patch_a_message()
{
	set -- "$series"/000[1-9]-*.patch
	echo "$# patches of: $messages"
	[ $# = "$(echo "$messages" | wc -w)" ]
}

check "make series" env SIGNOFF=1 "$scripts/series" "$series"
check "one patch a message" one_patch_a_message

copy_base "$source" "$work/overlay"
copy_base "$source" "$work/base"
"$scripts/overlay" "$work/base" "$work/overlay"

# Every patch is applied and kept, to look at the steps
git_am()
{
	copy_base "$source" "$work/am"
	git -C "$work/am" init -q
	git -C "$work/am" add -A
	git -C "$work/am" commit -q -m base
	step=0
	for patch in "$series"/000[1-9]-*.patch; do
		step=$((step + 1))
		git -C "$work/am" am --whitespace=error-all "$patch" || return 1
		mkdir "$work/step-$step"
		cp -R "$work/am/." "$work/step-$step"
		rm -rf "$work/step-$step/.git"
	done
}
check "git am" git_am
check "which is what the overlay does" \
	diff -r -x .git "$work/overlay" "$work/am"

# What a file includes, and what is built, is there as soon as it is asked for.
complete()
{
	grep -ho '#include "percpu-vm[^"]*"' "$1/mm/percpu.c" | cut -d '"' -f 2 |
		sed "s|^|$1/mm/|" | xargs ls || return 1
	if grep -q 'linux/percpu-vm.h' "$1/mm/percpu-vm-kunit.h"; then
		ls "$1/include/linux/percpu-vm.h" || return 1
	fi
	grep -o 'percpu_vm_[a-z_]*[.]o' "$1/lib/tests/Makefile" |
		grep -vx percpu_vm_kunit.o | sed "s|^|$1/lib/tests/|; s/o\$/c/" |
		xargs ls || return 1
	grep -o '^config PERCPU_VM_[A-Z_]*' "$1/lib/Kconfig.debug" |
		sed 's/.* /CONFIG_/' | sort >"$work/symbols"
	grep -o 'CONFIG_PERCPU_VM_[A-Z_]*' "$1/lib/tests/Makefile" |
		sort | cmp - "$work/symbols"
}
for step in "$work"/step-*; do
	check "step ${step##*-} is complete" complete "$step"
done

only_base_backend()
{
	cmp "$source/mm/percpu-vm.c" "$work/step-1/mm/percpu-vm.c" &&
		ls "$work"/step-1/lib/tests/percpu_vm_*_kunit.c
}
check "the first cases are for the backend that is there" only_base_backend

cd "$source"
reasons=$(awk '!/^#/ { print $1 }' "$top/tests/checkpatch-reasons")
checkpatch()
{
	perl scripts/checkpatch.pl --strict --terse --show-types --no-summary \
		"$@"
}
for patch in "$series"/*.patch; do
	number=${patch##*/}
	check "checkpatch of patch ${number%%-*}" checkpatch \
		--ignore "$(echo "$reasons" | paste -sd ,)" "$patch"
done
for reason in $reasons; do
	checkpatch "$series"/*.patch >"$work/types" || true
	check "checkpatch still says $reason" grep ":$reason:" "$work/types"
done

# A user's tree: a repository, with the series in it
mkdir "$work/kdir"
ln -s "$source"/* "$work/kdir"
# directories of its own wherever the series writes, lest it writes to the source
for dir in $(echo "$paths" | sed -n 's,/.*,,p' | sort -u); do
	rm "$work/kdir/$dir"
	cp -rs "$source/$dir" "$work/kdir"
done
copy_base "$source" "$work/kdir"
git -C "$work/kdir" init -q
(cd "$work/base" && find . -type f) | xargs git -C "$work/kdir" add -f
git -C "$work/kdir" commit -q -m base
KDIR=$work/kdir "$scripts/install" >/dev/null
# Usage: has_owner PATH: who looks after the per-CPU allocator, if it is its own
has_owner()
{
	cd "$work/kdir"
	perl scripts/get_maintainer.pl --no-git --no-git-fallback \
		--no-keywords --roles -f "$1" >"$work/owner" 2>&1 || return 1
	cat "$work/owner"
	case $1 in
	*percpu*)
		grep '(maintainer:PER-CPU MEMORY ALLOCATOR)' "$work/owner"
		;;
	*)
		grep '@' "$work/owner"
		;;
	esac
}
for path in $paths; do
	check "$path has an owner" has_owner "$path"
done

wanted_by()
{
	grep -q 'dennis@kernel.org' "$series/to" &&
		grep -q 'linux-mm@kvack.org' "$series/cc" &&
		! grep -xFf "$series/to" "$series/cc"
}
check "to and cc have the maintainers and the list" wanted_by

kernel_doc()
{
	/usr/bin/python3 "$source/tools/docs/kernel-doc" -none -Wall "$1" \
		>"$work/kernel-doc" 2>&1 || true
	cat "$work/kernel-doc"
	[ ! -s "$work/kernel-doc" ]
}
for path in mm/percpu-vm.c mm/percpu-vm-kunit.c mm/percpu-vm-kunit.h \
	include/linux/percpu-vm.h; do
	check "kernel-doc of $path" kernel_doc "$work/am/$path"
done

# It takes the licenses from the last commit.
spdx()
{
	cp -R "$source/LICENSES" "$work/am/"
	git -C "$work/am" add LICENSES
	git -C "$work/am" commit -q -m licenses
	cd "$work/am"
	# shellcheck disable=SC2086
	/usr/bin/python3 "$source/scripts/spdxcheck.py" $paths \
		>"$work/spdx" 2>&1 || true
	cat "$work/spdx"
	[ ! -s "$work/spdx" ]
}
check "spdxcheck" spdx

# What is new; the kernel has misspellings of its own
spelling()
{
	for patch in "$series"/*.patch; do
		sed -n '/^[ -]/!p' "$patch"
	done >"$work/new"
	codespell "$work/new"
}
check "codespell" spelling

signed_off()
{
	grep -l '^Signed-off-by: A. Tester <tester@example.org>$' \
		"$1"/000[1-9]-*.patch | wc -l
}
assisted_by()
{
	grep -L "^Assisted-by: $(cat "$top/series/assisted-by")$" \
		"$1"/000[1-9]-*.patch
}
check "SIGNOFF=1 signs every patch" \
	test "$(signed_off "$series")" = "$(echo "$messages" | wc -w)"
"$scripts/series" "$work/unsigned" >/dev/null 2>&1
check "without it none is" test "$(signed_off "$work/unsigned")" = 0
check "every patch says that it was assisted" \
	test -z "$(assisted_by "$series")"
check "they are from the user" test \
	"$(grep -l '^From: "A. Tester" <tester@example.org>$' "$series"/*.patch |
		wc -l)" -gt "$(echo "$messages" | wc -w)"

same_patches()
{
	for patch in "$work/unsigned"/*.patch; do
		sed '/^From [0-9a-f]/d; /^Date:/d; /^base-commit:/,+1d' \
			"$patch" >"$work/old"
		sed '/^From [0-9a-f]/d; /^Date:/d; /^base-commit:/,+1d' \
			"$work/user/${patch##*/}" >"$work/new"
		diff "$work/old" "$work/new" || return 1
	done
}
check "make series with KDIR" \
	env KDIR="$work/kdir" "$scripts/series" "$work/user"
check "a tree with the series in it gives the same" same_patches
check "the cover letter names the commit" grep \
	"^base-commit: $(git -C "$work/kdir" rev-parse HEAD)$" \
	"$work/user/0000-cover-letter.patch"

# A commit of one's own, and changes that are not committed
public=$(git -C "$work/kdir" rev-parse HEAD)
git -C "$work/kdir" update-ref refs/remotes/origin/main HEAD
git -C "$work/kdir" commit -q --allow-empty -m mine
env KDIR="$work/kdir" "$scripts/series" "$work/mine" >/dev/null 2>&1
check "the base is what others have" \
	grep "^base-commit: $public$" "$work/mine/0000-cover-letter.patch"
echo '# mine' >>"$work/kdir/MAINTAINERS"
check_error "a change that others have not" \
	'MAINTAINERS of .* is not that of commit' \
	env KDIR="$work/kdir" "$scripts/series" "$work/mine"

# Version 2 of a series of which one message was another
mkdir "$work/copy"
(cd "$top" && git ls-files -z --cached --others --exclude-standard |
	xargs -0 cp --parents -t "$work/copy")
cat >"$work/copy/series/changelog" <<END
# What has changed since v1
Changes since v1:

 - say it better
END
sed -i '3s/^/Better: /' "$work/copy/series/patches/2-backend"
version_2()
{
	env REROLL=2 "$work/copy/scripts/series" "$series" || return 1
	! ls "$series"/0* 2>/dev/null &&
		ls "$series"/v2-0000-cover-letter.patch &&
		ls "$series-v1.bundle" "$series-v2.bundle"
}
cover=$series/v2-0000-cover-letter.patch
check "REROLL=2" version_2
check "its patches say so" test \
	"$(grep -l '^Subject: \[PATCH v2 [1-9]/' "$series"/*.patch | wc -l)" = \
	"$(echo "$messages" | wc -w)"
check "its cover letter has the changelog" \
	test "$(grep -v '^#' "$work/copy/series/changelog")" = \
	"$(grep -A 2 '^Changes since v1:' "$cover")"
check "and a range-diff" grep '^    +.*Better: ' "$cover"

check_error "REROLL=2 needs what was sent" 'needs .*-v1.bundle to compare with' \
	env REROLL=2 "$scripts/series" "$work/never"
check_error "REROLL=x" 'is not the number of a version' \
	env REROLL=x "$scripts/series" "$series"
mkdir "$work/other"
echo mine >"$work/other/0001-mine.patch"
check_error "a directory with other patches" 'patches of something else' \
	"$scripts/series" "$work/other"
check "they stay" test -s "$work/other/0001-mine.patch"
check_error "SIGNOFF=me" 'neither 1 nor 0' \
	env SIGNOFF=me "$scripts/series" "$series"
check_error "nobody to be from" 'git does not know who you are' \
	env -u GIT_AUTHOR_NAME -u GIT_AUTHOR_EMAIL -u EMAIL \
	GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=2 \
	GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0= \
	GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1= \
	"$scripts/series" "$series"

sed -i '/benchmark.c$/d' "$work/copy/series/order"
check_error "a file that no patch brings" \
	'series/order leaves a difference.*percpu_vm_benchmark.c' \
	"$work/copy/scripts/series" "$work/never"
