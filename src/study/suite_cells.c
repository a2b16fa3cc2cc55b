/* suite_cells.c - see suite_cells.h */
#include "study/suite_cells.h"
#include "base/files.h"
#include "engine/engine.h"
#include "host/phi.h"
#include "train/section_keys.h"
#include "study/suite_cfg.h"
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits: names of a few thousand cells, no protection against malice. */
static uint64_t fnv(uint64_t h, const void *p, size_t n) {
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 0x100000001b3ULL;
    return h;
}
static const uint64_t FNV_START = 0xcbf29ce484222325ULL;

/* What is known of a target, read once. */
typedef struct {
    int known, classes, channels, images, tests;
    uint64_t sum;
    char why[ERR_LEN];
} target_facts;
typedef struct {
    const suite_file *s;
    int n;
    suite_cell *cells;
    target_facts *targets;
    char *err;
} builder;

/* Pixels, sizes and labels in the order of the list; not the paths, which differ from machine to
 * machine. */
static uint64_t add_images(uint64_t h, const dataset *s) {
    for (int i = 0; i < s->n; i++) {
        const raster *r = &s->items[i].img;
        size_t bytes = (size_t)r->w * (size_t)r->h * (size_t)r->c;
        int v[5] = {r->w, r->h, r->c, s->items[i].label, (int)file_crc32(r->px, bytes)};
        h = fnv(h, v, sizeof v);
    }
    return h;
}

static int load_part(const data_file *d, data_part part, target_facts *f, int *n) {
    dataset *s = dataset_load(d, part, f->channels, omp_get_max_threads(), 0, f->why);
    if (!s) return -1;
    *n = s->n;
    f->sum = add_images(f->sum, s);
    dataset_free(s);
    return 0;
}

int suite_cell_same_images(const suite_cell *c, const dataset *train, const dataset *valid,
                           char *err) {
    if (add_images(add_images(FNV_START, train), valid) == c->images) return 0;
    return fail(err, "%.400s: its images have changed since this program began: start it again",
                c->target->data);
}

static int learn_target(const suite_part *t, int channels, target_facts *f) {
    if (f->known && f->channels == channels) return f->why[0] ? -1 : 0;
    *f = (target_facts){.known = 1, .channels = channels, .sum = FNV_START};
    data_file *d = data_file_read(t->data, f->why);
    int bad = !d || load_part(d, DATA_TRAIN, f, &f->images) ||
              load_part(d, DATA_VALID, f, &f->tests);
    if (d) f->classes = d->classes;
    data_file_free(d);
    return bad ? -1 : 0;
}

/* The last one that says it: method, network, target, suite. */
static void say_lengths(const suite_file *s, suite_cell *c, int *epochs) {
    const suite_part *parts[] = {&s->all, c->target, c->network, c->method};
    *epochs = 0;
    for (int k = 0; k < 4; k++) {
        if (parts[k]->steps || parts[k]->epochs)
            c->steps = parts[k]->steps, *epochs = parts[k]->epochs;
        if (parts[k]->samples >= 0) c->samples = parts[k]->samples;
    }
}

/* {network}, {target} by the names; then as any path of the SUITE. */
static int file_of(const suite_file *s, const suite_cell *c, const char *pattern,
                   char out[PATH_LEN], char *err) {
    char full[PATH_LEN] = "";
    size_t n = 0;
    for (const char *p = pattern; *p && n + SUITE_NAME < sizeof full;) {
        const char *name = !strncmp(p, "{network}", 9)  ? c->network->name
                           : !strncmp(p, "{target}", 8) ? c->target->name
                                                        : NULL;
        if (name)
            n += (size_t)snprintf(full + n, sizeof full - n, "%s", name);
        else
            full[n++] = *p;
        p += !name ? 1 : p[1] == 'n' ? 9 : 8;
        full[n] = 0;
    }
    path_find(out, full, s->path, NULL);
    size_t len;
    unsigned char *bytes = file_slurp(out, &len, err);
    free(bytes);
    return bytes ? 0 : -1;
}

static int hash_files(const suite_cell *c, uint64_t *h, char *err) {
    if (c->phi[0]) {
        float phi[PHI_LEN];
        if (phi_read(c->phi, phi, err)) return -1;
        *h = fnv(fnv(*h, "phi", 4), phi, sizeof phi);
    }
    if (c->weights[0]) {
        size_t len;
        unsigned char *p = file_slurp(c->weights, &len, err);
        if (!p) return -1;
        *h = fnv(fnv(*h, "weights", 8), p, len);
        free(p);
    }
    return 0;
}

int suite_cell_same_files(const suite_cell *c, char *err) {
    uint64_t h = c->cfg_hash;
    if (hash_files(c, &h, err)) return -1;
    if (h == c->files_hash) return 0;
    return fail(err, "%.400s: it has changed since this program began: start it again",
                c->phi[0] && c->weights[0] ? "phi or weights"
                : c->phi[0]                ? c->phi
                                           : c->weights);
}

/* All of a cell but its seed. -1 and err: wrong; `why` and hash 0: something is missing. */
static int define(builder *b, suite_cell *c, target_facts *t) {
    int batch, channels, epochs;
    char own[PATH_LEN], *err = b->err;
    say_lengths(b->s, c, &epochs);
    if (suite_cfg_batch(b->s, c, &batch, &channels, err)) return -1;
    if (learn_target(c->target, channels, t)) memcpy(c->why, t->why, sizeof c->why);
    if (epochs && t->images) c->steps = (int)(((long long)epochs * t->images + batch - 1) / batch);
    c->text = suite_cfg(b->s, c, t->classes, &c->steps, own, err);
    if (!c->text) return -1;
    memcpy(c->phi, own, sizeof own);
    if (c->method->phi[0] && file_of(b->s, c, c->method->phi, c->phi, err))
        memcpy(c->why, err, sizeof c->why);
    if (c->method->weights[0] && file_of(b->s, c, c->method->weights, c->weights, err))
        memcpy(c->why, err, sizeof c->why);
    c->cfg_hash = fnv(FNV_START, c->text, strlen(c->text) + 1);
    uint64_t h = c->cfg_hash;
    if (!c->why[0] && hash_files(c, &h, err)) memcpy(c->why, err, sizeof c->why);
    c->files_hash = h;
    c->images = t->sum;
    c->n_train = t->images;
    c->n_valid = t->tests;
    int v[2] = {c->samples, c->steps};
    h = fnv(fnv(h, &t->sum, sizeof t->sum), v, sizeof v);
    c->hash = c->why[0] ? 0 : h;
    if (epochs && !t->images) c->steps = 0;
    return 0;
}

static int runs(const suite_cell *c, uint64_t seed) {
    const suite_part *t = c->target, *n = c->network, *m = c->method;
    if (!suite_holds(n->targets, t->name) || !suite_holds(n->methods, m->name) ||
        !suite_holds(m->targets, t->name) || !suite_holds(m->networks, n->name))
        return 0;
    const suite_part *restricting[] = {n, m};
    for (int k = 0; k < 2; k++) {
        int found = !restricting[k]->n_seeds;
        for (int i = 0; i < restricting[k]->n_seeds; i++) found |= restricting[k]->seeds[i] == seed;
        if (!found) return 0;
    }
    return 1;
}

static int add_cell(builder *b, const int at[SUITE_PARTS + 1]) {
    const suite_file *s = b->s;
    suite_cell c = {.target = &s->part[SUITE_TARGET][at[SUITE_TARGET]],
                    .network = &s->part[SUITE_NETWORK][at[SUITE_NETWORK]],
                    .method = &s->part[SUITE_METHOD][at[SUITE_METHOD]],
                    .seed = s->all.seeds[at[SUITE_SEED]]};
    if (!runs(&c, c.seed)) return 0;
    snprintf(c.id, sizeof c.id, "%s/%s/%s/%" PRIu64, c.target->name, c.network->name,
             c.method->name, c.seed);
    if (define(b, &c, &b->targets[at[SUITE_TARGET]])) {
        free(c.text);
        return -1;
    }
    if (c.hash) c.hash = fnv(c.hash, &c.seed, sizeof c.seed);
    if (c.hash && engine_uses_bf16()) c.hash = fnv(c.hash, "bf16", 4);
    b->cells[b->n++] = c;
    return 0;
}

/* Counts up at[], the last of order[] fastest; 0: through. */
static int next(const suite_file *s, int at[SUITE_PARTS + 1]) {
    for (int k = SUITE_PARTS; k >= 0; k--) {
        suite_kind kind = s->order[k];
        if (++at[kind] < (kind == SUITE_SEED ? s->all.n_seeds : s->n[kind])) return 1;
        at[kind] = 0;
    }
    return 0;
}

suite_cell *suite_cells(const suite_file *s, int *n, char *err) {
    int at[SUITE_PARTS + 1] = {0}, bad = 0;
    size_t room = (size_t)s->n[SUITE_TARGET] * (size_t)s->n[SUITE_NETWORK] *
                  (size_t)s->n[SUITE_METHOD] * (size_t)s->all.n_seeds;
    builder b = {.s = s,
                 .err = err,
                 .cells = calloc(room, sizeof(suite_cell)),
                 .targets = calloc((size_t)s->n[SUITE_TARGET], sizeof(target_facts))};
    if (!b.cells || !b.targets) bad = fail(err, "%s: not enough memory for its cells", s->path);
    if (!bad) do
            bad = add_cell(&b, at);
        while (!bad && next(s, at));
    if (!bad && !b.n)
        bad = fail(err, "%s: no cell is left of targets=, networks=, methods=, seeds=", s->path);
    free(b.targets);
    *n = b.n;
    if (!bad) return b.cells;
    suite_cells_free(b.cells, b.n);
    return NULL;
}

void suite_cells_free(suite_cell *cells, int n) {
    for (int i = 0; cells && i < n; i++) free(cells[i].text);
    free(cells);
}
