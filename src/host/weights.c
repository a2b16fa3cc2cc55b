/* weights.c - weights files: the host's format first and complete (stock.c), then a trailer of
 * ours. A file is read once into memory, measured, and taken from there. The trailer,
 * little-endian: "MPTRAIL1"  u32 version  u32 crc32 of the payload  u64 payload length  payload The
 * payload is a row of chunks: four letters, u64 length, bytes. Unknown chunks are passed over. PHI
 * 82 floats                       BNRM  biases of each [batchnorm], which the host does not store
 *     RUNS  running mean, variance of each [perturb], (C,4) + (C,4)
 *     ONEP  the running statistics of one pass (statistics.c): batch norms' in order, then
 * [perturb]s'; absent: none EMA   u64 steps averaged, then the live parameters in the order of
 * ema.c: everything else here, and the host's part, is of the average; in files to go on from VARS
 * the rolling variances as they are, where the host's part has the fork's (stock.c); in files to go
 * on from STEP  u64 seen, u64 seed, f32 t of inference LOOP  f64 moving average of the loss, f64
 * seconds so far; in files to go on from OPTM  i32 t, i32 adam; then per trainable layer weights,
 * biases, scales: m and v, or SGD's updates; then phi's */
#include "base/files.h"
#include "host/net_internal.h"
#include "host/weights_file.h"
#include <errno.h>
#include <math.h>

/* ---- a growing, or a read, row of bytes
 * ------------------------------------------------------------------------ */

typedef struct {
    unsigned char *p;
    size_t len, cap, at;
    int bad;
} bytes;

static void put(bytes *b, const void *p, size_t n) {
    if (b->bad) return;
    if (b->len + n > b->cap) {
        size_t cap = (b->len + n) * 2;
        unsigned char *q = realloc(b->p, cap);
        if (!q) {
            b->bad = 1;
            return;
        }
        b->p = q;
        b->cap = cap;
    }
    if (n) memcpy(b->p + b->len, p, n);
    b->len += n;
}

static void get(bytes *b, void *p, size_t n) {
    if (b->bad || b->len - b->at < n)
        b->bad = 1;
    else {
        if (n) memcpy(p, b->p + b->at, n);
        b->at += n;
    }
}

/* One walk over the state serves saving and loading: `move` is put or get. */
typedef void (*mover)(bytes *b, void *p, size_t n);
static void move_put(bytes *b, void *p, size_t n) { put(b, p, n); }
static void move_get(bytes *b, void *p, size_t n) { get(b, p, n); }

static void move_runs(host_net *h, bytes *b, mover move) {
    for (int k = 0; k < h->n_perturb; k++) {
        size_t n = sizeof(float) * PERTURB_K * (size_t)h->perturb[k].channels;
        move(b, h->perturb[k].mean, n);
        move(b, h->perturb[k].var, n);
    }
}

static void move_batchnorms(network *net, bytes *b, mover move) {
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type == BATCHNORM) move(b, l->biases, sizeof(float) * (size_t)l->c);
    }
}

static void move_progress(host_net *h, bytes *b, mover move) {
    move(b, &h->progress.average, sizeof h->progress.average);
    move(b, &h->progress.seconds, sizeof h->progress.seconds);
}

static void move_optimizer(network *net, host_net *h, bytes *b, mover move) {
    int adam = net->adam;
    move(b, net->t, sizeof *net->t);
    move(b, &adam, sizeof adam);
    if (adam != net->adam) { /* the file is of the other optimizer: its state means nothing here */
        b->bad = 1;
        return;
    }
    for (int i = 0; i < net->n; i++) {
        host_layer *hl = &h->layers[i];
        host_tensor t[3];
        if (hl->stock || !host_tensors(&net->layers[i], t)) continue;
        size_t n = t[0].n + t[1].n + t[2].n;
        if (!adam) {
            for (int k = 0; k < 3; k++) move(b, t[k].update, sizeof(float) * t[k].n);
            continue;
        }
        if (!hl->m) hl->m = calloc(n, sizeof(float));
        if (!hl->v) hl->v = calloc(n, sizeof(float));
        if (!hl->m || !hl->v) b->bad = 1;
        if (b->bad) return;
        move(b, hl->m, sizeof(float) * n);
        move(b, hl->v, sizeof(float) * n);
    }
    move(b, h->phi_m, sizeof h->phi_m);
    move(b, h->phi_v, sizeof h->phi_v);
    move(b, h->dphi, sizeof h->dphi);
}

/* ---- saving
 * ----------------------------------------------------------------------------------------------------
 */

static void begin_chunk(bytes *b, const char *tag, size_t *at) {
    uint64_t len = 0;
    put(b, tag, 4);
    *at = b->len;
    put(b, &len, sizeof len);
}

static void end_chunk(bytes *b, size_t at) {
    if (b->bad) return;
    uint64_t len = b->len - at - 8;
    memcpy(b->p + at, &len, sizeof len);
}

/* h->ema: the live parameters, as the layers hold the average. */
static void move_ema(network *net, host_net *h, bytes *b, mover move) {
    move(b, &h->ema_steps, sizeof h->ema_steps);
    move(b, h->ema, sizeof(float) * host_ema_len(h, net));
}

static void put_variances(const network *net, bytes *b) {
    size_t n = host_variances_len(net), at;
    float *p = malloc((n + 1) * sizeof *p);
    begin_chunk(b, "VARS", &at);
    if (p)
        host_variances(net, p, 0);
    else
        b->bad = 1;
    put(b, p, n * sizeof *p);
    end_chunk(b, at);
    free(p);
}

static void payload(network *net, host_net *h, int resume, bytes *b) {
    size_t at;
    uint64_t seen = *net->seen;
    if (h->shared.present) {
        begin_chunk(b, "PHI ", &at);
        put(b, h->phi, sizeof h->phi);
        end_chunk(b, at);
        begin_chunk(b, "RUNS", &at);
        move_runs(h, b, move_put);
        end_chunk(b, at);
    }
    if (h->one_pass) {
        begin_chunk(b, "ONEP", &at);
        put(b, h->spare, sizeof(float) * host_statistics_len(h, net));
        end_chunk(b, at);
    }
    begin_chunk(b, "BNRM", &at);
    move_batchnorms(net, b, move_put);
    end_chunk(b, at);
    begin_chunk(b, "STEP", &at);
    put(b, &seen, sizeof seen);
    put(b, &h->seed, sizeof h->seed);
    put(b, &h->t_infer, sizeof h->t_infer);
    end_chunk(b, at);
    if (!resume) return;
    if (h->progress.known) {
        begin_chunk(b, "LOOP", &at);
        move_progress(h, b, move_put);
        end_chunk(b, at);
    }
    if (h->epsilon == CFG_EPSILON_ALEXEYAB) put_variances(net, b);
    begin_chunk(b, "OPTM", &at);
    move_optimizer(net, h, b, move_put);
    end_chunk(b, at);
    if (!h->ema_steps) return;
    begin_chunk(b, "EMA ", &at);
    move_ema(net, h, b, move_put);
    end_chunk(b, at);
}

static int has_batchnorm(const network *net) {
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].type == BATCHNORM) return 1;
    return 0;
}

static int append_trailer(FILE *f, network *net, host_net *h, int resume) {
    bytes b = {0};
    payload(net, h, resume, &b);
    if (b.bad) {
        free(b.p);
        errno = ENOMEM;
        return -1;
    }
    unsigned char head[WEIGHTS_TRAILER_HEAD];
    weights_trailer_head(head, b.p, b.len);
    int ok = fwrite(head, sizeof head, 1, f) == 1 && fwrite(b.p, 1, b.len, f) == b.len;
    free(b.p);
    return ok ? 0 : -1;
}

/* Everything of the file into o, which is then closed. */
static int write_all(file_out *o, network *net, int layers, int trailer, int resume,
                     const char *path, char *err) {
    if (!host_stock_save(net, layers, o->f) &&
        (!trailer || !append_trailer(o->f, net, host_of(net), resume)))
        return file_out_close(o, err);
    int e = errno;
    file_out_abort(o);
    return fail(err, "%s: cannot write the weights: %s", path, strerror(e));
}

int host_save(network *net, const char *path, int resume, char *err) {
    host_net *h = host_of(net);
    file_out o;
    if (file_out_open(&o, path, err)) return -1;
    engine_read(h->e, NULL);
    host_ema_select(h, net, 1);
    host_statistics_select(h, net, 0);
    return write_all(&o, net, net->n, resume || h->shared.present || has_batchnorm(net), resume,
                     path, err);
}

int host_save_upto(network *net, const char *path, int end, char *err) {
    file_out o;
    if (file_out_open(&o, path, err)) return -1;
    engine_read(host_of(net)->e, NULL);
    return write_all(&o, net, end, 0, 0, path, err);
}

/* ---- loading
 * ---------------------------------------------------------------------------------------------------
 */

/* The payload's chunk `tag` as a row of its own, or a bad one. */
static bytes find_chunk(const bytes *payload, const char *tag) {
    bytes all = *payload, none = {.bad = 1};
    all.at = 0;
    while (!all.bad && all.at < all.len) {
        char name[4];
        uint64_t len;
        get(&all, name, 4);
        get(&all, &len, sizeof len);
        if (all.bad || len > all.len - all.at) return none;
        if (!memcmp(name, tag, 4)) return (bytes){.p = all.p + all.at, .len = (size_t)len};
        all.at += (size_t)len;
    }
    return none;
}

static int chunk_ok(const bytes *b) { return !b->bad && b->at == b->len; }

static size_t runs_bytes(const host_net *h) {
    size_t n = 0;
    for (int k = 0; k < h->n_perturb; k++)
        n += 2 * sizeof(float) * PERTURB_K * (size_t)h->perturb[k].channels;
    return n;
}

static int read_chunks(network *net, host_net *h, const bytes *all, int flags, const char *path,
                       char *err) {
    bytes b = find_chunk(all, "RUNS");
    if (h->shared.present && !b.bad) {
        if (b.len != runs_bytes(h))
            return fail(
                err, "%s: its running statistics are of other [perturb] layers than this cfg has",
                path);
        move_runs(h, &b, move_get);
    }
    b = find_chunk(all, "ONEP");
    if (h->n_perturb && !b.bad) {
        get(&b, h->spare, sizeof(float) * host_statistics_len(h, net));
        if (!chunk_ok(&b))
            return fail(err, "%s: its statistics of one pass are of other layers than this cfg has",
                        path);
        h->one_pass = 1;
    }
    b = find_chunk(all, "PHI ");
    /* A phi named in the cfg wins: the user swaps it there. Another phi makes other statistics. */
    if (h->shared.present && !b.bad && !h->phi_from_file)
        get(&b, h->phi, sizeof h->phi);
    else if (!b.bad && b.len == sizeof h->phi && memcmp(b.p, h->phi, sizeof h->phi))
        host_statistics_drop(h, net);
    b = find_chunk(all, "BNRM");
    if (!b.bad) move_batchnorms(net, &b, move_get);
    b = find_chunk(all, "STEP");
    uint64_t seen;
    get(&b, &seen, sizeof seen);
    get(&b, &h->seed, sizeof h->seed);
    get(&b, &h->t_infer, sizeof h->t_infer);
    if (!chunk_ok(&b)) return fail(err, "%s: its trailer does not fit this network", path);
    b = find_chunk(all, "LOOP");
    if (!b.bad && !(flags & HOST_CLEAR)) {
        move_progress(h, &b, move_get);
        h->progress.known = chunk_ok(&b) && isfinite(h->progress.average) &&
                            isfinite(h->progress.seconds);
    }
    b = find_chunk(all, "OPTM");
    if (!b.bad && !(flags & HOST_CLEAR)) {
        move_optimizer(net, h, &b, move_get);
        if (!chunk_ok(&b))
            return fail(
                err,
                "%s: its optimizer state does not fit this cfg (adam=, layers); use -clear to start "
                "a new run from its weights",
                path);
    }
    b = find_chunk(all, "EMA ");
    if (!b.bad && h->ema && !(flags & HOST_CLEAR)) {
        move_ema(net, h, &b, move_get);
        if (!chunk_ok(&b)) {
            host_ema_drop(h);
            return fail(
                err,
                "%s: the parameters behind its average do not fit this cfg (layers, [meta_shared] train); use -clear to "
                "start a new run from the average",
                path);
        }
        h->ema_in = 1;
    }
    return 0;
}

/* What another epsilon in the host's part has rounded (stock.c). */
static void exact_variances(network *net, const bytes *all) {
    bytes b = find_chunk(all, "VARS");
    size_t n = host_variances_len(net);
    float *p = b.bad || b.len != n * sizeof *p ? NULL : malloc(b.len + 1);
    if (!p) return;
    get(&b, p, b.len);
    host_variances(net, p, 1);
    free(p);
}

typedef struct {
    long long head, stock;
    int layers;
} extent;

/* Does the cfg leave out parts of a file? What stands after the parts it takes may then be the
 * rest. */
static int takes_parts(const network *net) {
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->dontload || l->dontloadscales || l->numload) return 1;
    }
    return 0;
}

/* Where the host's part ends, by the sizes of this network's layers; layers == net->n: complete. */
static int measure(const network *net, const unsigned char *p, size_t len, const char *path,
                   extent *x, char *err) {
    weights_head head;
    if (weights_head_read(p, len, path, &head, err)) return -1;
    x->head = (long long)head.bytes;
    long long at = x->head, size = (long long)len, best = -1, need = at;
    int fits = 1;
    for (int i = 0; i < net->n; i++) {
        long long k = host_file_floats(&net->layers[i], &head);
        need += 4 * k;
        fits = fits && at + 4 * k <= size;
        if (!fits) continue;
        at += 4 * k;
        if (at == size && k) best = i + 1;
    }
    x->layers = need <= size ? net->n : (int)best;
    x->stock = need <= size ? need : size;
    const unsigned char *payload;
    size_t n;
    char ignored[ERR_LEN];
    if (need < size && takes_parts(net) &&
        weights_trailer(p + need, (size_t)(size - need), path, &payload, &n, ignored))
        x->stock = size;
    if (x->layers > 0) return 0;
    return fail(
        err,
        "%s: %lld bytes, but this cfg needs %lld: weights of another network or number of classes (`metaperturb "
        "weights partial` cuts off what does not fit), or a file cut short",
        path, size, need);
}

static int load_checked(network *net, unsigned char *p, size_t len, const char *path, int flags,
                        char *err) {
    host_net *h = host_of(net);
    extent x;
    const unsigned char *payload;
    size_t n;
    if (measure(net, p, len, path, &x, err)) return -1;
    if (weights_trailer(p + x.stock, len - (size_t)x.stock, path, &payload, &n, err)) return -1;
    bytes trailer = {.p = (unsigned char *)payload, .len = n};
    if (weights_finite(p, (size_t)x.head, (size_t)x.stock, path, err)) return -1;
    if (x.layers < net->n) {
        if (!(flags & HOST_PARTIAL_OK))
            return fail(err, "%s: holds the weights of the first %d layers only, this cfg has %d",
                        path, x.layers, net->n);
        fprintf(stderr, "%s: the first %d layers of %d; the others stay as they were\n", path,
                x.layers, net->n);
    }
    engine_read(h->e, NULL);
    host_statistics_drop(h, net);
    host_ema_drop(h);
    h->progress.known = 0;
    if (trailer.p && read_chunks(net, h, &trailer, flags, path, err)) return -1;
    if (host_stock_load(net, p, len, path, 0, x.layers, err)) return -1;
    exact_variances(net, &trailer);
    memcpy(h->file_version, p, sizeof h->file_version);
    if (flags & HOST_CLEAR) {
        *net->seen = 0;
        h->t_infer = 1;
    }
    engine_changed(h->e, NULL);
    return 0;
}

const int *host_file_version(const host_net *h) { return h->file_version; }

int host_load(network *net, const char *path, int flags, char *err) {
    size_t len;
    unsigned char *p = file_slurp(path, &len, err);
    if (!p) return -1;
    int r = load_checked(net, p, len, path, flags, err);
    free(p);
    return r;
}
