/* fuzz.h - what the fuzz targets share: the bytes as a file, and a checksum that is put right after
 * a mutation.
 *
 * Each fuzz_NAME.c is one libFuzzer program, build/fuzz/NAME, with the sanitizers on
 * (tests/fuzz/fuzz.sh builds and runs them). It hands the bytes to one reader of ours, as the
 * commands do, and then uses what was read. Whatever the bytes are, the reader must come back with
 * a value or with one sentence in err. */
#ifndef MP_FUZZ_H
#define MP_FUZZ_H
#include "host/cfg.h"
#include "base/files.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

/* A sentence is wanted of whoever refuses: one line, not empty, ended. */
static inline void fuzz_refused(const char *err) {
    if (!err[0] || !memchr(err, 0, ERR_LEN) || strchr(err, '\n')) abort();
}

/* A file in memory that holds the bytes; its name is good until the next call of this place. */
typedef struct {
    int fd;
    char path[32];
} fuzz_file;
static inline const char *fuzz_put(fuzz_file *f, const uint8_t *data, size_t size) {
    if (f->fd <= 0) f->fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (f->fd < 0 || ftruncate(f->fd, 0) || pwrite(f->fd, data, size, 0) != (ssize_t)size) abort();
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
    return f->path;
}

/* The same in a folder, for readers that look beside a file or at its name. The folder is where
 * TMPDIR says; whoever runs us clears it. */
static inline const char *fuzz_named(char path[4096], const char *name, const uint8_t *data,
                                     size_t size) {
    static char folder[1024];
    if (!folder[0]) {
        const char *tmp = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/fuzz.XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(folder)) abort();
    }
    snprintf(path, 4096, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
    return path;
}

/* The bytes before the first byte `mark`, and those after it. */
static inline size_t fuzz_split(const uint8_t *data, size_t size, uint8_t mark,
                                const uint8_t **rest, size_t *rest_size) {
    const uint8_t *at = size ? memchr(data, mark, size) : NULL;
    *rest = at ? at + 1 : data + size;
    *rest_size = at ? size - (size_t)(at - data) - 1 : 0;
    return size - *rest_size - (at != NULL);
}
#endif
