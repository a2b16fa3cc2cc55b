/* weights_file.h - the parts of a weights file that no network is needed for: its header and our
 * trailer (see weights.c). */
#ifndef MP_WEIGHTS_FILE_H
#define MP_WEIGHTS_FILE_H
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

/* major, minor, revision; bytes: 20, or 16 of an old file, whose `seen` has 32 bits; fork: 0.2.5,
 * of the AlexeyAB fork, whose batch norm is (x-m)/sqrt(v + 1e-5) and whose [batchnorm] begins with
 * its biases; else (x-m)/(sqrt(v) + 1e-6), and no biases. */
typedef struct {
    int version[3];
    size_t bytes;
    uint64_t seen;
    int fork;
} weights_head;
/* p[0..len-1]: the whole file. 0, or -1 and err: no weights file of Darknet. */
int weights_head_read(const unsigned char *p, size_t len, const char *path, weights_head *h,
                      char *err);

/* Are the floats of p[from..to-1] numbers? -1 and err: one is not. */
int weights_finite(const unsigned char *p, size_t from, size_t to, const char *path, char *err);

/* What stands after the host's part, p[0..len-1], checked: *payload and *n are its chunks, or NULL
 * and 0 where len is 0. */
int weights_trailer(const unsigned char *p, size_t len, const char *path,
                    const unsigned char **payload, size_t *n, char *err);
/* The same, and each chunk shown; visit may be NULL. */
typedef void (*weights_visit)(void *of, const char *tag, const unsigned char *p, size_t n);
int weights_trailer_chunks(const unsigned char *p, size_t len, const char *path,
                           weights_visit visit, void *of, char *err);
/* What a trailer begins with: magic, version, crc32 of n bytes of payload, n. */
enum { WEIGHTS_TRAILER_HEAD = 24 };
void weights_trailer_head(unsigned char out[WEIGHTS_TRAILER_HEAD], const unsigned char *payload,
                          size_t n);
#endif
