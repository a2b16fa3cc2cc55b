/* body.c - the weights that fine-tuning begins with: a stock file's, the last layer's only where
 * they fit; see net.h */
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

/* How many outputs the file's last layer has: what lies behind it is nothing, or a sound trailer.
 * -1: no number does. */
static long long outputs_of(unsigned char *p, size_t len, size_t at, size_t each,
                            const char *path) {
    char ignored[ERR_LEN];
    for (long long k = 0; at <= len; k++, at += each) {
        if (!weights_trailer_chunks(p + at, len - at, path, NULL, NULL, ignored)) return k;
    }
    return -1;
}

/* A file and its last layer, that of the network too: outputs there (-1: the rest does not fit) and
 * here. */
typedef struct {
    unsigned char *p;
    size_t len;
    int head;
    long long found, own;
} body;

static int read_body(const network *net, const char *path, body *b, char *err) {
    weights_head begin;
    *b = (body){.head = last_with_weights(net), .found = -1};
    b->p = file_slurp(path, &b->len, err);
    if (!b->p || weights_head_read(b->p, b->len, path, &begin, err)) return -1;
    if (b->head < 0) return 0;
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

int host_load_body(network *net, const char *path, char *err) {
    body b;
    if (read_body(net, path, &b, err)) {
        free(b.p);
        return -1;
    }
    if (b.found < 0) {
        free(b.p);
        return fail(
            err,
            "%s: its layers do not fit this network (only the outputs of the last one may be others): weights of another "
            "network, or a file cut short",
            path);
    }
    weights_head begin;
    int layers = b.found == b.own ? net->n : b.head;
    if (weights_head_read(b.p, b.len, path, &begin, err) ||
        weights_finite(b.p, begin.bytes, bytes_before(net, &begin, layers), path, err)) {
        free(b.p);
        return -1;
    }
    host_net *h = host_of(net);
    engine_read(host_engine(h), NULL);
    host_statistics_drop(h, net);
    int bad = host_stock_load(net, b.p, b.len, path, 0, layers, err);
    free(b.p);
    *net->seen = 0;
    engine_changed(host_engine(h), NULL);
    return bad;
}
