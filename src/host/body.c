/* body.c - the weights that fine-tuning begins with: a stock file's, but for what its number of
 * classes makes other: the last layer with weights, or the convolutions before several heads; see
 * net.h */
#include "base/files.h"
#include "host/net_internal.h"
#include "host/weights_file.h"

/* The last layer that has weights, a [convolutional] or [connected]; -1: another, none, or weights
 * that cannot be counted. */
static int last_with_weights(const network *net) {
    int last = -1;
    for (int i = 0; i < net->n; i++) {
        if (host_layer_floats(&net->layers[i]) > 0) last = i;
    }
    if (last < 0) return -1;
    LAYER_TYPE t = net->layers[last].type;
    return t == CONVOLUTIONAL || t == CONNECTED ? last : -1;
}

/* Bytes from the start of the file to the end of layer `n` - 1. */
static size_t bytes_before(const network *net, const weights_head *head, int n) {
    long long k = (long long)head->bytes;
    for (int i = 0; i < n; i++) k += 4 * host_file_floats(&net->layers[i], head);
    return (size_t)k;
}

/* How many outputs the file's last layer has: what lies after it is nothing, or a sound trailer.
 * -1: no number does. */
static long long outputs_of(unsigned char *p, size_t len, size_t at, size_t each,
                            const char *path) {
    char ignored[ERR_LEN];
    for (long long k = 0; at <= len; k++, at += each) {
        if (!weights_trailer_chunks(p + at, len - at, path, NULL, NULL, ignored)) return k;
    }
    return -1;
}

/* ---- several heads ---- */

static int is_head(const layer *l) { return l->type == YOLO || l->type == REGION; }

static int heads_of(const network *net) {
    int n = 0;
    for (int i = 0; i < net->n; i++) n += is_head(&net->layers[i]);
    return n;
}

/* Filters of layer i for so many classes, where a head follows; else 0. */
static long long head_filters(const network *net, int i, long long classes) {
    const layer *l = &net->layers[i];
    if (i + 1 >= net->n || l->type != CONVOLUTIONAL || !is_head(l + 1)) return 0;
    return l[1].n * (classes + (l[1].type == YOLO ? 5 : l[1].coords + 1));
}

/* Floats of layer i in a file of so many classes; -1: they cannot be told. */
static long long floats_for(const network *net, int i, long long classes,
                            const weights_head *head) {
    const layer *l = &net->layers[i];
    long long n = head_filters(net, i, classes), own = host_file_floats(l, head);
    if (!n) return own;
    if (l->batch_normalize || l->flipped || l->dontload || l->numload) return -1;
    return own / l->n * n;
}

static long long bytes_for(const network *net, long long classes, const weights_head *head) {
    long long sum = (long long)head->bytes;
    int known = 0;
    for (int i = 0; i < net->n; i++) {
        long long k = floats_for(net, i, classes, head);
        if (k < 0) return -1;
        known += head_filters(net, i, classes) > 0;
        sum += 4 * k;
    }
    return known == heads_of(net) ? sum : -1;
}

/* For how many classes the file is; -1: for no number does it fit. */
static long long classes_of(const network *net, unsigned char *p, size_t len,
                            const weights_head *head, const char *path) {
    char ignored[ERR_LEN];
    for (long long k = 1, at; (at = bytes_for(net, k, head)) > 0 && at <= (long long)len; k++)
        if (!weights_trailer_chunks(p + at, len - (size_t)at, path, NULL, NULL, ignored)) return k;
    return -1;
}

/* The file's stock part as if it were for this network's classes, with the network's own weights in
 * the convolutions before its heads. NULL: no memory. */
static unsigned char *fitted(const network *net, const unsigned char *p, long long classes,
                             const weights_head *head, size_t *len) {
    *len = bytes_before(net, head, net->n);
    unsigned char *out = malloc(*len), *to = out;
    if (!out) return NULL;
    memcpy(to, p, head->bytes);
    to += head->bytes;
    p += head->bytes;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        size_t n = 4 * (size_t)host_file_floats(l, head), biases = 4 * (size_t)l->n;
        if (head_filters(net, i, classes)) {
            memcpy(to, l->biases, biases);
            memcpy(to + biases, l->weights, n - biases);
        } else if (n)
            memcpy(to, p, n);
        to += n;
        p += 4 * floats_for(net, i, classes, head);
    }
    return out;
}

/* ---- any network ---- */

/* A file, and outputs of its last layer with weights, which is that of the network too: there (-1:
 * the rest does not fit) and here. Of several heads: classes. */
typedef struct {
    unsigned char *p;
    size_t len;
    int head, several;
    long long found, own;
} body;

static int read_body(const network *net, const char *path, body *b, char *err) {
    weights_head begin;
    *b = (body){.head = last_with_weights(net), .found = -1, .several = heads_of(net) > 1};
    b->p = file_slurp(path, &b->len, err);
    if (!b->p || weights_head_read(b->p, b->len, path, &begin, err)) return -1;
    if (b->head < 0) return 0;
    if (b->several) {
        b->own = net->layers[net->n - 1].classes;
        b->found = classes_of(net, b->p, b->len, &begin, path);
        return 0;
    }
    const layer *l = &net->layers[b->head];
    b->own = l->type == CONVOLUTIONAL ? l->n : l->outputs;
    b->found = outputs_of(b->p, b->len, bytes_before(net, &begin, b->head),
                          (size_t)(4 * host_layer_floats(l) / b->own), path);
    return 0;
}

int host_other_outputs(const network *net, const char *path) {
    char err[ERR_LEN];
    body b;
    int other = !read_body(net, path, &b, err) && b.found > 0 && b.found != b.own;
    free(b.p);
    return other;
}

static int take_fitted(const network *net, body *b, const weights_head *head, const char *path,
                       char *err) {
    unsigned char *p = fitted(net, b->p, b->found, head, &b->len);
    if (!p) return fail(err, "%s: not enough memory to read it", path);
    free(b->p);
    b->p = p;
    return 0;
}

int host_load_body(network *net, const char *path, char *err) {
    body b;
    if (read_body(net, path, &b, err)) {
        free(b.p);
        return -1;
    }
    if (b.found < 0) {
        free(b.p);
        return fail(err,
                    "%s: its layers do not fit this network (only %s): weights of another network, "
                    "or a file cut short",
                    path,
                    b.several ? "the number of classes may be another"
                              : "the outputs of the last one may be others");
    }
    weights_head begin;
    int layers = b.several || b.found == b.own ? net->n : b.head;
    host_net *h = host_of(net);
    engine_read(host_engine(h), NULL);
    if (weights_head_read(b.p, b.len, path, &begin, err) ||
        (b.several && b.found != b.own && take_fitted(net, &b, &begin, path, err)) ||
        weights_finite(b.p, begin.bytes, bytes_before(net, &begin, layers), path, err) ||
        host_stock_fits(net, b.p, b.len, path, layers, err)) {
        free(b.p);
        return -1;
    }
    host_statistics_drop(h, net);
    int bad = host_stock_load(net, b.p, b.len, path, 0, layers, err);
    free(b.p);
    *net->seen = 0;
    engine_changed(host_engine(h), NULL);
    return bad;
}
