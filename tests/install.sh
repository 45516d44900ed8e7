#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/install, overlay and check-base: a tree gets the series and loses it again
# without a trace, and a wrong tree is refused with the reason.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 56

source=$("$scripts/kernel-source")
tree="$work/it's a tree"
unset KDIR

# As much of a kernel as the scripts look at
fresh_tree()
{
	rm -rf "$tree" "$work/before"
	copy_base "$source" "$tree"
	for file in Makefile Kbuild include/linux/sched/mm.h; do
		mkdir -p "$tree/$(dirname -- $file)"
		cp "$source/$file" "$tree/$file"
		chmod u+w "$tree/$file"
	done
	cp -a "$tree" "$work/before"
}

same_as_before()
{
	diff -r "$work/before" "$tree"
}

install_tree()
{
	KDIR=$tree "$scripts/install"
}

uninstall_tree()
{
	KDIR=$tree "$scripts/install" uninstall
}

# Usage: paths_of KIND...: what series/overlay has of that kind
paths_of()
{
	for kind in "$@"; do
		series_entries | awk -v kind="$kind" '$1 == kind { print $2 }'
	done | sort -u
}

# Every file of the series is there; what the others have more is what is to be
# inserted, once.
installed()
{
	for path in $(paths_of add replace); do
		cmp "$top/$path" "$tree/$path" || return 1
		[ ! -x "$top/$path" ] || [ -x "$tree/$path" ] || return 1
	done
	for path in $(paths_of insert); do
		series_entries | awk -v path="$path" \
			'$1 == "insert" && $2 == path { print $3 }' |
			sed "s|^|$top/|" | xargs cat |
			grep -v '^# For .* of the kernel' | sort >"$work/wanted"
		diff "$work/before/$path" "$tree/$path" |
			sed -n 's/^> //p' | sort | diff "$work/wanted" - ||
			return 1
	done
}

fresh_tree
check "a 7.3 tree fits" "$scripts/check-base" "$tree"
check "install" install_tree
check "everything is installed" installed
check "install again" install_tree
check "twice is the same as once" installed
says_what_it_does()
{
	uninstall_tree >"$work/said"
	grep -x 'restore mm/percpu-vm.c' "$work/said" &&
		grep -x 'remove lib/tests/percpu_vm_observer.c' "$work/said"
}
check "uninstall, which says what it does" says_what_it_does
check "nothing is left" same_as_before
check "uninstall again" uninstall_tree
check "still nothing is left" same_as_before

# What an earlier version of the series has left
fresh_tree
mkdir "$work/copy"
for path in "$top"/*; do
	[ "$path" = "$build" ] || cp -R "$path" "$work/copy"
done
sed -i '/percpu_vm_benchmark.c$/d' "$work/copy/series/overlay"
echo '/* earlier */' >>"$work/copy/mm/percpu-vm.c"
KDIR=$tree "$work/copy/scripts/install" >/dev/null
check "install over an earlier version" install_tree
check "it is the same" installed
uninstall_tree >/dev/null
check "and leaves nothing" same_as_before

# A user's repository: what git has takes itself out, what it has not stays
fresh_tree
git -C "$tree" init -q
be_somebody
git -C "$tree" add -A
git -C "$tree" commit -q -m base
rm -r "$work/before"
cp -a "$tree" "$work/before"
install_tree >/dev/null
git -C "$tree" stash -q
check "uninstall after git stash" uninstall_tree
check "what git had not is gone, too" test -z \
	"$(cd "$tree" && git status --porcelain)"
install_tree >/dev/null
git -C "$tree" checkout -q .
check "install after git checkout" install_tree
check "all of it is there" installed
find "$tree" -name '*.orig' -delete	# as make distclean does
check "uninstall after make distclean" uninstall_tree
check "which loses nothing" test -z "$(cd "$tree" && git status --porcelain)"

# as after a crash
install_tree >/dev/null
rm "$tree/lib/tests/percpu_vm_observer.c"
cp "$work/before/mm/percpu.c" "$tree/mm/percpu.c"
check "install after an interrupted one" install_tree
check "which is the same as once" installed

fresh_tree
install_tree >/dev/null
sed -i 's/^static int pcpu_populate_chunk/static int pcpu_mine/' \
	"$tree/mm/percpu-vm.c"
cp -a "$tree" "$work/mine"
check_error "a changed file is not uninstalled" \
	'mm/percpu-vm.c was changed' uninstall_tree
check_error "nor installed over" 'mm/percpu-vm.c was changed' install_tree
check "nothing is lost" diff -r "$work/mine" "$tree"

fresh_tree
install_tree >/dev/null
sed -i 's/^   percpu-vm$/   percpu-mine/' "$tree/Documentation/mm/index.rst"
check_error "a changed insertion is not uninstalled" \
	'index.rst was changed' uninstall_tree

fresh_tree
sed -i '/^   vmalloc$/d' "$tree/Documentation/mm/index.rst"
cp -a "$tree" "$work/no-anchor"
check_error "a missing anchor is named" \
	"Documentation/mm/index.rst: the anchor '.*vmalloc.*' .* 0 lines" \
	install_tree
check "before anything is changed" diff -r "$work/no-anchor" "$tree"

fresh_tree
echo mine >"$tree/Documentation/mm/percpu-vm.rst"
check_error "a file of the user is not replaced" \
	'percpu-vm.rst exists already' install_tree

fresh_tree
sed -i 's/pcpu_create_chunk(gfp_t gfp)/pcpu_create_chunk(void)/' \
	"$tree/mm/percpu-vm.c" "$tree/mm/percpu.c"
check_error "another hook is named" \
	'differs in pcpu_create_chunk\(\).*see CONTRIBUTING' \
	"$scripts/check-base" "$tree"
fresh_tree
sed -i 's/memalloc_flags_restore/memalloc_restore/' "$tree/include/linux/sched/mm.h"
check_error "a missing function is named" \
	'no memalloc_flags_restore\(\) in include/linux/sched/mm.h' \
	"$scripts/check-base" "$tree"

# What an older kernel lacks is given to it, and no more
fresh_tree
rm "$tree/mm/vmalloc.h" "$tree/mm/page_alloc.h"
sed -i '/define cmp_int/d' "$tree/include/linux/sort.h"
cp -R "$tree" "$work/older"
check "an older kernel" install_tree
check "it gets what it lacks" grep -q 'define cmp_int' "$tree/mm/vmalloc.h"
# what vmalloc.h itself declared is the other thing that it lacks
check "it gets nothing else" \
	test "$(grep -c '/[*] Unless' "$tree/mm/vmalloc.h")" = 2
uninstall_tree >/dev/null
check "and loses it again" diff -r "$work/older" "$tree"

# as with git am
fresh_tree
install_tree >/dev/null
rm "$tree/.percpu-vm.patch"
cp -a "$tree" "$work/committed"
check_error "a tree with the series as commits" 'has the replacement already' \
	install_tree
check "nothing happens to it" uninstall_tree
check "not even when taking out" diff -r "$work/committed" "$tree"

# What is built from one tree stays when another is built.
fresh_tree
cp "$top/mm/percpu-vm.c" "$work/copy/mm/percpu-vm.c"
# Usage: built_from TREE: the directory for that
built_from()
{
	echo "$work/copy/build/$(echo "$1" | sed 's,[^A-Za-z0-9._-],_,g')/stock"
}
make_tree()
{
	KDIR=$1 "$work/copy/scripts/make-tree" stock
}
objects=$(built_from "$tree")
check "a tree" make_tree "$tree"
check "it shares no file with the user's" \
	test "$(stat -c %h "$objects/src/Makefile")" = 1
mkdir "$objects/run"
check "a tree of the same kernel" make_tree "$tree"
check "its objects stay" test -d "$objects/run"
check "its backend is the kernel's own" cmp "$tree/mm/percpu-vm.c" \
	"$objects/src/mm/percpu-vm.c"
install_tree >/dev/null
check "a tree with the series in it" make_tree "$tree"
check "its backend is still the kernel's own" \
	cmp "$work/before/mm/percpu-vm.c" "$objects/src/mm/percpu-vm.c"
cp -a "$tree" "$work/other"
check "a tree of another kernel" make_tree "$work/other"
check "it has a directory of its own" test -d "$(built_from "$work/other")/src"
check "the objects of the first are still there" test -d "$objects/run"
mkdir -p "$work/cache/percpu-vm"
cp -a "$work/before" "$work/cache/percpu-vm/linux-7.3"
touch "$work/cache/percpu-vm/linux-7.3/only-there"
check "without one, the source in the cache" \
	env XDG_CACHE_HOME="$work/cache" "$work/copy/scripts/make-tree" stock
check "the tree is that" test -e "$work/copy/build/stock/src/only-there"
mkdir "$work/copy/build/stock/run"
mv "$work/cache/percpu-vm/linux-7.3" "$work/cache/percpu-vm/linux-7.4"
check "a newer source in the cache" \
	env XDG_CACHE_HOME="$work/cache" "$work/copy/scripts/make-tree" stock
check "objects of the former are gone" test ! -d "$work/copy/build/stock/run"

check_error "install needs a kernel tree" 'not a kernel source tree' \
	make -s -C "$top" install KDIR="$work"
check_error "install needs KDIR" 'KDIR=' make -s -C "$top" install KDIR=
check_error "uninstall needs a kernel tree" 'not a kernel source tree' \
	make -s -C "$top" uninstall KDIR="$work"

# A tree in which there is room for a part of it
small="mount -t tmpfs -o size=3m tmpfs '$work/small'"
cat >"$work/no-room" <<END
$small && cp -a "$tree/." "$work/small" || exit 2
dd if=/dev/zero of="$work/small/filler" bs=1k 2>/dev/null
truncate -s -40k "$work/small/filler"
KDIR=$work/small "$scripts/install"
status=\$?
rm "$work/small/filler"
diff -r "$tree" "$work/small" >&2 || exit 2
exit \$status
END
mkdir "$work/small"
fresh_tree
if unshare -m sh -c "$small" 2>/dev/null; then
	unshare -m sh "$work/no-room" >"$output" 2>&1 && status=0 || status=$?
	no_room()
	{
		[ "$status" = 1 ] && grep 'which is as before$' "$work/said"
	}
	cp "$output" "$work/said"
	check "without room the tree is as before" no_room
else
	skipped "without room the tree is as before" "needs root to mount one"
fi

fresh_tree
read_only="mount --bind -o ro \"$tree\" \"$tree\""
if unshare -m sh -c "$read_only" 2>/dev/null; then
	check_error "a tree that cannot be written" 'cannot be written to' \
		env KDIR="$tree" unshare -m sh -c "$read_only; '$scripts/install'"
else
	skipped "a tree that cannot be written" "needs root to mount one"
fi

# A section of guest/RESULTS.md takes the place of the former one of that name.
for section in One:a Two:b One:c; do
	echo "${section#*:}" | "$work/copy/scripts/results" "${section%:*}"
done
check "sections of results" \
	test "$(grep -xE '## (One|Two)|[abc]' "$work/copy/guest/RESULTS.md" |
		paste -sd ' ' -)" = '## Two b ## One c'
