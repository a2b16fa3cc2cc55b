/* files.c - see files.h. */
#include "base/files.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* "PATH: what: reason"; -1. Of a long path the end is kept. */
static int complain(char *err, const char *path, const char *what, int e) {
    size_t n = strlen(path), keep = 400;
    return fail(err, "%s%.400s: %s%s%s%s", n > keep ? "..." : "", n > keep ? path + n - keep : path,
                what, e ? ": " : "", e ? strerror(e) : "",
                e == ENOSPC || e == EDQUOT ? "; make room or choose another folder" : "");
}

/* Behind a symbolic link the file itself is replaced, not the link. */
static int target(file_out *o, const char *path, struct stat *st, char *err) {
    char real[PATH_MAX];
    if (strlen(path) >= sizeof o->path) return complain(err, path, "the path is too long", 0);
    strcpy(o->path, path);
    if (stat(path, st)) {
        st->st_mode = 0;
        return 0;
    }
    if (!S_ISREG(st->st_mode))
        return complain(err, path, "cannot be written: it is no ordinary file", 0);
    if (realpath(path, real) && strlen(real) < sizeof o->path) strcpy(o->path, real);
    return 0;
}

/* Is this descriptor still what stands under the name? Another process may have renamed or removed
 * it meanwhile. */
static int stands_at(int fd, const char *path) {
    struct stat mine, there;
    return !fstat(fd, &mine) && !lstat(path, &there) && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

/* 1: locked, or this file system knows no locks; 0: another holds it. */
static int lock(int fd) { return !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK; }

/* An empty temporary file that no other writer holds: a lock shows who lives. -1 and errno. */
static int open_tmp(file_out *o) {
    for (int k = 0; k < 1000; k++) {
        snprintf(o->tmp, sizeof o->tmp, k ? "%s.%d.tmp" : "%s.tmp", o->path, k);
        int fd = open(o->tmp, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
        if (fd < 0) return -1;
        if (lock(fd) && stands_at(fd, o->tmp) && !ftruncate(fd, 0)) return fd;
        close(fd);
    }
    errno = EBUSY;
    return -1;
}

int file_out_open(file_out *o, const char *path, char *err) {
    struct stat st;
    memset(o, 0, sizeof *o);
    if (target(o, path, &st, err)) return -1;
    int fd = open_tmp(o);
    if (fd < 0) return complain(err, o->tmp, "cannot be written", errno);
    if (st.st_mode &&
        fchmod(fd, st.st_mode & 07777)) { /* the new file then has the user's usual rights */
    }
    o->f = fdopen(fd, "wb");
    if (!o->f) {
        int e = errno;
        unlink(o->tmp);
        close(fd);
        return complain(err, o->tmp, "cannot be written", e);
    }
    return 0;
}

/* The name goes first: once closed, it may be another writer's. */
void file_out_abort(file_out *o) {
    if (!o->f) return;
    unlink(o->tmp);
    fclose(o->f);
    o->f = NULL;
}

int file_out_possible(const char *path, char *err) {
    file_out o;
    if (!path) return 0;
    if (file_out_open(&o, path, err)) return -1;
    file_out_abort(&o);
    return 0;
}

/* Everything written and on the disk? 0, or the reason. */
static int flush_and_sync(FILE *f) {
    if (fflush(f)) return errno;
    if (ferror(f)) {
        /* An earlier write failed and its reason is gone: the same disk, asked again, tells it. */
        errno = 0;
        return write(fileno(f), "", 1) < 0 ? errno : EIO;
    }
    return fsync(fileno(f)) ? errno : 0;
}

/* The new name is safe only once the folder is on the disk too. Some file systems cannot sync one:
 * no error. */
static void sync_folder(const char *path) {
    char dir[PATH_LEN];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    memcpy(dir, path, n);
    strcpy(dir + n, n ? "" : slash ? "/" : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

int file_out_close(file_out *o, char *err) {
    if (!o->f) return complain(err, o->path, "cannot be written: it is not open", 0);
    int e = flush_and_sync(o->f);
    if (!e && rename(o->tmp, o->path)) e = errno;
    if (e) unlink(o->tmp);
    fclose(o->f); /* all is on the disk already; its lock held the name until here */
    o->f = NULL;
    if (e) return complain(err, o->path, "cannot be written", e);
    sync_folder(o->path);
    return 0;
}

/* ---- reading ---- */

enum { PIPE_SECONDS = 30, NO_WRITER = -2 };

/* As read(); a pipe that stays silent: NO_WRITER. */
static ssize_t read_some(int fd, int pipe, void *to, size_t n) {
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = pipe ? poll(&p, 1, PIPE_SECONDS * 1000) : 1;
        if (ready == 0) return NO_WRITER;
        ssize_t got = ready < 0 ? -1 : read(fd, to, n);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) return got;
    }
}

/* All of it, at most `most` bytes and one more; NULL and err. */
static unsigned char *slurp(int fd, const char *path, const struct stat *st, size_t most,
                            size_t *len, char *err) {
    size_t room = st->st_size > 0 ? (size_t)st->st_size + 1 : 65536, n = 0;
    unsigned char *p = malloc(room + 1);
    ssize_t got = 1;
    while (p && got > 0 && n <= most) {
        if (n == room) {
            unsigned char *q = room > SIZE_MAX / 2 - 1 ? NULL : realloc(p, 2 * room + 1);
            if (!q) free(p);
            p = q;
            room *= 2;
            continue;
        }
        got = read_some(fd, S_ISFIFO(st->st_mode), p + n, room - n);
        if (got > 0) n += (size_t)got;
    }
    if (p && got >= 0 && n <= most) {
        p[n] = 0;
        *len = n;
        return p;
    }
    if (!p)
        complain(err, path, "cannot be read", ENOMEM);
    else if (got == NO_WRITER)
        complain(err, path, "nothing came through this pipe for 30 seconds", 0);
    else if (got < 0)
        complain(err, path, "cannot be read", errno);
    else
        complain(err, path, "is too long for what it should be", 0);
    *len = n;
    free(p);
    return NULL;
}

unsigned char *file_slurp_most(const char *path, size_t most, size_t *len, char *err) {
    struct stat st;
    unsigned char *p = NULL;
    *len = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK |
                            O_CLOEXEC); /* a pipe without a writer would be waited for */
    if (fd < 0 || fstat(fd, &st)) {
        complain(err, path, errno == ENXIO ? "is no ordinary file" : "cannot be read",
                 errno == ENXIO ? 0 : errno);
    } else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) {
        complain(err, path, S_ISDIR(st.st_mode) ? "is a folder, not a file" : "is no ordinary file",
                 0);
    } else if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > most) {
        *len = (size_t)st.st_size;
        complain(err, path, "is too long for what it should be", 0);
    } else {
        p = slurp(fd, path, &st, most, len, err);
    }
    if (fd >= 0) close(fd);
    return p;
}

unsigned char *file_slurp(const char *path, size_t *len, char *err) {
    return file_slurp_most(path, SIZE_MAX / 2, len, err);
}

/* ---- locks ---- */

static int held_by_another(int fd, const char *path, char *err) {
    char who[256];
    ssize_t n = pread(fd, who, sizeof who - 1, 0);
    who[n > 0 ? n : 0] = 0;
    who[strcspn(who, "\n")] = 0;
    close(fd);
    return fail(err,
                "%.400s: held by %s, which writes the same files: wait for it, or give another "
                "name or folder",
                path, who[0] ? who : "another process");
}

static void write_holder(int fd) {
    char host[65] = "", when[32] = "", text[256];
    struct tm tm;
    time_t now = time(NULL);
    if (gethostname(host, sizeof host - 1)) host[0] = 0;
    if (localtime_r(&now, &tm)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    int n = snprintf(text, sizeof text, "process %ld on %s since %s\n", (long)getpid(), host, when);
    if (ftruncate(fd, 0) ||
        pwrite(fd, text, (size_t)n, 0) != n) { /* the lock holds, only its sentence is poorer */
    }
}

int file_lock_take(file_lock *l, const char *path, char *err) {
    *l = (file_lock){.fd = -1};
    if (strlen(path) >= sizeof l->path) return complain(err, path, "the path is too long", 0);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
        if (fd < 0) return complain(err, path, "cannot be written", errno);
        if (!lock(fd)) return held_by_another(fd, path, err);
        if (stands_at(fd, path)) {
            write_holder(fd);
            l->fd = fd;
            strcpy(l->path, path);
            return 0;
        }
        close(fd); /* its holder has just removed it */
    }
}

void file_lock_drop(file_lock *l) {
    if (!l->path[0]) return;
    unlink(l->path);
    close(l->fd);
    l->path[0] = 0;
}

uint32_t file_crc32(const void *p, size_t n) {
    uLong crc = crc32(0, NULL, 0);
    const unsigned char *b = p;
    while (n) {
        uInt k = n > (1u << 30) ? 1u << 30 : (uInt)n; /* zlib counts in 32 bits */
        crc = crc32(crc, b, k);
        b += k;
        n -= k;
    }
    return (uint32_t)crc;
}
