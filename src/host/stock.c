/* stock.c - the host's part of weights files: a head (weights_file.h), then layer by layer the
 * arrays that parts_of lists. We read it from memory and write it ourselves, where errors are seen
 * and nothing is printed; the host would open the file again, by its name.
 *
 * Batch norm of Darknet in inference: (x - m)/(sqrt(v) + 1e-6). Of the AlexeyAB fork: (x -
 * m)/sqrt(u + 1e-5). For every u there is a v that makes both the same, sqrt(v) + 1e-6 = sqrt(u +
 * 1e-5), and what training here collects is such a v (it adds 1e-5). So networks in memory always
 * hold v, every back end computes Darknet's formula, and only files know u: those whose header is
 * the fork's, or whose cfg says bn_epsilon=alexeyab. The other way round u may come out below 0, if
 * v is below 1e-5, which no training here and no file of the fork gives; then it is 0.
 *
 * The fork also stores the biases of a [batchnorm], before all else of the layer. */
#include "host/net_internal.h"
#include "ops/batch_norm.h"
#include <math.h>

typedef struct {
    float *p;
    size_t n;
    int variances;
} part;
enum { PARTS = 5 };

static float to_host(float u) {
    double r = sqrt((double)u + BN_BATCH_EPS) - BN_INFERENCE_EPS;
    return (float)(r * r);
}

static float to_fork(float v) {
    double r = sqrt((double)v) + BN_INFERENCE_EPS, u = r * r - BN_BATCH_EPS;
    return u < 0 ? 0 : (float)u; /* a NaN stays */
}

static int put_norm(const layer *l, size_t n, part *out) {
    out[0] = (part){l->scales, n, 0};
    out[1] = (part){l->rolling_mean, n, 0};
    out[2] = (part){l->rolling_variance, n, 1};
    return 3;
}

/* The arrays of a layer in the order of the file; loading: without what the cfg says not to load;
 * fork: of the fork's files. */
static int parts_of(const layer *l, int loading, int fork, part out[PARTS]) {
    size_t n = (size_t)l->n, outputs = (size_t)l->outputs, size = (size_t)l->size;
    int norm = l->batch_normalize && !(loading && l->dontloadscales), k = 0;
    if (loading ? l->dontload : l->dontsave) return 0;
    switch (l->type) {
    case CONVOLUTIONAL:
    case DECONVOLUTIONAL: {
        size_t each = (size_t)l->nweights / n;
        if (loading && l->numload) n = (size_t)l->numload;
        out[k++] = (part){l->biases, n, 0};
        if (norm) k += put_norm(l, n, out + k);
        out[k++] = (part){l->weights, each * n, 0};
        return k;
    }
    case CONNECTED:
        out[k++] = (part){l->biases, outputs, 0};
        out[k++] = (part){l->weights, outputs * (size_t)l->inputs, 0};
        if (norm) k += put_norm(l, outputs, out + k);
        return k;
    case BATCHNORM:
        if (fork) out[k++] = (part){l->biases, (size_t)l->c, 0};
        return k + put_norm(l, (size_t)l->c, out + k);
    case LOCAL:
        out[k++] = (part){l->biases, outputs, 0};
        out[k++] = (part){l->weights, size * size * (size_t)l->c * outputs, 0};
        return k;
    case UPSAMPLE: /* it stands for a layer of the fork */
        if (!l->nweights) return 0;
        out[k++] = (part){l->weights, (size_t)l->nweights, 0};
        return k;
    default: return 0;
    }
}

static long long floats(const layer *l, int fork) {
    part all[PARTS];
    long long sum = 0;
    for (int n = parts_of(l, 1, fork, all), k = 0; k < n; k++) sum += (long long)all[k].n;
    return sum;
}

long long host_layer_floats(const layer *l) { return floats(l, 0); }
long long host_file_floats(const layer *l, const weights_head *head) {
    return floats(l, head->fork);
}

static size_t variances(const layer *l, float **p) {
    part all[PARTS];
    for (int n = parts_of(l, 0, 0, all), k = 0; k < n; k++) {
        *p = all[k].p;
        if (all[k].variances && all[k].p) return all[k].n;
    }
    return 0;
}

size_t host_variances_len(const network *net) {
    float *v;
    size_t n = 0;
    for (int i = 0; i < net->n; i++) n += variances(&net->layers[i], &v);
    return n;
}

void host_variances(const network *net, float *p, int set) {
    float *v;
    for (int i = 0; i < net->n; i++) {
        size_t n = variances(&net->layers[i], &v);
        if (n) memcpy(set ? v : p, set ? p : v, n * sizeof *p);
        p += n;
    }
}

static int is_fork(const host_net *h, const weights_head *head) {
    return h->epsilon == CFG_EPSILON_HEADER ? head->fork : h->epsilon == CFG_EPSILON_ALEXEYAB;
}

/* `flipped=1`: the file holds the weights as (inputs of a filter) x filters. */
static int flip(const layer *l) {
    size_t cols = (size_t)l->n, rows = (size_t)l->nweights / cols;
    float *t = malloc(rows * cols * sizeof *t);
    if (!t) return -1;
    memcpy(t, l->weights, rows * cols * sizeof *t);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < cols; k++) l->weights[k * rows + i] = t[i * cols + k];
    free(t);
    return 0;
}

static int below_0(const unsigned char *p, size_t n) {
    float v;
    for (size_t j = 0; j < n; j++) {
        memcpy(&v, p + j * sizeof v, sizeof v);
        if (v < 0) return 1;
    }
    return 0;
}

int host_stock_fits(const network *net, const unsigned char *p, size_t len, const char *path,
                    int end, char *err) {
    weights_head head;
    part all[PARTS];
    if (weights_head_read(p, len, path, &head, err)) return -1;
    const unsigned char *at = p + head.bytes;
    for (int i = 0; i < end && i < net->n; i++)
        for (int n = parts_of(&net->layers[i], 1, head.fork, all), k = 0; k < n; k++) {
            /* Too short a file is told when it is read. */
            if ((size_t)(p + len - at) / sizeof(float) < all[k].n) return 0;
            if (all[k].variances && below_0(at, all[k].n))
                return fail(err,
                            "%s: its numbers are not those of layer %d, where a variance would "
                            "be below 0: weights of another network",
                            path, i);
            at += all[k].n * sizeof(float);
        }
    return 0;
}

int host_stock_load(network *net, const unsigned char *p, size_t len, const char *path, int start,
                    int end, char *err) {
    weights_head head;
    part all[PARTS];
    if (weights_head_read(p, len, path, &head, err)) return -1;
    const unsigned char *at = p + head.bytes;
    int convert = is_fork(host_of(net), &head);
    *net->seen = (size_t)head.seen;
    for (int i = start; i < end && i < net->n; i++) {
        const layer *l = &net->layers[i];
        int n = parts_of(l, 1, head.fork, all);
        for (int k = 0; k < n; k++) {
            size_t bytes = all[k].n * sizeof(float);
            if ((size_t)(p + len - at) < bytes)
                return fail(err,
                            "%s: ends inside layer %d: cut short, or weights of another network",
                            path, i);
            memcpy(all[k].p, at, bytes);
            at += bytes;
            if (all[k].variances && convert)
                for (size_t j = 0; j < all[k].n; j++) all[k].p[j] = to_host(all[k].p[j]);
        }
        if (n && l->type == CONVOLUTIONAL && l->flipped && flip(l))
            return fail(err, "%s: not enough memory to read it", path);
    }
    return 0;
}

static int write_fork_variances(const part *v, FILE *f) {
    for (size_t j = 0; j < v->n; j++) {
        float u = to_fork(v->p[j]);
        if (fwrite(&u, sizeof u, 1, f) != 1) return -1;
    }
    return 0;
}

int host_stock_save(const network *net, int end, FILE *f) {
    int fork = host_of(net)->epsilon == CFG_EPSILON_ALEXEYAB, version[3] = {0, 2, fork ? 5 : 0};
    uint64_t seen = *net->seen;
    part all[PARTS];
    if (fwrite(version, sizeof version, 1, f) != 1 || fwrite(&seen, sizeof seen, 1, f) != 1)
        return -1;
    for (int i = 0; i < end && i < net->n; i++) {
        int n = parts_of(&net->layers[i], 0, fork, all);
        for (int k = 0; k < n; k++) {
            int bad = fork && all[k].variances
                          ? write_fork_variances(&all[k], f)
                          : fwrite(all[k].p, sizeof(float), all[k].n, f) != all[k].n;
            if (bad) return -1;
        }
    }
    return 0;
}
