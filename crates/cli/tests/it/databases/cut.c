/* Loaded into a command under test. The command is cut off right before the CUT_AT-th time that it makes something last on the disk:
   a sync, a rename or a removal below CUT_BELOW. CUT_STOP: it stops there, until it is continued, instead of dying.
   Each such moment is written to CUT_LOG. What the command starts has another parent than CUT_PARENT and is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long seen;
static long at;
static int is_meant, record = -1;
static const char *below;

__attribute__((constructor)) static void begin(void) {
    const char *parent = getenv("CUT_PARENT"), *log = getenv("CUT_LOG"), *when = getenv("CUT_AT");
    below = getenv("CUT_BELOW");
    is_meant = parent && log && when && below && atol(parent) == getppid();
    if (!is_meant) return;
    at = atol(when);
    record = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void reached(const char *what, const char *path) {
    size_t depth = strlen(below);
    if (!is_meant || strncmp(path, below, depth) != 0 || (path[depth] && path[depth] != '/')) return;
    long number = atomic_fetch_add(&seen, 1) + 1;
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, what, path + depth);
    if (write(record, line, length) < 0 || number != at) return;
    raise(getenv("CUT_STOP") ? SIGSTOP : SIGKILL);
}

static void reached_open(const char *what, int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    reached(what, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
int fsync(int file) { reached_open("sync", file); return REAL(fsync)(file); }
int fdatasync(int file) { reached_open("sync", file); return REAL(fdatasync)(file); }
int rename(const char *from, const char *to) { reached("rename", to); return REAL(rename)(from, to); }
int unlink(const char *path) { reached("remove", path); return REAL(unlink)(path); }
int unlinkat(int folder, const char *path, int flags) { reached_open("remove in", folder); return REAL(unlinkat)(folder, path, flags); }
