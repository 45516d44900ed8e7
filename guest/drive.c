// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drive per-CPU memory through real users of it, and report.
 *
 * Runs as root in the virtual machine of scripts/boot.  Every scenario makes
 * many objects whose per-CPU parts mm/percpu.c hands out, checks what can be
 * checked from outside, and takes them away again.  One line each says what
 * was done, what the per-CPU memory was before, at its peak and afterwards,
 * and whether all was well.  The last line counts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CGROUP		"/sys/fs/cgroup"
#define STATS		"/sys/kernel/debug/percpu_stats"
#define SETTLE_SECS	60
#define LOST_KB		24576	/* as much may stay in caches and free lists */

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct usage {
	long	kb;		/* Percpu: of /proc/meminfo */
	long	chunks;
};

static struct usage peak;
static pthread_mutex_t peak_lock = PTHREAD_MUTEX_INITIALIZER;
static long chunk_kb;		/* at most that much is in one chunk */
static long available_kb;	/* of memory, before the first scenario */
static int nr_cpus;
static bool brief;

/* What went wrong in the scenario that is running; empty if nothing did. */
static char problem[160];
/* What the scenario did, for the report. */
static char done[160];

#define did(...) snprintf(done, sizeof(done), __VA_ARGS__)

/* The first problem is the one to report. */
#define fail(...)						\
do {								\
	if (!problem[0])					\
		snprintf(problem, sizeof(problem), __VA_ARGS__);\
} while (0)

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

/* The number behind the first @key in a file, or -1. */
static long file_number(const char *path, const char *key)
{
	char line[256], *found;
	long value = -1;
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file)) {
		found = strstr(line, key);
		if (found)
			sscanf(found + strlen(key), " : %ld", &value);
	}
	fclose(file);
	return value;
}

static struct usage usage_now(void)
{
	struct usage usage = {
		.kb	= file_number("/proc/meminfo", "Percpu"),
		.chunks	= file_number(STATS, "nr_chunks"),
	};

	pthread_mutex_lock(&peak_lock);
	if (usage.kb > peak.kb)
		peak.kb = usage.kb;
	if (usage.chunks > peak.chunks)
		peak.chunks = usage.chunks;
	pthread_mutex_unlock(&peak_lock);
	return usage;
}

static void *watch_usage(void *unused)
{
	for (;;) {
		usage_now();
		pause_ms(20);
	}
	return unused;
}

/*
 * Objects are often freed by a worker some time after they are gone for their
 * users, and the chunks they leave empty by another one.  All of that is over
 * when nothing changes any more, and has done its job when there is at most one
 * chunk's worth of memory more than @before, which is what mm/percpu.c keeps in
 * reserve, and one more chunk, in which a bit of something else has survived.
 */
static void settle(struct usage before)
{
	double end = now() + SETTLE_SECS;
	struct usage last, usage = usage_now();

	do {
		if (now() > end) {
			fail("%ld kB in %ld chunks are left after %d s",
			     usage.kb, usage.chunks, SETTLE_SECS);
			return;
		}
		last = usage;
		pause_ms(300);
		usage = usage_now();
	} while (usage.kb != last.kb || usage.chunks != last.chunks ||
		 usage.kb > before.kb + chunk_kb ||
		 usage.chunks > before.chunks + 2);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) >= 0;

	if (!ok)
		fail("write '%s' to %s: %s", text, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

/* How often does @text stand in the kernel log? */
static int log_count(const char *text)
{
	int size = klogctl(10, NULL, 0), count = 0;
	char *log = calloc(1, size + 1), *at;

	if (log && klogctl(3, log, size) > 0)
		for (at = log; (at = strstr(at, text)); at++)
			count++;
	free(log);
	return count;
}

static bool run_on_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return !sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void run_anywhere(void)
{
	cpu_set_t cpus;

	memset(&cpus, 0xff, sizeof(cpus));
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* boot: the system has come up, so per-CPU memory works from the first page */
static void run_boot(void)
{
	long live = file_number(STATS, "nr_cur_alloc");

	did("%ld allocations live, unit of %ld kB on %d CPUs", live,
	    file_number(STATS, "unit_size") / 1024, nr_cpus);
	if (live <= 0)
		fail("nothing was allocated");
	if (sysconf(_SC_NPROCESSORS_ONLN) != nr_cpus)
		fail("only %ld CPUs are online",
		     sysconf(_SC_NPROCESSORS_ONLN));
}

static void cgroup_path(char *path, size_t size, int i, const char *file)
{
	snprintf(path, size, CGROUP "/drive/%d%s", i, file);
}

/* Make, use or remove @nr memory cgroups. */
static void run_cgroups(void)
{
	int nr = brief ? 300 : 600, i, made;
	long chunks = usage_now().chunks;
	char path[64];

	mkdir(CGROUP "/drive", 0755);
	write_file(CGROUP "/cgroup.subtree_control", "+memory");
	write_file(CGROUP "/drive/cgroup.subtree_control", "+memory");

	for (made = 0; made < nr; made++) {
		cgroup_path(path, sizeof(path), made, "");
		if (mkdir(path, 0755)) {
			fail("mkdir %s: %s", path, strerror(errno));
			break;
		}
		cgroup_path(path, sizeof(path), made, "/cgroup.procs");
		write_file(path, "0");
	}
	write_file(CGROUP "/cgroup.procs", "0");
	if (usage_now().chunks <= chunks)
		fail("no chunk was added for %d cgroups", made);

	for (i = 0; i < made; i++) {
		cgroup_path(path, sizeof(path), i, "");
		if (rmdir(path))
			fail("rmdir %s: %s", path, strerror(errno));
	}
	rmdir(CGROUP "/drive");
	did("%d memory cgroups made, entered and removed", made);
}

/* Send a datagram to ourselves, which every CPU counts in per-CPU memory. */
static bool loopback_works(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char byte = 42;
	bool ok;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &lo) &&
	     !bind(fd, (struct sockaddr *)&addr, len) &&
	     !getsockname(fd, (struct sockaddr *)&addr, &len) &&
	     sendto(fd, &byte, 1, 0, (struct sockaddr *)&addr, len) == 1 &&
	     read(fd, &byte, 1) == 1 && byte == 42;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* In a child: make namespaces, say how many, keep them until @hold closes. */
static void hold_namespaces(int nr, int report, int hold)
{
	unsigned char made;
	char byte;

	for (made = 0; made < nr; made++) {
		/* an open file keeps the namespace when we enter the next */
		if (unshare(CLONE_NEWNET) || !loopback_works() ||
		    open("/proc/self/ns/net", O_RDONLY) < 0)
			break;
	}
	if (write(report, &made, 1) == 1 && read(hold, &byte, 1))
		made = 0;
	_exit(!made);
}

static void run_netns(void)
{
	const int nr_children = 4;
	int nr = brief ? 100 : 300, made = 0, report[2], hold[2], i;
	unsigned char part;

	if (pipe(report) || pipe(hold)) {
		fail("pipe: %s", strerror(errno));
		return;
	}
	for (i = 0; i < nr_children; i++) {
		if (!fork()) {
			close(report[0]);
			close(hold[1]);
			hold_namespaces(nr / nr_children, report[1], hold[0]);
		}
	}
	close(report[1]);
	close(hold[0]);
	while (read(report[0], &part, 1) == 1 && (made += part) < nr)
		;
	usage_now();
	close(hold[1]);
	while (wait(NULL) > 0)
		;
	close(report[0]);

	if (made != nr)
		fail("only %d of %d namespaces work", made, nr);
	did("%d network namespaces made, used and removed", made);
}

static long bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static int map_create(enum bpf_map_type type, int value_size, int nr)
{
	union bpf_attr attr = {
		.map_type	= type,
		.key_size	= sizeof(__u32),
		.value_size	= value_size,
		.max_entries	= nr,
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

static long map_access(enum bpf_cmd cmd, int map, __u32 key, void *values)
{
	union bpf_attr attr = {
		.map_fd	= map,
		.key	= (unsigned long)&key,
		.value	= (unsigned long)values,
	};

	return bpf(cmd, &attr);
}

/* One word of the value that @cpu has for @key. */
static __u64 pattern(__u32 key, int cpu, int word, __u32 seed)
{
	__u64 x = (__u64)seed << 48 ^ (__u64)key << 32 ^ cpu << 20 ^
		     word;

	return x * 0x9e3779b97f4a7c15ull;
}

struct map {
	int		fd;
	int		words;		/* of one value of one CPU */
	int		nr;
	__u64	*values;	/* of all CPUs */
};

static bool map_open(struct map *map, enum bpf_map_type type, int words, int nr)
{
	map->words = words;
	map->nr = nr;
	map->values = calloc(words * nr_cpus, sizeof(__u64));
	map->fd = map_create(type, words * sizeof(__u64), nr);
	if (map->fd < 0)
		fail("no per-CPU map of %d values: %s", nr, strerror(errno));
	return map->values && map->fd >= 0;
}

static void map_close(struct map *map)
{
	if (map->fd >= 0)
		close(map->fd);
	free(map->values);
}

static void map_fill(struct map *map, __u32 seed)
{
	int key, cpu, word;

	for (key = 0; key < map->nr; key++) {
		for (cpu = 0; cpu < nr_cpus; cpu++)
			for (word = 0; word < map->words; word++)
				map->values[cpu * map->words + word] =
					pattern(key, cpu, word, seed);
		if (map_access(BPF_MAP_UPDATE_ELEM, map->fd, key, map->values))
			fail("write value %d: %s", key, strerror(errno));
	}
}

static void map_check(struct map *map, __u32 seed)
{
	int key, cpu, word;

	for (key = 0; key < map->nr; key++) {
		if (map_access(BPF_MAP_LOOKUP_ELEM, map->fd, key, map->values))
			fail("read value %d: %s", key, strerror(errno));
		for (cpu = 0; cpu < nr_cpus; cpu++)
			for (word = 0; word < map->words; word++)
				if (map->values[cpu * map->words + word] !=
				    pattern(key, cpu, word, seed))
					fail("CPU %d, value %d, word %d changed",
					     cpu, key, word);
	}
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

static void counter_run(int prog, int cpu, int times)
{
	char packet[64] = "";
	union bpf_attr attr = {
		.test.prog_fd		= prog,
		.test.data_in		= (unsigned long)packet,
		.test.data_size_in	= sizeof(packet),
		.test.repeat		= times,
	};

	if (!run_on_cpu(cpu) || bpf(BPF_PROG_TEST_RUN, &attr))
		fail("BPF program on CPU %d: %s", cpu, strerror(errno));
	run_anywhere();
}

/* Let every CPU count up to a number of its own, in a map for that. */
static void count_on_all_cpus(void)
{
	struct map map = { .fd = -1 };
	int prog = -1, cpu;

	if (!map_open(&map, BPF_MAP_TYPE_PERCPU_ARRAY, 1, 1))
		goto close_map;
	prog = counter_load(map.fd);
	if (prog < 0) {
		fail("BPF program: %s", strerror(errno));
		goto close_map;
	}

	for (cpu = 0; cpu < nr_cpus; cpu++)
		counter_run(prog, cpu, 10 * (cpu + 1));
	if (map_access(BPF_MAP_LOOKUP_ELEM, map.fd, 0, map.values))
		fail("read counters: %s", strerror(errno));
	for (cpu = 0; cpu < nr_cpus; cpu++)
		if (map.values[cpu] != 10ull * (cpu + 1))
			fail("CPU %d counted to %llu, not to %d", cpu,
			     (unsigned long long)map.values[cpu],
			     10 * (cpu + 1));
	close(prog);
close_map:
	map_close(&map);
}

static void run_bpf(void)
{
	struct map array = { .fd = -1 }, hash = { .fd = -1 };
	int nr = brief ? 64 : 256;

	count_on_all_cpus();
	if (map_open(&array, BPF_MAP_TYPE_PERCPU_ARRAY, 512, nr) &&
	    map_open(&hash, BPF_MAP_TYPE_PERCPU_HASH, 64, nr)) {
		map_fill(&array, 1);
		map_fill(&hash, 2);
		map_check(&array, 1);
		map_check(&hash, 2);
	}
	map_close(&array);
	map_close(&hash);
	did("counted on each CPU, %d values of 4 kB and of 512 B compared",
	    nr);
}

static int module_load(const char *name, const char *args)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	err = syscall(__NR_finit_module, fd, args, 0) ? errno : 0;
	close(fd);
	return err;
}

static bool module_unload(const char *name)
{
	if (!syscall(__NR_delete_module, name, O_NONBLOCK))
		return true;
	fail("unload %s: %s", name, strerror(errno));
	return false;
}

static void wait_for_log(const char *text, int count)
{
	double end = now() + SETTLE_SECS;

	while (log_count(text) < count) {
		if (now() > end) {
			fail("no '%s' in the kernel log", text);
			return;
		}
		pause_ms(50);
	}
}

/*
 * percpu_test checks its own DEFINE_PER_CPU variables and is gone at once.
 * scftorture has all CPUs count in its own while they call each other, prints
 * the sums and judges itself when it is unloaded.
 */
static void run_modules(void)
{
	int nr = brief ? 2 : 5, i, err;

	for (i = 1; i <= nr; i++) {
		err = module_load("percpu_test", "");
		if (err != EAGAIN || log_count("percpu test done") < i)
			fail("percpu_test did not pass: %s", strerror(err));

		err = module_load("torture", "");
		if (!err)
			err = module_load("scftorture",
					  "stat_interval=1 verbose=0");
		if (err) {
			fail("scftorture: %s", strerror(err));
			return;
		}
		wait_for_log("scf_invoked_count ver:", i);
		if (!module_unload("scftorture") || !module_unload("torture"))
			return;
		wait_for_log("End of test: SUCCESS", i);
	}
	did("percpu_test and scftorture loaded, used, unloaded %d times", nr);
}

static void run_vmalloc(void)
{
	int nr = brief ? 5000 : 20000;
	char args[64];
	int err;

	snprintf(args, sizeof(args),
		 "run_test_mask=128 nr_threads=1 nr_pcpu_objects=%d", nr);
	err = module_load("test_vmalloc", args);
	if (err != EAGAIN)
		fail("test_vmalloc: %s", strerror(err));
	if (!log_count("pcpu_alloc_test passed: 1 failed: 0"))
		fail("pcpu_alloc_test did not pass");
	did("pcpu_alloc_test of test_vmalloc with %d objects", nr);
}

static void cpu_switch(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 cpu);
	write_file(path, online ? "1" : "0");
}

/* Make and drop per-CPU memory until told to stop. */
static void *churn(void *stop)
{
	struct map map = { .fd = -1 };
	__u32 seed = 100;

	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
		if (map_open(&map, BPF_MAP_TYPE_PERCPU_ARRAY, 256, 64)) {
			map_fill(&map, seed);
			map_check(&map, seed++);
		}
		map_close(&map);
	}
	return NULL;
}

static void run_hotplug(void)
{
	struct map map = { .fd = -1 };
	bool stop = false;
	pthread_t thread;
	int cpu;

	if (!map_open(&map, BPF_MAP_TYPE_PERCPU_ARRAY, 256, 128))
		return map_close(&map);
	pthread_create(&thread, NULL, churn, &stop);

	map_fill(&map, 10);
	for (cpu = 1; cpu < nr_cpus; cpu++) {
		cpu_switch(cpu, false);
		map_check(&map, 9 + cpu);
		map_fill(&map, 10 + cpu);
		cpu_switch(cpu, true);
		map_check(&map, 10 + cpu);
	}

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	count_on_all_cpus();
	map_close(&map);
	did("%d CPUs offline and online, 128 live values of 2 kB compared",
	    nr_cpus - 1);
}

/* idle: what the other scenarios took has been given back */
static void run_idle(void)
{
	long kb = available_kb - file_number("/proc/meminfo", "MemAvailable");

	if (kb > LOST_KB)
		fail("%ld kB less memory is available than at first", kb);
	did("nothing left to reclaim, %ld kB less available than at first", kb);
}

static const struct scenario {
	const char	*name;
	void		(*run)(void);
} scenarios[] = {
	{ "boot",	run_boot },
	{ "cgroups",	run_cgroups },
	{ "netns",	run_netns },
	{ "bpf",	run_bpf },
	{ "modules",	run_modules },
	{ "vmalloc",	run_vmalloc },
	{ "hotplug",	run_hotplug },
	{ "idle",	run_idle },
};

static bool run(const struct scenario *scenario, struct usage before)
{
	double start = now();
	struct usage after;

	problem[0] = 0;
	done[0] = 0;
	pthread_mutex_lock(&peak_lock);
	peak = (struct usage){ 0 };
	pthread_mutex_unlock(&peak_lock);
	usage_now();

	scenario->run();
	settle(before);
	after = usage_now();

	printf("%-8s %6ld %6ld %6ld   %3ld %3ld %3ld  %5.1f  %s  %s\n",
	       scenario->name, before.kb, peak.kb, after.kb, before.chunks,
	       peak.chunks, after.chunks, now() - start,
	       problem[0] ? "FAIL" : "pass", problem[0] ? problem : done);
	fflush(stdout);
	return !problem[0];
}

int main(int argc, char **argv)
{
	int nr = ARRAY_SIZE(scenarios), i, failed = 0;
	struct usage first;
	pthread_t thread;

	brief = argc > 1 && !strcmp(argv[1], "brief");
	nr_cpus = sysconf(_SC_NPROCESSORS_CONF);
	/* the kernel tolerates one unit without a CPU for three with one */
	chunk_kb = file_number(STATS, "unit_size") / 1024 *
		   (nr_cpus + nr_cpus / 3);
	available_kb = file_number("/proc/meminfo", "MemAvailable");
	first = usage_now();
	if (first.kb < 0 || first.chunks < 0 || chunk_kb <= 0) {
		printf("drive: " STATS " or /proc/meminfo cannot be read\n");
		return 1;
	}
	pthread_create(&thread, NULL, watch_usage, NULL);

	printf("             Percpu: in kB         chunks       time\n");
	printf("scenario before   peak  after  from max  to   secs  verdict\n");
	for (i = 0; i < nr; i++) {
		bool last = scenarios[i].run == run_idle;

		failed += !run(&scenarios[i], last ? first : usage_now());
	}
	printf("%d passed, %d failed, 0 skipped\n", nr - failed, failed);
	return !!failed;
}
