#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What scripts/bench-report makes of logs.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 18

"$scripts/packages" plot

# Usage: log BACKEND POPULATE FRAGMENTS
log()
{
	cat >"$work/$1-4-1.log" <<-END
	Run /init as init process
	percpu_vm_benchmark: cpus=4 nodes=1 memory=booted pages=2 op=populate first=$2 least=800 mean=1600
	percpu_vm_benchmark: cpus=4 nodes=1 memory=booted pages=2 op=floor_populate first=80 least=64 mean=72
	percpu_vm_benchmark: cpus=4 nodes=1 op=fragments when=after huge=$3 percpu=38 extfrag=5
	percpu_vm_benchmark: cpus=4 nodes=1 memory=singles bytes=64 op=alloc_percpu first=7 least=6 mean=$2
	percpu_vm_benchmark: cpus=4 nodes=1 memory=booted objects=100 op=cgroup first=9 least=$2 mean=8
	percpu_vm_benchmark: done
	END
}

# Usage: entry OP KEY VALUE: what bench.json says
entry()
{
	python3 - "$work/bench.json" "$@" <<-END
	import json, sys
	path, op, key, value = sys.argv[1:]
	found = [e for e in json.load(open(path)) if e['op'] == op]
	assert len(found) == 1 and found[0][key] == float(value), found
	END
}

check_error "bench-report without logs" 'no figures' \
	"$scripts/bench-report" "$work"

log stock 2400 7
log replacement 1200 9
check "bench-report" "$scripts/bench-report" "$work"
"$scripts/bench-report" "$work" >"$work/table"
check "ratio of the least" entry populate ratio 1
check "ratio of the first" entry populate first_ratio 2
check "ratio of the mean" entry alloc_percpu mean_ratio 2
check "instructions a page" entry populate stock 100
check "the floor beside them" entry populate floor 8
check "instructions an object" entry cgroup replacement 1200
check "table" grep -qE '^ +4 +2 +100 +100 +1.00 +1.00 +2.00 +8$' "$work/table"
check "rows without a difference" grep -qE '^ +4 alloc_percpu 64 +6 +6 +1.00 +2.00$' "$work/table"
check "free blocks" grep -qE '^ +4 +1 after +7 +9 +5 +5 +38 +38$' "$work/table"
# For 64 CPUs it is drawn as well.
mkdir "$work/plot"
for backend in stock replacement; do
	sed 's/cpus=4/cpus=64/; s/pages=2/pages=1/' "$work/$backend-4-1.log" \
		>"$work/plot/$backend-64-1.log"
done
"$scripts/bench-report" "$work/plot" >/dev/null
check "data of the plot" grep -qx '"memory cgroup" 2400.0 1200.0' \
	"$work/plot/bench.dat"
draw()
{
	(cd "$work/plot" && gnuplot "$top/bench/bench.gnuplot") &&
		grep -q 50% "$work/plot/bench.svg"
}
check "the plot" draw
names_work()
{
	grep -nF "$work" "$work/plot/bench.svg"
}
check "which names no directory" test -z "$(names_work)"
two_logs()
{
	"$scripts/bench-report" "$work/stock-4-1.log" \
		"$work/replacement-4-1.log" | cmp - "$work/table"
}
check "bench-report of two logs" two_logs
check_error "bench-report of a log that is missing" 'there is no' \
	"$scripts/bench-report" "$work/stock-4-1.log" "$work/none.log"

sed -i '/cgroup/d' "$work/replacement-4-1.log"
check_error "bench-report of logs that differ" 'do not have the same figures' \
	"$scripts/bench-report" "$work"
check_error "QUICK that is not a switch" 'QUICK=yes is neither' \
	env QUICK=yes "$scripts/bench"
