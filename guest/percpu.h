/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs that allocate per-CPU memory share */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what)
{
	printf("# %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Makes a BPF map; each value is one allocation of so many bytes. */
static int make_map(int value_size, int nr_values)
{
	union bpf_attr attr = {
		.map_type	= BPF_MAP_TYPE_PERCPU_ARRAY,
		.key_size	= 4,
		.value_size	= value_size,
		.max_entries	= nr_values,
	};
	int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		die("BPF_MAP_CREATE");
	return fd;
}

/* The allocator's statistics; a name is first that of all chunks. */
static long read_stat(const char *wanted)
{
	FILE *stats = fopen("/sys/kernel/debug/percpu_stats", "r");
	char line[256], name[32];
	long value;

	while (stats && fgets(line, sizeof(line), stats)) {
		if (sscanf(line, " %31[a-z_] : %ld", name, &value) == 2 &&
		    !strcmp(name, wanted)) {
			fclose(stats);
			return value;
		}
	}
	die("percpu_stats");
	return 0;
}
