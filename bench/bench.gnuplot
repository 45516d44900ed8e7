# SPDX-License-Identifier: GPL-2.0-only
# Draws bench.svg from the bench.dat of scripts/bench-report, in the current directory:
# what a page takes in three states of memory, and whole operations, for 64 CPUs.
set terminal svg size 960,360 background 'white' font 'sans,13'
set output 'bench.svg'
set multiplot
set termoption noenhanced
set border 0
unset key
set style fill solid

set title 'Populate and depopulate a page, 64 CPUs'
set lmargin at screen 0.02
set rmargin at screen 0.46
set bmargin at screen 0.2
set tmargin at screen 0.88
set xrange [-0.7:8.6]
set yrange [0:1720]
unset ytics
set xtics scale 0 ('current' 0, 'new' 1, 'current' 3, 'new' 4, 'current' 6, 'new' 7)
set label 1 'as booted' at 0.5,-230 center
set label 2 'blocks of up to 4 pages' at 3.5,-230 center
set label 3 'single pages' at 6.5,-230 center
set label 4 'depopulate,' at 7.45,440 textcolor rgb '#4a6fa5'
set label 5 'flush, free' at 7.45,340 textcolor rgb '#4a6fa5'
set label 6 'populate' at 7.45,100 textcolor rgb '#c46b2d'
set label 7 'instructions per page' at -0.5,1680 textcolor 'gray30'
set boxwidth 0.8
x(i) = int(i) / 2 * 3 + int(i) % 2
plot 'bench.dat' index 0 using (x($0)):($3+$4) with boxes \
		linecolor rgb '#4a6fa5' title 'depopulate, flush, free', \
	'' index 0 using (x($0)):3 with boxes \
		linecolor rgb '#c46b2d' title 'populate', \
	'' index 0 using (x($0)):($3+$4+60):(sprintf('%.0f', $3+$4)) \
		with labels title 'both'

unset label
unset title
set label 2 'Whole operations, 64 CPUs, memory as booted' at screen 0.75,0.95 center
set lmargin at screen 0.73
set rmargin at screen 0.98
set bmargin at screen 0.12
set xrange [0:118]
set ytics scale 0
set yrange [-0.7:8.7]
unset xtics
set label 1 'instructions with the new backend, current = 100%' \
	at screen 0.98,0.05 right textcolor 'gray30'
set arrow from 100,-0.6 to 100,8.6 nohead linecolor 'gray50'
plot 'bench.dat' index 1 using (100*$3/$2/2):0:(100*$3/$2/2):(0.35):ytic(1) \
		with boxxyerror linecolor rgb '#5b8c5a' title 'new', \
	'' index 1 using (103):0:(sprintf('%.0f%%', 100*$3/$2)) \
		with labels left title 'current = 100%'
