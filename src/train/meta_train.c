/* meta_train.c - see meta.h. Tasks run side by side, one thread each (or, with threads=, one after
 * the other), and on several ranks: what a task computes depends on neither, and gradients are
 * added in the order of the tasks, so phi is the same bit for bit. */
#include "train/classifier.h"
#include "train/meta.h"
#include "host/phi.h"
#include "ops/optim.h"
#include "train/meta_log.h"
#include "train/meta_run.h"
#include "train/meta_step.h"
#include "train/ranks.h"
#include "train/report.h"
#include <math.h>
#include <omp.h>

static void set_num(cfg_file *c, const char *key, double v) {
    char s[64];
    snprintf(s, sizeof s, "%.9g", v);
    cfg_set(c, 0, key, s);
}

/* The optimizer of the protocol, whatever the cfg says for target training; and the task's own size
 * and mirroring. */
static void set_up(cfg_file *c, const meta_file *m, const meta_task *t, int steps) {
    cfg_set(c, 0, "policy", "constant");
    cfg_set(c, 0, "adam", "1");
    cfg_set(c, 0, "B1", "0.9");
    cfg_set(c, 0, "B2", "0.999");
    cfg_set(c, 0, "eps", "1e-8");
    cfg_set(c, 0, "burn_in", "0");
    set_num(c, "learning_rate", m->learning_rate);
    set_num(c, "decay", m->decay);
    set_num(c, "max_batches", steps);
    if (t->size) set_num(c, "width", t->size);
    if (t->size) set_num(c, "height", t->size);
    if (t->flip >= 0) set_num(c, "flip", t->flip);
    if (m->batch) {
        set_num(c, "batch", m->batch);
        cfg_set(c, 0, "subdivisions", "1");
    }
}

/* Of a theta that has started anew so often; its task's pictures keep that of the first. */
static uint64_t theta_seed(uint64_t seed, int k, int starts) {
    rng_key_t key = rng_key(seed, RNG_INIT, 1000003 + (uint64_t)starts, (uint64_t)k);
    return (uint64_t)key.k1 << 32 | key.k0;
}
static uint64_t task_seed(uint64_t seed, int k) { return theta_seed(seed, k, 0); }

/* A network as its cfg makes it: nothing of one before it can be left over. */
static int new_theta(const meta_run *r, int k, int starts, char *err) {
    session *c = &r->tasks[k].c;
    host_close(c->net);
    c->net = host_open(c->cfg, k > 0 || starts, err);
    if (!c->net) return -1;
    c->h = host_of(c->net);
    host_init(c->net, theta_seed(r->seed, k, starts));
    host_phi_set(c->h, r->phi);
    return 0;
}

static int open_network(meta_run *r, meta_task_run *t, const meta_task *mt, int k, char *err) {
    t->c.cfg = cfg_read(mt->cfg[0] ? mt->cfg : r->m->cfg, err);
    if (!t->c.cfg || cfg_check_training(t->c.cfg, err)) return -1;
    if (!cfg_get_meta_shared(t->c.cfg).present)
        return fail(err, "%s: no [meta_shared] section: there is no phi to train", t->c.cfg->path);
    cfg_meta_shared shared = cfg_get_meta_shared(t->c.cfg);
    if (shared.cool[1] > 0 || shared.adapt > 0)
        return fail(err,
                    "%s:%d: [meta_shared] %s= has no effect in meta-training, where the noise is "
                    "always whole: remove the line",
                    t->c.cfg->path, shared.line, shared.adapt > 0 ? "adapt" : "cool");
    set_up(t->c.cfg, r->m, mt, r->steps);
    if (cfg_set_classes(t->c.cfg, t->c.data->classes, err)) return -1;
    cfg_memory m;
    if (cfg_memory_of(t->c.cfg, 1, &m, err)) return -1;
    r->memory.resident +=
        m.resident; /* of all tasks of this rank: the program's own part counts once too often */
    r->memory.address += m.address;
    r->memory.batch += m.batch;
    if (cfg_memory_check(t->c.cfg->path, &r->memory, err)) return -1;
    return new_theta(r, k, 0, err);
}

static int open_look(const meta_run *r, meta_task_run *t, char *err) {
    if (!r->m->lookahead) return 0;
    if (t->c.net->subdivisions > 1)
        return fail(
            err,
            "%s: lookahead=%d takes the batch of a step at once, and subdivisions=%d divides "
            "it: set subdivisions=1, or batch= in the META file",
            t->c.cfg->path, r->m->lookahead, t->c.net->subdivisions);
    t->look = meta_look_new(t->c.net, r->m->lookahead);
    return t->look ? 0 : fail(err, "task %s: not enough memory for lookahead=", t->name);
}

static int open_task(meta_run *r, int k, char *err) {
    meta_task_run *t = &r->tasks[k];
    const meta_task *mt = &r->m->tasks[k];
    snprintf(t->name, sizeof t->name, "%s", mt->name);
    t->c.data = data_file_read(mt->data, err);
    if (!t->c.data) return -1;
    data_split *split = &t->c.data->split;
    if (mt->split[0])
        *split = strcmp(mt->split, "half1") ? SPLIT_HALF0 : SPLIT_HALF1;
    else if (*split == SPLIT_NONE)
        *split = SPLIT_HALF0;
    if (open_network(r, t, mt, k, err)) return -1;
    network *net = t->c.net;
    if (open_look(r, t, err)) return -1;
    int threads = r->a->threads;
    t->train = dataset_load(t->c.data, DATA_TRAIN, net->c, threads, r->a->skip_bad, err);
    if (t->train)
        t->check = dataset_load(t->c.data, DATA_TRAIN_OTHER_HALF, net->c, threads, r->a->skip_bad,
                                err);
    return t->check ? 0 : -1;
}

/* At the batches that the run has come to. */
static int open_loaders(meta_run *r, char *err) {
    int bad = 0;
    for (int k = 0; k < r->n; k++) {
        meta_task_run *t = &r->tasks[k];
        if (!t->mine) continue;
        network *net = t->c.net;
        augment aug = classifier_augment(t->c.cfg, net), check = aug;
        check.label_smooth = check.mixup = check.cutmix = 0; /* phi is judged by true labels */
        uint64_t s = task_seed(r->seed, k), step = (uint64_t)r->step;
        t->train_loader = loader_new(t->train, &aug, s, step * (uint64_t)net->subdivisions,
                                     net->batch, 1);
        t->check_loader = loader_new(t->check, &check, s + 1, step, net->batch, 1);
        if (t->train_loader && t->check_loader) continue;
        bad = fail(err, "task %s: not enough memory for batches of %d images", t->name, net->batch);
    }
    return ranks_agree(bad, err);
}

/* One task's part of a step, into its row. */
static void run_task(const meta_run *r, int k) {
    meta_task_run *t = &r->tasks[k];
    meta_row *row = &r->rows[k];
    network *net = t->c.net;
    uint64_t sub = (uint64_t)net->subdivisions, first = (uint64_t)r->step * sub;
    memset(row, 0, sizeof *row);
    const batch_t *b = NULL;
    if (t->look) meta_look_begin(t->look, net);
    for (uint64_t i = 0; i < sub; i++) {
        b = loader_next(t->train_loader);
        row->theta_loss += (double)meta_theta_pass(net, b, 2 * (first + i), &row->theta_gradient) /
                           (double)sub;
    }
    const batch_t *check = loader_next(t->check_loader);
    if (t->look)
        row->phi_loss = (double)meta_look_pass(t->look, net, (meta_batch){b, 2 * first},
                                               (meta_batch){check, 2 * first + 1}, row->gradient,
                                               row->mixed, &row->accuracy);
    else
        row->phi_loss = (double)meta_phi_pass(net, check, 2 * first + 1, row->gradient,
                                              &row->accuracy);
    t->bad = !isfinite(row->theta_loss) || !isfinite(row->phi_loss) ||
             !isfinite(meta_log_norm(row->mixed));
    if (t->bad)
        fail(t->err,
             "step %d, task %s (%s): the loss of %s is no number: lower the learning rate; no phi "
             "was written",
             r->step + 1, t->name, r->m->tasks[k].data,
             !isfinite(row->theta_loss) ? "theta" : "phi");
}

static int run_tasks(meta_run *r, char *err) {
    int each = r->m->threads, workers = each > 1 ? 1 : r->a->threads, bad = 0;
    memset(r->rows, 0, sizeof *r->rows * ((size_t)r->n + 1));
#pragma omp parallel num_threads(workers)
    {
        /* Also where one worker makes no parallel region: loops inside a task take `each` threads,
         * whatever the machine has. */
        int before = omp_get_max_threads();
        omp_set_num_threads(each);
#pragma omp for schedule(dynamic, 1)
        for (int k = 0; k < r->n; k++)
            if (r->tasks[k].mine) run_task(r, k);
        omp_set_num_threads(before);
    }
    for (int k = 0; !bad && k < r->n; k++) {
        if (!r->tasks[k].mine || !r->tasks[k].bad) continue;
        bad = -1;
        memcpy(err, r->tasks[k].err, ERR_LEN);
    }
    return ranks_agree(bad, err);
}

static void give_phi(meta_run *r) {
    for (int k = 0; k < r->n; k++)
        if (r->tasks[k].mine) host_phi_set(r->tasks[k].c.h, r->phi);
}

/* restart=: the thetas whose time has come start anew before this step. */
static int restart(meta_run *r, char *err) {
    int bad = 0, starts;
    if (!r->m->restart) return 0;
    for (int k = 0; k < r->n; k++) {
        int age = meta_age(r->m, k, r->step, &starts);
        if (r->tasks[k].mine && starts && !age) bad |= new_theta(r, k, starts, err);
    }
    return ranks_agree(bad, err);
}

/* *stop: a signal asked any of the ranks to stop. */
static int one_step(meta_run *r, int *stop, char *err) {
    double sum[PHI_LEN] = {0};
    float update[PHI_LEN];
    if (restart(r, err) || run_tasks(r, err)) return -1;
    r->rows[r->n].theta_loss = report_stop_asked();
    ranks_sum((double *)(void *)r->rows, ((size_t)r->n + 1) * sizeof *r->rows / sizeof(double));
    *stop = r->rows[r->n].theta_loss > 0;
    for (int k = 0; k < r->n; k++)
        for (int i = 0; i < PHI_LEN; i++) {
            sum[i] += r->rows[k].gradient[i];
            if (r->m->lookahead) sum[i] += r->rows[k].mixed[i];
        }
    for (int k = 0; k < PHI_LEN; k++) update[k] = (float)(sum[k] / r->n);
    double gradient = meta_log_norm_float(update); /* Adam's step clears it */
    r->step++;
    adam_args aa = {(float)r->m->phi_learning_rate, 0.9f,   0.999f, 1e-8f,
                    (float)r->m->phi_decay,         r->step};
    if (r->m->train) adam_step(r->phi, update, r->m1, r->m2, PHI_LEN, &aa, 1);
    give_phi(r);
    meta_log_step(r, gradient);
    if (!*stop && r->step != r->steps && (!r->m->checkpoint || r->step % r->m->checkpoint))
        return 0;
    meta_log_draw(r);
    return meta_state_save(r, err);
}

static int start(meta_run *r, char *err) {
    r->m = meta_file_read(r->a->meta, err);
    if (!r->m) return -1;
    r->n = r->m->n;
    r->steps = r->a->steps > 0 ? r->a->steps : r->m->steps;
    r->seed = r->a->seed_given ? r->a->seed : r->m->seed;
    snprintf(r->out, sizeof r->out, "%s", r->a->out ? r->a->out : r->m->phi);
    r->tasks = calloc((size_t)r->n, sizeof *r->tasks);
    r->rows = calloc((size_t)r->n + 1, sizeof *r->rows);
    if (!r->tasks || !r->rows)
        return fail(err, "%s: not enough memory for %d tasks", r->a->meta, r->n);
    if (ranks_id() == 0) {
        char path[PATH_LEN + 100];
        snprintf(path, sizeof path, "%s.lock", r->out);
        if (file_lock_take(&r->lock, path, err) || file_out_possible(r->out, err)) return -1;
    }
    if (r->m->init[0]) {
        if (phi_read(r->m->init, r->phi, err)) return -1;
    } else {
        phi_init(r->phi, (float)r->m->sigma, r->seed);
    }
    return 0;
}

static int open_tasks(meta_run *r, char *err) {
    for (int k = 0; k < r->n; k++) {
        r->tasks[k].mine = k % ranks_count() == ranks_id();
        if (!r->tasks[k].mine) continue;
        if (open_task(r, k, err)) return -1;
        const meta_task_run *t = &r->tasks[k];
        printf("task %s: %d classes, %d + %d images, %s\n", t->name, t->train->classes, t->train->n,
               t->check->n, t->c.cfg->path);
        fflush(stdout);
    }
    cfg_memory_tell(stdout, r->a->meta, &r->memory);
    fflush(stdout);
    return 0;
}

/* The phi file and the report; without them, a run that was stopped has its state. */
static int finish(meta_run *r, char *err) {
    double seconds = r->before + report_now() - r->start;
    char note[ERR_LEN], took[32];
    if (r->step < r->steps) {
        printf("stopped: state in %s.state after %d steps; -resume goes on\n", r->out, r->step);
        return 0;
    }
    int at = snprintf(note, sizeof note, "meta-trained from %.800s: %d tasks, %d steps, seed %llu",
                      r->a->meta, r->n, r->step, (unsigned long long)r->seed);
    if (r->m->restart)
        at += snprintf(note + at, sizeof note - (size_t)at, ", restart=%d", r->m->restart);
    if (r->m->lookahead)
        snprintf(note + at, sizeof note - (size_t)at, ", lookahead=%d", r->m->lookahead);
    if (phi_write(r->out, r->phi, note, err)) return -1;
    printf("%s: %d steps over %d tasks, %s\n", r->out, r->step, r->n,
           report_duration(seconds, took));
    meta_log_end(r);
    cJSON_AddNumberToObject(r->json, "seconds", seconds);
    return report_json(r->a->json, r->json, err);
}

static int run_all(meta_run *r, char *err) {
    int stop = 0;
    if (ranks_agree(start(r, err), err) || ranks_agree(open_tasks(r, err), err)) return -1;
    if (r->a->resume && meta_state_load(r, err)) return -1;
    if (r->a->resume && ranks_id() == 0) printf("going on from step %d of %d\n", r->step, r->steps);
    fflush(stdout);
    give_phi(r);
    if (open_loaders(r, err)) return -1;
    report_catch_signals();
    r->start = report_now();
    while (!stop && r->step < r->steps)
        if (one_step(r, &stop, err)) return -1;
    return ranks_agree(ranks_id() == 0 ? finish(r, err) : 0, err);
}

int meta_train(const meta_args *a, char *err) {
    meta_run r = {.a = a};
    r.json = cJSON_CreateObject();
    r.log = cJSON_AddArrayToObject(r.json, "log");
    int bad = ranks_open(err) ? -1 : run_all(&r, err);
    for (int k = 0; r.tasks && k < r.n; k++) {
        meta_task_run *t = &r.tasks[k];
        loader_free(t->train_loader);
        loader_free(t->check_loader);
        dataset_free(t->train);
        dataset_free(t->check);
        meta_look_free(t->look);
        session_close(&t->c);
    }
    file_lock_drop(&r.lock);
    free(r.tasks);
    free(r.rows);
    meta_file_free(r.m);
    cJSON_Delete(r.json);
    ranks_close();
    return bad;
}
