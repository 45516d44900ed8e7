# SPDX-License-Identifier: GPL-2.0-only
#
# make run        build a custom kernel with the replacement, boot it under QEMU,
#                 drive per-CPU memory through real users of it, report
# make soak       all of these users at once, for MINUTES (default 10)
# make test       everything that must hold; the last line counts
# make kunit      the KUnit suite alone, through the kernel's kunit.py
# make kunit-all  on all machines of guest/arch, which takes an hour or two
# make kunit-configs
#                 on x86-64 with all debug options of guest/debug
# make kernels    the suite and a short run on 6.12, 7.2, 7.3 and what else Debian has
# make mutants    make mistakes in the backend, see the suite notice each
# make coverage   through which lines and branches of the backend the suite goes
# make bench      count instructions beside those of the kernel's own backend
# make install KDIR=<tree>
#                 put the files of the series into a kernel tree
# make uninstall KDIR=<tree>
#                 take them out again, the tree is as before
# make series     write the patches for linux-mm to build/series
# make clean      remove build/
#
# KDIR=<tree>     build on this kernel tree; default: Debian's newest kernel
#                 source, fetched once into ${XDG_CACHE_HOME:-~/.cache}/percpu-vm
# ARCH=s390       kunit on that machine, see guest/arch; default: x86_64
# CONFIG=kasan    kunit with these debug options, see guest/debug
# BACKEND=stock   run the kernel's own mm/percpu-vm.c instead of the replacement
# ACCEL=kvm       use hardware virtualisation; default: tcg, which needs none
# QUICK=1         bench 4 and 64 CPUs only
# SIGNOFF=1       add your Signed-off-by to the series
# V=2             make version 2 of the series
# TIMEOUT=<secs>  when a guest is taken to hang; default: 900, for kunit 300

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

run:
	@scripts/run

soak:
	@scripts/run soak

test:
	@scripts/test

kunit:
	@scripts/kunit

kunit-all:
	@scripts/kunit-all arch

kunit-configs:
	@scripts/kunit-all debug

kernels:
	@scripts/kernels

mutants:
	@scripts/mutate

coverage:
	@scripts/coverage

bench:
	@scripts/bench

install:
	@scripts/install

uninstall:
	@scripts/install uninstall

series:
	@scripts/series

clean:
	rm -rf build

.PHONY: help run soak test kunit kunit-all kunit-configs kernels mutants coverage bench install uninstall series clean
