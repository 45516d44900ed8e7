// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first program of the machine of scripts/bench: what memory cgroups, network
 * namespaces, BPF maps and processes take, made and removed.
 *
 * The machine has one CPU.  What counts is the time in which that had something
 * to do, until everything that was put off has been done as well.  With users=0
 * on the command line it only powers off: the kernel has measured while booting.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CGROUP		"/sys/fs/cgroup"
#define NR_OBJECTS	100
#define NR_CYCLES	5
#define WINDOW_NS	100000000
#define QUIET_NS	1000000		/* busy for less in a window: all is done */

static void write_log(const char *line, int len)
{
	int fd = open("/dev/kmsg", O_WRONLY);

	if (fd < 0 || write(fd, line, len) != len)
		exit(1);
	close(fd);
}

/* A line in the kernel log.  dprintf() would seek, which that does not like. */
#define say(format, ...)						\
do {									\
	char line[256];							\
									\
	write_log(line, snprintf(line, sizeof(line),			\
				 "percpu_vm_benchmark: " format,	\
				 ##__VA_ARGS__));			\
} while (0)

static void die(const char *what)
{
	say("%s: %s", what, strerror(errno));
	reboot(RB_POWER_OFF);
	exit(1);
}

/* The machine is never idle: this is what runs when nothing else wants to. */
static void *idle(void *unused)
{
	const struct sched_param param = { };

	if (sched_setscheduler(0, SCHED_IDLE, &param))
		die("SCHED_IDLE");
	for (;;)
		;
	return unused;
}

static unsigned long long usage_ns(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage))
		die("getrusage");
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
}

/* All time but that of the other thread */
static unsigned long long busy_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec -
	       (usage_ns(RUSAGE_SELF) - usage_ns(RUSAGE_THREAD));
}

/* Wait until the kernel has nothing left to do; what that took so far */
static unsigned long long settled_ns(void)
{
	unsigned long long before, after = busy_ns();
	struct timespec window = { .tv_nsec = WINDOW_NS };

	do {
		before = after;
		nanosleep(&window, NULL);
		after = busy_ns();
	} while (after - before > QUIET_NS);

	return after;
}

static void enable_memory(void)
{
	int fd;

	if (mount("cgroup2", CGROUP, "cgroup2", 0, NULL))
		die("mount cgroup2");
	fd = open(CGROUP "/cgroup.subtree_control", O_WRONLY);
	if (fd < 0 || write(fd, "+memory", 7) != 7)
		die("memory controller");
	close(fd);
}

static void make_cgroups(void)
{
	char path[64];
	int i;

	for (i = 0; i < NR_OBJECTS; i++) {
		snprintf(path, sizeof(path), CGROUP "/%d", i);
		if (mkdir(path, 0700))
			die(path);
	}
	for (i = 0; i < NR_OBJECTS; i++) {
		snprintf(path, sizeof(path), CGROUP "/%d", i);
		if (rmdir(path))
			die(path);
	}
}

/* All of them at a time, each held by its own descriptor */
static void make_namespaces(void)
{
	int fds[NR_OBJECTS], i;

	for (i = 0; i < NR_OBJECTS; i++) {
		if (unshare(CLONE_NEWNET))
			die("unshare");
		fds[i] = open("/proc/self/ns/net", O_RDONLY);
		if (fds[i] < 0)
			die("/proc/self/ns/net");
	}
	for (i = 0; i < NR_OBJECTS; i++)
		close(fds[i]);
}

/* Each has 64 values of 64 bytes, thus a page of each CPU */
static void make_maps(void)
{
	union bpf_attr attr = {
		.map_type	= BPF_MAP_TYPE_PERCPU_ARRAY,
		.key_size	= 4,
		.value_size	= 64,
		.max_entries	= 64,
	};
	int fds[NR_OBJECTS], i;

	for (i = 0; i < NR_OBJECTS; i++) {
		fds[i] = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
		if (fds[i] < 0)
			die("BPF map");
	}
	for (i = 0; i < NR_OBJECTS; i++)
		close(fds[i]);
}

static void make_processes(void)
{
	pid_t pid;
	int i;

	for (i = 0; i < NR_OBJECTS; i++) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
}

static void bench(const char *op, void (*make)(void))
{
	unsigned long long first = 0, least = 0, sum = 0, before, ns;
	int i;

	for (i = 0; i < NR_CYCLES; i++) {
		before = settled_ns();
		make();
		ns = (settled_ns() - before) / NR_OBJECTS;
		if (!i)
			first = ns;
		else
			sum += ns;
		if (!i || ns < least)
			least = ns;
	}
	say("cpus=%ld nodes=%s memory=booted objects=%d op=%s first=%llu least=%llu mean=%llu",
	    sysconf(_SC_NPROCESSORS_CONF), getenv("nodes"), NR_OBJECTS, op,
	    first, least, sum / (NR_CYCLES - 1));
}

int main(void)
{
	pthread_t idler;

	if (!strcmp(getenv("users") ?: "1", "0"))
		goto done;
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		die("mount");
	if (pthread_create(&idler, NULL, idle, NULL))
		die("pthread_create");
	enable_memory();
	bench("cgroup", make_cgroups);
	bench("netns", make_namespaces);
	/* guest/bench.config has no BPF: it leaves pages that serve all others */
	if (syscall(SYS_bpf, -1, NULL, 0) < 0 && errno == EINVAL)
		bench("bpf_map", make_maps);
	bench("fork", make_processes);
done:
	say("done");
	reboot(RB_POWER_OFF);
	return 1;
}
