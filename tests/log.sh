#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/check-log: it sees what the kernel prints when something is wrong,
# and nothing else.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 25

log=$work/log

clean_log()
{
	cat <<-END
	[    0.000000] Linux version 7.3.4 #1 SMP PREEMPT_LAZY
	[    0.000000] percpu: Embedded 37 pages/cpu s123456 r8192 d28672 u524288
	Checking that seccomp filters can be installed...OK
	[    0.312345] debug_vm_pgtable: no errors, warnings or bugs to report
	[    9.301770] scftorture: --- End of test: SUCCESS: verbose=0
	[   14.091244] smpboot: CPU 4 is now offline
	END
}

clean_log >"$log"
check "a clean log" "$scripts/check-log" "$log"

# Usage: check_bad NAME TEXT: the log is not clean, TEXT is shown
check_bad()
{
	"$scripts/check-log" "$log" >"$output" 2>&1 && status=0 || status=$?
	if [ "$status" != 0 ] && grep -qF "$2" "$output"; then
		passed "$1"
	else
		failed "$1"
	fi
}

while read -r line; do
	{
		clean_log
		echo "[   15.000000] $line"
	} >"$log"
	check_bad "a log with: $line" "$line"
done <<END
WARNING: CPU: 1 PID: 7 at mm/percpu-vm.c:400 pcpu_map_unit+0x1/0x2
BUG: unable to handle page fault for address: ffffc90000000000
BUG: Bad page state in process drive pfn:12345
kernel BUG at mm/vmalloc.c:123!
Oops: Oops: 0002 [#1] SMP
INFO: task drive:1 blocked for more than 120 seconds.
watchdog: BUG: soft lockup - CPU#3 stuck for 22s!
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: INFO: rcu_sched detected stall, but suppressed full report
Kernel panic - not syncing: Attempted to kill init!
drive: page allocation failure: order:0, mode:0xc00(GFP_NOIO)
percpu: allocation failed, size=64 align=8 atomic=0, failed to populate
Unable to handle kernel paging request at virtual address ffff800080000000
Call trace:
BUG kmalloc-64 (Not tainted): Poison overwritten
pagealloc: memory corruption
list_del corruption. prev->next should be ffff888000000000
END

# Memory that runs out, as two CPUs see it at a time
out_of_memory()
{
	cat <<-END
	[   14.1] percpu: allocation failed, size=64 align=8 atomic=0, failed to populate
	[   14.1] percpu_vm invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0
	[   14.2] Call Trace:
	[   14.2]  </TASK>
	[   14.3] Call Trace:
	[   14.3]  </TASK>
	[   14.4] Memory cgroup out of memory: Killed process 77 (percpu_vm)
	END
}

# Usage: log_with TEST COMMAND: COMMAND writes what is logged during TEST
log_with()
{
	clean_log
	echo "[   14.0] percpu_vm: $1 begins"
	$2
	echo "[   14.9] percpu_vm: $1 ends"
}

log_with pressure out_of_memory >"$log"
check "a log of memory that runs out as it shall" "$scripts/check-log" "$log"
log_with netns out_of_memory >"$log"
check_bad "memory that runs out in another test" 'failed to populate'
{
	log_with pressure out_of_memory
	out_of_memory
} >"$log"
check_bad "memory that runs out after the test" 'failed to populate'
{
	log_with pressure out_of_memory | grep -v ' ends$'
	out_of_memory
} >"$log"
check_bad "memory that runs out in a test without an end" 'does not end'
one_trace_more()
{
	out_of_memory
	echo "[   14.5] Call Trace:"
}
log_with pressure one_trace_more >"$log"
check_bad "a trace that is for something else" 'Call Trace:'
warning()
{
	out_of_memory
	echo "[   14.5] WARNING: mm/percpu.c:1 at pcpu_alloc_noprof+0x1/0x2"
}
log_with failing warning >"$log"
check_bad "a warning when memory runs out" 'WARNING: mm/percpu.c:1'

: >"$log"
check_error "an empty log" 'empty or not there' "$scripts/check-log" "$log"
