/* trailer.c - what a weights file holds after the host's part (weights_file.h has its frame): a
 * row of chunks, each four letters, u64 length, bytes, all little-endian. Unknown chunks are passed
 * over; those that a file has and this network takes are checked, all of them, before the first
 * changes anything. */
#include "host/net_internal.h"
#include <errno.h>
#include <math.h>

/* One walk over the state serves measuring (p NULL), saving and loading. */
typedef struct {
    unsigned char *p;
    size_t at;
    int load, bad; /* bad: no memory */
} walk;

static void move(walk *w, void *p, size_t n) {
    if (w->p && n) memcpy(w->load ? p : w->p + w->at, w->load ? w->p + w->at : p, n);
    w->at += n;
}

/* A phi that the cfg names wins: the user swaps it there. Another phi makes other statistics. */
static void move_phi(network *net, host_net *h, walk *w) {
    float named[PHI_LEN];
    int wins = w->load && h->phi_from_file;
    move(w, wins ? named : h->phi, sizeof h->phi);
    if (wins && memcmp(named, h->phi, sizeof named)) host_statistics_drop(h, net);
}

static void move_runs(network *net, host_net *h, walk *w) {
    for (int k = 0; k < h->n_perturb; k++) {
        size_t n = sizeof(float) * PERTURB_K * (size_t)h->perturb[k].channels;
        move(w, h->perturb[k].mean, n);
        move(w, h->perturb[k].var, n);
    }
}

static void move_one_pass(network *net, host_net *h, walk *w) {
    move(w, h->spare, sizeof(float) * host_statistics_len(h, net));
    if (w->load) h->one_pass = 1;
}

static void move_batchnorms(network *net, host_net *h, walk *w) {
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type == BATCHNORM) move(w, l->biases, sizeof(float) * (size_t)l->c);
    }
}

static void move_step(network *net, host_net *h, walk *w) {
    uint64_t seen = *net->seen; /* loaded from the host's header */
    move(w, &seen, sizeof seen);
    move(w, &h->seed, sizeof h->seed);
    move(w, &h->t_infer, sizeof h->t_infer);
}

static void move_adaptation(network *net, host_net *h, walk *w) {
    move(w, &h->adapt, sizeof h->adapt);
}

static void move_progress(network *net, host_net *h, walk *w) {
    host_progress *p = &h->progress;
    move(w, &p->average, sizeof p->average);
    move(w, &p->seconds, sizeof p->seconds);
    if (w->load) p->known = isfinite(p->average) && isfinite(p->seconds);
}

/* What another epsilon in the host's part has rounded (stock.c). */
static void move_variances(network *net, host_net *h, walk *w) {
    if (w->p) host_variances(net, (float *)(void *)(w->p + w->at), w->load);
    w->at += sizeof(float) * host_variances_len(net);
}

static void move_moments(host_layer *hl, size_t n, walk *w) {
    if (!hl->m) hl->m = calloc(n, sizeof(float));
    if (!hl->v) hl->v = calloc(n, sizeof(float));
    w->bad |= !hl->m || !hl->v;
    if (w->bad) return;
    move(w, hl->m, sizeof(float) * n);
    move(w, hl->v, sizeof(float) * n);
}

static void move_optimizer(network *net, host_net *h, walk *w) {
    int adam = net->adam;
    move(w, net->t, sizeof *net->t);
    move(w, &adam, sizeof adam);
    for (int i = 0; i < net->n; i++) {
        host_tensor t[3];
        if (!host_tensors(&h->layers[i], &net->layers[i], t)) continue;
        if (adam)
            move_moments(&h->layers[i], t[0].n + t[1].n + t[2].n, w);
        else
            for (int k = 0; k < 3; k++) move(w, t[k].update, sizeof(float) * t[k].n);
    }
    move(w, h->phi_m, sizeof h->phi_m);
    move(w, h->phi_v, sizeof h->phi_v);
    move(w, h->dphi, sizeof h->dphi);
}

/* h->ema: the live parameters, as the layers hold the average. */
static void move_ema(network *net, host_net *h, walk *w) {
    move(w, &h->ema_steps, sizeof h->ema_steps);
    move(w, h->ema, sizeof(float) * host_ema_len(h, net));
    if (w->load) h->ema_in = 1;
}

static int shared(const host_net *h) { return h->shared.present; }
static int perturbs(const host_net *h) { return h->n_perturb > 0; }
static int one_pass(const host_net *h) { return h->one_pass; }
static int progress(const host_net *h) { return h->progress.known; }
static int fork_epsilon(const host_net *h) { return h->epsilon == CFG_EPSILON_ALEXEYAB; }
static int adapts(const host_net *h) { return h->shared.adapt > 0; }
static int averages(const host_net *h) { return h->ema != NULL; }
static int averaged(const host_net *h) { return h->ema_steps > 0; }

#define MISFIT "its trailer does not fit this network"
enum { RESUME = 1, RUN = 2, REQUIRED = 4, LATE_ROW = 8 };
/* RESUME: only in files to go on from. RUN: not for a run that starts anew (HOST_CLEAR). LATE_ROW:
 * loaded after the host's part. written, taken: is it there to be saved, has it a place here; NULL:
 * always. */
typedef struct {
    char tag[5];
    int flags;
    int (*written)(const host_net *h), (*taken)(const host_net *h);
    void (*move)(network *net, host_net *h, walk *w);
    const char *misfit;
} row;
static const row rows[] = {
    /* 82 floats */
    {"PHI ", 0, shared, shared, move_phi, MISFIT},
    /* running mean, variance of each [perturb]: (C,4) + (C,4) */
    {"RUNS", 0, shared, shared, move_runs,
     "its running statistics are of other [perturb] layers than this cfg has"},
    /* the running statistics of one pass (statistics.c): batch norms' in order, then [perturb]s' */
    {"ONEP", 0, one_pass, perturbs, move_one_pass,
     "its statistics of one pass are of other layers than this cfg has"},
    /* biases of each [batchnorm], which the host does not store */
    {"BNRM", 0, NULL, NULL, move_batchnorms, MISFIT},
    /* u64 seen, u64 seed, f32 t of inference */
    {"STEP", REQUIRED, NULL, NULL, move_step, MISFIT},
    /* f32 share of pictures known, f32 share of the noise, i32 are they known (adapt.c) */
    {"ADPT", RESUME | RUN, adapts, adapts, move_adaptation, MISFIT},
    /* f64 moving average of the loss, f64 seconds so far */
    {"LOOP", RESUME | RUN, progress, NULL, move_progress, MISFIT},
    /* the rolling variances as they are, where the host's part has the fork's (stock.c) */
    {"VARS", RESUME | LATE_ROW, fork_epsilon, NULL, move_variances, MISFIT},
    /* i32 t, i32 adam; per trainable layer of weights, biases, scales: m and v, or SGD's updates;
     * then phi's */
    {"OPTM", RESUME | RUN, NULL, NULL, move_optimizer,
     "its optimizer state does not fit this cfg (adam=, layers); use -clear to start a new run "
     "from its weights"},
    /* u64 steps averaged, then the live parameters in the order of ema.c: everything else in the
     * file is of the average */
    {"EMA ", RESUME | RUN, averaged, averages, move_ema,
     "the parameters after its average do not fit this cfg (layers, [meta_shared] train); use "
     "-clear to start a new run "
     "from the average"},
};
enum { ROWS = sizeof rows / sizeof *rows, CHUNK_HEAD = 12 };

/* ---- saving ---- */

/* All chunks at p, or only measured; their bytes, 0: no memory. */
static size_t save(network *net, host_net *h, int resume, unsigned char *p) {
    walk w = {.p = p};
    for (int i = 0; i < ROWS; i++) {
        const row *r = &rows[i];
        if ((r->flags & RESUME && !resume) || (r->written && !r->written(h))) continue;
        size_t head = w.at;
        w.at += CHUNK_HEAD;
        r->move(net, h, &w);
        uint64_t len = w.at - head - CHUNK_HEAD;
        if (!p) continue;
        memcpy(p + head, r->tag, 4);
        memcpy(p + head + 4, &len, sizeof len);
    }
    return w.bad ? 0 : w.at;
}

int host_trailer_save(network *net, int resume, FILE *f) {
    unsigned char head[WEIGHTS_TRAILER_HEAD];
    size_t n = save(net, host_of(net), resume, NULL);
    unsigned char *p = n ? malloc(n) : NULL;
    if (!p) {
        errno = ENOMEM;
        return -1;
    }
    save(net, host_of(net), resume, p);
    weights_trailer_head(head, p, n);
    int ok = fwrite(head, sizeof head, 1, f) == 1 && fwrite(p, 1, n, f) == n;
    free(p);
    return ok ? 0 : -1;
}

/* ---- loading ---- */

/* The bytes of the chunk, *len of them, or NULL. */
static const unsigned char *find(const unsigned char *p, size_t n, const char *tag, size_t *len) {
    for (uint64_t has; n >= CHUNK_HEAD; p += has, n -= (size_t)has) {
        memcpy(&has, p + 4, sizeof has);
        if (has > n - CHUNK_HEAD) return NULL;
        *len = (size_t)has;
        if (!memcmp(p, tag, 4)) return p + CHUNK_HEAD;
        has += CHUNK_HEAD;
    }
    return NULL;
}

static int is_taken(const row *r, const host_net *h, int load_flags) {
    return !(r->flags & RUN && load_flags & HOST_CLEAR) && (!r->taken || r->taken(h));
}

/* Is the chunk as long as this network makes it, and of the same optimizer? */
static int fits(const row *r, network *net, const unsigned char *p, size_t len) {
    walk w = {0};
    int adam;
    r->move(net, host_of(net), &w);
    if (w.bad || w.at != len) return 0;
    if (r->move != move_optimizer) return 1;
    memcpy(&adam, p + sizeof *net->t, sizeof adam);
    return adam == net->adam;
}

int host_trailer_check(network *net, const unsigned char *payload, size_t n, int load_flags,
                       const char *path, char *err) {
    for (int i = 0; payload && i < ROWS; i++) {
        const row *r = &rows[i];
        size_t len;
        const unsigned char *p = find(payload, n, r->tag, &len);
        if (!p && r->flags & REQUIRED) return fail(err, "%s: %s", path, r->misfit);
        if (p && is_taken(r, host_of(net), load_flags) && !fits(r, net, p, len))
            return fail(err, "%s: %s", path, r->misfit);
    }
    return 0;
}

/* From the last to the first: PHI can make void what ONEP brought. */
void host_trailer_load(network *net, const unsigned char *payload, size_t n, int load_flags,
                       int late) {
    host_net *h = host_of(net);
    for (int i = ROWS - 1; payload && i >= 0; i--) {
        const row *r = &rows[i];
        size_t len;
        const unsigned char *p = find(payload, n, r->tag, &len);
        if (!p || !(r->flags & LATE_ROW) != !late || !is_taken(r, h, load_flags)) continue;
        walk w = {.p = (unsigned char *)p, .load = 1};
        r->move(net, h, &w);
    }
}
