/* test_epsilon.c - weights files mean the batch norm of whoever wrote them: Darknet's, or the
 * AlexeyAB fork's. Against outputs that the fork computed (../shared/golden_alexeyab or
 * $MP_SHARED/golden_alexeyab; without them a counted skip), and against both formulas. */
#include "base/files.h"
#include "host/net.h"
#include "host/weights_file.h"
#include "ops/rng.h"
#include "test.h"
#include <unistd.h>

static char folder[] = "/tmp/mp_test_epsilon_XXXXXX", path[64], other[64], err[ERR_LEN];

static network *open_text(const char *name, const char *text) {
    cfg_file *c = cfg_read_text(name, text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    cfg_free(c);
    CHECK(net != NULL, "%s: %s", name, err);
    if (!net) exit(t_done("test_epsilon"));
    host_init(net, 1);
    return net;
}

/* ---- the fork's own outputs ---- */

static void *all_of(const char *root, const char *name, const char *end, size_t *len) {
    char file[4300];
    snprintf(file, sizeof file, "%s/%s%s", root, name, end);
    void *p = file_slurp(file, len, err);
    CHECK(p != NULL, "%s", err);
    if (!p) exit(t_done("test_epsilon"));
    return p;
}

/* Outputs of all layers in a row, NCHW. folded: batch norm inside the weights, as inference has it,
 * where a variance of 0 multiplies the rounding of a difference by 316; else layer by layer, as
 * passes with a loss have it. */
static void golden_net(const char *root, const char *name, int folded) {
    size_t len, n_out, at = 0;
    char weights[4300], *text = all_of(root, name, ".cfg", &len);
    float *in = all_of(root, name, ".input.bin", &len),
          *out = all_of(root, name, ".out.bin", &n_out);
    network *net = open_text(name, text);
    snprintf(weights, sizeof weights, "%s/%s.weights", root, name);
    CHECK(!host_load(net, weights, 0, err), "%s", err);
    CHECK(len == sizeof(float) * (size_t)net->inputs * (size_t)net->batch, "%s: the input's size",
          name);
    engine_mode m = {.keep = !folded, .noise = PERTURB_NOISE_MEAN, .t = 1};
    host_set_mode(host_of(net), &m);
    network_predict(net, in);
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        size_t n = (size_t)l->outputs * (size_t)net->batch;
        double worst = 0;
        float *got = malloc(n * sizeof *got);
        if (i == net->n - 1)
            memcpy(got, l->output, n * sizeof *got);
        else
            engine_export(host_engine(host_of(net)), host_node(host_of(net), i), got);
        for (size_t k = 0; k < n; k++) {
            double want = out[at + k], d = fabs((double)got[k] - want) / fmax(1, fabs(want));
            if (!(d <= worst)) worst = d;
        }
        CHECK(worst <= (folded ? 5e-5 : 1e-5), "%s, layer %d, folded %d: %.2e from the fork's",
              name, i, folded, worst);
        free(got);
        at += n;
    }
    CHECK(at * sizeof(float) == n_out, "%s: %zu outputs of %zu", name, at, n_out / sizeof(float));
    host_close(net);
    free(text);
    free(in);
    free(out);
}

static void test_golden(void) {
    const char *shared = getenv("MP_SHARED");
    char norm[4096], layers[4096];
    snprintf(norm, sizeof norm, "%.3900s/golden_alexeyab/E_batchnorm",
             shared ? shared : "../shared");
    snprintf(layers, sizeof layers, "%.3900s/golden_alexeyab/B_layers",
             shared ? shared : "../shared");
    if (access(norm, R_OK)) {
        SKIP("%s is not there", norm);
        return;
    }
    for (int folded = 0; folded < 2; folded++) {
        golden_net(norm, "infer", folded);
        golden_net(layers, "batchnorm_layer", folded);
        golden_net(layers, "connected", folded);
        golden_net(layers, "dropout_off", folded);
    }
}

/* ---- both formulas ---- */

enum { N = 6, PIXELS = 12 };
static const float variance[N] = {0, 1e-8f, 1e-6f, 1e-5f, 2e-3f, 3};

/* One 1x1 convolution with batch norm on one channel, and a [batchnorm] of it; `key` in [net]. */
static network *small(const char *key) {
    char text[512];
    snprintf(text, sizeof text,
             "[net]\nbatch=1\nheight=3\nwidth=4\nchannels=1\n%s[convolutional]\nbatch_normalize="
             "1\nfilters=%d\nsize=1\n"
             "activation=linear\n[batchnorm]\n",
             key, N);
    return open_text("small.cfg", text);
}

/* A file of it, of the fork or of Darknet; every number but the variances is drawn. */
static void write_small(int fork) {
    int version[3] = {0, 2, fork ? 5 : 0};
    uint64_t seen = 64;
    rng_stream r = rng_open(rng_key(5, RNG_TEST, 0, 0));
    float conv[3 * N], weights[N], norm[3 * N]; /* biases, scales, means */
    for (int k = 0; k < 3 * N; k++)
        conv[k] = rng_uniform(&r, 0.5f, 1), norm[k] = rng_uniform(&r, 0.5f, 1);
    for (int k = 0; k < N; k++) weights[k] = 1e-3f * rng_uniform(&r, 1, 2);
    FILE *f = fopen(path, "wb");
    fwrite(version, sizeof version, 1, f);
    fwrite(&seen, sizeof seen, 1, f);
    fwrite(conv, sizeof conv, 1, f);
    fwrite(variance, sizeof variance, 1, f);
    fwrite(weights, sizeof weights, 1, f);
    if (fork) fwrite(norm, sizeof(float) * N, 1, f);
    fwrite(norm + N, sizeof(float) * 2 * N, 1, f);
    fwrite(variance, sizeof variance, 1, f);
    fclose(f);
}

static void pixels_of(float x[PIXELS]) {
    for (int k = 0; k < PIXELS; k++) x[k] = (float)(k - 5) / 4;
}

/* What the file means, in double: the formula and whether the [batchnorm] has biases are told
 * apart. */
static void expected(int fork, int biases, double out[N * PIXELS]) {
    size_t len, at = 20;
    unsigned char *p = file_slurp(path, &len, err);
    float conv[4 * N], weights[N], bias[N] = {0}, norm[3 * N], x[PIXELS];
    memcpy(conv, p + at, sizeof conv);
    memcpy(weights, p + (at += sizeof conv), sizeof weights);
    at += sizeof weights;
    if (biases) memcpy(bias, p + at, sizeof bias), at += sizeof bias;
    memcpy(norm, p + at, sizeof norm);
    free(p);
    pixels_of(x);
    for (int c = 0; c < N; c++) {
        double v = variance[c], i = fork ? 1 / sqrt(v + 1e-5) : 1 / (sqrt(v) + 1e-6);
        for (int k = 0; k < PIXELS; k++) {
            double y = conv[N + c] * i * (weights[c] * x[k] - conv[2 * N + c]) + conv[c];
            out[c * PIXELS + k] = norm[c] * i * (y - norm[N + c]) + bias[c];
        }
    }
}

static void means(network *net, int fork, int biases, const char *what) {
    double want[N * PIXELS];
    float x[PIXELS];
    expected(fork, biases, want);
    pixels_of(x);
    float *got = network_predict(net, x);
    for (int c = 0; c < N; c++) {
        double e = t_rel(got + c * PIXELS, want + c * PIXELS, PIXELS);
        CHECK(e < 1e-5, "%s, variance %g: relative error %.2e", what, (double)variance[c], e);
    }
}

static void test_formulas(void) {
    static const struct {
        const char *key;
        int file, means;
    } cases[] = {{"", 0, 0},
                 {"", 1, 1},
                 {"bn_epsilon=darknet\n", 1, 0},
                 {"bn_epsilon=alexeyab\n", 0, 1},
                 {"bn_epsilon=alexeyab\n", 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        network *net = small(cases[i].key);
        write_small(cases[i].file);
        CHECK(!host_load(net, path, 0, err), "%s", err);
        means(net, cases[i].means, cases[i].file, cases[i].key[0] ? cases[i].key : "by the header");
        host_close(net);
    }
}

static void is_converted(const network *net, const char *what) {
    double r = sqrt(1e-5) - 1e-6, v = net->layers[0].rolling_variance[0];
    CHECK(fabs(v - r * r) < 1e-11, "%s: variance 0 of the fork is %g here", what, v);
}

/* The other ways into a network. */
static void test_parts(void) {
    network *net = small("");
    write_small(1);
    load_weights_upto(net, path, 0, 1); /* as a program does, one layer after the other */
    is_converted(net, "one layer");
    CHECK(net->layers[1].rolling_variance[0] == 1, "the next layer was not read");
    host_close(net);
    net = open_text("body.cfg",
                    "[net]\nbatch=1\nheight=3\nwidth=4\nchannels=1\n[convolutional]\nbatch_"
                    "normalize=1\nfilters=6\nsize=1\n"
                    "activation=linear\n[convolutional]\nfilters=1\nsize=1\nactivation=linear\n");
    if (truncate(path, 20 + (5 * N + N + 1) * (long)sizeof(float))) CHECK(0, "truncate");
    CHECK(!host_load_body(net, path, err), "%s", err);
    is_converted(net, "weights to begin with");
    host_close(net);
}

/* What we write means the same to us and to the host alone, whoever wrote what we read. */
static void test_saved(void) {
    size_t len;
    weights_head head;
    network *net = small(""), *back = small("");
    write_small(1);
    CHECK(!host_load(net, path, 0, err) && !host_save(net, other, 0, err) &&
              !host_load(back, other, 0, err),
          "%s", err);
    unsigned char *p = file_slurp(other, &len, err);
    CHECK(!weights_head_read(p, len, other, &head, err) && !head.fork, "Darknet's header: %s", err);
    free(p);
    means(back, 1, 1, "read, written, read");
    CHECK(
        !memcmp(net->layers[0].rolling_variance, back->layers[0].rolling_variance, sizeof variance),
        "the same bits");
    host_close(net);
    host_close(back);
}

/* The host alone, on a network without [batchnorm] (its biases have no place in the host's files).
 */
static void test_host_alone(void) {
    static const char text[] = "[net]\nbatch=1\nheight=3\nwidth=4\nchannels=1\n[convolutional]"
                               "\nbatch_normalize=1\nfilters=6\nsize=1\nactivation=linear\n";
    float x[PIXELS];
    double want[N * PIXELS];
    network *net = open_text("one.cfg", text);
    write_small(1);
    if (truncate(path, 20 + 5 * N * (long)sizeof(float))) CHECK(0, "truncate");
    CHECK(!host_load(net, path, 0, err) && !host_save(net, other, 0, err), "%s", err);
    cfg_file *c = cfg_read_text("one.cfg", text, err);
    network *alone = host_open_alone(c, other, err);
    CHECK(alone != NULL, "%s", err);
    pixels_of(x);
    float *ours = network_predict(net, x), *theirs = network_predict(alone, x);
    for (int k = 0; k < N * PIXELS; k++) want[k] = theirs[k];
    CHECK(t_rel(ours, want, N * PIXELS) < 1e-5, "stock Darknet computes what we do: %.2e",
          t_rel(ours, want, N * PIXELS));
    host_close(alone);
    host_close(net);
    cfg_free(c);
}

static void test_written_for_the_fork(void) {
    size_t len, had;
    network *net = small("bn_epsilon=alexeyab\n"), *again = small("bn_epsilon=alexeyab\n");
    write_small(1);
    unsigned char *was = file_slurp(path, &had, err);
    CHECK(!host_load(net, path, 0, err) && !host_save(net, other, 0, err), "%s", err);
    unsigned char *p = file_slurp(other, &len, err);
    CHECK(len >= had && !memcmp(p, was, 20), "the fork's header, images seen: %zu bytes of %zu",
          len, had);
    for (size_t at = 20; at < had; at += sizeof(float)) {
        float a, b;
        memcpy(&a, p + at, sizeof a);
        memcpy(&b, was + at, sizeof b);
        CHECK(fabs((double)a - (double)b) <= 2e-6 * (fabs((double)b) + 1e-5),
              "float at %zu: %g, was %g", at, (double)a, (double)b);
    }
    free(p);
    free(was);
    /* To go on from: the very bits. */
    rng_stream r = rng_open(rng_key(6, RNG_TEST, 0, 0));
    for (int k = 0; k < N; k++) net->layers[0].rolling_variance[k] = rng_uniform(&r, 1e-4f, 1);
    CHECK(!host_save(net, other, 1, err) && !host_load(again, other, 0, err), "%s", err);
    CHECK(!memcmp(net->layers[0].rolling_variance, again->layers[0].rolling_variance,
                  sizeof variance),
          "the same bits after -resume");
    CHECK(!memcmp(net->layers[1].biases, again->layers[1].biases, sizeof variance),
          "biases of [batchnorm]");
    host_close(net);
    host_close(again);
}

int main(void) {
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/a.weights", folder);
    snprintf(other, sizeof other, "%s/b.weights", folder);
    test_golden();
    test_formulas();
    test_parts();
    test_saved();
    test_host_alone();
    test_written_for_the_fork();
    unlink(path);
    unlink(other);
    rmdir(folder);
    return t_done("test_epsilon");
}
