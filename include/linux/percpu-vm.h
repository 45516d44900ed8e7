/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suite and the benchmark use of mm/percpu-vm.c.  With
 * CONFIG_PERCPU_VM_KUNIT_TEST, they see the calls it makes and can fail them;
 * with CONFIG_PERCPU_VM_BENCHMARK, the backend is unchanged.
 */
#ifndef _LINUX_PERCPU_VM_H
#define _LINUX_PERCPU_VM_H

#include <linux/pgtable.h>
#include <linux/types.h>

struct mutex;
struct page;
struct pcpu_chunk;
struct task_struct;
struct vm_struct;

/* What the backend is about to do to the rest of the kernel */
enum percpu_vm_event {
	PERCPU_VM_STAGE,	/* allocate the staging array */
	PERCPU_VM_CREATE,	/* allocate a chunk, or areas for one */
	PERCPU_VM_ALLOC,	/* request a block of pages, or a page */
	PERCPU_VM_BULK,		/* request pages in bulk */
	PERCPU_VM_METADATA,	/* have KMSAN map it; all up to here have flags */
	PERCPU_VM_NO_METADATA,	/* have KMSAN unmap it */
	PERCPU_VM_DESTROY,	/* free a chunk, or areas of one */
	PERCPU_VM_STATISTICS,	/* count chunks: @nr more */
	PERCPU_VM_TRACE,	/* trace them: @nr more */
	PERCPU_VM_ALLOCATED,	/* it has got pages */
	PERCPU_VM_FREE,		/* free contiguous pages */
	PERCPU_VM_TABLE,	/* allocate a table if need be; @start for PTEs */
	PERCPU_VM_ENTRY,	/* set an entry, which is at @end */
	PERCPU_VM_LAZY_ENABLE,	/* enable lazy MMU mode */
	PERCPU_VM_LAZY_DISABLE,	/* it has disabled it */
	PERCPU_VM_SYNC,		/* call arch_sync_kernel_mappings() */
	PERCPU_VM_FLUSH_MAP,	/* flush the cache after mapping */
	PERCPU_VM_FLUSH_UNMAP,	/* flush the cache before unmapping */
	PERCPU_VM_FLUSH_TLB,
	PERCPU_VM_RESCHED,	/* let others run */
	PERCPU_VM_NR_EVENTS
};

/* A call that the backend makes: as much of this as there is to say */
struct percpu_vm_call {
	enum percpu_vm_event	event;
	gfp_t			gfp;
	int			node;	/* where memory is wanted */
	int			nr;	/* of pages, areas, chunks; bytes to stage in */
	struct page		*page;	/* the first one */
	unsigned long		start;	/* address; alignment of areas */
	unsigned long		end;
};

/**
 * struct percpu_vm_observer - follows what the backend does
 * @task: the task whose calls of the backend are followed
 * @call: called for each operation; returns false to make it fail, if it can.
 *	  The bulk allocator stops at the number left in the call.
 */
struct percpu_vm_observer {
	struct task_struct *task;
	bool (*call)(struct percpu_vm_observer *observer,
		     struct percpu_vm_call *call);
};

/* What all chunks look like */
struct percpu_vm_layout {
	int		nr_groups;
	int		nr_units;	/* also without a CPU */
	int		unit_pages;
	unsigned int	low_cpu;	/* which has the lowest unit */
	unsigned int	high_cpu;
	size_t		atom_size;	/* alignment of an area in bytes */
	int		max_order;	/* of half a pageblock */
	bool		keeps_promises;	/* those of the new backend */
};

/**
 * struct percpu_vm_backend - the backend, and what tests have to know of it
 * @mutex: held for all hooks but @should_reclaim and @addr_to_page, and from
 *	   the first depopulation to the flush or the destruction of the chunk
 * @create_chunk: creates a chunk that mm/percpu.c does not know
 * @destroy_chunk: destroys it
 * @populate: populates pages
 * @depopulate: depopulates them
 * @flush: flushes the TLB after that
 * @allocate: allocates into @pages, which is for all units, once there is a chunk
 * @free: frees these pages, which were not mapped
 * @should_reclaim: decides in a situation that is made up for it
 * @page: the page that is mapped for a CPU, or NULL
 * @addr_to_page: the page that is mapped at an address, or NULL
 * @page_chunk: the chunk that is recorded in a page, or NULL
 * @addr: where a page of a CPU is, or would be
 * @area: the area of an address
 * @pte: the entry of an address, NULL if it has no page table
 * @nr_levels: how many levels of page tables lead to an address that is mapped
 * @first_chunk: the chunk that was there at boot
 * @reserved_chunk: the part of it that is for modules, or NULL
 * @layout: what all chunks look like
 * @settle: waits for the balance worker, returns the populated pages of a unit
 * @nr_free: drains the page allocator's lists, returns how many it has
 */
struct percpu_vm_backend {
	struct mutex *mutex;	/* pcpu_alloc_mutex */
	struct pcpu_chunk *(*create_chunk)(gfp_t gfp);
	void (*destroy_chunk)(struct pcpu_chunk *chunk);
	int (*populate)(struct pcpu_chunk *chunk, int start, int end, gfp_t gfp);
	void (*depopulate)(struct pcpu_chunk *chunk, int start, int end);
	void (*flush)(struct pcpu_chunk *chunk, int start, int end);
	int (*allocate)(struct page **pages, int nr);
	void (*free)(struct page **pages, int nr);
	bool (*should_reclaim)(struct pcpu_chunk *chunk, bool isolated,
			       int nr_empty, int nr_pages, int nr_empty_all);
	struct page *(*page)(struct pcpu_chunk *chunk, unsigned int cpu, int i);
	struct page *(*addr_to_page)(void *addr);
	struct pcpu_chunk *(*page_chunk)(struct page *page);
	unsigned long (*addr)(struct pcpu_chunk *chunk, unsigned int cpu, int i);
	struct vm_struct *(*area)(const void *addr);
	pte_t *(*pte)(unsigned long addr);
	int (*nr_levels)(unsigned long addr);
	struct pcpu_chunk **first_chunk;
	struct pcpu_chunk **reserved_chunk;
	struct percpu_vm_layout (*layout)(void);
	int (*settle)(void);
	long (*nr_free)(void);
};

extern const struct percpu_vm_backend percpu_vm_backend;
extern struct percpu_vm_observer *percpu_vm_observer;

void percpu_vm_allow_node(int node);
void percpu_vm_forget(void);

#endif /* _LINUX_PERCPU_VM_H */
