// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the backend of the per-CPU allocator, mm/percpu-vm.c, takes
 *
 * Every line in the kernel log is one figure, in nanoseconds.  They are exact
 * in a virtual machine that counts instructions, see
 * Documentation/mm/percpu-vm.rst; elsewhere they are worth as much as any
 * measurement while the machine boots.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/percpu-vm.h>
#include <linux/pgtable.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define NR_CHUNKS	3
#define NR_CYCLES	20
#define BULK_BYTES	(256 << 10)
#define ROUNDS		10

/* the least of the first cycles, which find no page tables, and of all */
struct figure {
	u64	first;
	u64	least;
};

#define NO_FIGURE	{ .first = U64_MAX, .least = U64_MAX }

static void __init add(struct figure *figure, int cycle, u64 ns)
{
	if (!cycle)
		figure->first = min(figure->first, ns);
	figure->least = min(figure->least, ns);
}

static void __init report(const char *op, const char *unit, size_t size,
			  const struct figure *figure)
{
	pr_info("cpus=%u nodes=%u %s=%zu op=%s first=%llu least=%llu\n",
		num_possible_cpus(), num_online_nodes(), unit, size, op,
		figure->first, figure->least);
}

static int __init bench_chunk(struct pcpu_chunk *chunk, int nr_pages,
			      struct figure *populate,
			      struct figure *depopulate)
{
	u64 start, middle, end;
	int i, err;

	percpu_vm_settle();

	for (i = 0; i < NR_CYCLES; i++) {
		start = ktime_get_ns();
		err = percpu_vm_populate(chunk, 0, nr_pages, GFP_KERNEL);
		if (err)
			return err;
		middle = ktime_get_ns();
		percpu_vm_depopulate(chunk, 0, nr_pages);
		percpu_vm_flush(chunk, 0, nr_pages);
		end = ktime_get_ns();
		add(populate, i, middle - start);
		add(depopulate, i, end - middle);
	}
	return 0;
}

/*
 * The hooks.  Depopulating counts until the pages are free again.  No chunk is
 * destroyed before all are measured, so that each has addresses of its own, to
 * which there are no page tables yet.
 */
static int __init bench_hooks(const int *pages, int nr)
{
	struct pcpu_chunk **chunks;
	int i, c, err = 0;

	chunks = kcalloc(nr * NR_CHUNKS, sizeof(*chunks), GFP_KERNEL);
	if (!chunks)
		return -ENOMEM;

	for (i = 0; i < nr && !err; i++) {
		struct figure populate = NO_FIGURE, depopulate = NO_FIGURE;

		for (c = i * NR_CHUNKS; c < (i + 1) * NR_CHUNKS && !err; c++) {
			chunks[c] = percpu_vm_create_chunk(GFP_KERNEL);
			err = chunks[c] ? bench_chunk(chunks[c], pages[i],
						      &populate, &depopulate) :
					  -ENOMEM;
		}
		report("populate", "pages", pages[i], &populate);
		report("depopulate", "pages", pages[i], &depopulate);
	}

	for (c = 0; c < nr * NR_CHUNKS; c++)
		percpu_vm_destroy_chunk(chunks[c]);
	kfree(chunks);
	return err;
}

/* Single pages from the page allocator's bulk interface, and a store each */
static int __init bench_floor(int nr_pages)
{
	const int nr = nr_pages * num_possible_cpus();
	struct figure populate = NO_FIGURE, depopulate = NO_FIGURE;
	struct page **pages;
	u64 start, middle, end;
	int i, page, got, err = -ENOMEM;
	pte_t *ptes;

	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	ptes = kvcalloc(nr, sizeof(*ptes), GFP_KERNEL);
	if (!pages || !ptes)
		goto free_arrays;

	for (i = 0; i < NR_CYCLES; i++) {
		start = ktime_get_ns();
		got = 0;
		do {
			page = alloc_pages_bulk(GFP_KERNEL, nr - got,
						pages + got);
			got += page;
		} while (page && got < nr);
		if (got < nr)
			goto free_pages;
		for (page = 0; page < nr; page++)
			WRITE_ONCE(ptes[page], mk_pte(pages[page],
						      PAGE_KERNEL));
		middle = ktime_get_ns();
		for (page = 0; page < nr; page++)
			WRITE_ONCE(ptes[page], __pte(0));
		free_pages_bulk(pages, nr);
		end = ktime_get_ns();
		memset(pages, 0, nr * sizeof(*pages));
		add(&populate, i, middle - start);
		add(&depopulate, i, end - middle);
	}
	report("floor_populate", "pages", nr_pages, &populate);
	report("floor_depopulate", "pages", nr_pages, &depopulate);
	err = 0;
	got = 0;
free_pages:
	free_pages_bulk(pages, got);
free_arrays:
	kvfree(ptes);
	kvfree(pages);
	return err;
}

/* The front: some objects at once, until nothing is left to balance */
static int __init bench_alloc(size_t size, int nr, const char *alloc_op,
			      const char *free_op)
{
	struct figure alloc = NO_FIGURE, free = NO_FIGURE;
	void __percpu **objects;
	u64 start, end;
	int i, object, err = 0;

	objects = kvcalloc(nr, sizeof(*objects), GFP_KERNEL);
	if (!objects)
		return -ENOMEM;

	for (i = 0; i < NR_CYCLES && !err; i++) {
		start = ktime_get_ns();
		for (object = 0; object < nr; object++)
			objects[object] = __alloc_percpu(size, 8);
		end = ktime_get_ns();
		add(&alloc, i, (end - start) / nr);
		if (!objects[nr - 1])
			err = -ENOMEM;

		start = ktime_get_ns();
		for (object = 0; object < nr; object++)
			free_percpu(objects[object]);
		percpu_vm_settle();
		end = ktime_get_ns();
		add(&free, i, (end - start) / nr);
	}
	kvfree(objects);
	if (err)
		return err;

	report(alloc_op, "bytes", size, &alloc);
	report(free_op, "bytes", size, &free);
	return 0;
}

/* How many huge pages could be made of what is free? */
static unsigned long __init nr_free_huge(void)
{
	unsigned long nr = 0;
	struct zone *zone;
	int order;

	for_each_populated_zone(zone)
		for (order = PMD_ORDER; order < NR_PAGE_ORDERS; order++)
			nr += zone->free_area[order].nr_free <<
			      (order - PMD_ORDER);
	return nr;
}

static void __init report_fragments(const char *when)
{
	int nr_percpu = percpu_vm_settle();

	percpu_vm_nr_free();
	pr_info("cpus=%u nodes=%u op=fragments when=%s huge=%lu percpu=%d\n",
		num_possible_cpus(), num_online_nodes(), when, nr_free_huge(),
		nr_percpu);
}

/*
 * Fill a part of memory, free every other object, refill, and so on.  What the
 * balance worker finds decides what it keeps, up to a whole chunk; so that this
 * does not depend on when it runs, it does after each step.
 */
static int __init bench_fragments(void)
{
	const size_t all = totalram_pages() * PAGE_SIZE / num_possible_cpus();
	static const size_t sizes[] = { 64, 512, 2048, 8192, 32768 };
	const int nr = all / 4 / 8700;
	void __percpu **objects;
	struct rnd_state rnd;
	int round, i;
	size_t size;

	objects = kvcalloc(nr, sizeof(*objects), GFP_KERNEL);
	if (!objects)
		return -ENOMEM;

	report_fragments("before");
	prandom_seed_state(&rnd, 1);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < nr; i++) {
			if (objects[i])
				continue;
			size = sizes[prandom_u32_state(&rnd) %
				     ARRAY_SIZE(sizes)];
			objects[i] = __alloc_percpu(size, 8);
			percpu_vm_settle();
		}
		if (round == 0)
			report_fragments("full");
		for (i = round & 1; i < nr; i += 2) {
			free_percpu(objects[i]);
			percpu_vm_settle();
			objects[i] = NULL;
		}
	}
	report_fragments("half");
	for (i = 0; i < nr; i++) {
		free_percpu(objects[i]);
		percpu_vm_settle();
	}
	report_fragments("after");
	kvfree(objects);
	return 0;
}

static int __init percpu_vm_benchmark(void)
{
	static const int pages[] = { 1, 2, 4, 9, 32 };
	static const size_t bytes[] = { 64, 512, 2048, 32768 };
	int i, err;

	err = bench_hooks(pages, ARRAY_SIZE(pages));
	for (i = 0; i < ARRAY_SIZE(pages) && !err; i++)
		err = bench_floor(pages[i]);
	for (i = 0; i < ARRAY_SIZE(bytes) && !err; i++)
		err = bench_alloc(bytes[i], 1, "alloc_percpu", "free_percpu");
	for (i = 0; i < ARRAY_SIZE(bytes) && !err; i++)
		err = bench_alloc(bytes[i], BULK_BYTES / bytes[i],
				  "alloc_percpu_bulk", "free_percpu_bulk");
	if (!err)
		err = bench_fragments();

	if (err)
		pr_err("ended early with %d\n", err);
	return err;
}
late_initcall(percpu_vm_benchmark);
