/* files.c - see files.h. */
#include "host/files.h"
#include "host/cfg.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* "PATH: what: reason"; -1. Of a long path the end is kept. */
static int fail(char *err, const char *path, const char *what, int e) {
    size_t n = strlen(path), keep = 400;
    snprintf(err, ERR_LEN, "%s%.400s: %s%s%s%s", n > keep ? "..." : "", n > keep ? path + n - keep : path, what,
             e ? ": " : "", e ? strerror(e) : "", e == ENOSPC || e == EDQUOT ? "; make room or choose another folder" : "");
    return -1;
}

/* Behind a symbolic link the file itself is replaced, not the link. */
static int target(file_out *o, const char *path, struct stat *st, char *err) {
    char real[PATH_MAX];
    if (strlen(path) >= sizeof o->path) return fail(err, path, "the path is too long", 0);
    strcpy(o->path, path);
    if (stat(path, st)) {
        st->st_mode = 0;
        return 0;
    }
    if (!S_ISREG(st->st_mode)) return fail(err, path, "cannot be written: it is no ordinary file", 0);
    if (realpath(path, real) && strlen(real) < sizeof o->path) strcpy(o->path, real);
    return 0;
}

int file_out_open(file_out *o, const char *path, char *err) {
    struct stat st;
    memset(o, 0, sizeof *o);
    if (target(o, path, &st, err)) return -1;
    snprintf(o->tmp, sizeof o->tmp, "%s.tmp", o->path);
    int fd = open(o->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return fail(err, o->tmp, "cannot be written", errno);
    if (st.st_mode && fchmod(fd, st.st_mode & 07777)) { /* the new file then has the user's usual rights */ }
    o->f = fdopen(fd, "wb");
    if (!o->f) {
        int e = errno;
        close(fd);
        unlink(o->tmp);
        return fail(err, o->tmp, "cannot be written", e);
    }
    return 0;
}

void file_out_abort(file_out *o) {
    if (!o->f) return;
    fclose(o->f);
    o->f = NULL;
    unlink(o->tmp);
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

/* The new name is safe only once the folder is on the disk too. Some file systems cannot sync one: no error. */
static void sync_folder(const char *path) {
    char dir[4096];
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
    if (!o->f) return fail(err, o->path, "cannot be written: it is not open", 0);
    int e = flush_and_sync(o->f);
    if (fclose(o->f) && !e) e = errno;
    o->f = NULL;
    if (!e && rename(o->tmp, o->path)) e = errno;
    if (e) {
        unlink(o->tmp);
        return fail(err, o->path, "cannot be written", e);
    }
    sync_folder(o->path);
    return 0;
}

static unsigned char *slurp_stream(FILE *f, size_t room, size_t *len) {
    unsigned char *p = malloc(room + 1), *q;
    size_t n = 0;
    while (p) {
        n += fread(p + n, 1, room - n, f);
        if (n < room || ferror(f)) break;
        int c = fgetc(f);       /* a file of just the expected size ends here, without a larger buffer */
        if (c == EOF) break;
        q = room > SIZE_MAX / 2 - 1 ? NULL : realloc(p, 2 * room + 1);
        if (!q) {
            free(p);
            errno = ENOMEM;
            return NULL;
        }
        p = q;
        room *= 2;
        p[n++] = (unsigned char)c;
    }
    if (!p) return NULL;
    p[n] = 0;
    *len = n;
    return p;
}

unsigned char *file_slurp(const char *path, size_t *len, char *err) {
    struct stat st;
    FILE *f = fopen(path, "rbe");
    if (!f) {
        fail(err, path, "cannot be read", errno);
        return NULL;
    }
    unsigned char *p = NULL;
    if (fstat(fileno(f), &st)) {
        fail(err, path, "cannot be read", errno);
    } else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) {
        fail(err, path, S_ISDIR(st.st_mode) ? "is a folder, not a file" : "is no ordinary file", 0);
    } else {
        p = slurp_stream(f, st.st_size > 0 ? (size_t)st.st_size : 65536, len);
        if (!p) fail(err, path, "cannot be read", ENOMEM);
    }
    if (p && ferror(f)) {
        fail(err, path, "cannot be read", EIO);
        free(p);
        p = NULL;
    }
    fclose(f);
    return p;
}

uint32_t file_crc32(const void *p, size_t n) {
    uLong crc = crc32(0, NULL, 0);
    const unsigned char *b = p;
    while (n) {
        uInt k = n > (1u << 30) ? 1u << 30 : (uInt)n;   /* zlib counts in 32 bits */
        crc = crc32(crc, b, k);
        b += k;
        n -= k;
    }
    return (uint32_t)crc;
}
