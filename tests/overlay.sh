#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/overlay and scripts/check-base: a tree gets the series and loses it
# again without a trace, and a wrong tree is refused with the reason.

set -eu
. "$(dirname -- "$0")/lib.sh"

source=$("$scripts/kernel-source")
tree=$work/tree

# As much of a kernel as the scripts look at
fresh_tree()
{
	rm -rf "$tree" "$work/before"
	for file in Makefile Kbuild MAINTAINERS mm/percpu.c mm/percpu-vm.c \
		Documentation/mm/index.rst include/linux/gfp.h \
		include/linux/pgtable.h include/linux/vmalloc.h \
		include/linux/kmsan.h lib/Kconfig.debug lib/tests/Makefile \
		tools/testing/selftests/mm/Makefile \
		tools/testing/selftests/mm/config \
		tools/testing/selftests/mm/run_vmtests.sh; do
		mkdir -p "$tree/$(dirname -- $file)"
		cp -p "$source/$file" "$tree/$file"
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
	"$scripts/overlay" install "$tree"
}

uninstall_tree()
{
	"$scripts/overlay" uninstall "$tree"
}

# Usage: paths_of KIND...: what series/overlay has of that kind
paths_of()
{
	for kind in "$@"; do
		awk -v kind="$kind" '$1 == kind { print $2 }' \
			"$top/series/overlay"
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
		awk -v path="$path" '$1 == "insert" && $2 == path { print $3 }' \
			"$top/series/overlay" | sed "s|^|$top/|" |
			xargs cat | sort >"$work/wanted"
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
check "uninstall" uninstall_tree
check "nothing is left" same_as_before
check "uninstall again" uninstall_tree
check "still nothing is left" same_as_before

check "install but for one file" \
	"$scripts/overlay" install "$tree" mm/percpu-vm.c
check "that file is the kernel's own" \
	cmp "$work/before/mm/percpu-vm.c" "$tree/mm/percpu-vm.c"
uninstall_tree >/dev/null
check "uninstalled, too" same_as_before

# as after a crash: the tree has it, but there is no note of it
fresh_tree
install_tree >/dev/null
rm -r "$tree/.percpu-vm/lib" "$tree/.percpu-vm/Documentation"
check "install after an interrupted one" install_tree
check "which is the same as once" installed
uninstall_tree >/dev/null
check "and leaves nothing" same_as_before

mkdir "$tree/.percpu-vm"
: >"$tree/.percpu-vm/incomplete"
check_error "an interrupted installation is not taken out" \
	'was interrupted; repeat it' uninstall_tree
check_error "nor built from" 'an installation in .* was interrupted' \
	env KDIR="$tree" "$scripts/kernel-source"
install_tree >/dev/null
uninstall_tree >/dev/null
check "but when it was repeated" same_as_before

fresh_tree
install_tree >/dev/null
echo '/* mine */' >>"$tree/mm/percpu-vm.c"
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
touch "$tree/Documentation/mm/percpu-vm.rst"
echo mine >"$tree/Documentation/mm/percpu-vm.rst"
check_error "a file of the user is not replaced" \
	'percpu-vm.rst exists already' install_tree

fresh_tree
sed -i 's/\(int nr_pages\), gfp_t gfp)/\1)/' "$tree/mm/percpu-vm.c"
check_error "an older hook is named" \
	'differs in __pcpu_map_pages\(\).*use a newer kernel' \
	"$scripts/check-base" "$tree"
fresh_tree
sed -i 's/__free_contig_range/__free_contig_slowly/' "$tree/include/linux/gfp.h"
check_error "a missing function is named" \
	'no __free_contig_range\(\) in include/linux/gfp.h' \
	"$scripts/check-base" "$tree"

# as with git am
fresh_tree
install_tree >/dev/null
rm -r "$tree/.percpu-vm"
check_error "a tree with the series as commits" 'has the replacement already' \
	"$scripts/check-base" "$tree"
cp -a "$tree" "$work/committed"
check_error "its files are not taken for ours" 'exists already' install_tree
check "nothing happens to them" uninstall_tree
check "not even when taking out" diff -r "$work/committed" "$tree"

# in a copy, because it costs the objects
mkdir "$work/copy"
for path in "$top"/*; do
	[ "$path" = "$build" ] || cp -R "$path" "$work/copy"
done
fresh_tree
objects=$work/copy/build/stock/run
mkdir -p "$objects"
echo "$tree" >"$work/copy/build/stock/source"
make_tree()
{
	KDIR=$1 "$work/copy/scripts/make-tree" stock
}
check "a tree of the same kernel" make_tree "$tree"
check "its objects stay" test -d "$objects"
cp -a "$tree" "$work/other"
check "a tree of another kernel" make_tree "$work/other"
check "objects of the former are gone" test ! -d "$objects"
mkdir -p "$work/cache/percpu-vm"
cp -a "$tree" "$work/cache/percpu-vm/linux-7.3"
touch "$work/cache/percpu-vm/linux-7.3/only-there"
check "without one, the source in the cache again" \
	env XDG_CACHE_HOME="$work/cache" "$work/copy/scripts/make-tree" stock
check "the tree is that" test -e "$work/copy/build/stock/src/only-there"

check_error "install needs a kernel tree" 'not a kernel source tree' \
	make -s -C "$top" install KDIR="$work"
check_error "install needs KDIR" 'KDIR=' make -s -C "$top" install KDIR=
check_error "uninstall needs a kernel tree" 'not a kernel source tree' \
	make -s -C "$top" uninstall KDIR="$work"
check_error "uninstall needs a tree that exists" 'not a directory' \
	make -s -C "$top" uninstall KDIR="$work/nowhere"

fresh_tree
read_only="mount --bind -o ro $tree $tree"
if unshare -m sh -c "$read_only" 2>/dev/null; then
	check_error "a tree that cannot be written" 'cannot be written to' \
		unshare -m sh -c "$read_only; '$scripts/overlay' install $tree"
else
	skipped "a tree that cannot be written" "needs root to mount one"
fi
