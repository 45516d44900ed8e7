// SPDX-License-Identifier: GPL-2.0-only
/*
 * After mm/percpu-vm.c: let the KUnit suite and the benchmark call the backend.
 *
 * Included by mm/percpu.c, and empty without CONFIG_PERCPU_VM_KUNIT_TEST and
 * CONFIG_PERCPU_VM_BENCHMARK.  Works with any backend that has the hooks and
 * maps vmalloc space.
 */

#if IS_ENABLED(CONFIG_PERCPU_VM_KUNIT_TEST)

/* mm/percpu.c has created its tracepoints; create no others from here on. */
#undef CREATE_TRACE_POINTS

#include <linux/cpuset.h>

#undef pcpu_alloc_chunk
#undef pcpu_free_chunk
#undef pcpu_get_vm_areas
#undef pcpu_free_vm_areas
#undef __free_pages
#undef __free_contig_range
#undef p4d_alloc_track
#undef pud_alloc_track
#undef pmd_alloc_track
#undef vmap_pages_range_noflush
#undef kmsan_vmap_pages_range_noflush
#undef lazy_mmu_mode_enable
#undef lazy_mmu_mode_disable
#undef arch_sync_kernel_mappings
#pragma pop_macro("alloc_pages_node")
#pragma pop_macro("alloc_pages_bulk_node")
#pragma pop_macro("pte_alloc_kernel_track")
#pragma pop_macro("cond_resched")
#pragma pop_macro("flush_cache_vmap")
#pragma pop_macro("flush_cache_vunmap")
#pragma pop_macro("flush_tlb_kernel_range")

/**
 * percpu_vm_observe - see what the backend does for this task
 * @observer: who wants to know, NULL for nobody any more
 *
 * The backend forgets which orders it was refused.
 *
 * Context: process context, takes pcpu_alloc_mutex.
 */
void percpu_vm_observe(struct percpu_vm_observer *observer)
{
	guard(mutex)(&pcpu_alloc_mutex);
	pcpu_observer = observer;
	pcpu_observing = observer ? current : NULL;
#ifdef PCPU_ORDER_RETRY
	memset(pcpu_node_backoff, 0, sizeof(pcpu_node_backoff));
#endif
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_observe, "percpu_vm_kunit");

#ifdef CONFIG_CPUSETS
/**
 * percpu_vm_allow_nodes - have this task allocate as in a cpuset
 * @nodes: the nodes in cpuset.mems, NULL to leave the cpuset again
 *
 * Context: process context, takes cpu_hotplug_lock.
 */
void percpu_vm_allow_nodes(const nodemask_t *nodes)
{
	guard(cpus_read_lock)();
	if (nodes) {
		set_mems_allowed(*nodes);
		cpuset_inc();
	} else {
		cpuset_dec();
		set_mems_allowed(node_states[N_MEMORY]);
	}
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_allow_nodes, "percpu_vm_kunit");
#endif

#endif /* CONFIG_PERCPU_VM_KUNIT_TEST */

#if IS_ENABLED(CONFIG_PERCPU_VM_KUNIT_TEST) || \
	IS_ENABLED(CONFIG_PERCPU_VM_BENCHMARK)

#include <linux/percpu-vm.h>

#include "page_alloc.h"

/*
 * mm/percpu.c holds pcpu_alloc_mutex from the first depopulation of a chunk to
 * the flush of the TLB or the destruction of the chunk.  So does the suite, for
 * which percpu_vm_depopulate() returns with the mutex held.
 */
static struct task_struct *pcpu_depopulating;

static void pcpu_kunit_lock(void)
{
	if (READ_ONCE(pcpu_depopulating) != current)
		mutex_lock(&pcpu_alloc_mutex);
}

static void pcpu_kunit_unlock(bool depopulating)
{
	WRITE_ONCE(pcpu_depopulating, depopulating ? current : NULL);
	if (!depopulating)
		mutex_unlock(&pcpu_alloc_mutex);
}

/**
 * percpu_vm_create_chunk - create a chunk that nobody else knows
 * @gfp: allocation flags
 *
 * Context: process context, takes pcpu_alloc_mutex.
 * Return: the chunk, or NULL.
 */
struct pcpu_chunk *percpu_vm_create_chunk(gfp_t gfp)
{
	guard(mutex)(&pcpu_alloc_mutex);
	return pcpu_create_chunk(gfp);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_create_chunk, "percpu_vm_kunit");

/**
 * percpu_vm_destroy_chunk - destroy a chunk
 * @chunk: one of percpu_vm_create_chunk() with nothing populated, or NULL
 *
 * Context: process context, takes pcpu_alloc_mutex if need be and drops it.
 */
void percpu_vm_destroy_chunk(struct pcpu_chunk *chunk)
{
	pcpu_kunit_lock();
	pcpu_destroy_chunk(chunk);
	pcpu_kunit_unlock(false);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_destroy_chunk, "percpu_vm_kunit");

/**
 * percpu_vm_populate - populate a range
 * @chunk: one of percpu_vm_create_chunk()
 * @page_start: index of the first page
 * @page_end: index after the last page
 * @gfp: allocation flags
 *
 * Context: process context, takes pcpu_alloc_mutex if need be and drops it.
 * Return: 0 or -ENOMEM.
 */
int percpu_vm_populate(struct pcpu_chunk *chunk, int page_start, int page_end,
		       gfp_t gfp)
{
	int err;

	pcpu_kunit_lock();
	err = pcpu_populate_chunk(chunk, page_start, page_end, gfp);
	pcpu_kunit_unlock(false);
	return err;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_populate, "percpu_vm_kunit");

/**
 * percpu_vm_depopulate - depopulate a range
 * @chunk: one of percpu_vm_create_chunk()
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * Context: process context, takes pcpu_alloc_mutex if need be and keeps it for
 * percpu_vm_flush() or percpu_vm_destroy_chunk().
 */
void percpu_vm_depopulate(struct pcpu_chunk *chunk, int page_start,
			  int page_end)
{
	pcpu_kunit_lock();
	pcpu_depopulate_chunk(chunk, page_start, page_end);
	pcpu_kunit_unlock(true);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_depopulate, "percpu_vm_kunit");

/**
 * percpu_vm_flush - flush the TLB after one or more depopulations
 * @chunk: one of percpu_vm_create_chunk()
 * @page_start: index of the first depopulated page
 * @page_end: index after the last one
 *
 * Context: process context, takes pcpu_alloc_mutex if need be and drops it.
 */
void percpu_vm_flush(struct pcpu_chunk *chunk, int page_start, int page_end)
{
	pcpu_kunit_lock();
	pcpu_post_unmap_tlb_flush(chunk, page_start, page_end);
	pcpu_kunit_unlock(false);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_flush, "percpu_vm_kunit");

/**
 * percpu_vm_should_reclaim - ask for a decision in a made-up situation
 * @chunk: one of percpu_vm_create_chunk(), or the first or the reserved one
 * @policy: the situation, of which nothing stays
 *
 * Context: any, takes pcpu_lock.
 * Return: what the backend says.
 */
bool percpu_vm_should_reclaim(struct pcpu_chunk *chunk,
			      const struct percpu_vm_policy *policy)
{
	struct percpu_vm_policy real;
	bool reclaim;

	guard(spinlock_irqsave)(&pcpu_lock);

	real.isolated = chunk->isolated;
	real.nr_empty = chunk->nr_empty_pop_pages;
	real.nr_pages = chunk->nr_pages;
	real.nr_empty_all = pcpu_nr_empty_pop_pages;

	chunk->isolated = policy->isolated;
	chunk->nr_empty_pop_pages = policy->nr_empty;
	chunk->nr_pages = policy->nr_pages;
	pcpu_nr_empty_pop_pages = policy->nr_empty_all;

	reclaim = pcpu_should_reclaim_chunk(chunk);

	chunk->isolated = real.isolated;
	chunk->nr_empty_pop_pages = real.nr_empty;
	chunk->nr_pages = real.nr_pages;
	pcpu_nr_empty_pop_pages = real.nr_empty_all;

	return reclaim;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_should_reclaim, "percpu_vm_kunit");

/**
 * percpu_vm_verify_alloc_info - have a layout checked
 * @ai: the layout
 *
 * Context: boot.
 * Return: what the backend says.
 */
int __init percpu_vm_verify_alloc_info(const struct pcpu_alloc_info *ai)
{
	return pcpu_verify_alloc_info(ai);
}

/**
 * percpu_vm_first_chunk - the chunk that was there at boot
 *
 * Context: any.
 * Return: the chunk.
 */
struct pcpu_chunk *percpu_vm_first_chunk(void)
{
	return pcpu_first_chunk;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_first_chunk, "percpu_vm_kunit");

/**
 * percpu_vm_reserved_chunk - the part of the first chunk that is for modules
 *
 * Context: any.
 * Return: the chunk, or NULL where there is none.
 */
struct pcpu_chunk *percpu_vm_reserved_chunk(void)
{
	return pcpu_reserved_chunk;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_reserved_chunk, "percpu_vm_kunit");

/**
 * percpu_vm_layout - what all chunks look like
 *
 * Context: any.
 * Return: the layout.
 */
struct percpu_vm_layout percpu_vm_layout(void)
{
	return (struct percpu_vm_layout) {
		.nr_units	= pcpu_nr_units,
		.unit_pages	= pcpu_unit_pages,
		.low_cpu	= pcpu_low_unit_cpu,
		.high_cpu	= pcpu_high_unit_cpu,
		.max_order	= pageblock_order - 1,
	};
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_layout, "percpu_vm_kunit");

/**
 * percpu_vm_settle - let the balance worker come to its end
 *
 * Context: process context, sleeps.
 * Return: the number of populated pages that every unit has, in all chunks.
 */
int percpu_vm_settle(void)
{
	flush_work(&pcpu_balance_work);
	return pcpu_nr_pages() / pcpu_nr_units;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_settle, "percpu_vm_kunit");

/**
 * percpu_vm_nr_free - how many pages the page allocator has
 *
 * Those on its lists for each CPU, which no counter has, are put back first, and
 * what the counters of each CPU hold back is counted.  Freed vmalloc areas are
 * purged, because KASAN keeps their shadow memory until then.
 *
 * Context: process context, sleeps.
 * Return: the number of free pages.
 */
long percpu_vm_nr_free(void)
{
	struct zone *zone;
	long nr = 0;

	vm_unmap_aliases();
	drain_all_pages(NULL);
	for_each_populated_zone(zone)
		nr += zone_page_state_snapshot(zone, NR_FREE_PAGES);
	return nr;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_nr_free, "percpu_vm_kunit");

/**
 * percpu_vm_addr - where a page of a CPU is, or would be
 * @chunk: one of percpu_vm_create_chunk()
 * @cpu: a possible CPU
 * @page_idx: index of the page
 *
 * Context: any.
 * Return: the address.
 */
unsigned long percpu_vm_addr(struct pcpu_chunk *chunk, unsigned int cpu,
			     int page_idx)
{
	return pcpu_chunk_addr(chunk, cpu, page_idx);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_addr, "percpu_vm_kunit");

/**
 * percpu_vm_unit_addr - where a unit is, be it of a CPU or not
 * @chunk: one of percpu_vm_create_chunk()
 * @unit: its number
 *
 * Context: any.
 * Return: the address.
 */
unsigned long percpu_vm_unit_addr(struct pcpu_chunk *chunk, int unit)
{
	unsigned long offset = (unsigned long)unit * pcpu_unit_size;
	int group = 0;

	for (; offset >= pcpu_group_sizes[group]; group++)
		offset -= pcpu_group_sizes[group];

	return (unsigned long)chunk->base_addr + pcpu_group_offsets[group] +
	       offset;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_unit_addr, "percpu_vm_kunit");

/**
 * percpu_vm_table_levels - how many levels the page tables have
 *
 * A level that is folded has its entry where the level above has it.
 *
 * Context: process context, sleeps.
 * Return: 2 to 5, or 0 if there is no memory to find out.
 */
int percpu_vm_table_levels(void)
{
	void *area = vmalloc(PAGE_SIZE);
	unsigned long addr = (unsigned long)area;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (!area)
		return 0;
	pgd = pgd_offset_k(addr);
	p4d = p4d_offset(pgd, addr);
	pud = pud_offset(p4d, addr);
	pmd = pmd_offset(pud, addr);
	vfree(area);

	return 5 - ((void *)p4d == pgd) - ((void *)pud == p4d) -
	       ((void *)pmd == pud);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_table_levels, "percpu_vm_kunit");

/**
 * percpu_vm_has_tables - has every CPU a page table for its first page?
 * @chunk: one of percpu_vm_create_chunk()
 *
 * Context: any.
 * Return: true if so.
 */
bool percpu_vm_has_tables(struct pcpu_chunk *chunk)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		unsigned long addr = pcpu_chunk_addr(chunk, cpu, 0);
		pgd_t *pgd = pgd_offset_k(addr);
		p4d_t *p4d = pgd_none(*pgd) ? NULL : p4d_offset(pgd, addr);
		pud_t *pud = p4d && !p4d_none(*p4d) ? pud_offset(p4d, addr) :
						      NULL;
		pmd_t *pmd = pud && !pud_none(*pud) ? pmd_offset(pud, addr) :
						      NULL;

		if (!pmd || pmd_none(*pmd))
			return false;
	}
	return true;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_has_tables, "percpu_vm_kunit");

/**
 * percpu_vm_page - which page is mapped for a CPU
 * @chunk: one of percpu_vm_create_chunk()
 * @cpu: a possible CPU
 * @page_idx: index of the page
 *
 * Context: any.
 * Return: the page, or NULL if none is.
 */
struct page *percpu_vm_page(struct pcpu_chunk *chunk, unsigned int cpu,
			    int page_idx)
{
	return pcpu_chunk_page(chunk, cpu, page_idx);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_page, "percpu_vm_kunit");

/**
 * percpu_vm_addr_to_page - which page is mapped at an address
 * @addr: the address
 *
 * Context: any.
 * Return: the page, or NULL if none is.
 */
struct page *percpu_vm_addr_to_page(void *addr)
{
	return pcpu_addr_to_page(addr);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_addr_to_page, "percpu_vm_kunit");

/**
 * percpu_vm_area_end - where readers of vmalloc space take an area to end
 * @addr: an address in the area
 *
 * Context: any.
 * Return: the address after its last page, without a guard page; 0 if @addr is
 * in no area.
 */
unsigned long percpu_vm_area_end(unsigned long addr)
{
	struct vm_struct *area = find_vm_area((void *)addr);

	return area ? (unsigned long)area->addr + get_vm_area_size(area) : 0;
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_area_end, "percpu_vm_kunit");

/**
 * percpu_vm_ptr_to_phys - where in memory a per-CPU address is
 * @addr: the address
 *
 * Context: any.
 * Return: the physical address.
 */
phys_addr_t percpu_vm_ptr_to_phys(void *addr)
{
	return per_cpu_ptr_to_phys(addr);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_ptr_to_phys, "percpu_vm_kunit");

/**
 * percpu_vm_page_chunk - where a page leads to
 * @page: the page
 *
 * Context: any.
 * Return: the chunk, or NULL.
 */
struct pcpu_chunk *percpu_vm_page_chunk(struct page *page)
{
	return pcpu_get_page_chunk(page);
}
EXPORT_SYMBOL_FOR_MODULES(percpu_vm_page_chunk, "percpu_vm_kunit");

#endif /* CONFIG_PERCPU_VM_KUNIT_TEST || CONFIG_PERCPU_VM_BENCHMARK */
