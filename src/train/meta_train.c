/* meta_train.c - see meta.h */
#include "train/meta.h"
#include "host/phi.h"
#include "ops/optim.h"
#include "train/classifier.h"
#include "train/meta_file.h"
#include "train/meta_step.h"
#include "train/report.h"
#include <math.h>

typedef struct {
    char name[256];
    classifier c;
    dataset *train, *check;         /* the two halves */
    loader *train_loader, *check_loader;
    float theta_loss, phi_loss;
} task;

typedef struct {
    const meta_args *a;
    meta_file *m;
    int n, step, steps;
    uint64_t seed;
    task *tasks;
    float phi[PHI_LEN], m1[PHI_LEN], m2[PHI_LEN];
    double start, last_line;
    cJSON *json, *log;
} run;

static void set_num(cfg_file *c, const char *key, double v) {
    char s[64];
    snprintf(s, sizeof s, "%.9g", v);
    cfg_set(c, 0, key, s);
}

/* The optimizer of the protocol, whatever the cfg says for target training. */
static void set_optimizer(cfg_file *c, const meta_file *m, int steps) {
    cfg_set(c, 0, "policy", "constant");
    cfg_set(c, 0, "adam", "1");
    cfg_set(c, 0, "B1", "0.9");
    cfg_set(c, 0, "B2", "0.999");
    cfg_set(c, 0, "eps", "1e-8");
    cfg_set(c, 0, "burn_in", "0");
    set_num(c, "learning_rate", m->learning_rate);
    set_num(c, "decay", m->decay);
    set_num(c, "max_batches", steps);
    if (m->batch) {
        set_num(c, "batch", m->batch);
        cfg_set(c, 0, "subdivisions", "1");
    }
}

static uint64_t task_seed(uint64_t seed, int k) {
    rng_key_t key = rng_key(seed, RNG_INIT, 1000003, (uint64_t)k);
    return (uint64_t)key.k1 << 32 | key.k0;
}

static int open_network(run *r, task *t, const meta_task *mt, int k, char *err) {
    t->c.cfg = cfg_read(mt->cfg[0] ? mt->cfg : r->m->cfg, err);
    if (!t->c.cfg) return -1;
    if (!cfg_get_meta_shared(t->c.cfg).present) {
        snprintf(err, ERR_LEN, "%s: no [meta_shared] section: there is no phi to train", t->c.cfg->path);
        return -1;
    }
    set_optimizer(t->c.cfg, r->m, r->steps);
    if (cfg_set_classes(t->c.cfg, t->c.data->classes, err)) return -1;
    t->c.net = host_open(t->c.cfg, k > 0, err);
    if (!t->c.net) return -1;
    t->c.h = host_of(t->c.net);
    host_init(t->c.net, task_seed(r->seed, k));
    memcpy(host_phi(t->c.h), r->phi, sizeof r->phi);
    return 0;
}

static int open_task(run *r, int k, char *err) {
    task *t = &r->tasks[k];
    const meta_task *mt = &r->m->tasks[k];
    snprintf(t->name, sizeof t->name, "%s", mt->name);
    t->c.data = data_file_read(mt->data, err);
    if (!t->c.data) return -1;
    data_split *split = &t->c.data->split;
    if (mt->split[0]) *split = strcmp(mt->split, "half1") ? SPLIT_HALF0 : SPLIT_HALF1;
    else if (*split == SPLIT_NONE) *split = SPLIT_HALF0;
    if (open_network(r, t, mt, k, err)) return -1;
    network *net = t->c.net;
    int threads = r->a->threads;
    t->train = dataset_load(t->c.data, DATA_TRAIN, net->c, threads, r->a->skip_bad, err);
    if (t->train) t->check = dataset_load(t->c.data, DATA_TRAIN_OTHER_HALF, net->c, threads, r->a->skip_bad, err);
    if (!t->check) return -1;
    augment aug = classifier_augment(t->c.cfg, net);
    uint64_t s = task_seed(r->seed, k);
    t->train_loader = loader_new(t->train, &aug, s, 0, net->batch, 1);
    t->check_loader = loader_new(t->check, &aug, s + 1, 0, net->batch, 1);
    if (t->train_loader && t->check_loader) return 0;
    snprintf(err, ERR_LEN, "task %s: not enough memory for batches of %d images", t->name, net->batch);
    return -1;
}

static int bad_loss(const run *r, const task *t, const char *what, float loss, char *err) {
    if (isfinite(loss)) return 0;
    snprintf(err, ERR_LEN, "step %d, task %s: the loss of %s is %f: lower the learning rate; no phi was written", r->step + 1,
             t->name, what, (double)loss);
    return -1;
}

static int theta_step(run *r, task *t, char *err) {
    int sub = t->c.net->subdivisions;
    t->theta_loss = 0;
    for (int k = 0; k < sub; k++) {
        uint64_t draw = 2 * ((uint64_t)r->step * (uint64_t)sub + (uint64_t)k);
        t->theta_loss += meta_theta_pass(t->c.net, loader_next(t->train_loader), draw) / (float)sub;
    }
    return bad_loss(r, t, "theta", t->theta_loss, err);
}

/* Adds this task's mean gradient (minus it, as everywhere) to sum. */
static int phi_gradient(run *r, task *t, double sum[PHI_LEN], char *err) {
    uint64_t draw = 2 * (uint64_t)r->step * (uint64_t)t->c.net->subdivisions + 1;
    t->phi_loss = meta_phi_pass(t->c.net, loader_next(t->check_loader), draw, sum);
    return bad_loss(r, t, "phi", t->phi_loss, err);
}

static double norm(const float *x, int n) {
    double s = 0;
    for (int k = 0; k < n; k++) s += (double)x[k] * (double)x[k];
    return sqrt(s);
}

static void log_step(run *r, double gradient) {
    double theta = 0, phi = 0;
    for (int k = 0; k < r->n; k++) {
        theta += (double)r->tasks[k].theta_loss / r->n;
        phi += (double)r->tasks[k].phi_loss / r->n;
    }
    double seconds = report_now() - r->start;
    if (report_due(r->step, r->steps, &r->last_line)) {
        char eta[32];
        report_duration(seconds / r->step * (r->steps - r->step), eta);
        printf("meta %d/%d: theta loss %.4f, phi loss %.4f, |gradient| %.2e, |phi| %.4f, %.3f s/step, %s left\n", r->step,
               r->steps, theta, phi, gradient, norm(r->phi, PHI_LEN), seconds / r->step, eta);
        fflush(stdout);
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "step", r->step);
    cJSON_AddNumberToObject(o, "theta_loss", theta);
    cJSON_AddNumberToObject(o, "phi_loss", phi);
    cJSON_AddNumberToObject(o, "gradient", gradient);
    cJSON_AddNumberToObject(o, "seconds", seconds);
    cJSON_AddItemToArray(r->log, o);
}

static int one_step(run *r, char *err) {
    double sum[PHI_LEN] = {0};
    float update[PHI_LEN];
    for (int k = 0; k < r->n; k++) {
        if (theta_step(r, &r->tasks[k], err) || phi_gradient(r, &r->tasks[k], sum, err)) return -1;
    }
    for (int k = 0; k < PHI_LEN; k++) update[k] = (float)(sum[k] / r->n);
    double gradient = norm(update, PHI_LEN);
    r->step++;
    adam_args aa = {(float)r->m->phi_learning_rate, 0.9f, 0.999f, 1e-8f, (float)r->m->phi_decay, r->step};
    adam_step(r->phi, update, r->m1, r->m2, PHI_LEN, &aa, 1);
    for (int k = 0; k < r->n; k++) memcpy(host_phi(r->tasks[k].c.h), r->phi, sizeof r->phi);
    log_step(r, gradient);
    return 0;
}

static int start(run *r, char *err) {
    r->m = meta_file_read(r->a->meta, err);
    if (!r->m) return -1;
    r->n = r->m->n;
    r->steps = r->a->steps > 0 ? r->a->steps : r->m->steps;
    r->seed = r->a->seed_given ? r->a->seed : r->m->seed;
    r->tasks = calloc((size_t)r->n, sizeof *r->tasks);
    if (!r->tasks) {
        snprintf(err, ERR_LEN, "%s: not enough memory for %d tasks", r->a->meta, r->n);
        return -1;
    }
    if (r->m->init[0]) {
        if (phi_read(r->m->init, r->phi, err)) return -1;
    } else {
        phi_init(r->phi, (float)r->m->sigma, r->seed);
    }
    for (int k = 0; k < r->n; k++) if (open_task(r, k, err)) return -1;
    for (int k = 0; k < r->n; k++) {
        const task *t = &r->tasks[k];
        printf("task %s: %d classes, %d + %d images, %s\n", t->name, t->train->classes, t->train->n, t->check->n,
               t->c.cfg->path);
    }
    return 0;
}

static int finish(run *r, char *err) {
    const char *out = r->a->out ? r->a->out : r->m->phi;
    double seconds = report_now() - r->start;
    char note[ERR_LEN], took[32];
    snprintf(note, sizeof note, "meta-trained from %s: %d tasks, %d steps, seed %llu", r->a->meta, r->n, r->step,
             (unsigned long long)r->seed);
    if (phi_write(out, r->phi, note, err)) return -1;
    printf("%s: %d steps over %d tasks, %s\n", out, r->step, r->n, report_duration(seconds, took));
    const cJSON *last = cJSON_GetArrayItem(r->log, cJSON_GetArraySize(r->log) - 1);
    cJSON_AddNumberToObject(r->json, "step", r->step);
    cJSON_AddNumberToObject(r->json, "loss", cJSON_GetNumberValue(cJSON_GetObjectItem(last, "phi_loss")));
    cJSON_AddNumberToObject(r->json, "seconds", seconds);
    return report_json(r->a->json, r->json, err);
}

int meta_train(const meta_args *a, char *err) {
    run r = {.a = a};
    r.json = cJSON_CreateObject();
    r.log = cJSON_AddArrayToObject(r.json, "log");
    int bad = start(&r, err);
    report_catch_signals();
    r.start = report_now();
    while (!bad && r.step < r.steps && !report_stop_asked()) bad = one_step(&r, err);
    if (!bad && r.step) bad = finish(&r, err);
    for (int k = 0; r.tasks && k < r.n; k++) {
        task *t = &r.tasks[k];
        loader_free(t->train_loader);
        loader_free(t->check_loader);
        dataset_free(t->train);
        dataset_free(t->check);
        classifier_close(&t->c);
    }
    free(r.tasks);
    meta_file_free(r.m);
    cJSON_Delete(r.json);
    return bad;
}
