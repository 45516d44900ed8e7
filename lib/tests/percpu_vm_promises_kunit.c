// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit cases for what only this mm/percpu-vm.c promises: how it goes about its
 * work, and that nothing is left of what fails or cannot happen.
 */

#include <linux/bitmap.h>
#include <linux/nodemask.h>
#include <linux/prandom.h>
#include <linux/sched/mm.h>

#include "percpu_vm_observer.h"

#define ORDER_RETRY	8	/* requests before a refused order is tried again */
#define MODEL_SEED	20261122
#define MODEL_STEPS	(IS_ENABLED(CONFIG_KMSAN) ? 300 : 3000)

/* What KMSAN has to know of, elsewhere nothing */
static int nr_metadata(int nr_pages)
{
	return IS_ENABLED(CONFIG_KMSAN) ? nr_cpu_pages(nr_pages) : 0;
}

/* What the backend needs for a range at least, if memory is not in pieces */
struct needs {
	int	nr_nodes;
	int	nr_requests;
	int	nr_refused;	/* with blocks of an order at most, at first */
	int	nr_refused_later;
	int	nr_tables;
	int	nr_down;	/* from one node to the next */
};

/* In how few requests can a node have these pages? */
static int nr_requests_of(struct percpu_vm_test *ctx, int node, int nr)
{
	const int max_order = ctx->layout.max_order;

	/* no blocks are requested where there is no memory for them */
	if (node != NUMA_NO_NODE && !node_state(node, N_HIGH_MEMORY))
		return DIV_ROUND_UP(nr, BULK_PAGES);
	return (nr >> max_order) + hweight32(nr & ((1 << max_order) - 1));
}

/* On a node, a higher CPU number means a higher address. */
static struct needs needs_of(struct kunit *test, int start, int end, int order)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned long first, last, table = 0;
	struct needs needs = { };
	int node, nr, above;
	unsigned int cpu;

	for (node = NUMA_NO_NODE; node < (int)nr_node_ids; node++) {
		nr = 0;
		for_each_possible_cpu(cpu) {
			if (cpu_to_node(cpu) != node)
				continue;
			first = backend->addr(ctx->chunk, cpu, start) & PMD_MASK;
			last = backend->addr(ctx->chunk, cpu, end - 1) & PMD_MASK;
			/* unless all of it is in the table in use */
			if (first != table || last != table)
				needs.nr_tables += (last - first) / PMD_SIZE + 1;
			needs.nr_down += first < table;
			table = last;
			nr += end - start;
		}
		if (!nr)
			continue;
		above = max(0, min(ilog2(nr), ctx->layout.max_order) - order);
		needs.nr_nodes++;
		needs.nr_requests += nr_requests_of(ctx, node, nr);
		needs.nr_refused += above;
		needs.nr_refused_later += !!above;
	}
	return needs;
}

/*
 * One pass: node by node, upwards on each, at most four levels walked for each
 * table, lazy MMU mode enabled once there, and all pages of a node from as few
 * blocks as possible.  Pages are freed after one flush, in runs.
 */
static void test_one_pass(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int start, end, nr_runs = INT_MAX;
	struct needs needs;

	percpu_vm_get_range(test, &start, &end);
	needs = needs_of(test, start, end, 0);
	percpu_vm_watch(ctx, start, end);
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, start, end));
	/* blocks can be short where memory is in pieces */
	if (ctx->seen.calls[PERCPU_VM_ALLOCATED] == nr_requests(ctx)) {
		KUNIT_EXPECT_EQ(test, nr_requests(ctx), needs.nr_requests);
		nr_runs = needs.nr_requests +
			  nr_cpu_pages(end - start) / BULK_PAGES;
	}
	KUNIT_EXPECT_LE(test, ctx->seen.nr_down, needs.nr_down);
	KUNIT_EXPECT_LE(test, ctx->seen.calls[PERCPU_VM_TABLE],
			4 * needs.nr_tables);
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_LAZY_ENABLE],
			needs.nr_tables);
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_METADATA],
			nr_metadata(end - start));

	percpu_vm_watch(ctx, start, end);
	percpu_vm_depopulate(ctx->chunk, start, end);
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_flushes, 2);
	percpu_vm_expect_flush(test, 0, PERCPU_VM_FLUSH_UNMAP, true);
	percpu_vm_expect_flush(test, 1, PERCPU_VM_FLUSH_TLB, false);
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(end - start));
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_LAZY_ENABLE],
			needs.nr_tables);
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_METADATA], 0);
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_NO_METADATA],
			nr_metadata(end - start));
	KUNIT_EXPECT_LE(test, ctx->seen.calls[PERCPU_VM_FREE], nr_runs);
}

/* Creating the first chunk allocates the staging array, or fails. */
static void test_staging_array(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct pcpu_chunk *chunks[3];
	int i;

	percpu_vm_watch(ctx, 0, 0);
	ctx->set.event = PERCPU_VM_STAGE;
	ctx->set.nth = 1;
	scoped_guard(mutex, backend->mutex) {
		percpu_vm_forget();
		for (i = 0; i < ARRAY_SIZE(chunks); i++)
			chunks[i] = backend->create_chunk(TEST_GFP);
	}
	KUNIT_EXPECT_NULL(test, chunks[0]);
	KUNIT_EXPECT_NOT_NULL(test, chunks[1]);
	KUNIT_EXPECT_NOT_NULL(test, chunks[2]);
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_parts, 4);
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_STAGE], 2);
	/* a pointer for each page; offset, CPU, node and run of each unit */
	KUNIT_EXPECT_GE(test, ctx->seen.pages[PERCPU_VM_STAGE], 2 *
			(nr_cpu_pages(ctx->layout.unit_pages) * sizeof(void *) +
			 nr_cpu_pages(1) * (sizeof(long) + 3 * sizeof(int))));
	for (i = 0; i < ARRAY_SIZE(chunks); i++)
		percpu_vm_destroy(chunks[i]);
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_parts, 0);
}

/* What mm/percpu.c passes; the last one is the balance worker's. */
static const gfp_t gfps[] = {
	GFP_NOIO,
	GFP_NOIO | __GFP_NOWARN,
	TEST_GFP,
	GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN,
};

/* With success, and without enough pages */
static void test_gfp(struct kunit *test)
{
	const unsigned int all = PF_MEMALLOC | PF_MEMALLOC_NOIO |
				 PF_MEMALLOC_NOFS;
	struct percpu_vm_test *ctx = test->priv;
	unsigned int flags = current->flags & all, scope;
	int i, err;

	percpu_vm_need_pages(test, 3);
	for (i = 0; i < 2 * ARRAY_SIZE(gfps); i++) {
		gfp_t gfp = gfps[i / 2];

		percpu_vm_watch(ctx, 0, 3);
		ctx->set.gfp = gfp;
		if (i % 2)
			ctx->set.nr_pages = nr_cpu_pages(3) - 1;
		scope = memalloc_flags_save(gfp & __GFP_IO ? PF_MEMALLOC_NOIO : 0);
		scoped_guard(mutex, backend->mutex)
			err = backend->populate(ctx->chunk, 0, 3, gfp);
		memalloc_flags_restore(scope);
		KUNIT_EXPECT_EQ(test, err, i % 2 ? -ENOMEM : 0);
		KUNIT_EXPECT_GT(test, nr_requests(ctx), 0);
		KUNIT_EXPECT_EQ(test, current->flags & all, flags);
		if (!err)
			percpu_vm_depopulate(ctx->chunk, 0, 3);
	}
}

/*
 * No blocks are requested on a node without memory.  A CPU without a node gets
 * pages of the node on which this task runs.
 */
static void test_node_without_memory(struct kunit *test)
{
	unsigned int cpu = cpumask_first_zero(cpu_online_mask);
	const nodemask_t nodes = node_states[N_HIGH_MEMORY];
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages, node = NUMA_NO_NODE, here, err;

	if (!IS_ENABLED(CONFIG_NUMA))
		kunit_skip(test, "needs CONFIG_NUMA");
	percpu_vm_watch(ctx, 0, nr);
	nodes_clear(node_states[N_HIGH_MEMORY]);
	/* nothing could run on a CPU that is online and on no node */
	if (cpu < nr_cpu_ids && cpu_possible(cpu)) {
		node = cpu_to_node(cpu);
		percpu_vm_move_cpu(cpu, NUMA_NO_NODE);
	}
	migrate_disable();
	here = numa_mem_id();
	err = percpu_vm_populate(ctx->chunk, 0, nr);
	migrate_enable();
	node_states[N_HIGH_MEMORY] = nodes;
	if (node != NUMA_NO_NODE)
		percpu_vm_move_cpu(cpu, node);

	KUNIT_ASSERT_EQ(test, err, 0);
	if (node != NUMA_NO_NODE)
		KUNIT_EXPECT_EQ(test, here, page_to_nid(percpu_vm_page(ctx->chunk,
								       cpu, 0)));
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_ALLOC], 0);
	KUNIT_EXPECT_GT(test, ctx->seen.calls[PERCPU_VM_BULK], 0);
	percpu_vm_expect_own(test, 0, nr);
	percpu_vm_depopulate(ctx->chunk, 0, nr);
}

/* Later calls may succeed again, or fail as well. */
static void test_rollback(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int later;
	long n;

	for (later = 0; later < 2; later++) {
		n = percpu_vm_fail_each(test, PERCPU_VM_TABLE, later);
		KUNIT_EXPECT_GT(test, n, 0);
		KUNIT_EXPECT_EQ(test, n, ctx->seen.calls[PERCPU_VM_TABLE]);
	}
	KUNIT_EXPECT_EQ(test, nr_metadata(min(4, ctx->layout.unit_pages) - 1),
			percpu_vm_fail_each(test, PERCPU_VM_METADATA, false));
}

/* Memory in pieces: the sizes of what there is */
static const struct pieces_case {
	const char	*name;
	int		order;
	int		nr_bulk;
} pieces_cases[] = {
	{ "blocks of four",	2, INT_MAX },
	{ "single pages",	0, INT_MAX },
	{ "few in bulk",	0, 3 },
};

KUNIT_ARRAY_PARAM_DESC(pieces, pieces_cases, name);
KUNIT_ARRAY_PARAM_DESC(range, percpu_vm_ranges, name);

/* A refused order is retried some calls later, and what is left comes in bulk. */
static void test_pieces(struct kunit *test)
{
	const struct pieces_case *param = test->param_value;
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(64, ctx->layout.unit_pages), round, nr_refused;
	struct needs needs = needs_of(test, 0, nr, param->order);

	for (round = 0; round < 2 * ORDER_RETRY; round++) {
		percpu_vm_watch(ctx, 0, nr);
		ctx->set.order = param->order;
		ctx->set.nr_bulk = param->nr_bulk;
		KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, nr));
		/* the first time down to there, later just one more a node */
		nr_refused = !round ? needs.nr_refused :
			     round % ORDER_RETRY ? 0 : needs.nr_refused_later;
		/* others are refused where memory really is in pieces */
		if (ctx->seen.calls[PERCPU_VM_ALLOCATED] +
		    ctx->seen.nr_refused == nr_requests(ctx))
			KUNIT_EXPECT_EQ(test, ctx->seen.nr_refused, nr_refused);
		/* page_owner has the bulk allocator give one page at a time */
		if (!param->order && param->nr_bulk == INT_MAX &&
		    !IS_ENABLED(CONFIG_PAGE_OWNER))
			KUNIT_EXPECT_LE(test, ctx->seen.calls[PERCPU_VM_BULK],
					needs.nr_nodes +
					nr_cpu_pages(nr) / BULK_PAGES);
		KUNIT_EXPECT_EQ(test, nr_allocated(ctx), nr_cpu_pages(nr));
		percpu_vm_expect_own(test, 0, nr);
		percpu_vm_depopulate(ctx->chunk, 0, nr);
		KUNIT_EXPECT_EQ(test, nr_allocated(ctx), nr_freed(ctx));
	}
}

/* A page records its chunk while it is mapped, and none when it is freed. */
static void test_page_to_chunk(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(5, ctx->layout.unit_pages), i, n;
	unsigned int cpu;

	for (n = 0; n < 3; n++) {
		KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, nr));
		KUNIT_ASSERT_TRUE(test, percpu_vm_renew(ctx));
	}
	for (n = 0; n < 3; n++)
		percpu_vm_expect_mapped(test, ctx->spare[n], 0, nr, true);
	for_each_possible_cpu(cpu) {
		for (i = 0; i < nr; i++) {
			void *addr = (void *)backend->addr(ctx->spare[0], cpu, i);

			KUNIT_EXPECT_PTR_EQ(test, vmalloc_to_page(addr),
					    backend->page(ctx->spare[0], cpu, i));
			addr += PAGE_SIZE - 1;
			KUNIT_EXPECT_PTR_EQ(test, vmalloc_to_page(addr),
					    backend->addr_to_page(addr));
		}
	}
	for (n = 0; n < 3; n++)
		percpu_vm_depopulate(ctx->spare[n], 0, nr);
	KUNIT_EXPECT_NULL(test, backend->page(ctx->spare[0], 0, 0));
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), 3 * nr_cpu_pages(nr));
}

/* Pages of the first chunk are not looked up; their protection is the same. */
static void test_first_chunk(struct kunit *test)
{
	struct pcpu_chunk *first = *backend->first_chunk;
	unsigned int cpu;

	if (is_vmalloc_addr((void *)backend->addr(first, 0, 0)))
		for_each_possible_cpu(cpu)
			KUNIT_EXPECT_TRUE(test, percpu_vm_is_kernel(first, cpu, 0));
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_NULL(test, backend->page(first, 0, 0));
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
}

/* Readers of vmalloc space see the last page of the last unit, too. */
static void test_area_size(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct vm_struct *area;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		area = backend->area((void *)backend->addr(ctx->chunk, cpu, 0));
		KUNIT_ASSERT_NOT_NULL(test, area);
		KUNIT_EXPECT_EQ(test, get_vm_area_size(area), area->size);
	}
}

/* An entry that is in use is not overwritten, and stays when that is undone. */
static void test_entry_in_use(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int err = 0;

	percpu_vm_need_pages(test, 3);
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 1, 2));
	percpu_vm_fill(ctx->chunk, 1, 2, 8);
	percpu_vm_watch(ctx, 0, 3);
	kunit_warning_suppress(test) {
		err = percpu_vm_populate(ctx->chunk, 0, 3);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(3));
	percpu_vm_expect_mapped(test, ctx->chunk, 0, 1, false);
	percpu_vm_expect_mapped(test, ctx->chunk, 1, 2, true);
	percpu_vm_expect_mapped(test, ctx->chunk, 2, 3, false);
	percpu_vm_expect_filled(test, ctx->chunk, 1, 2, 8);
	percpu_vm_depopulate(ctx->chunk, 1, 2);
}

/* An entry that is empty is left out, also where there is no table for it. */
static void test_entry_missing(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(9, ctx->layout.unit_pages);

	percpu_vm_need_pages(test, 3);
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, 1));
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 2, 3));
	percpu_vm_watch(ctx, 0, 3);
	kunit_warning_suppress(test) {
		percpu_vm_depopulate(ctx->chunk, 0, 3);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
	KUNIT_ASSERT_EQ(test, nr_freed(ctx), nr_cpu_pages(2));
	KUNIT_ASSERT_EQ(test, percpu_vm_nr_mapped(ctx), 0);

	/* most chunks have tables that were another's before */
	while (backend->pte(backend->addr(ctx->chunk, 0, 0)))
		if (!percpu_vm_renew(ctx))
			kunit_skip(test, "all chunks have page tables");
	percpu_vm_watch(ctx, 0, nr);
	kunit_warning_suppress(test) {
		percpu_vm_depopulate(ctx->chunk, 0, nr);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), 0);
}

/* Pages that still wait for a flush get it before others are staged or mapped. */
static void test_forgotten_flush(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages, err = 0, i;

	percpu_vm_need_pages(test, 2);
	KUNIT_ASSERT_TRUE(test, percpu_vm_renew(ctx));
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, nr));
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->spare[0], 1, nr));
	percpu_vm_watch(ctx, 0, nr);
	kunit_warning_suppress(test) {
		scoped_guard(mutex, backend->mutex) {
			backend->depopulate(ctx->chunk, 0, 1);
			KUNIT_EXPECT_EQ(test, nr_freed(ctx), 0);
			backend->depopulate(ctx->spare[0], 1, nr);
			KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(1));
			err = backend->populate(ctx->chunk, 0, 1, TEST_GFP);
		}
		KUNIT_EXPECT_EQ(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 2);
	}
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(nr));
	/* there is room for all of a chunk, not for what is depopulated twice */
	kunit_warning_suppress(test)
		scoped_guard(mutex, backend->mutex) {
			backend->depopulate(ctx->chunk, 0, 1);
			backend->depopulate(ctx->chunk, 1, nr);
			KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(nr));
			backend->depopulate(ctx->chunk, 0, 1);
			KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(2 * nr));
			backend->flush(ctx->chunk, 0, 1);
		}
	for (i = 0; i < 2; i++) {
		struct percpu_vm_flush *flush = &ctx->seen.flushes[2 * i + 1];

		KUNIT_EXPECT_EQ(test, flush->event, PERCPU_VM_FLUSH_TLB);
		KUNIT_EXPECT_EQ(test, flush->start, VMALLOC_START);
		KUNIT_EXPECT_EQ(test, flush->end, VMALLOC_END);
		KUNIT_EXPECT_EQ(test, flush->nr_freed, i * nr_cpu_pages(1));
	}
}

/* One flush for several depopulations, at the latest when a chunk is destroyed */
static void test_flush_destroy(struct kunit *test)
{
	struct needs needs = needs_of(test, 1, 4, 0);
	struct percpu_vm_test *ctx = test->priv;
	int nr_runs = INT_MAX;

	percpu_vm_need_pages(test, 4);
	KUNIT_ASSERT_TRUE(test, percpu_vm_renew(ctx));
	percpu_vm_watch(ctx, 0, ctx->layout.unit_pages);
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 1, 4));
	/* what has one index on a node is contiguous, but for ends of blocks */
	if (ctx->seen.calls[PERCPU_VM_ALLOCATED] == nr_requests(ctx))
		nr_runs = needs.nr_requests + 2 * needs.nr_nodes;
	percpu_vm_watch(ctx, 0, ctx->layout.unit_pages);
	scoped_guard(mutex, backend->mutex) {
		backend->depopulate(ctx->chunk, 2, 4);
		backend->depopulate(ctx->chunk, 1, 2);
		KUNIT_EXPECT_EQ(test, nr_freed(ctx), 0);
		backend->destroy_chunk(ctx->spare[--ctx->nr_spare]);
	}
	KUNIT_EXPECT_LE(test, ctx->seen.calls[PERCPU_VM_FREE], nr_runs);
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_flushes, 3);
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(3));
	percpu_vm_expect_flush(test, 2, PERCPU_VM_FLUSH_TLB, false);

	/* where nothing waits there is nothing to flush */
	percpu_vm_destroy(ctx->chunk);
	ctx->chunk = NULL;
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_flushes, 3);
}

/* Populate units of two tables, with each table failing in turn, then the last. */
static void check_boundary(struct kunit *test, int nr)
{
	struct percpu_vm_test *ctx = test->priv;
	const int sync = ARCH_PAGE_TABLE_SYNC_MASK & PGTBL_PMD_MODIFIED;
	long nr_tables = 0;
	bool known;
	int err;

	/* a new table is made known, also if the next one is missing */
	do {
		percpu_vm_watch(ctx, 0, nr);
		known = backend->pte(ctx->start);
		ctx->set.event = PERCPU_VM_TABLE;
		ctx->set.nth = ++nr_tables;
		err = percpu_vm_populate(ctx->chunk, 0, nr);
		if (sync && !known && backend->pte(ctx->start))
			KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_SYNC], 1);
		KUNIT_ASSERT_TRUE(test, !err ||
				  ctx->seen.calls[PERCPU_VM_TABLE] == nr_tables);
	} while (err);

	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_LAZY_ENABLE],
			needs_of(test, 0, nr, 0).nr_tables);
	nr_tables = ctx->seen.calls[PERCPU_VM_TABLE];
	percpu_vm_expect_own(test, 0, nr);
	percpu_vm_depopulate(ctx->chunk, 0, nr);
	KUNIT_EXPECT_EQ(test, percpu_vm_nr_mapped(ctx), 0);

	percpu_vm_watch(ctx, 0, nr);
	ctx->set.event = PERCPU_VM_TABLE;
	ctx->set.nth = nr_tables;
	KUNIT_EXPECT_EQ(test, -ENOMEM, percpu_vm_populate(ctx->chunk, 0, nr));
	KUNIT_EXPECT_EQ(test, percpu_vm_nr_mapped(ctx), 0);
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(nr));
	/* what was mapped up to there can be in a TLB */
	KUNIT_ASSERT_EQ(test, ctx->seen.nr_flushes, 2);
	KUNIT_EXPECT_GT(test, ctx->seen.flushes[0].nr_mapped, 0);
	ctx->seen.flushes[0].nr_mapped = nr_cpu_pages(nr);
	percpu_vm_expect_flush(test, 0, PERCPU_VM_FLUSH_UNMAP, true);
	percpu_vm_expect_flush(test, 1, PERCPU_VM_FLUSH_TLB, false);
}

/* The boundary of a page table can lie in the unit of any CPU. */
static void test_table_boundary(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages, nr_seen = 0, before;
	static struct cpumask seen;
	unsigned int cpu;

	cpumask_clear(&seen);
	do {
		before = nr_seen;
		for_each_possible_cpu(cpu)
			if ((backend->addr(ctx->chunk, cpu, 0) ^
			     backend->addr(ctx->chunk, cpu, nr - 1)) & PMD_MASK)
				nr_seen += !cpumask_test_and_set_cpu(cpu, &seen);
		if (nr_seen > before)
			check_boundary(test, nr);
	} while (nr_seen < num_possible_cpus() && percpu_vm_renew(ctx));
	if (nr_seen)
		return;
	/* where a table is whole units, the boundary lies between two of them */
	percpu_vm_watch(ctx, 0, nr);
	if (!((ctx->start ^ (ctx->end - 1)) & PMD_MASK))
		kunit_skip(test, "no chunk spans two page tables");
	check_boundary(test, nr);
}

/* A unit with fewer than four pages has no quarter. */
static void test_should_reclaim_small(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;

	KUNIT_EXPECT_FALSE(test, backend->should_reclaim(ctx->chunk, false, 0,
							 2, 100));
}

/* Random operations, compared with a bitmap of what has to be populated */
static void test_model(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr = ctx->layout.unit_pages, step, start, end, i, nr_failed = 0;
	unsigned long *populated;
	struct rnd_state rnd;

	populated = kunit_kcalloc(test, BITS_TO_LONGS(nr), sizeof(long),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, populated);
	prandom_seed_state(&rnd, MODEL_SEED);
	for (step = 0; step < MODEL_STEPS; step++) {
		start = prandom_u32_state(&rnd) % nr;
		end = test_bit(start, populated) ?
		      find_next_zero_bit(populated, nr, start) :
		      find_next_bit(populated, nr, start);
		end = min(end, start + 1 + (int)(prandom_u32_state(&rnd) % 9));
		percpu_vm_watch(ctx, start, end);
		if (test_bit(start, populated)) {
			percpu_vm_depopulate(ctx->chunk, start, end);
			bitmap_clear(populated, start, end - start);
			continue;
		}
		if (step % 4 == 0)
			ctx->set.nr_pages = prandom_u32_state(&rnd) %
					    nr_cpu_pages(end - start);
		if (step % 4 == 1)
			ctx->set.event = PERCPU_VM_TABLE;
		ctx->set.nth = 1 + step / 4 % 8;
		if (percpu_vm_populate(ctx->chunk, start, end)) {
			nr_failed++;
			KUNIT_EXPECT_LT(test, step % 4, 2);
			continue;
		}
		bitmap_set(populated, start, end - start);
		percpu_vm_fill(ctx->chunk, start, end, 7);
		if (step % 50 < 4) {
			for_each_set_bit(i, populated, nr)
				percpu_vm_expect_filled(test, ctx->chunk, i,
							i + 1, 7);
			percpu_vm_expect_no_strays(test, bitmap_weight(populated,
								       nr));
		}
	}
	KUNIT_EXPECT_GT(test, nr_failed, 0);
}

static void percpu_vm_promises_exit(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;

	percpu_vm_test_exit(test);
	if (ctx)
		KUNIT_EXPECT_EQ(test, ctx->nr_broken, 0);
}

static struct kunit_case percpu_vm_promises[] = {
	KUNIT_CASE_PARAM(test_one_pass, range_gen_params),
	KUNIT_CASE(test_staging_array),
	KUNIT_CASE(test_gfp),
	KUNIT_CASE(test_node_without_memory),
	KUNIT_CASE(test_rollback),
	KUNIT_CASE_PARAM(test_pieces, pieces_gen_params),
	KUNIT_CASE(test_page_to_chunk),
	KUNIT_CASE(test_first_chunk),
	KUNIT_CASE(test_area_size),
	KUNIT_CASE(test_entry_in_use),
	KUNIT_CASE(test_entry_missing),
	KUNIT_CASE(test_forgotten_flush),
	KUNIT_CASE(test_flush_destroy),
	KUNIT_CASE(test_table_boundary),
	KUNIT_CASE(test_should_reclaim_small),
	KUNIT_CASE_SLOW(test_model),
	{}
};

static struct kunit_suite percpu_vm_promises_suite = {
	.name		= "percpu_vm_promises",
	.init		= percpu_vm_test_init,
	.exit		= percpu_vm_promises_exit,
	.test_cases	= percpu_vm_promises,
};

kunit_test_suite(percpu_vm_promises_suite);
