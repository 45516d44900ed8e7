# SPDX-License-Identifier: GPL-2.0-only
#
# make run        build a custom kernel with the new backend, boot it under QEMU and
#                 run selftests that use per-CPU memory
# make soak       run all users of per-CPU memory at once
# make test       run all tests, except for the long runs below
# make kunit      run the KUnit suite through the kernel's kunit.py
# make kunit-all  the same on all machines of guest/arch, in an hour or two
# make kunit-configs
#                 the same with all debug options of guest/debug
# make kernels    run the suite and a short make run on the newest kernel of each
#                 series that Debian has, from 6.12 on
# make mutants    break the backend in one way at a time, show which case notices
# make coverage   show which lines and branches of the backend the suite reaches
# make bench      compare instruction counts with the current backend
# make install KDIR=<tree>
#                 put the series into a kernel tree
# make uninstall KDIR=<tree>
#                 take it out again
# make series     write the patches for linux-mm to build/series
# make clean      remove build/
#
# KDIR=<tree>     build on this kernel tree; default: Debian's newest kernel
#                 source, fetched once into ${XDG_CACHE_HOME:-~/.cache}/percpu-vm
# ARCH=s390       kunit on that machine, see guest/arch; default: x86_64
# CONFIG=kasan    kunit with these debug options, see guest/debug
# BACKEND=stock   use the current mm/percpu-vm.c instead of the new one
# ACCEL=kvm       use hardware virtualisation; default: tcg, which needs none
# QUICK=1         bench 4 and 64 CPUs only
# SIGNOFF=1       add your Signed-off-by to the series
# REROLL=2        make version 2 of the series
# V=1             show the commands that are run
# MINUTES=60      soak for so long; default: 10
# TIMEOUT=<secs>  until a guest is considered hung; default: 900, for kunit 300 or more

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
