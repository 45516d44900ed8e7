// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drive per-CPU memory through its real users, also when memory runs out.
 *
 * Every test makes objects whose per-CPU parts mm/percpu.c hands out, takes
 * them away again and then expects what /proc/meminfo calls "Percpu:" to be
 * about what it was before.  With debugfs and CONFIG_PERCPU_STATS it looks at
 * percpu_stats too.  Any kernel will do; what a test needs and does not find
 * makes it a skip that names what is missing.
 *
 * The tests change the system: CPUs go offline, fault injection is set up.  The
 * program therefore runs the harness in a child and cleans up after that child,
 * however it ended: by itself, by the time limit of the harness, or by a signal
 * to either of them.  What is to be put back is noted in memory that they share
 * before it is changed.
 *
 * The options are those of the harness; the rest comes from the environment:
 *
 * PERCPU_VM_SECONDS	how long the test "together" runs, default 10
 * PERCPU_VM_MODULE	path of the module for the test "modules", default is
 *			what modprobe finds for percpu_test or test_vmalloc
 * PERCPU_VM_EAT_ALL	if set, the test "pressure" uses up all memory of the
 *			machine instead of that of one cgroup: for machines in
 *			which nothing else runs
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#define STATS		"/sys/kernel/debug/percpu_stats"
#define FAULTS		"/sys/kernel/debug/fail_page_alloc/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define MAKE_IT_FAIL	"/proc/thread-self/make-it-fail"
#define TIMES		1000000	/* more allocations than that never fail */
#define MAX_CPUS	8192
#define MAX_CHILDREN	1024
#define SETTLE_SECS	60	/* for workers and RCU to free what was removed */
#define OTHERS_ALLOCS	64	/* what others may allocate meanwhile */
#define FALLBACK_KB	256	/* unit size where percpu_stats is missing */

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE	4
#endif

struct usage {
	long	kb;		/* Percpu: of /proc/meminfo */
	long	chunks;		/* -1 if unknown */
	long	allocs;		/* -1 if unknown */
	long	dying;		/* cgroups */
};

/*
 * The settings of fail_page_alloc that a test changes, in that order, and
 * restores in the opposite order.  The filter spares everybody else.
 */
static const struct {
	const char	*name;
	const char	*value;
} faults[] = {
	{ "task-filter",	"Y" },
	{ "verbose",		"0" },
	{ "interval",		"1" },
	{ "space",		"0" },
	{ "times",		"-1" },
	{ "ignore-gfp-wait",	"N" },
	{ "ignore-gfp-highmem",	"N" },
	{ "min-order",		"0" },
	{ "probability",	"100" },
};

/* All of this is shared between the processes. */
static struct {
	/* What is to be put back */
	char		cgroup[128];		/* ours, with all below it */
	char		controllers[256];	/* where to disable memory */
	char		module[64];
	bool		offline[MAX_CPUS];
	bool		faults_changed;
	char		faults[ARRAY_SIZE(faults)][32];

	/* Who runs */
	bool		interrupted;
	pid_t		group;			/* of the current test */
	pid_t		children[MAX_CHILDREN];
	int		nr_children;
	bool		stop;			/* tells the children */
	int		rounds;			/* that they completed */

	/* What came out */
	char		problem[256];		/* the first one, or empty */
	int		nr_run;			/* tests, not skipped */
} *shared;

static int nr_possible;		/* CPUs that per-CPU memory has room for */
static long chunk_kb;		/* of memory in a chunk without holes */
static char users_dir[160];	/* where users make their cgroups */

/* The first problem is the one to report. */
static bool __printf(1, 2) complain(const char *format, ...)
{
	va_list args;

	if (!shared->problem[0]) {
		va_start(args, format);
		vsnprintf(shared->problem, sizeof(shared->problem), format,
			  args);
		va_end(args);
	}
	return false;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void pause_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static int seconds(void)
{
	const char *text = getenv("PERCPU_VM_SECONDS");
	int secs = text ? atoi(text) : 0;

	return secs > 0 ? secs : 10;
}

/* Files */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int read_file(const char *path, char *text, int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int len = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (len < 0)
		return -errno;
	text[len] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

/* The number behind the first @key in a file, or -1. */
static long file_number(const char *path, const char *key)
{
	char line[256], *found;
	long value = -1;
	FILE *file = fopen(path, "re");

	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file)) {
		found = strstr(line, key);
		if (found)
			sscanf(found + strlen(key), "%*[ :]%ld", &value);
	}
	fclose(file);
	return value;
}

static int count_cpus(const char *path)
{
	char list[4096], *at = list;
	int first, last, len, nr = 0;

	if (read_file(path, list, sizeof(list)))
		return 0;
	while (sscanf(at, "%d%n", &first, &len) == 1) {
		at += len;
		last = first;
		if (sscanf(at, "-%d%n", &last, &len) == 1)
			at += len;
		nr += last - first + 1;
		at += *at == ',';
	}
	return nr;
}

/* Find where version 2 is mounted with the memory controller. */
static const char *find_cgroups(char *root, int size)
{
	char line[512], path[256], type[32], controllers[256] = "";
	FILE *mounts = fopen("/proc/self/mounts", "re");
	bool found = false;

	while (mounts && !found && fgets(line, sizeof(line), mounts))
		found = sscanf(line, "%*s %255s %31s", path, type) == 2 &&
			!strcmp(type, "cgroup2") &&
			(int)strlen(path) < size;
	if (mounts)
		fclose(mounts);
	if (!found)
		return "no cgroup2 is mounted";
	snprintf(root, size, "%s", path);
	strncat(path, "/cgroup.controllers", sizeof(path) - strlen(path) - 1);
	read_file(path, controllers, sizeof(controllers));
	if (!strstr(controllers, "memory"))
		return "cgroup2 has no memory controller";
	return NULL;
}

/* Accounting */

/* A cgroup that somebody still needs keeps its per-CPU memory. */
static long dying_cgroups(void)
{
	char path[256];

	if (find_cgroups(path, sizeof(path) - 16))
		return 0;
	strcat(path, "/cgroup.stat");
	return file_number(path, "nr_dying_descendants");
}

static struct usage usage_now(void)
{
	return (struct usage){
		.kb	= file_number("/proc/meminfo", "Percpu"),
		.chunks	= file_number(STATS, "nr_chunks"),
		.allocs	= file_number(STATS, "nr_cur_alloc"),
		.dying	= dying_cgroups(),
	};
}

/*
 * Objects are often freed by a worker some time after they are gone for their
 * users, and what that leaves empty by another one.  One chunk's worth of pages
 * may stay in reserve, two chunks more may live on because something else moved
 * in, and one more for each dying cgroup.
 */
static bool is_back(struct usage usage, struct usage before)
{
	return usage.kb <= before.kb + chunk_kb &&
	       usage.chunks <= before.chunks + 2 + usage.dying - before.dying &&
	       usage.allocs <= before.allocs + OTHERS_ALLOCS;
}

/* All allocations are in one of the chunks, and no chunk is lost. */
static bool stats_add_up(void)
{
	long value, allocs = 0, chunks = 0, all_allocs = -1, all_chunks = -1;
	bool reserved = false;
	char line[256];
	FILE *file = fopen(STATS, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (strstr(line, "Chunk") == line) {
			reserved = strstr(line, "Reserved");
			chunks += !reserved;
		} else if (sscanf(line, " nr_alloc : %ld", &value) == 1) {
			/* the first one is the total since boot */
			allocs += chunks || reserved ? value : 0;
		} else if (sscanf(line, " nr_cur_alloc : %ld", &value) == 1) {
			all_allocs = value;
		} else if (sscanf(line, " nr_chunks : %ld", &value) == 1) {
			all_chunks = value;
		}
	}
	if (!file)
		return true;
	fclose(file);
	if (allocs != all_allocs)
		return complain("%ld allocations in the chunks, %ld in all",
				allocs, all_allocs);
	if (chunks > all_chunks)
		return complain("%ld chunks listed, %ld counted", chunks,
				all_chunks);
	return true;
}

#define LEFT_OVER	"left: %ld kB, %ld chunks, %ld allocations; " \
			"before: %ld kB, %ld, %ld"

/* Wait until memory is back where it was. */
static bool settle(struct usage before)
{
	double end = now() + SETTLE_SECS;
	struct usage usage;

	while (usage = usage_now(), !is_back(usage, before)) {
		if (now() > end)
			return complain(LEFT_OVER, usage.kb, usage.chunks,
					usage.allocs, before.kb, before.chunks,
					before.allocs);
		pause_ms(100);
	}
	return stats_add_up();
}

/* Wait until nothing changes any more, for a while. */
static struct usage wait_for_calm(void)
{
	struct usage last, usage = usage_now();
	int tries = 0;

	do {
		last = usage;
		pause_ms(300);
		usage = usage_now();
	} while (++tries < 20 && (usage.kb != last.kb ||
				  usage.allocs != last.allocs));
	return usage;
}

/* The kernel log from now on, or -1 */
static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* So that whoever reads the log knows why memory ran out. */
static void __printf(1, 2) log_write(const char *format, ...)
{
	char line[128] = "percpu_vm: ";
	int len = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	write_file("/dev/kmsg", line);
}

/* Failed allocations are reported too, but are not what is meant here. */
static bool log_is_clean(int fd)
{
	static const char * const bad[] = {
		"WARNING: ", "BUG: ", "Oops: ", "kernel BUG at ",
		"blocked for more than ", "UBSAN: ", "general protection",
	};
	char line[8192];
	size_t i;
	int len;

	/* EPIPE: the log was overwritten where we are, go on with the next */
	while (len = read(fd, line, sizeof(line) - 1),
	       len > 0 || (len < 0 && errno == EPIPE)) {
		if (len < 0)
			continue;
		line[len] = 0;
		line[strcspn(line, "\n")] = 0;
		for (i = 0; i < ARRAY_SIZE(bad); i++)
			if (strstr(line, bad[i]))
				return complain("kernel log: %s", line);
	}
	return true;
}

/* Putting things back: each of these may be called at any time, and twice. */

static int switch_cpu(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 cpu);
	return write_file(path, online ? "1" : "0");
}

static void restore_cpus(void)
{
	int cpu, err;

	for (cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (!shared->offline[cpu])
			continue;
		err = switch_cpu(cpu, true);
		if (err)
			complain("CPU %d stays offline: %s", cpu,
				 strerror(-err));
		else
			shared->offline[cpu] = false;
	}
}

static void restore_faults(void)
{
	char path[96];
	int i;

	if (!shared->faults_changed)
		return;
	for (i = ARRAY_SIZE(faults) - 1; i >= 0; i--) {
		snprintf(path, sizeof(path), FAULTS "%s", faults[i].name);
		if (write_file(path, shared->faults[i]))
			complain("%s cannot be restored", path);
	}
	shared->faults_changed = false;
}

static void unload_module(void)
{
	if (shared->module[0] &&
	    syscall(__NR_delete_module, shared->module, O_NONBLOCK) &&
	    errno != ENOENT)
		complain("module %s cannot be unloaded: %s", shared->module,
			 strerror(errno));
	shared->module[0] = 0;
}

/* Remove a cgroup with those in it, whose processes are dying at best. */
static bool remove_cgroup(const char *path, double end)
{
	struct dirent *entry;
	char below[512];
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		remove_cgroup(below, end);
	}
	if (dir)
		closedir(dir);
	while (rmdir(path) && errno != ENOENT) {
		if (errno != EBUSY || now() > end)
			return complain("rmdir %s: %s", path, strerror(errno));
		pause_ms(10);
	}
	return true;
}

static void restore_cgroups(void)
{
	if (shared->cgroup[0] && remove_cgroup(shared->cgroup, now() + 30))
		shared->cgroup[0] = 0;
	if (shared->controllers[0]) {
		/* fails when somebody else needs it by now: leave it then */
		write_file(shared->controllers, "-memory");
		shared->controllers[0] = 0;
	}
}

static void kill_children(void)
{
	while (shared->nr_children > 0) {
		pid_t pid = shared->children[--shared->nr_children];

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void restore_all(void)
{
	restore_cpus();
	restore_faults();
	unload_module();
	restore_cgroups();
}

/* Cgroups */

/* Let the cgroups in @dir be memory cgroups. */
static bool enable_memory(const char *dir, bool restore)
{
	char path[256], enabled[256];

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	if (read_file(path, enabled, sizeof(enabled)))
		return false;
	if (strstr(enabled, "memory"))
		return true;
	if (restore)
		snprintf(shared->controllers, sizeof(shared->controllers), "%s",
			 path);
	return !write_file(path, "+memory");
}

/* Make the cgroup in which a test does everything; why not, if not. */
static const char *make_base_cgroup(void)
{
	char root[96];
	const char *reason = find_cgroups(root, sizeof(root));

	if (reason)
		return reason;
	if (!enable_memory(root, true))
		return "the memory controller cannot be enabled";
	snprintf(shared->cgroup, sizeof(shared->cgroup), "%s/percpu_vm.%d",
		 root, getpid());
	if (mkdir(shared->cgroup, 0755))
		return "no cgroup can be made";
	if (!enable_memory(shared->cgroup, false))
		return "no memory cgroup can be made";
	snprintf(users_dir, sizeof(users_dir), "%s", shared->cgroup);
	return NULL;
}

static void cgroup_path(char *path, size_t size, int i)
{
	snprintf(path, size, "%s/%d", users_dir, i);
}

/* Users of per-CPU memory.  They return 0 or a negative error number. */

static int use_cgroup(int id)
{
	char path[192];

	cgroup_path(path, sizeof(path), getpid() * 8 + id % 8);
	if (mkdir(path, 0755))
		return -errno;
	/* to look it up takes memory, which others may have just now */
	while (rmdir(path)) {
		if (errno != ENOMEM)
			return -errno;
		pause_ms(1);
	}
	return 0;
}

/* Send a datagram to ourselves, which is counted in per-CPU memory. */
static int use_loopback(int fd)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct timeval patience = { .tv_sec = 10 };
	socklen_t len = sizeof(addr);
	char byte = 42;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (ioctl(fd, SIOCSIFFLAGS, &lo) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) ||
	    bind(fd, (struct sockaddr *)&addr, len) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) ||
	    sendto(fd, &byte, 1, 0, (struct sockaddr *)&addr, len) != 1)
		return -errno;
	byte = 0;
	if (read(fd, &byte, 1) != 1)
		return -errno;
	return byte == 42 ? 0 : -EIO;
}

/* This process is in a namespace of its own afterwards. */
static int use_netns(int id __maybe_unused)
{
	int fd, err;

	if (unshare(CLONE_NEWNET))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return -errno;
	err = use_loopback(fd);
	close(fd);
	return err;
}

struct map {
	int	fd;
	int	words;		/* of one value of one CPU */
	int	nr;
	__u64	*values;	/* of all CPUs */
};

static long bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static int map_create(enum bpf_map_type type, int words, int nr)
{
	union bpf_attr attr = {
		.map_type	= type,
		.key_size	= sizeof(__u32),
		.value_size	= words * sizeof(__u64),
		.max_entries	= nr,
	};
	int fd = bpf(BPF_MAP_CREATE, &attr);

	return fd < 0 ? -errno : fd;
}

static int map_access(enum bpf_cmd cmd, struct map *map, __u32 key)
{
	union bpf_attr attr = {
		.map_fd	= map->fd,
		.key	= (unsigned long)&key,
		.value	= (unsigned long)map->values,
	};

	return bpf(cmd, &attr) ? -errno : 0;
}

static int map_open(struct map *map, enum bpf_map_type type, int words, int nr)
{
	map->words = words;
	map->nr = nr;
	map->fd = map_create(type, words, nr);
	if (map->fd < 0)
		return map->fd;
	map->values = calloc((size_t)words * nr_possible, sizeof(__u64));
	if (map->values)
		return 0;
	close(map->fd);
	return -ENOMEM;
}

static void map_close(struct map *map)
{
	close(map->fd);
	free(map->values);
}

/* One word of what all CPUs have for @key */
static __u64 pattern(__u32 key, int i, __u32 seed)
{
	__u64 x = (__u64)seed << 48 ^ (__u64)key << 32 ^ i;

	return x * 0x9e3779b97f4a7c15ull;
}

static int map_fill(struct map *map, __u32 seed)
{
	int key, i, err;

	for (key = 0; key < map->nr; key++) {
		for (i = 0; i < map->words * nr_possible; i++)
			map->values[i] = pattern(key, i, seed);
		err = map_access(BPF_MAP_UPDATE_ELEM, map, key);
		if (err)
			return err;
	}
	return 0;
}

static int map_check(struct map *map, __u32 seed)
{
	int key, i, err;

	for (key = 0; key < map->nr; key++) {
		err = map_access(BPF_MAP_LOOKUP_ELEM, map, key);
		if (err)
			return err;
		for (i = 0; i < map->words * nr_possible; i++) {
			if (map->values[i] == pattern(key, i, seed))
				continue;
			complain("value %d of the %d. CPU changed in word %d",
				 key, i / map->words + 1, i % map->words);
			return -EIO;
		}
	}
	return 0;
}

/* Load a program that adds one to the value of the CPU on which it runs. */
static int counter_load(int map)
{
	struct bpf_insn insns[] = {
		{ BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4 },
		{ BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0,
		  map },
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
		{ BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 3, 0 },
		{ BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_0, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, 1 },
		{ BPF_STX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	union bpf_attr attr = {
		.prog_type	= BPF_PROG_TYPE_SOCKET_FILTER,
		.insns		= (unsigned long)insns,
		.insn_cnt	= ARRAY_SIZE(insns),
		.license	= (unsigned long)"GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int counter_run(int prog, int times)
{
	char packet[64] = "";
	union bpf_attr attr = {
		.test.prog_fd		= prog,
		.test.data_in		= (unsigned long)packet,
		.test.data_size_in	= sizeof(packet),
		.test.repeat		= times,
	};

	return bpf(BPF_PROG_TEST_RUN, &attr) ? -errno : 0;
}

static int use_map(enum bpf_map_type type, int words, int nr, __u32 seed)
{
	struct map map;
	int err = map_open(&map, type, words, nr);

	if (err)
		return err;
	err = map_fill(&map, seed);
	if (!err)
		err = map_check(&map, seed);
	map_close(&map);
	return err;
}

static int use_bpf(int id)
{
	int err = use_map(BPF_MAP_TYPE_PERCPU_ARRAY, 256, 16, id);

	return err ?: use_map(BPF_MAP_TYPE_PERCPU_HASH, 32, 16, id + 1);
}

static const struct user {
	const char	*name;
	int		(*use)(int id);
} users[] = {
	{ "cgroup",	use_cgroup },
	{ "network namespace", use_netns },
	{ "BPF map",	use_bpf },
};

#define USE_CGROUPS	1u
#define USE_NETNS	2u
#define USE_BPF		4u

/* What a child does with its lack of memory */
enum tolerance { STRICT, TOLERANT };

/* What this kernel offers of them.  @reason tells about the others. */
static unsigned int usable(char *reason, size_t size)
{
	const char *no_cgroups = make_base_cgroup();
	unsigned int mask = no_cgroups ? 0 : USE_CGROUPS;
	int fd = map_create(BPF_MAP_TYPE_PERCPU_ARRAY, 1, 1);

	if (fd >= 0) {
		mask |= USE_BPF;
		close(fd);
	}
	if (!access("/proc/self/ns/net", F_OK))
		mask |= USE_NETNS;
	snprintf(reason, size, "missing:%s%s%s%s",
		 no_cgroups ? " cgroups, " : "", no_cgroups ?: "",
		 mask & USE_BPF ? "" : " BPF maps",
		 mask & USE_NETNS ? "" : " network namespaces");
	return mask;
}

/* Children that make and drop users until they are told to stop */

/*
 * A network that comes up without memory says so in many ways.  Not one of them
 * is a wrong value.
 */
static bool is_tolerable(const struct user *user, int err)
{
	return err == -ENOMEM || (user->use == use_netns && err != -EIO);
}

static void churn(const struct user *user, int id, enum tolerance tolerance)
{
	int err;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		err = user->use(id++);
		if (err && (tolerance == STRICT || !is_tolerable(user, err))) {
			complain("%s: %s", user->name, strerror(-err));
			_exit(1);
		}
		if (!err)
			__atomic_fetch_add(&shared->rounds, 1,
					   __ATOMIC_RELAXED);
	}
	_exit(0);
}

static bool run_on_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return !sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* A child that does not outlive its parent.  0 in the child */
static pid_t start_child(void)
{
	pid_t pid, parent = getpid();

	if (shared->nr_children == MAX_CHILDREN)
		return -1;
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid > 0)
		shared->children[shared->nr_children++] = pid;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static void reset_children(void)
{
	shared->stop = false;
	shared->rounds = 0;
}

/* One child for each kind of user in @mask, on @cpu or, if negative, anywhere */
static void start_churn(unsigned int mask, int cpu)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(users); i++) {
		if (!(mask & 1u << i) || start_child())
			continue;
		/* not there or offline just now: anywhere, then */
		if (cpu >= 0 && cpu < CPU_SETSIZE)
			run_on_cpu(cpu);
		churn(&users[i], i, STRICT);
	}
}

static bool stop_children(void)
{
	bool ok = true;
	int status;

	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	while (shared->nr_children > 0) {
		pid_t pid = shared->children[shared->nr_children - 1];

		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status))
			ok = complain("a child died, status %x", status);
		shared->nr_children--;
	}
	return ok;
}

/* Modules */

static const char *const module_names[] = { "percpu_test", "test_vmalloc" };

/* Ask modprobe for the file of a module. */
static bool find_module(const char *name, char *path, size_t size)
{
	char command[128], line[512], format[32];
	bool found = false;
	FILE *pipe;

	snprintf(command, sizeof(command), "modprobe -n -v %s 2>/dev/null",
		 name);
	snprintf(format, sizeof(format), "insmod %%%zus", size - 1);
	pipe = popen(command, "re");
	while (pipe && fgets(line, sizeof(line), pipe))
		found |= sscanf(line, format, path) == 1;
	return pipe && !pclose(pipe) && found;
}

static bool choose_module(char *path, size_t size)
{
	const char *given = getenv("PERCPU_VM_MODULE");
	size_t i;

	if (given) {
		snprintf(path, size, "%s", given);
		return !access(path, R_OK);
	}
	for (i = 0; i < ARRAY_SIZE(module_names); i++)
		if (find_module(module_names[i], path, size))
			return true;
	return false;
}

/* Load and unload.  Test modules say EAGAIN when they have done their work. */
static int use_module(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *args = strncmp(name, "test_vmalloc", 12) ? "" :
		"run_test_mask=128 nr_threads=1 nr_pcpu_objects=2000";
	int flags, fd, err = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(shared->module, sizeof(shared->module), "%.*s",
		 (int)strcspn(name, "."), name);
	flags = strstr(name, ".ko.") ? MODULE_INIT_COMPRESSED_FILE : 0;
	if (syscall(__NR_finit_module, fd, args, flags) && errno != EAGAIN) {
		err = -errno;
		/* it is somebody else's if it was there before */
		shared->module[0] = 0;
	}
	close(fd);
	unload_module();
	return err;
}

/* CPUs */

static bool can_go_offline(int cpu)
{
	char path[64], online[8] = "";

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 cpu);
	return !access(path, W_OK) && !read_file(path, online, sizeof(online)) &&
	       online[0] == '1';
}

static int next_cpu(int cpu)
{
	while (++cpu < MAX_CPUS)
		if (can_go_offline(cpu))
			return cpu;
	return -1;
}

static bool take_offline(int cpu)
{
	int err;

	shared->offline[cpu] = true;
	err = switch_cpu(cpu, false);
	return !err || complain("CPU %d to go offline: %s", cpu,
				strerror(-err));
}

static bool take_online(int cpu)
{
	int err = switch_cpu(cpu, true);

	if (err)
		return complain("CPU %d to go online: %s", cpu,
				strerror(-err));
	shared->offline[cpu] = false;
	return true;
}

/* Fault injection */

static const char *set_up_faults(void)
{
	char path[96];
	size_t i;

	if (access(FAIL_NTH, W_OK) || access(MAKE_IT_FAIL, W_OK))
		return "no " FAIL_NTH ": CONFIG_FAULT_INJECTION";
	if (access(FAULTS, F_OK))
		return "no " FAULTS ": CONFIG_FAIL_PAGE_ALLOC, debugfs";
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		snprintf(path, sizeof(path), FAULTS "%s", faults[i].name);
		if (read_file(path, shared->faults[i],
			      sizeof(shared->faults[i])))
			return "a setting of " FAULTS " cannot be read";
	}
	shared->faults_changed = true;
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		snprintf(path, sizeof(path), FAULTS "%s", faults[i].name);
		if (write_file(path, faults[i].value))
			return "a setting of " FAULTS " cannot be changed";
	}
	return NULL;
}

#define VALUE_WORDS	4096		/* 32 kB, the most that can be had */

/* How many of them fit into a chunk? */
static int values_per_chunk(void)
{
	int unit_kb = file_number(STATS, "unit_size") / 1024;

	return (unit_kb > 0 ? unit_kb : FALLBACK_KB) / (VALUE_WORDS / 128);
}

static int make_map_of(int nr)
{
	return map_create(BPF_MAP_TYPE_PERCPU_ARRAY, VALUE_WORDS,
			  nr > 0 ? nr : 1);
}

/* Half of a chunk */
static int make_map(void)
{
	return make_map_of(values_per_chunk() / 2);
}

/*
 * The pages of what is dropped must go, or the next call would need none.  They
 * do if they are at least a quarter of those in the chunk, something else is in
 * it, and there are some empty pages in another chunk.  So leave just room for a
 * map in one chunk, and have the pages of one value in another one.
 */
static int make_ballast(void)
{
	int nr = values_per_chunk();
	int ballast = make_map_of(2 * nr - nr / 2);
	int rest = make_map_of(nr / 2 + 1);

	if (rest >= 0)
		close(rest);
	wait_for_calm();
	return ballast;
}

static void drop_map(int fd)
{
	close(fd);
}

/*
 * They stay until the test is over: a page is only needed now and then, when
 * those that are there have been used up.
 */
static int make_cgroup(void)
{
	static int nr;
	char path[192];

	cgroup_path(path, sizeof(path), nr++);
	return mkdir(path, 0755) ? -errno : 0;
}

static void keep_cgroup(int unused __maybe_unused)
{
}

static const struct call {
	const char	*name;
	int		(*make)(void);
	void		(*drop)(int result);
	bool		gives_back;	/* memory, when dropped */
	int		patience;	/* calls until all have been failed */
} calls[] = {
	{ "BPF_MAP_CREATE",	make_map,	drop_map, true, 4 },
	{ "mkdir of a cgroup",	make_cgroup,	keep_cgroup, false, 64 },
};

struct tally {
	int	last;		/* allocation that was made to fail */
	int	failed;		/* calls in which it did */
	int	errors;		/* calls that could not do without */
};

/*
 * Two ways to fail.  What is opened and closed meanwhile must not be hit, so
 * each has its file open before it starts, and stops with a write to that.
 */

static int open_nth(int nth __maybe_unused)
{
	return open(FAIL_NTH, O_RDWR | O_CLOEXEC);
}

static bool start_nth(int fd, int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", nth);
	return pwrite(fd, text, strlen(text), 0) > 0;
}

/* What has not been counted down would hit the next call. */
static bool stop_nth(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) < 0 ||
	    pwrite(fd, "0", 1, 0) < 0)
		complain("%s: %s", FAIL_NTH, strerror(errno));
	return atoi(text) == 0;
}

static bool write_fault(const char *name, int value)
{
	char path[96], text[16];

	snprintf(path, sizeof(path), FAULTS "%s", name);
	snprintf(text, sizeof(text), "%d", value);
	return !write_file(path, text) || complain("%s cannot be written", path);
}

/* Every page is one of the space that is spared. */
static int open_all_from(int nth)
{
	if (!write_fault("space", nth) || !write_fault("times", TIMES))
		return -1;
	return open(MAKE_IT_FAIL, O_RDWR | O_CLOEXEC);
}

static bool start_all(int fd, int nth __maybe_unused)
{
	return pwrite(fd, "1", 1, 0) > 0;
}

static bool stop_all(int fd)
{
	char text[16] = "";

	if (pwrite(fd, "0", 1, 0) < 0)
		complain("%s: %s", MAKE_IT_FAIL, strerror(errno));
	read_file(FAULTS "times", text, sizeof(text));
	return atoi(text) != TIMES;
}

static const struct failure {
	const char	*name;
	int		(*open)(int nth);
	bool		(*start)(int fd, int nth);
	bool		(*stop)(int fd);	/* was there an nth? */
	int		each;	/* that many of them one by one */
} failures[] = {
	{ "one allocation",	open_nth,	start_nth,	stop_nth, 1024 },
	{ "all from one on",	open_all_from,	start_all,	stop_all, 8 },
};

/* @reached is false if @call has fewer allocations than @nth. */
static int call_failing(const struct call *call, const struct failure *failure,
			int nth, bool *reached)
{
	int fd = failure->open(nth), result;

	*reached = false;
	if (fd < 0 || !failure->start(fd, nth))
		return -EBADF;
	result = call->make();
	*reached = failure->stop(fd);
	close(fd);
	return result;
}

/*
 * Call when there is nothing left of the call before.  A worker takes pages
 * back; as long as they are there the next call does not allocate, which would
 * go untested.
 */
static int call_cold(const struct call *call, long cold_kb,
		     const struct failure *failure, int nth, bool *reached)
{
	double end = now() + 0.5;

	while (call->gives_back && usage_now().kb > cold_kb && now() < end)
		pause_ms(1);
	return failure ? call_failing(call, failure, nth, reached) :
			 call->make();
}

/* Have a call fail, and see that it works without that. */
static bool fail_once(const struct call *call, const struct failure *failure,
		      int nth, long cold_kb, struct tally *tally)
{
	bool reached;
	int result = call_cold(call, cold_kb, failure, nth, &reached);

	if (result < 0 && (result != -ENOMEM || !reached))
		return complain("%s, %s (%d) failing: %s", call->name,
				failure->name, nth, strerror(-result));
	if (result >= 0)
		call->drop(result);
	tally->failed += reached;
	tally->errors += result < 0;
	if (reached)
		tally->last = nth;

	result = call_cold(call, cold_kb, NULL, 0, NULL);
	if (result < 0)
		return complain("%s, after %s (%d) failed: %s", call->name,
				failure->name, nth, strerror(-result));
	call->drop(result);
	return true;
}

/*
 * An allocation that fails may be one that can be done without, so that the
 * call succeeds.  The last one has failed when one beyond it is waited for in
 * vain, again and again, as a call needs more at one time than at another.
 * With very many CPUs there are too many to try each.
 */
static bool fail_each(const struct call *call, const struct failure *failure,
		      struct tally *tally)
{
	double end = now() + 100;
	int nth = 1, in_vain = 0;
	long cold_kb;

	/* the first one takes what is warm */
	call->drop(call->make());
	cold_kb = wait_for_calm().kb +
		  4 * nr_possible * (sysconf(_SC_PAGESIZE) / 1024);
	while (in_vain < call->patience && now() < end) {
		if (!fail_once(call, failure, nth, cold_kb, tally))
			return false;
		in_vain++;
		if (tally->last != nth)
			continue;
		in_vain = 0;
		nth += nth < failure->each ? 1 : 1 + nth / failure->each;
	}
	return true;
}

/*
 * What others took or gave back meanwhile can make a call find all it needs there.
 * Nothing fails then, or the call succeeds without any memory: try again.
 */
static bool fail_cold(const struct call *call, const struct failure *failure,
		      struct tally *tally)
{
	int ballast, tries = 0;
	bool clean;

	do {
		memset(tally, 0, sizeof(*tally));
		ballast = make_ballast();
		if (ballast < 0)
			return complain("no ballast: %s", strerror(-ballast));
		clean = fail_each(call, failure, tally);
		close(ballast);
	} while (clean && ++tries < 5 &&
		 (!tally->failed ||
		  (!tally->errors && failure->start == start_all)));
	return clean;
}

/* Make maps for which there is too little memory, until told to stop. */
static void keep_failing(void)
{
	const struct call *call = &calls[0];
	bool reached;
	int nth;

	for (nth = 1; !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED); nth++) {
		int result = call_failing(call,
					  &failures[nth % ARRAY_SIZE(failures)],
					  nth % 128 + 1, &reached);

		if (result >= 0)
			call->drop(result);
		else if (result != -ENOMEM)
			complain("%s: %s", call->name, strerror(-result));
		if (shared->problem[0])
			_exit(1);
	}
	_exit(0);
}

/* Memory pressure */

/* Use up memory until the OOM killer comes. */
static void eat(void)
{
	const size_t size = 1 << 20;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			pause_ms(10);
		else
			memset(memory, 0xa5, size);
	}
	_exit(0);
}

/* Have somebody eat at all times.  Counts how often one was killed. */
static void keep_eating(void)
{
	int status;
	pid_t pid;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write_file("/proc/self/oom_score_adj", "1000");
			eat();
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			pause_ms(10);
	}
	_exit(0);
}

/* @dir gets a limit if @limited, and a cgroup in it for the processes. */
static bool make_pressure_cgroup(char *dir, size_t size, bool limited)
{
	char path[256], limit[32];

	snprintf(dir, size, "%s/pressure", shared->cgroup);
	if (mkdir(dir, 0755) || !enable_memory(dir, false))
		return complain("mkdir %s: %s", dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/processes", dir);
	if (mkdir(path, 0755))
		return complain("mkdir %s: %s", path, strerror(errno));
	/* without CONFIG_SWAP there is no such file */
	snprintf(path, sizeof(path), "%s/memory.swap.max", dir);
	write_file(path, "0");
	if (!limited)
		return true;
	snprintf(path, sizeof(path), "%s/memory.max", dir);
	snprintf(limit, sizeof(limit), "%dM", 24 + nr_possible);
	return !write_file(path, limit) || complain("no limit in %s", path);
}

/* A child in the cgroup @dir; only the eaters are to be killed. */
static bool start_child_in(const char *dir)
{
	char path[256];

	if (start_child())
		return false;
	write_file("/proc/self/oom_score_adj", "-1000");
	snprintf(path, sizeof(path), "%s/processes/cgroup.procs", dir);
	if (write_file(path, "0"))
		_exit(1);
	return true;
}

/* One who eats memory in the cgroup @dir, and users in @mask who need some. */
static void start_pressure(const char *dir, unsigned int mask)
{
	size_t i;

	if (start_child_in(dir))
		keep_eating();
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		if (!(mask & 1u << i) || !start_child_in(dir))
			continue;
		/* so that the limit is theirs, too */
		snprintf(users_dir, sizeof(users_dir), "%s", dir);
		churn(&users[i], i, TOLERANT);
	}
}

static long oom_kills(const char *dir)
{
	char path[256];
	long kills = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.events", dir);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(path, sizeof(path), file))
		sscanf(path, "oom_kill %ld", &kills);
	fclose(file);
	return kills;
}

/* Tests */

FIXTURE(percpu_vm) {
	struct usage	before;
	int		log;
};

/* Users of a kind leave something behind at their first time. */
static void warm_up(void)
{
	char reason[256];
	unsigned int mask = usable(reason, sizeof(reason));
	size_t i;

	for (i = 0; i < ARRAY_SIZE(users); i++) {
		if (!(mask & 1u << i) || start_child())
			continue;
		users[i].use(0);
		_exit(0);
	}
	stop_children();
	restore_all();
	shared->problem[0] = 0;
}

FIXTURE_SETUP(percpu_vm)
{
	/*
	 * The order matters: whoever ends the test looks for the group after
	 * having told that it ends.
	 */
	__atomic_store_n(&shared->group, getpgrp(), __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shared->interrupted, __ATOMIC_SEQ_CST))
		_exit(KSFT_FAIL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);

	/* the harness may have killed the test before this one */
	shared->nr_children = 0;
	restore_all();
	shared->problem[0] = 0;
	reset_children();

	if (usage_now().kb < 0)
		SKIP(return, "/proc/meminfo has no Percpu:");
	nr_possible = count_cpus("/sys/devices/system/cpu/possible");
	if (nr_possible <= 0)
		SKIP(return, "/sys/devices/system/cpu/possible cannot be read");
	/* the kernel tolerates one unit without a CPU for three with one */
	chunk_kb = file_number(STATS, "unit_size") / 1024;
	if (chunk_kb <= 0)
		chunk_kb = FALLBACK_KB;
	chunk_kb *= nr_possible + nr_possible / 3;

	warm_up();
	reset_children();
	self->before = wait_for_calm();
	self->log = log_open();
	log_write("%s begins", _metadata->name);
}

/* What a failed assertion left is put back here, too. */
FIXTURE_TEARDOWN(percpu_vm)
{
	kill_children();
	restore_all();
	if (!shared->problem[0]) {
		settle(self->before);
		log_is_clean(self->log);
	}
	close(self->log);
	log_write("%s ends", _metadata->name);
	shared->nr_run += _metadata->exit_code != KSFT_SKIP;
	EXPECT_STREQ("", shared->problem);
	shared->problem[0] = 0;
}

/* Make cgroups until there are three chunks more. */
static int grow(long goal_kb)
{
	double end = now() + 120;
	char path[192];
	int nr = 0;

	while (usage_now().kb < goal_kb) {
		cgroup_path(path, sizeof(path), nr);
		if (now() > end || mkdir(path, 0755)) {
			complain("cgroup %d: %s", nr, strerror(errno));
			break;
		}
		nr++;
	}
	return nr;
}

/* Remove all cgroups but every tenth, at random but always the same. */
static void thin_out(int nr)
{
	unsigned int random = 1;
	char path[192];
	int i;

	for (i = 0; i < nr; i++) {
		random = random * 1103515245 + 12345;
		if ((random >> 16) % 10 == 0)
			continue;
		cgroup_path(path, sizeof(path), i);
		if (rmdir(path))
			complain("rmdir %s: %s", path, strerror(errno));
	}
}

static long wait_for_kb(long goal_kb)
{
	double end = now() + SETTLE_SECS;

	while (usage_now().kb > goal_kb && now() < end)
		pause_ms(100);
	return wait_for_calm().kb;
}

/*
 * A page is kept by a single small object, and a chunk may keep a quarter of
 * its pages though they are empty.  So with nine of ten objects gone at random
 * nine tenths of the memory do not come back, but a quarter of it must.
 */
TEST_F_TIMEOUT(percpu_vm, cgroups, 300)
{
	const char *reason = make_base_cgroup();
	long peak, kb, goal;
	int nr;

	if (reason)
		SKIP(return, "%s", reason);
	nr = grow(self->before.kb + 3 * chunk_kb);
	peak = usage_now().kb;
	EXPECT_GE(peak, self->before.kb + 3 * chunk_kb);

	thin_out(nr);
	goal = peak - (peak - self->before.kb) / 4;
	kb = wait_for_kb(goal);
	EXPECT_LE(kb, goal);
	ksft_print_msg("%d cgroups: %ld kB, at most %ld, %ld with a tenth of them\n",
		       nr, self->before.kb, peak, kb);
}

/* Keep the namespaces until all are made. */
static void hold_namespaces(int nr)
{
	int i, err;

	for (i = 0; i < nr; i++) {
		err = use_netns(i);
		/* an open file keeps the namespace when we enter the next */
		if (err || open("/proc/self/ns/net", O_RDONLY) < 0) {
			complain("namespace %d: %s", i,
				 strerror(err ? -err : errno));
			_exit(1);
		}
		__atomic_fetch_add(&shared->rounds, 1, __ATOMIC_RELAXED);
	}
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED))
		pause_ms(10);
	_exit(0);
}

TEST_F_TIMEOUT(percpu_vm, netns, 300)
{
	const int nr_children = 4, nr_each = 50;
	double end = now() + 120;
	int i;

	if (access("/proc/self/ns/net", F_OK))
		SKIP(return, "no network namespaces: CONFIG_NET_NS");
	for (i = 0; i < nr_children; i++)
		if (!start_child())
			hold_namespaces(nr_each);
	while (shared->rounds < nr_children * nr_each && now() < end &&
	       !shared->problem[0])
		pause_ms(10);
	EXPECT_EQ(shared->rounds, nr_children * nr_each);
	ksft_print_msg("%d namespaces: %ld kB, then %ld\n", shared->rounds,
		       self->before.kb, usage_now().kb);
	stop_children();
}

/*
 * Let the kernel count on one CPU after the other, the first once, the second
 * twice and so on.  The values come back in the order of the CPUs, 0 for those
 * that cannot be used.
 */
static int count_on_all_cpus(void)
{
	struct map map;
	int cpu, prog, nr = 0, i, seen = 0;

	if (map_open(&map, BPF_MAP_TYPE_PERCPU_ARRAY, 1, 1))
		return 0;
	prog = counter_load(map.fd);
	for (cpu = 0; prog >= 0 && cpu < CPU_SETSIZE; cpu++)
		if (run_on_cpu(cpu) && counter_run(prog, ++nr))
			complain("BPF program on CPU %d: %s", cpu,
				 strerror(errno));
	if (map_access(BPF_MAP_LOOKUP_ELEM, &map, 0))
		complain("counters cannot be read: %s", strerror(errno));
	for (i = 0; i < nr_possible; i++) {
		seen += !!map.values[i];
		if (map.values[i] && map.values[i] != (__u64)seen)
			complain("the %d. CPU counted to %llu", seen,
				 map.values[i]);
	}
	if (seen != nr)
		complain("%d CPUs counted, not %d", seen, nr);
	if (prog >= 0)
		close(prog);
	map_close(&map);
	return nr;
}

TEST_F_TIMEOUT(percpu_vm, bpf, 300)
{
	struct map array, hash;
	int err = map_open(&array, BPF_MAP_TYPE_PERCPU_ARRAY, 512, 128), nr;

	if (err)
		SKIP(return, "no BPF map: %s", strerror(-err));
	err = map_open(&hash, BPF_MAP_TYPE_PERCPU_HASH, 64, 128);
	if (err) {
		map_close(&array);
		SKIP(return, "no BPF map: %s", strerror(-err));
	}

	/* both before either, so that one overwriting the other is seen */
	EXPECT_EQ(map_fill(&array, 1), 0);
	EXPECT_EQ(map_fill(&hash, 2), 0);
	EXPECT_EQ(map_check(&array, 1), 0);
	EXPECT_EQ(map_check(&hash, 2), 0);
	nr = count_on_all_cpus();
	ksft_print_msg("values of %d CPUs: %ld kB, then %ld; %d CPUs counted\n",
		       nr_possible, self->before.kb, usage_now().kb, nr);
	map_close(&array);
	map_close(&hash);
}

TEST_F_TIMEOUT(percpu_vm, modules, 300)
{
	const int nr = 20;
	double end = now() + 60;
	char path[256];
	int err, i;

	if (!choose_module(path, sizeof(path)))
		SKIP(return, "no module: CONFIG_PERCPU_TEST=m, or PERCPU_VM_MODULE");
	err = use_module(path);
	if (err)
		SKIP(return, "%s cannot be loaded: %s", path, strerror(-err));
	for (i = 1; i < nr && now() < end; i++)
		EXPECT_EQ(use_module(path), 0);
	ksft_print_msg("%s loaded and unloaded %d times\n", path, i);
}

TEST_F_TIMEOUT(percpu_vm, hotplug, 120 + 10 * sysconf(_SC_NPROCESSORS_CONF))
{
	char reason[256];
	unsigned int mask = usable(reason, sizeof(reason));
	int cpu, seed = 10, nr = 0;
	struct map map;

	if (next_cpu(-1) < 0)
		SKIP(return, "no CPU can go offline");
	if (!(mask & USE_BPF) ||
	    map_open(&map, BPF_MAP_TYPE_PERCPU_ARRAY, 256, 128))
		SKIP(return, "%s", reason);
	start_churn(mask, -1);
	EXPECT_EQ(map_fill(&map, seed), 0);
	for (cpu = next_cpu(-1); cpu >= 0; cpu = next_cpu(cpu)) {
		if (!take_offline(cpu))
			break;
		EXPECT_EQ(map_check(&map, seed), 0);
		EXPECT_EQ(map_fill(&map, ++seed), 0);
		if (!take_online(cpu))
			break;
		EXPECT_EQ(map_check(&map, seed), 0);
		nr++;
	}
	stop_children();
	map_close(&map);
	EXPECT_GT(shared->rounds, 0);
	ksft_print_msg("%d CPUs offline and online, %d users made\n", nr,
		       shared->rounds);
}

TEST_F_TIMEOUT(percpu_vm, fail_nth, 600)
{
	char reason[256];
	unsigned int mask = usable(reason, sizeof(reason));
	const char *missing = set_up_faults();
	int errors = 0;
	size_t i;

	if (missing)
		SKIP(return, "%s", missing);
	if (!(mask & USE_CGROUPS) || !(mask & USE_BPF))
		SKIP(return, "%s", reason);
	for (i = 0; i < ARRAY_SIZE(calls) * ARRAY_SIZE(failures); i++) {
		const struct call *call = &calls[i / ARRAY_SIZE(failures)];
		const struct failure *failure =
			&failures[i % ARRAY_SIZE(failures)];
		struct tally tally = { 0 };

		if (!fail_cold(call, failure, &tally))
			break;
		/* else nothing was tested */
		EXPECT_GT(tally.failed, 0);
		errors += tally.errors;
		ksft_print_msg("%s, %s failing: %d times up to the %d., %d times ENOMEM\n",
			       call->name, failure->name, tally.failed,
			       tally.last, tally.errors);
	}
	EXPECT_GT(errors, 0);
}

TEST_F_TIMEOUT(percpu_vm, pressure, 300)
{
	char reason[256], dir[160];
	unsigned int mask = usable(reason, sizeof(reason));
	double end;

	if (!(mask & USE_CGROUPS))
		SKIP(return, "%s", reason);
	ASSERT_TRUE(make_pressure_cgroup(dir, sizeof(dir),
					 !getenv("PERCPU_VM_EAT_ALL")));
	start_pressure(dir, mask);
	/* not less, and more until all memory has been eaten */
	end = now() + 5;
	while (!shared->problem[0] &&
	       (now() < end || (!oom_kills(dir) && now() < end + 120)))
		pause_ms(100);
	stop_children();
	EXPECT_GT(oom_kills(dir), 0);
	EXPECT_GT(shared->rounds, 0);
	ksft_print_msg("%d users made, %ld OOM kills\n", shared->rounds,
		       oom_kills(dir));
}

/* Until @end take one CPU after the other away, and load a module each time. */
static int shake(double end, const char *module)
{
	int cpu = next_cpu(-1), steps = 0;

	while (now() < end && !shared->problem[0]) {
		if (module && use_module(module))
			complain("%s cannot be loaded", module);
		if (cpu >= 0 && take_offline(cpu) && take_online(cpu)) {
			cpu = next_cpu(cpu);
			if (cpu < 0)
				cpu = next_cpu(-1);
		}
		steps++;
		pause_ms(10);
	}
	return steps;
}

/*
 * All of the above at once: users on every CPU, users and an eater in a cgroup
 * with little memory, allocations that fail, CPUs that go, modules that come.
 */
TEST_F_TIMEOUT(percpu_vm, together, seconds() + 240)
{
	char reason[256], path[256], dir[160] = "";
	unsigned int mask = usable(reason, sizeof(reason));
	bool modules = choose_module(path, sizeof(path)) && !use_module(path);
	bool faults = (mask & USE_BPF) && !set_up_faults();
	int i, steps;

	if (!mask)
		SKIP(return, "%s", reason);
	for (i = 0; i < sysconf(_SC_NPROCESSORS_CONF); i++)
		start_churn(mask, i);
	if (mask & USE_CGROUPS &&
	    make_pressure_cgroup(dir, sizeof(dir), true))
		start_pressure(dir, mask);
	if (faults && !start_child())
		keep_failing();
	steps = shake(now() + seconds(), modules ? path : NULL);
	stop_children();
	EXPECT_GT(shared->rounds, 0);
	ksft_print_msg("%d users made, %d times a CPU%s, %ld OOM kills, allocations %s, %d s\n",
		       shared->rounds, steps, modules ? " and a module" : "",
		       dir[0] ? oom_kills(dir) : 0,
		       faults ? "failed" : "did not fail", seconds());
}

/* Guarding the harness */

/*
 * Nobody of the harness runs any more when this returns.  Orphans become our
 * children, so all are gone when we have none.
 */
static void end_harness(pid_t harness)
{
	__atomic_store_n(&shared->interrupted, true, __ATOMIC_SEQ_CST);
	kill(harness, SIGKILL);
	for (;;) {
		pid_t group = __atomic_load_n(&shared->group, __ATOMIC_SEQ_CST);
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 && errno == ECHILD)
			return;
		if (group > 0)
			kill(-group, SIGKILL);
		if (!pid)
			pause_ms(10);
	}
}

/* Wait for the harness, or for a signal that is to end it. */
static int guard(pid_t harness, const sigset_t *signals, int *status)
{
	int signal;
	pid_t pid;

	for (;;) {
		signal = sigwaitinfo(signals, NULL);
		if (signal > 0 && signal != SIGCHLD)
			return signal;
		while ((pid = waitpid(-1, status, WNOHANG)) > 0)
			if (pid == harness)
				return 0;
	}
}

static void guarded_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGQUIT);
	sigaddset(signals, SIGCHLD);
}

static int harness_code(int status)
{
	if (!WIFEXITED(status))
		return KSFT_FAIL;
	/* nothing was tested */
	if (!WEXITSTATUS(status) && !shared->nr_run)
		return KSFT_SKIP;
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	int status = 0, signal;
	sigset_t signals, old;
	pid_t harness;

	if (geteuid()) {
		ksft_print_header();
		ksft_exit_skip("not root\n");
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		ksft_exit_fail_msg("%s\n", strerror(errno));

	guarded_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &old);
	harness = fork();
	if (harness < 0)
		ksft_exit_fail_msg("%s\n", strerror(errno));
	if (!harness) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		return test_harness_run(argc, argv);
	}

	signal = guard(harness, &signals, &status);
	end_harness(harness);
	shared->problem[0] = 0;
	restore_all();
	/* a test that was ended could not say so itself */
	log_write("run ends");
	if (shared->problem[0]) {
		fprintf(stderr, "# %s\n", shared->problem);
		return KSFT_FAIL;
	}
	return signal ? 128 + signal : harness_code(status);
}
