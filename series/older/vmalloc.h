/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mm/percpu-vm.c calls and this kernel does not have yet, or has with other
 * parameters.  Newer kernels have a file of this name themselves.  scripts/overlay
 * leaves out what is there.
 */
#ifndef __MM_VMALLOC_H
#define __MM_VMALLOC_H

#include <linux/kmsan.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

/* Unless include/linux/sort.h has "define cmp_int", as from 6.17 */
#define cmp_int(x, y)	((x) < (y) ? -1 : (x) > (y))

/* Unless include/linux/mm_inline.h has "num_pages_contiguous[(]", as from 6.18 */
static inline size_t num_pages_contiguous(struct page **pages, size_t nr_pages)
{
	size_t nr = 1;

	while (nr < nr_pages &&
	       page_to_pfn(pages[nr]) == page_to_pfn(pages[0]) + nr)
		nr++;
	return nr;
}

/* Unless include/linux/gfp.h has "__free_contig_range[(]", as in 7.2 */
/* Pages that nobody holds any more, as the largest blocks that they make */
static inline void pcpu_free_blocks(unsigned long pfn, unsigned long end)
{
	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);
		unsigned int order = min(ilog2(end - pfn), MAX_PAGE_ORDER);

		if (pfn)
			order = min_t(unsigned int, order, __ffs(pfn));
		/* On x86-32, highmem begins two pages before a round address. */
		while (order && page_zone_id(page) !=
				page_zone_id(pfn_to_page(pfn + (1UL << order) - 1)))
			order--;
		init_page_count(page);
		__free_pages(page, order);
		pfn += 1UL << order;
	}
}

/*
 * Single pages would fill the lists of this CPU, which then return them to the buddy
 * allocator one by one, so free blocks.  A page that somebody still holds, or that is
 * poisoned, cannot be in one.  Page owner and allocation profiling account for each
 * page, and freeing a block would only tell them of the first.
 */
static inline void __free_contig_range(unsigned long pfn, unsigned long nr_pages)
{
	const bool blocks = !IS_ENABLED(CONFIG_PAGE_OWNER) &&
			    !IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING);
	unsigned long start = pfn, end = pfn + nr_pages;

	for (; pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);
		bool unused = put_page_testzero(page);

		if (blocks && unused && !PageHWPoison(page))
			continue;
		pcpu_free_blocks(start, pfn);
		if (unused)
			pcpu_free_blocks(pfn, pfn + 1);
		start = pfn + 1;
	}
	pcpu_free_blocks(start, end);
}

/* Unless include/linux/gfp.h has "define alloc_pages_bulk_node[(]", as from 6.14 */
#define alloc_pages_bulk_node	alloc_pages_bulk_array_node

/* Unless include/linux/pgtable.h has "lazy_mmu_mode_enable[(]", as in 7.2 */
static inline void lazy_mmu_mode_enable(void)
{
	arch_enter_lazy_mmu_mode();
}

static inline void lazy_mmu_mode_disable(void)
{
	arch_leave_lazy_mmu_mode();
}

/* Unless include/linux/vmalloc.h has "memalloc_apply_gfp_scope[(]", as in 7.2 */
/* What is allocated without gfp flags gets those that @gfp allows. */
static inline unsigned int memalloc_apply_gfp_scope(gfp_t gfp)
{
	if (!gfpflags_allow_blocking(gfp) ||
	    (gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL)))
		return memalloc_flags_save(PF_MEMALLOC);
	if (!(gfp & __GFP_IO))
		return memalloc_flags_save(PF_MEMALLOC_NOIO);
	return gfp & __GFP_FS ? 0 : memalloc_flags_save(PF_MEMALLOC_NOFS);
}

static inline void memalloc_restore_scope(unsigned int flags)
{
	memalloc_flags_restore(flags);
}

/* Unless include/linux/vmalloc.h has "size_t align, gfp_t gfp[)]", as in 7.3 */
/* GFP_KERNEL inside, within the limits of @gfp. */
static inline struct vm_struct **
pcpu_get_vm_areas_gfp(const unsigned long *offsets, const size_t *sizes,
		      int nr_areas, size_t align, gfp_t gfp)
{
	unsigned int flags = memalloc_apply_gfp_scope(gfp);
	struct vm_struct **areas = pcpu_get_vm_areas(offsets, sizes, nr_areas,
						     align);

	memalloc_restore_scope(flags);
	return areas;
}

#define pcpu_get_vm_areas	pcpu_get_vm_areas_gfp

/* Unless include/linux/kmsan.h has "page_shift, gfp_t gfp_mask", as in 7.2 */
/* GFP_KERNEL inside, within the scope of pcpu_map_pages(). */
#define kmsan_vmap_pages_range_noflush(start, end, prot, pages, shift, gfp) \
	kmsan_vmap_pages_range_noflush(start, end, prot, pages, shift)

/* Unless mm/internal.h has "page_shift, gfp_t gfp_mask", as in 7.2 */
#define vmap_pages_range_noflush(start, end, prot, pages, shift, gfp) \
	vmap_pages_range_noflush(start, end, prot, pages, shift)

/* Unless mm/percpu.c has "unit_pages, GFP_KERNEL", as in 7.3 */
/* mm/percpu.c calls it with three arguments, mm/percpu-vm.c defines it with four. */
#define PCPU_GFP(none, gfp, ...)	gfp
#define __pcpu_map_pages(addr, pages, nr_pages, ...) \
	__pcpu_map_pages(addr, pages, nr_pages, \
			 PCPU_GFP(, ##__VA_ARGS__, GFP_KERNEL))

#endif /* __MM_VMALLOC_H */
