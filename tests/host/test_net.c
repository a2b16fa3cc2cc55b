/* test_net.c - gradients of whole networks through the host's own forward_network and
 * backward_network, against central differences of the double reference in ref_net.c: every
 * parameter tensor of every layer, x, and all 82 of phi. */
#include "ref_net.h"
#include "test.h"
#include "host/net.h"
#include <unistd.h>

static const char *const head = "[net]\nbatch=%d\nheight=9\nwidth=9\nchannels=3\nlearning_rate=."
                                "1\nmax_batches=10\n[meta_shared]\ntrain=1\nanneal=0\n";
static const struct {
    const char *name, *body;
    int batch, bn_batch;
} nets[] = {
    {"residual with 1x1 and route",
     "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=leaky\n"
     "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=1\nactivation=relu\n"
     "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=linear\n[shortcut]"
     "\nfrom=-3\nactivation=linear\n"
     "[perturb]\nactivation=relu\n[convolutional]\nfilters=5\nsize=1\nactivation=leaky\n[route]"
     "\nlayers=-1,-3,-6\n"
     "[perturb]\nactivation=leaky\n[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]"
     "\n",
     4, 1},
    {"the same in the phi step",
     "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=leaky\n"
     "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=1\nactivation=relu\n[perturb]\n"
     "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=linear\n[shortcut]"
     "\nfrom=-4\nalpha=.6\nbeta=-1.4\nactivation=leaky\n"
     "[perturb]\nactivation=relu\n[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n",
     3, 0},
    {"pooling, stride, groups, upsample, skips of other shapes",
     "[convolutional]\nfilters=4\nsize=3\nstride=2\npad=1\nactivation=elu\n"
     "[perturb]\nactivation=relu\nscale=0\n[maxpool]\nsize=2\nstride=2\n[convolutional]\nbatch_"
     "normalize=1\ngroups=2\nfilters=6\nsize=3\npad=1\nactivation=tanh\n"
     "[shortcut]\nfrom=-3\nalpha=-.7\nbeta=1.3\nactivation=linear\n[perturb]\nnoise=0\nactivation="
     "leaky\n[upsample]\nstride=2\n"
     "[convolutional]\nfilters=3\nsize=1\nstride=2\nactivation=logistic\n[perturb]\n[connected]"
     "\nbatch_normalize=1\noutput=7\nactivation=leaky\n"
     "[connected]\noutput=4\nactivation=linear\n[softmax]\n",
     5, 1},
    {"one image, plain",
     "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\npad=1\nactivation=leaky\n[perturb]"
     "\nactivation=relu\n"
     "[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n",
     1, 1},
};

static network *open_net(const char *body, int batch) {
    char path[] = "/tmp/mp_test_net_XXXXXX", err[ERR_LEN] = "";
    FILE *f = fdopen(mkstemp(path), "w");
    fprintf(f, head, batch);
    fputs(body, f);
    fclose(f);
    cfg_file *c = cfg_read(path, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    unlink(path);
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_net"));
    host_init(net, 3);
    /* Biases of 0 behind a relu put whole units on the kink of the next one, where no difference
     * quotient is right. */
    rng_stream rng = rng_open(rng_key(5, RNG_TEST, 0, 0));
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        int nb = l->type == CONVOLUTIONAL ? l->n : l->type == CONNECTED ? l->outputs : 0;
        for (int k = 0; k < nb; k++) l->biases[k] = 0.2f * rng_normal(&rng);
    }
    cfg_perturb p[64];
    int n = cfg_get_perturbs(c, p, 64);
    for (int k = 0; k < n; k++) { /* for the reference: which [upsample] is none; kept in fields the
                                     engine does not use */
        net->layers[p[k].layer].log = 1 + p[k].noise + 2 * p[k].scale;
        net->layers[p[k].layer].activation = LINEAR;
        for (ACTIVATION a = LOGISTIC; a <= SELU; a++)
            if (!strcmp(act_name((act_kind)a), p[k].activation))
                net->layers[p[k].layer].activation = a;
    }
    cfg_free(c);
    return net;
}

/* The reference's twin of net, and the same noise for both. */
static ref_net *twin(network *net, int batch, int bn_batch, rng_stream *rng) {
    host_net *h = host_of(net);
    ref_net *r = ref_net_new(net, batch);
    float cmax = 0;
    r->bn_batch = bn_batch;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (!l->log) continue;
        int code = l->log - 1;
        size_t n = (size_t)batch * (size_t)l->outputs;
        float *eps = malloc(n * sizeof *eps);
        for (size_t k = 0; k < n; k++) eps[k] = rng_normal(rng);
        engine_set_eps(host_engine(h), host_node(h, i), eps);
        r->layers[i] = (ref_layer){1, code & 1, code >> 1 & 1, (int)l->activation, eps};
        if ((float)l->out_c > cmax) cmax = (float)l->out_c;
    }
    r->c_norm = (double)cmax;
    r->h_norm = net->h;
    float *phi = host_phi(h);
    for (int k = 0; k < PHI_LEN; k++) {
        phi[k] = 0.3f * rng_normal(rng);
        r->phi[k] = (double)phi[k];
    }
    engine_changed(host_engine(h), phi);
    return r;
}

typedef struct {
    ref_net *r;
    const double *x, *y;
} problem;

/* Minus the gradient, as the host's updates hold it, for up to `most` entries spread over p,
 * against got. */
static void compare(problem q, const char *net, const char *what, double *p, const float *got,
                    size_t n, size_t most, double tol) {
    size_t step = n > most ? n / most : 1;
    double d2 = 0, w2 = 0;
    for (size_t k = 0; k < n; k += step) {
        double old = p[k], h = 1e-6; /* small: few units cross a kink between the two */
        p[k] = old + h;
        double up = ref_net_loss(q.r, q.x, q.y, NULL);
        p[k] = old - h;
        double want = -(up - ref_net_loss(q.r, q.x, q.y, NULL)) / (2 * h);
        p[k] = old;
        d2 += ((double)got[k] - want) * ((double)got[k] - want);
        w2 += want * want;
    }
    double e = sqrt(d2 / w2);
    CHECK(w2 > 0, "%s, %s: the gradient is zero: the check would be empty", net, what);
    CHECK(e <= tol, "%s, %s: relative error %.2e", net, what, e);
}

static void check_layers(problem q, network *net, const char *name) {
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        char what[64];
        size_t nw = l->type == CONVOLUTIONAL ? (size_t)l->nweights
                                             : (size_t)l->inputs * (size_t)l->outputs;
        size_t nb = l->type == CONVOLUTIONAL ? (size_t)l->n : (size_t)l->outputs;
        if (l->type != CONVOLUTIONAL && l->type != CONNECTED) continue;
        snprintf(what, sizeof what, "layer %d weights", i);
        compare(q, name, what, q.r->w[i], l->weight_updates, nw, 40, 1e-4);
        snprintf(what, sizeof what, "layer %d biases", i);
        compare(q, name, what, q.r->b[i], l->bias_updates, nb, 8, 1e-4);
        snprintf(what, sizeof what, "layer %d scales", i);
        if (l->batch_normalize) compare(q, name, what, q.r->s[i], l->scale_updates, nb, 8, 1e-4);
    }
}

static void one_net(int which) {
    int batch = nets[which].batch;
    network *net = open_net(nets[which].body, batch);
    host_net *h = host_of(net);
    rng_stream rng = rng_open(rng_key(11, RNG_TEST, (uint64_t)which, 0));
    ref_net *r = twin(net, batch, nets[which].bn_batch, &rng);
    size_t nx = (size_t)batch * (size_t)net->inputs, ny = (size_t)batch * (size_t)net->outputs;
    double *x = malloc(nx * sizeof *x), *y = calloc(ny, sizeof *y), *p = malloc(ny * sizeof *p);
    float *dx = calloc(nx, sizeof *dx), gphi[PHI_LEN];
    for (size_t k = 0; k < nx; k++) x[k] = (double)(net->input[k] = rng_normal(&rng));
    /* Every other network learns from soft truths, as label smoothing and mixup make them. */
    double own = which % 2 ? 0.7 : 1;
    for (int b = 0; b < batch; b++)
        for (int k = 0; k < net->outputs; k++)
            y[b * net->outputs + k] = k == b % net->outputs ? own : (1 - own) / (net->outputs - 1);
    for (size_t k = 0; k < ny; k++) net->truth[k] = (float)y[k];
    engine_mode m = {.keep = 1,
                     .bn_batch = nets[which].bn_batch,
                     .perturb_batch = 1,
                     .noise = PERTURB_NOISE_SAMPLE,
                     .t = 1,
                     .theta_grads = 1,
                     .phi_grads = 1};
    host_set_mode(h, &m);
    net->train = 1;
    net->delta = dx;
    /* Without batch statistics the running ones count; the reference reads them before this pass
     * moves them. */
    double want = ref_net_loss(r, x, y, p);
    forward_network(net);
    backward_network(net);
    engine_read(host_engine(h), NULL);
    double loss = (double)*net->cost;
    CHECK(fabs(loss - want) <= 1e-4 * fabs(want), "%s: loss %f, reference %f", nets[which].name,
          loss, want);
    double e = t_rel(net->output, p, ny);
    CHECK(e <= 1e-4, "%s: outputs, relative error %.2e", nets[which].name, e);
    problem q = {r, x, y};
    check_layers(q, net, nets[which].name);
    for (int k = 0; k < PHI_LEN; k++) gphi[k] = (float)host_phi_update(h)[k];
    compare(q, nets[which].name, "phi", r->phi, gphi, PHI_LEN, PHI_LEN, 1e-4);
    compare(q, nets[which].name, "x", x, dx, nx, 40, 1e-4);
    for (int i = 0; i < net->n; i++) free((float *)(size_t)r->layers[i].eps);
    ref_net_free(r);
    net->delta = NULL;
    host_close(net);
    free(x);
    free(y);
    free(p);
    free(dx);
}

/* The two sets of running statistics: collecting those of one pass makes that pass right and leaves
 * noisy ones as they were, bit for bit. */
static void statistics(void) {
    network *net = open_net(nets[0].body, 4), *back = open_net(nets[0].body, 4);
    host_net *h = host_of(net);
    size_t nx = 4 * (size_t)net->inputs, ny = 4 * (size_t)net->outputs;
    float *x = malloc(nx * sizeof *x), *noisy = malloc(ny * sizeof *noisy),
          *batch = malloc(ny * sizeof *batch);
    float *stale = malloc(ny * sizeof *stale), before[2], after[2];
    char err[ERR_LEN] = "", path[] = "/tmp/mp_test_net_XXXXXX";
    rng_stream rng = rng_open(rng_key(12, RNG_TEST, 0, 0));
    for (size_t k = 0; k < nx; k++) x[k] = rng_normal(&rng);
    float *phi = host_phi(h);
    for (int k = 0; k < PHI_LEN; k++) phi[k] = host_phi(host_of(back))[k] = 0.2f * rng_normal(&rng);
    engine_mode test = {.noise = PERTURB_NOISE_SAMPLE, .t = 1, .seed = 4},
                mean = {.noise = PERTURB_NOISE_MEAN, .t = 1};
    engine_mode collect = mean;
    collect.bn_batch = collect.perturb_batch = 1;
    host_set_mode(h, &test);
    memcpy(noisy, network_predict(net, x), ny * sizeof *noisy);
    memcpy(before, net->layers[0].rolling_mean, sizeof before);
    host_set_mode(h, &mean);
    memcpy(stale, network_predict(net, x), ny * sizeof *stale);
    CHECK(!host_has_one_pass(h), "reading must not make statistics");
    host_set_mode(h, &collect);
    for (int i = 0; i < 300; i++) memcpy(batch, network_predict(net, x), ny * sizeof *batch);
    host_set_mode(h, &mean);
    const float *out = network_predict(net, x);
    double far = 0, d = 0;
    for (size_t k = 0; k < ny; k++) d = fmax(d, fabs((double)out[k] - (double)batch[k]));
    /* One batch for ever: its statistics and the running ones agree, but for the variance over n -
     * 1 in the latter. */
    CHECK(d < 0.005, "one pass: %.4f from the batch's own", d);
    int fd = mkstemp(path);
    close(fd);
    CHECK(!host_save(net, path, 0, err) && !host_load(back, path, 0, err), "%s", err);
    host_set_mode(host_of(back), &mean);
    CHECK(!memcmp(network_predict(net, x), network_predict(back, x), ny * sizeof *x),
          "the file does not hold the statistics of one pass");
    host_set_mode(h, &test);
    out = network_predict(net, x);
    memcpy(after, net->layers[0].rolling_mean, sizeof after);
    for (size_t k = 0; k < ny; k++) far = fmax(far, fabs((double)stale[k] - (double)batch[k]));
    CHECK(far > 10 * d && d > 0, "the two sets are alike, %.4f: the check would be empty", far);
    CHECK(!memcmp(out, noisy, ny * sizeof *x) && !memcmp(before, after, sizeof before),
          "the noisy statistics moved");
    test.bn_batch = 1;
    host_set_mode(h, &test);
    network_predict(net, x);
    CHECK(!host_has_one_pass(h), "training must make the statistics of one pass void");
    unlink(path);
    host_close(net);
    host_close(back);
    free(x);
    free(noisy);
    free(batch);
    free(stale);
}

int main(void) {
    statistics();
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) one_net((int)i);
    return t_done("test_net");
}
