/* test_look.c - phi's gradient through theta's own step (lookahead= of META files), against
 * differences of the validation loss after that step: the double reference takes it, with Adam's
 * moments as they were. What the look leaves behind is what the pass without it leaves, bit for
 * bit.
 */
#include "ref_net.h"
#include "test.h"
#include "host/net_internal.h"
#include "host/theta.h"
#include "train/meta_step.h"
#include <unistd.h>

enum { BATCH = 3, CLASSES = 4, WARM = 300, DIRECTIONS = 6 };
static const char text[] =
    "[net]\nbatch=3\nheight=7\nwidth=7\nchannels=3\nlearning_rate=.003\ndecay=.01\nadam=1\nB1=.9\n"
    "B2=.999\neps=1e-8\nmax_batches=100\n[meta_shared]\nanneal=0\n"
    "[convolutional]\nbatch_normalize=1\nfilters=5\nsize=3\npad=1\nactivation=linear\n"
    "[perturb]\nactivation=tanh\n"
    "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"
    "[perturb]\nactivation=tanh\n[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n";

static network *open_net(void) {
    char path[] = "/tmp/mp_test_look_XXXXXX", err[ERR_LEN] = "";
    FILE *f = fdopen(mkstemp(path), "w");
    fputs(text, f);
    fclose(f);
    cfg_file *c = cfg_read(path, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    unlink(path);
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_look"));
    cfg_free(c);
    host_init(net, 3);
    float phi[PHI_LEN];
    rng_stream rng = rng_open(rng_key(5, RNG_TEST, 0, 0));
    for (int k = 0; k < PHI_LEN; k++) phi[k] = 0.3f * rng_normal(&rng);
    host_phi_set(host_of(net), phi);
    return net;
}

static batch_t *batch(int which) {
    size_t nx = BATCH * 3 * 7 * 7;
    batch_t *b = calloc(1, sizeof *b);
    b->X = calloc(nx, sizeof *b->X);
    b->truth = calloc(BATCH * CLASSES, sizeof *b->truth);
    rng_stream rng = rng_open(rng_key(7, RNG_TEST, (uint64_t)which, 0));
    for (size_t k = 0; k < nx; k++) b->X[k] = rng_normal(&rng);
    for (int i = 0; i < BATCH; i++) b->truth[i * CLASSES + (i + which) % CLASSES] = 1;
    return b;
}

/* Learnt a little, so that Adam's moments are of several steps. */
static void warm(network *net, batch_t *const b[2]) {
    double gradient;
    for (int i = 0; i < WARM; i++) meta_theta_pass(net, b[i % 2], 1000 + (uint64_t)i, &gradient);
}

/* ---- the reference ---- */

typedef struct {
    ref_net *r;
    float *eps[2][16]; /* of the train and of the validation pass, by layer */
    double *x[2], *y[2];
    double **at;               /* theta's place in r */
    double *theta, *m, *v, *g; /* theta and Adam's moments before the step; the gradient */
    double *held;              /* the second moments after it, as they really were */
    size_t n;
    double rate, decay, b1, b2, eps_of_adam, t;
} reference;

static double loss_of(const reference *q, int pass) {
    for (int i = 0; i < q->r->net->n; i++) q->r->layers[i].eps = q->eps[pass][i];
    q->r->bn_batch = !pass;
    return ref_net_loss(q->r, q->x[pass], q->y[pass], NULL) / BATCH;
}

/* The noise that the engine draws. */
static float *noise(const network *net, int i, uint64_t draw) {
    const layer *l = &net->layers[i];
    size_t row = (size_t)l->out_w * (size_t)l->out_c;
    float *eps = malloc((size_t)BATCH * (size_t)l->out_h * row * sizeof *eps);
    rng_key_t key = rng_key(host_seed_of(host_of(net)), RNG_NOISE, draw,
                            (uint64_t)host_node(host_of(net), i));
    for (int k = 0; k < BATCH * l->out_h; k++)
        rng_normal_row(eps + (size_t)k * row, row, key, (uint32_t)k);
    return eps;
}

static double *doubles(const float *p, size_t n) {
    double *d = malloc(n * sizeof *d);
    for (size_t k = 0; k < n; k++) d[k] = (double)p[k];
    return d;
}

/* Theta's places in the order of host_theta_get; Adam's moments are in it too. */
static void take_layers(reference *q, const network *net) {
    const host_net *h = host_of(net);
    size_t at = 0;
    for (int i = 0; i < net->n; i++) {
        host_tensor t[3];
        double *from[3] = {q->r->w[i], q->r->b[i], q->r->s[i]};
        if (!host_tensors(&h->layers[i], &net->layers[i], t)) continue;
        for (size_t a = 0, k = 0; a < 3; a++)
            for (size_t j = 0; j < t[a].n; j++, k++, at++) {
                q->at[at] = &from[a][j];
                q->m[at] = (double)h->layers[i].m[k];
                q->v[at] = (double)h->layers[i].v[k];
            }
    }
    CHECK(at == q->n, "%zu numbers in theta, not %zu", at, q->n);
}

static reference *reference_of(network *net, batch_t *const b[2], const uint64_t draws[2]) {
    reference *q = calloc(1, sizeof *q);
    engine_read(host_of(net)->e, NULL); /* a device may hold newer ones */
    q->r = ref_net_new(net, BATCH);
    q->n = host_theta_len(net);
    double **arrays[] = {&q->theta, &q->m, &q->v, &q->g, &q->held};
    for (size_t k = 0; k < 5; k++) *arrays[k] = calloc(q->n, sizeof(double));
    q->at = calloc(q->n, sizeof *q->at);
    take_layers(q, net);
    for (size_t k = 0; k < q->n; k++) q->theta[k] = *q->at[k];
    for (int p = 0; p < 2; p++) {
        q->x[p] = doubles(b[p]->X, BATCH * 3 * 7 * 7);
        q->y[p] = doubles(b[p]->truth, BATCH * CLASSES);
    }
    const float *phi = host_phi(host_of(net));
    for (int k = 0; k < PHI_LEN; k++) q->r->phi[k] = (double)phi[k];
    for (int k = 0; k < host_of(net)->n_perturb; k++) {
        int i = host_of(net)->perturb[k].layer;
        q->r->layers[i] = (ref_layer){1, 1, 1, TANH, NULL};
        for (int p = 0; p < 2; p++) q->eps[p][i] = noise(net, i, draws[p]);
    }
    q->r->c_norm = 5;
    q->r->h_norm = 7;
    q->rate = (double)net->learning_rate;
    q->decay = (double)net->decay;
    q->b1 = (double)net->B1;
    q->b2 = (double)net->B2;
    q->eps_of_adam = (double)net->eps;
    q->t = *net->t + 1;
    return q;
}

static void reference_free(reference *q) {
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < 16; i++) free(q->eps[p][i]);
        free(q->x[p]);
        free(q->y[p]);
    }
    ref_net_free(q->r);
    free(q->at);
    free(q->theta);
    free(q->m);
    free(q->v);
    free(q->g);
    free(q->held);
    free(q);
}

static void put(const reference *q, const double *theta) {
    for (size_t k = 0; k < q->n; k++) *q->at[k] = theta[k];
}

/* The gradient of the train batch's loss at theta. */
static void gradient(reference *q) {
    const double h = 1e-6;
    put(q, q->theta);
    for (size_t k = 0; k < q->n; k++) {
        *q->at[k] = q->theta[k] + h;
        double up = loss_of(q, 0);
        *q->at[k] = q->theta[k] - h;
        q->g[k] = (up - loss_of(q, 0)) / (2 * h);
        *q->at[k] = q->theta[k];
    }
}

/* The validation batch's loss after the step that this gradient makes. moves: the second moments
 * follow it; else they are those that were kept (keep: they are now). */
static double after_step(reference *q, int moves, int keep) {
    double *theta = malloc(q->n * sizeof *theta);
    for (size_t k = 0; k < q->n; k++) {
        double g = q->g[k] + q->decay * q->theta[k], v = q->b2 * q->v[k] + (1 - q->b2) * g * g;
        double m = (q->b1 * q->m[k] + (1 - q->b1) * g) / (1 - pow(q->b1, q->t));
        if (keep) q->held[k] = v;
        if (!moves) v = q->held[k];
        theta[k] = q->theta[k] - q->rate * m / (sqrt(v / (1 - pow(q->b2, q->t))) + q->eps_of_adam);
    }
    put(q, theta);
    free(theta);
    return loss_of(q, 1);
}

/* u: a direction in phi; each part of it is one, and then all. */
static void direction(int which, double u[PHI_LEN]) {
    static const int parts[] = {PHI_E1_SELF, PHI_E2_SELF, PHI_K, PHI_W, PHI_LEN};
    int some = which < 4;
    rng_stream rng = rng_open(rng_key(9, RNG_TEST, (uint64_t)which, 0));
    for (int k = 0; k < PHI_LEN; k++) {
        double n = (double)rng_normal(&rng);
        u[k] = !some || (k >= parts[which] && k < parts[which + 1]) ? n : 0;
    }
}

typedef struct {
    double wanted[2][DIRECTIONS]; /* second moments held; and as they are */
} slopes;

static slopes differences(reference *q) {
    slopes s;
    double phi[PHI_LEN], u[PHI_LEN];
    const double h = 1e-5;
    memcpy(phi, q->r->phi, sizeof phi);
    gradient(q);
    after_step(q, 1, 1);
    for (int d = 0; d < DIRECTIONS; d++) {
        direction(d, u);
        s.wanted[0][d] = s.wanted[1][d] = 0;
        for (int side = 1; side >= -1; side -= 2) {
            for (int k = 0; k < PHI_LEN; k++) q->r->phi[k] = phi[k] + side * h * u[k];
            gradient(q);
            for (int moves = 0; moves < 2; moves++)
                s.wanted[moves][d] += side * after_step(q, moves, 0) / (2 * h);
        }
        memcpy(q->r->phi, phi, sizeof phi);
    }
    return s;
}

/* ---- ours ---- */

static double dot(const double *a, const double *u) {
    double s = 0;
    for (int k = 0; k < PHI_LEN; k++) s += a[k] * u[k];
    return s;
}

static double error_of(const double *want, const double *minus) {
    double d2 = 0, w2 = 0, u[PHI_LEN];
    for (int d = 0; d < DIRECTIONS; d++) {
        direction(d, u);
        double got = -dot(minus, u);
        d2 += (got - want[d]) * (got - want[d]);
        w2 += want[d] * want[d];
    }
    return sqrt(d2 / w2);
}

static void derivative(void) {
    network *net = open_net();
    batch_t *b[2] = {batch(0), batch(1)};
    const uint64_t draws[2] = {6, 7};
    double sum[PHI_LEN] = {0}, mixed[PHI_LEN] = {0}, whole[PHI_LEN], theta_gradient, accuracy;
    warm(net, b);
    net->learning_rate = 0.5f; /* one long step, else the mixed term hides beside the direct one */
    reference *q = reference_of(net, b, draws);
    meta_look *k = meta_look_new(net, 1);
    k->far = 3e-4; /* no unit of so small a network may cross a kink */
    meta_look_begin(k, net);
    double train = (double)meta_theta_pass(net, b[0], draws[0], &theta_gradient);
    double want = loss_of(q, 0);
    CHECK(fabs(train - want) <= 1e-5 * want, "train loss %f, reference %f", train, want);
    /* The reference reads batch norm's running statistics where the network has them: now those
     * after the step. */
    engine_read(host_of(net)->e, NULL);
    slopes s = differences(q);
    double check = (double)meta_look_pass(k, net, (meta_batch){b[0], draws[0]},
                                          (meta_batch){b[1], draws[1]}, sum, mixed, &accuracy);
    gradient(q);
    want = after_step(q, 1, 0);
    CHECK(fabs(check - want) <= 1e-4 * want, "validation loss %f, reference %f", check, want);
    for (int i = 0; i < PHI_LEN; i++) whole[i] = sum[i] + mixed[i];
    double e = error_of(s.wanted[0], whole), real = error_of(s.wanted[1], whole),
           blind = error_of(s.wanted[1], sum);
    printf("with second moments held %.2e, after a real step %.2e; first order alone %.2e\n", e,
           real, blind);
    CHECK(e <= 5e-4, "second moments held: relative error %.2e", e);
    CHECK(real <= 0.03, "after a real step: relative error %.2e", real);
    CHECK(blind > 0.5, "first order alone is as good: the check would be empty");
    reference_free(q);
    meta_look_free(k);
    host_close(net);
}

typedef struct {
    float *theta, *running;
    double sum[PHI_LEN];
    float loss;
} outcome;

/* Two steps of theta, each with phi's pass after it: with a look, or without. */
static outcome two_steps(int looks) {
    network *net = open_net();
    batch_t *b[2] = {batch(0), batch(1)};
    outcome o = {calloc(host_theta_len(net), sizeof(float)),
                 calloc(host_running_len(net), sizeof(float)),
                 {0},
                 0};
    meta_look *k = meta_look_new(net, 30);
    double mixed[PHI_LEN] = {0}, gradient_of_theta, accuracy;
    warm(net, b);
    for (uint64_t i = 0; i < 2; i++) {
        meta_look_begin(k, net);
        meta_theta_pass(net, b[0], 2 * i, &gradient_of_theta);
        if (looks)
            o.loss += meta_look_pass(k, net, (meta_batch){b[0], 2 * i},
                                     (meta_batch){b[1], 2 * i + 1}, o.sum, mixed, &accuracy);
        else
            o.loss += meta_phi_pass(net, b[1], 2 * i + 1, o.sum, &accuracy);
    }
    host_theta_get(net, o.theta);
    host_running_get(net, o.running);
    double size = 0;
    for (int i = 0; i < PHI_LEN; i++) size += mixed[i] * mixed[i];
    CHECK((size > 0) == looks, "mixed term of %g", sqrt(size));
    meta_look_free(k);
    host_close(net);
    return o;
}

static void leaves_nothing(void) {
    network *net = open_net();
    size_t n = host_theta_len(net), running = host_running_len(net);
    outcome a = two_steps(0), b = two_steps(1);
    CHECK(!memcmp(a.theta, b.theta, n * sizeof(float)), "theta is another");
    CHECK(!memcmp(a.running, b.running, running * sizeof(float)), "the statistics are others");
    CHECK(!memcmp(a.sum, b.sum, sizeof a.sum) && a.loss == b.loss, "the direct term is another");
    free(a.theta);
    free(a.running);
    free(b.theta);
    free(b.running);
    host_close(net);
}

/* Second moments of a few steps tell little. */
static void too_young(void) {
    network *net = open_net();
    batch_t *b[2] = {batch(0), batch(1)};
    meta_look *k = meta_look_new(net, 1);
    double gradient_of_theta, accuracy;
    for (int t = 1; t <= META_LOOK_FROM + 1; t++) {
        double sum[PHI_LEN] = {0}, mixed[PHI_LEN] = {0}, size = 0;
        meta_look_begin(k, net);
        meta_theta_pass(net, b[0], 6, &gradient_of_theta);
        meta_look_pass(k, net, (meta_batch){b[0], 6}, (meta_batch){b[1], 7}, sum, mixed, &accuracy);
        for (int i = 0; i < PHI_LEN; i++) size += mixed[i] * mixed[i];
        CHECK((size > 0) == (t > META_LOOK_FROM), "after step %d: mixed term of %g", t, sqrt(size));
    }
    meta_look_free(k);
    host_close(net);
}

/* How much further theta lies for a gradient that is larger by 1 in so many steps, by the steps
 * themselves. */
static void reach(void) {
    network *net = open_net();
    batch_t *b[2] = {batch(0), batch(1)};
    warm(net, b);
    for (int steps = 1; steps <= 30; steps += 29) {
        double m = 0, x = 0, b1 = (double)net->B1;
        for (int k = 0; k < steps; k++) {
            m = b1 * m + (1 - b1);
            x += (double)net->learning_rate * m / (1 - pow(b1, *net->t + k));
        }
        double got = host_theta_reach(net, steps);
        CHECK(fabs(got - x) <= 1e-12 * x, "%d steps reach %g, not %g", steps, got, x);
    }
    host_close(net);
}

/* Where one layer has a rate of its own, or stands still, since theta's step. */
static void own_rates(void) {
    static const double want[] = {1, 3, 0};
    double length[3];
    batch_t *b[2] = {batch(0), batch(1)};
    for (int i = 0; i < 3; i++) {
        network *net = open_net();
        double sum[PHI_LEN] = {0}, gradient_of_theta, accuracy;
        meta_look *k = meta_look_new(net, 1);
        warm(net, b);
        meta_look_begin(k, net);
        meta_theta_pass(net, b[0], 6, &gradient_of_theta);
        if (i == 1) net->layers[2].learning_rate_scale = 3;
        if (i == 2) host_of(net)->layers[2].frozen = 1e6;
        meta_look_pass(k, net, (meta_batch){b[0], 6}, (meta_batch){b[1], 7}, sum, sum, &accuracy);
        length[i] = 0;
        size_t from = 5 * 27 + 5 + 5; /* what the first convolution has */
        for (size_t j = from; j < from + 4 * 45 + 4; j++)
            length[i] += (double)k->way[j] * (double)k->way[j];
        length[i] = sqrt(length[i]);
        CHECK(length[0] > 0 && fabs(length[i] - want[i] * length[0]) <= 1e-6 * length[0],
              "the layer's part of the way is %g long, not %g times %g", length[i], want[i],
              length[0]);
        meta_look_free(k);
        host_close(net);
    }
}

int main(void) {
    leaves_nothing();
    too_young();
    reach();
    own_rates();
    derivative();
    return t_done("test_look");
}
