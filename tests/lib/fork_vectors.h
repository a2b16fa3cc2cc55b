/* fork_vectors.h - reading the vectors that AlexeyAB's fork computed: ../shared/golden_alexeyab (or
 * $MP_SHARED/golden_alexeyab). Without them fork_there says 0, and a test counts a skip. A file
 * that lacks numbers ends the test program as a failure. */
#ifndef FORK_VECTORS_H
#define FORK_VECTORS_H
#include "test.h"
#include <sys/stat.h>

/* Of one file or folder; good until the next call. */
static inline const char *fork_path(const char *name) {
    static char path[4096];
    const char *shared = getenv("MP_SHARED");
    snprintf(path, sizeof path, "%s/golden_alexeyab/%s", shared ? shared : "../shared", name);
    return path;
}

static inline int fork_there(const char *folder) {
    struct stat s;
    return stat(fork_path(folder), &s) == 0;
}

static inline void fork_missing(const char *name, size_t got, size_t n) {
    CHECK(0, "%s: %zu of %zu", fork_path(name), got, n);
    exit(t_done("fork_vectors"));
}

/* n floats of a file; n 0: all of them, their number in *have. The caller frees. */
static inline float *fork_floats(const char *name, size_t n, size_t *have) {
    FILE *f = fopen(fork_path(name), "rb");
    struct stat s;
    if (f && !fstat(fileno(f), &s) && !n) n = (size_t)s.st_size / sizeof(float);
    float *v = calloc(n ? n : 1, sizeof *v);
    size_t got = f && v ? fread(v, sizeof *v, n, f) : 0;
    if (f) fclose(f);
    if (!n || got != n) fork_missing(name, got, n);
    if (have) *have = n;
    return v;
}

/* A whole text file, ended by 0; the caller frees. */
static inline char *fork_text(const char *name) {
    FILE *f = fopen(fork_path(name), "r");
    struct stat s;
    if (!f || fstat(fileno(f), &s)) fork_missing(name, 0, 1);
    char *t = calloc((size_t)s.st_size + 1, 1);
    if (!t || fread(t, 1, (size_t)s.st_size, f) != (size_t)s.st_size)
        fork_missing(name, 0, (size_t)s.st_size);
    fclose(f);
    return t;
}

/* Cuts a text in place: the next line after *at, its fields (separated by tabs) in field[0..];
 * their number, -1 at the end. */
static inline int fork_row(char **at, char *field[], int most) {
    char *line = *at;
    int n = 0;
    if (!line || !*line) return -1;
    *at = strchr(line, '\n');
    if (*at) *(*at)++ = 0;
    while (line && n < most) {
        field[n++] = line;
        line = strchr(line, '\t');
        if (line) *line++ = 0;
    }
    return n;
}

/* The value of a key in the last section of a cfg that has it, to the line's end; `none` if no line
 * begins with it. */
static inline const char *fork_key(const char *cfg, const char *key, const char *none) {
    static char value[8][512];
    static int turn;
    const char *found = NULL;
    size_t len = strlen(key);
    for (const char *p = cfg; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (!strncmp(p, key, len) && p[len] == '=') found = p + len + 1;
    }
    if (!found) return none;
    char *v = value[turn++ % 8];
    snprintf(v, sizeof *value, "%.*s", (int)strcspn(found, "\n"), found);
    return v;
}
#endif
