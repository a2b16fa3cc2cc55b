/* test_stock.c - the host's part of weights files, which we read and write ourselves: byte for byte
 * what the host writes, float for float what it reads, for every kind of layer, key and version. */
#include "base/files.h"
#include "host/net_internal.h"
#include "ops/rng.h"
#include "test.h"
#include <unistd.h>

static char dir[] = "/tmp/mp_test_stock_XXXXXX", file[64], other[64], err[ERR_LEN];

#define HEAD "[net]\nbatch=1\nheight=8\nwidth=8\nchannels=4\n"
#define CONV "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=leaky\n"
#define END "[connected]\nbatch_normalize=1\noutput=5\n[connected]\noutput=3\n[softmax]\n"
static const struct {
    const char *name, *text;
    int loads;
} nets[] = {
    {"convolutions", HEAD CONV "[convolutional]\nfilters=4\ngroups=2\nsize=1\n" END, 1},
    {"local, batchnorm", HEAD CONV "[local]\nfilters=2\nsize=3\npad=1\n[batchnorm]\n" END, 1},
    {"dontload", HEAD CONV "dontload=1\n" CONV END, 1},
    {"dontload at the end", HEAD CONV CONV "[connected]\ndontload=1\noutput=3\n[softmax]\n", 1},
    {"numload", HEAD CONV "numload=4\n" CONV END, 1},
    {"dontloadscales",
     HEAD CONV "dontloadscales=1\n[connected]\nbatch_normalize=1\ndontloadscales=1\n"
               "output=5\n[softmax]\n",
     1},
    {"flipped", HEAD CONV "flipped=1\n[convolutional]\nfilters=3\nsize=3\nflipped=1\n" END, 1},
    {"dontsave", HEAD CONV "dontsave=1\n" CONV "dontsave=1\ndontload=1\n" END, 1},
    /* The host cannot read what it writes of these: it divides by their groups, which are 0. */
    {"deconvolution",
     HEAD CONV "[deconvolutional]\nbatch_normalize=1\nfilters=3\nsize=2\nstride=2\n" END, 0},
};

typedef struct {
    float *p;
    size_t n;
} array;
enum { ARRAYS = 5 };

static int arrays_of(const layer *l, array out[ARRAYS]) {
    int conv = l->type == CONVOLUTIONAL || l->type == DECONVOLUTIONAL, local = l->type == LOCAL;
    size_t n = (size_t)(conv ? l->n : l->type == BATCHNORM ? l->c : l->outputs);
    size_t weights = conv                   ? (size_t)l->nweights
                     : l->type == CONNECTED ? (size_t)l->inputs * n
                     : local                ? (size_t)(l->size * l->size * l->c) * n
                                            : 0;
    array all[ARRAYS] = {{l->biases, n},
                         {l->weights, weights},
                         {l->scales, n},
                         {l->rolling_mean, n},
                         {l->rolling_variance, n}};
    int k = 0;
    for (int i = 0; i < ARRAYS; i++)
        if (all[i].p && all[i].n) out[k++] = all[i];
    return conv || local || l->type == CONNECTED || l->type == BATCHNORM ? k : 0;
}

static void fill(network *net, uint64_t seed) {
    array a[ARRAYS];
    rng_stream r = rng_open(rng_key(seed, RNG_TEST, 0, 0));
    *net->seen = 12345678901u;
    for (int i = 0; i < net->n; i++) {
        for (int n = arrays_of(&net->layers[i], a), k = 0; k < n; k++)
            for (size_t j = 0; j < a[k].n; j++) a[k].p[j] = rng_normal(&r);
    }
}

static int same_arrays(const network *x, const network *y) {
    array a[ARRAYS], b[ARRAYS];
    int seen = 0;
    for (int i = 0; i < x->n; i++) {
        int n = arrays_of(&x->layers[i], a);
        if (n != arrays_of(&y->layers[i], b)) return 0;
        for (int k = 0; k < n; k++) {
            if (a[k].n != b[k].n || memcmp(a[k].p, b[k].p, a[k].n * sizeof(float))) return 0;
            seen++;
        }
    }
    return seen > 3 && *x->seen == *y->seen;
}

static network *open_text(const char *text, int alone) {
    cfg_file *c = cfg_read_text("t.cfg", text, err);
    network *net = c ? alone ? host_open_alone(c, NULL, err) : host_open(c, 1, err) : NULL;
    cfg_free(c);
    if (net) return net;
    printf("FAIL %s\n", err);
    exit(1);
}

static void test_save(const char *name, const char *text) {
    network *net = open_text(text, 0);
    size_t n = 0, m = 0;
    fill(net, 3);
    CHECK(!host_save(net, file, 0, err), "%s: %s", name, err);
    host_real_save(net, other, net->n);
    unsigned char *a = file_slurp(file, &n, err), *b = file_slurp(other, &m, err);
    CHECK(a && b && m > 200 && n >= m && !memcmp(a, b, m), "%s: not the host's %zu bytes", name, m);
    free(a);
    free(b);
    host_close(net);
}

/* A file of this version with the floats that the cfg takes, and some more. */
static void put_file(const network *net, int major, int minor, int more) {
    FILE *f = fopen(file, "wb");
    int version[3] = {major, minor, 0}, old = 77;
    size_t seen = 12345678901u;
    long long n = more;
    if (!f) exit(1);
    fwrite(version, sizeof version, 1, f);
    if (major * 10 + minor >= 2 && major < 1000 && minor < 1000)
        fwrite(&seen, sizeof seen, 1, f);
    else
        fwrite(&old, sizeof old, 1, f);
    for (int i = 0; i < net->n; i++) n += host_layer_floats(&net->layers[i]);
    rng_stream r = rng_open(rng_key(9, RNG_TEST, 1, 0));
    for (long long k = 0; k < n; k++) {
        float v = rng_normal(&r);
        fwrite(&v, sizeof v, 1, f);
    }
    if (fclose(f)) exit(1);
}

static void test_load(const char *name, const char *text, int major, int minor) {
    network *ours = open_text(text, 0), *theirs = open_text(text, 1);
    fill(ours, 5);
    fill(theirs, 5);
    int more = strstr(text, "dontload=") ? 7 : 0; /* what such a cfg leaves out may follow */
    put_file(ours, major, minor, more);
    host_real_load(theirs, file, 0, theirs->n);
    CHECK(!host_load(ours, file, 0, err), "%s %d.%d: %s", name, major, minor, err);
    CHECK(same_arrays(ours, theirs), "%s %d.%d: read otherwise than by the host", name, major,
          minor);
    host_close(theirs);
    host_close(ours);
}

static void refused(network *net, int major, int minor, const char *words) {
    put_file(net, major, minor, 0);
    err[0] = 0;
    CHECK(host_load(net, file, 0, err) == -1 && strstr(err, words), "%d.%d: %s", major, minor, err);
}

static void test_refusals(void) {
    network *net = open_text(HEAD CONV END, 0);
    refused(net, 1000, 0,
            "version 1000.0"); /* the host reads `seen` of these in 32 bits, or transposes */
    refused(net, 0, 2000, "version 0.2000");
    refused(net, -1, 2, "version -1.2");
    host_close(net);
    cfg_file *c = cfg_read_text("t.cfg", HEAD CONV "numload=7\n" END, err);
    CHECK(!c && strstr(err, "numload=7"), "more to load than there is room: %s", err);
    cfg_free(c);
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/a.weights", dir);
    snprintf(other, sizeof other, "%s/b.weights", dir);
    for (size_t k = 0; k < sizeof nets / sizeof *nets; k++) {
        test_save(nets[k].name, nets[k].text);
        if (nets[k].loads) test_load(nets[k].name, nets[k].text, 0, 2);
    }
    static const int versions[][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {999, 0}, {2, 999}};
    for (size_t k = 0; k < sizeof versions / sizeof *versions; k++)
        test_load(nets[0].name, nets[0].text, versions[k][0], versions[k][1]);
    test_refusals();
    unlink(file);
    unlink(other);
    rmdir(dir);
    return t_done("test_stock");
}
