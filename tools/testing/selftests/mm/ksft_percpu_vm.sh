#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Per-CPU memory, as run_vmtests.sh runs and reports it.

exec ./run_vmtests.sh -t percpu_vm
