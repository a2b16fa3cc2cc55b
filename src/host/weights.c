/* weights.c - weights files: the host's format first and complete (stock.c), then a trailer of
 * ours (trailer.c). A file is read once into memory, measured, and taken from there. */
#include "base/files.h"
#include "host/net_internal.h"
#include "host/weights_file.h"
#include <errno.h>

static int has_batchnorm(const network *net) {
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].type == BATCHNORM) return 1;
    return 0;
}

/* Everything of the file into o, which is then closed. */
static int write_all(file_out *o, network *net, int layers, int trailer, int resume,
                     const char *path, char *err) {
    if (!host_stock_save(net, layers, o->f) && (!trailer || !host_trailer_save(net, resume, o->f)))
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
    /* Without noise (cool=) the file is a plain network's, for stock programs too: it has the
     * statistics of one pass in the place where they look. */
    int plain = !resume && h->one_pass && h->t_infer == 0;
    host_statistics_select(h, net, plain);
    if (plain) h->one_pass = 0;
    int bad = write_all(&o, net, net->n, resume || h->shared.present || has_batchnorm(net), resume,
                        path, err);
    if (plain) h->one_pass = 1;
    return bad;
}

int host_save_upto(network *net, const char *path, int end, char *err) {
    file_out o;
    if (file_out_open(&o, path, err)) return -1;
    engine_read(host_of(net)->e, NULL);
    return write_all(&o, net, end, 0, 0, path, err);
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
    return fail(err,
                "%s: %lld bytes, but this cfg needs %lld: weights of another network or number of "
                "classes (`metaperturb "
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
    if (host_trailer_check(net, payload, n, flags, path, err)) return -1;
    if (weights_finite(p, (size_t)x.head, (size_t)x.stock, path, err)) return -1;
    if (x.layers < net->n) {
        if (!(flags & HOST_PARTIAL_OK))
            return fail(err, "%s: holds the weights of the first %d layers only, this cfg has %d",
                        path, x.layers, net->n);
        if (host_stock_fits(net, p, len, path, x.layers, err)) return -1;
        fprintf(stderr, "%s: the first %d layers of %d; the others stay as they were\n", path,
                x.layers, net->n);
    }
    engine_read(h->e, NULL);
    host_statistics_drop(h, net);
    host_ema_drop(h);
    h->progress.known = 0;
    h->t_infer = 1; /* files with a trailer say it */
    host_trailer_load(net, payload, n, flags, 0);
    if (host_stock_load(net, p, len, path, 0, x.layers, err)) return -1;
    if (!payload && host_cooled(h, net)) h->t_infer = 0;
    host_trailer_load(net, payload, n, flags, 1);
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
