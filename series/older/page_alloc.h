/* SPDX-License-Identifier: GPL-2.0-only */
/* drain_all_pages() is in <linux/gfp.h> here. */
