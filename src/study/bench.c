/* bench.c - see bench.h */
#include "study/bench.h"
#include "ops/optim.h"
#include "ops/rng.h"
#include "train/classifier.h"
#include "train/meta_step.h"
#include "train/report.h"
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 3, WARM_UP_HOST = 1, WARM_UP_GPU = 10, KINDS = 16 };

typedef struct {
    const char *name;
    double seconds;
} share;
typedef struct {
    const bench_args *a;
    cfg_file *cfg;
    network *net;
    dataset *set;
    loader *loader;
    float *X, *truth;                     /* one batch in memory */
    float phi_m[PHI_LEN], phi_v[PHI_LEN]; /* Adam's, of bench_meta */
    int steps;
    double *seconds; /* of each step */
    double first;    /* from the start of the program to the end of the first step */
    share kinds[KINDS];
    cJSON *json;
} bench;

/* ---- time per kind of layer: the network's function pointers go through these ---- */

typedef void (*pass)(layer, network);
typedef struct {
    pass forward, backward;
    share *kind;
} original;
static struct {
    original *layers;
    void (*update[BLANK + 1])(
        layer, update_args); /* by type: an update is not told which layer it is of */
    share *updates;
} timed;

static void timed_forward(layer l, network net) {
    double t0 = report_now();
    timed.layers[net.index].forward(l, net);
    timed.layers[net.index].kind->seconds += report_now() - t0;
}

static void timed_backward(layer l, network net) {
    double t0 = report_now();
    timed.layers[net.index].backward(l, net);
    timed.layers[net.index].kind->seconds += report_now() - t0;
}

static void timed_update(layer l, update_args a) {
    double t0 = report_now();
    timed.update[l.type](l, a);
    timed.updates->seconds += report_now() - t0;
}

static share *kind_of(bench *b, const char *name) {
    int k = 0;
    while (k < KINDS - 1 && b->kinds[k].name && strcmp(b->kinds[k].name, name)) k++;
    if (!b->kinds[k].name) b->kinds[k].name = k < KINDS - 1 ? name : "further kinds";
    return &b->kinds[k];
}

static int watch(bench *b) {
    network *net = b->net;
    timed.layers = calloc((size_t)net->n, sizeof *timed.layers);
    if (!timed.layers) return -1;
    timed.updates = kind_of(b, "update");
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        timed.layers[i] = (original){l->forward, l->backward,
                                     kind_of(b, host_layer_name(b->cfg, i, l->batch_normalize))};
        l->forward = timed_forward;
        if (l->backward) l->backward = timed_backward;
        if (!l->update) continue;
        timed.update[l->type] = l->update;
        l->update = timed_update;
    }
    return 0;
}

/* ---- opening ---- */

static int set_int(cfg_file *c, int section, const char *key, int v) {
    char s[32];
    snprintf(s, sizeof s, "%d", v);
    return cfg_set(c, section, key, s);
}

/* No annealing, and a schedule that does not end. */
static int prepare_cfg(bench *b) {
    cfg_file *c = b->cfg;
    int bad = set_int(c, 0, "max_batches", 1000000000);
    if (b->a->batch) bad |= set_int(c, 0, "batch", b->a->batch) | set_int(c, 0, "subdivisions", 1);
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->sections[i].type, "meta_shared")) bad |= set_int(c, i, "anneal", 0);
    return bad;
}

static int fill_batch(bench *b) {
    network *net = b->net;
    size_t n = (size_t)net->batch * (size_t)net->inputs,
           nt = (size_t)net->batch * (size_t)net->truths;
    b->X = malloc(n * sizeof *b->X);
    b->truth = calloc(nt + 1, sizeof *b->truth);
    if (!b->X || !b->truth) return -1;
    rng_stream r = rng_open(rng_key(b->a->seed, RNG_TEST, 0, 0));
    for (size_t i = 0; i < n; i++) b->X[i] = rng_uniform(&r, 0, 1);
    const layer *last = &net->layers[net->n - 1];
    if (last->type != SOFTMAX && last->type != COST)
        return 0; /* heads of detectors: pictures without objects */
    for (int k = 0; k < net->batch; k++)
        b->truth[k * net->truths + (int)rng_below(&r, (uint32_t)net->truths)] = 1;
    return 0;
}

static int open_loader(bench *b, char *err) {
    data_file *d = data_file_read(b->a->data, err);
    if (!d) return -1;
    b->set = dataset_load(d, DATA_TRAIN, b->net->c, b->a->threads, 0, err);
    augment aug = classifier_augment(b->cfg, b->net);
    int classes = d->classes;
    data_file_free(d);
    if (!b->set) return -1;
    if (classes != b->net->outputs)
        return fail(err, "%s has classes=%d, but %s has %d outputs", b->a->data, classes, b->a->cfg,
                    b->net->outputs);
    b->loader = loader_new(b->set, &aug, b->a->seed, 0, b->net->batch, 1);
    if (!b->loader) fail(err, "not enough memory for batches of %d images", b->net->batch);
    return b->loader ? 0 : -1;
}

static int bench_open(bench *b, char *err) {
    const bench_args *a = b->a;
    b->steps = a->steps ? a->steps : BENCH_STEPS;
    b->cfg = cfg_read(a->cfg, err);
    if (!b->cfg) return -1;
    int bad = prepare_cfg(b);
    if (!bad && a->host && cfg_check_host(b->cfg, 1, err)) return -1;
    if (!bad) b->net = a->host ? host_open_alone(b->cfg, NULL, err) : host_open(b->cfg, 1, err);
    if (!bad && !b->net) return -1;
    if (!bad && !a->host) host_init(b->net, a->seed);
    b->seconds = calloc((size_t)b->steps, sizeof *b->seconds);
    b->json = cJSON_CreateObject();
    if (bad || !b->seconds || !b->json || fill_batch(b) || watch(b))
        return fail(err, "%s: not enough memory", a->cfg);
    return a->data ? open_loader(b, err) : 0;
}

static void bench_close(bench *b) {
    loader_free(b->loader);
    dataset_free(b->set);
    host_close(b->net);
    cfg_free(b->cfg);
    cJSON_Delete(b->json);
    free(b->X);
    free(b->truth);
    free(b->seconds);
    free(timed.layers);
    memset(&timed, 0, sizeof timed);
}

/* ---- measuring and telling ---- */

static batch_t next_batch(bench *b) {
    return b->loader ? *loader_next(b->loader) : (batch_t){.X = b->X, .truth = b->truth};
}

static void train_once(bench *b, int i) {
    batch_t t = next_batch(b);
    session_step(b->net, &t);
}

static void meta_once(bench *b, int i) {
    double sum[PHI_LEN] = {0}, unused;
    float update[PHI_LEN];
    batch_t t = next_batch(b);
    meta_theta_pass(b->net, &t, 2 * (uint64_t)i, &unused);
    t = next_batch(b);
    meta_phi_pass(b->net, &t, 2 * (uint64_t)i + 1, sum, &unused);
    for (int k = 0; k < PHI_LEN; k++) update[k] = (float)sum[k];
    adam_args aa = {1e-3f, 0.9f, 0.999f, 1e-8f, 5e-4f, i + 1};
    host_net *h = host_of(b->net);
    adam_step(host_phi(h), update, b->phi_m, b->phi_v, PHI_LEN, &aa, 1);
    engine_changed(host_engine(h), host_phi(h));
}

static void predict_once(bench *b, int i) { network_predict(b->net, next_batch(b).X); }

static void data_once(bench *b, int i) { next_batch(b); }

static int ascending(const void *p, const void *q) {
    double a = *(const double *)p, b = *(const double *)q;
    return (a > b) - (a < b);
}

/* Multiply-adds of one image forward. */
static double work(const network *net) {
    double sum = 0;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->type == CONVOLUTIONAL) sum += (double)l->nweights * l->out_w * l->out_h;
        if (l->type == CONNECTED) sum += (double)l->inputs * l->outputs;
    }
    return sum;
}

static void tell_shares(bench *b, double total) {
    cJSON *j = cJSON_AddObjectToObject(b->json, "share");
    double other = total;
    printf("share:");
    for (int k = 0; k < KINDS && b->kinds[k].name; k++) {
        const share *s = &b->kinds[k];
        if (s->seconds <= 0) continue;
        other -= s->seconds;
        printf(" %s %.1f %%,", s->name, 100 * s->seconds / total);
        cJSON_AddNumberToObject(j, s->name, s->seconds / total);
    }
    printf(" other %.1f %%\n", 100 * other / total);
    cJSON_AddNumberToObject(j, "other", other / total);
}

static int tell(bench *b, const char *what, double passes, char *err) {
    double total = 0;
    struct rusage u;
    for (int i = 0; i < b->steps; i++) total += b->seconds[i];
    qsort(b->seconds, (size_t)b->steps, sizeof *b->seconds, ascending);
    int n = b->steps, batch = b->net->batch;
    double median = (b->seconds[n / 2] + b->seconds[(n - 1) / 2]) / 2,
           gflops = 2e-9 * passes * work(b->net) * batch / median;
    getrusage(RUSAGE_SELF, &u);
    double peak = (double)u.ru_maxrss / 1024;
    printf("%s, batch %d, %d threads, %d steps: median %.4f s, min %.4f s, %.0f images/s", what,
           batch, b->a->threads, n, median, b->seconds[0], batch / median);
    if (passes > 0) printf(", %.1f GFLOP/s", gflops);
    printf(", peak %.0f MB, first step done %.2f s after the start\n", peak, b->first);
    if (passes > 0 && !engine_on_gpu())
        tell_shares(b, total); /* to a device layers are only queued */
    cJSON *s = cJSON_AddObjectToObject(b->json, "seconds");
    cJSON_AddNumberToObject(s, "median", median);
    cJSON_AddNumberToObject(s, "min", b->seconds[0]);
    cJSON_AddNumberToObject(b->json, "images_per_second", batch / median);
    if (passes > 0) cJSON_AddNumberToObject(b->json, "gflops", gflops);
    cJSON_AddNumberToObject(b->json, "peak_mb", peak);
    cJSON_AddNumberToObject(b->json, "first_step", b->first);
    cJSON_AddNumberToObject(b->json, "steps", n);
    cJSON_AddNumberToObject(b->json, "batch", batch);
    cJSON_AddNumberToObject(b->json, "threads", b->a->threads);
    return report_json(b->a->json, b->json, err);
}

/* Since the kernel started this process, its loading of libraries and its restart of itself
 * included; 0: not to be known. */
static double age(void) {
    double ticks = 0;
    struct timespec now;
    FILE *f = fopen("/proc/self/stat", "r");
    if (!f) return 0;
    /* The second field is a name in brackets; the start is the twentieth after it, in ticks since
     * boot. */
    int got = fscanf(f,
                     "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d "
                     "%*d %*d %*d %lf",
                     &ticks);
    fclose(f);
    clock_gettime(CLOCK_BOOTTIME, &now);
    return got == 1 ? (double)now.tv_sec + 1e-9 * (double)now.tv_nsec -
                          ticks / (double)sysconf(_SC_CLK_TCK)
                    : 0;
}

static int measure(const bench_args *a, const char *what, double passes, void (*once)(bench *, int),
                   char *err) {
    bench b = {.a = a};
    int bad = bench_open(&b, err);
    int warm_up = a->host ? WARM_UP_HOST : !bad && engine_on_gpu() ? WARM_UP_GPU : WARM_UP;
    for (int i = -warm_up; !bad && i < b.steps; i++) {
        if (i == 0)
            for (int k = 0; k < KINDS; k++) b.kinds[k].seconds = 0;
        double t0 = report_now();
        once(&b, i + warm_up);
        if (i == -warm_up) b.first = age();
        if (i >= 0) b.seconds[i] = report_now() - t0;
    }
    if (!bad) bad = tell(&b, what, passes, err);
    bench_close(&b);
    return bad;
}

int bench_step(const bench_args *a, char *err) {
    return measure(a, a->host ? "training step (host)" : "training step", 3, train_once, err);
}

int bench_meta(const bench_args *a, char *err) {
    cfg_file *c = cfg_read(a->cfg, err);
    if (!c) return -1;
    int present = cfg_get_meta_shared(c).present;
    cfg_free(c);
    if (present) return measure(a, "meta-training step", 6, meta_once, err);
    return fail(err, "%s: no [meta_shared] section: there is no phi to train", a->cfg);
}

int bench_predict(const bench_args *a, char *err) {
    return measure(a, a->host ? "forward (host)" : "forward", 1, predict_once, err);
}
int bench_data(const bench_args *a, char *err) { return measure(a, "batches", 0, data_once, err); }
