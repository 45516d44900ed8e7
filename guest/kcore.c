// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a debugger reads of per-CPU memory: all of it, the last page of the last
 * unit, too.  Fills chunks with BPF maps of the largest values that there are,
 * all bits set, and looks at the last page of each area in /proc/kcore.  It has to
 * be filled where the page before it is, and the last page of the unit before.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_MAPS		200
#define VALUE_SIZE	32768

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static void make_map(void *values)
{
	union bpf_attr attr = {
		.map_type	= BPF_MAP_TYPE_PERCPU_ARRAY,
		.key_size	= 4,
		.value_size	= VALUE_SIZE,
		.max_entries	= 1,
	};
	unsigned int key = 0;
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		die("BPF_MAP_CREATE");
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (unsigned long)&key;
	attr.value = (unsigned long)values;
	if (bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die("BPF_MAP_UPDATE_ELEM");
}

static unsigned long get_unit_size(void)
{
	FILE *stats = fopen("/sys/kernel/debug/percpu_stats", "r");
	unsigned long size = 0;
	char line[256];

	while (stats && !size && fgets(line, sizeof(line), stats))
		sscanf(line, " unit_size : %lu", &size);
	if (!size)
		die("percpu_stats");
	fclose(stats);
	return size;
}

/* Where an address is in the file, which has a program header for each area */
static off_t offset_of(int kcore, unsigned long addr)
{
	struct {
		unsigned int	type;
		unsigned int	flags;
		unsigned long	offset;
		unsigned long	vaddr;
		unsigned long	paddr;
		unsigned long	filesz;
		unsigned long	memsz;
		unsigned long	align;
	} segment;
	unsigned long first;
	unsigned short nr;

	/* e_phoff and e_phnum of the ELF header */
	if (pread(kcore, &first, sizeof(first), 32) != sizeof(first) ||
	    pread(kcore, &nr, sizeof(nr), 56) != sizeof(nr))
		die("/proc/kcore");
	for (; nr; nr--, first += sizeof(segment)) {
		if (pread(kcore, &segment, sizeof(segment), first) !=
		    sizeof(segment))
			die("/proc/kcore");
		if (segment.type == PT_LOAD && addr >= segment.vaddr &&
		    addr - segment.vaddr < segment.filesz)
			return segment.offset + (addr - segment.vaddr);
	}
	return 0;
}

static int is_filled(int kcore, unsigned long addr, size_t size)
{
	off_t offset = offset_of(kcore, addr);
	unsigned char page[size];
	size_t i;

	if (!offset || pread(kcore, page, size, offset) != (ssize_t)size)
		return 0;
	for (i = 0; i < size && page[i] == 0xff; i++)
		;
	return i == size;
}

int main(void)
{
	const size_t page_size = sysconf(_SC_PAGESIZE);
	const size_t size = VALUE_SIZE * sysconf(_SC_NPROCESSORS_CONF);
	const unsigned long unit_size = get_unit_size();
	int kcore, i, nr_filled = 0, nr_cut = 0;
	unsigned long start, end;
	FILE *areas, *restrict_file;
	void *values = malloc(size);
	char line[256];

	if (!values)
		die("malloc");
	memset(values, 0xff, size);
	for (i = 0; i < NR_MAPS; i++)
		make_map(values);

	/* else the addresses are hashed */
	restrict_file = fopen("/proc/sys/kernel/kptr_restrict", "w");
	if (!restrict_file || fputs("1", restrict_file) < 0 ||
	    fclose(restrict_file))
		die("kptr_restrict");
	kcore = open("/proc/kcore", O_RDONLY);
	areas = fopen("/proc/vmallocinfo", "r");
	if (kcore < 0 || !areas)
		die("/proc");
	while (fgets(line, sizeof(line), areas)) {
		if (!strstr(line, "pcpu_get_vm_areas") ||
		    sscanf(line, "0x%lx-0x%lx", &start, &end) != 2 ||
		    !is_filled(kcore, end - 2 * page_size, page_size) ||
		    !is_filled(kcore, end - unit_size - page_size, page_size))
			continue;
		nr_filled++;
		nr_cut += !is_filled(kcore, end - page_size, page_size);
	}
	printf("# %d areas filled, the last page of %d reads as something else\n",
	       nr_filled, nr_cut);
	return !nr_filled || nr_cut;
}
