// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backing memory for per-CPU chunks in vmalloc space
 *
 * mm/percpu.c includes this file on SMP kernels with an MMU, and decides which
 * pages of a chunk are populated.  In a chunk, every possible CPU owns a unit,
 * and populating page i populates it in each of these.  A range of pages is
 * populated or depopulated in all units at once, in one pass over the page
 * tables.  Pages are allocated first, those of a node together: if that fails,
 * no page table has been touched.  They are freed last because a CPU can reach
 * a page through its TLB until the flush.
 *
 * In between, page pointers are staged in one array, node by node.  Within a
 * node, pages with the same index are neighbours, so depopulating one index
 * frees them in runs, where blocks were free.  With the units a, b and c:
 *
 *   a[0] b[0] c[0] a[1] b[1] c[1] a[2] ...
 */

/* mm/percpu.c has created its tracepoints; create no others from here on. */
#undef CREATE_TRACE_POINTS

#include <linux/cpuset.h>
#include <linux/kmsan.h>
#include <linux/mm_inline.h>
#include <linux/sort.h>

#include "internal.h"
#include "pgalloc-track.h"
#include "vmalloc.h"

/* A whole pageblock is more often claimed from another mobility type. */
#define PCPU_MAX_ORDER		(pageblock_order - 1)

/* After an order was refused, try it again this many calls later, per node. */
#define PCPU_ORDER_RETRY	8

/* The most pages to request in bulk, or to free, without rescheduling */
#define PCPU_BATCH		128

/* The unit of a possible CPU */
struct pcpu_unit {
	unsigned long	offset;	/* from the base of a chunk */
	unsigned int	cpu;
	int		node;	/* of the CPU, when pages were last allocated */
	int		nr;	/* of units on the node, set in its first one */
};

/*
 * All units that belong to a CPU, by node and then by address, and the staging
 * array with an entry for each of their pages.  pcpu_create_chunk() allocates
 * both once, for good.  num_possible_cpus() can shrink after that.
 */
static struct pcpu_unit *pcpu_cpu_units;
static int pcpu_nr_cpu_units;
static struct page **pcpu_staged;

/* Staged pages that await a chunk's TLB flush; a walk stages after them. */
static int pcpu_nr_unmapped;
static struct pcpu_chunk *pcpu_unmapped_chunk;

/* How many calls on a node until one starts at PCPU_MAX_ORDER again */
static u8 pcpu_node_backoff[MAX_NUMNODES];

/*
 * A pass over a range of pages in all units.  One page table serves many pages
 * and often several units, so the walk restarts at the PGD only for a unit that
 * is not entirely in the table in use.  Lazy MMU mode is on while in a table.
 * Flushes cover everything from the lowest to the highest unit, gaps included:
 * that is cheaper than one flush for each CPU.
 */
struct pcpu_walk {
	struct pcpu_chunk	*chunk;
	int			page_start;
	int			nr_pages;
	unsigned long		flush_start;
	unsigned long		flush_end;
	pte_t			*table;		/* page-table page in use */
	unsigned long		base;		/* its start, @flush_end if none */
	pgtbl_mod_mask		mask;		/* levels with new tables below */
	gfp_t			gfp;
};

/* Find the entry of an address; NULL if it has no table. */
typedef pte_t *(*pcpu_pte_fn)(struct pcpu_walk *walk, unsigned long addr);

/* Map or unmap a page; *@staged is its staging entry.  False ends the walk. */
typedef bool (*pcpu_page_fn)(struct pcpu_walk *walk, unsigned long addr,
			     pte_t *pte, struct page **staged, pgprot_t prot);

/* A walk that has not begun, over the pages from @start up to @end */
static __always_inline struct pcpu_walk
pcpu_walk_range(struct pcpu_chunk *chunk, int start, int end, gfp_t gfp)
{
	return (struct pcpu_walk) {
		.chunk		= chunk,
		.page_start	= start,
		.nr_pages	= end - start,
		.flush_start	= pcpu_chunk_addr(chunk, pcpu_low_unit_cpu, start),
		.flush_end	= pcpu_chunk_addr(chunk, pcpu_high_unit_cpu, end),
		.base		= pcpu_chunk_addr(chunk, pcpu_high_unit_cpu, end),
		.gfp		= gfp,
	};
}

static int pcpu_cmp_units(const void *a, const void *b)
{
	const struct pcpu_unit *x = a, *y = b;

	return cmp_int(x->node, y->node) ?: cmp_int(x->offset, y->offset);
}

/* Keep the units of each node together, in the order of their addresses. */
static void pcpu_sort_units(void)
{
	struct pcpu_unit *units = pcpu_cpu_units;
	bool sorted = units->nr;	/* 0 before the first time */
	int i, node, first = 0;

	/* A CPU that is brought up can turn out to be on another node. */
	for (i = 0; i < pcpu_nr_cpu_units; i++) {
		node = cpu_to_node(units[i].cpu);
		sorted &= units[i].node == node;
		units[i].node = node;
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

/* Return the staging array.  The first call allocates it, and the units. */
static struct page **pcpu_get_pages(gfp_t gfp)
{
	struct pcpu_unit *units;
	unsigned int cpu, i = 0;

	lockdep_assert_held(&pcpu_alloc_mutex);
	if (pcpu_staged)
		return pcpu_staged;

	pcpu_nr_cpu_units = num_possible_cpus();
	units = pcpu_mem_zalloc(array_size(pcpu_nr_cpu_units, sizeof(*units) +
				pcpu_unit_pages * sizeof(*pcpu_staged)), gfp);
	if (!units)
		return NULL;

	for_each_possible_cpu(cpu) {
		units[i].offset = pcpu_unit_offsets[cpu];
		units[i++].cpu = cpu;
	}
	pcpu_cpu_units = units;
	pcpu_staged = (void *)(units + pcpu_nr_cpu_units);
	pcpu_sort_units();
	return pcpu_staged;
}

/* For tests: the page of a CPU, or NULL; not for what was mapped at boot */
static __maybe_unused struct page *
pcpu_chunk_page(struct pcpu_chunk *chunk, unsigned int cpu, int page_idx)
{
	return WARN_ON_ONCE(chunk->immutable) ? NULL :
	       pcpu_addr_to_page((void *)pcpu_chunk_addr(chunk, cpu, page_idx));
}

/*
 * Free staged pages; no TLB may still map them.  Unlike free_pages_bulk(), skip
 * empty entries, and free single pages as such, which is cheaper.
 */
static void pcpu_free_pages(struct page **pages, int nr_pages)
{
	while (nr_pages > 0) {
		int nr = 1;

		if (nr_pages > 1 && pages[1] == *pages + 1) {
			nr = num_pages_contiguous(pages, min(nr_pages, PCPU_BATCH));
			__free_contig_range(page_to_pfn(*pages), nr);
		} else if (*pages) {
			__free_page(*pages);
		}
		pages += nr;
		nr_pages -= nr;
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
	 * High orders are opportunistic: what is refused comes at lower orders.
	 * Do not reclaim, wake kswapd, use reserves or leave the node for them.
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
			*backoff = PCPU_ORDER_RETRY * (PCPU_MAX_ORDER - max_order);
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
	 * Those of a node outside of the task's cpuset are not for this task.
	 */
	if (node_state(node, N_HIGH_MEMORY) &&
	    node_isset(node, cpuset_current_mems_allowed))
		nr_staged = pcpu_alloc_blocks(pages, nr_pages, node, gfp);

	while (nr_staged < nr_pages) {
		nr = min(nr_pages - nr_staged, batch);
		/* The bulk allocator only fills empty entries. */
		memset(pages + nr_staged, 0, nr * sizeof(*pages));
		nr_got = alloc_pages_bulk_node(gfp, node, nr, pages + nr_staged);
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
		if (nr < nr_wanted) {
			pcpu_free_pages(pages, nr_staged);
			return -ENOMEM;
		}
	}

	return 0;
}

/* Map a page; ends the walk at an entry that is in use already. */
static __always_inline bool
pcpu_map(struct pcpu_walk *walk, unsigned long addr, pte_t *pte,
	 struct page **staged, pgprot_t prot)
{
	struct page *page = *staged;

	if (WARN_ON_ONCE(!pte_none(ptep_get(pte))))
		return false;

	/* free_percpu() looks up the page here, and its chunk in the page. */
	pcpu_set_page_chunk(page, walk->chunk);
	set_pte_at(&init_mm, addr, pte, mk_pte(page, prot));
	return true;
}

/* Unmap and stage a page, NULL for an entry that is empty. */
static __always_inline bool
pcpu_unmap(struct pcpu_walk *walk, unsigned long addr, pte_t *pte,
	   struct page **staged, pgprot_t prot)
{
	pte_t old = ptep_get_and_clear(&init_mm, addr, pte);
	struct page *page = NULL;

	if (!WARN_ON_ONCE(!pte_present(old))) {
		page = pte_page(old);
		pcpu_set_page_chunk(page, NULL);
	}
	*staged = page;
	return true;
}

/* Unmap what pcpu_map() mapped; what else is mapped there is not ours. */
static bool pcpu_undo_map(struct pcpu_walk *walk, unsigned long addr,
			  pte_t *pte, struct page **staged, pgprot_t prot)
{
	pte_t old = ptep_get(pte);

	return pte_present(old) && pte_pfn(old) == page_to_pfn(*staged) &&
	       pcpu_unmap(walk, addr, pte, staged, prot);
}

/* KMSAN takes an array of pages, but a unit's are not staged side by side. */
static bool pcpu_kmsan_map(struct pcpu_walk *walk, unsigned long addr,
			   pte_t *pte, struct page **staged, pgprot_t prot)
{
	return !kmsan_vmap_pages_range_noflush(addr, addr + PAGE_SIZE, prot,
					       staged, PAGE_SHIFT, walk->gfp);
}

static bool pcpu_kmsan_unmap(struct pcpu_walk *walk, unsigned long addr,
			     pte_t *pte, struct page **staged, pgprot_t prot)
{
	kmsan_vunmap_range_noflush(addr, addr + PAGE_SIZE);
	return true;
}

/* Allocate the table of an address if need be. */
static pte_t *pcpu_pte_alloc(struct pcpu_walk *walk, unsigned long addr)
{
	pgtbl_mod_mask *mask = &walk->mask;
	pgd_t *pgd = pgd_offset_k(addr);
	p4d_t *p4d = p4d_alloc_track(&init_mm, pgd, addr, mask);
	pud_t *pud = p4d ? pud_alloc_track(&init_mm, p4d, addr, mask) : NULL;
	pmd_t *pmd = pud ? pmd_alloc_track(&init_mm, pud, addr, mask) : NULL;

	return pmd ? pte_alloc_kernel_track(pmd, addr, mask) : NULL;
}

static pte_t *pcpu_pte_find(struct pcpu_walk *walk, unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(&init_mm, addr);

	return !pmd || pmd_none(*pmd) ? NULL : pte_offset_kernel(pmd, addr);
}

/* Leave the table: sleeping is allowed.  No page is at @flush_end or above. */
static void pcpu_walk_leave(struct pcpu_walk *walk)
{
	if (walk->base != walk->flush_end)
		lazy_mmu_mode_disable();
	walk->base = walk->flush_end;
	cond_resched();
}

/* Go to the table of @addr and, if it has one, stay: no sleeping until left. */
static __always_inline pte_t *
pcpu_walk_to(struct pcpu_walk *walk, unsigned long addr, pcpu_pte_fn pte_fn)
{
	pte_t *pte;

	pcpu_walk_leave(walk);
	pte = pte_fn ? pte_fn(walk, addr) : NULL;
	if (pte) {
		walk->table = pte - pte_index(addr);
		walk->base = addr & PMD_MASK;
		lazy_mmu_mode_enable();
	}
	return pte;
}

/* Handle a unit that spans tables or lacks one; @pte is for its first page. */
static noinline bool
pcpu_walk_across(struct pcpu_walk *walk, unsigned long addr, pte_t *pte,
		 struct page **staged, int stride, pcpu_pte_fn pte_fn,
		 pcpu_page_fn page_fn)
{
	int i;

	for (i = 0; i < walk->nr_pages; i++, pte++) {
		if (i && addr - walk->base >= PMD_SIZE)
			pte = pcpu_walk_to(walk, addr, pte_fn);
		if (pte_fn && !pte) {
			/* Nothing is mapped there; go on only to unmap others. */
			if (page_fn != pcpu_unmap)
				return false;
			WARN_ON_ONCE(1);
			*staged = NULL;
		} else if (!page_fn(walk, addr, pte, staged, PAGE_KERNEL)) {
			return false;
		}
		addr += PAGE_SIZE;
		staged += stride;
	}

	return true;
}

/*
 * Handle the pages of all units, in the order of pcpu_cpu_units, without tables
 * if there is no @pte_fn.  Returns true if the walk got to its end.
 */
static __always_inline bool
pcpu_walk_pages(struct pcpu_walk *walk, pcpu_pte_fn pte_fn,
		pcpu_page_fn page_fn)
{
	const long nr_pages = walk->nr_pages;
	/* Units below this offset are in the table; for others @pte is void. */
	const unsigned long limit = PMD_SIZE + PAGE_SIZE -
		min(nr_pages * PAGE_SIZE, PMD_SIZE + PAGE_SIZE);
	const unsigned long start = (unsigned long)walk->chunk->base_addr +
				    walk->page_start * PAGE_SIZE;
	const struct pcpu_unit *unit = pcpu_cpu_units;
	const struct pcpu_unit *last = unit + pcpu_nr_cpu_units, *end;
	const pgprot_t prot = PAGE_KERNEL;	/* x86 computes it each time */
	struct page **first = pcpu_staged + pcpu_nr_unmapped;
	long stride;

	do {
		stride = unit->nr;
		for (end = unit + stride; unit < end; unit++, first++) {
			unsigned long addr = start + unit->offset;
			struct page **staged = first;
			pte_t *pte, *stop;

			pte = walk->table + ((addr - walk->base) >> PAGE_SHIFT);
			if (addr - walk->base >= limit)
				pte = pcpu_walk_to(walk, addr, pte_fn);
			if (unlikely(addr - walk->base >= limit)) {
				if (!pcpu_walk_across(walk, addr, pte, staged,
						      stride, pte_fn, page_fn))
					goto out;
				continue;
			}
			stop = pte + nr_pages;
			do {
				if (!page_fn(walk, addr, pte, staged, prot))
					goto out;
				addr += PAGE_SIZE;
				staged += stride;
			} while (++pte < stop);
		}
		/* @first is past one index of the node; skip the others. */
		first += stride * (nr_pages - 1);
	} while (unit < last);
out:
	pcpu_walk_leave(walk);
	return unit == last;
}

static void pcpu_post_map_flush(const struct pcpu_walk *walk)
{
	flush_cache_vmap(walk->flush_start, walk->flush_end);
}

static void pcpu_pre_unmap_flush(const struct pcpu_walk *walk)
{
	flush_cache_vunmap(walk->flush_start, walk->flush_end);
}

/* Unmap a populated range and stage its pages until the TLB flush. */
static void pcpu_unmap_pages(struct pcpu_walk *walk)
{
	pcpu_pre_unmap_flush(walk);
	pcpu_walk_pages(walk, pcpu_pte_find, pcpu_unmap);
	if (IS_ENABLED(CONFIG_KMSAN))
		pcpu_walk_pages(walk, NULL, pcpu_kmsan_unmap);
}

/* Map pages of a unit of the first chunk, at boot; they record no chunk. */
static __maybe_unused int
__pcpu_map_pages(unsigned long addr, struct page **pages, int nr_pages,
		 gfp_t gfp)
{
	return vmap_pages_range_noflush(addr, addr + nr_pages * PAGE_SIZE,
					PAGE_KERNEL, pages, PAGE_SHIFT, gfp);
}

/* Flush the TLB for a range that covers all unmapped pages, then free them. */
static void pcpu_flush_and_free(unsigned long start, unsigned long end)
{
	flush_tlb_kernel_range(start, end);
	pcpu_free_pages(pcpu_staged, pcpu_nr_unmapped);
	pcpu_nr_unmapped = 0;
}

/* Map what is staged; returns 0, or -ENOMEM with nothing mapped or staged. */
static int pcpu_map_pages(struct pcpu_walk *walk)
{
	unsigned int flags;
	bool mapped, done;

	/* Page tables are allocated without gfp flags, but in this scope. */
	flags = memalloc_apply_gfp_scope(walk->gfp);
	mapped = pcpu_walk_pages(walk, pcpu_pte_alloc, pcpu_map);
	/* This is about new tables; pcpu_post_map_flush() is about entries. */
	if (walk->mask & ARCH_PAGE_TABLE_SYNC_MASK)
		arch_sync_kernel_mappings(walk->flush_start, walk->flush_end);
	done = mapped && (!IS_ENABLED(CONFIG_KMSAN) ||
			  pcpu_walk_pages(walk, NULL, pcpu_kmsan_map));
	memalloc_restore_scope(flags);
	if (done)
		return 0;

	/* If mapping failed, that could unmap metadata of an entry in use. */
	if (IS_ENABLED(CONFIG_KMSAN) && mapped)
		pcpu_walk_pages(walk, NULL, pcpu_kmsan_unmap);
	pcpu_pre_unmap_flush(walk);
	pcpu_walk_pages(walk, pcpu_pte_find, pcpu_undo_map);
	/* TLBs may have cached the short-lived mappings. */
	pcpu_nr_unmapped = walk->nr_pages * pcpu_nr_cpu_units;
	pcpu_flush_and_free(walk->flush_start, walk->flush_end);
	return -ENOMEM;
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
	struct pcpu_walk walk = pcpu_walk_range(chunk, page_start, page_end, gfp);
	int err;

	lockdep_assert_held(&pcpu_alloc_mutex);
	/* The caller has forgotten to flush after depopulating. */
	if (WARN_ON_ONCE(pcpu_nr_unmapped))
		pcpu_flush_and_free(VMALLOC_START, VMALLOC_END);

	err = pcpu_alloc_pages(pcpu_staged, walk.nr_pages, gfp | __GFP_HIGHMEM) ?:
	      pcpu_map_pages(&walk);
	if (!err)
		pcpu_post_map_flush(&walk);
	return err;
}

/**
 * pcpu_depopulate_chunk - unmap a range of pages, in all units
 * @chunk: the chunk
 * @page_start: index of the first page
 * @page_end: index after the last page
 *
 * All of the pages must be populated.  They wait in the staging array until
 * pcpu_post_unmap_tlb_flush() or pcpu_destroy_chunk() frees them.  Until then,
 * keep the mutex, populate nothing and do not depopulate another chunk.
 */
static void pcpu_depopulate_chunk(struct pcpu_chunk *chunk, int page_start,
				  int page_end)
{
	struct pcpu_walk walk = pcpu_walk_range(chunk, page_start, page_end, 0);
	const int nr = walk.nr_pages * pcpu_nr_cpu_units;

	lockdep_assert_held(&pcpu_alloc_mutex);
	if (WARN_ON_ONCE(pcpu_nr_unmapped &&
			 (pcpu_unmapped_chunk != chunk || pcpu_nr_unmapped + nr >
			  pcpu_unit_pages * pcpu_nr_cpu_units)))
		pcpu_flush_and_free(VMALLOC_START, VMALLOC_END);

	pcpu_unmap_pages(&walk);
	pcpu_nr_unmapped += nr;
	pcpu_unmapped_chunk = chunk;
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
	struct pcpu_walk walk = pcpu_walk_range(chunk, page_start, page_end, 0);

	lockdep_assert_held(&pcpu_alloc_mutex);
	pcpu_flush_and_free(walk.flush_start, walk.flush_end);
}

/**
 * pcpu_create_chunk - set up a chunk with no page populated
 * @gfp: allocation flags
 *
 * Return: the chunk, or NULL if memory or vmalloc space is short.
 */
static struct pcpu_chunk *pcpu_create_chunk(gfp_t gfp)
{
	struct vm_struct **areas;
	struct pcpu_chunk *chunk;
	int group;

	chunk = pcpu_get_pages(gfp) ? pcpu_alloc_chunk(gfp) : NULL;
	if (!chunk)
		return NULL;

	areas = pcpu_get_vm_areas(pcpu_group_offsets, pcpu_group_sizes,
				  pcpu_nr_groups, pcpu_atom_size, gfp);
	if (!areas) {
		pcpu_free_chunk(chunk);
		return NULL;
	}

	/* Units fill their areas: there is no guard page to leave out. */
	for (group = 0; group < pcpu_nr_groups; group++)
		areas[group]->flags |= VM_NO_GUARD;

	chunk->data = areas;
	chunk->base_addr = areas[0]->addr - pcpu_group_offsets[0];

	trace_percpu_create_chunk(chunk->base_addr);
	pcpu_stats_chunk_alloc();
	return chunk;
}

/**
 * pcpu_destroy_chunk - give up a chunk; flush and free what waits for that
 * @chunk: the chunk, fully depopulated, or NULL
 */
static void pcpu_destroy_chunk(struct pcpu_chunk *chunk)
{
	if (!chunk)
		return;

	if (pcpu_nr_unmapped)	/* mm/percpu.c has not asked for a flush */
		pcpu_post_unmap_tlb_flush(pcpu_unmapped_chunk, 0, pcpu_unit_pages);

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
 * Return: 0, as any layout will do: pages are mapped one by one.
 */
static int __init pcpu_verify_alloc_info(const struct pcpu_alloc_info *ai)
{
	return 0;
}

/**
 * pcpu_should_reclaim_chunk - decide whether to reclaim empty pages of a chunk
 * @chunk: the chunk, in which something was just freed
 *
 * Empty pages are populated ones without objects.  A chunk that an earlier
 * reclaim has isolated is reclaimed again as soon as it has one.  Any other is
 * reclaimed if a quarter of its pages are empty and the remaining chunks have
 * enough empty pages for atomic allocations.  What was mapped at boot stays.
 *
 * Return: true if the caller should queue the chunk for depopulation.
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
