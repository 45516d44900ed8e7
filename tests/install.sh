#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/install, overlay and check-base: a tree gets the series and loses it again
# without a trace, and a wrong tree is refused with the reason.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 16

source=$("$scripts/kernel-source")
tree="$work/it's a tree"
before=$work/before
unset KDIR
cd "$top"

# Usage: remember: what the tree is now
remember()
{
	rm -rf "$before"
	cp -a "$tree" "$before"
}

as_before()
{
	diff -r "$before" "$tree"
}

# As much of a kernel as the scripts look at
fresh_tree()
{
	rm -rf "$tree"
	copy_base "$source" "$tree"
	(cd "$source" && cp --parents Makefile Kbuild include/linux/sched/mm.h "$tree")
	chmod -R u+w "$tree"
	remember
}

# Usage: install_tree [uninstall]
install_tree()
{
	KDIR=$tree "$scripts/install" "$@"
}

# Every file of the series is there; the others have the lines that are to be inserted.
installed()
{
	for path in $(series_entries | awk '$1 != "insert" { print $2 }'); do
		cmp "$path" "$tree/$path"
		[ ! -x "$path" ] || [ -x "$tree/$path" ]
	done
	for path in $(series_entries | awk '$1 == "insert" { print $2 }'); do
		series_entries | awk -v path="$path" '$2 == path { print $3 }' | xargs cat |
			grep -v '^# For .* of the kernel' | sort - "$before/$path" >"$work/wanted"
		sort "$tree/$path" | diff "$work/wanted" -
	done
}

# An earlier version is there, then a part of this one, as after a crash, then all of it.
install_again()
{
	fresh_tree
	copy_project
	sed -i '/percpu_vm_benchmark.c$/d' "$work/copy/series/overlay"
	echo '/* earlier */' >>"$work/copy/mm/percpu-vm.c"
	KDIR=$tree "$work/copy/scripts/install"
	install_tree
	installed
	rm "$tree/lib/tests/percpu_vm_observer.c"
	cp "$before/mm/percpu.c" "$tree/mm/percpu.c"
	install_tree
	installed
	install_tree
	installed
	install_tree uninstall >"$said"
	grep -x 'restore mm/percpu-vm.c' "$said"
	grep -x 'remove lib/tests/percpu_vm_observer.c' "$said"
	as_before
	install_tree uninstall >"$said"
	grep '^nothing to remove' "$said"
	as_before
}
check "install and uninstall, and again" install_again

# A user's repository, where git stash and checkout revert tracked files
in_repository()
{
	fresh_tree
	git -C "$tree" init -q
	git -C "$tree" add -A
	git -C "$tree" commit -q -m base
	install_tree
	installed
	git -C "$tree" stash
	install_tree uninstall
	[ -z "$(git -C "$tree" status --porcelain)" ]
	install_tree
	git -C "$tree" checkout .
	install_tree
	installed
	find "$tree" -name '*.orig' -delete	# as make distclean does
	install_tree uninstall
	[ -z "$(git -C "$tree" status --porcelain)" ]
}
check "uninstall after git stash, install after git checkout" in_repository

# Usage: refused PATTERN COMMAND: with that error, and the tree is as before
refused()
{
	remember
	one_error "$@"
	as_before
}

# A file that is changed before the series is installed, or after
while IFS='|' read -r when changed edit error; do
	fresh_tree
	[ "$when" = before ] || install_tree >/dev/null
	sed -i "$edit" "$tree/$changed"
	check "$changed changed $when: install" refused "$error" install_tree
	[ "$when" = before ] ||
		check "$changed changed $when: uninstall" refused "$error" install_tree uninstall
done <<'END'
before|mm/percpu.c|s/create_chunk(gfp_t/create_chunk(int/|in pcpu_create_chunk\(\).*see CONTRIBUTING
before|include/linux/gfp.h|s/free_contig_range/&2/|no __free_contig_range\(\) in include/
before|Documentation/mm/index.rst|/^   vmalloc$/d|index.rst: the anchor '.*vmalloc.*' .* 0 lines
after|Documentation/mm/index.rst|s/^   percpu-vm$/&2/|index.rst was changed
after|mm/percpu-vm.c|s/^static int pcpu_/&my_/|mm/percpu-vm.c was changed
END

fresh_tree
echo mine >"$tree/Documentation/mm/percpu-vm.rst"
check "a file of the user" refused 'percpu-vm.rst exists already' install_tree

# as with git am
as_commits()
{
	fresh_tree
	install_tree
	rm "$tree/.percpu-vm.patch"
	refused 'has the new backend already' install_tree
	install_tree uninstall
	as_before
}
check "a tree with the series as commits" as_commits

# It is given what it lacks, and no more.
older()
{
	fresh_tree
	rm "$tree/mm/vmalloc.h" "$tree/mm/page_alloc.h"
	sed -i '/define cmp_int/d' "$tree/include/linux/sort.h"
	remember
	one_error 'for Linux 7.3 and later' env KDIR="$tree" "$scripts/series" "$work/series"
	install_tree
	one_error 'for Linux 7.3 and later' env KDIR="$tree" "$scripts/series" "$work/series"
	grep 'define cmp_int' "$tree/mm/vmalloc.h"
	# what vmalloc.h itself declared is the other thing that it lacks
	[ "$(grep -c '/[*] Unless' "$tree/mm/vmalloc.h")" = 2 ]
	install_tree uninstall
	as_before
}
check "an older kernel" older

# Usage: make_tree KDIR: prints the directory
make_tree()
{
	KDIR=$1 "$work/copy/scripts/make-tree" stock
}

trees_to_build()
{
	fresh_tree
	copy_project
	src=$(make_tree "$tree")
	# no file is shared with the user's tree
	[ "$(stat -c %h "$src/Makefile")" = 1 ]
	cmp "$before/mm/percpu-vm.c" "$src/mm/percpu-vm.c"
	mkdir "$src/../run"
	install_tree
	make_tree "$tree"
	cmp "$before/mm/percpu-vm.c" "$src/mm/percpu-vm.c"
	# what is built from one tree stays when another is built
	cp -a "$tree" "$work/other"
	[ "$(make_tree "$work/other")" != "$src" ]
	[ -d "$src/../run" ]

	# what is built from the cache does not survive a newer kernel
	export XDG_CACHE_HOME="$work/cache"
	mkdir -p "$work/cache/percpu-vm"
	cp -a "$before" "$work/cache/percpu-vm/linux-7.3"
	src=$(make_tree "")
	mkdir "$src/../run"
	mv "$work/cache/percpu-vm/linux-7.3" "$work/cache/percpu-vm/linux-7.4"
	make_tree ""
	cmp "$before/mm/percpu-vm.c" "$src/mm/percpu-vm.c"
	[ ! -d "$src/../run" ]
}
check "trees to build from" trees_to_build

# A file system that has room for a part of the series
no_room()
{
	fresh_tree
	# shellcheck disable=SC2016 # that shell is to expand it
	listen unshare -m sh -euxc 'mount -t tmpfs tmpfs "$2"
		cp -a "$1/." "$2"
		mount -o remount,size=$(($(du -sk "$2" | cut -f 1) + 40))k "$2"
		if KDIR=$2 scripts/install; then exit 1; fi
		diff -r "$1" "$2"' sh "$tree" "$before"
	[ $status = 0 ]
	grep 'has none of the series now' "$said"
}
check_as_root "a tree without room" no_room

read_only="mount --bind -o ro \"$tree\" \"$tree\""
check_as_root "a tree that cannot be written" one_error 'cannot be written to' \
	env KDIR="$tree" unshare -m sh -c "$read_only && scripts/install"

# A section of guest/RESULTS.md takes the place of the former one of that name.
sections()
{
	top=$work/copy
	for section in One:a Two:b One:c; do
		echo "${section#*:}" | results "${section%:*}"
	done
	grep -xE '## (One|Two)|[abc]' "$work/copy/guest/RESULTS.md" | paste -sd ' ' - >"$said"
	grep -x '## Two b ## One c' "$said"
}
check "sections of results" sections
