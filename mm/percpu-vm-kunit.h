/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Before mm/percpu-vm.c: put an observer between the backend and what it calls.
 *
 * Included by mm/percpu.c, and empty without CONFIG_PERCPU_VM_KUNIT_TEST.  The
 * names that it redefines are the kernel's own again after percpu-vm-kunit.c.
 */

#if IS_ENABLED(CONFIG_PERCPU_VM_KUNIT_TEST)

#include <linux/kmsan.h>
#include <linux/percpu-vm.h>

#include "internal.h"
#include "pgalloc-track.h"
#include "vmalloc.h"

static struct percpu_vm_observer *pcpu_observer;
static struct task_struct *pcpu_observing;

/* Tell the observer, if it is the one who made the backend do this. */
static bool pcpu_observe(struct percpu_vm_call *call)
{
	if (!pcpu_observer || pcpu_observing != current)
		return true;

	return pcpu_observer->call(pcpu_observer, call);
}

/* Tell of a call of which there is nothing to say but that it is made. */
static bool pcpu_observe_event(enum percpu_vm_event event, gfp_t gfp)
{
	struct percpu_vm_call call = {
		.event	= event,
		.gfp	= gfp,
	};

	return pcpu_observe(&call);
}

static struct pcpu_chunk *pcpu_observe_alloc_chunk(gfp_t gfp)
{
	return pcpu_observe_event(PERCPU_VM_CREATE, gfp) ?
	       pcpu_alloc_chunk(gfp) : NULL;
}

static void pcpu_observe_free_chunk(struct pcpu_chunk *chunk)
{
	pcpu_observe_event(PERCPU_VM_DESTROY, 0);
	pcpu_free_chunk(chunk);
}

static struct vm_struct **pcpu_observe_get_areas(const unsigned long *offsets,
						 const size_t *sizes,
						 int nr_areas, size_t align,
						 gfp_t gfp)
{
	return pcpu_observe_event(PERCPU_VM_CREATE, gfp) ?
	       pcpu_get_vm_areas(offsets, sizes, nr_areas, align, gfp) : NULL;
}

static void pcpu_observe_free_areas(struct vm_struct **areas, int nr_areas)
{
	pcpu_observe_event(PERCPU_VM_DESTROY, 0);
	pcpu_free_vm_areas(areas, nr_areas);
}

static struct page *pcpu_observe_alloc(int node, gfp_t gfp, unsigned int order)
{
	struct percpu_vm_call call = {
		.event	= PERCPU_VM_ALLOC,
		.gfp	= gfp,
		.node	= node,
		.nr	= 1 << order,
	};

	if (!pcpu_observe(&call))
		return NULL;

	call.page = alloc_pages_node(node, gfp, order);
	if (call.page) {
		call.event = PERCPU_VM_ALLOCATED;
		pcpu_observe(&call);
	}
	return call.page;
}

static unsigned long __maybe_unused pcpu_observe_bulk(gfp_t gfp, int node,
						      unsigned long nr,
						      struct page **pages)
{
	struct percpu_vm_call call = {
		.event	= PERCPU_VM_BULK,
		.gfp	= gfp,
		.node	= node,
		.nr	= nr,
	};

	if (!pcpu_observe(&call))
		return 0;

	call.nr = alloc_pages_bulk_node(gfp, node, call.nr, pages);
	if (call.nr) {
		call.event = PERCPU_VM_ALLOCATED;
		pcpu_observe(&call);
	}
	return call.nr;
}

static void pcpu_observe_free(struct page *page, unsigned int order)
{
	struct percpu_vm_call call = {
		.event	= PERCPU_VM_FREE,
		.nr	= 1 << order,
		.page	= page,
	};

	if (pcpu_observe(&call))
		__free_pages(page, order);
}

static void __maybe_unused pcpu_observe_free_contig(unsigned long pfn,
						    unsigned long nr_pages)
{
	struct percpu_vm_call call = {
		.event	= PERCPU_VM_FREE,
		.nr	= nr_pages,
		.page	= pfn_to_page(pfn),
	};

	if (pcpu_observe(&call))
		__free_contig_range(pfn, nr_pages);
}

static bool pcpu_observe_table(unsigned long addr)
{
	struct percpu_vm_call call = {
		.event	= PERCPU_VM_TABLE,
		.start	= addr,
	};

	return pcpu_observe(&call);
}

static __maybe_unused p4d_t *pcpu_observe_p4d(struct mm_struct *mm, pgd_t *pgd,
					      unsigned long addr,
					      pgtbl_mod_mask *mask)
{
	return pcpu_observe_table(addr) ?
	       p4d_alloc_track(mm, pgd, addr, mask) : NULL;
}

static __maybe_unused pud_t *pcpu_observe_pud(struct mm_struct *mm, p4d_t *p4d,
					      unsigned long addr,
					      pgtbl_mod_mask *mask)
{
	return pcpu_observe_table(addr) ?
	       pud_alloc_track(mm, p4d, addr, mask) : NULL;
}

static __maybe_unused pmd_t *pcpu_observe_pmd(struct mm_struct *mm, pud_t *pud,
					      unsigned long addr,
					      pgtbl_mod_mask *mask)
{
	return pcpu_observe_table(addr) ?
	       pmd_alloc_track(mm, pud, addr, mask) : NULL;
}

static __maybe_unused pte_t *pcpu_observe_pte(pmd_t *pmd, unsigned long addr,
					      pgtbl_mod_mask *mask)
{
	return pcpu_observe_table(addr) ?
	       pte_alloc_kernel_track(pmd, addr, mask) : NULL;
}

/* When a table is missing, what comes before it has been mapped already. */
static int __maybe_unused pcpu_observe_vmap(unsigned long addr,
					    unsigned long end, pgprot_t prot,
					    struct page **pages,
					    unsigned int page_shift, gfp_t gfp)
{
	unsigned long half = PAGE_ALIGN_DOWN(addr + (end - addr) / 2);
	int err;

	if (pcpu_observe_table(addr))
		return vmap_pages_range_noflush(addr, end, prot, pages,
						page_shift, gfp);
	if (half > addr) {
		err = vmap_pages_range_noflush(addr, half, prot, pages,
					       page_shift, gfp);
		if (err)
			return err;
	}
	return -ENOMEM;
}

static int __maybe_unused pcpu_observe_kmsan(unsigned long addr,
					     unsigned long end, pgprot_t prot,
					     struct page **pages,
					     unsigned int page_shift, gfp_t gfp)
{
	return pcpu_observe_event(PERCPU_VM_METADATA, gfp) ?
	       kmsan_vmap_pages_range_noflush(addr, end, prot, pages,
					      page_shift, gfp) : -ENOMEM;
}

static void __maybe_unused pcpu_observe_lazy_enable(void)
{
	pcpu_observe_event(PERCPU_VM_LAZY_ENABLE, 0);
	lazy_mmu_mode_enable();
}

static void __maybe_unused pcpu_observe_lazy_disable(void)
{
	lazy_mmu_mode_disable();
	pcpu_observe_event(PERCPU_VM_LAZY_DISABLE, 0);
}

static void pcpu_observe_range(enum percpu_vm_event event, unsigned long start,
			       unsigned long end)
{
	struct percpu_vm_call call = {
		.event	= event,
		.start	= start,
		.end	= end,
	};

	pcpu_observe(&call);
}

static void __maybe_unused pcpu_observe_sync(unsigned long start,
					     unsigned long end)
{
	pcpu_observe_range(PERCPU_VM_SYNC, start, end);
	/* there is no such function where nobody has to know */
	if (ARCH_PAGE_TABLE_SYNC_MASK)
		arch_sync_kernel_mappings(start, end);
}

static void pcpu_observe_flush_map(unsigned long start, unsigned long end)
{
	pcpu_observe_range(PERCPU_VM_FLUSH_MAP, start, end);
	flush_cache_vmap(start, end);
}

static void pcpu_observe_flush_unmap(unsigned long start, unsigned long end)
{
	pcpu_observe_range(PERCPU_VM_FLUSH_UNMAP, start, end);
	flush_cache_vunmap(start, end);
}

static void pcpu_observe_flush_tlb(unsigned long start, unsigned long end)
{
	pcpu_observe_range(PERCPU_VM_FLUSH_TLB, start, end);
	flush_tlb_kernel_range(start, end);
}

static void __maybe_unused pcpu_observe_resched(void)
{
	pcpu_observe_event(PERCPU_VM_RESCHED, 0);
	cond_resched();
}

#pragma push_macro("alloc_pages_node")
#pragma push_macro("alloc_pages_bulk_node")
#pragma push_macro("pte_alloc_kernel_track")
#pragma push_macro("cond_resched")
#pragma push_macro("flush_cache_vmap")
#pragma push_macro("flush_cache_vunmap")
#pragma push_macro("flush_tlb_kernel_range")

#undef alloc_pages_node
#undef alloc_pages_bulk_node
#undef pte_alloc_kernel_track
#undef cond_resched
#undef flush_cache_vmap
#undef flush_cache_vunmap
#undef flush_tlb_kernel_range

#define pcpu_alloc_chunk	pcpu_observe_alloc_chunk
#define pcpu_free_chunk		pcpu_observe_free_chunk
#define pcpu_get_vm_areas	pcpu_observe_get_areas
#define pcpu_free_vm_areas	pcpu_observe_free_areas
#define alloc_pages_node	pcpu_observe_alloc
#define alloc_pages_bulk_node	pcpu_observe_bulk
#define __free_pages		pcpu_observe_free
#define __free_contig_range	pcpu_observe_free_contig
#define p4d_alloc_track		pcpu_observe_p4d
#define pud_alloc_track		pcpu_observe_pud
#define pmd_alloc_track		pcpu_observe_pmd
#define pte_alloc_kernel_track	pcpu_observe_pte
#define vmap_pages_range_noflush pcpu_observe_vmap
#define kmsan_vmap_pages_range_noflush pcpu_observe_kmsan
#define lazy_mmu_mode_enable	pcpu_observe_lazy_enable
#define lazy_mmu_mode_disable	pcpu_observe_lazy_disable
#define arch_sync_kernel_mappings pcpu_observe_sync
#define cond_resched		pcpu_observe_resched
#define flush_cache_vmap	pcpu_observe_flush_map
#define flush_cache_vunmap	pcpu_observe_flush_unmap
#define flush_tlb_kernel_range	pcpu_observe_flush_tlb

#endif /* CONFIG_PERCPU_VM_KUNIT_TEST */
