/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the cases for the backend of the per-CPU allocator share: an observer of
 * what the backend does, which can have it fail, and what a chunk looks like.
 */
#ifndef PERCPU_VM_OBSERVER_H
#define PERCPU_VM_OBSERVER_H

#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/percpu-vm.h>
#include <linux/vmalloc.h>

#define BULK_PAGES	128	/* at most requested in bulk */
#define MAX_FLUSHES	4
#define MAX_FAILURES	10000	/* until something has to succeed */

/* What mm/percpu.c passes for an allocation that may not retry */
#define TEST_GFP	(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)

/* What a case makes fail, at first nothing */
struct percpu_vm_set {
	enum percpu_vm_event	event;		/* of these calls ... */
	long			nth;		/* this one fails, from 1 on */
	bool			later;		/* and all after it */
	long			nr_pages;	/* that there are */
	int			order;		/* of the largest blocks */
	int			nr_bulk;	/* at most at a time */
	gfp_t			gfp;		/* what the caller passes */
};

struct percpu_vm_flush {
	enum percpu_vm_event	event;
	unsigned long		start;
	unsigned long		end;
	long			nr_freed;	/* before that */
	int			nr_mapped;	/* of the watched range */
};

/* What the backend did since percpu_vm_watch() */
struct percpu_vm_seen {
	long			calls[PERCPU_VM_NR_EVENTS];
	long			pages[PERCPU_VM_NR_EVENTS];	/* or bytes */
	long			nr_refused;	/* beyond the largest blocks */
	int			short_node;	/* node + 1 that gave too few */
	long			nr_parts;	/* of chunks, not yet destroyed */
	long			nr_shared;	/* freed with a reference to it */
	long			nr_down;	/* went on with a lower table */
	unsigned long		table;		/* the last one */
	struct percpu_vm_call	synced;		/* the last time */
	long			pages_busy;	/* since others could run */
	long			tables_busy;
	int			nr_flushes;
	struct percpu_vm_flush	flushes[MAX_FLUSHES];
};

/* What a case knows about the backend */
struct percpu_vm_test {
	struct percpu_vm_observer	observer;
	struct kunit			*test;
	struct percpu_vm_layout		layout;
	struct pcpu_chunk		*chunk;
	struct pcpu_chunk		*spare[512];	/* it had before */
	int				nr_spare;
	int				page_start;	/* the watched range */
	int				page_end;
	unsigned long			start;
	unsigned long			end;
	struct percpu_vm_set		set;
	struct percpu_vm_seen		seen;
	bool				is_lazy;
	long				nr_broken;	/* promises */
};

static const struct percpu_vm_backend *const backend = &percpu_vm_backend;

/* Ranges of pages in which a mistake by one shows */
extern const struct percpu_vm_range {
	const char	*name;
	int		start;		/* from the end of the unit if negative */
	int		end;		/* the same, if not positive */
} percpu_vm_ranges[6];
void percpu_vm_get_range(struct kunit *test, int *start, int *end);
void percpu_vm_need_pages(struct kunit *test, int nr);
void percpu_vm_move_cpu(unsigned int cpu, int node);

/* The hooks */
struct pcpu_chunk *percpu_vm_create(void);
void percpu_vm_destroy(struct pcpu_chunk *chunk);
int percpu_vm_populate(struct pcpu_chunk *chunk, int start, int end);
void percpu_vm_depopulate(struct pcpu_chunk *chunk, int start, int end);
bool percpu_vm_renew(struct percpu_vm_test *ctx);

/* What the backend does */
void percpu_vm_watch(struct percpu_vm_test *ctx, int start, int end);
long percpu_vm_fail_each(struct kunit *test, enum percpu_vm_event event,
			 bool later);
void percpu_vm_expect_flush(struct kunit *test, int n,
			    enum percpu_vm_event event, bool mapped);

/* What is there */
struct page *percpu_vm_page(struct pcpu_chunk *chunk, unsigned int cpu, int i);
int percpu_vm_nr_mapped(struct percpu_vm_test *ctx);
bool percpu_vm_is_kernel(struct pcpu_chunk *chunk, unsigned int cpu, int i);
void percpu_vm_fill(struct pcpu_chunk *chunk, int start, int end, u32 seed);
void percpu_vm_expect_filled(struct kunit *test, struct pcpu_chunk *chunk,
			     int start, int end, u32 seed);
void percpu_vm_expect_mapped(struct kunit *test, struct pcpu_chunk *chunk,
			     int start, int end, bool mapped);
void percpu_vm_expect_own(struct kunit *test, int start, int end);
void percpu_vm_expect_no_strays(struct kunit *test, int nr_pages);

int percpu_vm_test_init(struct kunit *test);
void percpu_vm_test_exit(struct kunit *test);
void percpu_vm_report(struct kunit_suite *suite);

static inline int nr_cpu_pages(int nr_pages)
{
	return nr_pages * num_possible_cpus();
}

/* How many times was memory requested? */
static inline long nr_requests(const struct percpu_vm_test *ctx)
{
	return ctx->seen.calls[PERCPU_VM_ALLOC] +
	       ctx->seen.calls[PERCPU_VM_BULK];
}

static inline long nr_allocated(const struct percpu_vm_test *ctx)
{
	return ctx->seen.pages[PERCPU_VM_ALLOCATED];
}

static inline long nr_freed(const struct percpu_vm_test *ctx)
{
	return ctx->seen.pages[PERCPU_VM_FREE];
}

#endif /* PERCPU_VM_OBSERVER_H */
