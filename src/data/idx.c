/* idx.c - files of the MNIST family: a big-endian header, then bytes; plain or .gz. */
#include "data/dataset_internal.h"
#include "data/raster_internal.h"
#include "data/text.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

typedef struct {
    gzFile f;
    const char *path;
    uint32_t dim[3];
} idx;

static int complain(const char *path, const char *what, char *err) {
    return fail(err, "%s: %s", path_tail(path), what);
}

int data_is_idx(const char *path) {
    unsigned char b[2];
    if (strstr(path_name(path), "idx3-ubyte")) return 1;
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return 0;                  /* a look would take the first bytes of a pipe */
    gzFile f = gzopen(path, "rb"); /* reads plain files too */
    if (!f) return 0;
    int idx_like = gzread(f, b, 2) == 2 && !b[0] && !b[1]; /* no text file starts so */
    gzclose(f);
    return idx_like;
}

/* Whether a file of this length can hold n bytes: exactly for plain ones, for .gz by the best
 * possible ratio. Keeps a wrong header from asking for all the memory there is. */
static int can_hold(gzFile f, const char *path, uint64_t n) {
    struct stat st;
    if (stat(path, &st)) return 0;
    uint64_t size = (uint64_t)st.st_size;
    return gzdirect(f) ? n == size : n <= 1040 * size + 1024;
}

static int idx_open(idx *x, const char *path, int dims, char *err) {
    unsigned char b[16];
    unsigned want = 4 + 4 * (unsigned)dims;
    char text[256];
    struct stat st;
    memset(x, 0, sizeof *x);
    x->path = path;
    if (stat(path, &st)) return complain(path, "no such file", err);
    if (!S_ISREG(st.st_mode) || !(x->f = gzopen(path, "rb")))
        return complain(path, "cannot be read", err);
    if (gzread(x->f, b, want) != (int)want)
        return complain(path, "too short for the header of an idx file", err);
    if (b[0] || b[1] || b[2] != 8 || b[3] != dims) {
        snprintf(
            text, sizeof text,
            "no idx%d file of bytes: its first bytes are %02x %02x %02x %02x, not 00 00 08 %02x",
            dims, b[0], b[1], b[2], b[3], dims);
        return complain(path, text, err);
    }
    uint64_t total = 1;
    for (int i = 0; i < dims; i++) {
        const unsigned char *p = b + 4 + 4 * i;
        x->dim[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        total = total > UINT64_MAX / 2 / (x->dim[i] + 1ull) ? UINT64_MAX / 4 : total * x->dim[i];
    }
    if (x->dim[0] > INT_MAX / 2) return complain(path, "more images than are possible", err);
    if (can_hold(x->f, path, total + want)) return 0;
    snprintf(
        text, sizeof text,
        "its header promises %u items, and the file's length does not fit: truncated or damaged",
        x->dim[0]);
    return complain(path, text, err);
}

static int idx_read(idx *x, unsigned char *to, size_t n, char *err) {
    while (n) {
        unsigned k = n > 1u << 30 ? 1u << 30 : (unsigned)n;
        if (gzread(x->f, to, k) != (int)k)
            return complain(x->path, "truncated or damaged: it ends too early", err);
        to += k;
        n -= k;
    }
    return 0;
}

/* Nothing may follow, and the checksum of a .gz must fit. */
static int idx_end(idx *x, char *err) {
    unsigned char b;
    int more = gzread(x->f, &b, 1), bad = gzclose(x->f);
    x->f = NULL;
    if (more > 0) return complain(x->path, "longer than its header says", err);
    return more < 0 || bad ? complain(x->path, "damaged: its checksum is wrong", err) : 0;
}

/* .../train-images-idx3-ubyte.gz -> .../train-labels-idx1-ubyte.gz, and with a dot. */
static int labels_path(char *out, const char *path, char *err) {
    static const char *const from[] = {"images-idx3", "images.idx3"};
    static const char *const to[] = {"labels-idx1", "labels.idx1"};
    /* Folders may have such names too. */
    const char *name = path_name(path);
    for (int i = 0; i < 2; i++) {
        const char *hit = strstr(name, from[i]);
        if (!hit) continue;
        snprintf(out, PATH_LEN, "%.*s%s%s", (int)(hit - path), path, to[i], hit + strlen(from[i]));
        return 0;
    }
    return complain(
        path, "its name must hold \"images-idx3\", so that the labels can be found (labels-idx1)",
        err);
}

static int read_labels(const char *path, uint32_t n, int classes, int *labels, char *err) {
    idx x;
    char text[256];
    unsigned char b;
    int bad = idx_open(&x, path, 1, err);
    if (!bad && x.dim[0] != n) {
        snprintf(text, sizeof text, "%u labels, but the images are %u", x.dim[0], n);
        bad = complain(path, text, err);
    }
    for (uint32_t i = 0; i < n && !bad; i++) {
        bad = idx_read(&x, &b, 1, err);
        labels[i] = b;
        if (!bad && b >= classes) {
            snprintf(text, sizeof text, "label %u is %d, but classes=%d", i, b, classes);
            bad = complain(path, text, err);
        }
    }
    if (!bad) bad = idx_end(&x, err);
    if (x.f) gzclose(x.f);
    return bad;
}

static int add_sample(const idx *x, uint32_t i, int label, int c, const unsigned char *bytes,
                      dataset *s, char *err) {
    sample *to = &s->items[s->n];
    char why[RASTER_WHY], name[PATH_LEN + 100];
    if (raster_make(&to->img, (long)x->dim[2], (long)x->dim[1], c, why))
        return complain(x->path, why, err);
    s->n++;
    size_t n = (size_t)x->dim[1] * (size_t)x->dim[2];
    for (size_t k = 0; k < n; k++) memset(to->img.px + (size_t)c * k, bytes[k], (size_t)c);
    to->label = label;
    snprintf(name, sizeof name, "%s#%u", x->path, i);
    to->path = strdup(name);
    return to->path ? 0 : complain(x->path, "not enough memory", err);
}

static int read_images(idx *x, const int *labels, const unsigned char *keep, int kept, int c,
                       dataset *s, char *err) {
    size_t n = (size_t)x->dim[1] * (size_t)x->dim[2];
    unsigned char *bytes = malloc(n + 1);
    s->items = calloc((size_t)kept + 1, sizeof *s->items);
    int bad = bytes && s->items ? 0 : complain(x->path, "not enough memory", err);
    for (uint32_t i = 0; i < x->dim[0] && !bad; i++) {
        bad = idx_read(x, bytes, n, err);
        if (!bad && keep[i]) bad = add_sample(x, i, labels[i], c, bytes, s, err);
    }
    free(bytes);
    return bad ? -1 : idx_end(x, err);
}

int data_load_idx(const data_file *d, const char *path, data_part part, int c, dataset *s,
                  char *err) {
    idx x;
    char beside[PATH_LEN];
    int bad = idx_open(&x, path, 3, err), kept = 0, n = (int)x.dim[0];
    int *labels = NULL;
    unsigned char *keep = NULL;
    if (!bad && (uint64_t)x.dim[1] * x.dim[2] > RASTER_MAX_PIXELS)
        bad = complain(path, "its pictures are too large", err);
    if (!bad && (!n || !x.dim[1] || !x.dim[2])) bad = complain(path, "it holds no images", err);
    if (!bad) {
        labels = malloc((size_t)n * sizeof *labels);
        keep = malloc((size_t)n);
        if (!labels || !keep) bad = complain(path, "not enough memory for its labels", err);
    }
    if (!bad) bad = labels_path(beside, path, err);
    if (!bad) bad = read_labels(beside, (uint32_t)n, d->classes, labels, err);
    if (!bad && part == DATA_VALID)
        memset(keep, 1, (size_t)(kept = n));
    else if (!bad && (kept = data_select(d, labels, n, part == DATA_TRAIN_OTHER_HALF, keep)) < 0) {
        bad = complain(path, "not enough memory", err);
    }
    if (!bad) bad = read_images(&x, labels, keep, kept, c, s, err);
    if (x.f) gzclose(x.f);
    free(labels);
    free(keep);
    return bad;
}
