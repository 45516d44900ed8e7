// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a debugger reads of per-CPU memory: all of it, the last page of the last
 * unit, too.  Fills chunks with BPF maps of the largest values that there are,
 * all bits set, and looks at the last page of each area in /proc/kcore.  It has to
 * be filled where the page before it is, and the last page of the unit before.
 */
#include <fcntl.h>
#include <linux/elf.h>

#include "percpu.h"

#define NR_MAPS		200
#define VALUE_SIZE	32768

static void fill_map(void *values)
{
	unsigned int key = 0;
	union bpf_attr attr = {
		.map_fd	= make_map(VALUE_SIZE, 1),
		.key	= (unsigned long)&key,
		.value	= (unsigned long)values,
	};

	if (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
		die("BPF_MAP_UPDATE_ELEM");
}

/* Where an address is in the file, which has a program header for each area */
static off_t offset_of(int kcore, unsigned long addr)
{
	struct elf64_phdr segment;
	struct elf64_hdr header;
	off_t offset;

	if (pread(kcore, &header, sizeof(header), 0) != sizeof(header))
		die("/proc/kcore");
	for (offset = header.e_phoff; header.e_phnum; header.e_phnum--) {
		if (pread(kcore, &segment, sizeof(segment), offset) !=
		    sizeof(segment))
			die("/proc/kcore");
		if (segment.p_type == PT_LOAD && addr >= segment.p_vaddr &&
		    addr - segment.p_vaddr < segment.p_filesz)
			return segment.p_offset + (addr - segment.p_vaddr);
		offset += sizeof(segment);
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
	const unsigned long unit_size = read_stat("unit_size");
	int kcore, i, nr_filled = 0, nr_cut = 0;
	unsigned long start, end;
	FILE *areas, *restrict_file;
	void *values = malloc(size);
	char line[256];

	if (!values)
		die("malloc");
	memset(values, 0xff, size);
	for (i = 0; i < NR_MAPS; i++)
		fill_map(values);

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
