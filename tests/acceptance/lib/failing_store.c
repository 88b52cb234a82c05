/*
 * Preloaded into the gateway, makes writes and syncs of its log fail on demand. While the file named by FAULTS exists,
 * its content says what fails and how, e.g. `sync EIO`, `write EIO`, `write EROFS`, or that it takes as long as the
 * file is there: `sync STALL`. Only files named log.db* are concerned. Nothing reaches the disk when a write fails; a
 * sync that fails has not synced.
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

/* Whether the file that controls us is about `kind`; then `text` is what it says. System calls as such: this must
 * not come by here again. */
static int reads(const char *kind, char *text, size_t size) {
    const char *control = getenv("FAULTS");
    int opened = control ? (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC) : -1;
    if (opened < 0)
        return 0;
    long length = syscall(SYS_read, opened, text, size - 1);
    syscall(SYS_close, opened);
    text[length > 0 ? length : 0] = 0;
    return strncmp(text, kind, strlen(kind)) == 0;
}

/* The error that `kind` shall fail with now, or 0; later when it shall stall. */
static int fault(const char *kind, int file) {
    char text[64];
    int saved = errno, error = 0;
    while (reads(kind, text, sizeof text) && concerns_log(file)) {
        error = strstr(text, "EROFS") ? EROFS : strstr(text, "ENOSPC") ? ENOSPC : EIO;
        if (!strstr(text, "STALL"))
            break;
        error = 0;
        usleep(20000);
    }
    errno = saved;
    return error;
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
