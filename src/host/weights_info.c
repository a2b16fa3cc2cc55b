/* weights_info.c - see weights_info.h. */
#include "host/weights_info.h"
#include "host/files.h"
#include "host/net.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned char *p; size_t len, head; uint64_t seen; int version[3]; } weights_file;

static int read_header(weights_file *f, const char *path, char *err) {
    f->p = file_slurp(path, &f->len, err);
    if (!f->p) return -1;
    if (f->len >= 16) {
        memcpy(f->version, f->p, sizeof f->version);
        int wide = f->version[0] * 10 + f->version[1] >= 2;
        f->head = wide ? 20 : 16;
        if (f->len >= f->head) memcpy(&f->seen, f->p + 12, wide ? 8 : 4);
    }
    if (f->head && f->len >= f->head && f->version[0] >= 0 && f->version[0] < 1000 && f->version[1] >= 0
        && f->version[1] < 1000) return 0;
    snprintf(err, ERR_LEN, "%s: no weights file of Darknet (%zu bytes, version %d.%d)", path, f->len, f->version[0],
             f->version[1]);
    return -1;
}

/* Where a whole trailer begins, without a cfg: at the magic word whose length reaches just to the end. */
static size_t find_trailer(const weights_file *f, const char *path) {
    char err[ERR_LEN];
    for (size_t at = f->head; at + 24 <= f->len; at += 4) {
        uint64_t n;
        if (memcmp(f->p + at, "MPTRAIL1", 8)) continue;
        memcpy(&n, f->p + at + 16, sizeof n);
        if (n == f->len - at - 24 && !host_trailer(f->p + at, f->len - at, path, NULL, NULL, err)) return at;
    }
    return f->len;
}

static void show_chunk(void *of, const char *tag, const unsigned char *p, size_t n) {
    static const struct { const char *tag, *what; } known[] = {
        {"PHI ", "phi"}, {"RUNS", "running statistics of [perturb]"}, {"ONEP", "running statistics of one pass"},
        {"BNRM", "biases of [batchnorm]"}, {"STEP", "steps"}, {"OPTM", "optimizer state: training can go on"},
        {"EMA ", "parameters to go on with; the file's own are their average"}};
    const char *what = "unknown to this program";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) if (!strcmp(tag, known[i].tag)) what = known[i].what;
    if (!n) return;
    fprintf(of, "  trailer %s %10zu bytes   %s", tag, n, what);
    if (!strcmp(tag, "STEP") && n == 20) {
        uint64_t seed;
        float t;
        memcpy(&seed, p + 8, sizeof seed);
        memcpy(&t, p + 16, sizeof t);
        fprintf(of, ": seed %llu, t of inference %g", (unsigned long long)seed, (double)t);
    }
    fputc('\n', of);
}

/* ---- layer by layer -------------------------------------------------------------------------------------------- */

static void show_floats(FILE *out, const unsigned char *p, long long n) {
    float lo = INFINITY, hi = -INFINITY, v;
    long long bad = 0;
    for (long long k = 0; k < n; k++) {
        memcpy(&v, p + 4 * k, sizeof v);
        if (!isfinite(v)) bad++;
        else lo = v < lo ? v : lo, hi = v > hi ? v : hi;
    }
    if (n > bad) fprintf(out, "   %10.4g .. %-10.4g", (double)lo, (double)hi);
    if (bad) fprintf(out, "   %lld ARE NO NUMBERS", bad);
}

static const char *type_of(const cfg_file *c, int at) {
    for (int i = 1; i < c->n; i++) if (strcmp(c->sections[i].type, "meta_shared") && at-- == 0) return c->sections[i].type;
    return "?";
}

/* Bytes of the host's part; -1 and err where the file ceases to fit. */
static long long show_layers(FILE *out, const network *net, const cfg_file *c, const weights_file *f, const char *path, char *err) {
    size_t at = f->head;
    long long fit = -1;         /* the last layer behind which the file may end */
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        long long n = host_layer_floats(l);
        if (n < 0) {
            snprintf(err, ERR_LEN, "%s: layer %d stores its weights in a way of its own (dontload=, [deconvolutional]): not counted", c->path, i);
            return -1;
        }
        if (n && at == f->len && fit >= 0) {
            fprintf(out, "it holds layers 0 to %lld only; the cfg has %d\n", fit, net->n);
            return (long long)at;
        }
        if ((size_t)n > (f->len - at) / 4) {
            snprintf(err, ERR_LEN, "%s: ends inside layer %d [%s], %zu of %lld floats: cut short, or weights of another network than %s",
                     path, i, type_of(c, i), (f->len - at) / 4, n, c->path);
            return -1;
        }
        if (n) {
            fprintf(out, "%5d %-14s %4d x %4d x %4d %10lld floats at %zu", i, type_of(c, i), l->out_w, l->out_h, l->out_c,
                    n, at);
            show_floats(out, f->p + at, n);
            fputc('\n', out);
            fit = i;
        }
        at += 4 * (size_t)n;
    }
    return (long long)at;
}

/* The network of a cfg for one image at a time; *c is the caller's. */
static network *open_small(const char *cfg, cfg_file **c, char *err) {
    *c = cfg_read(cfg, err);
    if (!*c) return NULL;
    if (!cfg_set(*c, 0, "batch", "1") && !cfg_set(*c, 0, "subdivisions", "1")) return host_open(*c, 1, err);
    snprintf(err, ERR_LEN, "%s: not enough memory", cfg);
    return NULL;
}

static int info_with_cfg(const weights_file *f, const char *path, const char *cfg, FILE *out, char *err) {
    cfg_file *c;
    network *net = open_small(cfg, &c, err);
    long long end = net ? show_layers(out, net, c, f, path, err) : -1;
    int bad = end < 0 || host_trailer(f->p + end, f->len - (size_t)end, path, show_chunk, out, err) ? -1 : 0;
    if (!bad && (size_t)end == f->len) fprintf(out, "  no trailer: a stock file\n");
    host_close(net);
    cfg_free(c);
    return bad;
}

int weights_info(const char *path, const char *cfg, FILE *out, char *err) {
    weights_file f = {0};
    int bad = read_header(&f, path, err);
    if (!bad) {
        fprintf(out, "%s: %zu bytes, version %d.%d.%d, %llu images seen\n", path, f.len, f.version[0], f.version[1],
                f.version[2], (unsigned long long)f.seen);
        if (cfg) bad = info_with_cfg(&f, path, cfg, out, err);
        else {
            size_t end = find_trailer(&f, path);
            fprintf(out, "  %zu floats of weights; which layers they are, a cfg would tell\n", (end - f.head) / 4);
            bad = host_trailer(f.p + end, f.len - end, path, show_chunk, out, err);
        }
    }
    free(f.p);
    return bad;
}

int weights_partial(const char *cfg, const char *path, const char *to, int n, char *err) {
    cfg_file *c;
    network *net = open_small(cfg, &c, err);
    int has = net ? host_file_layers(net, path, err) : -1, bad = has < 0;
    if (!bad && n < 1) {
        snprintf(err, ERR_LEN, "%d layers: there must be at least 1", n);
        bad = 1;
    }
    if (!bad && has < net->n && n > has) {
        snprintf(err, ERR_LEN, "%s: holds the weights of the first %d layers only, not of %d", path, has, n);
        bad = 1;
    }
    if (!bad) bad = host_load(net, path, HOST_PARTIAL_OK | HOST_CLEAR, err) || host_save_first(net, n, to, err);
    host_close(net);
    cfg_free(c);
    return bad ? -1 : 0;
}
