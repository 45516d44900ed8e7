// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit cases for the hooks of the per-CPU allocator's backend, mm/percpu-vm.c:
 * what the current one and the new one do for mm/percpu.c.
 */

#include <linux/highmem.h>
#include <linux/nodemask.h>

#include "percpu_vm_observer.h"

/* Populate a range or nothing, and write to it. */
static void use_range(struct kunit *test, int start, int end)
{
	struct percpu_vm_test *ctx = test->priv;

	if (start == end)
		return;
	KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, start, end));
	percpu_vm_fill(ctx->chunk, start, end, start + 2);
}

/* A range is populated and depopulated in all units, and nothing else. */
static void test_range(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int start, end, nr = ctx->layout.unit_pages;

	percpu_vm_get_range(test, &start, &end);
	percpu_vm_watch(ctx, start, end);
	use_range(test, start, end);
	KUNIT_EXPECT_EQ(test, nr_allocated(ctx), nr_cpu_pages(end - start));
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), 0);
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_flushes, 1);
	percpu_vm_expect_flush(test, 0, PERCPU_VM_FLUSH_MAP, true);
	percpu_vm_expect_mapped(test, ctx->chunk, start, end, true);
	percpu_vm_expect_no_strays(test, end - start);

	/* with neighbours on both sides */
	use_range(test, 0, start);
	use_range(test, end, nr);
	percpu_vm_expect_filled(test, ctx->chunk, start, end, start + 2);

	/* depopulating needs no memory, and leaves the neighbours alone */
	percpu_vm_watch(ctx, start, end);
	ctx->set.nr_pages = 0;
	percpu_vm_depopulate(ctx->chunk, start, end);
	KUNIT_EXPECT_EQ(test, nr_requests(ctx), 0);
	KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_TABLE], 0);
	KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_cpu_pages(end - start));
	percpu_vm_expect_mapped(test, ctx->chunk, start, end, false);
	percpu_vm_expect_no_strays(test, nr - (end - start));

	/* populating leaves them alone, too */
	percpu_vm_watch(ctx, start, end);
	use_range(test, start, end);
	percpu_vm_expect_filled(test, ctx->chunk, 0, start, 2);
	percpu_vm_expect_filled(test, ctx->chunk, start, end, start + 2);
	percpu_vm_expect_filled(test, ctx->chunk, end, nr, end + 2);
}

/*
 * A table that others have to know of is made known, and nothing else is.  Not
 * seen of a backend that leaves page tables and lazy MMU mode to mm/vmalloc.c.
 */
static void test_sync(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	const int sync = ARCH_PAGE_TABLE_SYNC_MASK & PGTBL_PMD_MODIFIED;
	int pass;

	while (sync && backend->pte(backend->addr(ctx->chunk, 0, 0)))
		if (!percpu_vm_renew(ctx))
			kunit_skip(test, "no address without a page table");

	percpu_vm_watch(ctx, 0, 1);
	/* the second time the table is there */
	for (pass = 0; pass < 2; pass++) {
		KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, 1));
		KUNIT_EXPECT_EQ(test, ctx->seen.calls[PERCPU_VM_SYNC], sync &&
				ctx->seen.calls[PERCPU_VM_LAZY_ENABLE]);
		percpu_vm_depopulate(ctx->chunk, 0, 1);
	}
	if (!ctx->seen.calls[PERCPU_VM_SYNC])
		return;
	KUNIT_EXPECT_EQ(test, ctx->seen.synced.start, ctx->start);
	KUNIT_EXPECT_EQ(test, ctx->seen.synced.end, ctx->end);
}

/* How many pages are not on the node of their CPU, or on this one? */
static int nr_off_node(struct percpu_vm_test *ctx, int node)
{
	unsigned int cpu;
	int i, nr = 0;

	for_each_possible_cpu(cpu) {
		int expected = node == NUMA_NO_NODE ? cpu_to_node(cpu) : node;

		for (i = ctx->page_start; i < ctx->page_end; i++)
			nr += page_to_nid(percpu_vm_page(ctx->chunk, cpu, i)) !=
			      expected;
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

/* A CPU that is brought up can turn out to be on another node. */
static void test_node(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	unsigned int cpu = ctx->layout.high_cpu;
	int node = cpu_to_node(cpu), nr = ctx->layout.unit_pages, err, i;
	const int nodes[] = {
		node, next_node_in(node, node_states[N_MEMORY]),
	};

	need_nodes(test);
	percpu_vm_watch(ctx, 0, nr);
	for (i = 0; i < ARRAY_SIZE(nodes); i++) {
		percpu_vm_move_cpu(cpu, nodes[i]);
		err = percpu_vm_populate(ctx->chunk, 0, nr);
		KUNIT_EXPECT_EQ(test, err, 0);
		KUNIT_EXPECT_EQ(test, err ?: nr_off_node(ctx, NUMA_NO_NODE), 0);
		percpu_vm_move_cpu(cpu, node);
		if (!err)
			percpu_vm_depopulate(ctx->chunk, 0, nr);
	}
}

/* In a cpuset, blocks and single pages come from its nodes alone. */
static void test_cpuset(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int node = cpu_to_node(ctx->layout.high_cpu), singles, err;

	if (!IS_ENABLED(CONFIG_CPUSETS))
		kunit_skip(test, "needs CONFIG_CPUSETS");
	need_nodes(test);
	percpu_vm_need_pages(test, 3);
	for (singles = 0; singles < 2; singles++) {
		percpu_vm_watch(ctx, 0, 3);
		ctx->set.order = singles ? 0 : INT_MAX;
		percpu_vm_allow_node(node);
		err = percpu_vm_populate(ctx->chunk, 0, 3);
		percpu_vm_allow_node(NUMA_NO_NODE);
		KUNIT_ASSERT_EQ(test, err, 0);
		KUNIT_EXPECT_EQ(test, nr_off_node(ctx, node), 0);
		percpu_vm_depopulate(ctx->chunk, 0, 3);
	}
}

static void test_rollback_pages(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, nr_cpu_pages(min(4, ctx->layout.unit_pages) - 1),
			percpu_vm_fail_each(test, PERCPU_VM_ALLOCATED, true));
}

/* Nothing is left of a chunk that could be created in part only. */
static void test_rollback_chunk(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	struct pcpu_chunk *chunk = NULL;
	long n;

	for (n = 1; !chunk && n < MAX_FAILURES; n++) {
		percpu_vm_watch(ctx, 0, 0);
		ctx->set.event = PERCPU_VM_CREATE;
		ctx->set.nth = n;
		chunk = percpu_vm_create();
		if (!chunk)
			KUNIT_ASSERT_EQ(test, ctx->seen.nr_parts, 0);
	}
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_parts, 2);
	KUNIT_EXPECT_EQ(test, n, 4);
	KUNIT_EXPECT_EQ(test, ctx->seen.pages[PERCPU_VM_STATISTICS], 1);
	KUNIT_EXPECT_EQ(test, ctx->seen.pages[PERCPU_VM_TRACE], 1);
	percpu_vm_destroy(chunk);
	KUNIT_EXPECT_EQ(test, ctx->seen.nr_parts, 0);
	KUNIT_EXPECT_EQ(test, ctx->seen.pages[PERCPU_VM_STATISTICS], 0);
	KUNIT_EXPECT_EQ(test, ctx->seen.pages[PERCPU_VM_TRACE], 0);
	/* nor is there always one to destroy */
	percpu_vm_destroy(NULL);
}

/* How many of these pages does the page allocator have?  Others may take some. */
static int nr_free_of(struct page **pages, int nr)
{
	int i, nr_free = 0;

	backend->nr_free();
	for (i = 0; i < nr; i++)
		nr_free += is_free_buddy_page(pages[i]);
	return nr_free;
}

/* A page that is held, or poisoned and lost for good, is not freed; others are. */
static void test_one_page_stays(struct kunit *test)
{
	const int nr_passes = IS_ENABLED(CONFIG_MEMORY_FAILURE) ? 6 : 3;
	struct percpu_vm_test *ctx = test->priv;
	int nr = min(3, ctx->layout.unit_pages), nr_all = nr_cpu_pages(nr);
	struct page **pages, *page;
	int n, i, nr_retries = 0;
	bool enough;

	pages = kunit_kcalloc(test, nr_all, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	/* first, middle and last of them, first held and then poisoned */
	for (n = 0; n < nr_passes && nr_retries < 10; n += enough) {
		KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, nr));
		for (i = 0; i < nr_all; i++)
			pages[i] = percpu_vm_page(ctx->chunk,
						  cpumask_nth(i / nr,
							      cpu_possible_mask),
						  i % nr);
		page = pages[n % 3 * (nr_all - 1) / 2];
		if (n < 3)
			get_page(page);
		else
			SetPageHWPoison(page);
		percpu_vm_watch(ctx, 0, nr);
		percpu_vm_depopulate(ctx->chunk, 0, nr);
		KUNIT_EXPECT_EQ(test, nr_freed(ctx), nr_all);
		KUNIT_EXPECT_EQ(test, nr_free_of(&page, 1), 0);
		/* where others took more it is done again */
		enough = nr_free_of(pages, nr_all) >= nr_all * 3 / 4;
		nr_retries += !enough;
		KUNIT_EXPECT_EQ(test, ctx->seen.nr_shared, n < 3);
		KUNIT_EXPECT_EQ(test, page_count(page), n < 3);
		if (n < 3)
			put_page(page);
	}
	KUNIT_EXPECT_LT(test, nr_retries, 10);
}

static long read_first_word(void *addr)
{
	return READ_ONCE(*(long *)addr);
}

/*
 * End to end: all CPUs have a translation, the page behind it changes, and
 * none may see the old one.  The old page is held so that it is not used again,
 * and the new one is written to through another address.
 */
static void test_other_cpu_sees_new_page(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	void *addr = (void *)backend->addr(ctx->chunk, ctx->layout.high_cpu, 0);
	struct page *pages[2];
	unsigned int cpu;
	long n;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
	for (n = 0; n < 2; n++) {
		KUNIT_ASSERT_EQ(test, 0, percpu_vm_populate(ctx->chunk, 0, 1));
		pages[n] = vmalloc_to_page(addr);
		get_page(pages[n]);
		memcpy_to_page(pages[n], 0, (char *)&n, sizeof(n));
		for_each_online_cpu(cpu)
			KUNIT_EXPECT_EQ(test, n,
					work_on_cpu(cpu, read_first_word, addr));
		percpu_vm_depopulate(ctx->chunk, 0, 1);
	}
	put_page(pages[0]);
	put_page(pages[1]);
}

static const struct policy {
	const char	*name;
	bool		isolated;
	int		nr_empty;
	int		nr_pages;
	int		nr_empty_all;	/* of the chunks that are not isolated */
	bool		reclaim;
} policies[] = {
	{ "a quarter is empty",		false, 4, 16, 9,	true },
	{ "less than a quarter",	false, 3, 16, 100,	false },
	{ "a quarter of fifteen",	false, 3, 15, 100,	true },
	{ "nothing is empty",		false, 0, 16, 100,	false },
	{ "others have too few",	false, 4, 16, 8,	false },
	{ "isolated, one is empty",	true, 1, 16, 0,		true },
	{ "isolated, nothing is empty",	true, 0, 16, 100,	false },
};

KUNIT_ARRAY_PARAM_DESC(policy, policies, name);
KUNIT_ARRAY_PARAM_DESC(range, percpu_vm_ranges, name);

/* What was mapped at boot is never reclaimed, be it for modules or not. */
static void test_should_reclaim(struct kunit *test)
{
	const struct policy *param = test->param_value;
	struct percpu_vm_test *ctx = test->priv;
	struct pcpu_chunk *chunks[] = {
		ctx->chunk, *backend->first_chunk, *backend->reserved_chunk,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(chunks) && chunks[i]; i++)
		KUNIT_EXPECT_EQ(test, param->reclaim && !i,
				backend->should_reclaim(chunks[i],
							param->isolated,
							param->nr_empty,
							param->nr_pages,
							param->nr_empty_all));
}

static struct kunit_case percpu_vm_cases[] = {
	KUNIT_CASE_PARAM(test_range, range_gen_params),
	KUNIT_CASE(test_sync),
	KUNIT_CASE(test_node),
	KUNIT_CASE(test_cpuset),
	KUNIT_CASE(test_rollback_pages),
	KUNIT_CASE(test_rollback_chunk),
	KUNIT_CASE(test_one_page_stays),
	KUNIT_CASE(test_other_cpu_sees_new_page),
	KUNIT_CASE_PARAM(test_should_reclaim, policy_gen_params),
	{}
};

static struct kunit_suite percpu_vm_suite = {
	.name		= "percpu_vm",
	.init		= percpu_vm_test_init,
	.exit		= percpu_vm_test_exit,
	.test_cases	= percpu_vm_cases,
};

kunit_test_suite(percpu_vm_suite);
