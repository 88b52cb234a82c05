/*
 * Preloaded into the gateway, makes writes and syncs of its log fail on demand. While the file named by FAULTS exists,
 * its content says what fails and how, e.g. `sync EIO`, `write EIO`, `write EROFS`; only files named log.db* are
 * concerned. Nothing reaches the disk when a write fails; a sync that fails has not synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int concerns_log(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    return name && strncmp(name, "/log.db", 7) == 0;
}

/* The error that `kind` shall fail with now, or 0. System calls as such: this must not come by here again. */
static int fault(const char *kind, int file) {
    const char *control = getenv("FAULTS");
    char text[64] = "";
    int saved = errno;
    int opened = control ? (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC) : -1;
    if (opened < 0) {
        errno = saved;
        return 0;
    }
    long length = syscall(SYS_read, opened, text, sizeof text - 1);
    syscall(SYS_close, opened);
    errno = saved;
    if (length <= 0 || strncmp(text, kind, strlen(kind)) != 0 || !concerns_log(file))
        return 0;
    if (strstr(text, "EROFS"))
        return EROFS;
    return strstr(text, "ENOSPC") ? ENOSPC : EIO;
}

#define FAILS(kind, type, name, parameters, arguments)                                                                 \
    type name parameters {                                                                                             \
        int error = fault(kind, file);                                                                                 \
        if (error) {                                                                                                   \
            errno = error;                                                                                             \
            return -1;                                                                                                 \
        }                                                                                                              \
        static type(*next) parameters;                                                                                 \
        if (!next)                                                                                                     \
            next = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                                        \
        return next arguments;                                                                                         \
    }

FAILS("sync", int, fsync, (int file), (file))
FAILS("sync", int, fdatasync, (int file), (file))
FAILS("write", ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))
FAILS("write", ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at))
FAILS("write", ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
FAILS("write", int, ftruncate, (int file, off_t length), (file, length))
FAILS("write", int, ftruncate64, (int file, off64_t length), (file, length))
