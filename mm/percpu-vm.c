// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backing memory for per-CPU chunks in vmalloc space
 *
 * mm/percpu.c decides which pages of a chunk exist and includes this file to
 * make them so.  A chunk reserves one congruent set of vmalloc areas, in
 * which every possible CPU owns a unit.  Page i of a chunk therefore means
 * page i of all units, and comes and goes for all CPUs together:
 *
 *          unit of one CPU                    unit of its neighbour
 *   base  +---+---+---+- - -+---+ + unit size +---+---+---+- - -+---+
 *         | 0 | 1 | 2 |     | n |             | 0 | 1 | 2 |     | n |   ...
 *         +---+---+---+- - -+---+             +---+---+---+- - -+---+
 *
 * A range of pages is one job for all units, done in two phases: first the
 * memory, which may fail without having touched a page table, then one pass
 * over the page tables in address order.
 *
 *   populate:    take blocks of pages, map them, flush the cache once
 *   depopulate:  flush the cache once, unmap and collect the pages
 *   afterwards:  flush the TLB once, free what was collected
 *
 * The page pointers of a job are staged in one array, all units' pages with
 * the same index side by side and the units in address order.  CPUs of one
 * node are neighbours there as a rule, so that one block from the page
 * allocator backs one page index of several units.  It stays whole, with a
 * reference on its first page only, and is freed in one piece.
 *
 * While a page is mapped, pcpu_get_page_chunk() leads from it to its chunk.
 *
 * Used on SMP with an MMU; all other kernels have mm/percpu-km.c.
 */

#include <linux/kmsan.h>
#include <linux/pgtable.h>
#include <linux/sort.h>
#include <linux/topology.h>

#include "internal.h"
#include "pgalloc-track.h"
#include "vmalloc.h"

/* The possible CPUs, sorted by the addresses of their units */
static unsigned int *pcpu_unit_cpus;

/* Staged pages that are unmapped, but which a TLB may still translate to */
static int pcpu_nr_unmapped;

/**
 * struct pcpu_walk - one ascending pass over the kernel page tables
 * @chunk: what the pages belong to
 * @nr_units: how many there are, thus how far two pages of one unit are staged
 * @prot: how to map
 * @table: the page-table page under the walk
 * @end: the address after the last one that @table translates, 0 without one
 * @mask: which page-table levels were modified
 *
 * One table serves many pages and often several units; the walk goes down from
 * the top only when the address leaves it.  Lazy MMU mode is on exactly while
 * @end is set.
 */
struct pcpu_walk {
	struct pcpu_chunk	*chunk;
	int			nr_units;
	pgprot_t		prot;
	pte_t			*table;
	unsigned long		end;
	pgtbl_mod_mask		mask;
};

/**
 * pcpu_cmp_unit_cpus - compare two CPUs by the addresses of their units
 * @a: pointer to the one CPU
 * @b: pointer to the other
 *
 * Context: any.
 * Return: less than 0, 0, or more, as sort() asks.
 */
static int pcpu_cmp_unit_cpus(const void *a, const void *b)
{
	return cmp_int(pcpu_unit_offsets[*(const unsigned int *)a],
		       pcpu_unit_offsets[*(const unsigned int *)b]);
}

/**
 * pcpu_get_unit_cpus - build the list of CPUs in unit address order
 * @gfp: allocation flags
 *
 * Context: pcpu_alloc_mutex.  May sleep as @gfp allows.
 * Return: 0, or -ENOMEM.
 */
static int pcpu_get_unit_cpus(gfp_t gfp)
{
	unsigned int cpu, *cpus;
	int nr = 0;

	if (pcpu_unit_cpus)
		return 0;

	cpus = pcpu_mem_zalloc(num_possible_cpus() * sizeof(*cpus), gfp);
	if (!cpus)
		return -ENOMEM;

	for_each_possible_cpu(cpu)
		cpus[nr++] = cpu;
	sort(cpus, nr, sizeof(*cpus), pcpu_cmp_unit_cpus, NULL);
	pcpu_unit_cpus = cpus;
	return 0;
}

/**
 * pcpu_get_pages - get the staging array
 * @gfp: allocation flags for the first call, 0 if that must have been before
 *
 * There is one array, big enough for all pages of a chunk and never freed.
 * pcpu_create_chunk() asks for it, thus it is there wherever a chunk is.
 *
 * Context: pcpu_alloc_mutex, which also protects the content.  May sleep as
 * @gfp allows.
 * Return: the array, or NULL if it could not be allocated.
 */
static struct page **pcpu_get_pages(gfp_t gfp)
{
	static struct page **staged;

	lockdep_assert_held(&pcpu_alloc_mutex);

	if (!staged && gfp)
		staged = pcpu_mem_zalloc(array3_size(num_possible_cpus(),
						     pcpu_unit_pages,
						     sizeof(*staged)), gfp);
	return staged;
}

/**
 * pcpu_chunk_page - look up the page that backs a part of a chunk
 * @chunk: the chunk, not one that was mapped at boot
 * @cpu: whose unit
 * @page_idx: index of the page in the unit
 *
 * Context: any; the page must not be depopulated meanwhile.
 * Return: the page, or NULL if it is not populated.
 */
static __maybe_unused struct page *pcpu_chunk_page(struct pcpu_chunk *chunk,
						   unsigned int cpu,
						   int page_idx)
{
	if (WARN_ON_ONCE(chunk->immutable))
		return NULL;

	return pcpu_addr_to_page((void *)pcpu_chunk_addr(chunk, cpu, page_idx));
}

/**
 * pcpu_free_pages - give blocks of pages back to the page allocator
 * @pages: the pages, staged side by side; no CPU may be able to reach them
 * @nr_pages: how many
 *
 * Only the first page of a block has a reference, which tells where one begins.
 *
 * Context: process context, reschedules.
 */
static void pcpu_free_pages(struct page **pages, int nr_pages)
{
	struct page **end = pages + nr_pages;

	while (pages < end) {
		struct page *block = *pages;
		int nr = 1;

		while (++pages < end && !page_ref_count(*pages))
			nr++;
		VM_WARN_ON_ONCE(!is_power_of_2(nr));
		__free_pages(block, ilog2(nr));
		cond_resched();
	}
}

/**
 * pcpu_alloc_run - allocate one page for each unit of a run
 * @pages: where to stage them
 * @nr_pages: how many, which is how many units the run has
 * @node: where they are wanted
 * @max_order: log2 of the biggest block to ask for; lowered to what can be had
 * @gfp: allocation flags for single pages
 *
 * A block of more than one page is a bonus, for which it is not worth to
 * reclaim, to use the reserves, to warn or to leave the node.
 *
 * Context: may sleep as @gfp allows.
 * Return: how many pages there were, fewer than @nr_pages if memory is short.
 */
static int pcpu_alloc_run(struct page **pages, int nr_pages, int node,
			  unsigned int *max_order, gfp_t gfp)
{
	const gfp_t block_gfp = (gfp & ~__GFP_RECLAIM) | __GFP_THISNODE |
				__GFP_NOMEMALLOC | __GFP_NOWARN;
	int nr_staged = 0, i;

	while (nr_staged < nr_pages) {
		unsigned int order = min_t(unsigned int, *max_order,
					   ilog2(nr_pages - nr_staged));
		struct page *block;

		block = alloc_pages_node(node, order ? block_gfp : gfp, order);
		if (block) {
			for (i = 0; i < 1 << order; i++)
				pages[nr_staged++] = block + i;
		} else if (order) {
			*max_order = order - 1;
		} else {
			break;
		}
	}

	return nr_staged;
}

/**
 * pcpu_node_run - count neighbouring units of one node
 * @unit: the first one, counted in address order
 * @node: the node of its CPU
 *
 * Context: any, after pcpu_get_unit_cpus().
 * Return: how many units from @unit on belong to CPUs of @node.
 */
static int pcpu_node_run(int unit, int node)
{
	const int nr_units = num_possible_cpus();
	int end = unit + 1;

	while (end < nr_units && cpu_to_node(pcpu_unit_cpus[end]) == node)
		end++;

	return end - unit;
}

/**
 * pcpu_alloc_pages - allocate the pages of some page indexes of all units
 * @pages: where to stage them
 * @nr_pages: the number of pages of each unit
 * @gfp: allocation flags
 *
 * Every page comes from the node of its CPU, as long as that has memory.
 * The CPUs' nodes are looked up each time, because a CPU that is brought up
 * later can turn out to be on another node.
 *
 * Context: pcpu_alloc_mutex.  May sleep as @gfp allows.
 * Return: 0 with all pages staged, or -ENOMEM with none.
 */
static int pcpu_alloc_pages(struct page **pages, int nr_pages, gfp_t gfp)
{
	const int nr_units = num_possible_cpus();
	int unit, run, i, nr;

	for (unit = 0; unit < nr_units; unit += run) {
		int node = cpu_to_node(pcpu_unit_cpus[unit]);
		unsigned int max_order = MAX_PAGE_ORDER;

		/* without memory, or not yet with it, it has no blocks either */
		if (node != NUMA_NO_NODE && !node_state(node, N_MEMORY))
			max_order = 0;

		run = pcpu_node_run(unit, node);
		for (i = 0; i < nr_pages; i++) {
			nr = pcpu_alloc_run(pages + i * nr_units + unit, run,
					    node, &max_order, gfp);
			if (nr < run)
				goto free_pages;
			cond_resched();
		}
	}

	return 0;

free_pages:
	pcpu_free_pages(pages + i * nr_units + unit, nr);
	while (i--)
		pcpu_free_pages(pages + i * nr_units + unit, run);
	for (i = 0; i < nr_pages; i++)
		pcpu_free_pages(pages + i * nr_units, unit);
	return -ENOMEM;
}

/**
 * pcpu_walk_leave - leave the table, so that it is allowed to sleep again
 * @walk: the walk, which may stand on no table
 *
 * Context: process context.  Reschedules.
 */
static void pcpu_walk_leave(struct pcpu_walk *walk)
{
	if (!walk->end)
		return;

	lazy_mmu_mode_disable();
	walk->end = 0;
	cond_resched();
}

/**
 * pcpu_walk_enter - make a table the one that the walk stands on
 * @walk: the walk, which stands on none
 * @pte: the entry of @addr
 * @addr: an address that the table translates
 *
 * Context: process context, must not sleep afterwards until pcpu_walk_leave().
 * Return: @pte.
 */
static pte_t *pcpu_walk_enter(struct pcpu_walk *walk, pte_t *pte,
			      unsigned long addr)
{
	walk->table = pte - pte_index(addr);
	walk->end = (addr & PMD_MASK) + PMD_SIZE;
	walk->mask |= PGTBL_PTE_MODIFIED;
	lazy_mmu_mode_enable();

	return pte;
}

/**
 * pcpu_walk_alloc - go to an address, building the page tables to it
 * @walk: the walk
 * @addr: where to go
 *
 * Context: may sleep, allocates according to the memalloc scope.
 * Return: the entry of @addr, or NULL if there is no memory for a table.
 */
static pte_t *pcpu_walk_alloc(struct pcpu_walk *walk, unsigned long addr)
{
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;

	if (addr < walk->end)
		return walk->table + pte_index(addr);

	pcpu_walk_leave(walk);

	p4d = p4d_alloc_track(&init_mm, pgd_offset_k(addr), addr, &walk->mask);
	if (!p4d)
		return NULL;
	pud = pud_alloc_track(&init_mm, p4d, addr, &walk->mask);
	if (!pud)
		return NULL;
	pmd = pmd_alloc_track(&init_mm, pud, addr, &walk->mask);
	if (!pmd)
		return NULL;
	pte = pte_alloc_kernel_track(pmd, addr, &walk->mask);
	if (!pte)
		return NULL;

	return pcpu_walk_enter(walk, pte, addr);
}

/**
 * pcpu_walk_find - go to an address that is mapped
 * @walk: the walk
 * @addr: where to go
 *
 * Context: may sleep, needs no memory.
 * Return: the entry of @addr.
 */
static pte_t *pcpu_walk_find(struct pcpu_walk *walk, unsigned long addr)
{
	if (addr < walk->end)
		return walk->table + pte_index(addr);

	pcpu_walk_leave(walk);

	return pcpu_walk_enter(walk, virt_to_kpte(addr), addr);
}

/**
 * pcpu_walk_end - end a walk, successful or not
 * @walk: the walk
 * @start: the lowest address that it may have been at
 * @end: the address after the highest one
 *
 * Context: process context.  Reschedules.
 */
static void pcpu_walk_end(struct pcpu_walk *walk, unsigned long start,
			  unsigned long end)
{
	pcpu_walk_leave(walk);
	if (walk->mask & ARCH_PAGE_TABLE_SYNC_MASK)
		arch_sync_kernel_mappings(start, end);
}

/**
 * pcpu_map_unit - map the pages of one unit and make them lead to the chunk
 * @walk: the walk
 * @addr: where to map the first page
 * @pages: the first page; the next one is a row of units away
 * @nr_pages: how many
 *
 * Context: may sleep, allocates according to the memalloc scope.
 * Return: how many are mapped, fewer than @nr_pages if a page table could
 * not be allocated.
 */
static int pcpu_map_unit(struct pcpu_walk *walk, unsigned long addr,
			 struct page **pages, int nr_pages)
{
	int nr_mapped = 0;

	do {
		pte_t *pte = pcpu_walk_alloc(walk, addr);

		if (!pte)
			break;
		do {
			struct page *page = *pages;

			VM_WARN_ON_ONCE(!pte_none(ptep_get(pte)));
			pcpu_set_page_chunk(page, walk->chunk);
			set_pte_at(&init_mm, addr, pte,
				   mk_pte(page, walk->prot));
			pages += walk->nr_units;
			addr += PAGE_SIZE;
			pte++;
		} while (++nr_mapped < nr_pages && addr & ~PMD_MASK);
	} while (nr_mapped < nr_pages);

	return nr_mapped;
}

/**
 * pcpu_unmap_unit - unmap and stage the pages of one unit
 * @walk: the walk
 * @addr: where the first page is mapped
 * @pages: where to stage the first page; the next one goes a row of units away
 * @nr_pages: how many, all of them mapped
 *
 * The pages no longer lead to a chunk afterwards.
 *
 * Context: may sleep, needs no memory.
 */
static void pcpu_unmap_unit(struct pcpu_walk *walk, unsigned long addr,
			    struct page **pages, int nr_pages)
{
	int nr_unmapped = 0;

	do {
		pte_t *pte = pcpu_walk_find(walk, addr);

		do {
			pte_t old = ptep_get_and_clear(&init_mm, addr, pte);
			struct page *page = pte_page(old);

			VM_WARN_ON_ONCE(!pte_present(old));
			pcpu_set_page_chunk(page, NULL);
			*pages = page;
			pages += walk->nr_units;
			addr += PAGE_SIZE;
			pte++;
		} while (++nr_unmapped < nr_pages && addr & ~PMD_MASK);
	} while (nr_unmapped < nr_pages);
}

/**
 * pcpu_region_start - where a range of pages of all units begins
 * @chunk: the chunk
 * @page_start: index of the first page
 *
 * The region of a flush goes from the lowest to the highest unit, unused space
 * between them included.  One flush of it all is cheaper than one a CPU.
 *
 * Context: any.
 * Return: the address in the lowest unit.
 */
static unsigned long pcpu_region_start(struct pcpu_chunk *chunk, int page_start)
{
	return pcpu_chunk_addr(chunk, pcpu_low_unit_cpu, page_start);
}

/**
 * pcpu_region_end - where a range of pages of all units ends
 * @chunk: the chunk
 * @page_end: index after the last page
 *
 * Context: any.
 * Return: the address after the last page in the highest unit.
 */
static unsigned long pcpu_region_end(struct pcpu_chunk *chunk, int page_end)
{
	return pcpu_chunk_addr(chunk, pcpu_high_unit_cpu, page_end);
}

/**
 * pcpu_post_map_flush - flush the cache, the pages are mapped
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * Context: pcpu_alloc_mutex.
 */
static void pcpu_post_map_flush(struct pcpu_chunk *chunk, int page_start,
				int page_end)
{
	flush_cache_vmap(pcpu_region_start(chunk, page_start),
			 pcpu_region_end(chunk, page_end));
}

/**
 * pcpu_pre_unmap_flush - flush the cache, the pages are about to be unmapped
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * Context: pcpu_alloc_mutex.
 */
static void pcpu_pre_unmap_flush(struct pcpu_chunk *chunk, int page_start,
				 int page_end)
{
	flush_cache_vunmap(pcpu_region_start(chunk, page_start),
			   pcpu_region_end(chunk, page_end));
}

/**
 * pcpu_post_unmap_tlb_flush - flush the TLB and free what was unmapped
 * @chunk: the chunk
 * @page_start: index of the first page that was unmapped since the last flush
 * @page_end: index after the last one
 *
 * Only now does no CPU have a translation to the collected pages any more,
 * and they may go back to the page allocator.
 *
 * Context: pcpu_alloc_mutex.  Reschedules.
 */
static void pcpu_post_unmap_tlb_flush(struct pcpu_chunk *chunk, int page_start,
				      int page_end)
{
	flush_tlb_kernel_range(pcpu_region_start(chunk, page_start),
			       pcpu_region_end(chunk, page_end));
	pcpu_free_pages(pcpu_get_pages(0), pcpu_nr_unmapped);
	pcpu_nr_unmapped = 0;
}

/**
 * pcpu_kmsan_unmap - unmap the metadata that KMSAN has mapped for a range
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * Context: pcpu_alloc_mutex.  Needs no memory.
 */
static void pcpu_kmsan_unmap(struct pcpu_chunk *chunk, int page_start,
			     int page_end)
{
	const int nr_units = num_possible_cpus();
	int unit;

	for (unit = 0; unit < nr_units; unit++) {
		unsigned int cpu = pcpu_unit_cpus[unit];

		kmsan_vunmap_range_noflush(pcpu_chunk_addr(chunk, cpu,
							   page_start),
					   pcpu_chunk_addr(chunk, cpu,
							   page_end));
	}
}

/**
 * pcpu_kmsan_map - have KMSAN map its metadata for a range
 * @chunk: the chunk
 * @pages: the staged pages
 * @page_start: index of the first page
 * @page_end: index after the last page
 * @gfp: allocation flags
 *
 * KMSAN maps its own metadata beside ours, which takes memory for each page.
 *
 * Context: pcpu_alloc_mutex.  May sleep as @gfp allows.
 * Return: 0, or -ENOMEM with some of it mapped.
 */
static int pcpu_kmsan_map(struct pcpu_chunk *chunk, struct page **pages,
			  int page_start, int page_end, gfp_t gfp)
{
	const int nr_units = num_possible_cpus();
	int i, unit;

	for (i = page_start; i < page_end; i++) {
		for (unit = 0; unit < nr_units; unit++) {
			unsigned int cpu = pcpu_unit_cpus[unit];
			unsigned long addr = pcpu_chunk_addr(chunk, cpu, i);

			if (kmsan_vmap_pages_range_noflush(addr,
							   addr + PAGE_SIZE,
							   PAGE_KERNEL, pages++,
							   PAGE_SHIFT, gfp))
				return -ENOMEM;
		}
	}

	return 0;
}

/**
 * __pcpu_unmap_pages - unmap as many pages of a range as are mapped
 * @chunk: the chunk
 * @pages: where to stage them
 * @page_start: index of the first page
 * @page_end: index after the last page
 * @nr_mapped: the number of mapped pages, counted in the order of a walk
 *
 * Context: pcpu_alloc_mutex.  Reschedules, needs no memory.
 */
static void __pcpu_unmap_pages(struct pcpu_chunk *chunk, struct page **pages,
			       int page_start, int page_end, int nr_mapped)
{
	struct pcpu_walk walk = { .nr_units = num_possible_cpus() };
	int unit, nr;

	pcpu_pre_unmap_flush(chunk, page_start, page_end);

	for (unit = 0; nr_mapped; unit++, nr_mapped -= nr) {
		unsigned int cpu = pcpu_unit_cpus[unit];

		nr = min(nr_mapped, page_end - page_start);
		pcpu_unmap_unit(&walk, pcpu_chunk_addr(chunk, cpu, page_start),
				pages + unit, nr);
	}

	pcpu_walk_end(&walk, pcpu_region_start(chunk, page_start),
		      pcpu_region_end(chunk, page_end));
	pcpu_kmsan_unmap(chunk, page_start, page_end);
}

/**
 * pcpu_unmap_pages - unmap a populated range and stage its pages
 * @chunk: the chunk
 * @pages: where to stage them
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * Context: pcpu_alloc_mutex.  Reschedules, needs no memory.
 * Return: the number of staged pages.  The caller has the TLB flushed before
 * it frees them.
 */
static int pcpu_unmap_pages(struct pcpu_chunk *chunk, struct page **pages,
			    int page_start, int page_end)
{
	int nr = (page_end - page_start) * num_possible_cpus();

	__pcpu_unmap_pages(chunk, pages, page_start, page_end, nr);
	return nr;
}

/**
 * __pcpu_map_pages - map consecutive pages of one unit of the first chunk
 * @addr: where to map the first page
 * @pages: the pages
 * @nr_pages: how many
 * @gfp: allocation flags, of no use yet
 *
 * Not called on architectures whose first chunk is never mapped page by page.
 *
 * Context: boot, with the page tables in place and no page allocator yet.
 * Return: 0, or -ENOMEM if a page table was missing nevertheless.
 */
static __maybe_unused int __pcpu_map_pages(unsigned long addr,
					   struct page **pages, int nr_pages,
					   gfp_t gfp)
{
	return vmap_pages_range_noflush(addr, addr + nr_pages * PAGE_SIZE,
					PAGE_KERNEL, pages, PAGE_SHIFT, gfp);
}

/**
 * pcpu_map_units - map the staged pages of a range, as far as possible
 * @chunk: the chunk
 * @pages: the staged pages
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * Context: pcpu_alloc_mutex, allocates according to the memalloc scope.
 * Return: how many are mapped, in the order of the walk; fewer than all if a
 * page table could not be allocated.
 */
static int pcpu_map_units(struct pcpu_chunk *chunk, struct page **pages,
			  int page_start, int page_end)
{
	struct pcpu_walk walk = {
		.chunk		= chunk,
		.nr_units	= num_possible_cpus(),
		.prot		= PAGE_KERNEL,
	};
	const int nr_pages = page_end - page_start;
	int unit, nr = nr_pages;

	for (unit = 0; unit < walk.nr_units && nr == nr_pages; unit++) {
		unsigned int cpu = pcpu_unit_cpus[unit];

		nr = pcpu_map_unit(&walk,
				   pcpu_chunk_addr(chunk, cpu, page_start),
				   pages + unit, nr_pages);
	}

	pcpu_walk_end(&walk, pcpu_region_start(chunk, page_start),
		      pcpu_region_end(chunk, page_end));
	return (unit - 1) * nr_pages + nr;
}

/**
 * pcpu_map_pages - map the staged pages of a range
 * @chunk: the chunk
 * @pages: the staged pages
 * @page_start: index of the first page
 * @page_end: index after the last page
 * @gfp: allocation flags
 *
 * Page tables are allocated without flags of their own, so that @gfp has to
 * reach them as the scope of the task.
 *
 * Context: pcpu_alloc_mutex.  May sleep as @gfp allows.
 * Return: 0, or -ENOMEM with nothing mapped; the caller has the TLB flushed
 * before it frees the pages.
 */
static int pcpu_map_pages(struct pcpu_chunk *chunk, struct page **pages,
			  int page_start, int page_end, gfp_t gfp)
{
	const int nr = (page_end - page_start) * num_possible_cpus();
	unsigned int flags = memalloc_apply_gfp_scope(gfp);
	int nr_mapped = 0;
	int err;

	err = pcpu_kmsan_map(chunk, pages, page_start, page_end, gfp);
	if (!err)
		nr_mapped = pcpu_map_units(chunk, pages, page_start, page_end);
	memalloc_restore_scope(flags);

	if (nr_mapped == nr)
		return 0;

	__pcpu_unmap_pages(chunk, pages, page_start, page_end, nr_mapped);
	return -ENOMEM;
}

/**
 * pcpu_populate_chunk - back a range of pages of a chunk with memory
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 * @gfp: allocation flags
 *
 * None of the pages may be populated yet.  What they contain is undefined.
 *
 * Context: pcpu_alloc_mutex.  May sleep as @gfp allows.
 * Return: 0, or -ENOMEM with the chunk as it was.
 */
static int pcpu_populate_chunk(struct pcpu_chunk *chunk, int page_start,
			       int page_end, gfp_t gfp)
{
	struct page **pages = pcpu_get_pages(0);
	int err;

	VM_WARN_ON_ONCE(pcpu_nr_unmapped);

	err = pcpu_alloc_pages(pages, page_end - page_start,
			       gfp | __GFP_HIGHMEM);
	if (err)
		return err;

	err = pcpu_map_pages(chunk, pages, page_start, page_end, gfp);
	if (err)
		goto free_pages;

	pcpu_post_map_flush(chunk, page_start, page_end);

	/* the last page that was mapped stands for all of them */
	VM_WARN_ON_ONCE(pcpu_get_page_chunk(pcpu_chunk_page(chunk,
							    pcpu_high_unit_cpu,
							    page_end - 1)) !=
			chunk);
	return 0;

free_pages:
	/* some may have been mapped for a moment, which a TLB can remember */
	pcpu_nr_unmapped = (page_end - page_start) * num_possible_cpus();
	pcpu_post_unmap_tlb_flush(chunk, page_start, page_end);
	return err;
}

/**
 * pcpu_depopulate_chunk - take the memory of a range of pages of a chunk away
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * All of the pages must be populated.  They are collected until either
 * pcpu_post_unmap_tlb_flush() or pcpu_destroy_chunk() frees them, and the
 * caller populates nothing and turns to no other chunk before that.
 *
 * Context: pcpu_alloc_mutex.  Reschedules, needs no memory.
 */
static void pcpu_depopulate_chunk(struct pcpu_chunk *chunk, int page_start,
				  int page_end)
{
	struct page **pages = pcpu_get_pages(0) + pcpu_nr_unmapped;

	pcpu_nr_unmapped += pcpu_unmap_pages(chunk, pages, page_start,
					     page_end);
	VM_WARN_ON_ONCE(pcpu_nr_unmapped >
			pcpu_unit_pages * num_possible_cpus());
}

/**
 * pcpu_create_chunk - set up a chunk with no page populated
 * @gfp: allocation flags
 *
 * Whatever populating and depopulating need besides pages and page tables is
 * obtained here, so that they cannot lack it.
 *
 * Context: pcpu_alloc_mutex.  May sleep as @gfp allows.
 * Return: the chunk, or NULL if memory or vmalloc space is short.
 */
static struct pcpu_chunk *pcpu_create_chunk(gfp_t gfp)
{
	struct vm_struct **areas;
	struct pcpu_chunk *chunk;

	if (!pcpu_get_pages(gfp) || pcpu_get_unit_cpus(gfp))
		return NULL;

	chunk = pcpu_alloc_chunk(gfp);
	if (!chunk)
		return NULL;

	areas = pcpu_get_vm_areas(pcpu_group_offsets, pcpu_group_sizes,
				  pcpu_nr_groups, pcpu_atom_size, gfp);
	if (!areas)
		goto free_chunk;

	chunk->data = areas;
	chunk->base_addr = areas[0]->addr - pcpu_group_offsets[0];

	trace_percpu_create_chunk(chunk->base_addr);
	pcpu_stats_chunk_alloc();
	return chunk;

free_chunk:
	pcpu_free_chunk(chunk);
	return NULL;
}

/**
 * pcpu_destroy_chunk - give up a chunk
 * @chunk: the chunk with no page populated any more, or NULL
 *
 * Pages that wait for a TLB flush were this chunk's: flush and free them.
 *
 * Context: pcpu_alloc_mutex.  Reschedules.
 */
static void pcpu_destroy_chunk(struct pcpu_chunk *chunk)
{
	if (!chunk)
		return;

	if (pcpu_nr_unmapped)
		pcpu_post_unmap_tlb_flush(chunk, 0, pcpu_unit_pages);

	trace_percpu_destroy_chunk(chunk->base_addr);
	pcpu_stats_chunk_dealloc();
	pcpu_free_vm_areas(chunk->data, pcpu_nr_groups);
	pcpu_free_chunk(chunk);
}

/**
 * pcpu_addr_to_page - look up the page that backs an address
 * @addr: an address in the unit of a possible CPU, not in the first chunk
 *
 * Context: any; the address must not be depopulated meanwhile.
 * Return: the page, or NULL if nothing is mapped there.
 */
static struct page *pcpu_addr_to_page(void *addr)
{
	return vmalloc_to_page(addr);
}

/**
 * pcpu_verify_alloc_info - check the layout of the units
 * @ai: the layout
 *
 * Units may lie anywhere in any number of groups, as they are mapped page by
 * page.
 *
 * Context: boot, before there is a page allocator.
 * Return: 0, always.
 */
static int __init pcpu_verify_alloc_info(const struct pcpu_alloc_info *ai)
{
	return 0;
}

/**
 * pcpu_should_reclaim_chunk - is it time to take empty pages from a chunk?
 * @chunk: the chunk, in which something was just freed
 *
 * A chunk that was isolated by an earlier reclaim gives up all pages that
 * have since fallen empty.  Another one is worth the trouble when a quarter
 * of it is empty, and can afford it when the others have enough empty pages
 * for atomic allocations.  What was mapped at boot stays.
 *
 * Context: pcpu_lock, any context.
 * Return: true if the caller shall have the chunk depopulated.
 */
static bool pcpu_should_reclaim_chunk(struct pcpu_chunk *chunk)
{
	int nr_empty = chunk->nr_empty_pop_pages;

	lockdep_assert_held(&pcpu_lock);

	if (chunk->immutable || !nr_empty)
		return false;
	if (chunk->isolated)
		return true;

	return pcpu_nr_empty_pop_pages - nr_empty > PCPU_EMPTY_POP_PAGES_HIGH &&
	       nr_empty >= chunk->nr_pages / 4;
}
