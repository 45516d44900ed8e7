/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Before mm/percpu-vm.c: put an observer between the backend and what it calls.
 *
 * Included by mm/percpu.c, and empty without CONFIG_PERCPU_VM_KUNIT_TEST.  What
 * is redefined here stays so up to the end of mm/percpu.c, which makes none of
 * these calls itself but cond_resched() and, while booting, those for statistics
 * and traces.
 */

#if IS_ENABLED(CONFIG_PERCPU_VM_KUNIT_TEST)

/* mm/percpu.c has created its tracepoints; create no others from here on. */
#undef CREATE_TRACE_POINTS

#include <linux/cpuset.h>
#include <linux/kmsan.h>
#include <linux/percpu-vm.h>

#include "internal.h"
#include "pgalloc-track.h"
#include "vmalloc.h"

static bool pcpu_tell(struct percpu_vm_call *call)
{
	return !percpu_vm_observer || percpu_vm_observer->task != current ||
	       percpu_vm_observer->call(percpu_vm_observer, call);
}

#define pcpu_observe(what, ...)						\
	pcpu_tell(&(struct percpu_vm_call) {				\
		.event = PERCPU_VM_##what, ##__VA_ARGS__		\
	})

static void *pcpu_observe_stage(size_t size, gfp_t gfp)
{
	return pcpu_observe(STAGE, .gfp = gfp, .nr = size) ?
	       pcpu_mem_zalloc(size, gfp) : NULL;
}

static struct pcpu_chunk *pcpu_observe_alloc_chunk(gfp_t gfp)
{
	return pcpu_observe(CREATE, .gfp = gfp) ? pcpu_alloc_chunk(gfp) : NULL;
}

static struct vm_struct **pcpu_observe_get_areas(const unsigned long *offsets,
						 const size_t *sizes, int nr,
						 size_t align, gfp_t gfp)
{
	return pcpu_observe(CREATE, .gfp = gfp, .nr = nr, .start = align) ?
	       pcpu_get_vm_areas(offsets, sizes, nr, align, gfp) : NULL;
}

static struct page *pcpu_observe_alloc(int node, gfp_t gfp, unsigned int order)
{
	bool fails = !pcpu_observe(ALLOC, .gfp = gfp, .node = node,
				   .nr = 1 << order);
	struct page *page = fails ? NULL : alloc_pages_node(node, gfp, order);

	if (page)
		pcpu_observe(ALLOCATED, .page = page, .nr = 1 << order);
	return page;
}

static unsigned long __maybe_unused
pcpu_observe_bulk(gfp_t gfp, int node, unsigned long nr, struct page **pages)
{
	struct percpu_vm_call call = {
		.event = PERCPU_VM_BULK, .gfp = gfp, .node = node, .nr = nr,
	};

	nr = pcpu_tell(&call) ? alloc_pages_bulk_node(gfp, node, call.nr, pages) : 0;
	if (nr)
		pcpu_observe(ALLOCATED, .nr = nr);
	return nr;
}

static __maybe_unused pte_t *
pcpu_observe_pte(pmd_t *pmd, unsigned long addr, pgtbl_mod_mask *mask)
{
	return pcpu_observe(TABLE, .start = addr) ?
	       pte_alloc_kernel_track(pmd, addr, mask) : NULL;
}

static void __maybe_unused pcpu_observe_set_pte(struct mm_struct *mm,
						unsigned long addr, pte_t *ptep,
						pte_t pte)
{
	pcpu_observe(ENTRY, .start = addr, .end = (unsigned long)ptep,
		     .page = pte_page(pte));
	set_pte_at(mm, addr, ptep, pte);
}

static int __maybe_unused
pcpu_observe_kmsan_map(unsigned long addr, unsigned long end, pgprot_t prot,
		       struct page **pages, unsigned int page_shift, gfp_t gfp)
{
	return pcpu_observe(METADATA, .start = addr, .end = end,
			    .page = *pages, .gfp = gfp) ?
	       kmsan_vmap_pages_range_noflush(addr, end, prot, pages,
					      page_shift, gfp) : -ENOMEM;
}

#define PCPU_OBSERVE_RANGE(function, what)				\
static void __maybe_unused						\
pcpu_observe_##function(unsigned long start, unsigned long end)	\
{									\
	pcpu_observe(what, .start = start, .end = end);			\
	function(start, end);						\
}

PCPU_OBSERVE_RANGE(kmsan_vunmap_range_noflush, NO_METADATA)
PCPU_OBSERVE_RANGE(flush_cache_vmap, FLUSH_MAP)
PCPU_OBSERVE_RANGE(flush_cache_vunmap, FLUSH_UNMAP)
PCPU_OBSERVE_RANGE(flush_tlb_kernel_range, FLUSH_TLB)
PCPU_OBSERVE_RANGE(arch_sync_kernel_mappings, SYNC)

static void pcpu_observe_resched(void)
{
	pcpu_observe(RESCHED);
	cond_resched();
}

/* These are macros themselves, on this kernel, another, or some machines. */
#undef pcpu_get_vm_areas
#undef alloc_pages_node
#undef alloc_pages_bulk_node
#undef pte_alloc_kernel_track
#undef set_pte_at
#undef kmsan_vmap_pages_range_noflush
#undef cond_resched
#undef flush_cache_vmap
#undef flush_cache_vunmap
#undef flush_tlb_kernel_range

#define pcpu_mem_zalloc			pcpu_observe_stage
#define pcpu_alloc_chunk		pcpu_observe_alloc_chunk
#define pcpu_get_vm_areas		pcpu_observe_get_areas
#define alloc_pages_node		pcpu_observe_alloc
#define alloc_pages_bulk_node		pcpu_observe_bulk
#define pte_alloc_kernel_track		pcpu_observe_pte
#define set_pte_at			pcpu_observe_set_pte
#define kmsan_vmap_pages_range_noflush	pcpu_observe_kmsan_map
#define kmsan_vunmap_range_noflush	pcpu_observe_kmsan_vunmap_range_noflush
#define arch_sync_kernel_mappings	pcpu_observe_arch_sync_kernel_mappings
#define cond_resched			pcpu_observe_resched
#define flush_cache_vmap		pcpu_observe_flush_cache_vmap
#define flush_cache_vunmap		pcpu_observe_flush_cache_vunmap
#define flush_tlb_kernel_range		pcpu_observe_flush_tlb_kernel_range
/* What is freed is evaluated twice: it has no side effects. */
#define pcpu_observe_free(first, order)					\
	pcpu_observe(FREE, .page = first, .nr = 1 << (order))
#define pcpu_observe_free_contig(pfn, nr_pages)				\
	pcpu_observe(FREE, .page = pfn_to_page(pfn), .nr = nr_pages)
#define __free_pages(...)						\
	(pcpu_observe_free(__VA_ARGS__), __free_pages(__VA_ARGS__))
#define __free_contig_range(...)					\
	(pcpu_observe_free_contig(__VA_ARGS__), __free_contig_range(__VA_ARGS__))
#define p4d_alloc_track(...)						\
	(pcpu_observe(TABLE) ? p4d_alloc_track(__VA_ARGS__) : NULL)
#define pud_alloc_track(...)						\
	(pcpu_observe(TABLE) ? pud_alloc_track(__VA_ARGS__) : NULL)
#define pmd_alloc_track(...)						\
	(pcpu_observe(TABLE) ? pmd_alloc_track(__VA_ARGS__) : NULL)
#define pcpu_free_chunk(chunk)						\
	(pcpu_observe(DESTROY), pcpu_free_chunk(chunk))
#define pcpu_free_vm_areas(areas, nr_areas)				\
	(pcpu_observe(DESTROY), pcpu_free_vm_areas(areas, nr_areas))
#define pcpu_stats_chunk_alloc()					\
	(pcpu_observe(STATISTICS, .nr = 1), pcpu_stats_chunk_alloc())
#define pcpu_stats_chunk_dealloc()					\
	(pcpu_observe(STATISTICS, .nr = -1), pcpu_stats_chunk_dealloc())
#define trace_percpu_create_chunk(addr)					\
	(pcpu_observe(TRACE, .nr = 1), trace_percpu_create_chunk(addr))
#define trace_percpu_destroy_chunk(addr)				\
	(pcpu_observe(TRACE, .nr = -1), trace_percpu_destroy_chunk(addr))
#define lazy_mmu_mode_enable()						\
	(pcpu_observe(LAZY_ENABLE), lazy_mmu_mode_enable())
#define lazy_mmu_mode_disable()						\
	(lazy_mmu_mode_disable(), pcpu_observe(LAZY_DISABLE))

#endif /* CONFIG_PERCPU_VM_KUNIT_TEST */
