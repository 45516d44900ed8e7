#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# scripts/check-log: it sees what the kernel prints when something is wrong,
# and nothing else.

set -eu
. "$(dirname -- "$0")/lib.sh"

log=$work/log

clean_log()
{
	cat <<-END
	[    0.000000] Linux version 7.3.4 #1 SMP PREEMPT_LAZY
	[    0.000000] percpu: Embedded 37 pages/cpu s123456 r8192 d28672 u524288
	[    0.312345] debug_vm_pgtable: no errors, warnings or bugs to report
	[    9.301770] scftorture: --- End of test: SUCCESS: verbose=0
	[   14.091244] smpboot: CPU 4 is now offline
	END
}

clean_log >"$log"
check "a clean log" "$scripts/check-log" "$log"

while read -r line; do
	{
		clean_log
		echo "[   15.000000] $line"
	} >"$log"
	"$scripts/check-log" "$log" >"$output" 2>&1 && status=0 || status=$?
	if [ "$status" != 0 ] && grep -qF "$line" "$output"; then
		passed "a log with: $line"
	else
		failed "a log with: $line"
	fi
done <<END
WARNING: CPU: 1 PID: 7 at mm/percpu-vm.c:400 pcpu_map_unit+0x1/0x2
BUG: unable to handle page fault for address: ffffc90000000000
BUG: Bad page state in process drive pfn:12345
kernel BUG at mm/vmalloc.c:123!
Oops: Oops: 0002 [#1] SMP
INFO: task drive:1 blocked for more than 120 seconds.
watchdog: BUG: soft lockup - CPU#3 stuck for 22s!
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
Kernel panic - not syncing: Attempted to kill init!
drive: page allocation failure: order:0, mode:0xc00(GFP_NOIO)
percpu: allocation failed, size=64 align=8 atomic=0, failed to populate
list_del corruption. prev->next should be ffff888000000000
END

: >"$log"
check_error "an empty log" 'empty or not there' "$scripts/check-log" "$log"
