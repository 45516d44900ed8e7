// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DIMM with per-CPU pages in it refuses to go offline, quickly, and goes once they
 * are freed.
 *
 * usage: dimm STATE
 *
 * STATE is the file in sysfs of its only block of memory.  It is offline, on a node
 * that has possible CPUs, none of them online, and no other memory in ZONE_NORMAL: the
 * pages of these CPUs come from there, and nobody else's.
 */
#include <fcntl.h>
#include <time.h>

#include "percpu.h"

#define TIMEOUT		60	/* seconds */
#define QUICK		5
#define NR_HOLES	6
#define MAX_MAPS	200
#define LARGE		(32 << 10)
#define SMALL		(8 << 10)

/*
 * mm/percpu.c keeps a few empty pages for atomic allocations.  Leave more than these
 * outside of the DIMM, between pages in use, where no large value fits, or it would
 * keep some in the DIMM.  A worker frees the maps.
 */
static void leave_empty_pages(void)
{
	int fds[2 * NR_HOLES], i;
	long nr;

	for (i = 0; i < 2 * NR_HOLES; i++)
		fds[i] = make_map(SMALL, 1);
	nr = read_stat("nr_cur_alloc") - NR_HOLES;
	for (i = 0; i < 2 * NR_HOLES; i += 2)
		close(fds[i]);
	for (i = 0; i < TIMEOUT * 100 && read_stat("nr_cur_alloc") > nr; i++)
		usleep(10000);
}

/*
 * Large values that are made later go to the last chunk.  When they are freed, it has
 * another one still: mm/percpu.c does not keep its pages, as it does in a free chunk.
 */
static void fill_chunks(void)
{
	long nr = read_stat("nr_chunks");
	int i;

	for (i = 0; i < MAX_MAPS && read_stat("nr_chunks") == nr; i++)
		make_map(LARGE, 1);
}

/* Returns 0 or an error code. */
static int set(const char *path, const char *state)
{
	int fd = open(path, O_WRONLY);
	int err = fd >= 0 && write(fd, state, strlen(state)) >= 0 ? 0 : errno;

	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	const char *path = argv[1];
	int err, fd, tries = 0;
	time_t begin;

	if (argc != 2)
		return 1;
	leave_empty_pages();
	fill_chunks();
	err = set(path, "online_kernel") ?: set(path, "offline") ?:
	      set(path, "online_kernel");
	if (err) {
		printf("# without per-CPU pages: %s\n", strerror(err));
		return 1;
	}
	fd = make_map(LARGE, read_stat("unit_size") / LARGE / 2);

	begin = time(NULL);
	err = set(path, "offline");
	printf("# with per-CPU pages: %s, after %ld s\n", strerror(err),
	       (long)(time(NULL) - begin));
	if (err != EBUSY || time(NULL) > begin + QUICK)
		return 1;

	close(fd);
	do {
		usleep(100000);
		err = set(path, "offline");
		tries++;
	} while (err == EBUSY && time(NULL) < begin + TIMEOUT);
	printf("# freed: %s, after %d tries\n", err ? strerror(err) : "offline",
	       tries);
	return err;
}
