// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backing memory for per-CPU chunks in vmalloc space
 *
 * mm/percpu.c includes this file and decides which pages of a chunk are
 * populated.  A chunk is a congruent set of vmalloc areas in which every
 * possible CPU owns a unit.  Populating page i populates it in every unit:
 *
 *          unit of one CPU                    unit of another
 *   base  +---+---+---+- - -+---+ + unit size +---+---+---+- - -+---+
 *         | 0 | 1 | 2 |     | n |             | 0 | 1 | 2 |     | n |   ...
 *         +---+---+---+- - -+---+             +---+---+---+- - -+---+
 *
 * Each hook handles a range of pages in all units at once:
 *
 *   populate     allocate the pages, map them in one page-table pass, flush
 *                the cache once
 *   depopulate   flush the cache once, unmap the pages in one pass
 *   afterwards   flush the TLB once, free the pages
 *
 * Allocation comes first because it can fail: no page table has been touched
 * then.  Freeing comes last because a CPU can reach a page through its TLB
 * until the flush.
 *
 * In between, page pointers are staged in one array, node by node.  All pages
 * of a node come from one request.  Within a node, pages with the same index
 * are neighbours, so that an index which is depopulated alone gives back
 * contiguous memory.  For a node with the units a, b and c:
 *
 *   a[0] b[0] c[0] a[1] b[1] c[1] a[2] ...
 *
 * Used on SMP with an MMU; all other kernels use mm/percpu-km.c.
 */

/* mm/percpu.c has created its tracepoints; create no others from here on. */
#undef CREATE_TRACE_POINTS

#include <linux/cpuset.h>
#include <linux/kmsan.h>
#include <linux/mm_inline.h>
#include <linux/pgtable.h>
#include <linux/sort.h>
#include <linux/topology.h>

#include "internal.h"
#include "pgalloc-track.h"
#include "vmalloc.h"

/* A whole pageblock would change its mobility type, which fragments memory. */
#define PCPU_MAX_ORDER		(pageblock_order - 1)

/* After an order was refused, try it again this many requests later. */
#define PCPU_ORDER_RETRY	8

/* The most pages to request in bulk, or to free, without rescheduling */
#define PCPU_BATCH		128

/* The unit of a possible CPU */
struct pcpu_unit {
	unsigned int	cpu;
	int		node;	/* of the CPU, when pages were last allocated */
	int		nr;	/* of units on the node, set in its first one */
};

/*
 * All units that belong to a CPU, by node and then by address, and the staging
 * array with an entry for each of their pages.  Both are allocated before the
 * first chunk and never freed.  num_possible_cpus() can shrink after that.
 */
static struct pcpu_unit *pcpu_cpu_units;
static int pcpu_nr_cpu_units;
static struct page **pcpu_staged;

/* Staged pages that are unmapped, but which a TLB may still translate to */
static int pcpu_nr_unmapped;

/* How far below PCPU_MAX_ORDER to start on a node, in 1/PCPU_ORDER_RETRY */
static u8 pcpu_node_backoff[MAX_NUMNODES];

/*
 * A pass over a range of pages in all units.  One page table serves many pages
 * and often several units, so the walk restarts at the PGD only when it crosses
 * a PMD boundary.  Lazy MMU mode is on exactly while @table is set.
 */
struct pcpu_walk {
	struct pcpu_chunk	*chunk;
	int			page_start;
	int			page_end;
	struct page		**pages;	/* where they are staged */
	gfp_t			gfp;		/* for KMSAN */
	pte_t			*table;		/* page-table page in use */
	unsigned long		base;		/* its first address, or 0 */
	pgtbl_mod_mask		mask;		/* levels that were modified */
};

/* Consecutive pages of one unit */
struct pcpu_run {
	unsigned long		addr;		/* of the first page */
	struct page		**pages;	/* where that is staged, the */
	int			stride;		/* others this far apart */
	int			nr;
	pgprot_t		prot;
};

/* Go to the table of an address; returns how many entries it has from there. */
typedef int (*pcpu_table_fn)(struct pcpu_walk *walk, unsigned long addr);

/* Handle the pages of a run, all in one table; false ends the walk. */
typedef bool (*pcpu_run_fn)(struct pcpu_walk *walk, struct pcpu_run run);

static int pcpu_cmp_units(const void *a, const void *b)
{
	const struct pcpu_unit *x = a, *y = b;

	return cmp_int(x->node, y->node) ?:
	       cmp_int(pcpu_unit_offsets[x->cpu], pcpu_unit_offsets[y->cpu]);
}

/* Keep the units of each node together, in the order of their addresses. */
static void pcpu_sort_units(void)
{
	struct pcpu_unit *units = pcpu_cpu_units;
	bool sorted = units->nr;
	int i, first = 0;

	/* A CPU that is brought up can turn out to be on another node. */
	for (i = 0; i < pcpu_nr_cpu_units; i++) {
		int node = cpu_to_node(units[i].cpu);

		if (units[i].node != node) {
			units[i].node = node;
			sorted = false;
		}
	}
	if (sorted)
		return;

	sort(units, pcpu_nr_cpu_units, sizeof(*units), pcpu_cmp_units, NULL);
	for (i = 0; i < pcpu_nr_cpu_units; i++) {
		if (units[i].node != units[first].node)
			first = i;
		units[first].nr = i - first + 1;
	}
}

/* Get the staging array, and the list of units that it is for. */
static struct page **pcpu_get_pages(gfp_t gfp)
{
	unsigned int cpu, i = 0;

	lockdep_assert_held(&pcpu_alloc_mutex);

	if (!pcpu_cpu_units) {
		pcpu_nr_cpu_units = num_possible_cpus();
		pcpu_cpu_units = pcpu_mem_zalloc(pcpu_nr_cpu_units *
						 sizeof(*pcpu_cpu_units), gfp);
		if (!pcpu_cpu_units)
			return NULL;
		for_each_possible_cpu(cpu)
			pcpu_cpu_units[i++].cpu = cpu;
	}
	if (!pcpu_staged)
		pcpu_staged = pcpu_mem_zalloc(array3_size(pcpu_nr_cpu_units,
							  pcpu_unit_pages,
							  sizeof(*pcpu_staged)),
					      gfp);
	return pcpu_staged;
}

/* The page of a CPU, NULL if not populated; not for what was mapped at boot */
static __maybe_unused struct page *pcpu_chunk_page(struct pcpu_chunk *chunk,
						   unsigned int cpu,
						   int page_idx)
{
	if (WARN_ON_ONCE(chunk->immutable))
		return NULL;

	return pcpu_addr_to_page((void *)pcpu_chunk_addr(chunk, cpu, page_idx));
}

/* Free staged pages, which no TLB may translate to any more. */
static void pcpu_free_pages(struct page **pages, int nr_pages)
{
	struct page **end = pages + nr_pages;

	while (pages < end) {
		int nr = 1;

		if (pages + 1 < end && pages[1] == *pages + 1) {
			nr = num_pages_contiguous(pages, min(end - pages,
							     PCPU_BATCH));
			__free_contig_range(page_to_pfn(*pages), nr);
		} else if (*pages) {	/* NULL: see pcpu_unmap() */
			__free_page(*pages);
		}
		pages += nr;
		cond_resched();
	}
}

/* Allocate blocks and split them; returns how many pages there were. */
static int pcpu_alloc_blocks(struct page **pages, int nr_pages, int node,
			     gfp_t gfp)
{
	u8 *backoff = &pcpu_node_backoff[node];
	int nr_staged = 0, max_order, i;

	/*
	 * High orders are opportunistic.  Single pages come next, so do not
	 * reclaim, wake kswapd, use the reserves or leave the node for them.
	 */
	gfp &= ~__GFP_RECLAIM;
	gfp |= __GFP_THISNODE | __GFP_NOMEMALLOC | __GFP_NOWARN;

	if (*backoff)
		--*backoff;
	max_order = PCPU_MAX_ORDER - DIV_ROUND_UP(*backoff, PCPU_ORDER_RETRY);

	while (max_order > 0 && nr_pages - nr_staged > 1) {
		int order = min(max_order, ilog2(nr_pages - nr_staged));
		struct page *page = alloc_pages_node(node, gfp, order);

		if (!page) {
			max_order = order - 1;
			*backoff = (PCPU_MAX_ORDER - max_order) *
				   PCPU_ORDER_RETRY;
			continue;
		}
		/* Whoever finds a page by its address may take a reference. */
		split_page(page, order);
		for (i = 0; i < 1 << order; i++)
			*pages++ = page++;
		nr_staged += 1 << order;
		cond_resched();
	}

	return nr_staged;
}

/*
 * Allocate independent pages, from @node if it has any, the way vmalloc() does.
 * Returns how many there were, fewer than @nr_pages if memory is short.
 */
static int pcpu_alloc_node_pages(struct page **pages, int nr_pages, int node,
				 gfp_t gfp)
{
	int nr_staged = 0, batch = PCPU_BATCH, nr, nr_got;

	if (node == NUMA_NO_NODE)
		node = numa_mem_id();
	/*
	 * A node without memory, or with movable memory only, has no blocks.
	 * Nor does one outside of the task's cpuset: single pages come from
	 * inside of it as long as there are any.
	 */
	if (node_state(node, N_HIGH_MEMORY) &&
	    node_isset(node, cpuset_current_mems_allowed))
		nr_staged = pcpu_alloc_blocks(pages, nr_pages, node, gfp);

	while (nr_staged < nr_pages) {
		nr = min(nr_pages - nr_staged, batch);
		/* The bulk allocator only fills empty entries. */
		memset(pages + nr_staged, 0, nr * sizeof(*pages));
		nr_got = alloc_pages_bulk_node(gfp, node, nr,
					       pages + nr_staged);
		if (!nr_got)
			break;
		/* When it stops early, one page at a time is cheaper. */
		if (nr_got < nr)
			batch = 1;
		nr_staged += nr_got;
		cond_resched();
	}

	return nr_staged;
}

/* Stage pages for all units; returns 0, or -ENOMEM with none allocated. */
static int pcpu_alloc_pages(struct page **pages, int nr_pages, gfp_t gfp)
{
	int i, nr, nr_wanted, nr_staged = 0;

	pcpu_sort_units();

	for (i = 0; i < pcpu_nr_cpu_units; i += pcpu_cpu_units[i].nr) {
		nr_wanted = pcpu_cpu_units[i].nr * nr_pages;
		nr = pcpu_alloc_node_pages(pages + nr_staged, nr_wanted,
					   pcpu_cpu_units[i].node, gfp);
		nr_staged += nr;
		if (nr < nr_wanted)
			goto free_pages;
	}
	return 0;

free_pages:
	pcpu_free_pages(pages, nr_staged);
	return -ENOMEM;
}

/*
 * The region of a flush goes from the lowest to the highest unit, unused space
 * in between included.  One flush of it all is cheaper than one for each CPU.
 */
static unsigned long pcpu_region_start(struct pcpu_chunk *chunk, int page_start)
{
	return pcpu_chunk_addr(chunk, pcpu_low_unit_cpu, page_start);
}

static unsigned long pcpu_region_end(struct pcpu_chunk *chunk, int page_end)
{
	return pcpu_chunk_addr(chunk, pcpu_high_unit_cpu, page_end);
}

/* Leave the table: sleeping is allowed again. */
static void pcpu_walk_leave(struct pcpu_walk *walk)
{
	if (!walk->table)
		return;

	lazy_mmu_mode_disable();
	walk->table = NULL;
	walk->base = 0;
	cond_resched();
}

/* Use the table of @pte, which is the entry of @addr: no sleeping until left. */
static int pcpu_walk_enter(struct pcpu_walk *walk, pte_t *pte,
			   unsigned long addr)
{
	walk->table = pte - pte_index(addr);
	walk->base = addr & PMD_MASK;
	walk->mask |= PGTBL_PTE_MODIFIED;
	lazy_mmu_mode_enable();

	return PTRS_PER_PTE - pte_index(addr);
}

/* Go to the table of @addr, 0 if it could not be allocated. */
static int pcpu_walk_alloc(struct pcpu_walk *walk, unsigned long addr)
{
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;

	pcpu_walk_leave(walk);

	p4d = p4d_alloc_track(&init_mm, pgd_offset_k(addr), addr, &walk->mask);
	pud = p4d ? pud_alloc_track(&init_mm, p4d, addr, &walk->mask) : NULL;
	pmd = pud ? pmd_alloc_track(&init_mm, pud, addr, &walk->mask) : NULL;
	pte = pmd ? pte_alloc_kernel_track(pmd, addr, &walk->mask) : NULL;

	return pte ? pcpu_walk_enter(walk, pte, addr) : 0;
}

/* Go to the table of @addr, or to none if there is none. */
static int pcpu_walk_find(struct pcpu_walk *walk, unsigned long addr)
{
	pgd_t *pgd = pgd_offset_k(addr);
	p4d_t *p4d = pgd_none(*pgd) ? NULL : p4d_offset(pgd, addr);
	pud_t *pud = !p4d || p4d_none(*p4d) ? NULL : pud_offset(p4d, addr);
	pmd_t *pmd = !pud || pud_none(*pud) ? NULL : pmd_offset(pud, addr);

	pcpu_walk_leave(walk);

	if (!pmd || pmd_none(*pmd))
		return PTRS_PER_PTE - pte_index(addr);

	return pcpu_walk_enter(walk, pte_offset_kernel(pmd, addr), addr);
}

/* For what needs no table. */
static int pcpu_walk_tableless(struct pcpu_walk *walk, unsigned long addr)
{
	return INT_MAX;
}

/* The part of pcpu_walk_units() for a unit that lies across several tables */
static noinline bool pcpu_walk_across(struct pcpu_walk *walk,
				      struct pcpu_run run, int nr_in_table,
				      pcpu_table_fn table_fn,
				      pcpu_run_fn run_fn)
{
	int nr_left = run.nr;

	run.nr = nr_in_table;
	while (run.nr && run_fn(walk, run)) {
		nr_left -= run.nr;
		if (!nr_left)
			return true;
		run.addr += run.nr * PAGE_SIZE;
		run.pages += run.nr * run.stride;
		run.nr = min(nr_left, table_fn(walk, run.addr));
	}

	return false;
}

/*
 * Handle the pages of all units, in the order of pcpu_cpu_units.  Returns true
 * if the walk got to its end.
 *
 * Most units are in the table of the unit before: for these, all calls are
 * inlined.
 */
static __always_inline bool pcpu_walk_units(struct pcpu_walk *walk,
					    pcpu_table_fn table_fn,
					    pcpu_run_fn run_fn)
{
	const unsigned long start = (unsigned long)walk->chunk->base_addr +
				    walk->page_start * PAGE_SIZE;
	const unsigned long *offsets = pcpu_unit_offsets;
	const struct pcpu_unit *unit = pcpu_cpu_units;
	const struct pcpu_unit *last = unit + pcpu_nr_cpu_units, *end;
	struct pcpu_run run = {
		.pages	= walk->pages,
		.nr	= walk->page_end - walk->page_start,
		.prot	= PAGE_KERNEL,
	};
	/* How far into a table all pages of a unit can start and be in it */
	const unsigned long room = PMD_SIZE - min(run.nr * PAGE_SIZE, PMD_SIZE);
	bool done = false;

	while (unit < last) {
		run.stride = unit->nr;
		for (end = unit + run.stride; unit < end; unit++, run.pages++) {
			int nr = run.nr;

			run.addr = start + offsets[unit->cpu];
			if (run.addr - walk->base > room)
				nr = table_fn(walk, run.addr);
			if (unlikely(nr < run.nr)) {
				if (!pcpu_walk_across(walk, run, nr, table_fn,
						      run_fn))
					goto out;
			} else if (!run_fn(walk, run)) {
				goto out;
			}
		}
		/* The first row of the node is behind us, skip the others. */
		run.pages += run.stride * (run.nr - 1);
	}
	done = true;
out:
	pcpu_walk_leave(walk);
	if (walk->mask & ARCH_PAGE_TABLE_SYNC_MASK)
		arch_sync_kernel_mappings(pcpu_region_start(walk->chunk,
							    walk->page_start),
					  pcpu_region_end(walk->chunk,
							  walk->page_end));
	return done;
}

/* Map pages; ends the walk at an entry that is in use already. */
static __always_inline bool pcpu_map(struct pcpu_walk *walk,
				     struct pcpu_run run)
{
	pte_t *pte = walk->table + pte_index(run.addr), *end = pte + run.nr;

	do {
		struct page *page = *run.pages;

		if (WARN_ON_ONCE(!pte_none(ptep_get(pte))))
			return false;
		/* No page is found by its address without its chunk. */
		pcpu_set_page_chunk(page, walk->chunk);
		set_pte_at(&init_mm, run.addr, pte, mk_pte(page, run.prot));
		run.addr += PAGE_SIZE;
		run.pages += run.stride;
	} while (++pte < end);

	return true;
}

/* Unmap and stage pages, NULL for an entry that is empty. */
static __always_inline bool pcpu_unmap(struct pcpu_walk *walk,
				       struct pcpu_run run)
{
	pte_t *pte = walk->table + pte_index(run.addr), *end = pte + run.nr;

	if (WARN_ON_ONCE(!walk->table)) {
		for (; run.nr; run.nr--, run.pages += run.stride)
			*run.pages = NULL;
		return true;
	}

	do {
		pte_t old = ptep_get_and_clear(&init_mm, run.addr, pte);
		struct page *page = NULL;

		if (!WARN_ON_ONCE(!pte_present(old))) {
			page = pte_page(old);
			pcpu_set_page_chunk(page, NULL);
		}
		*run.pages = page;
		run.addr += PAGE_SIZE;
		run.pages += run.stride;
	} while (++pte < end);

	return true;
}

/* Undo pcpu_map() as far as it got: what else is mapped there is not ours. */
static bool pcpu_undo_map(struct pcpu_walk *walk, struct pcpu_run run)
{
	pte_t *pte = walk->table + pte_index(run.addr);

	for (; walk->table && run.nr; run.nr--, pte++) {
		pte_t old = ptep_get(pte);

		if (pte_present(old) &&
		    pte_pfn(old) == page_to_pfn(*run.pages)) {
			ptep_get_and_clear(&init_mm, run.addr, pte);
			pcpu_set_page_chunk(*run.pages, NULL);
		}
		run.addr += PAGE_SIZE;
		run.pages += run.stride;
	}

	return true;
}

/* KMSAN maps metadata beside ours, which takes memory for each page. */
static bool pcpu_kmsan_map(struct pcpu_walk *walk, struct pcpu_run run)
{
	int err = 0;

	for (; run.nr && !err; run.nr--) {
		err = kmsan_vmap_pages_range_noflush(run.addr,
						     run.addr + PAGE_SIZE,
						     run.prot, run.pages,
						     PAGE_SHIFT, walk->gfp);
		run.addr += PAGE_SIZE;
		run.pages += run.stride;
	}

	return !err;
}

static bool pcpu_kmsan_unmap(struct pcpu_walk *walk, struct pcpu_run run)
{
	kmsan_vunmap_range_noflush(run.addr, run.addr + run.nr * PAGE_SIZE);
	return true;
}

static void pcpu_post_map_flush(struct pcpu_chunk *chunk, int page_start,
				int page_end)
{
	flush_cache_vmap(pcpu_region_start(chunk, page_start),
			 pcpu_region_end(chunk, page_end));
}

static void pcpu_pre_unmap_flush(struct pcpu_chunk *chunk, int page_start,
				 int page_end)
{
	flush_cache_vunmap(pcpu_region_start(chunk, page_start),
			   pcpu_region_end(chunk, page_end));
}

/* Unmap a populated range and stage its pages, for after the TLB flush. */
static void pcpu_unmap_pages(struct pcpu_walk *walk)
{
	pcpu_pre_unmap_flush(walk->chunk, walk->page_start, walk->page_end);
	pcpu_walk_units(walk, pcpu_walk_find, pcpu_unmap);
	if (IS_ENABLED(CONFIG_KMSAN))
		pcpu_walk_units(walk, pcpu_walk_tableless, pcpu_kmsan_unmap);
}

/*
 * Map the staged pages of a range; returns 0, or -ENOMEM with none mapped.  A
 * TLB may remember then what was mapped for a moment.
 */
static int pcpu_map_pages(struct pcpu_walk *walk)
{
	unsigned int flags;
	bool mapped, done;

	/* Page tables are allocated without gfp flags, but in this scope. */
	flags = memalloc_apply_gfp_scope(walk->gfp);
	mapped = pcpu_walk_units(walk, pcpu_walk_alloc, pcpu_map);
	done = mapped;
	if (IS_ENABLED(CONFIG_KMSAN) && mapped)
		done = pcpu_walk_units(walk, pcpu_walk_tableless,
				       pcpu_kmsan_map);
	memalloc_restore_scope(flags);
	if (done)
		return 0;

	/* The metadata of an entry that was in use is not ours either. */
	if (IS_ENABLED(CONFIG_KMSAN) && mapped)
		pcpu_walk_units(walk, pcpu_walk_tableless, pcpu_kmsan_unmap);
	pcpu_pre_unmap_flush(walk->chunk, walk->page_start, walk->page_end);
	pcpu_walk_units(walk, pcpu_walk_find, pcpu_undo_map);
	return -ENOMEM;
}

/**
 * __pcpu_map_pages - map consecutive pages of a unit of the first chunk
 * @addr: where to map the first page
 * @pages: the pages
 * @nr_pages: number of pages
 * @gfp: unused, as the page tables exist
 *
 * Called at boot, where the architecture can map the first chunk page by page.
 *
 * Return: 0, or a negative error code if a page table is missing after all.
 */
static __maybe_unused int __pcpu_map_pages(unsigned long addr,
					   struct page **pages, int nr_pages,
					   gfp_t gfp)
{
	return vmap_pages_range_noflush(addr, addr + nr_pages * PAGE_SIZE,
					PAGE_KERNEL, pages, PAGE_SHIFT, gfp);
}

static void pcpu_free_unmapped(void)
{
	pcpu_free_pages(pcpu_staged, pcpu_nr_unmapped);
	pcpu_nr_unmapped = 0;
}

/* mm/percpu.c has not asked for a flush of what is staged: the array is needed. */
static void pcpu_flush_forgotten(void)
{
	flush_tlb_kernel_range(VMALLOC_START, VMALLOC_END);
	pcpu_free_unmapped();
}

/**
 * pcpu_populate_chunk - back a range of pages with memory, in all units
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 * @gfp: allocation flags
 *
 * None of the pages may be populated yet.  Their content is undefined.
 *
 * Return: 0, or -ENOMEM with the chunk unchanged.
 */
static int pcpu_populate_chunk(struct pcpu_chunk *chunk, int page_start,
			       int page_end, gfp_t gfp)
{
	struct pcpu_walk walk = {
		.chunk		= chunk,
		.page_start	= page_start,
		.page_end	= page_end,
		.pages		= pcpu_staged,
		.gfp		= gfp,
	};

	lockdep_assert_held(&pcpu_alloc_mutex);

	if (WARN_ON_ONCE(pcpu_nr_unmapped))
		pcpu_flush_forgotten();

	if (pcpu_alloc_pages(walk.pages, page_end - page_start,
			     gfp | __GFP_HIGHMEM))
		return -ENOMEM;

	if (pcpu_map_pages(&walk))
		goto flush_and_free;

	pcpu_post_map_flush(chunk, page_start, page_end);
	return 0;

flush_and_free:
	pcpu_nr_unmapped = (page_end - page_start) * pcpu_nr_cpu_units;
	pcpu_post_unmap_tlb_flush(chunk, page_start, page_end);
	return -ENOMEM;
}

/**
 * pcpu_depopulate_chunk - take the memory of a range of pages, in all units
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * All of the pages must be populated.  They wait in the staging array until
 * pcpu_post_unmap_tlb_flush() or pcpu_destroy_chunk() frees them; the caller
 * calls one of them before it populates anything or turns to another chunk.
 * Cannot fail and allocates nothing.
 */
static void pcpu_depopulate_chunk(struct pcpu_chunk *chunk, int page_start,
				  int page_end)
{
	const int nr = (page_end - page_start) * pcpu_nr_cpu_units;
	struct pcpu_walk walk = {
		.chunk		= chunk,
		.page_start	= page_start,
		.page_end	= page_end,
	};

	lockdep_assert_held(&pcpu_alloc_mutex);

	if (WARN_ON_ONCE(pcpu_nr_unmapped + nr >
			 pcpu_unit_pages * pcpu_nr_cpu_units))
		pcpu_flush_forgotten();

	walk.pages = pcpu_staged + pcpu_nr_unmapped;
	pcpu_unmap_pages(&walk);
	pcpu_nr_unmapped += nr;
}

/**
 * pcpu_post_unmap_tlb_flush - flush the TLB and free what was unmapped
 * @chunk: the chunk
 * @page_start: index of the first page that was unmapped since the last flush
 * @page_end: index after the last one
 */
static void pcpu_post_unmap_tlb_flush(struct pcpu_chunk *chunk, int page_start,
				      int page_end)
{
	lockdep_assert_held(&pcpu_alloc_mutex);

	flush_tlb_kernel_range(pcpu_region_start(chunk, page_start),
			       pcpu_region_end(chunk, page_end));
	pcpu_free_unmapped();
}

/**
 * pcpu_create_chunk - set up a chunk with no page populated
 * @gfp: allocation flags
 *
 * Allocates all that the other hooks need besides pages and page tables.
 *
 * Return: the chunk, or NULL if memory or vmalloc space is short.
 */
static struct pcpu_chunk *pcpu_create_chunk(gfp_t gfp)
{
	struct vm_struct **areas;
	struct pcpu_chunk *chunk;
	int group;

	if (!pcpu_get_pages(gfp))
		return NULL;

	chunk = pcpu_alloc_chunk(gfp);
	if (!chunk)
		return NULL;

	areas = pcpu_get_vm_areas(pcpu_group_offsets, pcpu_group_sizes,
				  pcpu_nr_groups, pcpu_atom_size, gfp);
	if (!areas)
		goto free_chunk;

	/*
	 * Units fill the areas to the last page.  Without this, readers of
	 * vmalloc space like /proc/kcore take that page for a guard page.
	 */
	for (group = 0; group < pcpu_nr_groups; group++)
		areas[group]->flags |= VM_NO_GUARD;

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
 * mm/percpu.c asks for no TLB flush before this.
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
 * pcpu_addr_to_page - look up the page that backs an address, in any context
 * @addr: an address in a unit, not in the first chunk
 *
 * Return: the page, or NULL if nothing is mapped there.
 */
static struct page *pcpu_addr_to_page(void *addr)
{
	return vmalloc_to_page(addr);
}

/**
 * pcpu_verify_alloc_info - check the layout of the units while booting
 * @ai: the layout
 *
 * Pages are mapped one by one, so that any layout will do.
 *
 * Return: 0, always.
 */
static int __init pcpu_verify_alloc_info(const struct pcpu_alloc_info *ai)
{
	return 0;
}

/**
 * pcpu_should_reclaim_chunk - decide whether to reclaim empty pages of a chunk
 * @chunk: the chunk, in which something was just freed
 *
 * A chunk that was isolated by an earlier reclaim gives up all pages that have
 * fallen empty since.  Another chunk is worth the effort when a quarter of it
 * is empty, and can spare the pages when the others have enough empty ones for
 * atomic allocations.  What was mapped at boot stays.
 *
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
