/* test_alone.c - our networks beside the host's own: [reorg] and [shortcut] compute what the host
 * alone computes, forward and in a step; the mark by which we find a network is in a field that the
 * host never looks at; and networks that overlap in time, in one thread or several, leave nothing
 * behind. */
#include "alone.h"
#include "host/net_internal.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

#define NET                                                                                 \
    "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\nlearning_rate=.1\nmomentum=.9\ndecay=." \
    "01\nmax_batches=10\n"
#define CONV "[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=leaky\n"
#define HEAD "[connected]\noutput=5\nactivation=linear\n[softmax]\n[cost]\n"

static const struct {
    const char *name, *text;
} bodies[] = {
    {"reorg stride=2", NET CONV "[reorg]\nstride=2\n" CONV HEAD},
    {"reorg stride=2 reverse=1", NET CONV "[reorg]\nstride=2\nreverse=1\n" CONV HEAD},
    {"reorg flatten=1", NET CONV "[reorg]\nflatten=1\n" CONV HEAD},
    {"reorg flatten=1 reverse=1", NET CONV "[reorg]\nflatten=1\nreverse=1\n" CONV HEAD},
    {"reorg extra=7", NET CONV "[reorg]\nextra=7\n" HEAD},
    {"reorg on a reorg", NET CONV "[reorg]\nstride=2\n[reorg]\nstride=2\nreverse=1\n" CONV HEAD},
    {"reorg behind a route, as in yolov2",
     NET CONV CONV "[route]\nlayers=-2\n[reorg]\nstride=2\n" CONV HEAD},
    {"shortcut", NET CONV CONV "[shortcut]\nfrom=-2\nactivation=leaky\n" HEAD},
    {"shortcut alpha beta",
     NET CONV CONV "[shortcut]\nfrom=-2\nalpha=.4\nbeta=-.7\nactivation=leaky\n" HEAD},
    {"shortcut beta", NET CONV CONV "[shortcut]\nfrom=-2\nbeta=1.7\nactivation=logistic\n" HEAD},
};

static network *must_open(const char *text, int host_alone) {
    char err[ERR_LEN] = "";
    network *net = alone_open(text, host_alone, err);
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_alone"));
    alone_fill(net, 7);
    alone_fill_input(net, 8);
    return net;
}

/* Two steps, as momentum shows in the second; the values after them. */
static alone_values steps(network *net, float *loss) {
    for (int k = 0; k < 2; k++) {
        for (int b = 0; b < net->batch; b++)
            for (int i = 0; i < net->outputs; i++)
                net->truth[b * net->outputs + i] = i == (b + k) % net->outputs;
        *loss = train_network_datum(net);
    }
    return alone_parameters(net, 1);
}

static void beside_the_host(void) {
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        network *ours = must_open(bodies[i].text, 0), *host = must_open(bodies[i].text, 1);
        float loss, host_loss;
        network_predict(ours, ours->input);
        network_predict(host, host->input);
        alone_values a = alone_output(ours), b = alone_output(host);
        double e = alone_apart(a, b);
        CHECK(e <= 1e-5, "%s: outputs are %.2e from the host's", bodies[i].name, e);
        alone_values before = alone_parameters(host, 1), c = steps(ours, &loss),
                     d = steps(host, &host_loss);
        e = alone_apart(c, d);
        CHECK(e <= 1e-5 && alone_apart(before, d) > 1e-3,
              "%s: parameters are %.2e from the host's after two steps, "
              "which move them by %.2e",
              bodies[i].name, e, alone_apart(before, d));
        CHECK(fabs((double)(loss - host_loss)) <= 1e-4 * fabs((double)host_loss),
              "%s: loss %g, the host's %g", bodies[i].name, (double)loss, (double)host_loss);
        for (int k = 0; k < ours->n; k++) {
            const layer *x = &ours->layers[k], *y = &host->layers[k];
            CHECK(x->extra == y->extra && x->index == y->index && x->n == y->n &&
                      x->truth == y->truth,
                  "%s: layer %d has other numbers than the host's", bodies[i].name, k);
        }
        double *all[] = {a.v, b.v, before.v, c.v, d.v};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
        host_close(ours);
        host_close(host);
    }
}

/* Every kind of layer that may stand in a network of ours and that the host can train alone
 * ([batchnorm] ends it). The field that carries our mark is set to an address that nobody may read:
 * forward, backward, update, resize, saving, loading and freeing must not see it. */
static const char *const kinds[] = {
    NET CONV "[deconvolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n" HEAD,
    NET CONV "[maxpool]\nsize=2\nstride=2\n" CONV "[avgpool]\n" HEAD,
    NET CONV "[lrn]\n" CONV HEAD,
    NET CONV "[upsample]\n[reorg]\nstride=2\n" CONV HEAD,
    NET CONV "[shortcut]\nfrom=-1\n[route]\nlayers=-1,-2\n" CONV HEAD,
    NET CONV "[activation]\nactivation=leaky\n" HEAD,
    NET CONV "[l2norm]\n" HEAD,
    NET CONV "[connected]\noutput=5\nactivation=linear\n[logistic]\n",
    NET CONV "[dropout]\n" HEAD,
    NET CONV "[local]\nfilters=3\nsize=1\nactivation=leaky\n" HEAD,
    NET "[crop]\ncrop_height=8\ncrop_width=8\n" CONV
        "[connected]\noutput=9\nactivation=linear\n[detection]\nside=1\ncoords=4\nclasses=4\n",
    NET CONV "[convolutional]\nfilters=18\nsize=3\npad=1\n[yolo]\nclasses=1\nnum=3\nmask=0,1,2\n",
    NET CONV "[reorg]\nstride=2\n[convolutional]\nfilters=25\nsize=3\npad=1\n[region]\n",
    NET CONV "[convolutional]\nfilters=52\nsize=3\npad=1\n[iseg]\n",
};

static void poison(layer *l) {
    layer *inner[16];
    l->combine_cpu = (float *)(uintptr_t)0xdead00000000beefULL;
    alone_inner(l, inner);
    for (int i = 0; inner[i]; i++) poison(inner[i]);
}

/* The library's own, past our catching, which reads the mark. */
static void *real(const char *name) {
    void *p = dlsym(RTLD_NEXT, name);
    if (!p) exit(1);
    return p;
}

static void real_free(network *net, int poisoned) {
    void (*fn)(layer);
    void *p = real("free_layer");
    memcpy(&fn, &p, sizeof fn);
    for (int i = 0; poisoned && i < net->n; i++) fn(net->layers[i]);
    if (poisoned) net->n = 0; /* free_network comes by our free_layer */
    host_close(net);
}

static void real_resize(network *net, int w, int h) {
    int (*fn)(network *, int, int);
    void *p = real("resize_network");
    memcpy(&fn, &p, sizeof fn);
    fn(net, w, h);
}

static alone_values whole_life(const char *text, int poisoned) {
    char path[] = "/tmp/mp_test_alone_XXXXXX";
    close(mkstemp(path));
    network *net = must_open(text, 1);
    for (int i = 0; poisoned && i < net->n; i++) poison(&net->layers[i]);
    alone_voice v = alone_hush();
    memset(net->truth, 0, sizeof(float) * (size_t)net->truths * (size_t)net->batch);
    srand(3); /* of [dropout] and [crop] */
    train_network_datum(net);
    host_real_save(net, path, net->n);
    LAYER_TYPE second = net->layers[1].type, last = net->layers[net->n - 1].type;
    if (second != DECONVOLUTIONAL)
        host_real_load(net, path, 0, net->n); /* where the host reads a null pointer */
    train_network_datum(net);
    if (last == YOLO || last == REGION) real_resize(net, 16, 8);
    alone_fill_input(net, 9);
    if (last != ISEG)
        network_predict(net, net->input); /* it would read the truth, which is not there */
    alone_speak(v);
    alone_values a = {0};
    for (int i = 0; i < net->n; i++) alone_push_layer(&a, &net->layers[i], 1);
    if (last != ISEG) alone_push(&a, net->output, (size_t)net->outputs * (size_t)net->batch);
    real_free(net, poisoned);
    unlink(path);
    return a;
}

static void unseen(void) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        alone_values a = whole_life(kinds[i], 0), b = whole_life(kinds[i], 1);
        CHECK(a.n == b.n && a.n > 10 && !memcmp(a.v, b.v, a.n * sizeof *a.v),
              "network %zu reads the field of our mark", i);
        free(a.v);
        free(b.v);
    }
}

/* ---- many networks ---- */

static network *small(void) {
    return must_open(NET CONV "[reorg]\nstride=2\n" CONV
                              "[shortcut]\nfrom=-1\n[route]\nlayers=-1,-3\n[dropout]\n" HEAD,
                     0);
}

/* Each is opened before the one before it is closed. Returns the bytes that are in use more than
 * before. */
static long overlapping(int pairs) {
    network *old = small();
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < pairs; i++) {
        network *next = small();
        CHECK(host_of(old) && host_of(next) && host_of(old) != host_of(next),
              "pair %d: two networks are one", i);
        host_close(old);
        old = next;
    }
    long more = (long)(mallinfo2().uordblks - before.uordblks);
    host_close(old);
    return more;
}

static long one_by_one(int times) {
    host_close(small());
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < times; i++) host_close(small());
    return (long)(mallinfo2().uordblks - before.uordblks);
}

/* The host's parser leaks a little for each network, whoever runs it; overlapping must not add to
 * that. */
static void nothing_left(void) {
    enum { PAIRS = 4000 };
    long leaked = one_by_one(PAIRS), more = overlapping(PAIRS);
    CHECK(more <= leaked + 4096,
          "%d overlapping networks leave %ld bytes, one by one they leave %ld", PAIRS, more,
          leaked);
}

static void *trainer(void *out) {
    network *net = *(network **)out;
    float loss = 0;
    alone_values a = steps(net, &loss);
    *(alone_values *)((void **)out + 1) = a;
    return NULL;
}

/* Networks that run side by side do not take each other for themselves. */
static void side_by_side(void) {
    enum { THREADS = 4 };
    struct {
        network *net;
        alone_values got;
    } job[THREADS];
    pthread_t id[THREADS];
    float loss;
    network *one = small();
    alone_values want = steps(one, &loss);
    host_close(one);
    for (int i = 0; i < THREADS; i++) job[i].net = small();
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&id[i], NULL, trainer, &job[i])) exit(1);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
        CHECK(alone_apart(job[i].got, want) < 1e-6,
              "network %d of %d side by side is %.2e from one alone", i, THREADS,
              alone_apart(job[i].got, want));
        host_close(job[i].net);
        free(job[i].got.v);
    }
    free(want.v);
}

int main(void) {
    beside_the_host();
    unseen();
    nothing_left();
    side_by_side();
    return t_done("test_alone");
}
