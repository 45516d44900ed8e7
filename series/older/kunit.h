/* SPDX-License-Identifier: GPL-2.0-only */
/* For the suite: cases that provoke a warning end there, where KUnit has to show it. */
#include <kunit/test.h>

#define kunit_warning_suppress(test) \
	KUNIT_ASSERT_EQ(test, (test)->status, KUNIT_SUCCESS); \
	kunit_skip(test, "KUnit suppresses no warnings here");
#define KUNIT_SUPPRESSED_WARNING_COUNT()	0
