/* test_cool.c - [meta_shared] cool=FROM,TO and adapt=A: the share of the noise at every step
 * against its formula; stopping and going on equals a straight run; what cool= leaves at the end is
 * the plain network, bit for bit, for the same weights file. */
#include "test.h"
#include "host/net.h"
#include <math.h>
#include <unistd.h>

enum { BATCH = 4, LENGTH = 20, OUTPUTS = 4 };
static char err[ERR_LEN];

static network *open_net(const char *shared, int perturb) {
    char text[1024];
    snprintf(text, sizeof text,
             "[net]\nbatch=%d\nheight=9\nwidth=9\nchannels=3\nlearning_rate=.02\nmomentum=.9\n"
             "max_batches=%d\n%s%s[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\n"
             "activation=%s\n%s[avgpool]\n[connected]\noutput=%d\nactivation=linear\n[softmax]\n",
             BATCH, LENGTH, perturb ? "[meta_shared]\nsigma=.5\n" : "", perturb ? shared : "",
             perturb ? "linear" : "leaky", perturb ? "[perturb]\nactivation=leaky\n" : "", OUTPUTS);
    cfg_file *c = cfg_read_text("cool.cfg", text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_cool"));
    host_init(net, 3);
    cfg_free(c);
    return net;
}

/* Pictures and classes of step k. */
static void feed(network *net, uint64_t k) {
    rng_stream r = rng_open(rng_key(31, RNG_TEST, k, 0));
    for (int i = 0; i < net->inputs * net->batch; i++) net->input[i] = rng_normal(&r);
    memset(net->truth, 0, (size_t)(net->batch * net->outputs) * sizeof *net->truth);
    for (int b = 0; b < net->batch; b++)
        net->truth[b * net->outputs + (int)rng_below(&r, (uint32_t)net->outputs)] = 1;
}

static void train(network *net, int from, int to) {
    for (int k = from; k < to; k++) {
        feed(net, (uint64_t)k);
        train_network_datum(net);
    }
}

static void schedule(const char *shared, double rise, double from, double to) {
    network *net = open_net(shared, 1);
    for (int step = 0; step <= LENGTH; step++) {
        double want = rise > 0 ? fmin(1, step / (rise * LENGTH)) : 1, got;
        double end = to * LENGTH, start = from * LENGTH;
        if (to > 0 && step >= end)
            want = 0;
        else if (to > 0 && step > start)
            want = fmin(want, (end - step) / (end - start));
        *net->seen = (size_t)step * BATCH;
        got = host_annealing(host_of(net), net);
        CHECK(fabs(got - want) < 1e-6, "%s at step %d: %g, want %g", shared, step, got, want);
    }
    host_close(net);
}

/* Deterministic outputs for one batch, in a network that has read the file. */
static void outputs_of(network *net, const char *weights, float *out) {
    CHECK(!weights || !host_load(net, weights, 0, err), "%s", err);
    engine_mode m = {.noise = PERTURB_NOISE_MEAN, .t = host_inference_t(host_of(net))};
    host_set_mode(host_of(net), &m);
    feed(net, 99);
    memcpy(out, network_predict(net, net->input), BATCH * OUTPUTS * sizeof *out);
    host_set_mode(host_of(net), NULL);
}

static double furthest(const float *a, const float *b) {
    double d = 0;
    for (int k = 0; k < BATCH * OUTPUTS; k++) d = fmax(d, fabs((double)a[k] - (double)b[k]));
    return d;
}

static void what_is_left(void) {
    const char *cool = "anneal=.2\ncool=.5,.8\nclip=.2\n";
    char half[] = "/tmp/mp_test_cool_XXXXXX", end[] = "/tmp/mp_test_cool_XXXXXX";
    network *net = open_net(cool, 1), *again = open_net(cool, 1), *plain = open_net(cool, 0);
    float a[BATCH * OUTPUTS], b[BATCH * OUTPUTS];
    close(mkstemp(half));
    close(mkstemp(end));
    train(net, 0, 13);
    CHECK(!host_save(net, half, 1, err), "%s", err);
    float t = host_inference_t(host_of(net));
    CHECK(fabsf(t - .5f) < 1e-6f, "step 13 of 20 left a share of %g", (double)t);
    outputs_of(net, NULL, a);
    outputs_of(plain, half, b);
    CHECK(furthest(a, b) > 1e-3, "on the way nothing is perturbed: the check would be empty");
    train(net, 13, LENGTH);
    CHECK(!host_load(again, half, 0, err), "%s", err);
    train(again, 13, LENGTH);
    outputs_of(net, NULL, a);
    outputs_of(again, NULL, b);
    CHECK(!memcmp(a, b, sizeof a), "going on at step 13 gives other outputs");
    CHECK(host_inference_t(host_of(net)) == 0, "the noise has not cooled to 0");
    CHECK(!host_save(net, end, 0, err), "%s", err);
    outputs_of(plain, end, b);
    CHECK(!memcmp(a, b, sizeof a), "the plain network is %g away", furthest(a, b));
    outputs_of(again, end, b);
    CHECK(!memcmp(a, b, sizeof a), "the file forgets that the noise has cooled");
    /* Stock files have no trailer: that they are of a cooled network their count of images says. */
    CHECK(!host_save(plain, half, 0, err) && !host_load(again, half, 0, err), "%s", err);
    outputs_of(again, NULL, b);
    CHECK(!memcmp(a, b, sizeof a), "of a stock file: the plain network is %g away", furthest(a, b));
    unlink(half);
    unlink(end);
    host_close(net);
    host_close(again);
    host_close(plain);
}

static int largest(const float *p) {
    int at = 0;
    for (int k = 1; k < OUTPUTS; k++)
        if (p[k] > p[at]) at = k;
    return at;
}

/* Steps from..to-1; the share of the noise of each against what the outputs before it say. The
 * classes are known by chance alone, so that the share goes up and down. late: by our loops' own
 * step, else as any Darknet program does it. */
static void adapting(network *net, int from, int to, int late, double *right, double *t) {
    const layer *last = &net->layers[net->n - 1];
    for (int k = from; k < to; k++) {
        float want = (float)*t;
        int hits = 0;
        feed(net, (uint64_t)k % 3);
        if (late) {
            *net->seen += BATCH;
            host_train_pass(net, 1, 0);
        } else {
            train_network_datum(net);
        }
        float got = host_inference_t(host_of(net));
        CHECK(fabsf(got - want) < 1e-5f, "adapt=, step %d: %g, want %g", k, (double)got,
              (double)want);
        for (int b = 0; b < BATCH; b++)
            hits += largest(last->output + b * OUTPUTS) == largest(net->truth + b * OUTPUTS);
        *right = *right < 0 ? hits / (double)BATCH : .98 * *right + .02 * hits / BATCH;
        *t = fmin(1, fmax(0, *t + (*right > .3 ? 1 : -1) / (.1 * LENGTH)));
    }
}

static void adaptation(void) {
    const char *shared = "anneal=0\nadapt=.3\n";
    char half[] = "/tmp/mp_test_cool_XXXXXX";
    network *net = open_net(shared, 1), *again = open_net(shared, 1), *late = open_net(shared, 1);
    float a[BATCH * OUTPUTS], b[BATCH * OUTPUTS];
    double right = -1, t = 0, same_right, same_t, late_right = -1, late_t = 0;
    close(mkstemp(half));
    adapting(net, 0, 9, 0, &right, &t);
    CHECK(!host_save(net, half, 1, err) && !host_load(again, half, 0, err), "%s", err);
    same_right = right;
    same_t = t;
    adapting(net, 9, LENGTH, 0, &right, &t);
    adapting(again, 9, LENGTH, 0, &same_right, &same_t);
    adapting(late, 0, LENGTH, 1, &late_right, &late_t);
    outputs_of(net, NULL, a);
    outputs_of(again, NULL, b);
    CHECK(!memcmp(a, b, sizeof a), "adapt=: going on at step 9 gives other outputs");
    outputs_of(late, NULL, b);
    CHECK(!memcmp(a, b, sizeof a), "adapt=: our own loop gives other outputs");
    unlink(half);
    host_close(net);
    host_close(again);
    host_close(late);
}

int main(void) {
    adaptation();
    schedule("", .4, 0, 0);
    schedule("cool=.6,.9\n", .4, .6, .9);
    schedule("anneal=0\ncool=0,.5\n", 0, 0, .5);
    schedule("anneal=.5\ncool=.5,1\n", .5, .5, 1);
    schedule("cool=.99,1\n", .4, .99, 1);
    what_is_left();
    return t_done("test_cool");
}
