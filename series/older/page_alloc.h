/* SPDX-License-Identifier: GPL-2.0-only */
/* What mm/percpu-vm-kunit.c uses; drain_all_pages() is in <linux/gfp.h> here. */

/* Unless include/linux/export.h has "EXPORT_SYMBOL_FOR_MODULES[(]", as in 7.2 */
#define EXPORT_SYMBOL_FOR_MODULES(symbol, modules)	EXPORT_SYMBOL_GPL(symbol)
