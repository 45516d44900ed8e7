#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/series: the patches make the tree what scripts/overlay makes it, and
# the kernel's own tools have nothing to say against them.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 13

"$scripts/packages" build check series
unset KDIR REROLL SIGNOFF
source=$("$scripts/kernel-source")
series=$work/series
cover=0000-cover-letter.patch
paths=$(series_paths)
nr=$(find "$top/series/patches" -name '[0-9]*' | wc -l)

git_am()
{
	SIGNOFF=1 "$scripts/series" "$series"
	copy_base "$source" "$work/am"
	copy_base "$source" "$work/base"
	cp -R "$work/base" "$work/overlay"
	"$scripts/overlay" "$work/base" "$work/overlay"
	cd "$work/am"
	git init -q
	git add -A
	git commit -q -m base
	for patch in "$series"/000[1-9]-*.patch; do
		git am --whitespace=error-all "$patch"
		# the options that there are, and those that select what is built
		grep -o '^config PERCPU_VM_[A-Z_]*' lib/Kconfig.debug |
			sed 's/.* /CONFIG_/' | sort >"$work/options"
		grep -o 'CONFIG_PERCPU_VM_[A-Z_]*' lib/tests/Makefile | sort |
			cmp - "$work/options"
	done
	diff -r -x .git "$work/overlay" .
	# each message has a patch
	[ "$(git rev-list --count HEAD)" = $((nr + 1)) ]

	# the first cases are for the backend that is there
	first=$(git rev-list --reverse HEAD | sed -n 2p)
	git ls-tree --name-only "$first" lib/tests/ | grep '_kunit.c$'
	git diff --exit-code "$first~" "$first" -- mm/percpu-vm.c
}
check "git am of the series does what the overlay does" git_am

# The last patch updates MAINTAINERS for the files of all.
checkpatch()
{
	cd "$source"
	perl scripts/checkpatch.pl --strict --terse --no-summary --ignore FILE_PATH_CHANGES \
		"$series"/*.patch
}
check "checkpatch" checkpatch

# A user's tree: a repository, with the series in it
cp -rs "$source" "$work/kdir"
rm -f "$work/kdir"/.git*
copy_base "$source" "$work/kdir"
git -C "$work/kdir" init -q
(cd "$work/base" && find . -type f) | xargs git -C "$work/kdir" add -f
git -C "$work/kdir" commit -q -m base
KDIR=$work/kdir "$scripts/install" >/dev/null

owners()
{
	cd "$work/kdir"
	for path in $(echo "$paths" | grep percpu); do
		perl scripts/get_maintainer.pl --no-git --no-git-fallback \
			--no-keywords --roles -f "$path" >"$said"
		grep '(maintainer:PER-CPU MEMORY ALLOCATOR)' "$said"
	done
	grep 'dennis@kernel.org' "$series/to"
	grep 'linux-mm@kvack.org' "$series/cc"
	not grep -xFf "$series/to" "$series/cc"
}
check "each file has an owner, and to and cc have them and the list" owners

cd "$work/am"
check "kernel-doc" silent /usr/bin/python3 "$source/tools/docs/kernel-doc" -none -Wall \
	mm/percpu-vm.c mm/percpu-vm-kunit.c mm/percpu-vm-kunit.h include/linux/percpu-vm.h

# It takes the licenses from the last commit.
cp -R "$source/LICENSES" .
git add LICENSES
git commit -q -m licenses
# shellcheck disable=SC2086 # each word a file
check "spdxcheck" silent /usr/bin/python3 "$source/scripts/spdxcheck.py" $paths

# What is new; the kernel has misspellings of its own
sed '/^[ -]/d' "$series"/*.patch >"$work/new"
check "codespell" codespell "$work/new"

# Usage: patches_with LINE: how many there are in the current directory
patches_with()
{
	grep -lx -- "$1" ./*.patch | wc -l
}

trailers()
{
	"$scripts/series" "$work/unsigned"
	cd "$series"
	[ "$(patches_with 'From: "A. Tester" <tester@example.org>')" = $((nr + 1)) ]
	[ "$(patches_with "Assisted-by: $(cat "$top/series/assisted-by")")" = "$nr" ]
	[ "$(patches_with 'Signed-off-by: A. Tester <tester@example.org>')" = "$nr" ]
	not grep '^Signed-off-by:' "$work/unsigned"/*.patch
}
check "the author, the assistant, and SIGNOFF=1" trailers

# Usage: timeless DIRECTORY: the patches without what is different each time
timeless()
{
	sed '/^From [0-9a-f]/d; /^Date:/d; /^base-commit:/,+1d' "$1"/*.patch
}

with_kdir()
{
	KDIR=$work/kdir "$scripts/series" "$work/user"
	timeless "$work/unsigned" >"$said"
	timeless "$work/user" | diff "$said" -
	public=$(git -C "$work/kdir" rev-parse HEAD)
	grep "^base-commit: $public$" "$work/user/$cover"

	# others do not have a commit of one's own
	git -C "$work/kdir" update-ref refs/remotes/origin/main HEAD
	git -C "$work/kdir" commit -q --allow-empty -m mine
	KDIR=$work/kdir "$scripts/series" "$work/user"
	grep "^base-commit: $public$" "$work/user/$cover"
	echo '# mine' >>"$work/kdir/MAINTAINERS"
	one_error 'MAINTAINERS of .* differs from commit' \
		env KDIR="$work/kdir" "$scripts/series" "$work/user"
	KDIR=$work/kdir "$scripts/install" uninstall
	rm -r "$work/kdir/.git"
	sed -i '/^M:/d' "$work/kdir/MAINTAINERS"
	one_error 'finds nobody' env KDIR="$work/kdir" "$scripts/series" "$work/user"
}
check "a tree with the series in it gives the same, for a commit that others have" with_kdir

# Version 2 of a series of which one message was another
version_2()
{
	copy_project
	printf '%s\n' '# What has changed since v1' 'Changes since v1:' '' ' - say it better' \
		>"$work/copy/series/changelog"
	sed -i '3s/^/Better: /' "$work/copy/series/patches/2-backend"
	REROLL=2 "$work/copy/scripts/series" "$series"
	cd "$series"
	ls ../series-v1.bundle ../series-v2.bundle
	[ "$(find . -name 'v2-*.patch' | wc -l)" = $((nr + 1)) ]
	[ "$(find . -name '*.patch' | wc -l)" = $((nr + 1)) ]
	[ "$(patches_with "Subject: \[PATCH v2 [1-9]/.*")" = "$nr" ]
	grep -A 2 '^Changes since v1:' "v2-$cover" | grep -x ' - say it better'
	not grep 'What has changed' "v2-$cover"
	# the range-diff
	grep '^    +.*Better: ' "v2-$cover"
}
check "REROLL=2" version_2

check "REROLL=2 needs what was sent" one_error 'needs .*-v1.bundle to compare with' \
	env REROLL=2 "$scripts/series" "$work/never"

other_patches()
{
	mkdir "$work/other"
	echo mine >"$work/other/0001-mine.patch"
	one_error 'patches of something else' "$scripts/series" "$work/other"
	[ -s "$work/other/0001-mine.patch" ]
}
check "a directory with other patches" other_patches

check "nobody to be from" one_error 'git does not know who you are' \
	env -u EMAIL GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 "$scripts/series" "$series"

sed -i '/benchmark.c$/d' "$work/copy/series/order"
check "a file that no patch brings" one_error \
	'series/order leaves a difference.*percpu_vm_benchmark.c' \
	"$work/copy/scripts/series" "$work/never"
