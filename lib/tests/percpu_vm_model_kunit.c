// SPDX-License-Identifier: GPL-2.0-only
/*
 * A random walk through all hooks of the per-CPU allocator's backend, beside
 * which it is written down what has to be mapped and what is in it.
 */

#include <linux/prandom.h>

#include "percpu_vm_observer.h"

#define NR_CHUNKS	3
#define NR_STEPS	(IS_ENABLED(CONFIG_KMSAN) ? 300 : 3000)
#define SEED		20261122

struct model {
	struct pcpu_chunk	*chunks[NR_CHUNKS];
	/* of the content of each page, 0 if it is not populated */
	u32			*seeds[NR_CHUNKS];
	struct rnd_state	rnd;
	u32			seed;
	long			nr_pages;
	long			nr_failures;
};

static u32 below(struct model *model, u32 limit)
{
	return prandom_u32_state(&model->rnd) % limit;
}

static void check(struct kunit *test, struct model *model)
{
	struct percpu_vm_test *ctx = test->priv;
	int c, i;

	for (c = 0; c < NR_CHUNKS; c++) {
		for (i = 0; i < ctx->layout.unit_pages; i++) {
			u32 seed = model->seeds[c][i];

			percpu_vm_expect_mapped(test, model->chunks[c], i,
						i + 1, seed);
			if (test->status != KUNIT_FAILURE && seed)
				percpu_vm_expect_filled(test, model->chunks[c],
							i, i + 1, seed);
		}
	}
	KUNIT_EXPECT_EQ(test, nr_allocated(ctx) - nr_freed(ctx),
			model->nr_pages);
}

/* A random page, and after it some that are populated as well, or are not */
static bool choose(struct percpu_vm_test *ctx, struct model *model, int c,
		   bool populated, int *start, int *end)
{
	const u32 *seeds = model->seeds[c];

	*start = below(model, ctx->layout.unit_pages);
	*end = *start + 1 + below(model, 9);
	*end = min(*end, ctx->layout.unit_pages);
	for (int i = *start; i < *end; i++)
		if (!seeds[i] == populated)
			*end = i;
	return *start < *end;
}

/* Some of the time without enough memory */
static void populate(struct kunit *test, struct model *model, int c)
{
	struct percpu_vm_test *ctx = test->priv;
	u32 shortage = below(model, 4);
	int start, end, err, i;

	if (!choose(ctx, model, c, false, &start, &end))
		return;
	if (shortage == 0)
		ctx->set.nr_pages = below(model, nr_cpu_pages(end - start) + 1);
	if (shortage == 1)
		percpu_vm_fail(ctx, PERCPU_VM_TABLE, 1 + below(model, 8));
	err = percpu_vm_populate(model->chunks[c], start, end);
	ctx->set.nr_pages = LONG_MAX;
	ctx->set.nth = 0;
	if (err) {
		KUNIT_EXPECT_LT(test, shortage, 2);
		model->nr_failures++;
		return;
	}
	model->nr_pages += nr_cpu_pages(end - start);
	for (i = start; i < end; i++) {
		model->seeds[c][i] = ++model->seed;
		percpu_vm_fill(model->chunks[c], i, i + 1, model->seed);
	}
}

/* Some ranges of a chunk; then the TLB is flushed, or the chunk destroyed. */
static void depopulate(struct kunit *test, struct model *model, int c, int times,
		       bool destroy)
{
	struct percpu_vm_test *ctx = test->priv;
	int low = ctx->layout.unit_pages, high = 0, start, end, i;

	guard(mutex)(backend->mutex);
	while (times--) {
		start = times;
		end = times + 1;
		if (destroy ? !model->seeds[c][start] :
			      !choose(ctx, model, c, true, &start, &end))
			continue;
		backend->depopulate(model->chunks[c], start, end);
		model->nr_pages -= nr_cpu_pages(end - start);
		for (i = start; i < end; i++)
			model->seeds[c][i] = 0;
		low = min(low, start);
		high = max(high, end);
	}
	if (destroy)
		backend->destroy_chunk(model->chunks[c]);
	else if (low < high)
		backend->flush(model->chunks[c], low, high);
}

static void test_model(struct kunit *test)
{
	struct percpu_vm_test *ctx = test->priv;
	int nr_pages = ctx->layout.unit_pages, step, c;
	struct model *model;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&model->rnd, SEED);
	for (c = 0; c < NR_CHUNKS; c++) {
		model->seeds[c] = kunit_kcalloc(test, nr_pages, sizeof(u32),
						GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, model->seeds[c]);
		model->chunks[c] = percpu_vm_create();
		KUNIT_ASSERT_NOT_NULL(test, model->chunks[c]);
	}

	percpu_vm_watch(ctx, 0, 0);
	for (step = 0; step < NR_STEPS; step++) {
		c = below(model, NR_CHUNKS);
		switch (below(model, 100)) {
		case 0 ... 54:
			populate(test, model, c);
			break;
		case 55 ... 97:
			depopulate(test, model, c, 1 + below(model, 3), false);
			break;
		default:
			depopulate(test, model, c, nr_pages, true);
			model->chunks[c] = percpu_vm_create();
			KUNIT_ASSERT_NOT_NULL(test, model->chunks[c]);
			break;
		}
		if (step % 50 == 0)
			check(test, model);
		if (test->status == KUNIT_FAILURE)
			break;
		cond_resched();
	}
	check(test, model);
	kunit_info(test, "seed %d, %d steps, %ld failures injected\n", SEED,
		   step, model->nr_failures);
	KUNIT_EXPECT_GT(test, model->nr_failures, 0);

	for (c = 0; c < NR_CHUNKS; c++)
		depopulate(test, model, c, nr_pages, true);
	KUNIT_EXPECT_EQ(test, nr_allocated(ctx), nr_freed(ctx));
}

static struct kunit_case percpu_vm_model_cases[] = {
	KUNIT_CASE_SLOW(test_model),
	{}
};

static struct kunit_suite percpu_vm_model_suite = {
	.name		= "percpu_vm_model",
	.init		= percpu_vm_test_init,
	.exit		= percpu_vm_promises_exit,
	.test_cases	= percpu_vm_model_cases,
};

kunit_test_suite(percpu_vm_model_suite);
