// SPDX-License-Identifier: GPL-2.0-only
/* KUnit cases for the per-CPU allocator as a whole, whatever its backend */

#include <linux/prandom.h>
#include <linux/workqueue.h>

#include "percpu_vm_observer.h"

#define SEED		20261122
#define EMPTY_PAGES	4	/* that mm/percpu.c has ready */

static const size_t sizes[] = {
	4, 8, 64, 100, 512, 1024, 2048, 3000, 4096, 8192, 16384, 32768,
};

/* Zero at first, and private to each CPU */
static int use_percpu(void __percpu *ptr, size_t size, u8 seed)
{
	unsigned int cpu;
	int bad = 0;

	for_each_possible_cpu(cpu) {
		u8 *p = per_cpu_ptr(ptr, cpu);

		bad += !!memchr_inv(p, 0, size);
		memset(p, (u8)(seed + cpu * 7 + 1) ?: 1, size);
	}
	for_each_possible_cpu(cpu)
		bad += !!memchr_inv(per_cpu_ptr(ptr, cpu),
				    (u8)(seed + cpu * 7 + 1) ?: 1, size);
	return bad;
}

/* Pages mapped at boot record no chunk. */
static bool is_beyond_first(void __percpu *ptr)
{
	void *addr = per_cpu_ptr(ptr, 0);

	return is_vmalloc_addr(addr) &&
	       backend->page_chunk(vmalloc_to_page(addr));
}

struct worker {
	struct work_struct	work;
	u32			seed;
	int			nr_bad;
	int			nr_beyond;
};

/* Hold some allocations at a time, replace them at random. */
static void work(struct work_struct *work)
{
	struct worker *worker = container_of(work, struct worker, work);
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
			worker->nr_bad += !atomic;
			continue;
		}
		worker->nr_beyond += is_beyond_first(ptrs[slot]);
		worker->nr_bad += use_percpu(ptrs[slot], size, i);
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(ptrs); i++)
		free_percpu(ptrs[i]);
}

static void work_everywhere(struct kunit *test)
{
	struct worker *workers;
	unsigned int cpu;

	workers = kunit_kcalloc(test, nr_cpu_ids, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	for_each_online_cpu(cpu) {
		workers[cpu].seed = SEED + cpu;
		INIT_WORK(&workers[cpu].work, work);
		schedule_work_on(cpu, &workers[cpu].work);
	}
	for_each_online_cpu(cpu) {
		flush_work(&workers[cpu].work);
		KUNIT_EXPECT_EQ(test, workers[cpu].nr_bad, 0);
		KUNIT_EXPECT_GT(test, workers[cpu].nr_beyond, 0);
	}
}

/*
 * The memory that the workers used is freed: a leak loses thousands of pages here.
 * How many stay depends on timing.  Of per-CPU memory: the first chunk, a spare
 * chunk, pages of chunks with other users, and empty pages for atomic allocations,
 * each in its own chunk.  Of other memory: stacks, page tables and whatever is
 * allocated once; and for each chunk, an eighth of its size for KASAN, tags of four
 * units for profiling.
 */
static void test_alloc_percpu(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	long nr_all, nr_percpu, nr_rest = nr_cpu_pages(128);
	int i;

	if (IS_ENABLED(CONFIG_KASAN_VMALLOC))
		nr_rest += (2 + EMPTY_PAGES) * ctx->layout.nr_units *
			   ctx->layout.unit_pages / 8;
	if (IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING))
		nr_rest += (2 + EMPTY_PAGES) * 4 * ctx->layout.unit_pages;

	work_everywhere(test);
	nr_percpu = nr_cpu_pages(backend->settle());
	nr_all = nr_percpu + backend->nr_free();

	for (i = 0; i < 4; i++)
		work_everywhere(test);
	nr_percpu = nr_cpu_pages(backend->settle());
	nr_all -= nr_percpu + backend->nr_free();

	KUNIT_EXPECT_LE(test, nr_percpu,
			nr_cpu_pages(3 * ctx->layout.unit_pages +
				     EMPTY_PAGES));
	KUNIT_EXPECT_LT(test, nr_all, nr_rest);
}

static struct kunit_case percpu_vm_alloc_cases[] = {
	KUNIT_CASE_SLOW(test_alloc_percpu),
	{}
};

static struct kunit_suite percpu_vm_alloc_suite = {
	.name		= "percpu_vm_alloc",
	.init		= percpu_vm_test_init,
	.exit		= percpu_vm_test_exit,
	.suite_exit	= percpu_vm_report,
	.test_cases	= percpu_vm_alloc_cases,
};

kunit_test_suite(percpu_vm_alloc_suite);
