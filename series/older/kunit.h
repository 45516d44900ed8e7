/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suite and the benchmark use and this kernel does not have yet. */
#ifdef CONFIG_PERCPU_VM_BENCHMARK
/* printk.h, below, would have another one */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#endif

#include <kunit/test.h>
#include "../../mm/vmalloc.h"

/* A case that provokes a warning ends there, as KUnit would show it. */
static inline bool kunit_can_suppress(struct kunit *test)
{
	/* what has failed before stays failed */
	KUNIT_ASSERT_EQ(test, test->status, KUNIT_SUCCESS);
	kunit_skip(test, "KUnit suppresses no warnings here");
	return false;
}

#define kunit_warning_suppress(test) \
	for (bool can = kunit_can_suppress(test); can; can = false)
#define KUNIT_SUPPRESSED_WARNING_COUNT()	0

/* Unless include/linux/gfp.h has "define alloc_pages_bulk[(]", as from 6.14 */
#define alloc_pages_bulk	alloc_pages_bulk_array
