/* test_ema.c - [net] ema_alpha: the average against its formula in double, for every array of a
 * network; tests run on it and training does not; stopping and going on equals a straight run, bit
 * for bit, with tests and one-pass statistics in between or without. */
#include "test.h"
#include "base/files.h"
#include "host/net.h"
#include <unistd.h>

enum { BATCH = 4 };
static char err[ERR_LEN];

static network *open_net(const char *extra, const char *shared, const char *body) {
    char text[2048];
    snprintf(text, sizeof text,
             "[net]\nbatch=%d\nheight=9\nwidth=9\nchannels=3\nlearning_rate=.02\nmomentum=."
             "9\ndecay=.001\nmax_batches=40\n%s"
             "[meta_shared]\n%s[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad="
             "1\nactivation=linear\n[perturb]\nactivation=relu\n%s"
             "[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n",
             BATCH, extra, shared, body);
    cfg_file *c = cfg_read_text("ema.cfg", text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_ema"));
    host_init(net, 3);
    cfg_free(c);
    return net;
}

static const char middle[] = "[convolutional]\nfilters=5\nsize=1\nactivation=leaky\n[batchnorm]\n";
static network *usual(const char *extra) {
    return open_net(extra, "train=1\nanneal=0.5\n", middle);
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

/* What a test of the trained network does: perhaps statistics of one pass, then a pass that keeps
 * nothing. out: BATCH x 4. */
static void test(network *net, int collect, float *out) {
    host_net *h = host_of(net);
    engine_mode m = {.noise = PERTURB_NOISE_MEAN, .t = 1, .bn_batch = 1, .perturb_batch = 1};
    for (int k = 0; k < collect; k++) {
        host_set_mode(h, &m);
        feed(net, 100 + (uint64_t)k);
        network_predict(net, net->input);
    }
    m.bn_batch = m.perturb_batch = 0;
    host_set_mode(h, &m);
    feed(net, 99);
    memcpy(out, network_predict(net, net->input), BATCH * 4 * sizeof *out);
    host_set_mode(h, NULL);
}

/* All that is averaged, as the layers hold it now. phi comes last. */
enum { ROOM = 2000 };
static int arrays(network *net, float *out) {
    int n = 0;
    engine_read(host_engine(host_of(net)), NULL);
#define TAKE(p, count)                                     \
    do {                                                   \
        memcpy(out + n, p, (size_t)(count) * sizeof *out); \
        n += (count);                                      \
    } while (0)
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        int f = l->type == CONVOLUTIONAL ? l->n
                : l->type == CONNECTED   ? l->outputs
                : l->type == BATCHNORM   ? l->out_c
                                         : 0;
        if (!f) continue;
        if (l->type != BATCHNORM)
            TAKE(l->weights, l->type == CONVOLUTIONAL ? l->nweights : l->inputs * l->outputs);
        TAKE(l->biases, f);
        if (l->type != BATCHNORM && !l->batch_normalize) continue;
        TAKE(l->scales, f);
        TAKE(l->rolling_mean, f);
        TAKE(l->rolling_variance, f);
    }
    TAKE(host_phi(host_of(net)), PHI_LEN);
#undef TAKE
    if (n > ROOM) exit(2);
    return n;
}

static void against_formula(void) {
    static float now[ROOM], live[ROOM], average[ROOM], with[ROOM];
    double want[ROOM], a = 0.6;
    float out[BATCH * 4];
    network *net = usual("ema_alpha=0.6\n"), *without = usual("");
    int n = 0, moved = 0;
    for (int k = 0; k < 30; k++) {
        train(net, k, k + 1);
        train(without, k, k + 1);
        n = arrays(net, now);
        double keep = fmin(a, (1.0 + k) / (10.0 + k)); /* k steps are in it already */
        for (int i = 0; i < n; i++)
            want[i] = k ? keep * want[i] + (1 - keep) * (double)now[i] : (double)now[i];
        if (k % 7 == 2) test(net, k % 2, out); /* changes nothing for what comes */
        if (k != 6) continue;                  /* the rate still rises */
        test(net, 0, out);
        arrays(net, average);
        CHECK(t_rel(average, want, (size_t)n) < 1e-6, "after 7 steps the average is off by %.2e",
              t_rel(average, want, (size_t)n));
    }
    arrays(net, live);
    arrays(without, with);
    CHECK(!memcmp(live, with, (size_t)n * sizeof *live), "averaging changes what is trained");
    test(net, 0, out);
    arrays(net, average);
    for (int i = 0; i < n; i++) moved += fabs((double)live[i] - want[i]) > 1e-4 * fabs(want[i]);
    double e = t_rel(average, want, (size_t)n),
           phi = t_rel(average + n - PHI_LEN, want + n - PHI_LEN, PHI_LEN);
    CHECK(e < 1e-6 && phi < 1e-6, "the average is off by %.2e, that of phi by %.2e", e, phi);
    CHECK(moved > n * 3 / 4, "only %d of %d differ from the average: the check would be empty",
          moved, n);
    feed(net, 30);
    net->train = 1;
    forward_network(net); /* a pass of training: the live ones again, but for batch norm's
                             statistics, which it moves */
    feed(without, 30);
    without->train = 1;
    forward_network(without);
    arrays(net, now);
    arrays(without, with);
    CHECK(!memcmp(now, with, (size_t)n * sizeof *now),
          "training does not go on from the live parameters");
    host_close(net);
    host_close(without);
}

static int same_files(const char *a, const char *b) {
    size_t n, m;
    unsigned char *p = file_slurp(a, &n, err), *q = file_slurp(b, &m, err);
    int same = p && q && n == m && !memcmp(p, q, n);
    free(p);
    free(q);
    return same;
}

static char straight[64], half[64], resumed[64];

static void going_on(const char *extra) {
    float now[BATCH * 4], later[BATCH * 4];
    network *a = usual(extra), *b = usual(extra), *c = usual(extra), *plain = usual("");
    train(a, 0, 20);
    CHECK(!host_save(a, straight, 1, err), "%s", err);
    /* Saved before any test, and still the average is what others find. */
    test(a, 0, now);
    CHECK(!host_load(plain, straight, HOST_CLEAR, err), "%s", err);
    test(plain, 0, later);
    CHECK(!memcmp(now, later, sizeof now), "%s: the file does not hold the average", extra);
    train(b, 0, 11);
    test(b, 3, now);
    CHECK(!host_save(b, half, 1, err), "%s", err);
    CHECK(!host_load(c, half, 0, err), "%s", err);
    test(c, 0, later);
    CHECK(!memcmp(now, later, sizeof now),
          "%s: a file to go on from does not test as the network did", extra);
    CHECK(!host_load(plain, half, HOST_CLEAR, err), "%s", err);
    test(plain, 0, later);
    CHECK(!memcmp(now, later, sizeof now),
          "%s: a network without ema_alpha does not find the average in the file", extra);
    train(c, 11, 20);
    CHECK(!host_save(c, resumed, 1, err), "%s", err);
    CHECK(same_files(straight, resumed), "%s: stop and go on differs from a straight run", extra);
    train(b, 11, 20);
    CHECK(!host_save(b, resumed, 1, err), "%s", err);
    CHECK(same_files(straight, resumed), "%s: saving changes what comes", extra);
    /* -clear starts from the average: the live parameters are gone. */
    static float got[ROOM], want[ROOM];
    CHECK(!host_load(c, half, HOST_CLEAR, err), "%s", err);
    int n = arrays(plain, want);
    feed(c, 50);
    c->train = 1;
    forward_network(c);
    arrays(c, got);
    size_t filters = (size_t)c->layers[0].nweights;
    CHECK(n > 0 && !memcmp(got, want, filters * sizeof *got),
          "%s: -clear does not start from the average", extra);
    host_close(a);
    host_close(b);
    host_close(c);
    host_close(plain);
}

static void refusals(void) {
    network *a = usual("ema_alpha=0.9\n"), *b = open_net("ema_alpha=0.9\n", "anneal=0.5\n", middle);
    train(a, 0, 2);
    CHECK(!host_save(a, half, 1, err), "%s", err);
    CHECK(host_load(b, half, 0, err) && strstr(err, "do not fit this cfg") && strstr(err, "-clear"),
          "phi is averaged in the file alone: %s", err);
    CHECK(!host_load(b, half, HOST_CLEAR, err), "%s", err);
    host_close(a);
    host_close(b);
    cfg_file *c = cfg_read_text(
        "l.cfg", "[net]\nheight=9\nwidth=9\nchannels=3\nema_alpha=.9\n[local]\nsize=3\n", err);
    network *net = c ? host_open(c, 1, err) : NULL;
    CHECK(c && !net && strstr(err, "layer 0") && strstr(err, "ema_alpha"),
          "a layer that the host trains: %s", err);
    host_close(net);
    cfg_free(c);
}

int main(void) {
    char *files[3] = {straight, half, resumed};
    for (int i = 0; i < 3; i++) snprintf(files[i], 64, "/tmp/mp_test_ema_%d_%d", (int)getpid(), i);
    against_formula();
    going_on("ema_alpha=0.9\n");
    going_on("ema_alpha=0.998\nadam=1\n");
    refusals();
    for (int i = 0; i < 3; i++) unlink(files[i]);
    return t_done("test_ema");
}
