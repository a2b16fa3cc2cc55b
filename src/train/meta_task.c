/* meta_task.c - see meta_task.h */
#include "train/meta_task.h"
#include "host/files.h"
#include "train/ranks.h"
#include <math.h>

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

static int set_input(cfg_file *c, const meta_task *m, char *err) {
    int w, h, ch;
    if (m->flip >= 0) set_num(c, "flip", m->flip);
    if (!m->size) return 0;
    set_num(c, "width", m->size);
    set_num(c, "height", m->size);
    if (!cfg_layer_shape(c, cfg_layer_count(c) - 1, &w, &h, &ch)) return 0;
    snprintf(err, ERR_LEN, "%s: its layers do not fit an input of %d x %d: choose a larger size=", c->path, m->size, m->size);
    return -1;
}

static uint64_t seed_of(uint64_t seed, int number) {
    rng_key_t key = rng_key(seed, RNG_INIT, 1000003, (uint64_t)number);
    return (uint64_t)key.k1 << 32 | key.k0;
}

static int open_network(task *t, const task_setup *s, int quiet, char *err) {
    classifier *c = &t->c;
    c->cfg = cfg_read(t->m->cfg[0] ? t->m->cfg : s->m->cfg, err);
    if (!c->cfg) return -1;
    if (!cfg_get_meta_shared(c->cfg).present) {
        snprintf(err, ERR_LEN, "%s: no [meta_shared] section: there is no phi to train", c->cfg->path);
        return -1;
    }
    set_optimizer(c->cfg, s->m, s->steps);
    if (set_input(c->cfg, t->m, err) || cfg_set_classes(c->cfg, c->data->classes, err)) return -1;
    c->net = host_open(c->cfg, quiet, err);
    if (!c->net) return -1;
    c->h = host_of(c->net);
    host_init(c->net, t->seed);
    return 0;
}

/* Tasks often come in pairs with the halves swapped: the second one then reads nothing. */
static int borrow(task *t, const task *earlier, int n) {
    const data_file *d = t->c.data;
    for (int i = 0; i < n; i++) {
        const task *o = &earlier[i];
        if (strcmp(o->c.data->path, d->path) || o->c.net->c != t->c.net->c) continue;
        int same = o->c.data->split == d->split;
        t->train = same ? o->train : o->check;
        t->check = same ? o->check : o->train;
        return t->borrowed = 1;
    }
    return 0;
}

int task_open(task *t, const task_setup *s, int number, const task *earlier, int n_earlier, int quiet, char *err) {
    t->m = &s->m->tasks[number];
    t->number = number;
    t->seed = seed_of(s->seed, number);
    t->c.data = data_file_read(t->m->data, err);
    if (!t->c.data) return -1;
    data_split *split = &t->c.data->split;
    if (t->m->split[0]) *split = strcmp(t->m->split, "half1") ? SPLIT_HALF0 : SPLIT_HALF1;
    else if (*split == SPLIT_NONE) *split = SPLIT_HALF0;
    if (open_network(t, s, quiet, err)) return -1;
    if (borrow(t, earlier, n_earlier)) return 0;
    int c = t->c.net->c;
    t->train = dataset_load(t->c.data, DATA_TRAIN, c, s->threads, s->skip_bad, err);
    if (t->train) t->check = dataset_load(t->c.data, DATA_TRAIN_OTHER_HALF, c, s->threads, s->skip_bad, err);
    return t->check ? 0 : -1;
}

int task_begin(task *t, int step, char *err) {
    network *net = t->c.net;
    augment aug = classifier_augment(t->c.cfg, net);
    uint64_t first = (uint64_t)step;
    t->train_loader = loader_new(t->train, &aug, t->seed, first * (uint64_t)net->subdivisions, net->batch, 1);
    t->check_loader = loader_new(t->check, &aug, t->seed + 1, first, net->batch, 1);
    if (t->train_loader && t->check_loader) return 0;
    snprintf(err, ERR_LEN, "not enough memory for batches of %d images", net->batch);
    return -1;
}

void task_close(task *t) {
    loader_free(t->train_loader);
    loader_free(t->check_loader);
    if (!t->borrowed) {
        dataset_free(t->train);
        dataset_free(t->check);
    }
    classifier_close(&t->c);
}

static int bad_loss(int step, const char *what, double loss, char *err) {
    if (isfinite(loss)) return 0;
    snprintf(err, ERR_LEN, "step %d: the loss of %s is %f: lower the learning rate; no phi was written", step + 1, what, loss);
    return -1;
}

/* L2 norm of the mean gradient of theta, whose negative sum over the images stands in the layers' updates. */
static double theta_norm(const network *net) {
    double sum = 0, images = (double)net->batch * net->subdivisions;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const float *u[3] = {l->weight_updates, l->bias_updates, l->scale_updates};
        size_t w = l->type == CONVOLUTIONAL ? (size_t)l->nweights : (size_t)l->inputs * (size_t)l->outputs;
        size_t b = l->type == CONVOLUTIONAL ? (size_t)l->n : (size_t)l->outputs;
        if (l->type != CONVOLUTIONAL && l->type != CONNECTED) continue;
        for (int p = 0; p < 3; p++) {
            for (size_t k = 0; u[p] && k < (p ? b : w); k++) sum += (double)u[p][k] * (double)u[p][k];
        }
    }
    return sqrt(sum) / images;
}

/* Forward, and backward if wanted, on one batch; the mean loss of an image. */
static double pass(network *net, const batch_t *b, int backward) {
    float *X = net->input, *y = net->truth;
    net->input = b->X;
    net->truth = b->truth;
    net->train = 1;
    forward_network(net);
    if (backward) backward_network(net);
    net->input = X;
    net->truth = y;
    return (double)*net->cost / net->batch;
}

static int theta_step(task *t, int step, char *err) {
    network *net = t->c.net;
    engine_mode mode = {
        .keep = 1, .bn_batch = 1, .perturb_batch = 1, .dropout = 1, .noise = PERTURB_NOISE_SAMPLE, .theta_grads = 1, .t = 1,
        .seed = host_seed_of(t->c.h),
    };
    t->result.theta_loss = 0;
    for (int k = 0; k < net->subdivisions; k++) {
        mode.draw = 2 * ((uint64_t)step * (uint64_t)net->subdivisions + (uint64_t)k);
        host_set_mode(t->c.h, &mode);
        *net->seen += (size_t)net->batch;
        t->result.theta_loss += pass(net, loader_next(t->train_loader), 1) / net->subdivisions;
    }
    t->result.theta_gradient = theta_norm(net);
    update_network(net);
    return bad_loss(step, "theta", t->result.theta_loss, err);
}

static double accuracy(const network *net, const batch_t *b) {
    int right = 0;
    for (int i = 0; i < net->batch; i++) {
        const float *p = net->output + (size_t)i * (size_t)net->outputs;
        int best = 0;
        for (int k = 1; k < net->outputs; k++) if (p[k] > p[best]) best = k;
        right += best == b->labels[i];
    }
    return (double)right / net->batch;
}

static int phi_gradient(task *t, int step, int train_phi, char *err) {
    network *net = t->c.net;
    const batch_t *b = loader_next(t->check_loader);
    engine_mode mode = {
        .keep = 1, .perturb_batch = 1, .noise = PERTURB_NOISE_SAMPLE, .phi_grads = train_phi, .t = 1,
        .seed = host_seed_of(t->c.h), .draw = 2 * (uint64_t)step * (uint64_t)net->subdivisions + 1,
    };
    double *d = host_phi_update(t->c.h);
    memset(d, 0, PHI_LEN * sizeof *d);
    host_set_mode(t->c.h, &mode);
    t->result.phi_loss = pass(net, b, train_phi);
    t->result.accuracy = accuracy(net, b);
    for (int k = 0; k < PHI_LEN; k++) t->result.phi_update[k] = d[k] / net->batch;
    memset(d, 0, PHI_LEN * sizeof *d);
    return bad_loss(step, "phi", t->result.phi_loss, err);
}

int task_step(task *t, int step, const float *phi, int train_phi, char *err) {
    char at[512];
    snprintf(at, sizeof at, "task %s, step %d, %.200s", t->m->name, step + 1, t->m->data);
    ranks_at(at);
    memcpy(host_phi(t->c.h), phi, PHI_LEN * sizeof *phi);
    return theta_step(t, step, err) || phi_gradient(t, step, train_phi, err) ? -1 : 0;
}

static uint32_t labels_crc(const dataset *s) {
    uint32_t sum = 0;
    for (int i = 0; i < s->n; i++) sum = sum * 1000003u + (uint32_t)s->items[i].label;
    return sum;
}

void task_describe(const task *t, char *line, size_t len) {
    const network *net = t->c.net;
    augment a = classifier_augment(t->c.cfg, net);
    snprintf(line, len, "%d + %d images of %d classes, order %08x %08x, input %dx%dx%d, batch %d/%d, crop_pad %d, flip %d",
             t->train->n, t->check->n, t->train->classes, labels_crc(t->train), labels_crc(t->check), net->w, net->h, net->c,
             net->batch * net->subdivisions, net->subdivisions, a.crop_pad, a.flip);
}
