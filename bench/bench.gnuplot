# SPDX-License-Identifier: GPL-2.0-only
# Draws bench.svg from the bench.dat of scripts/bench-report, in the current directory:
# what a page takes in three states of memory, and whole operations, for 64 CPUs.
set terminal svg size 1040,360 background 'white' font 'sans,13'
set output 'bench.svg'
set multiplot
set termoption noenhanced
set border 0
unset key
set style fill solid

set title 'Populate and depopulate a page, 64 CPUs'
set lmargin at screen 0.075
set rmargin at screen 0.49
set bmargin at screen 0.2
set tmargin at screen 0.88
set xrange [-0.6:7.6]
set yrange [0:1720]
unset ytics
set xtics scale 0 ('current' 0, 'new' 1, 'current' 3, 'new' 4, 'current' 6, 'new' 7)
set label 1 'as booted' at 0.5,-265 center
set label 2 'up to 4 pages' at 3.5,-265 center
set label 3 'single pages' at 6.5,-265 center
set label 4 'instructions per page' at -0.5,1700 textcolor 'gray30'
set boxwidth 0.8
x(i) = int(i) / 2 * 3 + int(i) % 2
# A column of the data is a part of a bar; the first bar has its name beside it.
parts = 'allocate map unmap flush free'
color(part) = word('#b35a1f #dd9058 #7f9fcb #222222 #3f6299', part - 2)
plot for [part = 7:3:-1] 'bench.dat' index 0 \
		using (x($0)):(sum [i = 3:part] column(i)) with boxes \
		linecolor rgb color(part) title word(parts, part - 2), \
	for [part = 3:7] '' index 0 every ::0::0 \
		using (-0.55):((sum [i = 3:part] column(i)) - column(part) / 2): \
		(word(parts, part - 2)) \
		with labels right textcolor rgb color(part) title 'parts', \
	'' index 0 using (x($0)):($3+$4+$5+$6+$7+60): \
		(sprintf('%.0f', $3+$4+$5+$6+$7)) with labels title 'all'

unset label
unset title
set label 2 'Whole operations, 64 CPUs, memory as booted' at screen 0.78,0.95 center
set lmargin at screen 0.775
set rmargin at screen 0.965
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
