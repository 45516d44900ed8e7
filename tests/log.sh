#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/check-log: it sees what the kernel prints when something is wrong,
# and nothing else.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 23

log=$work/log

# During that test, memory runs out, as two CPUs see it at a time.
cat >"$work/clean" <<END
[    0.000000] Linux version 7.3.4 #1 SMP PREEMPT_LAZY
[    0.000000] percpu: Embedded 37 pages/cpu s123456 r8192 d28672 u524288
Checking that seccomp filters can be installed...OK
[    0.312345] debug_vm_pgtable: no errors, warnings or bugs to report
[    9.301770] scftorture: --- End of test: SUCCESS: verbose=0
[   14.000000] percpu_vm: pressure begins
[   14.100000] percpu: allocation failed, size=64 align=8 atomic=0, failed to populate
[   14.100000] percpu_vm invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0
[   14.200000] Call Trace:
[   14.200000]  </TASK>
[   14.300000] Call Trace:
[   14.300000]  </TASK>
[   14.400000] Memory cgroup out of memory: Killed process 77 (percpu_vm)
[   14.900000] percpu_vm: pressure ends
[   15.091244] smpboot: CPU 4 is now offline
END
check "a clean log" silent "$scripts/check-log" "$work/clean"

bad_line()
{
	{
		cat "$work/clean"
		echo "[   16.000000] $1"
	} >"$log"
	fails 'has 1 bad lines, the first one is line 16 of' "$scripts/check-log" "$log"
	grep -F "$1" "$said"
}

while read -r line; do
	check "a log with: $line" bad_line "$line"
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

# Usage: edited_log EDIT NUMBER: has that many bad lines
edited_log()
{
	sed "$1" "$work/clean" >"$log"
	fails "has $2 bad lines" "$scripts/check-log" "$log"
}

check "memory that runs out in another test" edited_log 's/pressure/netns/' 3
check "a test in which memory runs out, and which does not end" edited_log '/ ends$/d' 1
check "a trace that is for something else" edited_log '/ ends$/i Call Trace:' 1
check "a warning when memory runs out" edited_log '/ ends$/i WARNING: mm/percpu.c:1' 1

: >"$log"
check "an empty log" one_error 'empty or not there' "$scripts/check-log" "$log"
