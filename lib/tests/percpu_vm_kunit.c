// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the backend of the per-CPU allocator, mm/percpu-vm.c.
 *
 * Most cases call the hooks on chunks that mm/percpu.c does not know, watch
 * what the backend does to the rest of the kernel, and have it fail where it
 * hurts.  See Documentation/mm/percpu-vm.rst for what the hooks promise.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/page-flags.h>
#include <linux/percpu.h>
#include <linux/percpu-vm.h>
#include <linux/pgtable.h>
#include <linux/prandom.h>
#include <linux/sched/mm.h>
#include <linux/smp.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#define NO_LIMIT	LONG_MAX
#define MAX_FLUSHES	16
#define MAX_BUSY	512	/* pages without a chance for others to run */
#define BULK_PAGES	128	/* at most requested in bulk */
#define ORDER_RETRY	8	/* requests before a refused order is tried again */
#define MAX_FAILURES	10000	/* until something has to succeed */
#define EMPTY_PAGES	4	/* that mm/percpu.c has ready */
#define MODEL_SEED	20261122
#define MODEL_STEPS	(IS_ENABLED(CONFIG_KMSAN) ? 300 : 3000)
#define MODEL_CHUNKS	3

/* What mm/percpu.c passes for an allocation that may not retry */
#define TEST_GFP	(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)

/**
 * struct flush - a flush that the backend made
 * @event: which one
 * @start: the first address
 * @end: the address after the last one
 * @nr_freed: how many pages had been freed before
 * @nr_parts: how many parts of a chunk there were
 * @nr_mapped: how many pages of the watched range were mapped
 */
struct flush {
	enum percpu_vm_event	event;
	unsigned long		start;
	unsigned long		end;
	long			nr_freed;
	long			nr_parts;
	int			nr_mapped;
};

/**
 * struct percpu_vm_test - what a case knows about the backend
 * @observer: gets the calls
 * @layout: what the chunks look like
 * @chunk: the chunk that most cases work on
 * @spare: others that it had before, with nothing populated
 * @nr_spare: how many
 * @page_start: first page of the watched range of @chunk
 * @page_end: end of the watched range
 * @start: lowest address of the watched range
 * @end: address after the highest one
 * @page_limit: how many pages can still be allocated
 * @table_limit: how many tables can still be gone down to
 * @table_fail: which way to a table fails, counted from 1
 * @part_fail: which part of a chunk cannot be created, counted from 1
 * @metadata_fail: for which page KMSAN cannot map anything, counted from 1
 * @block_fail: which allocation of more than one page fails, counted from 1
 * @block_order: the largest order of blocks that there are
 * @bulk_limit: how many pages the bulk allocator can give at a time
 * @nr_created: how many parts of a chunk were to be created
 * @nr_parts: how many of them there are
 * @nr_metadata: for how many pages KMSAN was to map something
 * @nr_blocks: how many allocations of more than one page there were
 * @nr_refused: how many of them failed as @block_order has it
 * @nr_bulk: how many allocations in bulk there were
 * @nr_calls: how many allocations were tried
 * @nr_granted: how many of them there was memory for
 * @nr_tables: how many tables were gone down to
 * @nr_backwards: how many of them were below the one before
 * @last_table: the address for which that was
 * @nr_lazy: how many times lazy MMU mode was enabled
 * @is_lazy: whether it is on
 * @nr_bad_lazy: how many times anything else was done while it was on, or it
 *		 was disabled while it was off
 * @nr_syncs: how many times page tables were made known
 * @nr_bad_syncs: how many of them not for the watched range
 * @pages_busy: how many pages were allocated or freed since others could run
 * @tables_busy: how many tables were gone down to since then
 * @max_pages_busy: how many pages that was at most
 * @max_tables_busy: how many tables that was at most
 * @nr_allocated: how many pages were allocated
 * @nr_freed: how many pages were freed
 * @nr_runs: in how many contiguous runs
 * @nr_stale: how many of them still led to a chunk
 * @nr_early: how many of them were mapped somewhere in the watched range
 * @nr_dead: how many of them were free already, or had another reference
 * @gfp: what the caller passes
 * @nr_bad_gfp: how many allocations had other flags than they should
 * @nr_bad_scope: how many tables were allocated outside the scope of @gfp
 * @hold: take over the pages that are freed
 * @held: those pages
 * @nr_held: how many
 * @nr_flushes: how many flushes there were
 * @flushes: the first ones of them
 */
struct percpu_vm_test {
	struct percpu_vm_observer	observer;
	struct percpu_vm_layout		layout;
	struct pcpu_chunk		*chunk;
	struct pcpu_chunk		*spare[512];
	int				nr_spare;
	int				page_start;
	int				page_end;
	unsigned long			start;
	unsigned long			end;
	long				page_limit;
	long				table_limit;
	long				table_fail;
	long				part_fail;
	long				metadata_fail;
	long				block_fail;
	int				block_order;
	int				bulk_limit;
	long				nr_created;
	long				nr_parts;
	long				nr_metadata;
	long				nr_blocks;
	long				nr_refused;
	long				nr_bulk;
	long				nr_calls;
	long				nr_granted;
	long				nr_tables;
	long				nr_backwards;
	unsigned long			last_table;
	long				nr_lazy;
	bool				is_lazy;
	long				nr_bad_lazy;
	long				nr_syncs;
	long				nr_bad_syncs;
	long				pages_busy;
	long				tables_busy;
	long				max_pages_busy;
	long				max_tables_busy;
	long				nr_allocated;
	long				nr_freed;
	long				nr_runs;
	long				nr_stale;
	long				nr_early;
	long				nr_dead;
	gfp_t				gfp;
	long				nr_bad_gfp;
	long				nr_bad_scope;
	bool				hold;
	struct percpu_vm_call		held[64];
	int				nr_held;
	int				nr_flushes;
	struct flush			flushes[MAX_FLUSHES];
};

/**
 * struct totals - that the suite has tested something at all
 * @chunks: how many chunks there were besides those of mm/percpu.c
 * @pages: how many pages the backend allocated for them
 * @beyond: how many allocations of alloc_percpu() were not in the first chunk
 */
static struct totals {
	long	chunks;
	long	pages;
	long	beyond;
} totals;

/* The page tables say what is mapped, not the backend. */
static struct page *mapped_page(struct pcpu_chunk *chunk, unsigned int cpu,
				int page_idx)
{
	return vmalloc_to_page((void *)percpu_vm_addr(chunk, cpu, page_idx));
}

/* The pages of the watched range that are mapped now */
static int nr_mapped(struct percpu_vm_test *ctx)
{
	unsigned int cpu;
	int i, nr = 0;

	for_each_possible_cpu(cpu)
		for (i = ctx->page_start; i < ctx->page_end; i++)
			if (mapped_page(ctx->chunk, cpu, i))
				nr++;
	return nr;
}

/* Contiguous pages that are mapped somewhere in the watched range */
static int nr_mapped_of(struct percpu_vm_test *ctx, struct page *first, int nr)
{
	unsigned int cpu;
	int i, n = 0;

	for_each_possible_cpu(cpu) {
		for (i = ctx->page_start; i < ctx->page_end; i++) {
			struct page *page = mapped_page(ctx->chunk, cpu, i);

			n += page && page >= first && page < first + nr;
		}
	}
	return n;
}

static void check_gfp(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	gfp_t expected = ctx->gfp | __GFP_HIGHMEM;

	/* high orders are opportunistic */
	if (call->event == PERCPU_VM_ALLOC && call->nr > 1) {
		expected &= ~__GFP_RECLAIM;
		expected |= __GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_THISNODE;
	}
	if (call->gfp != expected)
		ctx->nr_bad_gfp++;
}

/* The flags of the task that page tables have to be allocated with */
static unsigned int scope_of(gfp_t gfp)
{
	if (!gfpflags_allow_blocking(gfp) || gfp & __GFP_NORETRY)
		return PF_MEMALLOC;
	if (!(gfp & (__GFP_IO | __GFP_FS)))
		return PF_MEMALLOC_NOIO;
	return gfp & __GFP_FS ? 0 : PF_MEMALLOC_NOFS;
}

static bool see_create(struct percpu_vm_test *ctx,
		       const struct percpu_vm_call *call)
{
	if (ctx->gfp && call->gfp != ctx->gfp)
		ctx->nr_bad_gfp++;
	if (++ctx->nr_created == ctx->part_fail)
		return false;
	ctx->nr_parts++;
	return true;
}

static bool see_alloc(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	ctx->nr_calls++;
	if (ctx->gfp)
		check_gfp(ctx, call);
	if (call->nr > 1 && ++ctx->nr_blocks == ctx->block_fail)
		return false;
	if (call->nr > 1 && ilog2(call->nr) > ctx->block_order) {
		ctx->nr_refused++;
		return false;
	}
	return call->nr <= ctx->page_limit;
}

static bool see_bulk(struct percpu_vm_test *ctx, struct percpu_vm_call *call)
{
	ctx->nr_calls++;
	ctx->nr_bulk++;
	if (ctx->gfp)
		check_gfp(ctx, call);
	call->nr = min(call->nr, ctx->bulk_limit);
	call->nr = min_t(long, call->nr, ctx->page_limit);
	return call->nr;
}

static bool see_free(struct percpu_vm_test *ctx,
		     const struct percpu_vm_call *call)
{
	int i;

	ctx->nr_runs++;
	for (i = 0; i < call->nr; i++) {
		struct page *page = call->page + i;

		ctx->nr_freed++;
		if (percpu_vm_page_chunk(page))
			ctx->nr_stale++;
		if (page_count(page) != 1)
			ctx->nr_dead++;
	}
	if (ctx->chunk)
		ctx->nr_early += nr_mapped_of(ctx, call->page, call->nr);
	if (!ctx->hold || ctx->nr_held == ARRAY_SIZE(ctx->held))
		return true;

	ctx->held[ctx->nr_held++] = *call;
	return false;
}

static void see_flush(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	if (ctx->nr_flushes < MAX_FLUSHES) {
		struct flush *flush = &ctx->flushes[ctx->nr_flushes];

		flush->event = call->event;
		flush->start = call->start;
		flush->end = call->end;
		flush->nr_freed = ctx->nr_freed;
		flush->nr_parts = ctx->nr_parts;
		flush->nr_mapped = ctx->chunk ? nr_mapped(ctx) : 0;
	}
	ctx->nr_flushes++;
}

static void see_busy(struct percpu_vm_test *ctx, int nr_pages, int nr_tables)
{
	ctx->pages_busy += nr_pages;
	ctx->tables_busy += nr_tables;
	ctx->max_pages_busy = max(ctx->max_pages_busy, ctx->pages_busy);
	ctx->max_tables_busy = max(ctx->max_tables_busy, ctx->tables_busy);
}

static bool see_call(struct percpu_vm_observer *observer,
		     struct percpu_vm_call *call)
{
	struct percpu_vm_test *ctx =
		container_of(observer, struct percpu_vm_test, observer);
	const bool leaves_lazy = call->event == PERCPU_VM_LAZY_DISABLE;

	/* nothing but entries is for lazy MMU mode */
	if (ctx->is_lazy != leaves_lazy)
		ctx->nr_bad_lazy++;

	switch (call->event) {
	case PERCPU_VM_CREATE:
		return see_create(ctx, call);
	case PERCPU_VM_DESTROY:
		ctx->nr_parts--;
		break;
	case PERCPU_VM_METADATA:
		return ++ctx->nr_metadata != ctx->metadata_fail;
	case PERCPU_VM_LAZY_ENABLE:
		ctx->nr_lazy++;
		ctx->is_lazy = true;
		break;
	case PERCPU_VM_LAZY_DISABLE:
		ctx->is_lazy = false;
		break;
	case PERCPU_VM_SYNC:
		ctx->nr_syncs++;
		if (call->start != ctx->start || call->end != ctx->end)
			ctx->nr_bad_syncs++;
		break;
	case PERCPU_VM_ALLOC:
		return see_alloc(ctx, call);
	case PERCPU_VM_BULK:
		return see_bulk(ctx, call);
	case PERCPU_VM_ALLOCATED:
		ctx->nr_granted++;
		totals.pages += call->nr;
		ctx->nr_allocated += call->nr;
		ctx->page_limit -= call->nr;
		see_busy(ctx, call->nr, 0);
		break;
	case PERCPU_VM_FREE:
		see_busy(ctx, call->nr, 0);
		return see_free(ctx, call);
	case PERCPU_VM_RESCHED:
		ctx->pages_busy = 0;
		ctx->tables_busy = 0;
		break;
	case PERCPU_VM_TABLE:
		see_busy(ctx, 0, 1);
		ctx->nr_tables++;
		if (call->start < ctx->last_table)
			ctx->nr_backwards++;
		ctx->last_table = call->start;
		if (ctx->gfp && (current->flags & scope_of(ctx->gfp)) !=
				scope_of(ctx->gfp))
			ctx->nr_bad_scope++;
		return ctx->nr_tables != ctx->table_fail &&
		       ctx->table_limit-- > 0;
	default:
		see_flush(ctx, call);
		break;
	}
	return true;
}

/* Forget what was seen, have nothing fail and watch a range from now on. */
static void watch(struct percpu_vm_test *ctx, int page_start, int page_end)
{
	ctx->page_start = page_start;
	ctx->page_end = page_end;
	if (ctx->chunk) {
		ctx->start = percpu_vm_addr(ctx->chunk, ctx->layout.low_cpu,
					    page_start);
		ctx->end = percpu_vm_addr(ctx->chunk, ctx->layout.high_cpu,
					  page_end);
	}
	ctx->page_limit = NO_LIMIT;
	ctx->table_limit = NO_LIMIT;
	ctx->table_fail = 0;
	ctx->part_fail = 0;
	ctx->metadata_fail = 0;
	ctx->block_fail = 0;
	ctx->block_order = INT_MAX;
	ctx->bulk_limit = INT_MAX;
	ctx->nr_created = 0;
	ctx->nr_parts = 0;
	ctx->nr_metadata = 0;
	ctx->nr_blocks = 0;
	ctx->nr_refused = 0;
	ctx->nr_bulk = 0;
	ctx->nr_calls = 0;
	ctx->nr_granted = 0;
	ctx->nr_tables = 0;
	ctx->nr_backwards = 0;
	ctx->last_table = 0;
	ctx->nr_lazy = 0;
	ctx->nr_syncs = 0;
	ctx->nr_bad_syncs = 0;
	ctx->pages_busy = 0;
	ctx->tables_busy = 0;
	ctx->max_pages_busy = 0;
	ctx->max_tables_busy = 0;
	ctx->nr_allocated = 0;
	ctx->nr_freed = 0;
	ctx->nr_runs = 0;
	ctx->nr_stale = 0;
	ctx->nr_early = 0;
	ctx->nr_dead = 0;
	ctx->gfp = 0;
	ctx->nr_bad_gfp = 0;
	ctx->nr_bad_scope = 0;
	ctx->hold = false;
	ctx->nr_flushes = 0;
}

static void release_held(struct percpu_vm_test *ctx)
{
	int i, j;

	for (i = 0; i < ctx->nr_held; i++)
		for (j = 0; j < ctx->held[i].nr; j++)
			__free_page(ctx->held[i].page + j);
	ctx->nr_held = 0;
}

/* Say where what was expected is not so; an expectation counts them. */
#define wrong(test, cpu, page_idx, fmt, ...)				\
	kunit_err(test, "CPU %u, page %d: " fmt "\n", cpu, page_idx,	\
		  ##__VA_ARGS__)

static u64 pattern(unsigned int cpu, int page_idx, u32 seed, int word)
{
	u64 x = (u64)seed << 40 ^ (u64)cpu << 24 ^ (u64)page_idx << 12 ^ word;

	return (x + 1) * 0x9e3779b97f4a7c15ull;
}

/* Eight words of each page, the first and the last one among them */
#define NR_WORDS	8

static int nth_word(int n)
{
	return n * (PAGE_SIZE / sizeof(u64) - 1) / (NR_WORDS - 1);
}

static void fill(struct pcpu_chunk *chunk, int page_start, int page_end,
		 u32 seed)
{
	unsigned int cpu;
	int i, n, word;

	for_each_possible_cpu(cpu) {
		for (i = page_start; i < page_end; i++) {
			u64 *page = (u64 *)percpu_vm_addr(chunk, cpu, i);

			for (n = 0; n < NR_WORDS; n++) {
				word = nth_word(n);
				page[word] = pattern(cpu, i, seed, word);
			}
		}
	}
}

static int nr_changed(struct kunit *test, struct pcpu_chunk *chunk,
		      int page_start, int page_end, u32 seed)
{
	unsigned int cpu;
	int i, n, word, nr = 0;

	for_each_possible_cpu(cpu) {
		for (i = page_start; i < page_end; i++) {
			u64 *page = (u64 *)percpu_vm_addr(chunk, cpu, i);

			for (n = 0; n < NR_WORDS; n++) {
				word = nth_word(n);
				if (page[word] == pattern(cpu, i, seed, word))
					continue;
				wrong(test, cpu, i, "word %d is not as written",
				      word);
				nr++;
				break;
			}
		}
	}
	return nr;
}

/* A range that shall be populated, or shall not be: how many are not so? */
static int nr_misplaced(struct kunit *test, struct pcpu_chunk *chunk,
			int page_start, int page_end, bool populated)
{
	unsigned int cpu;
	int i, nr = 0;

	for_each_possible_cpu(cpu) {
		for (i = page_start; i < page_end; i++) {
			struct page *page = mapped_page(chunk, cpu, i);

			if (!page == !populated &&
			    (!page || percpu_vm_page_chunk(page) == chunk))
				continue;
			wrong(test, cpu, i, "%s, expected was the contrary",
			      !page ? "not mapped" :
			      populated ? "leads elsewhere" : "mapped");
			nr++;
		}
	}
	return nr;
}

/* Units without a CPU, in which something is mapped nevertheless */
static int nr_strays(struct percpu_vm_test *ctx)
{
	unsigned int cpu;
	int unit, i, nr = 0;

	for (unit = 0; unit < ctx->layout.nr_units; unit++) {
		unsigned long addr = percpu_vm_unit_addr(ctx->chunk, unit);
		bool used = false;

		for_each_possible_cpu(cpu)
			used |= percpu_vm_addr(ctx->chunk, cpu, 0) == addr;
		for (i = 0; !used && i < ctx->layout.unit_pages; i++)
			if (vmalloc_to_page((void *)addr + i * PAGE_SIZE))
				nr++;
	}
	return nr;
}

/* Two places that share a page: it would have only one of their contents. */
static int nr_shared(struct kunit *test, struct pcpu_chunk *chunk,
		     int page_start, int page_end, u32 seed)
{
	fill(chunk, page_start, page_end, seed);
	return nr_changed(test, chunk, page_start, page_end, seed);
}

/* A unit can have a single page, where pages are big. */
static void need_pages(struct kunit *test, int nr)
{
	struct percpu_vm_test *ctx = test->priv;

	if (ctx->layout.unit_pages < nr)
		kunit_skip(test, "a unit has only %d pages, not %d",
			   ctx->layout.unit_pages, nr);
}

static int nr_cpu_pages(int nr_pages)
{
	return nr_pages * num_possible_cpus();
}

static struct pcpu_chunk *create_chunk(void)
{
	struct pcpu_chunk *chunk = percpu_vm_create_chunk(TEST_GFP);

	totals.chunks += !!chunk;
	return chunk;
}

static int populate(struct percpu_vm_test *ctx, int page_start, int page_end)
{
	return percpu_vm_populate(ctx->chunk, page_start, page_end, TEST_GFP);
}

static void depopulate(struct percpu_vm_test *ctx, int page_start, int page_end)
{
	percpu_vm_depopulate(ctx->chunk, page_start, page_end);
	percpu_vm_flush(ctx->chunk, page_start, page_end);
}

/*
 * Ranges: where a mistake by one shows.  Negative indexes count from the end
 * of the unit, and 0 as the last page is the end.
 */
struct range_case {
	const char	*name;
	int		start;
	int		end;
};

static const struct range_case ranges[] = {
	{ "first page",		0, 1 },
	{ "second page",	1, 2 },
	{ "last page",		-1, 0 },
	{ "two pages",		2, 4 },
	{ "three pages",	1, 4 },
	{ "four pages",		0, 4 },
	{ "last pages",		-5, 0 },
	{ "all but the ends",	1, -1 },
	{ "whole chunk",	0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(range, ranges, name);

static const struct range_case small_ranges[] = {
	{ "first page",		0, 1 },
	{ "middle page",	2, 3 },
	{ "three pages",	1, 4 },
	{ "last pages",		-3, 0 },
};

KUNIT_ARRAY_PARAM_DESC(small_range, small_ranges, name);

static void get_range(struct kunit *test, int *start, int *end)
{
	const struct range_case *range = test->param_value;
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages;

	*start = range->start < 0 ? nr + range->start : range->start;
	*end = range->end <= 0 ? nr + range->end : range->end;
	if (*start < 0 || *start >= *end || *end > nr)
		kunit_skip(test, "a unit has only %d pages", nr);
}

/* 1. Layout */

static void test_populate(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int start, end, nr;

	get_range(test, &start, &end);
	nr = ctx->layout.unit_pages;
	watch(ctx, start, end);

	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_allocated, nr_cpu_pages(end - start));
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 0);
	KUNIT_EXPECT_EQ(test, 0,
			nr_misplaced(test, ctx->chunk, start, end, true));
	KUNIT_EXPECT_EQ(test, 0,
			nr_misplaced(test, ctx->chunk, 0, start, false));
	KUNIT_EXPECT_EQ(test, 0,
			nr_misplaced(test, ctx->chunk, end, nr, false));
	KUNIT_EXPECT_EQ(test, 0, nr_strays(ctx));
	KUNIT_EXPECT_EQ(test, 0, nr_shared(test, ctx->chunk, start, end, 1));

	depopulate(ctx, start, end);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, ctx->nr_allocated);
	KUNIT_EXPECT_EQ(test, ctx->nr_dead, 0);
	KUNIT_EXPECT_EQ(test, 0,
			nr_misplaced(test, ctx->chunk, 0, nr, false));
}

/* What is populated next to a range stays as it is when that comes and goes. */
static void test_neighbours(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages;
	int start, end;

	get_range(test, &start, &end);
	if (start)
		KUNIT_ASSERT_EQ(test, populate(ctx, 0, start), 0);
	if (end < nr)
		KUNIT_ASSERT_EQ(test, populate(ctx, end, nr), 0);
	fill(ctx->chunk, 0, start, 2);
	fill(ctx->chunk, end, nr, 2);

	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);
	fill(ctx->chunk, start, end, 3);
	KUNIT_EXPECT_EQ(test, 0, nr_changed(test, ctx->chunk, 0, start, 2));
	KUNIT_EXPECT_EQ(test, 0, nr_changed(test, ctx->chunk, start, end, 3));
	KUNIT_EXPECT_EQ(test, 0, nr_changed(test, ctx->chunk, end, nr, 2));

	depopulate(ctx, start, end);
	KUNIT_EXPECT_EQ(test, 0, nr_changed(test, ctx->chunk, 0, start, 2));
	KUNIT_EXPECT_EQ(test, 0, nr_changed(test, ctx->chunk, end, nr, 2));
	KUNIT_EXPECT_EQ(test, 0, nr_misplaced(test, ctx->chunk, start, end,
					      false));

	if (start)
		depopulate(ctx, 0, start);
	if (end < nr)
		depopulate(ctx, end, nr);
}

/* The CPUs by node and then by address, as the backend goes through them */
static unsigned int *sort_cpus(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned int *cpus, cpu;
	int nr = 0, i;

	cpus = kunit_kcalloc(test, num_possible_cpus(), sizeof(*cpus),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cpus);
	for_each_possible_cpu(cpu) {
		unsigned long addr = percpu_vm_addr(ctx->chunk, cpu, 0);
		int node = cpu_to_node(cpu);

		for (i = nr++; i; i--) {
			unsigned int before = cpus[i - 1];

			if (cpu_to_node(before) < node ||
			    (cpu_to_node(before) == node &&
			     percpu_vm_addr(ctx->chunk, before, 0) < addr))
				break;
			cpus[i] = before;
		}
		cpus[i] = cpu;
	}
	return cpus;
}

/*
 * How many page-table pages does a pass go to?  It goes anew to the first one of
 * a unit that is not in the present one as a whole.
 */
static int nr_tables_of(struct percpu_vm_test *ctx, const unsigned int *cpus,
			int start, int end)
{
	unsigned long first, last, table = 0;
	int i, nr = 0;

	for (i = 0; i < num_possible_cpus(); i++) {
		first = percpu_vm_addr(ctx->chunk, cpus[i], start) & PMD_MASK;
		last = percpu_vm_addr(ctx->chunk, cpus[i], end - 1) & PMD_MASK;
		if (first != table || last != table)
			nr += (last - first) / PMD_SIZE + 1;
		table = last;
	}
	return nr;
}

/* In how few requests can a node have these pages? */
static int nr_requests_of_node(struct percpu_vm_test *ctx, int node, int nr)
{
	const int max_order = ctx->layout.max_order;

	/* no blocks are requested where there is no memory for them */
	if (node != NUMA_NO_NODE && !node_state(node, N_HIGH_MEMORY))
		return DIV_ROUND_UP(nr, BULK_PAGES);
	return (nr >> max_order) + hweight32(nr & ((1 << max_order) - 1));
}

/* How many CPUs of one node follow each other? */
static int node_run(const unsigned int *cpus, int i)
{
	int run = 1;

	while (i + run < num_possible_cpus() &&
	       cpu_to_node(cpus[i + run]) == cpu_to_node(cpus[i]))
		run++;
	return run;
}

static int nr_requests_of(struct percpu_vm_test *ctx, const unsigned int *cpus,
			  int nr_pages)
{
	int i, run, nr = 0;

	for (i = 0; i < num_possible_cpus(); i += run) {
		run = node_run(cpus, i);
		nr += nr_requests_of_node(ctx, cpu_to_node(cpus[i]),
					  run * nr_pages);
	}
	return nr;
}

/* By how much do the orders that are wanted exceed @order, on all nodes? */
static int nr_orders_above(struct percpu_vm_test *ctx, const unsigned int *cpus,
			   int nr_pages, int order, int at_most)
{
	int i, run, above, nr = 0;

	for (i = 0; i < num_possible_cpus(); i += run) {
		run = node_run(cpus, i);
		above = min(ilog2(run * nr_pages), ctx->layout.max_order) -
			order;
		nr += clamp(above, 0, at_most);
	}
	return nr;
}

/* How many times does the address go down from one node to the next? */
static int nr_descents_of(struct percpu_vm_test *ctx, const unsigned int *cpus)
{
	int i, nr = 0;

	for (i = 1; i < num_possible_cpus(); i++)
		nr += percpu_vm_addr(ctx->chunk, cpus[i], 0) <
		      percpu_vm_addr(ctx->chunk, cpus[i - 1], 0);
	return nr;
}

/*
 * One pass: node by node, upwards on each, no more than the four levels down to
 * each table, lazy MMU mode enabled once there, and with all pages of a node from
 * as few blocks as possible, which are freed in runs.
 */
static void test_one_pass(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned int *cpus = sort_cpus(test);
	int start, end, nr_tables, nr_runs = INT_MAX;

	get_range(test, &start, &end);
	watch(ctx, start, end);
	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);
	/* blocks can be short where memory is in pieces */
	if (ctx->nr_granted == ctx->nr_calls) {
		nr_runs = nr_requests_of(ctx, cpus, end - start);
		KUNIT_EXPECT_EQ(test, ctx->nr_calls, nr_runs);
		nr_runs += nr_cpu_pages(end - start) / BULK_PAGES;
	}
	KUNIT_EXPECT_LE(test, ctx->nr_backwards, nr_descents_of(ctx, cpus));
	nr_tables = nr_tables_of(ctx, cpus, start, end);
	KUNIT_EXPECT_LE(test, ctx->nr_tables, 4 * nr_tables);
	KUNIT_EXPECT_EQ(test, ctx->nr_lazy, nr_tables);

	watch(ctx, start, end);
	depopulate(ctx, start, end);
	KUNIT_EXPECT_EQ(test, ctx->nr_lazy, nr_tables);
	KUNIT_EXPECT_LE(test, ctx->nr_runs, nr_runs);
}

/*
 * Depopulating part of what was populated together, in any order.  The pages with
 * one index of a node are contiguous, unless a block ends between them.
 */
static void test_depopulate_parts(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	static const int order[] = { 2, 0, 3, 1, 4 };
	unsigned int *cpus = sort_cpus(test);
	int nr = ARRAY_SIZE(order), i, nr_nodes = 0;
	bool in_pieces;

	need_pages(test, nr);
	for (i = 0; i < num_possible_cpus(); i += node_run(cpus, i))
		nr_nodes++;
	watch(ctx, 0, nr);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), 0);
	in_pieces = ctx->nr_granted < ctx->nr_calls;
	fill(ctx->chunk, 0, nr, 4);
	for (i = 0; i < nr; i++) {
		ctx->nr_runs = 0;
		depopulate(ctx, order[i], order[i] + 1);
		KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(i + 1));
		KUNIT_EXPECT_EQ(test, nr_mapped(ctx), nr_cpu_pages(nr - i - 1));
		if (!in_pieces)
			KUNIT_EXPECT_LE(test, ctx->nr_runs, 2 * nr_nodes);
	}
}

/*
 * A table that others have to know of is made known, and nothing else is.  Not
 * seen of a backend that leaves page tables and lazy MMU mode to mm/vmalloc.c.
 */
static void test_sync(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	const bool sync = ARCH_PAGE_TABLE_SYNC_MASK & PGTBL_PMD_MODIFIED;

	while (sync && percpu_vm_has_tables(ctx->chunk)) {
		if (ctx->nr_spare == ARRAY_SIZE(ctx->spare))
			kunit_skip(test, "no address without a page table");
		ctx->spare[ctx->nr_spare++] = ctx->chunk;
		ctx->chunk = create_chunk();
		KUNIT_ASSERT_NOT_NULL(test, ctx->chunk);
	}

	watch(ctx, 0, 1);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_syncs, sync && ctx->nr_lazy);
	depopulate(ctx, 0, 1);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_syncs, sync && ctx->nr_lazy);
	KUNIT_EXPECT_EQ(test, ctx->nr_bad_syncs, 0);
	depopulate(ctx, 0, 1);
}

/* Others can run after some pages, and after one page table. */
static void test_reschedules(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	const int nr_levels = 4;
	int start, end;

	get_range(test, &start, &end);
	watch(ctx, start, end);
	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);
	KUNIT_EXPECT_LE(test, ctx->max_tables_busy, nr_levels);
	depopulate(ctx, start, end);
	KUNIT_EXPECT_LE(test, ctx->max_pages_busy, MAX_BUSY);
}

/* 2. Placement */

/* Without a @test they are only counted. */
static int nr_off_node(struct kunit *test, struct percpu_vm_test *ctx)
{
	unsigned int cpu;
	int i, nr = 0;

	for_each_possible_cpu(cpu) {
		for (i = ctx->page_start; i < ctx->page_end; i++) {
			struct page *page = mapped_page(ctx->chunk, cpu, i);

			if (!page || page_to_nid(page) == cpu_to_node(cpu))
				continue;
			nr++;
			if (!test)
				continue;
			wrong(test, cpu, i, "on node %d, expected was %d",
			      page_to_nid(page), cpu_to_node(cpu));
		}
	}
	return nr;
}

/* Several nodes with memory, and CPUs that are on one of them */
static void need_nodes(struct kunit *test)
{
	unsigned int cpu;

	if (num_node_state(N_MEMORY) < 2)
		kunit_skip(test, "needs two NUMA nodes with memory");
	for_each_possible_cpu(cpu)
		if (cpu_to_node(cpu) == NUMA_NO_NODE ||
		    !node_state(cpu_to_node(cpu), N_MEMORY))
			kunit_skip(test, "CPU %u has no node with memory", cpu);
}

static void move_cpu(unsigned int cpu, int node)
{
#ifdef CONFIG_USE_PERCPU_NUMA_NODE_ID
	set_cpu_numa_node(cpu, node);
#endif
}

static void test_node(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned int cpu = ctx->layout.high_cpu;
	int node = cpu_to_node(cpu);
	int start, end, err, nr;

	need_nodes(test);
	get_range(test, &start, &end);
	watch(ctx, start, end);
	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);
	KUNIT_EXPECT_EQ(test, 0, nr_off_node(test, ctx));
	depopulate(ctx, start, end);

	/* a CPU that is brought up can turn out to be on another one */
	move_cpu(cpu, next_node_in(node, node_states[N_MEMORY]));
	err = populate(ctx, start, end);
	nr = nr_off_node(test, ctx);
	move_cpu(cpu, node);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, nr, 0);
	depopulate(ctx, start, end);
}

/*
 * Take all that a node has, chained through the first word of each block.
 * Nobody is told to reclaim, so that it has no more a moment later.
 */
static void *take_node(int node)
{
	const gfp_t gfp = (GFP_KERNEL & ~__GFP_RECLAIM) | __GFP_THISNODE |
			  __GFP_NOWARN;
	int order = MAX_PAGE_ORDER;
	void *all = NULL;

	/* what is on the lists of other CPUs cannot be taken */
	percpu_vm_nr_free();

	while (order >= 0) {
		struct page *page;

		page = alloc_pages_node(node, gfp, order);
		if (!page) {
			order--;
			continue;
		}
		((void **)page_address(page))[0] = all;
		((long *)page_address(page))[1] = order;
		all = page_address(page);
		cond_resched();
	}
	return all;
}

static void give_back(void *all)
{
	while (all) {
		void *next = ((void **)all)[0];

		free_pages((unsigned long)all, ((long *)all)[1]);
		all = next;
		cond_resched();
	}
}

static void test_node_exhausted(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int node = cpu_to_node(ctx->layout.high_cpu);
	void *all;
	int err;

	need_nodes(test);
	watch(ctx, 0, ctx->layout.unit_pages);
	all = take_node(node);
	err = populate(ctx, ctx->page_start, ctx->page_end);
	give_back(all);

	KUNIT_EXPECT_NOT_NULL(test, all);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_GT(test, nr_off_node(NULL, ctx), 0);
	KUNIT_EXPECT_EQ(test, nr_mapped(ctx),
			nr_cpu_pages(ctx->page_end - ctx->page_start));
	depopulate(ctx, ctx->page_start, ctx->page_end);
}

/* In a cpuset, blocks and single pages come from its nodes alone. */
static void test_cpuset(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int node = cpu_to_node(ctx->layout.high_cpu), pass, err, i;
	unsigned int cpu;

	if (!IS_ENABLED(CONFIG_CPUSETS))
		kunit_skip(test, "needs CONFIG_CPUSETS");
	need_nodes(test);
	need_pages(test, 3);
	/* with blocks and without */
	for (pass = 0; pass < 2; pass++) {
		nodemask_t nodes = nodemask_of_node(node);
		struct page *page;
		int nr_outside = 0;

		watch(ctx, 0, 3);
		ctx->block_order = pass ? 0 : INT_MAX;
		percpu_vm_allow_nodes(&nodes);
		err = populate(ctx, 0, 3);
		percpu_vm_allow_nodes(NULL);
		KUNIT_ASSERT_EQ(test, err, 0);
		for_each_possible_cpu(cpu) {
			for (i = 0; i < 3; i++) {
				page = mapped_page(ctx->chunk, cpu, i);
				nr_outside += page_to_nid(page) != node;
			}
		}
		KUNIT_EXPECT_EQ(test, nr_outside, 0);
		depopulate(ctx, 0, 3);
	}
}

/* No blocks are requested where they cannot be. */
static void test_node_without_memory(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int node, nr = min(4, ctx->layout.unit_pages);

	if (!IS_ENABLED(CONFIG_NUMA))
		kunit_skip(test, "needs CONFIG_NUMA");
	watch(ctx, 0, nr);
	ctx->gfp = TEST_GFP;
	for_each_online_node(node)
		node_clear_state(node, N_HIGH_MEMORY);
	KUNIT_EXPECT_EQ(test, populate(ctx, 0, nr), 0);
	for_each_node_state(node, N_MEMORY)
		node_set_state(node, N_HIGH_MEMORY);

	KUNIT_EXPECT_EQ(test, ctx->nr_blocks, 0);
	KUNIT_EXPECT_GT(test, ctx->nr_bulk, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_bad_gfp, 0);
	KUNIT_EXPECT_EQ(test, nr_mapped(ctx), nr_cpu_pages(nr));
	KUNIT_EXPECT_EQ(test, 0, nr_shared(test, ctx->chunk, 0, nr, 7));
	depopulate(ctx, 0, nr);
}

/* 3. Rollback */

struct rollback {
	int	start;
	int	end;
	int	fence;		/* pages [fence, fence + 1) are a neighbour */
};

static void rollback_begin(struct kunit *test, struct rollback *rollback)
{
	struct percpu_vm_test *ctx = test->priv;

	get_range(test, &rollback->start, &rollback->end);
	need_pages(test, rollback->end - rollback->start + 1);
	rollback->fence = rollback->start ? rollback->start - 1 : rollback->end;
	KUNIT_ASSERT_EQ(test, populate(ctx, rollback->fence,
				       rollback->fence + 1), 0);
	fill(ctx->chunk, rollback->fence, rollback->fence + 1, 5);
	watch(ctx, rollback->start, rollback->end);
}

/* All that must hold after a failure; returns what does not. */
static int rollback_check(struct kunit *test, struct rollback *rollback,
			  int err, long n)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = 0;

	if (err != -ENOMEM) {
		kunit_err(test, "failure %ld: returned %d\n", n, err);
		nr++;
	}
	if (nr_mapped(ctx)) {
		kunit_err(test, "failure %ld: %d pages are mapped\n", n,
			  nr_mapped(ctx));
		nr++;
	}
	if (ctx->nr_allocated != ctx->nr_freed) {
		kunit_err(test, "failure %ld: %ld pages allocated, %ld freed\n",
			  n, ctx->nr_allocated, ctx->nr_freed);
		nr++;
	}
	if (ctx->nr_stale || ctx->nr_early || ctx->nr_dead) {
		kunit_err(test, "failure %ld: %ld pages freed with a chunk, %ld while mapped, %ld twice\n",
			  n, ctx->nr_stale, ctx->nr_early, ctx->nr_dead);
		nr++;
	}
	nr += nr_changed(test, ctx->chunk, rollback->fence,
			 rollback->fence + 1, 5);

	/* nothing is left over that a flush would free */
	percpu_vm_flush(ctx->chunk, rollback->start, rollback->end);
	if (ctx->nr_allocated != ctx->nr_freed) {
		kunit_err(test, "failure %ld: a page was still staged\n", n);
		nr++;
	}
	return nr;
}

static void rollback_end(struct kunit *test, struct rollback *rollback)
{
	struct percpu_vm_test *ctx = test->priv;

	/* the loop ended with a success, and it is a proper one */
	KUNIT_EXPECT_EQ(test, 0, nr_misplaced(test, ctx->chunk, rollback->start,
					      rollback->end, true));
	KUNIT_EXPECT_EQ(test, 0, nr_shared(test, ctx->chunk, rollback->start,
					   rollback->end, 6));
	depopulate(ctx, rollback->start, rollback->end);
	KUNIT_EXPECT_EQ(test, ctx->nr_allocated, ctx->nr_freed);
	KUNIT_EXPECT_EQ(test, 0, nr_changed(test, ctx->chunk, rollback->fence,
					    rollback->fence + 1, 5));
	depopulate(ctx, rollback->fence, rollback->fence + 1);
}

/* Set a limit to each number from @first on, until it is no hindrance. */
static long rollback_until_success(struct kunit *test,
				   struct rollback *rollback, long *limit,
				   long first)
{
	struct percpu_vm_test *ctx = test->priv;
	int err, bad = 0;
	long n;

	for (n = first; n < MAX_FAILURES; n++) {
		watch(ctx, rollback->start, rollback->end);
		*limit = n;
		err = populate(ctx, rollback->start, rollback->end);
		if (!err)
			break;
		bad += rollback_check(test, rollback, err, n);
	}
	KUNIT_ASSERT_LT(test, n, MAX_FAILURES);
	KUNIT_EXPECT_EQ(test, bad, 0);
	return n;
}

static void test_rollback_pages(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct rollback rollback;

	rollback_begin(test, &rollback);
	KUNIT_EXPECT_EQ(test, nr_cpu_pages(rollback.end - rollback.start),
			rollback_until_success(test, &rollback,
					       &ctx->page_limit, 0));
	rollback_end(test, &rollback);
}

static void test_rollback_tables(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct rollback rollback;
	long n;

	rollback_begin(test, &rollback);
	n = rollback_until_success(test, &rollback, &ctx->table_limit, 0);
	KUNIT_EXPECT_GT(test, n, 0);
	KUNIT_EXPECT_EQ(test, n, ctx->nr_tables);
	rollback_end(test, &rollback);
}

/* After the one that fails there would be others again. */
static void test_rollback_one_table(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct rollback rollback;
	long n;

	rollback_begin(test, &rollback);
	n = rollback_until_success(test, &rollback, &ctx->table_fail, 1);
	KUNIT_EXPECT_GT(test, n, 1);
	KUNIT_EXPECT_EQ(test, n, ctx->nr_tables + 1);
	rollback_end(test, &rollback);
}

static void test_rollback_metadata(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct rollback rollback;
	long n, nr = 0;

	rollback_begin(test, &rollback);
	if (IS_ENABLED(CONFIG_KMSAN))
		nr = nr_cpu_pages(rollback.end - rollback.start);
	n = rollback_until_success(test, &rollback, &ctx->metadata_fail, 1);
	KUNIT_EXPECT_EQ(test, n, nr + 1);
	rollback_end(test, &rollback);
}

/* Nothing is left of a chunk that could be created in part only. */
static void test_rollback_chunk(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct pcpu_chunk *chunk = NULL;
	long n;

	for (n = 1; n < MAX_FAILURES; n++) {
		watch(ctx, 0, 0);
		ctx->part_fail = n;
		ctx->gfp = TEST_GFP;
		chunk = create_chunk();
		KUNIT_EXPECT_EQ(test, ctx->nr_bad_gfp, 0);
		if (chunk)
			break;
		KUNIT_EXPECT_EQ(test, ctx->nr_parts, 0);
		KUNIT_ASSERT_EQ(test, ctx->nr_created, n);
	}
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	KUNIT_EXPECT_GT(test, n, 1);
	KUNIT_EXPECT_EQ(test, ctx->nr_parts, n - 1);
	percpu_vm_destroy_chunk(chunk);
	KUNIT_EXPECT_EQ(test, ctx->nr_parts, 0);
}

/* A block that cannot be had fails nothing: there are smaller ones. */
static void test_block_fails(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(9, ctx->layout.unit_pages);
	long n, nr_blocks = 1;

	for (n = 1; n <= nr_blocks; n++) {
		watch(ctx, 0, nr);
		ctx->block_fail = n;
		KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), 0);
		nr_blocks = ctx->nr_blocks;
		KUNIT_EXPECT_GT(test, nr_blocks, 0);
		KUNIT_EXPECT_EQ(test, nr_mapped(ctx), nr_cpu_pages(nr));
		KUNIT_EXPECT_EQ(test, ctx->nr_allocated, nr_cpu_pages(nr));
		KUNIT_EXPECT_EQ(test, 0, nr_shared(test, ctx->chunk, 0, nr, n));
		depopulate(ctx, 0, nr);
		KUNIT_EXPECT_EQ(test, ctx->nr_allocated, ctx->nr_freed);
	}
}

/* Memory in pieces: the sizes of what there is */
static const struct pieces_case {
	const char	*name;
	int		block_order;
	int		bulk_limit;
} pieces_cases[] = {
	{ "blocks of four",	2, INT_MAX },
	{ "blocks of two",	1, INT_MAX },
	{ "single pages",	0, INT_MAX },
	{ "few in bulk",	0, 3 },
};

KUNIT_ARRAY_PARAM_DESC(pieces, pieces_cases, name);

/*
 * An order that was refused is not tried again until some requests later, and
 * what is left comes in bulk.
 */
static void test_pieces(struct kunit *test)
{
	const struct pieces_case *param = test->param_value;
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(9, ctx->layout.unit_pages), round, above;
	unsigned int *cpus = sort_cpus(test);

	for (round = 0; round < 2 * ORDER_RETRY; round++) {
		watch(ctx, 0, nr);
		ctx->block_order = param->block_order;
		ctx->bulk_limit = param->bulk_limit;
		ctx->gfp = TEST_GFP;
		KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), 0);
		/* the first time down to there, later just one more a node */
		above = round % ORDER_RETRY ? 0 :
			nr_orders_above(ctx, cpus, nr, param->block_order,
					round ? 1 : INT_MAX);
		/* others are refused where memory really is in pieces */
		if (ctx->nr_granted + ctx->nr_refused == ctx->nr_calls)
			KUNIT_EXPECT_EQ(test, ctx->nr_refused, above);
		/* page_owner has the bulk allocator give one page at a time */
		if (!param->block_order && param->bulk_limit == INT_MAX &&
		    !IS_ENABLED(CONFIG_PAGE_OWNER))
			KUNIT_EXPECT_LE(test, ctx->nr_bulk,
					num_possible_nodes() +
					nr_cpu_pages(nr) / BULK_PAGES);
		if (!param->block_order)
			KUNIT_EXPECT_GT(test, ctx->nr_bulk, 0);
		KUNIT_EXPECT_EQ(test, ctx->nr_bad_gfp, 0);
		KUNIT_EXPECT_EQ(test, ctx->nr_allocated, nr_cpu_pages(nr));
		KUNIT_EXPECT_EQ(test, 0, nr_shared(test, ctx->chunk, 0, nr,
						   round));
		depopulate(ctx, 0, nr);
		KUNIT_EXPECT_EQ(test, ctx->nr_allocated, ctx->nr_freed);
		KUNIT_EXPECT_EQ(test, ctx->nr_dead, 0);
	}
}

/*
 * By the kernel's own count no page is lost either, with success and without.
 * Other tasks take some meanwhile, but fewer than one for two rounds.
 */
static void test_balance(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(9, ctx->layout.unit_pages), i;
	const int nr_rounds = 200;
	long nr_used, nr_tables, before;

	/* the page tables stay */
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), 0);
	depopulate(ctx, 0, nr);
	before = percpu_vm_nr_free();
	for (i = 0; i < nr_rounds; i++) {
		watch(ctx, 0, 0);
		KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), 0);
		nr_tables = ctx->nr_tables;
		depopulate(ctx, 0, nr);
		ctx->page_limit = nr_cpu_pages(nr) - 1;
		KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), -ENOMEM);
		ctx->page_limit = NO_LIMIT;
		ctx->table_limit = nr_tables - 1;
		KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), -ENOMEM);
	}
	nr_used = before - percpu_vm_nr_free();
	KUNIT_EXPECT_LT(test, nr_used, nr_rounds / 2);
}

/* 4. Depopulation needs no memory */

static void test_depopulate_without_memory(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int start, end;

	get_range(test, &start, &end);
	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);

	watch(ctx, start, end);
	ctx->page_limit = 0;
	ctx->table_limit = 0;
	depopulate(ctx, start, end);
	KUNIT_EXPECT_EQ(test, ctx->nr_calls, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_tables, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_metadata, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_created, 0);
	KUNIT_EXPECT_EQ(test, nr_mapped(ctx), 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(end - start));
}

/* 5. Page to chunk */

static int nr_lost(struct kunit *test, struct pcpu_chunk *chunk,
		   int page_start, int page_end)
{
	static const int offsets[] = { 0, 1, 8, 100, PAGE_SIZE - 1 };
	unsigned int cpu;
	int i, j, nr = 0;

	for_each_possible_cpu(cpu) {
		for (i = page_start; i < page_end; i++) {
			for (j = 0; j < ARRAY_SIZE(offsets); j++) {
				void *addr = (void *)percpu_vm_addr(chunk, cpu, i);
				struct page *page;

				page = percpu_vm_addr_to_page(addr + offsets[j]);
				if (page == mapped_page(chunk, cpu, i) &&
				    page == percpu_vm_page(chunk, cpu, i) &&
				    page && percpu_vm_page_chunk(page) == chunk)
					continue;
				wrong(test, cpu, i, "offset %d does not lead to the chunk",
				      offsets[j]);
				nr++;
			}
		}
	}
	return nr;
}

static void test_page_to_chunk(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(5, ctx->layout.unit_pages), i;
	struct pcpu_chunk *chunks[3];

	for (i = 0; i < 3; i++) {
		chunks[i] = create_chunk();
		KUNIT_ASSERT_NOT_NULL(test, chunks[i]);
		KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(chunks[i], 0, nr,
							    TEST_GFP));
	}
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, 0, nr_lost(test, chunks[i], 0, nr));
	for (i = 0; i < 3; i++) {
		watch(ctx, 0, nr);
		percpu_vm_depopulate(chunks[i], 0, nr);
		percpu_vm_flush(chunks[i], 0, nr);
		KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(nr));
		KUNIT_EXPECT_EQ(test, ctx->nr_stale, 0);
		percpu_vm_destroy_chunk(chunks[i]);
	}
}

/*
 * 6. Pages are independent of each other, whatever block they came in.
 */

/* The page of the first, a middle or the last CPU, first or last in its unit */
static struct page *nth_page(struct percpu_vm_test *ctx, int n, int nr)
{
	const unsigned int cpus[] = {
		ctx->layout.low_cpu,
		cpumask_nth(num_possible_cpus() / 2, cpu_possible_mask),
		ctx->layout.high_cpu,
	};

	return mapped_page(ctx->chunk, cpus[n], n ? nr - 1 : 0);
}

/* How many of these pages does the page allocator have?  Others may take some. */
static int nr_free_of(struct page **pages, int nr)
{
	int i, nr_free = 0;

	percpu_vm_nr_free();
	for (i = 0; i < nr; i++)
		nr_free += is_free_buddy_page(pages[i]);
	return nr_free;
}

static struct page **get_pages(struct kunit *test, int nr)
{
	struct percpu_vm_test *ctx = test->priv;
	struct page **pages;
	unsigned int cpu;
	int i, n = 0;

	pages = kunit_kcalloc(test, nr_cpu_pages(nr), sizeof(*pages),
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	for_each_possible_cpu(cpu)
		for (i = 0; i < nr; i++)
			pages[n++] = mapped_page(ctx->chunk, cpu, i);
	return pages;
}

/* The one of many pages that is poisoned, or held, stays out; no other does. */
static void check_one_stays(struct kunit *test, bool poison)
{
	struct percpu_vm_test *ctx = test->priv;
	struct page *page, **pages;
	int n, nr = min(3, ctx->layout.unit_pages);

	for (n = 0; n < 3; n++) {
		KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), 0);
		page = nth_page(ctx, n, nr);
		pages = get_pages(test, nr);
		if (poison)
			SetPageHWPoison(page);
		else
			get_page(page);
		watch(ctx, 0, nr);
		depopulate(ctx, 0, nr);
		KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(nr));
		KUNIT_EXPECT_EQ(test, nr_free_of(&page, 1), 0);
		KUNIT_EXPECT_GE(test, nr_free_of(pages, nr_cpu_pages(nr)),
				nr_cpu_pages(nr) * 3 / 4);
		if (poison)
			continue;
		KUNIT_EXPECT_EQ(test, ctx->nr_dead, 1);
		KUNIT_EXPECT_EQ(test, page_count(page), 1);
		put_page(page);
		KUNIT_EXPECT_EQ(test, nr_free_of(&page, 1), 1);
	}
}

static void test_poisoned_page(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	check_one_stays(test, true);
}

static void test_held_page(struct kunit *test)
{
	check_one_stays(test, false);
}

/* Readers of vmalloc space see the last page of the last unit, too. */
static void test_area_size(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		unsigned long addr = percpu_vm_addr(ctx->chunk, cpu, 0);

		KUNIT_EXPECT_GE(test, percpu_vm_area_end(addr),
				addr + ctx->layout.unit_pages * PAGE_SIZE);
	}
}

/* 7. What cannot happen, unless someone else makes a mistake */

/* An entry that is in use is not overwritten, and stays when that is undone. */
static void test_entry_in_use(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int err = 0;

	need_pages(test, 3);
	KUNIT_ASSERT_EQ(test, populate(ctx, 1, 2), 0);
	fill(ctx->chunk, 1, 2, 8);
	watch(ctx, 0, 3);
	kunit_warning_suppress(test)
		err = populate(ctx, 0, 3);
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(3));
	KUNIT_EXPECT_EQ(test, ctx->nr_stale + ctx->nr_dead + ctx->nr_early, 0);
	KUNIT_EXPECT_EQ(test, 0, nr_misplaced(test, ctx->chunk, 0, 1, false));
	KUNIT_ASSERT_EQ(test, 0, nr_misplaced(test, ctx->chunk, 1, 2, true));
	KUNIT_EXPECT_EQ(test, 0, nr_misplaced(test, ctx->chunk, 2, 3, false));
	KUNIT_EXPECT_EQ(test, 0, nr_changed(test, ctx->chunk, 1, 2, 8));
	depopulate(ctx, 1, 2);
}

/* An entry that is empty is left out, also where there is no table for it. */
static void test_entry_missing(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(9, ctx->layout.unit_pages);

	need_pages(test, 3);
	/* most chunks have tables that were another's before */
	while (percpu_vm_has_tables(ctx->chunk) &&
	       ctx->nr_spare < ARRAY_SIZE(ctx->spare)) {
		struct pcpu_chunk *chunk = create_chunk();

		if (!chunk)
			break;
		ctx->spare[ctx->nr_spare++] = ctx->chunk;
		ctx->chunk = chunk;
	}
	watch(ctx, 0, nr);
	kunit_warning_suppress(test)
		depopulate(ctx, 0, nr);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 0);

	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 1), 0);
	KUNIT_ASSERT_EQ(test, populate(ctx, 2, 3), 0);
	watch(ctx, 0, 3);
	kunit_warning_suppress(test)
		depopulate(ctx, 0, 3);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(2));
	KUNIT_EXPECT_EQ(test, ctx->nr_stale + ctx->nr_dead, 0);
	KUNIT_EXPECT_EQ(test, nr_mapped(ctx), 0);
}

/* Pages that still wait for a flush get it before anything else is staged. */
static void test_forgotten_flush(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages, err = 0;
	struct pcpu_chunk *other;

	watch(ctx, 0, 1);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 1), 0);
	percpu_vm_depopulate(ctx->chunk, 0, 1);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 0);
	kunit_warning_suppress(test)
		err = populate(ctx, 0, 1);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(1));
	KUNIT_ASSERT_EQ(test, ctx->nr_flushes, 4);
	KUNIT_EXPECT_EQ(test, ctx->flushes[2].event, PERCPU_VM_FLUSH_TLB);
	KUNIT_EXPECT_EQ(test, ctx->flushes[2].start, VMALLOC_START);
	KUNIT_EXPECT_EQ(test, ctx->flushes[2].end, VMALLOC_END);
	KUNIT_EXPECT_EQ(test, ctx->flushes[2].nr_freed, 0);
	depopulate(ctx, 0, 1);

	/* two chunks are more than there is room for */
	other = create_chunk();
	KUNIT_ASSERT_NOT_NULL(test, other);
	watch(ctx, 0, nr);
	err = populate(ctx, 0, nr) ?:
	      percpu_vm_populate(other, 0, nr, TEST_GFP);
	KUNIT_ASSERT_EQ(test, err, 0);
	percpu_vm_depopulate(ctx->chunk, 0, nr);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 0);
	kunit_warning_suppress(test)
		percpu_vm_depopulate(other, 0, nr);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(nr));
	percpu_vm_destroy_chunk(other);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 2 * nr_cpu_pages(nr));
	KUNIT_EXPECT_EQ(test, ctx->nr_dead, 0);
}

/* 8. Flushes */

static void expect_flush(struct kunit *test, int n, enum percpu_vm_event event,
			 bool mapped)
{
	struct percpu_vm_test *ctx = test->priv;
	struct flush *flush = &ctx->flushes[n];

	KUNIT_EXPECT_GT(test, ctx->nr_flushes, n);
	if (ctx->nr_flushes <= n)
		return;
	KUNIT_EXPECT_EQ(test, flush->event, event);
	KUNIT_EXPECT_EQ(test, flush->start, ctx->start);
	KUNIT_EXPECT_EQ(test, flush->end, ctx->end);
	KUNIT_EXPECT_EQ(test, flush->nr_freed, 0);
	KUNIT_EXPECT_EQ(test, flush->nr_parts, 0);
	KUNIT_EXPECT_EQ(test, flush->nr_mapped, mapped ?
			nr_cpu_pages(ctx->page_end - ctx->page_start) : 0);
}

static void test_flush_populate(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int start, end;

	get_range(test, &start, &end);
	watch(ctx, start, end);
	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_flushes, 1);
	expect_flush(test, 0, PERCPU_VM_FLUSH_MAP, true);
	depopulate(ctx, start, end);
}

static void test_flush_depopulate(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int start, end;

	get_range(test, &start, &end);
	KUNIT_ASSERT_EQ(test, populate(ctx, start, end), 0);

	watch(ctx, start, end);
	percpu_vm_depopulate(ctx->chunk, start, end);
	KUNIT_EXPECT_EQ(test, ctx->nr_flushes, 1);
	expect_flush(test, 0, PERCPU_VM_FLUSH_UNMAP, true);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 0);

	percpu_vm_flush(ctx->chunk, start, end);
	KUNIT_EXPECT_EQ(test, ctx->nr_flushes, 2);
	expect_flush(test, 1, PERCPU_VM_FLUSH_TLB, false);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(end - start));
	KUNIT_EXPECT_EQ(test, ctx->nr_early, 0);
}

/* Several depopulations, one flush of the TLB for all of them */
static void test_flush_many(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int i;

	need_pages(test, 6);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 6), 0);
	watch(ctx, 0, 6);
	for (i = 5; i > 0; i -= 2)
		percpu_vm_depopulate(ctx->chunk, i - 1, i + 1);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 0);
	percpu_vm_flush(ctx->chunk, 0, 6);
	KUNIT_EXPECT_EQ(test, ctx->nr_flushes, 4);
	expect_flush(test, 3, PERCPU_VM_FLUSH_TLB, false);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(6));
	KUNIT_EXPECT_EQ(test, ctx->nr_early, 0);
}

/* mm/percpu.c destroys a chunk without a flush of the TLB before that. */
static void test_flush_destroy(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;

	need_pages(test, 4);
	KUNIT_ASSERT_EQ(test, populate(ctx, 1, 4), 0);
	watch(ctx, 0, ctx->layout.unit_pages);
	percpu_vm_depopulate(ctx->chunk, 1, 4);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, 0);

	percpu_vm_destroy_chunk(ctx->chunk);
	ctx->chunk = NULL;
	KUNIT_EXPECT_EQ(test, ctx->nr_flushes, 2);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(3));
	expect_flush(test, 1, PERCPU_VM_FLUSH_TLB, false);

	/* nor is there always one to destroy */
	percpu_vm_destroy_chunk(NULL);
	KUNIT_EXPECT_EQ(test, ctx->nr_flushes, 2);
}

static bool is_across_tables(struct pcpu_chunk *chunk, unsigned int cpu, int nr)
{
	return (percpu_vm_addr(chunk, cpu, 0) ^
		percpu_vm_addr(chunk, cpu, nr - 1)) & PMD_MASK;
}

/* Also when the table after the boundary is missing */
static void check_boundary(struct kunit *test, int nr)
{
	struct percpu_vm_test *ctx = test->priv;
	long nr_tables;

	watch(ctx, 0, nr);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, nr), 0);
	nr_tables = ctx->nr_tables;
	KUNIT_EXPECT_EQ(test, 0, nr_misplaced(test, ctx->chunk, 0, nr, true));
	KUNIT_EXPECT_EQ(test, 0, nr_shared(test, ctx->chunk, 0, nr, 1));
	depopulate(ctx, 0, nr);
	KUNIT_EXPECT_EQ(test, nr_mapped(ctx), 0);

	watch(ctx, 0, nr);
	ctx->table_limit = nr_tables - 1;
	KUNIT_EXPECT_EQ(test, populate(ctx, 0, nr), -ENOMEM);
	KUNIT_EXPECT_EQ(test, nr_mapped(ctx), 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(nr));
	/* what was mapped up to there can be in a TLB */
	KUNIT_ASSERT_EQ(test, ctx->nr_flushes, 2);
	KUNIT_EXPECT_GT(test, ctx->flushes[0].nr_mapped, 0);
	ctx->flushes[0].nr_mapped = nr_cpu_pages(nr);
	expect_flush(test, 0, PERCPU_VM_FLUSH_UNMAP, true);
	expect_flush(test, 1, PERCPU_VM_FLUSH_TLB, false);
}

/* The boundary of a page table can lie in the unit of any CPU. */
static void test_table_boundary(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages;
	int found, nr_seen = 0;
	unsigned long *seen;
	unsigned int cpu;

	seen = kunit_kcalloc(test, BITS_TO_LONGS(nr_cpu_ids), sizeof(*seen),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);

	while (ctx->chunk && nr_seen < num_possible_cpus()) {
		found = nr_seen;
		for_each_possible_cpu(cpu)
			if (is_across_tables(ctx->chunk, cpu, nr) &&
			    !test_and_set_bit(cpu, seen))
				nr_seen++;
		if (nr_seen > found)
			check_boundary(test, nr);
		if (ctx->nr_spare == ARRAY_SIZE(ctx->spare))
			break;
		ctx->spare[ctx->nr_spare++] = ctx->chunk;
		ctx->chunk = create_chunk();
	}
	/* Some units fill a table evenly. */
	KUNIT_EXPECT_TRUE(test, nr_seen || PTRS_PER_PTE % nr == 0);
}

static long read_first_word(void *addr)
{
	return READ_ONCE(*(long *)addr);
}

/*
 * The real thing: another CPU has a translation, the page behind it changes,
 * the other CPU must not see the old one.  The old pages are kept from being
 * used again, so that they differ from the new ones for sure.
 */
static void test_other_cpu_sees_new_page(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned int cpu, unit_cpu = ctx->layout.high_cpu;
	void *addr = (void *)percpu_vm_addr(ctx->chunk, unit_cpu, 0);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
	if (num_possible_cpus() > ARRAY_SIZE(ctx->held))
		kunit_skip(test, "has room for %zu CPUs", ARRAY_SIZE(ctx->held));

	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 1), 0);
	*(long *)addr = 1;
	for_each_online_cpu(cpu)
		KUNIT_EXPECT_EQ(test, 1, work_on_cpu(cpu, read_first_word,
						     addr));

	watch(ctx, 0, 1);
	ctx->hold = true;
	depopulate(ctx, 0, 1);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 1), 0);
	*(long *)addr = 2;
	for_each_online_cpu(cpu)
		KUNIT_EXPECT_EQ(test, 2, work_on_cpu(cpu, read_first_word,
						     addr));
	depopulate(ctx, 0, 1);
	release_held(ctx);
}

/* 9. gfp */

static const struct gfp_case {
	const char	*name;
	gfp_t		gfp;
} gfp_cases[] = {
	{ "NOIO",			GFP_NOIO },
	{ "NOIO, NOWARN",		GFP_NOIO | __GFP_NOWARN },
	{ "NOIO, NORETRY",		GFP_NOIO | __GFP_NORETRY },
	{ "NOIO, NORETRY, NOWARN",	TEST_GFP },
	{ "as the balance worker",	GFP_KERNEL | __GFP_NORETRY |
					__GFP_NOWARN },
};

KUNIT_ARRAY_PARAM_DESC(gfp, gfp_cases, name);

static void test_gfp(struct kunit *test)
{
	const struct gfp_case *param = test->param_value;
	struct percpu_vm_test *ctx = test->priv;
	unsigned int flags = current->flags, scope;
	int pass, err;

	need_pages(test, 3);
	/* with success, without pages, without tables */
	for (pass = 0; pass < 3; pass++) {
		watch(ctx, 0, 3);
		ctx->gfp = param->gfp;
		if (pass == 1)
			ctx->page_limit = nr_cpu_pages(3) - 1;
		if (pass == 2)
			ctx->table_limit = 1;
		if (param->gfp & __GFP_IO)
			scope = memalloc_noio_save();
		err = percpu_vm_populate(ctx->chunk, 0, 3, param->gfp);
		if (param->gfp & __GFP_IO)
			memalloc_noio_restore(scope);
		KUNIT_EXPECT_EQ(test, err, pass ? -ENOMEM : 0);
		KUNIT_EXPECT_GT(test, ctx->nr_calls, 0);
		KUNIT_EXPECT_EQ(test, ctx->nr_bad_gfp, 0);
		KUNIT_EXPECT_EQ(test, ctx->nr_bad_scope, 0);
		KUNIT_EXPECT_EQ(test, current->flags & (PF_MEMALLOC |
				PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS),
				flags & (PF_MEMALLOC | PF_MEMALLOC_NOIO |
					 PF_MEMALLOC_NOFS));
		if (!err)
			depopulate(ctx, 0, 3);
	}
}

/* 10. Policy */

static const struct policy_case {
	const char		*name;
	struct percpu_vm_policy	policy;
	bool			reclaim;
} policy_cases[] = {
	/*				isolated empty pages all */
	{ "a quarter is empty",		{ false, 4, 16, 9 },	true },
	{ "all is empty",		{ false, 16, 16, 21 },	true },
	{ "less than a quarter",	{ false, 3, 16, 100 },	false },
	{ "a quarter of fifteen",	{ false, 3, 15, 100 },	true },
	{ "less than that",		{ false, 2, 15, 100 },	false },
	{ "nothing is empty",		{ false, 0, 16, 100 },	false },
	{ "others have too few",	{ false, 4, 16, 8 },	false },
	{ "it has all there are",	{ false, 16, 16, 16 },	false },
	{ "isolated, one is empty",	{ true, 1, 16, 0 },	true },
	{ "isolated, all is empty",	{ true, 16, 16, 0 },	true },
	{ "isolated, nothing is empty",	{ true, 0, 16, 100 },	false },
};

KUNIT_ARRAY_PARAM_DESC(policy, policy_cases, name);

static void test_should_reclaim(struct kunit *test)
{
	const struct policy_case *param = test->param_value;
	struct percpu_vm_test *ctx = test->priv;
	struct pcpu_chunk *reserved = percpu_vm_reserved_chunk();

	KUNIT_EXPECT_EQ(test, param->reclaim,
			percpu_vm_should_reclaim(ctx->chunk, &param->policy));
	KUNIT_EXPECT_FALSE(test, percpu_vm_should_reclaim(percpu_vm_first_chunk(),
							  &param->policy));
	if (reserved)
		KUNIT_EXPECT_FALSE(test, percpu_vm_should_reclaim(reserved,
								  &param->policy));
}

/* A unit with fewer than four pages has no quarter. */
static void test_should_reclaim_small(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	const struct percpu_vm_policy policy = {
		.nr_empty	= 0,
		.nr_pages	= 2,
		.nr_empty_all	= 100,
	};

	KUNIT_EXPECT_FALSE(test, percpu_vm_should_reclaim(ctx->chunk, &policy));
}

/* 11. Model */

struct model_chunk {
	struct pcpu_chunk	*chunk;
	unsigned long		*populated;
	unsigned long		*flushable;	/* waits for a TLB flush */
	u32			*seeds;		/* of the content of a page */
};

struct model {
	struct model_chunk	chunks[MODEL_CHUNKS];
	struct rnd_state	rnd;
	u32			next_seed;
	long			nr_pages;
	long			nr_failures;
};

static u32 below(struct model *model, u32 limit)
{
	return prandom_u32_state(&model->rnd) % limit;
}

static int model_check(struct kunit *test, struct percpu_vm_test *ctx,
		       struct model *model)
{
	int c, i, nr = 0;

	for (c = 0; c < MODEL_CHUNKS; c++) {
		struct model_chunk *mc = &model->chunks[c];

		for (i = 0; mc->chunk && i < ctx->layout.unit_pages; i++) {
			bool populated = test_bit(i, mc->populated);

			nr += nr_misplaced(test, mc->chunk, i, i + 1,
					   populated);
			if (populated)
				nr += nr_changed(test, mc->chunk, i, i + 1,
						 mc->seeds[i]);
		}
	}
	if (ctx->nr_allocated - ctx->nr_freed != model->nr_pages) {
		kunit_err(test, "%ld pages are out, expected was %ld\n",
			  ctx->nr_allocated - ctx->nr_freed, model->nr_pages);
		nr++;
	}
	return nr + !!ctx->nr_stale;
}

/* Populate a random hole, some of the time without enough memory for it. */
static int model_populate(struct kunit *test, struct percpu_vm_test *ctx,
			  struct model *model, struct model_chunk *mc)
{
	int nr_pages = ctx->layout.unit_pages, start, end, err, i, nr = 0;

	start = find_next_zero_bit(mc->populated, nr_pages,
				   below(model, nr_pages));
	if (start == nr_pages)
		return 0;
	end = find_next_bit(mc->populated, min(nr_pages, start + 9), start);
	end = start + 1 + below(model, end - start);

	switch (below(model, 4)) {
	case 0:
		ctx->page_limit = below(model, nr_cpu_pages(end - start) + 1);
		break;
	case 1:
		ctx->table_limit = below(model, 8);
		break;
	}
	err = percpu_vm_populate(mc->chunk, start, end, TEST_GFP);
	if (err && ctx->page_limit == NO_LIMIT && ctx->table_limit == NO_LIMIT) {
		kunit_err(test, "failed for no reason: %d\n", err);
		nr++;
	}
	ctx->page_limit = NO_LIMIT;
	ctx->table_limit = NO_LIMIT;
	if (err) {
		model->nr_failures++;
		return nr + nr_misplaced(test, mc->chunk, start, end, false);
	}

	bitmap_set(mc->populated, start, end - start);
	model->nr_pages += nr_cpu_pages(end - start);
	for (i = start; i < end; i++) {
		mc->seeds[i] = model->next_seed++;
		fill(mc->chunk, i, i + 1, mc->seeds[i]);
	}
	return nr;
}

/* Depopulate one to three random ranges of a chunk, then flush them all. */
static int model_depopulate(struct kunit *test, struct percpu_vm_test *ctx,
			    struct model *model, struct model_chunk *mc)
{
	int nr_pages = ctx->layout.unit_pages, times = 1 + below(model, 3);
	int low = nr_pages, high = 0, start, end;

	while (times--) {
		start = find_next_bit(mc->populated, nr_pages,
				      below(model, nr_pages));
		if (start == nr_pages)
			continue;
		end = find_next_zero_bit(mc->populated, nr_pages, start);
		end = start + 1 + below(model, end - start);
		percpu_vm_depopulate(mc->chunk, start, end);
		bitmap_clear(mc->populated, start, end - start);
		model->nr_pages -= nr_cpu_pages(end - start);
		low = min(low, start);
		high = max(high, end);
	}
	if (low >= high)
		return 0;
	percpu_vm_flush(mc->chunk, low, high);
	return 0;
}

/* Destroy the chunk, without a flush, as mm/percpu.c does; make another. */
static int model_renew(struct kunit *test, struct percpu_vm_test *ctx,
		       struct model *model, struct model_chunk *mc)
{
	unsigned int start, end;

	for_each_set_bitrange(start, end, mc->populated,
			      ctx->layout.unit_pages) {
		percpu_vm_depopulate(mc->chunk, start, end);
		model->nr_pages -= nr_cpu_pages(end - start);
	}
	bitmap_zero(mc->populated, ctx->layout.unit_pages);
	percpu_vm_destroy_chunk(mc->chunk);
	mc->chunk = create_chunk();
	return !mc->chunk;
}

static void test_model(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr_pages = ctx->layout.unit_pages, step, c, bad = 0;
	struct model *model;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&model->rnd, MODEL_SEED);
	kunit_info(test, "seed %d, %d steps\n", MODEL_SEED, MODEL_STEPS);
	percpu_vm_destroy_chunk(ctx->chunk);
	ctx->chunk = NULL;
	watch(ctx, 0, 0);

	for (c = 0; c < MODEL_CHUNKS; c++) {
		struct model_chunk *mc = &model->chunks[c];

		mc->populated = kunit_kzalloc(test, BITS_TO_LONGS(nr_pages) *
					      sizeof(long), GFP_KERNEL);
		mc->seeds = kunit_kcalloc(test, nr_pages, sizeof(u32),
					  GFP_KERNEL);
		mc->chunk = create_chunk();
		KUNIT_ASSERT_NOT_NULL(test, mc->populated);
		KUNIT_ASSERT_NOT_NULL(test, mc->seeds);
		KUNIT_ASSERT_NOT_NULL(test, mc->chunk);
	}

	for (step = 0; step < MODEL_STEPS && !bad; step++) {
		struct model_chunk *mc;

		mc = &model->chunks[below(model, MODEL_CHUNKS)];
		switch (below(model, 100)) {
		case 0 ... 54:
			bad += model_populate(test, ctx, model, mc);
			break;
		case 55 ... 97:
			bad += model_depopulate(test, ctx, model, mc);
			break;
		default:
			bad += model_renew(test, ctx, model, mc);
			break;
		}
		if (step % 50 == 0)
			bad += model_check(test, ctx, model);
		cond_resched();
	}
	bad += model_check(test, ctx, model);
	KUNIT_EXPECT_EQ(test, bad, 0);
	kunit_info(test, "%d steps done, %ld failures injected\n", step,
		   model->nr_failures);
	KUNIT_EXPECT_GT(test, model->nr_failures, 0);

	for (c = 0; c < MODEL_CHUNKS; c++) {
		model_renew(test, ctx, model, &model->chunks[c]);
		percpu_vm_destroy_chunk(model->chunks[c].chunk);
	}
	KUNIT_EXPECT_EQ(test, ctx->nr_allocated, ctx->nr_freed);
}

/* 12. Through the front */

static const size_t sizes[] = {
	4, 8, 64, 100, 512, 1024, 2048, 3000, 4096, 8192, 16384, 32768,
};

/* Zero at first, private to each CPU, and of the size that was asked for */
static int use_percpu(void __percpu *ptr, size_t size, u8 seed)
{
	unsigned int cpu;
	int bad = 0;
	size_t i;

	for_each_possible_cpu(cpu) {
		u8 *p = per_cpu_ptr(ptr, cpu);

		bad += !!memchr_inv(p, 0, size);
		memset(p, (u8)(seed + cpu * 7 + 1) ?: 1, size);
	}
	for_each_possible_cpu(cpu) {
		u8 *p = per_cpu_ptr(ptr, cpu);

		for (i = 0; i < size; i += max_t(size_t, 1, size / 8))
			bad += p[i] != ((u8)(seed + cpu * 7 + 1) ?: 1);
		bad += p[size - 1] != ((u8)(seed + cpu * 7 + 1) ?: 1);
	}
	return bad;
}

static void test_alloc_percpu(struct kunit *test)
{
	void __percpu *ptr;
	int i, again;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (again = 0; again < 3; again++) {
			ptr = __alloc_percpu(sizes[i], 8);
			KUNIT_ASSERT_NOT_NULL(test, (void __force *)ptr);
			KUNIT_EXPECT_EQ(test, 0, use_percpu(ptr, sizes[i], i));
			free_percpu(ptr);
		}
	}
}

/* What was mapped at boot leads to no chunk. */
static bool is_beyond_first(void __percpu *ptr)
{
	void *addr = per_cpu_ptr(ptr, 0);

	return is_vmalloc_addr(addr) &&
	       percpu_vm_page_chunk(vmalloc_to_page(addr));
}

static int nr_wrong_phys(void __percpu *ptr)
{
	unsigned int cpu;
	int nr = 0;

	for_each_possible_cpu(cpu) {
		void *addr = per_cpu_ptr(ptr, cpu);
		phys_addr_t phys;

		if (!is_vmalloc_addr(addr))
			continue;
		phys = page_to_phys(vmalloc_to_page(addr)) +
		       offset_in_page(addr);
		if (percpu_vm_ptr_to_phys(addr) != phys)
			nr++;
	}
	return nr;
}

struct worker {
	struct task_struct	*task;
	struct completion	done;
	u32			seed;
	int			nr_bad;
	int			nr_null;
	int			nr_beyond;
};

/* Hold some allocations at a time, replace them at random. */
static int work(void *data)
{
	struct worker *worker = data;
	void __percpu *ptrs[64] = { };
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, worker->seed);
	for (i = 0; i < 400; i++) {
		int slot = prandom_u32_state(&rnd) % ARRAY_SIZE(ptrs);
		size_t size = sizes[prandom_u32_state(&rnd) %
				    ARRAY_SIZE(sizes)];
		bool atomic = prandom_u32_state(&rnd) % 4 == 0;

		free_percpu(ptrs[slot]);
		ptrs[slot] = __alloc_percpu_gfp(size, 8, atomic ? GFP_NOWAIT |
						__GFP_NOWARN : GFP_KERNEL);
		if (!ptrs[slot]) {
			worker->nr_null += !atomic;
			continue;
		}
		worker->nr_beyond += is_beyond_first(ptrs[slot]);
		worker->nr_bad += use_percpu(ptrs[slot], size, i);
		worker->nr_bad += nr_wrong_phys(ptrs[slot]);
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(ptrs); i++)
		free_percpu(ptrs[i]);
	kthread_complete_and_exit(&worker->done, 0);
}

static void work_everywhere(struct kunit *test)
{
	struct worker *workers;
	int nr = 0, i = 0, started = 0;
	unsigned int cpu;

	workers = kunit_kcalloc(test, nr_cpu_ids, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);

	for_each_online_cpu(cpu) {
		struct worker *worker = &workers[i];

		nr++;
		worker->seed = MODEL_SEED + i++;
		init_completion(&worker->done);
		worker->task = kthread_create_on_cpu(work, worker, cpu,
						     "percpu_vm/%u");
		if (IS_ERR(worker->task))
			break;
		started++;
		wake_up_process(worker->task);
	}
	for (i = 0; i < started; i++)
		wait_for_completion(&workers[i].done);

	KUNIT_EXPECT_EQ(test, started, nr);
	for (i = 0; i < started; i++) {
		KUNIT_EXPECT_EQ(test, workers[i].nr_bad, 0);
		KUNIT_EXPECT_EQ(test, workers[i].nr_null, 0);
		KUNIT_EXPECT_GT(test, workers[i].nr_beyond, 0);
		totals.beyond += workers[i].nr_beyond;
	}
	kunit_kfree(test, workers);
}

/*
 * What the threads had comes back: a backend that keeps it loses thousands of
 * pages here.  How many stay for a good reason depends on who ran when.  Of
 * per-CPU memory it is the first chunk, one that mm/percpu.c has in reserve, pages
 * of a chunk that others use, too, and the empty pages for atomic allocations, each
 * in a chunk of its own if need be; of the rest it is stacks, page tables and what
 * else is made once.  KASAN has shadow memory for all of a chunk, an eighth of it.
 */
static void test_alloc_percpu_everywhere(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	long nr_all, nr_percpu;
	long nr_rest = nr_cpu_pages(128);
	int i;

	if (IS_ENABLED(CONFIG_KASAN_VMALLOC))
		nr_rest += (2 + EMPTY_PAGES) * ctx->layout.nr_units *
			   ctx->layout.unit_pages / 8;

	work_everywhere(test);
	nr_percpu = nr_cpu_pages(percpu_vm_settle());
	nr_all = nr_percpu + percpu_vm_nr_free();

	for (i = 0; i < 4; i++)
		work_everywhere(test);
	nr_percpu = nr_cpu_pages(percpu_vm_settle());
	nr_all -= nr_percpu + percpu_vm_nr_free();

	KUNIT_EXPECT_LE(test, nr_percpu,
			nr_cpu_pages(3 * ctx->layout.unit_pages +
				     EMPTY_PAGES));
	KUNIT_EXPECT_LT(test, nr_all, nr_rest);
}

/* 13. What has been wrong upstream, by its cause */

/* 93274f1dd6b0: pages were depopulated, and nobody flushed the TLB. */
static void regression_no_tlb_flush(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;

	need_pages(test, 2);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 2), 0);
	watch(ctx, 0, 2);
	depopulate(ctx, 0, 2);
	KUNIT_ASSERT_EQ(test, ctx->nr_flushes, 2);
	KUNIT_EXPECT_EQ(test, ctx->flushes[1].event, PERCPU_VM_FLUSH_TLB);
}

/* The CPU at which mapping failed kept its first entries. */
static void regression_partial_map(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	long n;
	int err;

	need_pages(test, 4);
	for (n = 1; ; n++) {
		watch(ctx, 0, 4);
		ctx->table_limit = n;
		err = populate(ctx, 0, 4);
		if (!err)
			break;
		KUNIT_EXPECT_EQ(test, nr_mapped(ctx), 0);
	}
	depopulate(ctx, 0, 4);
}

/* A freed page kept page->private, which its next owner did not expect. */
static void regression_stale_private(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;

	need_pages(test, 2);
	KUNIT_ASSERT_EQ(test, populate(ctx, 0, 2), 0);
	watch(ctx, 0, 2);
	depopulate(ctx, 0, 2);
	KUNIT_EXPECT_EQ(test, ctx->nr_freed, nr_cpu_pages(2));
	KUNIT_EXPECT_EQ(test, ctx->nr_stale, 0);
}

/* Page tables were allocated with GFP_KERNEL, whatever the caller could bear. */
static void regression_noio(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;

	watch(ctx, 0, 1);
	ctx->gfp = GFP_NOIO;
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, 1,
						    GFP_NOIO));
	KUNIT_EXPECT_GT(test, ctx->nr_tables, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr_bad_scope, 0);
	depopulate(ctx, 0, 1);
}

static int percpu_vm_init(struct kunit *test)
{
	struct percpu_vm_test *ctx;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	test->priv = ctx;
	ctx->layout = percpu_vm_layout();
	kunit_info(test, "%u CPUs, %d units of %d pages\n", num_possible_cpus(),
		   ctx->layout.nr_units, ctx->layout.unit_pages);
	ctx->observer.call = see_call;
	ctx->chunk = create_chunk();
	if (!ctx->chunk)
		return -ENOMEM;
	watch(ctx, 0, 0);
	percpu_vm_observe(&ctx->observer);
	return 0;
}

/* A case that ended early leaves pages, which go with the chunk. */
static void percpu_vm_exit(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int i;

	percpu_vm_observe(NULL);
	if (!ctx)
		return;
	KUNIT_EXPECT_EQ(test, ctx->nr_bad_lazy + ctx->is_lazy, 0);
	while (ctx->nr_spare--)
		percpu_vm_destroy_chunk(ctx->spare[ctx->nr_spare]);
	if (!ctx->chunk)
		return;
	release_held(ctx);
	for (i = 0; i < ctx->layout.unit_pages; i++)
		if (mapped_page(ctx->chunk, ctx->layout.high_cpu, i))
			percpu_vm_depopulate(ctx->chunk, i, i + 1);
	percpu_vm_destroy_chunk(ctx->chunk);
}

static void percpu_vm_suite_exit(struct kunit_suite *suite)
{
	struct percpu_vm_layout layout = percpu_vm_layout();
	unsigned long first = percpu_vm_unit_addr(percpu_vm_first_chunk(), 0);

	pr_info("percpu_vm: %u CPUs on %d nodes, %d levels of page tables, %d units of %d pages of %lu kB, first chunk %s\n",
		num_possible_cpus(), num_online_nodes(), percpu_vm_table_levels(),
		layout.nr_units, layout.unit_pages, PAGE_SIZE / 1024,
		is_vmalloc_addr((void *)first) ? "page by page" : "embedded");
	pr_info("percpu_vm: %ld chunks, %ld pages populated, %ld allocations beyond the first chunk\n",
		totals.chunks, totals.pages, totals.beyond);
}

static struct kunit_case percpu_vm_cases[] = {
	KUNIT_CASE_PARAM(test_populate, range_gen_params),
	KUNIT_CASE_PARAM(test_neighbours, range_gen_params),
	KUNIT_CASE(test_depopulate_parts),
	KUNIT_CASE_PARAM(test_one_pass, range_gen_params),
	KUNIT_CASE(test_sync),
	KUNIT_CASE_PARAM(test_reschedules, range_gen_params),
	KUNIT_CASE_PARAM(test_node, range_gen_params),
	KUNIT_CASE_SLOW(test_node_exhausted),
	KUNIT_CASE(test_cpuset),
	KUNIT_CASE(test_node_without_memory),
	KUNIT_CASE_PARAM(test_rollback_pages, small_range_gen_params),
	KUNIT_CASE_PARAM(test_rollback_tables, small_range_gen_params),
	KUNIT_CASE_PARAM(test_rollback_one_table, small_range_gen_params),
	KUNIT_CASE_PARAM(test_rollback_metadata, small_range_gen_params),
	KUNIT_CASE(test_rollback_chunk),
	KUNIT_CASE(test_block_fails),
	KUNIT_CASE_PARAM(test_pieces, pieces_gen_params),
	KUNIT_CASE_SLOW(test_balance),
	KUNIT_CASE_PARAM(test_depopulate_without_memory, range_gen_params),
	KUNIT_CASE(test_page_to_chunk),
	KUNIT_CASE(test_poisoned_page),
	KUNIT_CASE(test_held_page),
	KUNIT_CASE(test_area_size),
	KUNIT_CASE(test_entry_in_use),
	KUNIT_CASE(test_entry_missing),
	KUNIT_CASE(test_forgotten_flush),
	KUNIT_CASE_PARAM(test_flush_populate, range_gen_params),
	KUNIT_CASE_PARAM(test_flush_depopulate, range_gen_params),
	KUNIT_CASE(test_flush_many),
	KUNIT_CASE(test_flush_destroy),
	KUNIT_CASE(test_table_boundary),
	KUNIT_CASE(test_other_cpu_sees_new_page),
	KUNIT_CASE_PARAM(test_gfp, gfp_gen_params),
	KUNIT_CASE_PARAM(test_should_reclaim, policy_gen_params),
	KUNIT_CASE(test_should_reclaim_small),
	KUNIT_CASE_SLOW(test_model),
	KUNIT_CASE(test_alloc_percpu),
	KUNIT_CASE_SLOW(test_alloc_percpu_everywhere),
	KUNIT_CASE(regression_no_tlb_flush),
	KUNIT_CASE(regression_partial_map),
	KUNIT_CASE(regression_stale_private),
	KUNIT_CASE(regression_noio),
	{}
};

static struct kunit_suite percpu_vm_suite = {
	.name		= "percpu_vm",
	.init		= percpu_vm_init,
	.exit		= percpu_vm_exit,
	.suite_exit	= percpu_vm_suite_exit,
	.test_cases	= percpu_vm_cases,
};

kunit_test_suite(percpu_vm_suite);

#if IS_BUILTIN(CONFIG_PERCPU_VM_KUNIT_TEST)

/* Any layout will do, as everything is mapped page by page. */
static void __init test_verify_alloc_info(struct kunit *test)
{
	const struct {
		int	nr_groups;
		size_t	unit_size;
		size_t	atom_size;
	} layouts[] = {
		{ 1, PCPU_MIN_UNIT_SIZE, PAGE_SIZE },
		{ 1, 5 * PCPU_MIN_UNIT_SIZE, PAGE_SIZE },
		{ 2, PCPU_MIN_UNIT_SIZE, PMD_SIZE },
		{ 7, PMD_SIZE, PMD_SIZE },
	};
	struct pcpu_alloc_info *ai;
	int i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		ai = kunit_kzalloc(test, struct_size(ai, groups,
						     layouts[i].nr_groups),
				   GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ai);
		ai->nr_groups = layouts[i].nr_groups;
		ai->unit_size = layouts[i].unit_size;
		ai->atom_size = layouts[i].atom_size;
		KUNIT_EXPECT_EQ(test, 0, percpu_vm_verify_alloc_info(ai));
	}
}

static struct kunit_case __refdata percpu_vm_init_cases[] = {
	KUNIT_CASE(test_verify_alloc_info),
	{}
};

static struct kunit_suite percpu_vm_init_suite = {
	.name		= "percpu_vm_init",
	.test_cases	= percpu_vm_init_cases,
};

kunit_test_init_section_suite(percpu_vm_init_suite);

#endif

MODULE_DESCRIPTION("KUnit suite of the backend of the per-CPU allocator");
MODULE_LICENSE("GPL");
