/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests may ask of the backend of the per-CPU allocator, mm/percpu-vm.c.
 *
 * With CONFIG_PERCPU_VM_KUNIT_TEST the calls that the backend makes can be
 * seen, and allocations fail.  CONFIG_PERCPU_VM_BENCHMARK leaves the backend
 * exactly as it is.  Without both there is nothing of this.
 */
#ifndef _LINUX_PERCPU_VM_H
#define _LINUX_PERCPU_VM_H

#include <linux/init.h>
#include <linux/nodemask_types.h>
#include <linux/types.h>

struct page;
struct pcpu_alloc_info;
struct pcpu_chunk;

/**
 * enum percpu_vm_event - what the backend does to the rest of the kernel
 * @PERCPU_VM_CREATE: it is about to allocate a chunk, or areas for one
 * @PERCPU_VM_DESTROY: it is about to free one of these
 * @PERCPU_VM_ALLOC: it is about to request a block of pages, or a page
 * @PERCPU_VM_BULK: it is about to request pages in bulk
 * @PERCPU_VM_ALLOCATED: it has got some
 * @PERCPU_VM_FREE: it is about to free contiguous pages
 * @PERCPU_VM_TABLE: it is about to go down to a page table, or to build it
 * @PERCPU_VM_METADATA: it is about to have KMSAN map what belongs to a page
 * @PERCPU_VM_LAZY_ENABLE: it is about to enable lazy MMU mode
 * @PERCPU_VM_LAZY_DISABLE: it has disabled it
 * @PERCPU_VM_SYNC: it is about to call arch_sync_kernel_mappings()
 * @PERCPU_VM_FLUSH_MAP: it is about to flush the cache after mapping
 * @PERCPU_VM_FLUSH_UNMAP: it is about to flush the cache before unmapping
 * @PERCPU_VM_FLUSH_TLB: it is about to flush the TLB
 * @PERCPU_VM_RESCHED: it is about to let others run
 */
enum percpu_vm_event {
	PERCPU_VM_CREATE,
	PERCPU_VM_DESTROY,
	PERCPU_VM_ALLOC,
	PERCPU_VM_BULK,
	PERCPU_VM_ALLOCATED,
	PERCPU_VM_FREE,
	PERCPU_VM_TABLE,
	PERCPU_VM_METADATA,
	PERCPU_VM_LAZY_ENABLE,
	PERCPU_VM_LAZY_DISABLE,
	PERCPU_VM_SYNC,
	PERCPU_VM_FLUSH_MAP,
	PERCPU_VM_FLUSH_UNMAP,
	PERCPU_VM_FLUSH_TLB,
	PERCPU_VM_RESCHED,
};

/**
 * struct percpu_vm_call - a call that the backend makes
 * @event: which one
 * @gfp: the flags of an allocation
 * @node: where it is wanted
 * @nr: the number of pages; lowering it makes the bulk allocator stop early
 * @page: the first page, when there is one
 * @start: the address of a table, or the first one to flush or to sync
 * @end: the address after the last one
 */
struct percpu_vm_call {
	enum percpu_vm_event	event;
	gfp_t			gfp;
	int			node;
	int			nr;
	struct page		*page;
	unsigned long		start;
	unsigned long		end;
};

/**
 * struct percpu_vm_observer - someone who wants to know
 * @call: called for what the backend does on behalf of the observing task;
 *	  when this returns false what can fail does, and pages are not freed
 *	  but the observer's
 */
struct percpu_vm_observer {
	bool (*call)(struct percpu_vm_observer *observer,
		     struct percpu_vm_call *call);
};

/**
 * struct percpu_vm_layout - what all chunks look like
 * @nr_units: number of units, those without a CPU included
 * @unit_pages: number of pages in a unit
 * @low_cpu: the CPU with the lowest unit
 * @high_cpu: the CPU with the highest unit
 * @max_order: log2 of the number of pages in half a pageblock
 */
struct percpu_vm_layout {
	int		nr_units;
	int		unit_pages;
	unsigned int	low_cpu;
	unsigned int	high_cpu;
	int		max_order;
};

/**
 * struct percpu_vm_policy - a situation in which reclaim has to be decided
 * @isolated: whether the chunk is isolated already
 * @nr_empty: number of its populated pages that are empty
 * @nr_pages: number of its pages
 * @nr_empty_all: number of empty populated pages of all chunks not isolated
 */
struct percpu_vm_policy {
	bool	isolated;
	int	nr_empty;
	int	nr_pages;
	int	nr_empty_all;
};

void percpu_vm_observe(struct percpu_vm_observer *observer);
void percpu_vm_allow_nodes(const nodemask_t *nodes);

/*
 * The hooks, under the locks that mm/percpu.c holds for them: after
 * percpu_vm_depopulate() that is until percpu_vm_flush() or
 * percpu_vm_destroy_chunk(), and nothing else can be called before.
 */
struct pcpu_chunk *percpu_vm_create_chunk(gfp_t gfp);
void percpu_vm_destroy_chunk(struct pcpu_chunk *chunk);
int percpu_vm_populate(struct pcpu_chunk *chunk, int page_start, int page_end,
		       gfp_t gfp);
void percpu_vm_depopulate(struct pcpu_chunk *chunk, int page_start,
			  int page_end);
void percpu_vm_flush(struct pcpu_chunk *chunk, int page_start, int page_end);
bool percpu_vm_should_reclaim(struct pcpu_chunk *chunk,
			      const struct percpu_vm_policy *policy);
int __init percpu_vm_verify_alloc_info(const struct pcpu_alloc_info *ai);

/* what they work on */
struct pcpu_chunk *percpu_vm_first_chunk(void);
struct pcpu_chunk *percpu_vm_reserved_chunk(void);
struct percpu_vm_layout percpu_vm_layout(void);
int percpu_vm_settle(void);
long percpu_vm_nr_free(void);
unsigned long percpu_vm_addr(struct pcpu_chunk *chunk, unsigned int cpu,
			     int page_idx);
unsigned long percpu_vm_unit_addr(struct pcpu_chunk *chunk, int unit);
int percpu_vm_table_levels(void);
bool percpu_vm_has_tables(struct pcpu_chunk *chunk);
struct page *percpu_vm_page(struct pcpu_chunk *chunk, unsigned int cpu,
			    int page_idx);
struct page *percpu_vm_addr_to_page(void *addr);
unsigned long percpu_vm_area_end(unsigned long addr);
phys_addr_t percpu_vm_ptr_to_phys(void *addr);
struct pcpu_chunk *percpu_vm_page_chunk(struct page *page);

#endif /* _LINUX_PERCPU_VM_H */
