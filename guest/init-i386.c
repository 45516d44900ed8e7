// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first program of a virtual machine with 32 bits, which has no shell: run the
 * percpu_vm selftest with the arguments from the kernel's command line, report to
 * the second serial port, reboot, where QEMU ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const struct {
	const char	*type, *at;
} mounts[] = {
	{ "devtmpfs",	"/dev" },
	{ "proc",	"/proc" },
	{ "sysfs",	"/sys" },
	{ "cgroup2",	"/sys/fs/cgroup" },
};

int main(int argc, char **argv)
{
	struct termios raw;
	int report, status;
	size_t i;
	pid_t pid;

	/* the test executes a program of that name */
	if (argc == 1 && !strcmp(argv[0], "true"))
		return 0;
	for (i = 0; i < sizeof(mounts) / sizeof(*mounts); i++)
		if (mount("none", mounts[i].at, mounts[i].type, 0, NULL))
			perror(mounts[i].at);
	report = open("/dev/ttyS1", O_WRONLY);
	tcgetattr(report, &raw);
	cfmakeraw(&raw);
	tcsetattr(report, TCSANOW, &raw);
	dup2(report, STDOUT_FILENO);
	dup2(report, STDERR_FILENO);
	pid = fork();
	if (!pid) {
		execv("/bin/percpu_vm", argv);
		perror("/bin/percpu_vm");
		_exit(1);
	}
	/* we are also told of processes that the test left behind */
	while (wait(&status) != pid)
		;
	if (status)
		printf("not ok percpu_vm, wait status %#x\n", status);
	puts("# end");
	fflush(stdout);
	tcdrain(report);
	return reboot(RB_AUTOBOOT);
}
