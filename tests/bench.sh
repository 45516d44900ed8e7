#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What scripts/bench-report makes of logs.

set -eu
. "$(dirname -- "$0")/lib.sh"
plan 15

"$scripts/packages" plot

stock=$work/stock-4-1.log
replacement=$work/replacement-4-1.log

# Usage: log POPULATE FRAGMENTS
log()
{
	cat <<-END
	Run /init as init process
	percpu_vm_benchmark: cpus=4 nodes=1 memory=booted pages=2 op=populate first=$1 least=800 mean=1600
	percpu_vm_benchmark: cpus=4 nodes=1 memory=booted pages=2 op=floor_populate first=80 least=64 mean=72
	percpu_vm_benchmark: cpus=4 nodes=1 memory=booted pages=2 op=allocate first=400 least=320 mean=320
	percpu_vm_benchmark: cpus=4 nodes=1 op=fragments when=after huge=$2 percpu=38 extfrag=5
	percpu_vm_benchmark: cpus=4 nodes=1 memory=singles bytes=64 op=alloc_percpu first=7 least=6 mean=$1
	percpu_vm_benchmark: cpus=4 nodes=1 memory=booted objects=100 op=cgroup first=9 least=$1 mean=8
	percpu_vm_benchmark: done
	END
}

check "bench-report without logs" one_error 'no figures' "$scripts/bench-report" "$work"
log 2400 7 >"$stock"
log 1200 9 >"$replacement"
"$scripts/bench-report" "$work" >"$work/table"

# For 64 CPUs it is drawn as well.
mkdir "$work/plot"
for backend in stock replacement; do
	sed 's/cpus=4/cpus=64/; s/pages=2/pages=1/' "$work/$backend-4-1.log" \
		>"$work/plot/$backend-64-1.log"
done
"$scripts/bench-report" "$work/plot" >/dev/null

while IFS='|' read -r name file pattern; do
	check "$name" grep -E "$pattern" "$work/$file"
done <<'END'
bench.json: a page|bench.json|"op": "populate", "stock": 100.0, .*"floor": 8.0
bench.json: ratios|bench.json|"op": "populate", .*"ratio": 1.0, .*"first_ratio": 2.0
bench.json: an object|bench.json|"op": "cgroup", "stock": 2400.0, "replacement": 1200.0
the table: a page|table|^ +4 +2 +100 +100 +1.00 +1.00 +2.00 +8$
the table: an object|table|^ +4 alloc_percpu 64 +6 +6 +1.00 +2.00$
the table: free blocks|table|^ +4 +1 after +7 +9 +5 +5 +38 +38$
data of the plot: parts|plot/bench.dat|^booted stock 5.0 7.5 0 0 0$
data of the plot: users|plot/bench.dat|^"memory cgroup" 2400.0 1200.0$
END

check "bench.json is JSON" python3 -m json.tool "$work/bench.json"

# It names no directory, either.
draw()
{
	cd "$work/plot"
	gnuplot "$top/bench/bench.gnuplot"
	grep 50% bench.svg
	not grep -nF "$work" bench.svg
}
check "the plot" draw

two_logs()
{
	"$scripts/bench-report" "$stock" "$replacement" | cmp - "$work/table"
}
check "bench-report of two logs" two_logs

check "bench-report of a log that is missing" one_error 'there is no' \
	"$scripts/bench-report" "$stock" "$work/none.log"
sed -i '/cgroup/d' "$replacement"
echo 'percpu_vm_benchmark: memory=fours is not valid: 3 larger blocks formed' >"$work/invalid.log"
check "bench-report of a log that is not valid" one_error 'fours is not valid: 3 larger' \
	"$scripts/bench-report" "$work/invalid.log" "$stock"
check "bench-report of logs that differ" one_error 'do not have the same figures' \
	"$scripts/bench-report" "$work"
