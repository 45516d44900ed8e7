// SPDX-License-Identifier: GPL-2.0-only
/* What the KUnit cases for mm/percpu-vm.c share, see Documentation/mm/percpu-vm.rst */

#include "percpu_vm_observer.h"

/* A guarantee that only the new backend gives */
static void promise(struct percpu_vm_test *ctx, bool kept, const char *what)
{
	if (!kept && ctx->nr_broken++ < 5)
		kunit_err(ctx->test, "violated: %s\n", what);
}

/* The page tables say what is mapped, not the backend. */
struct page *percpu_vm_page(struct pcpu_chunk *chunk, unsigned int cpu, int i)
{
	return vmalloc_to_page((void *)backend->addr(chunk, cpu, i));
}

/* How many entries of the watched range map one of these contiguous pages? */
static int nr_mapped_of(struct percpu_vm_test *ctx, struct page *first, int nr)
{
	unsigned int cpu;
	int i, n = 0;

	for_each_possible_cpu(cpu) {
		for (i = ctx->page_start; i < ctx->page_end; i++) {
			struct page *page = percpu_vm_page(ctx->chunk, cpu, i);

			n += page && (!first ||
				      (page >= first && page < first + nr));
		}
	}
	return n;
}

int percpu_vm_nr_mapped(struct percpu_vm_test *ctx)
{
	return nr_mapped_of(ctx, NULL, 0);
}

static void check_gfp(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	gfp_t expected = ctx->set.gfp;

	if (call->event == PERCPU_VM_ALLOC || call->event == PERCPU_VM_BULK) {
		expected |= __GFP_HIGHMEM;
		promise(ctx, !(current->flags & PF_MEMALLOC),
			"no page is taken from the reserves");
	}
	/* high orders are opportunistic */
	if (call->event == PERCPU_VM_ALLOC) {
		expected &= ~__GFP_RECLAIM;
		expected |= __GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_THISNODE;
	}
	promise(ctx, call->gfp == expected,
		"memory is allocated with the caller's flags");
}

/* Page tables are allocated without flags, but in the scope of the caller's. */
static void check_scope(struct percpu_vm_test *ctx)
{
	unsigned int scope = ctx->set.gfp & __GFP_NORETRY ? PF_MEMALLOC :
							    PF_MEMALLOC_NOIO;

	promise(ctx, current->flags & scope,
		"page tables are allocated in the caller's scope");
}

static void see_create(struct percpu_vm_test *ctx,
		       const struct percpu_vm_call *call)
{
	/* the other part has no areas */
	promise(ctx, !call->nr || (call->nr == ctx->layout.nr_groups &&
				   call->start == ctx->layout.atom_size),
		"areas are as the layout has them");
	ctx->seen.nr_parts++;
}

static bool see_block(struct percpu_vm_test *ctx, struct percpu_vm_call *call)
{
	promise(ctx, call->nr > 1, "single pages come from the bulk allocator");
	if (ilog2(call->nr) <= ctx->set.order)
		return call->nr <= ctx->set.nr_pages;
	ctx->seen.nr_refused++;
	return false;
}

static bool see_bulk(struct percpu_vm_test *ctx, struct percpu_vm_call *call)
{
	promise(ctx, call->node >= 0, "memory is requested on a node");
	promise(ctx, call->nr <= BULK_PAGES, "at most 128 pages are requested in bulk");
	promise(ctx, call->nr == 1 || call->node + 1 != ctx->seen.short_node,
		"single pages are requested after a short bulk allocation");
	if (call->nr > ctx->set.nr_bulk)
		ctx->seen.short_node = call->node + 1;
	call->nr = min3((long)call->nr, (long)ctx->set.nr_bulk,
			ctx->set.nr_pages);
	return call->nr;
}

static void see_pages(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	ctx->seen.pages_busy += call->nr;
	promise(ctx, ctx->seen.pages_busy <= 512,
		"others can run at least every 512 pages");
}

/* A page that was never mapped may record anything but one of our chunks. */
static bool is_ours(const struct percpu_vm_test *ctx, struct pcpu_chunk *chunk)
{
	int i = 0;

	while (i < ctx->nr_spare && chunk != ctx->spare[i])
		i++;
	return chunk && (chunk == ctx->chunk || i < ctx->nr_spare);
}

static void see_free(struct percpu_vm_test *ctx,
		     const struct percpu_vm_call *call)
{
	struct page *page;

	see_pages(ctx, call);
	for (page = call->page; page < call->page + call->nr; page++) {
		promise(ctx, !is_ours(ctx, backend->page_chunk(page)),
			"no chunk is recorded in a page when it is freed");
		promise(ctx, page_count(page), "no page is freed twice");
		ctx->seen.nr_shared += page_count(page) > 1;
	}
	promise(ctx, !ctx->chunk || !nr_mapped_of(ctx, call->page, call->nr),
		"no page is freed that is mapped");
}

static void see_metadata(struct percpu_vm_test *ctx,
			 const struct percpu_vm_call *call)
{
	check_scope(ctx);
	promise(ctx, call->end == call->start + PAGE_SIZE &&
		call->page == vmalloc_to_page((void *)call->start),
		"metadata is mapped for one page at a time");
}

static void see_table(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	check_scope(ctx);
	promise(ctx, ++ctx->seen.tables_busy <= 4,
		"others can run after the four levels of a page table");
	if (!call->start)	/* an upper one */
		return;
	ctx->seen.nr_down += call->start < ctx->seen.table;
	ctx->seen.table = call->start;
}

static void see_entry(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	promise(ctx, backend->page_chunk(call->page),
		"a chunk is recorded in a page before it is mapped");
	promise(ctx, backend->pte(call->start) == (pte_t *)call->end,
		"an entry is set for its own address");
}

static void see_flush(struct percpu_vm_test *ctx,
		      const struct percpu_vm_call *call)
{
	if (ctx->seen.nr_flushes < MAX_FLUSHES)
		ctx->seen.flushes[ctx->seen.nr_flushes] =
			(struct percpu_vm_flush) {
				.event		= call->event,
				.start		= call->start,
				.end		= call->end,
				.nr_freed	= nr_freed(ctx),
				.nr_mapped	= ctx->chunk ?
						  percpu_vm_nr_mapped(ctx) : 0,
			};
	ctx->seen.nr_flushes++;
}

static bool see_call(struct percpu_vm_observer *observer,
		     struct percpu_vm_call *call)
{
	struct percpu_vm_test *ctx =
		container_of(observer, struct percpu_vm_test, observer);
	const bool needs_lazy = call->event == PERCPU_VM_ENTRY ||
				call->event == PERCPU_VM_LAZY_DISABLE;
	long n;

	promise(ctx, ctx->is_lazy == needs_lazy,
		"lazy MMU mode is for entries, and for nothing else");
	ctx->is_lazy = call->event == PERCPU_VM_ENTRY ||
		       call->event == PERCPU_VM_LAZY_ENABLE;
	if (call->event <= PERCPU_VM_METADATA)
		check_gfp(ctx, call);
	n = ++ctx->seen.calls[call->event];
	ctx->seen.pages[call->event] += call->nr;
	if (call->event == ctx->set.event &&
	    (n == ctx->set.nth || (n > ctx->set.nth && ctx->set.later)))
		return false;

	switch (call->event) {
	case PERCPU_VM_CREATE:
		see_create(ctx, call);
		break;
	case PERCPU_VM_DESTROY:
		ctx->seen.nr_parts--;
		break;
	case PERCPU_VM_METADATA:
		see_metadata(ctx, call);
		break;
	case PERCPU_VM_ENTRY:
		see_entry(ctx, call);
		break;
	case PERCPU_VM_SYNC:
		ctx->seen.synced = *call;
		break;
	case PERCPU_VM_ALLOC:
		return see_block(ctx, call);
	case PERCPU_VM_BULK:
		return see_bulk(ctx, call);
	case PERCPU_VM_ALLOCATED:
		ctx->set.nr_pages -= call->nr;
		see_pages(ctx, call);
		break;
	case PERCPU_VM_FREE:
		see_free(ctx, call);
		break;
	case PERCPU_VM_RESCHED:
		ctx->seen.pages_busy = 0;
		ctx->seen.tables_busy = 0;
		break;
	case PERCPU_VM_TABLE:
		see_table(ctx, call);
		break;
	case PERCPU_VM_FLUSH_MAP:
	case PERCPU_VM_FLUSH_UNMAP:
	case PERCPU_VM_FLUSH_TLB:
		see_flush(ctx, call);
		break;
	default:
		break;
	}
	return true;
}

/* Forget what was seen, have nothing fail and watch a range from now on. */
void percpu_vm_watch(struct percpu_vm_test *ctx, int start, int end)
{
	ctx->page_start = start;
	ctx->page_end = end;
	if (ctx->chunk) {
		ctx->start = backend->addr(ctx->chunk, ctx->layout.low_cpu,
					   start);
		ctx->end = backend->addr(ctx->chunk, ctx->layout.high_cpu, end);
	}
	ctx->seen = (struct percpu_vm_seen) { };
	ctx->set = (struct percpu_vm_set) {
		.nr_pages	= LONG_MAX,
		.order		= INT_MAX,
		.nr_bulk	= INT_MAX,
		.event		= PERCPU_VM_NR_EVENTS,
		.gfp		= TEST_GFP,
	};
}

/* The nth flush was of the watched range, with nothing of it freed before. */
void percpu_vm_expect_flush(struct kunit *test, int n,
			    enum percpu_vm_event event, bool mapped)
{
	struct percpu_vm_test *ctx = test->priv;
	struct percpu_vm_flush *flush = &ctx->seen.flushes[n];

	KUNIT_ASSERT_GT(test, ctx->seen.nr_flushes, n);
	KUNIT_EXPECT_EQ(test, flush->event, event);
	KUNIT_EXPECT_EQ(test, flush->start, ctx->start);
	KUNIT_EXPECT_EQ(test, flush->end, ctx->end);
	KUNIT_EXPECT_EQ(test, flush->nr_freed, 0);
	KUNIT_EXPECT_EQ(test, flush->nr_mapped, mapped ?
			nr_cpu_pages(ctx->page_end - ctx->page_start) : 0);
}

/* A unit can have a single page, where pages are big. */
void percpu_vm_need_pages(struct kunit *test, int nr)
{
	struct percpu_vm_test *ctx = test->priv;

	if (ctx->layout.unit_pages < nr)
		kunit_skip(test, "a unit has only %d pages, not %d",
			   ctx->layout.unit_pages, nr);
}

const struct percpu_vm_range percpu_vm_ranges[] = {
	{ "first page",		0, 1 },
	{ "last page",		-1, 0 },
	{ "four pages",		0, 4 },
	{ "last pages",		-5, 0 },
	{ "all but the ends",	1, -1 },
	{ "whole chunk",	0, 0 },
};

void percpu_vm_get_range(struct kunit *test, int *start, int *end)
{
	const struct percpu_vm_range *range = test->param_value;
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages;

	*start = range->start < 0 ? nr + range->start : range->start;
	*end = range->end <= 0 ? nr + range->end : range->end;
	if (*start < 0 || *start >= *end || *end > nr)
		percpu_vm_need_pages(test, nr + 1);
}

void percpu_vm_move_cpu(unsigned int cpu, int node)
{
#ifdef CONFIG_USE_PERCPU_NUMA_NODE_ID
	set_cpu_numa_node(cpu, node);
#endif
}

struct pcpu_chunk *percpu_vm_create(void)
{
	guard(mutex)(backend->mutex);
	return backend->create_chunk(TEST_GFP);
}

void percpu_vm_destroy(struct pcpu_chunk *chunk)
{
	guard(mutex)(backend->mutex);
	backend->destroy_chunk(chunk);
}

int percpu_vm_populate(struct pcpu_chunk *chunk, int start, int end)
{
	guard(mutex)(backend->mutex);
	return backend->populate(chunk, start, end, TEST_GFP);
}

void percpu_vm_depopulate(struct pcpu_chunk *chunk, int start, int end)
{
	guard(mutex)(backend->mutex);
	backend->depopulate(chunk, start, end);
	backend->flush(chunk, start, end);
}

/* Go on with another chunk and keep this one; false if that would be too many. */
bool percpu_vm_renew(struct percpu_vm_test *ctx)
{
	struct pcpu_chunk *chunk = NULL;

	if (ctx->nr_spare < ARRAY_SIZE(ctx->spare) &&
	    si_mem_available() > (64 << 20) >> PAGE_SHIFT)
		chunk = percpu_vm_create();
	if (!chunk)
		return false;
	ctx->spare[ctx->nr_spare++] = ctx->chunk;
	ctx->chunk = chunk;
	return true;
}

static u64 *word_of(struct pcpu_chunk *chunk, unsigned int cpu, int i)
{
	return (u64 *)backend->addr(chunk, cpu, i + 1) - 1;
}

static u64 pattern(unsigned int cpu, int i, u32 seed)
{
	u64 x = (u64)seed << 40 ^ (u64)cpu << 20 ^ i;

	return (x + 1) * 0x9e3779b97f4a7c15ull;
}

/* Write to the end of each page. */
void percpu_vm_fill(struct pcpu_chunk *chunk, int start, int end, u32 seed)
{
	unsigned int cpu;
	int i;

	for_each_possible_cpu(cpu)
		for (i = start; i < end; i++)
			*word_of(chunk, cpu, i) = pattern(cpu, i, seed);
}

void percpu_vm_expect_filled(struct kunit *test, struct pcpu_chunk *chunk,
			     int start, int end, u32 seed)
{
	unsigned int cpu;
	int i;

	for_each_possible_cpu(cpu)
		for (i = start; i < end; i++)
			KUNIT_ASSERT_EQ_MSG(test, *word_of(chunk, cpu, i),
					    pattern(cpu, i, seed),
					    "CPU %u, page %d", cpu, i);
}

/* Other architectures than x86 have other bits in entries, or elsewhere. */
bool percpu_vm_is_kernel(struct pcpu_chunk *chunk, unsigned int cpu, int i)
{
	pte_t expected = mk_pte(percpu_vm_page(chunk, cpu, i), PAGE_KERNEL);
	pte_t *pte = backend->pte(backend->addr(chunk, cpu, i));

	return !IS_ENABLED(CONFIG_X86) ||
	       (pte && pte_val(pte_mkold(pte_mkclean(*pte))) ==
		       pte_val(pte_mkold(pte_mkclean(expected))));
}

/* A range is populated, or it is not. */
void percpu_vm_expect_mapped(struct kunit *test, struct pcpu_chunk *chunk,
			     int start, int end, bool mapped)
{
	struct page *page;
	unsigned int cpu;
	int i;

	for_each_possible_cpu(cpu) {
		for (i = start; i < end; i++) {
			page = percpu_vm_page(chunk, cpu, i);
			KUNIT_ASSERT_EQ_MSG(test, !!page, mapped,
					    "CPU %u, page %d", cpu, i);
			if (!page)
				continue;
			KUNIT_ASSERT_PTR_EQ(test, backend->page_chunk(page),
					    chunk);
			KUNIT_EXPECT_TRUE(test, percpu_vm_is_kernel(chunk, cpu, i));
		}
	}
}

/* Pages that share no memory: two places would have only one of their contents. */
void percpu_vm_expect_own(struct kunit *test, int start, int end)
{
	struct percpu_vm_test *ctx = test->priv;

	percpu_vm_expect_mapped(test, ctx->chunk, start, end, true);
	percpu_vm_fill(ctx->chunk, start, end, 1);
	percpu_vm_expect_filled(test, ctx->chunk, start, end, 1);
}

/* In the areas of a chunk nothing is mapped but these pages of each CPU. */
void percpu_vm_expect_no_strays(struct kunit *test, int nr_pages)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned int cpu, other;

	for_each_possible_cpu(cpu) {
		void *addr = (void *)backend->addr(ctx->chunk, cpu, 0);
		struct vm_struct *area = backend->area(addr);
		long offset, nr = 0;

		KUNIT_ASSERT_NOT_NULL(test, area);
		for (offset = 0; offset < area->size; offset += PAGE_SIZE)
			nr += !!vmalloc_to_page(area->addr + offset);
		for_each_possible_cpu(other) {
			addr = (void *)backend->addr(ctx->chunk, other, 0);
			if (backend->area(addr) == area)
				nr -= nr_pages;
		}
		KUNIT_EXPECT_EQ(test, nr, 0);
	}
}

/*
 * Fail the first call, then the second one, and so on; or allow for no page,
 * then for one.  All is as before each time.  Returns how many failures it took.
 */
long percpu_vm_fail_each(struct kunit *test, enum percpu_vm_event event,
			 bool later)
{
	struct percpu_vm_test *ctx = test->priv;
	int end = min(4, ctx->layout.unit_pages), err = 0;
	long n;

	/* page 0 is a neighbour that has to stay as it is */
	percpu_vm_need_pages(test, 2);
	percpu_vm_watch(ctx, 0, 0);
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, 1));
	percpu_vm_fill(ctx->chunk, 0, 1, 5);

	for (n = 0; n < MAX_FAILURES; n++) {
		percpu_vm_watch(ctx, 1, end);
		if (event == PERCPU_VM_ALLOCATED)
			ctx->set.nr_pages = n;
		else
			ctx->set.event = event;
		ctx->set.nth = n + 1;
		ctx->set.later = later;
		err = percpu_vm_populate(ctx->chunk, 1, end);
		if (!err)
			break;
		KUNIT_ASSERT_EQ(test, err, -ENOMEM);
		KUNIT_ASSERT_EQ_MSG(test, percpu_vm_nr_mapped(ctx), 0,
				    "failure %ld", n);
		KUNIT_EXPECT_FALSE(test, current->flags & PF_MEMALLOC);
		KUNIT_EXPECT_EQ(test, nr_allocated(ctx), nr_freed(ctx));
		/* nothing waits for a flush, or it would be freed twice */
		scoped_guard(mutex, backend->mutex)
			backend->flush(ctx->chunk, 1, end);
		KUNIT_ASSERT_EQ_MSG(test, nr_allocated(ctx), nr_freed(ctx),
				    "failure %ld", n);
	}

	/* the last time it is a proper success */
	KUNIT_ASSERT_EQ(test, err, 0);
	percpu_vm_expect_own(test, 1, end);
	percpu_vm_depopulate(ctx->chunk, 1, end);
	KUNIT_EXPECT_EQ(test, nr_allocated(ctx), nr_freed(ctx));
	percpu_vm_expect_filled(test, ctx->chunk, 0, 1, 5);
	percpu_vm_depopulate(ctx->chunk, 0, 1);
	return n;
}

int percpu_vm_test_init(struct kunit *test)
{
	struct percpu_vm_test *ctx;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	test->priv = ctx;
	ctx->test = test;
	ctx->layout = backend->layout();
	ctx->observer.task = current;
	ctx->observer.call = see_call;
	percpu_vm_watch(ctx, 0, 0);
	/* as it is for the first chunk that there is */
	scoped_guard(mutex, backend->mutex) {
		percpu_vm_observer = &ctx->observer;
		percpu_vm_forget();
		ctx->chunk = backend->create_chunk(TEST_GFP);
	}
	return ctx->chunk ? 0 : -ENOMEM;
}

/* What a case that ended early has left goes with its chunks. */
void percpu_vm_test_exit(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int i;

	scoped_guard(mutex, backend->mutex)
		percpu_vm_observer = NULL;
	if (!ctx)
		return;
	while (ctx->chunk) {
		for (i = 0; i < ctx->layout.unit_pages; i++)
			if (percpu_vm_page(ctx->chunk, ctx->layout.high_cpu, i))
				percpu_vm_depopulate(ctx->chunk, i, i + 1);
		percpu_vm_destroy(ctx->chunk);
		ctx->chunk = ctx->nr_spare ? ctx->spare[--ctx->nr_spare] : NULL;
	}
	if (ctx->layout.keeps_promises)
		KUNIT_EXPECT_EQ(test, ctx->nr_broken, 0);
}

/* For the table of machines */
void percpu_vm_report(struct kunit_suite *suite)
{
	struct percpu_vm_layout layout = backend->layout();
	unsigned long first = backend->addr(*backend->first_chunk, 0, 0);
	void *page = vmalloc(PAGE_SIZE);

	pr_info("percpu_vm: %u CPUs on %d nodes, %d levels of page tables, %d units of %d pages of %lu kB, first chunk %s\n",
		num_possible_cpus(), num_online_nodes(),
		page ? backend->nr_levels((unsigned long)page) : 0,
		layout.nr_units, layout.unit_pages, PAGE_SIZE / 1024,
		is_vmalloc_addr((void *)first) ? "page by page" : "embedded");
	vfree(page);
}

MODULE_DESCRIPTION("KUnit suite of the backend of the per-CPU allocator");
MODULE_LICENSE("GPL");
