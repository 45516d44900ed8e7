// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of mm/percpu-vm.c, the backend of the per-CPU allocator
 *
 * Times are in nanoseconds, a line of the kernel log each.  They are exact in a
 * virtual machine that counts instructions (QEMU -icount shift=0); elsewhere they
 * include the noise of booting.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmzone.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/percpu-vm.h>
#include <linux/pgtable.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <trace/events/kmem.h>

#define NR_CHUNKS	3
#define NR_CYCLES	20
#define BULK_BYTES	(256 << 10)
#define ROUNDS		10

static const struct percpu_vm_backend *const backend = &percpu_vm_backend;

static int run = 1;
module_param(run, int, 0);
MODULE_PARM_DESC(run, "what to measure: 1 for times (default), 2 for fragmentation");

/**
 * struct memory - a state of free memory to measure in
 * @name: how the log calls it
 * @order: the largest order of its free blocks
 */
struct memory {
	const char	*name;
	unsigned int	order;
};

/**
 * struct figure - what an operation takes, in nanoseconds
 * @first: the least of the first cycles; as booted, hooks find no page tables
 * @least: the least of all
 * @sum: the sum of all but the first
 * @nr: how many that are
 */
struct figure {
	u64	first;
	u64	least;
	u64	sum;
	u64	nr;
};

#define NO_FIGURE	{ .first = U64_MAX, .least = U64_MAX }

static void __init add(struct figure *figure, int cycle, u64 ns)
{
	figure->least = min(figure->least, ns);
	if (cycle) {
		figure->sum += ns;
		figure->nr++;
	} else {
		figure->first = min(figure->first, ns);
	}
}

static void __init report(const struct memory *memory, const char *op,
			  const char *unit, size_t size,
			  const struct figure *figure)
{
	pr_info("cpus=%u nodes=%u memory=%s %s=%zu op=%s first=%llu least=%llu mean=%llu\n",
		num_possible_cpus(), num_online_nodes(), memory->name, unit,
		size, op, figure->first, figure->least,
		div64_u64(figure->sum, figure->nr));
}

/* How many blocks of an order could be made of what is free? */
static unsigned long __init nr_free_blocks(unsigned int order)
{
	unsigned long nr = 0;
	struct zone *zone;
	unsigned int i;

	/* lists of pages that each CPU keeps for itself are not looked at */
	backend->nr_free();
	for_each_populated_zone(zone)
		for (i = order; i < NR_PAGE_ORDERS; i++)
			nr += zone->free_area[i].nr_free << (i - order);
	return nr;
}

/*
 * Take all memory page by page, the reserves included, and give every other
 * block of @memory back, in the order of page frame numbers.
 */
static unsigned long * __init break_memory(const struct memory *memory)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_HIGHMEM | __GFP_MEMALLOC;
	unsigned long *held, pfn;
	struct page *page;

	held = vzalloc(BITS_TO_LONGS(max_pfn) * sizeof(long));
	if (!held)
		return NULL;

	/* what is on the lists of each CPU would join what is given back */
	backend->nr_free();
	while ((page = alloc_page(gfp))) {
		__set_bit(page_to_pfn(page), held);
		cond_resched();
	}
	for_each_set_bit(pfn, held, max_pfn) {
		if (pfn >> memory->order & 1)
			continue;
		__clear_bit(pfn, held);
		__free_page(pfn_to_page(pfn));
	}
	backend->nr_free();
	return held;
}

static void __init mend_memory(unsigned long *held)
{
	unsigned long pfn;

	for_each_set_bit(pfn, held, max_pfn)
		__free_page(pfn_to_page(pfn));
	backend->nr_free();
	vfree(held);
}

static int __init bench_chunk(struct pcpu_chunk *chunk, int nr_pages,
			      struct figure *populate,
			      struct figure *depopulate)
{
	u64 start, middle, end;
	int i, err = 0;

	/* let deferred work finish before, not during, the measurement */
	backend->settle();
	msleep(100);

	for (i = 0; i < NR_CYCLES; i++) {
		start = ktime_get_ns();
		scoped_guard(mutex, backend->mutex)
			err = backend->populate(chunk, 0, nr_pages, GFP_KERNEL);
		if (err)
			return err;
		middle = ktime_get_ns();
		scoped_guard(mutex, backend->mutex) {
			backend->depopulate(chunk, 0, nr_pages);
			backend->flush(chunk, 0, nr_pages);
		}
		end = ktime_get_ns();
		add(populate, i, middle - start);
		add(depopulate, i, end - middle);
	}
	return 0;
}

/*
 * The hooks.  Depopulating counts until the pages are free again.  No chunk is
 * destroyed before all are measured, so that each has addresses of its own, to
 * which there are no page tables if this is the first time.
 */
static int __init bench_hooks(const struct memory *memory, const int *pages,
			      int nr)
{
	struct pcpu_chunk **chunks;
	int i, c, err = 0;

	chunks = kcalloc(nr * NR_CHUNKS, sizeof(*chunks), GFP_KERNEL);
	if (!chunks)
		return -ENOMEM;

	for (i = 0; i < nr && !err; i++) {
		struct figure populate = NO_FIGURE, depopulate = NO_FIGURE;

		for (c = i * NR_CHUNKS; c < (i + 1) * NR_CHUNKS && !err; c++) {
			scoped_guard(mutex, backend->mutex)
				chunks[c] = backend->create_chunk(GFP_KERNEL);
			err = chunks[c] ? bench_chunk(chunks[c], pages[i],
						      &populate, &depopulate) :
					  -ENOMEM;
		}
		if (err)
			break;
		report(memory, "populate", "pages", pages[i], &populate);
		report(memory, "depopulate", "pages", pages[i], &depopulate);
	}

	scoped_guard(mutex, backend->mutex)
		for (c = 0; c < nr * NR_CHUNKS; c++)
			backend->destroy_chunk(chunks[c]);
	kfree(chunks);
	return err;
}

static int __init bench_part(const struct memory *memory, int nr_pages,
			     struct page **pages, struct pcpu_chunk *chunk)
{
	struct figure alloc = NO_FIGURE, flush = NO_FIGURE, free = NO_FIGURE;
	u64 start, allocated, flushed, freed;
	int i, err;

	for (i = -NR_CYCLES; i < NR_CYCLES; i++) {
		guard(mutex)(backend->mutex);
		start = ktime_get_ns();
		err = backend->allocate(pages, nr_pages);
		if (err)
			return err;
		allocated = ktime_get_ns();
		backend->flush(chunk, 0, nr_pages);	/* without any page */
		flushed = ktime_get_ns();
		backend->free(pages, nr_pages);
		freed = ktime_get_ns();
		if (i < 0)
			continue;
		add(&alloc, i, allocated - start);
		add(&flush, i, flushed - allocated);
		add(&free, i, freed - flushed);
	}
	report(memory, "allocate", "pages", nr_pages, &alloc);
	report(memory, "flush", "pages", nr_pages, &flush);
	report(memory, "free", "pages", nr_pages, &free);
	return 0;
}

/*
 * Time allocating, flushing and freeing alone; the rest of the hooks is mapping
 * and unmapping.  The new backend remembers which orders other memory had, so do
 * not count the first cycles, and do this before the hooks.
 */
static int __init bench_parts(const struct memory *memory, const int *sizes,
			      int nr)
{
	const struct percpu_vm_layout layout = backend->layout();
	struct pcpu_chunk *chunk;
	struct page **pages;
	int i, err = -ENOMEM;

	pages = kvcalloc(layout.nr_units * layout.unit_pages, sizeof(*pages),
			 GFP_KERNEL);
	scoped_guard(mutex, backend->mutex)
		chunk = backend->create_chunk(GFP_KERNEL);
	if (!pages || !chunk)
		goto destroy_chunk;

	/* let deferred work finish before, not during, the measurement */
	backend->settle();
	msleep(100);
	for (i = 0; i < nr; i++) {
		err = bench_part(memory, sizes[i], pages, chunk);
		if (err)
			break;
	}
destroy_chunk:
	scoped_guard(mutex, backend->mutex)
		backend->destroy_chunk(chunk);
	kvfree(pages);
	return err;
}

/* Independent pages from the largest blocks that there are, without reclaim */
static int __init floor_alloc(struct page **pages, int nr, unsigned int order)
{
	const gfp_t gfp = GFP_KERNEL & ~__GFP_RECLAIM;
	struct page *page;
	int got = 0, i;

	while (got < nr) {
		order = min_t(unsigned int, order, ilog2(nr - got));
		if (!order) {
			memset(pages + got, 0, (nr - got) * sizeof(*pages));
			i = alloc_pages_bulk(GFP_KERNEL, nr - got, pages + got);
			got += i;
			if (!i)
				break;
			continue;
		}
		page = alloc_pages(gfp, order);
		if (!page)
			break;
		split_page(page, order);
		for (i = 0; i < 1 << order; i++)
			pages[got++] = page + i;
	}
	return got;
}

static void __init floor_free(struct page **pages, int nr)
{
	while (nr) {
		int run = num_pages_contiguous(pages, nr);

		if (run == 1)
			__free_page(*pages);
		else
			__free_contig_range(page_to_pfn(*pages), run);
		pages += run;
		nr -= run;
	}
}

/*
 * The least that it can take to do this safely: blocks that are split and known to
 * be there, an entry written and cleared for each page, runs of pages freed.
 */
static int __init bench_floor(const struct memory *memory, int nr_pages)
{
	const int nr = nr_pages * num_possible_cpus();
	struct figure populate = NO_FIGURE, depopulate = NO_FIGURE;
	const pgprot_t prot = PAGE_KERNEL;
	struct page **pages;
	u64 start, middle, end;
	int i, page, got, err = -ENOMEM;
	pte_t *ptes;

	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	ptes = kvcalloc(nr, sizeof(*ptes), GFP_KERNEL);
	if (!pages || !ptes)
		goto free_arrays;

	for (i = 0; i < NR_CHUNKS * NR_CYCLES; i++) {
		start = ktime_get_ns();
		got = floor_alloc(pages, nr, memory->order);
		if (got < nr) {
			floor_free(pages, got);
			goto free_arrays;
		}
		for (page = 0; page < nr; page++)
			WRITE_ONCE(ptes[page], mk_pte(pages[page], prot));
		middle = ktime_get_ns();
		for (page = 0; page < nr; page++)
			WRITE_ONCE(ptes[page], __pte(0));
		floor_free(pages, nr);
		end = ktime_get_ns();
		add(&populate, i, middle - start);
		add(&depopulate, i, end - middle);
	}
	report(memory, "floor_populate", "pages", nr_pages, &populate);
	report(memory, "floor_depopulate", "pages", nr_pages, &depopulate);
	err = 0;
free_arrays:
	kvfree(ptes);
	kvfree(pages);
	return err;
}

/* Allocate some objects, free them, and wait for the balance worker. */
static int __init bench_alloc(const struct memory *memory, size_t size, int nr,
			      const char *alloc_op, const char *free_op)
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
		for (object = 0; object < nr; object++)
			if (!objects[object])
				err = -ENOMEM;

		start = ktime_get_ns();
		for (object = 0; object < nr; object++)
			free_percpu(objects[object]);
		backend->settle();
		end = ktime_get_ns();
		add(&free, i, (end - start) / nr);
	}
	kvfree(objects);
	if (err)
		return err;

	report(memory, alloc_op, "bytes", size, &alloc);
	report(memory, free_op, "bytes", size, &free);
	return 0;
}

/* A page of another mobility type was taken, since there was none of ours. */
static void count_extfrag(void *nr, struct page *page, int alloc_order,
			  int fallback_order, int alloc_type, int fallback_type)
{
	(*(long *)nr)++;
}

static void __init report_fragments(const char *when, long nr_extfrag)
{
	int nr_percpu = backend->settle();

	pr_info("cpus=%u nodes=%u op=fragments when=%s huge=%lu percpu=%d extfrag=%ld\n",
		num_possible_cpus(), num_online_nodes(), when,
		nr_free_blocks(PMD_ORDER), nr_percpu, nr_extfrag);
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
	long nr_extfrag = 0;
	int round, i, err;
	size_t size;

	objects = kvcalloc(nr, sizeof(*objects), GFP_KERNEL);
	if (!objects)
		return -ENOMEM;

	err = register_trace_mm_page_alloc_extfrag(count_extfrag, &nr_extfrag);
	if (err)
		goto free_objects;
	report_fragments("before", nr_extfrag);
	prandom_seed_state(&rnd, 1);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < nr; i++) {
			if (objects[i])
				continue;
			size = sizes[prandom_u32_state(&rnd) %
				     ARRAY_SIZE(sizes)];
			objects[i] = __alloc_percpu(size, 8);
			backend->settle();
			if (!objects[i])
				err = -ENOMEM;
		}
		if (round == 0)
			report_fragments("full", nr_extfrag);
		for (i = round & 1; i < nr; i += 2) {
			free_percpu(objects[i]);
			backend->settle();
			objects[i] = NULL;
		}
	}
	report_fragments("half", nr_extfrag);
	for (i = 0; i < nr; i++) {
		free_percpu(objects[i]);
		backend->settle();
	}
	report_fragments("after", nr_extfrag);
	unregister_trace_mm_page_alloc_extfrag(count_extfrag, &nr_extfrag);
	tracepoint_synchronize_unregister();
free_objects:
	kvfree(objects);
	return err;
}

static int __init bench_pages(const struct memory *memory)
{
	static const int sizes[] = { 1, 2, 4, 9, 32 };
	int nr = ARRAY_SIZE(sizes), i, err;

	/* a unit can have fewer, where pages are big */
	while (sizes[nr - 1] > backend->layout().unit_pages)
		nr--;
	err = bench_parts(memory, sizes, nr) ?: bench_hooks(memory, sizes, nr);
	for (i = 0; i < nr && !err; i++)
		err = bench_floor(memory, sizes[i]);
	return err;
}

static int __init bench_objects(const struct memory *memory)
{
	static const size_t bytes[] = { 64, 512, 2048, 32768 };
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(bytes) && !err; i++)
		err = bench_alloc(memory, bytes[i], 1, "alloc_percpu",
				  "free_percpu");
	for (i = 0; i < ARRAY_SIZE(bytes) && !err; i++)
		err = bench_alloc(memory, bytes[i], BULK_BYTES / bytes[i],
				  "alloc_percpu_bulk", "free_percpu_bulk");
	return err;
}

/* Measure in fragmented memory, and warn if larger blocks have formed. */
static int __init bench_broken(const struct memory *memory)
{
	unsigned long *held = break_memory(memory), nr_larger;
	int err;

	if (!held)
		return -ENOMEM;

	err = bench_pages(memory) ?: bench_objects(memory);
	nr_larger = nr_free_blocks(memory->order + 1);
	if (nr_larger)
		pr_warn("memory=%s is not valid: %lu larger blocks formed\n",
			memory->name, nr_larger);
	mend_memory(held);
	return err;
}

/*
 * mm/percpu.c keeps an empty chunk populated.  When it frees that later, there are
 * free blocks as large as when it was populated: so measure in the order of the
 * largest blocks.  The hooks leave only page tables behind.  They come first, while
 * there are none.  Fragmentation needs memory that was never broken.
 */
static int __init percpu_vm_benchmark(void)
{
	static const struct memory singles = { "singles", 0 };
	static const struct memory fours = { "fours", 2 };
	static const struct memory booted = { "booted", MAX_PAGE_ORDER };
	int err = 0;

	if (run == 1)
		err = bench_pages(&booted) ?:
		      bench_broken(&singles) ?:
		      bench_broken(&fours) ?:
		      bench_objects(&booted);
	else if (run == 2)
		err = bench_fragments();
	if (err)
		pr_err("ended early with %d\n", err);
	return err;
}
late_initcall(percpu_vm_benchmark);
