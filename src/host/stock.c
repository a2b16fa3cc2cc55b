/* stock.c - the host's part of weights files, read and written by the host's own functions, whoever else wrote or reads the file.
 *
 * Batch norm of Darknet in inference: (x - m)/(sqrt(v) + 1e-6). Of the AlexeyAB fork: (x - m)/sqrt(u + 1e-5). For every u there is a v
 * that makes both the same,
 *     sqrt(v) + 1e-6 = sqrt(u + 1e-5),
 * and what training here collects is such a v (it adds 1e-5). So networks in memory always hold v, every back end computes Darknet's
 * formula, and only files know u: those whose header is the fork's, or whose cfg says bn_epsilon=alexeyab. The other way round u may come
 * out below 0, if v is below 1e-5, which no training here and no file of the fork gives; then it is 0.
 *
 * The fork also stores the biases of a [batchnorm], before all else of the layer; the host has no place for them. */
#include "host/files.h"
#include "host/net_internal.h"
#include <math.h>
#include <unistd.h>

static float to_host(float u) {
    double r = sqrt((double)u + 1e-5) - 1e-6;
    return (float)(r * r);
}

static float to_fork(float v) {
    double r = sqrt((double)v) + 1e-6, u = r * r - 1e-5;
    return u < 0 ? 0 : (float)u;        /* a NaN stays */
}

static size_t variances(const layer *l) {
    if (!l->rolling_variance) return 0;
    switch (l->type) {
    case CONVOLUTIONAL: return l->batch_normalize ? (size_t)l->n : 0;
    case CONNECTED:     return l->batch_normalize ? (size_t)l->outputs : 0;
    case BATCHNORM:     return (size_t)l->c;
    default:            return 0;
    }
}

size_t host_variances_len(const network *net) {
    size_t n = 0;
    for (int i = 0; i < net->n; i++) n += variances(&net->layers[i]);
    return n;
}

void host_variances(const network *net, float *p, int set) {
    for (int i = 0; i < net->n; i++) {
        float *v = net->layers[i].rolling_variance;
        size_t n = variances(&net->layers[i]);
        if (n) memcpy(set ? v : p, set ? p : v, n * sizeof *p);
        p += n;
    }
}

/* loaded: of layers that were read from a file alone. */
static void convert(const network *net, int start, int end, int loaded, float (*to)(float)) {
    for (int i = start; i < end && i < net->n; i++) {
        const layer *l = &net->layers[i];
        size_t n = loaded && (l->dontload || l->dontloadscales) ? 0 : variances(l);
        for (size_t k = 0; k < n; k++) l->rolling_variance[k] = to(l->rolling_variance[k]);
    }
}

static int is_fork(const host_net *h, const weights_head *head) {
    return h->epsilon == CFG_EPSILON_HEADER ? head->fork : h->epsilon == CFG_EPSILON_ALEXEYAB;
}

static size_t bias_floats(const layer *l) { return l->type == BATCHNORM ? (size_t)l->c : 0; }

long long host_file_floats(const layer *l, const weights_head *head) {
    long long k = host_layer_floats(l);
    return k < 0 || !head->fork ? k : k + (long long)bias_floats(l);
}

static int has_biases(const network *net) {
    for (int i = 0; i < net->n; i++) if (bias_floats(&net->layers[i])) return 1;
    return 0;
}

/* One file's layers from `in` into the other's `out`: of a [batchnorm] the fork's biases go (into the layer, if `take`) or come. */
static size_t repack(const network *net, int start, int end, const unsigned char *in, size_t len, unsigned char *out, int add, int take) {
    size_t at = 0, to = 0;
    for (int i = start; i < end && i < net->n; i++) {
        const layer *l = &net->layers[i];
        size_t b = bias_floats(l) * sizeof(float), k = host_layer_floats(l) > 0 ? (size_t)host_layer_floats(l) * sizeof(float) : 0;
        if (at + (add ? 0 : b) + k > len) break;
        if (b && add) memcpy(out + to, l->biases, b);
        if (b && take) memcpy(l->biases, in + at, b);
        to += add ? b : 0;
        at += add ? 0 : b;
        memcpy(out + to, in + at, k);
        to += k;
        at += k;
    }
    return to;
}

int host_stock_load(network *net, const unsigned char *p, size_t len, const char *path, int start, int end, char *err) {
    weights_head head;
    char memory[64];
    if (weights_head_read(p, len, path, &head, err)) return -1;
    if (head.fork && has_biases(net)) {
        unsigned char *q = malloc(len);
        size_t n = head.bytes;
        if (q) memcpy(q, p, n);
        if (q) n += repack(net, start, end, p + n, len - n, q + n, 0, 1);
        int fd = q ? host_memory_file(q, n, memory) : -1;
        free(q);
        if (fd < 0) {
            snprintf(err, ERR_LEN, "%s: not enough memory to read it", path);
            return -1;
        }
        host_real_load(net, memory, start, end);
        close(fd);
    } else {
        host_real_load(net, (char *)path, start, end);
    }
    if (is_fork(host_of(net), &head)) convert(net, start, end, 1, to_host);
    return 0;
}

/* The file that the host has just written, as the fork would write it. */
static int rewrite(const network *net, const char *path, int end, char *err) {
    size_t len;
    const int revision = 5;
    weights_head head;
    unsigned char *p = file_slurp(path, &len, err), *q = NULL;
    int bad = !p || weights_head_read(p, len, path, &head, err);
    FILE *f = bad ? NULL : fopen(path, "wb");
    size_t extra = 0, n = 0;
    for (int i = 0; i < net->n; i++) extra += bias_floats(&net->layers[i]) * sizeof(float);
    if (f) q = malloc(len + extra);
    if (q) {
        memcpy(q, p, head.bytes);
        memcpy(q + 8, &revision, sizeof revision);
        n = head.bytes + repack(net, 0, end, p + head.bytes, len - head.bytes, q + head.bytes, 1, 0);
        bad = fwrite(q, 1, n, f) != n;
    }
    if (f && fclose(f)) bad = 1;
    if (p && (!q || bad)) snprintf(err, ERR_LEN, "%s: cannot write the weights: no space left, or no memory", path);
    free(p);
    free(q);
    return bad || !q ? -1 : 0;
}

int host_stock_save(network *net, const char *path, int end, char *err) {
    const host_net *h = host_of(net);
    if (h->epsilon != CFG_EPSILON_ALEXEYAB) {
        host_real_save(net, (char *)path, end);
        return 0;
    }
    float *own = malloc((host_variances_len(net) + 1) * sizeof *own);
    if (!own) {
        snprintf(err, ERR_LEN, "%s: not enough memory to write it", path);
        return -1;
    }
    host_variances(net, own, 0);
    convert(net, 0, net->n, 0, to_fork);
    host_real_save(net, (char *)path, end);
    host_variances(net, own, 1);
    free(own);
    return rewrite(net, path, end, err);
}
