/* alone.h - one cfg run twice from equal parameters, inputs and truths: by us, and by the host's
 * own code alone. */
#ifndef ALONE_H
#define ALONE_H
#include "host/net.h"
#include "ops/rng.h"
#include "test.h"
#include <fcntl.h>
#include <unistd.h>

/* The host talks on stdout and stderr. */
typedef struct {
    int out, err;
} alone_voice;

static inline alone_voice alone_hush(void) {
    fflush(NULL);
    alone_voice v = {dup(1), dup(2)};
    int null = open("/dev/null", O_WRONLY);
    if (v.out < 0 || v.err < 0 || null < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) exit(1);
    close(null);
    return v;
}

static inline void alone_speak(alone_voice v) {
    fflush(NULL);
    dup2(v.out, 1);
    dup2(v.err, 2);
    close(v.out);
    close(v.err);
}

/* NULL and err: refused. What was refused or warned of is in err or on stderr, which is hushed
 * here. */
static inline network *alone_open(const char *text, int host_alone, char *err) {
    alone_voice v = alone_hush();
    cfg_file *c = cfg_read_text("alone.cfg", text, err);
    network *net = !c ? NULL : host_alone ? host_open_alone(c, NULL, err) : host_open(c, 1, err);
    cfg_free(c);
    alone_speak(v);
    return net;
}

/* ---- equal parameters ---- */

typedef struct {
    float *p;
    size_t n;
    int kind;
} alone_array;
enum { ALONE_WEIGHTS, ALONE_BIASES, ALONE_SCALES, ALONE_MEAN, ALONE_VARIANCE, ALONE_ARRAYS };

/* The arrays of a layer that training changes; n 0: it has none such. */
static inline void alone_arrays(const layer *l, alone_array out[ALONE_ARRAYS]) {
    size_t filters = l->type == CONNECTED                   ? (size_t)l->outputs
                     : l->type == LOCAL                     ? (size_t)l->outputs
                     : l->type == BATCHNORM                 ? (size_t)l->c
                     : l->type == YOLO || l->type == REGION ? 0
                                                            : (size_t)l->n;
    size_t weights = l->type == CONNECTED ? (size_t)l->inputs * (size_t)l->outputs
                     : l->type == LOCAL
                         ? (size_t)(l->size * l->size * l->c * l->n * l->out_w * l->out_h)
                         : (size_t)l->nweights;
    out[ALONE_WEIGHTS] = (alone_array){l->weights, l->weights ? weights : 0, ALONE_WEIGHTS};
    out[ALONE_BIASES] = (alone_array){l->biases, l->biases ? filters : 0, ALONE_BIASES};
    out[ALONE_SCALES] = (alone_array){l->scales, l->scales ? filters : 0, ALONE_SCALES};
    out[ALONE_MEAN] = (alone_array){l->rolling_mean, l->rolling_mean ? filters : 0, ALONE_MEAN};
    out[ALONE_VARIANCE] = (alone_array){l->rolling_variance, l->rolling_variance ? filters : 0,
                                        ALONE_VARIANCE};
}

/* Layers inside a recurrent layer; NULL ends them. */
static inline void alone_inner(const layer *l, layer *out[16]) {
    layer *const all[] = {l->input_layer, l->self_layer, l->output_layer, l->wz, l->uz,
                          l->wr,          l->ur,         l->wh,           l->uh, l->wf,
                          l->uf,          l->wi,         l->ui,           l->wg, l->ug};
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all && n < 15; i++)
        if (all[i]) out[n++] = all[i];
    if (n < 14 && l->wo) {
        out[n++] = l->wo;
        out[n++] = l->uo;
    }
    out[n] = NULL;
}

static inline void alone_fill_layer(layer *l, rng_stream *r) {
    alone_array a[ALONE_ARRAYS];
    layer *inner[16];
    alone_arrays(l, a);
    float sd = l->type == CONNECTED ? 1 / sqrtf((float)l->inputs)
                                    : 1 / sqrtf((float)(l->size * l->size * (l->c ? l->c : 1)));
    for (int k = 0; k < ALONE_ARRAYS; k++)
        for (size_t i = 0; i < a[k].n; i++)
            a[k].p[i] = k == ALONE_WEIGHTS    ? 1.4f * sd * rng_normal(r)
                        : k == ALONE_SCALES   ? rng_uniform(r, 0.7f, 1.3f)
                        : k == ALONE_VARIANCE ? rng_uniform(r, 0.5f, 1.5f)
                                              : 0.1f * rng_normal(r);
    alone_inner(l, inner);
    for (int i = 0; inner[i]; i++) alone_fill_layer(inner[i], r);
}

/* Parameters and statistics from a seed, the same for both sides. */
static inline void alone_fill(network *net, uint64_t seed) {
    rng_stream r = rng_open(rng_key(seed, RNG_TEST, 1, 0));
    for (int i = 0; i < net->n; i++) alone_fill_layer(&net->layers[i], &r);
    if (host_of(net)) engine_changed(host_engine(host_of(net)), NULL);
}

static inline void alone_fill_input(network *net, uint64_t seed) {
    rng_stream r = rng_open(rng_key(seed, RNG_TEST, 2, 0));
    for (size_t i = 0; i < (size_t)net->inputs * (size_t)net->batch; i++)
        net->input[i] = rng_uniform(&r, 0, 1);
}

/* ---- what came out ---- */

typedef struct {
    double *v;
    size_t n;
} alone_values;

static inline void alone_push(alone_values *a, const float *p, size_t n) {
    a->v = realloc(a->v, (a->n + n + 1) * sizeof *a->v);
    for (size_t i = 0; i < n; i++) a->v[a->n++] = (double)p[i];
}

static inline void alone_push_layer(alone_values *a, const layer *l, int statistics) {
    alone_array all[ALONE_ARRAYS];
    layer *inner[16];
    alone_arrays(l, all);
    for (int k = 0; k < (statistics ? ALONE_ARRAYS : ALONE_MEAN); k++)
        alone_push(a, all[k].p, all[k].n);
    alone_inner(l, inner);
    for (int i = 0; inner[i]; i++) alone_push_layer(a, inner[i], statistics);
}

/* All parameters, one behind the other. */
static inline alone_values alone_parameters(network *net, int statistics) {
    alone_values a = {0};
    if (host_of(net)) engine_read(host_engine(host_of(net)), NULL);
    for (int i = 0; i < net->n; i++) alone_push_layer(&a, &net->layers[i], statistics);
    return a;
}

static inline alone_values alone_output(network *net) {
    alone_values a = {0};
    alone_push(&a, net->output, (size_t)net->outputs * (size_t)net->batch);
    return a;
}

/* Largest difference by the largest value; infinite where sizes differ or anything is NaN. */
static inline double alone_apart(alone_values a, alone_values b) {
    double far = 0, big = 0;
    if (a.n != b.n) return INFINITY;
    for (size_t i = 0; i < a.n; i++) {
        double d = fabs(a.v[i] - b.v[i]);
        if (!(d <= 1e30)) return INFINITY;
        far = fmax(far, d);
        big = fmax(big, fmax(fabs(a.v[i]), fabs(b.v[i])));
    }
    return big > 0 ? far / big : far;
}
#endif
