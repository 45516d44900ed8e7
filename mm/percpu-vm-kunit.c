// SPDX-License-Identifier: GPL-2.0-only
/*
 * After mm/percpu-vm.c: let the KUnit suite and the benchmark call the backend.
 *
 * Included by mm/percpu.c, and empty without CONFIG_PERCPU_VM_KUNIT_TEST and
 * CONFIG_PERCPU_VM_BENCHMARK.  PCPU_ORDER_RETRY tells the new backend from the
 * one before it.
 */

#if IS_ENABLED(CONFIG_PERCPU_VM_KUNIT_TEST) || \
	IS_ENABLED(CONFIG_PERCPU_VM_BENCHMARK)

#include <linux/percpu-vm.h>

#include "page_alloc.h"

#if IS_ENABLED(CONFIG_PERCPU_VM_KUNIT_TEST)

/* Who is told what the backend does, under pcpu_alloc_mutex as all of it is */
struct percpu_vm_observer *percpu_vm_observer;
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_observer, "percpu_vm_kunit");

/**
 * percpu_vm_forget - forget which orders were refused, and the staging array
 *
 * The caller holds the mutex until it has created a chunk, which must succeed.
 */
void percpu_vm_forget(void)
{
#ifdef PCPU_ORDER_RETRY
	memset(pcpu_node_backoff, 0, sizeof(pcpu_node_backoff));
	pcpu_mem_free(pcpu_cpu_units);
	pcpu_cpu_units = NULL;
	pcpu_staged = NULL;
#endif
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_forget, "percpu_vm_kunit");

/**
 * percpu_vm_allow_node - have this task allocate as in a cpuset
 * @node: the one in cpuset.mems, NUMA_NO_NODE to leave the cpuset again
 */
void percpu_vm_allow_node(int node)
{
#ifdef CONFIG_CPUSETS
	guard(cpus_read_lock)();
	if (node != NUMA_NO_NODE) {
		set_mems_allowed(nodemask_of_node(node));
		cpuset_inc();
	} else {
		cpuset_dec();
		set_mems_allowed(node_states[N_MEMORY]);
	}
#endif
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_allow_node, "percpu_vm_kunit");

#endif /* CONFIG_PERCPU_VM_KUNIT_TEST */

/* Decide in a situation that is made up, then put everything back. */
static bool pcpu_decide(struct pcpu_chunk *chunk, bool isolated, int nr_empty,
			int nr_pages, int nr_empty_all)
{
	bool reclaim = false;
	int i;

	guard(spinlock_irqsave)(&pcpu_lock);
	for (i = 0; i < 2; i++) {
		swap(chunk->isolated, isolated);
		swap(chunk->nr_empty_pop_pages, nr_empty);
		swap(chunk->nr_pages, nr_pages);
		swap(pcpu_nr_empty_pop_pages, nr_empty_all);
		if (!i)
			reclaim = pcpu_should_reclaim_chunk(chunk);
	}
	return reclaim;
}

static pte_t *pcpu_kunit_pte(unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(&init_mm, addr);

	return pmd && !pmd_none(*pmd) ? pte_offset_kernel(pmd, addr) : NULL;
}

/* A folded level is in the table above; s390 says that of all of init_mm's. */
#define pcpu_has_level(folded, above, level) (!(folded) ||		\
	((unsigned long)(above) ^ (unsigned long)(level)) >= PAGE_SIZE)

static int pcpu_kunit_levels(unsigned long addr)
{
	pgd_t *pgd = pgd_offset_k(addr);
	p4d_t *p4d = p4d_offset(pgd, addr);
	pud_t *pud = pud_offset(p4d, addr);
	pmd_t *pmd = pmd_offset(pud, addr);

	return 2 + pcpu_has_level(mm_p4d_folded(&init_mm), pgd, p4d) +
	       pcpu_has_level(mm_pud_folded(&init_mm), p4d, pud) +
	       pcpu_has_level(mm_pmd_folded(&init_mm), pud, pmd);
}

static int pcpu_allocate(struct page **pages, int nr)
{
#ifdef PCPU_ORDER_RETRY
	return pcpu_alloc_pages(pages, nr, GFP_KERNEL | __GFP_HIGHMEM);
#else
	return pcpu_alloc_pages(NULL, pages, 0, nr, GFP_KERNEL);
#endif
}

static void pcpu_free(struct page **pages, int nr)
{
#ifdef PCPU_ORDER_RETRY
	pcpu_free_pages(pages, nr * pcpu_nr_cpu_units);
#else
	pcpu_free_pages(NULL, pages, 0, nr);
#endif
}

static struct percpu_vm_layout pcpu_layout(void)
{
	return (struct percpu_vm_layout) {
		.nr_groups	= pcpu_nr_groups,
		.nr_units	= pcpu_nr_units,
		.unit_pages	= pcpu_unit_pages,
		.low_cpu	= pcpu_low_unit_cpu,
		.high_cpu	= pcpu_high_unit_cpu,
		.atom_size	= pcpu_atom_size,
		.max_order	= pageblock_order - 1,
#ifdef PCPU_ORDER_RETRY	/* only the new backend has that */
		.keeps_promises	= true,
#endif
	};
}

static int pcpu_settle(void)
{
	flush_work(&pcpu_balance_work);
	return pcpu_nr_pages() / pcpu_nr_units;
}

/*
 * Drain the per-CPU lists, whose pages do not count as free, and fold the per-CPU
 * counters.  Purge freed vmalloc areas, whose shadow memory KASAN keeps until then.
 */
static long pcpu_nr_free(void)
{
	struct zone *zone;
	long nr = 0;

	vm_unmap_aliases();
	drain_all_pages(NULL);
	for_each_populated_zone(zone)
		nr += zone_page_state_snapshot(zone, NR_FREE_PAGES);
	return nr;
}

const struct percpu_vm_backend percpu_vm_backend = {
	.mutex		= &pcpu_alloc_mutex,
	.create_chunk	= pcpu_create_chunk,
	.destroy_chunk	= pcpu_destroy_chunk,
	.populate	= pcpu_populate_chunk,
	.depopulate	= pcpu_depopulate_chunk,
	.flush		= pcpu_post_unmap_tlb_flush,
	.allocate	= pcpu_allocate,
	.free		= pcpu_free,
	.should_reclaim	= pcpu_decide,
	.page		= pcpu_chunk_page,
	.addr_to_page	= pcpu_addr_to_page,
	.page_chunk	= pcpu_get_page_chunk,
	.addr		= pcpu_chunk_addr,
	.area		= find_vm_area,
	.pte		= pcpu_kunit_pte,
	.nr_levels	= pcpu_kunit_levels,
	.first_chunk	= &pcpu_first_chunk,
	.reserved_chunk	= &pcpu_reserved_chunk,
	.layout		= pcpu_layout,
	.settle		= pcpu_settle,
	.nr_free	= pcpu_nr_free,
};
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_backend, "percpu_vm_kunit");

#endif /* CONFIG_PERCPU_VM_KUNIT_TEST || CONFIG_PERCPU_VM_BENCHMARK */
