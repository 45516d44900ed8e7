// SPDX-License-Identifier: GPL-2.0-only
/*
 * Create and remove users of per-CPU memory, and check that it is all freed.
 *
 * Each test makes objects with per-CPU parts in a cgroup of its own and drops them.
 * Then three figures have to be what they were: the per-CPU memory charged to the
 * cgroup, "Percpu:" of /proc/meminfo, and memory that is neither free nor accounted
 * for, where pages show that were unmapped and never freed.
 *
 * Environment:
 * PERCPU_VM_DESTRUCTIVE  if set, also run what disturbs others: take CPUs offline,
 *			  change fault injection, run out of memory
 * PERCPU_VM_EAT_ALL	  if set, that is all memory of the machine, not of a cgroup
 * PERCPU_VM_SECONDS	  how long the test "together" runs, default 10
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "vm_util.h"
#include "cgroup_util.h"

#define FAULTS		"/sys/kernel/debug/fail_page_alloc"
#define MAKE_IT_FAIL	"/proc/thread-self/make-it-fail"
#define SETTLE_SECS	120	/* for workers and RCU to free what was dropped */
#define NOISE_KB	1536	/* what others may take meanwhile */
#define ENOUGH_KB	(150 * NOISE_KB)	/* to see one page in a hundred */
#define VALUE_WORDS	4096	/* of a BPF map for one CPU: 32 kB, the most */

struct usage {
	long	percpu_kb;
	long	lost_kb;	/* neither free nor known to be used */
	long	charged;	/* bytes, to our cgroup */
	long	nr_dying;	/* cgroups in it, which keep theirs */
};

/* All allocations of a task fail once "space" is used up; put back from the end */
static const struct {
	const char	*name;
	char		*value;
} faults[] = {
	{ "task-filter",	"Y" },
	{ "verbose",		"0" },
	{ "interval",		"1" },
	{ "times",		"-1" },
	{ "ignore-gfp-wait",	"N" },
	{ "ignore-gfp-highmem",	"N" },
	{ "min-order",		"0" },
	{ "space",		"0" },
	{ "probability",	"100" },
};

/* Of all processes, so that the guard can put back what is changed */
static struct {
	pid_t	group;			/* of the test that runs */
	char	cgroup[128];		/* ours, with all below it */
	int	offline;		/* this CPU, or 0 */
	bool	faults_changed;
	char	faults[ARRAY_SIZE(faults)][32];
	bool	stop;			/* tells the children */
	bool	is_warm, is_wrong;	/* values, or want of memory */
	bool	unusable[4];		/* users: the system refuses them */
	const char *failed;		/* what die() spoke of last */
	long	nr_used;		/* what they made */
} *shared;

static int nr_possible, last_cpu;	/* of all possible CPUs */
static int nr_children, unit_kb;
static char users[128];			/* the cgroup where users make theirs */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static bool is_stopped(void)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

static int count_possible(void)
{
	char list[BUF_SIZE] = "", *at = list;
	int first, len, nr = 0;

	read_text("/sys/devices/system/cpu/possible", list, sizeof(list));
	while (sscanf(at, "%d%n", &first, &len) == 1) {
		at += len;
		last_cpu = first;
		if (sscanf(at, "-%d%n", &last_cpu, &len) == 1)
			at += len;
		at += *at == ',';
		nr += last_cpu - first + 1;
	}
	return nr;
}

static long meminfo_kb(const char *key)
{
	return cg_read_key_long("/proc", "meminfo", key);
}

/* The sum of a number over the lines of a file that have either format, or -1 */
static long sum_up(const char *path, const char *format, const char *other)
{
	FILE *file = fopen(path, "re");
	long sum = file ? 0 : -1, value;
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &value) == 1 ||
		    sscanf(line, other, &value) == 1)
			sum += value;
	if (file)
		fclose(file);
	return sum;
}

/* How long all CPUs have waited for the locks of mm/percpu.c, or -1 */
static long lock_wait_us(void)
{
	return sum_up("/proc/lock_stat",
		      " pcpu_alloc_mutex: %*s %*s %*s %*s %ld",
		      " pcpu_lock: %*s %*s %*s %*s %ld");
}

static struct usage usage_now(void)
{
	static const char *const known[] = {
		"\nBuffers:", "\nCached:", "\nSwapCached:", "\nAnonPages:",
		"\nSlab:", "\nPageTables:", "\nSecPageTables:", "\nZswap:",
		"\nVmallocUsed:", "\nPercpu:", "\nHugetlb:",
	};
	struct usage usage = { .charged = -1 };
	size_t i;

	/* Reclaiming in vain drains each CPU's batches for the LRU lists. */
	cg_write(shared->cgroup, "memory.reclaim", "1G");
	write_text("/proc/sys/vm/stat_refresh", "1", 1);
	usage.percpu_kb = meminfo_kb("\nPercpu:");
	/* pages on the lists for each CPU are free as well */
	usage.lost_kb = meminfo_kb("MemTotal:") - psize() / 1024 *
		sum_up("/proc/zoneinfo", " pages free %ld", " count: %ld");
	for (i = 0; i < ARRAY_SIZE(known); i++)
		usage.lost_kb -= meminfo_kb(known[i]);	/* absent: always -1 */
	if (shared->cgroup[0]) {
		usage.charged = cg_read_key_long(shared->cgroup, "memory.stat",
						 "\npercpu ");
		usage.nr_dying = cg_read_key_long(shared->cgroup, "cgroup.stat",
						  "nr_dying_descendants ");
	}
	return usage;
}

/* Wait until nothing changes any more, for a while. */
static struct usage wait_for_calm(void)
{
	struct usage last, usage = usage_now();
	int tries = 0;

	do {
		last = usage;
		usleep(300000);
		usage = usage_now();
	} while (++tries < 20 && (usage.percpu_kb != last.percpu_kb ||
				  labs(usage.lost_kb - last.lost_kb) > 64));
	return usage;
}

/* Putting things back: each of these may be called at any time, and twice. */

static int switch_cpu(int cpu, char *online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", cpu);
	return cg_write(path, "online", online);
}

static int remove_below(const char *path, const struct stat *stat, int type,
			struct FTW *ftw)
{
	return type == FTW_DP && ftw->level ? cg_destroy(path) : 0;
}

static void put_back(void)
{
	int i;

	if (shared->offline && switch_cpu(shared->offline, "1"))
		fprintf(stderr, "# CPU %d stays offline\n", shared->offline);
	shared->offline = 0;
	for (i = ARRAY_SIZE(faults) - 1; shared->faults_changed && i >= 0; i--)
		if (cg_write(FAULTS, faults[i].name, shared->faults[i]))
			fprintf(stderr, "# %s/%s stays %s\n", FAULTS,
				faults[i].name, faults[i].value);
	shared->faults_changed = false;
	nftw(shared->cgroup, remove_below, 16, FTW_DEPTH | FTW_PHYS);
	if (shared->cgroup[0] && cg_destroy(shared->cgroup))
		fprintf(stderr, "# %s stays\n", shared->cgroup);
	shared->cgroup[0] = 0;
}

/* Put back what a test has changed when the program ends in the middle of it. */
static void guard(pid_t parent)
{
	sigset_t end;
	int signal, i;

	setsid();
	sigemptyset(&end);
	sigaddset(&end, SIGUSR1);
	sigprocmask(SIG_BLOCK, &end, NULL);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (getppid() == parent)
		sigwait(&end, &signal);
	for (i = 0; i < 100 && shared->group; i++)
		if (!kill(-shared->group, SIGKILL))
			usleep(10000);
	put_back();
	/* a test that was ended could not say so itself */
	cg_write("/dev", "kmsg", "percpu_vm: run ends");
	_exit(0);
}

/* True in the child, which does not outlive the test */
static bool start_child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid > 0)
		nr_children++;
	if (pid)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	nr_children = 0;
	return true;
}

/* Returns how many of them did not end well. */
static int stop_children(void)
{
	int status, nr_bad = 0;

	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	for (; nr_children; nr_children--)
		nr_bad += wait(&status) < 0 || status;
	shared->stop = false;
	return nr_bad;
}

static void die(const char *what, int err)
{
	/* not once for each process */
	if (__atomic_exchange_n(&shared->failed, what, __ATOMIC_RELAXED) != what)
		ksft_print_msg("%s: %s\n", what, strerror(err));
	shared->is_wrong |= err == EIO || err == ENOMEM;	/* no refusal */
	_exit(1);
}

/* Users of per-CPU memory.  They return 0 or a negative error number. */

static int use_cgroup(int id)
{
	char path[192];

	if (!users[0])
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%d-%d", users, getpid(), id);
	if (mkdir(path, 0755))
		return -errno;
	/* to look it up takes memory, which others may have just now */
	while (rmdir(path)) {
		if (errno != ENOMEM)
			return -errno;
		usleep(1000);
	}
	return 0;
}

/* Send a datagram to ourselves, which is counted in per-CPU memory. */
static int send_to_self(int fd)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	socklen_t len = sizeof(addr);
	char byte = 42;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (ioctl(fd, SIOCSIFFLAGS, &lo) ||
	    bind(fd, (struct sockaddr *)&addr, len) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) ||
	    sendto(fd, &byte, 1, 0, (struct sockaddr *)&addr, len) != 1)
		return -errno;
	byte = 0;
	if (recv(fd, &byte, 1, MSG_DONTWAIT) != 1)
		return -errno;
	return byte == 42 ? 0 : -EIO;
}

/* This process is in a namespace of its own afterwards. */
static int use_netns(int id)
{
	int fd, err;

	fd = unshare(CLONE_NEWNET) ? -1 : socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return -errno;
	err = send_to_self(fd);
	close(fd);
	return err;
}

static int map_create(int words, int nr)
{
	union bpf_attr attr = {
		.map_type	= BPF_MAP_TYPE_PERCPU_ARRAY,
		.key_size	= sizeof(__u32),
		.value_size	= words * sizeof(__u64),
		.max_entries	= nr,
	};
	int fd = syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* One word of what all CPUs have for a key */
static __u64 pattern(__u32 key, int i, int seed)
{
	return ((__u64)key << 32 | i) * 0x9e3779b97f4a7c15ull + seed + 1;
}

/* Each value of each CPU is its own: -EIO if one of them has changed. */
static int fill_map(int fd, int words, int nr, int seed, bool check)
{
	const int cmd = check ? BPF_MAP_LOOKUP_ELEM : BPF_MAP_UPDATE_ELEM;
	__u64 *values = calloc((size_t)words * nr_possible, sizeof(*values));
	int key = 0, i, err = values ? 0 : -ENOMEM;
	union bpf_attr attr = {
		.map_fd	= fd,
		.key	= (unsigned long)&key,
		.value	= (unsigned long)values,
	};

	for (; !err && key < nr; key++) {
		for (i = 0; !check && i < words * nr_possible; i++)
			values[i] = pattern(key, i, seed);
		if (syscall(__NR_bpf, cmd, &attr, sizeof(attr)))
			err = -errno;
		for (i = 0; check && !err && i < words * nr_possible; i++)
			if (values[i] != pattern(key, i, seed))
				err = -EIO;
	}
	free(values);
	return err;
}

static int use_map(int id)
{
	int fd = map_create(256, 16), err;

	if (fd < 0)
		return fd;
	err = fill_map(fd, 256, 16, id, false) ?:
	      fill_map(fd, 256, 16, id, true);
	close(fd);
	return err;
}

static int use_process(int id)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execlp("true", "true", NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) < 0 || status ? -ECHILD : 0;
}

static const struct user {
	const char	*name;
	int		(*use)(int id);
} all_users[] = {
	{ "memory cgroup",	use_cgroup },
	{ "network namespace",	use_netns },
	{ "BPF map",		use_map },
	{ "process",		use_process },
};

/*
 * A user until it is to stop, at least once.  Where memory is short each may fail,
 * but not see a wrong value.
 */
static void keep_using(const struct user *user, bool is_short)
{
	int id = 0, err;

	do {
		err = user->use(id++);
		if (err == -EIO || (err && !is_short))
			die(user->name, -err);
		__atomic_fetch_add(&shared->nr_used, !err, __ATOMIC_RELAXED);
	} while (!is_stopped());
	_exit(0);
}

/* As many as there are CPUs online */
static void start_users(const struct user *user)
{
	int i;

	for (i = sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--)
		if (!shared->unusable[user - all_users] && start_child())
			keep_using(user, false);
}

FIXTURE(percpu_vm) {
	struct usage	before;
	long		chunk_kb;	/* of memory, without holes */
	long		taken_kb;	/* from chunks, and given back */
};

/* A cgroup for the test's own processes, beside those that it makes */
static void enter_cgroup(void)
{
	char root[64], own[192];

	users[0] = 0;
	if (cg_find_controller_root(root, sizeof(root), "memory") ||
	    cg_write(root, "cgroup.subtree_control", "+memory"))
		return;
	snprintf(shared->cgroup, sizeof(shared->cgroup), "%s/percpu_vm.%d",
		 root, getpid());
	snprintf(own, sizeof(own), "%s/own", shared->cgroup);
	if (cg_create(shared->cgroup) ||
	    cg_write(shared->cgroup, "cgroup.subtree_control", "+memory") ||
	    cg_create(own) || cg_enter_current(own))
		put_back();
	strcpy(users, shared->cgroup);
}

FIXTURE_SETUP(percpu_vm)
{
	size_t i;

	shared->group = getpgrp();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	put_back();	/* the harness may have ended the test before */
	shared->stop = false;
	shared->is_wrong = false;
	if (meminfo_kb("\nPercpu:") < 0)
		SKIP(return, "/proc/meminfo has no Percpu:");

	nr_possible = count_possible();
	unit_kb = cg_read_key_long("/sys/kernel/debug", "percpu_stats",
				   "unit_size           :") / 1024;
	if (unit_kb <= 0)
		unit_kb = 64 * psize() / 1024;
	/* the kernel tolerates one unit without a CPU for three with one */
	self->chunk_kb = unit_kb * (nr_possible + nr_possible / 3);
	enter_cgroup();

	/* users of a kind leave something behind at their first time */
	for (i = 0; i < ARRAY_SIZE(all_users) && !shared->is_warm; i++) {
		start_users(&all_users[i]);
		sleep(2);
		shared->unusable[i] = stop_children();
	}
	shared->is_warm = true;
	shared->nr_used = 0;
	self->before = wait_for_calm();
}

/* Workers free objects some time after they are gone for their users. */
static struct usage settle(struct usage goal)
{
	double end = now() + SETTLE_SECS;
	struct usage usage;

	do {
		usleep(100000);
		usage = usage_now();
	} while (now() < end && (usage.percpu_kb > goal.percpu_kb ||
				 usage.lost_kb > goal.lost_kb ||
				 usage.charged > goal.charged));
	return usage;
}

/* Also when the test has ended early */
FIXTURE_TEARDOWN_PARENT(percpu_vm)
{
	const struct usage goal = {
		.percpu_kb	= self->before.percpu_kb + self->chunk_kb,
		.lost_kb	= self->before.lost_kb + NOISE_KB,
		/* the CPUs may keep what a process had for a while */
		.charged	= self->before.charged + self->chunk_kb * 16,
	};
	struct usage usage;

	nftw(shared->cgroup, remove_below, 16, FTW_DEPTH | FTW_PHYS);
	if (_metadata->exit_code != KSFT_SKIP) {
		usage = settle(goal);
		EXPECT_FALSE(shared->is_wrong);
		EXPECT_LE(usage.percpu_kb, goal.percpu_kb);
		EXPECT_LE(usage.lost_kb, goal.lost_kb);
		if (!usage.nr_dying)
			EXPECT_LE(usage.charged, goal.charged);
		ksft_print_msg("%ld kB taken, %ld kB kept, %ld kB lost, %ld cgroups dying\n",
			       self->taken_kb,
			       usage.percpu_kb - self->before.percpu_kb,
			       usage.lost_kb - self->before.lost_kb,
			       usage.nr_dying);
	}
	put_back();
}

/* All CPUs contend for per-CPU memory, one kind of user at a time. */
TEST_F_TIMEOUT(percpu_vm, users, 60 + 10 * ARRAY_SIZE(all_users))
{
	long us;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all_users); i++) {
		if (shared->unusable[i])
			continue;
		shared->nr_used = 0;
		us = lock_wait_us();
		start_users(&all_users[i]);
		sleep(2);
		EXPECT_EQ(stop_children(), 0);
		EXPECT_GT(shared->nr_used, 0);
		ksft_print_msg("%s: %ld in 2 s\n", all_users[i].name, shared->nr_used);
		if (us >= 0)
			ksft_print_msg("waited for locks: %ld us\n", lock_wait_us() - us);
	}
}

/* Remove nine of ten, at random but always the same, or all that are left. */
static void remove_cgroups(int nr, bool all)
{
	unsigned int random = 1;
	char path[192];
	int i;

	for (i = 0; i < nr; i++) {
		random = random * 1103515245 + 12345;
		snprintf(path, sizeof(path), "%s/%d", users, i);
		if (all || (random >> 16) % 10)
			rmdir(path);
	}
}

static long wait_for_kb(long goal_kb)
{
	settle((struct usage) { goal_kb, LONG_MAX, LONG_MAX });
	return wait_for_calm().percpu_kb;
}

/*
 * A page is kept by a single small object, and a chunk may keep a quarter of its
 * pages though they are empty.  So with nine of ten objects gone at random, a
 * quarter of the memory has to come back, and all of it with the last ones.
 */
TEST_F_TIMEOUT(percpu_vm, cgroups, 300)
{
	long first_kb = self->before.percpu_kb, peak_kb, goal_kb, kb;
	double end = now() + 40;	/* of new rounds */
	char path[192];
	int nr;

	if (!users[0])
		SKIP(return, "no cgroup2 with the memory controller");
	while (self->taken_kb < ENOUGH_KB && now() < end) {
		for (nr = 0; nr < 3000 && now() < end + 60;) {
			snprintf(path, sizeof(path), "%s/%d", users, nr++);
			ASSERT_EQ(mkdir(path, 0755), 0);
			if (meminfo_kb("MemAvailable:") <
			    meminfo_kb("MemTotal:") / 4)
				break;
		}
		peak_kb = meminfo_kb("\nPercpu:");
		self->taken_kb += peak_kb - first_kb;
		/* a cgroup has more for each CPU than a few counters */
		EXPECT_GT(usage_now().charged, 100L * nr * nr_possible);
		remove_cgroups(nr, false);
		goal_kb = peak_kb - (peak_kb - first_kb) / 4;
		kb = wait_for_kb(goal_kb);
		EXPECT_LE(kb, goal_kb);
		remove_cgroups(nr, true);
		ksft_print_msg("%d cgroups: %ld kB, nine of ten removed: %ld kB, all: %ld kB\n",
			       nr, peak_kb, kb,
			       wait_for_kb(first_kb + self->chunk_kb));
	}
}

/* Networks with traffic, which go forty at a time */
TEST_F_TIMEOUT(percpu_vm, netns, 300)
{
	double end = now() + 60;
	int i, nr, err;

	if (shared->unusable[1])
		SKIP(return, "no network namespaces");
	for (nr = 0; nr < 1000 && now() < end; nr += 40) {
		if (start_child()) {
			for (i = 0; i < 40; i++) {
				err = use_netns(i);
				/* an open file keeps the namespace */
				if (err || open("/proc/self/ns/net", 0) < 0)
					die("network namespace", -err ?: errno);
			}
			_exit(0);
		}
		ASSERT_EQ(stop_children(), 0);
	}
	ksft_print_msg("%d namespaces, %ld kB\n", nr, meminfo_kb("\nPercpu:"));
}

/* Maps are filled before one is looked at: none is in the place of another. */
TEST_F_TIMEOUT(percpu_vm, values, 300)
{
	const int nr = 128, words = unit_kb * 1024 / nr / 8;
	const int nr_maps = nr_possible < 32 ? 16 : 2;	/* in memory at a time */
	double end = now() + 120;
	int i, maps[16];

	if (shared->unusable[2])
		SKIP(return, "no BPF map");
	while (self->taken_kb < ENOUGH_KB && now() < end) {
		self->taken_kb -= wait_for_calm().percpu_kb;
		for (i = 0; i < nr_maps; i++) {
			maps[i] = map_create(words, nr);
			ASSERT_GE(maps[i], 0);
			ASSERT_EQ(fill_map(maps[i], words, nr, i, false), 0);
		}
		self->taken_kb += meminfo_kb("\nPercpu:");
		for (i = 0; i < nr_maps; i++) {
			EXPECT_EQ(fill_map(maps[i], words, nr, i, true), 0);
			close(maps[i]);
		}
	}
}

/* Two chunks: one may stay in reserve, with all of its pages. */
static int use_big_map(int id)
{
	int fd = map_create(VALUE_WORDS, 2 * unit_kb / (VALUE_WORDS / 128));

	return fd < 0 ? fd : close(fd);
}

/* An IO flusher allocates with GFP_NOIO; that must not fail here. */
TEST_F_TIMEOUT(percpu_vm, io_flusher, 300)
{
	double end = now() + 100;
	int nr;

	if (shared->unusable[2] || prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		SKIP(return, "no BPF map, or no PR_SET_IO_FLUSHER");
	for (nr = 0; nr < 2000 && now() < end; nr++)
		ASSERT_EQ(use_big_map(nr), 0);
	ksft_print_msg("%d BPF maps\n", nr);
}

/* The tests below are destructive.  The log says where memory runs out. */

static const char *not_asked_for(void)
{
	return getenv("PERCPU_VM_DESTRUCTIVE") ? NULL :
	       "PERCPU_VM_DESTRUCTIVE is not set";
}

/* The next one that can go offline, or 0 */
static int next_cpu(int cpu)
{
	char path[64], online[8] = "";

	while (++cpu <= last_cpu) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d",
			 cpu);
		if (!cg_read(path, "online", online, sizeof(online)) &&
		    online[0] == '1')
			return cpu;
	}
	return 0;
}

static const char *change_faults(void)
{
	size_t i;

	if (access(MAKE_IT_FAIL, W_OK))
		return "no " MAKE_IT_FAIL;
	memset(shared->faults, 0, sizeof(shared->faults));
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (cg_read(FAULTS, faults[i].name, shared->faults[i],
			    sizeof(shared->faults[i])))
			return "no " FAULTS;
		shared->faults_changed = true;
		if (cg_write(FAULTS, faults[i].name, faults[i].value))
			return FAULTS " cannot be changed";
	}
	return NULL;
}

/* Fail page allocations of use() when they have had @nr_pages or so. */
static int use_failing(int (*use)(int id), int nr_pages)
{
	/* nothing else is to be hit, so this file is opened before */
	int fd = open(MAKE_IT_FAIL, O_WRONLY | O_CLOEXEC), err;

	cg_write_numeric(FAULTS, "space", nr_pages);
	pwrite(fd, "1", 1, 0);
	err = use(0);
	pwrite(fd, "0", 1, 0);
	close(fd);
	return err;
}

TEST_F_TIMEOUT(percpu_vm, failing, 300)
{
	const char *reason = not_asked_for() ?: change_faults();
	int (*use[])(int id) = { use_big_map, use_cgroup };
	int i, nr, err, nr_failed = 0;
	double end = now() + 200;

	if (reason || shared->unusable[0] || shared->unusable[2])
		SKIP(return, "%s", reason ?: "no BPF map, or no memory cgroup");
	cg_write("/dev", "kmsg", "percpu_vm: failing begins");
	for (nr = 0; nr < 1 << 14 && now() < end; nr += 1 + nr / 16) {
		for (i = 0; i < ARRAY_SIZE(use); i++) {
			err = use_failing(use[i], nr);
			EXPECT_TRUE(!err || err == -ENOMEM);
			nr_failed += !!err;
			EXPECT_EQ(use[i](1), 0);
		}
	}
	cg_write("/dev", "kmsg", "percpu_vm: failing ends");
	EXPECT_GT(nr_failed, 0);
	ksft_print_msg("%d times ENOMEM\n", nr_failed);
}

/* Use up memory until the OOM killer comes, again and again. */
static void keep_eating(void)
{
	while (!is_stopped() && !start_child())
		wait(NULL);
	write_text("/proc/self/oom_score_adj", "1000", 4);
	while (!is_stopped())
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	_exit(0);
}

/* Start a memory hog and users beside it; returns their cgroup, or NULL. */
static const char *start_pressure(bool all)
{
	static char dir[160];
	char own[192];
	size_t i;

	snprintf(dir, sizeof(dir), "%s/pressure", shared->cgroup);
	snprintf(own, sizeof(own), "%s/own", dir);
	if (!users[0] || cg_create(dir) ||
	    cg_write(dir, "cgroup.subtree_control", "+memory") ||
	    cg_create(own))
		return NULL;
	/* there is no such file without CONFIG_SWAP */
	cg_write(dir, "memory.swap.max", "0");
	if (!all && cg_write_numeric(dir, "memory.max",
				     (24L + nr_possible) << 20))
		return NULL;
	for (i = 0; i <= ARRAY_SIZE(all_users); i++) {
		if (!start_child())
			continue;
		write_text("/proc/self/oom_score_adj", "-1000", 5);
		if (cg_enter_current(own))
			die(own, errno);
		if (i == ARRAY_SIZE(all_users))
			keep_eating();
		strcpy(users, dir);	/* so that the limit is theirs, too */
		keep_using(&all_users[i], true);
	}
	return dir;
}

static long oom_kills(const char *dir)
{
	return dir ? cg_read_key_long(dir, "memory.events", "oom_kill ") : 0;
}

TEST_F_TIMEOUT(percpu_vm, pressure, 300)
{
	double end = now() + 5;
	const char *dir;

	if (not_asked_for() || !users[0])
		SKIP(return, "%s", not_asked_for() ?: "no memory cgroups");
	cg_write("/dev", "kmsg", "percpu_vm: pressure begins");
	dir = start_pressure(getenv("PERCPU_VM_EAT_ALL"));
	ASSERT_NE(dir, NULL);
	while (now() < end || (!oom_kills(dir) && now() < end + 120))
		usleep(100000);
	EXPECT_EQ(stop_children(), 0);
	cg_write("/dev", "kmsg", "percpu_vm: pressure ends");
	EXPECT_GT(oom_kills(dir), 0);
	EXPECT_GT(shared->nr_used, 0);
	ksft_print_msg("%ld users, %ld OOM kills\n", shared->nr_used,
		       oom_kills(dir));
}

/*
 * All at once: users on every CPU, others and an eater in a cgroup with little
 * memory, CPUs that go and come back.  Values stay.
 */
#define SECONDS	atoi(getenv("PERCPU_VM_SECONDS") ?: "10")
TEST_F_TIMEOUT(percpu_vm, together, SECONDS + 240)
{
	const int words = 256, nr = 128;
	int map = map_create(words, nr), cpu = 0, nr_cpus = 0;
	double end = now() + SECONDS;
	const char *dir;
	size_t i;

	if (not_asked_for() || map < 0)
		SKIP(return, "%s", not_asked_for() ?: "no BPF map");
	cg_write("/dev", "kmsg", "percpu_vm: together begins");
	for (i = 0; i < ARRAY_SIZE(all_users); i++)
		start_users(&all_users[i]);
	dir = start_pressure(false);
	ASSERT_TRUE(dir || !users[0]);
	while (now() < end) {
		EXPECT_EQ(fill_map(map, words, nr, nr_cpus, false), 0);
		cpu = next_cpu(cpu);
		shared->offline = cpu;
		ASSERT_FALSE(cpu && switch_cpu(cpu, "0"));
		EXPECT_EQ(fill_map(map, words, nr, nr_cpus, true), 0);
		ASSERT_FALSE(cpu && switch_cpu(cpu, "1"));
		shared->offline = 0;
		EXPECT_EQ(fill_map(map, words, nr, nr_cpus, true), 0);
		nr_cpus += !!cpu;
		usleep(10000);
	}
	EXPECT_EQ(stop_children(), 0);
	close(map);
	cg_write("/dev", "kmsg", "percpu_vm: together ends");
	EXPECT_GT(shared->nr_used, 0);
	ksft_print_msg("%ld users, %d CPUs switched, %ld OOM kills, %d s\n",
		       shared->nr_used, nr_cpus, oom_kills(dir), SECONDS);
}

int main(int argc, char **argv)
{
	pid_t self = getpid(), pid;
	int code;

	if (geteuid()) {
		ksft_print_header();
		ksft_exit_skip("not root\n");
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	setlinebuf(stdout);	/* each line once, whoever ends */
	pid = fork();
	if (!pid)
		guard(self);
	code = test_harness_run(argc, argv);	/* returns if it ran none */
	kill(pid, SIGUSR1);
	waitpid(pid, NULL, 0);
	return code;
}
