/* weights_info.c - see weights_info.h. */
#include "host/weights_info.h"
#include "host/cfg.h"
#include "base/files.h"
#include "host/weights_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *path;
    unsigned char *p;
    size_t len;
    weights_head head;
} weights_file;

static int read_file(weights_file *f, const char *path, char *err) {
    f->path = path;
    f->p = file_slurp(path, &f->len, err);
    return f->p ? weights_head_read(f->p, f->len, path, &f->head, err) : -1;
}

/* Where a whole trailer begins, without a cfg: its length reaches just to the end. */
static size_t find_trailer(const weights_file *f) {
    char err[ERR_LEN];
    for (size_t at = f->head.bytes; at + WEIGHTS_TRAILER_HEAD <= f->len; at += 4) {
        uint64_t n;
        memcpy(&n, f->p + at + 16,
               sizeof n); /* as cheap as the magic word, and no need to know it here */
        if (n != f->len - at - WEIGHTS_TRAILER_HEAD) continue;
        if (!weights_trailer_chunks(f->p + at, f->len - at, f->path, NULL, NULL, err)) return at;
    }
    return f->len;
}

static void show_chunk(void *of, const char *tag, const unsigned char *p, size_t n) {
    static const struct {
        const char *tag, *what;
    } known[] = {{"PHI ", "phi"},
                 {"RUNS", "running statistics of [perturb]"},
                 {"ONEP", "running statistics of one pass"},
                 {"BNRM", "biases of [batchnorm]"},
                 {"STEP", "steps"},
                 {"LOOP", "progress of the training"},
                 {"OPTM", "optimizer state: training can go on"},
                 {"EMA ", "parameters to go on with; the file's own are their average"}};
    const char *what = "unknown to this program";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(tag, known[i].tag)) what = known[i].what;
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

/* ---- layer by layer ---- */

static void show_floats(FILE *out, const unsigned char *p, long long n) {
    float lo = INFINITY, hi = -INFINITY, v;
    long long bad = 0;
    for (long long k = 0; k < n; k++) {
        memcpy(&v, p + 4 * k, sizeof v);
        if (!isfinite(v))
            bad++;
        else
            lo = v < lo ? v : lo, hi = v > hi ? v : hi;
    }
    if (n > bad) fprintf(out, "   %10.4g .. %-10.4g", (double)lo, (double)hi);
    if (bad) fprintf(out, "   %lld ARE NO NUMBERS", bad);
}

/* Whose batch norm the file means, and who says so. */
static void show_epsilon(FILE *out, const weights_file *f, cfg_epsilon said) {
    int fork = said == CFG_EPSILON_HEADER ? f->head.fork : said == CFG_EPSILON_ALEXEYAB;
    fprintf(out, "  batch norm as %s: (x - mean)/%s, as %s\n",
            fork ? "the AlexeyAB fork has it" : "Darknet has it",
            fork ? "sqrt(variance + 1e-5)" : "(sqrt(variance) + 1e-6)",
            said == CFG_EPSILON_HEADER ? "the version in the header says"
                                       : "bn_epsilon= of the cfg says");
}

/* The layers of a cfg, malloc'd, *n of them; NULL and err. */
static cfg_layer *read_layers(const char *cfg, int *n, cfg_epsilon *epsilon, char *err) {
    cfg_file *c = cfg_read(cfg, err);
    if (!c) return NULL;
    *n = cfg_layer_count(c);
    *epsilon = cfg_get_net_extra(c).epsilon;
    cfg_layer *l = calloc((size_t)*n, sizeof *l);
    if (!l) fail(err, "%s: not enough memory", cfg);
    int bad = !l || cfg_get_layers(c, l, err);
    cfg_free(c);
    if (!bad) return l;
    free(l);
    return NULL;
}

/* Floats that the file has for a layer; -1 and err. */
static long long floats_of(const weights_file *f, const cfg_layer *l, int i, const char *cfg,
                           char *err) {
    if (l->floats < 0)
        fail(err,
             "%s: layer %d stores its weights in a way of its own (dontload=, numload=, ...): not "
             "counted",
             cfg, i);
    return f->head.fork && !strcmp(l->type, "batchnorm") ? l->floats / 3 * 4 : l->floats;
}

/* Bytes of the file's first n layers, which are *has where it ends early, just after a layer; each
 * shown, if out. -1 and err. */
static long long walk_layers(const weights_file *f, const cfg_layer *l, int n, const char *cfg,
                             FILE *out, int *has, char *err) {
    size_t at = f->head.bytes;
    *has = 0;
    for (int i = 0; i < n; i++) {
        long long k = floats_of(f, &l[i], i, cfg, err);
        if (k < 0) return -1;
        if (k && at == f->len && *has) return (long long)at;
        if ((size_t)k > (f->len - at) / 4)
            return fail(err,
                        "%s: ends inside layer %d [%s], %zu of %lld floats: cut short, or weights "
                        "of another network than %s",
                        f->path, i, l[i].type, (f->len - at) / 4, k, cfg);
        if (k && out) {
            fprintf(out, "%5d %-14s %4d x %4d x %4d %10lld floats at %zu", i, l[i].type, l[i].w,
                    l[i].h, l[i].c, k, at);
            show_floats(out, f->p + at, k);
            fputc('\n', out);
        }
        if (k) *has = i + 1;
        at += 4 * (size_t)k;
    }
    *has = n;
    return (long long)at;
}

static int info_with_cfg(const weights_file *f, const char *cfg, FILE *out, char *err) {
    int n, has;
    cfg_epsilon epsilon;
    cfg_layer *l = read_layers(cfg, &n, &epsilon, err);
    if (l) show_epsilon(out, f, epsilon);
    long long end = l ? walk_layers(f, l, n, cfg, out, &has, err) : -1;
    if (end >= 0 && has < n)
        fprintf(out, "it holds layers 0 to %d only; the cfg has %d\n", has - 1, n);
    int bad = end < 0 ? -1
                      : weights_trailer_chunks(f->p + end, f->len - (size_t)end, f->path,
                                               show_chunk, out, err);
    if (!bad && (size_t)end == f->len) fprintf(out, "  no trailer: a stock file\n");
    free(l);
    return bad;
}

int weights_info(const char *path, const char *cfg, FILE *out, char *err) {
    weights_file f = {0};
    int bad = read_file(&f, path, err);
    if (!bad) {
        const int *v = f.head.version;
        fprintf(out, "%s: %zu bytes, version %d.%d.%d, %llu images seen\n", path, f.len, v[0], v[1],
                v[2], (unsigned long long)f.head.seen);
        if (cfg)
            bad = info_with_cfg(&f, cfg, out, err);
        else {
            size_t end = find_trailer(&f);
            show_epsilon(out, &f, CFG_EPSILON_HEADER);
            fprintf(out, "  %zu floats of weights; which layers they are, a cfg would tell\n",
                    (end - f.head.bytes) / 4);
            bad = weights_trailer_chunks(f.p + end, f.len - end, path, show_chunk, out, err);
        }
    }
    free(f.p);
    return bad;
}

/* A copy of the file's own bytes: its header too, which says how its batch norms are meant. */
static int write_first(const weights_file *f, size_t end, const char *to, char *err) {
    static const unsigned char nothing_seen[8];
    file_out o;
    if (file_out_open(&o, to, err)) return -1;
    fwrite(f->p, 1, 12, o.f);
    fwrite(nothing_seen, 1, f->head.bytes - 12, o.f);
    fwrite(f->p + f->head.bytes, 1, end - f->head.bytes, o.f);
    return file_out_close(&o, err);
}

int weights_partial(const char *cfg, const char *path, const char *to, int n, char *err) {
    weights_file f = {0};
    int all, has;
    cfg_epsilon ignored;
    cfg_layer *l = read_layers(cfg, &all, &ignored, err);
    int bad = !l || read_file(&f, path, err);
    if (!bad && (n < 1 || n > all))
        bad = fail(err, "%d layers: %s has %d, so give a number from 1 to %d", n, cfg, all, all);
    long long end = bad ? -1 : walk_layers(&f, l, all, cfg, NULL, &has, err);
    if (end < 0 || weights_trailer_chunks(f.p + end, f.len - (size_t)end, path, NULL, NULL, err))
        bad = 1;
    if (!bad && n > has)
        bad = fail(err, "%s: holds the weights of the first %d layers only, not of %d", path, has,
                   n);
    if (!bad)
        bad = weights_finite(f.p, f.head.bytes, (size_t)walk_layers(&f, l, n, cfg, NULL, &has, err),
                             path, err);
    if (!bad) bad = write_first(&f, (size_t)walk_layers(&f, l, n, cfg, NULL, &has, err), to, err);
    free(l);
    free(f.p);
    return bad ? -1 : 0;
}
