/* classifier_train.c - the training loop of `classifier train`. */
#include "train/classifier.h"
#include "train/report.h"
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

enum { BACKUP_STEPS = 1000, BACKUP_SECONDS = 60, LOG_POINTS = 200 };

typedef struct {
    const classifier_args *a;
    classifier c;
    dataset *train, *valid;
    loader *loader;
    char base[8192];            /* backup folder and name of the cfg, without ending */
    char saved[8300];           /* the last file written */
    long step, steps, first;
    double start, last_line, last_backup, average;
    cJSON *json, *log, *valids;
} run;

/* backup/NAME from cfg/NAME.cfg; the folder is made if it is missing. */
static int name_outputs(run *r, char *err) {
    const char *dir = r->a->backup ? r->a->backup : r->c.data->backup[0] ? r->c.data->backup : "backup";
    const char *slash = strrchr(r->a->cfg, '/'), *name = slash ? slash + 1 : r->a->cfg, *dot = strrchr(name, '.');
    int n = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    snprintf(r->base, sizeof r->base, "%s/%.*s", dir, n, name);
    if (mkdir(dir, 0777) && errno != EEXIST) {
        snprintf(err, ERR_LEN, "%s: cannot make the backup folder: %s", dir, strerror(errno));
        return -1;
    }
    return 0;
}

/* The first layer with a weight that is no number, or -1. */
static int bad_layer(const network *net) {
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        size_t n = l->type == CONVOLUTIONAL ? (size_t)l->nweights
                 : l->type == CONNECTED ? (size_t)l->inputs * (size_t)l->outputs : 0;
        for (size_t k = 0; k < n; k++) if (!isfinite(l->weights[k])) return i;
    }
    return -1;
}

static int save(run *r, const char *ending, int resume, char *err) {
    snprintf(r->saved, sizeof r->saved, "%s.%s", r->base, ending);
    r->last_backup = report_now();
    return host_save(r->c.net, r->saved, resume, err);
}

static int nan_error(const run *r, float loss, char *err) {
    int bad = bad_layer(r->c.net);
    char where[64] = "in the forward pass; all weights are finite";
    if (bad >= 0) snprintf(where, sizeof where, "weights of layer %d are no numbers", bad);
    snprintf(err, ERR_LEN, "step %ld: the loss is %f (%s): lower learning_rate or raise burn_in; %s%s", r->step, (double)loss,
             where, r->saved[0] ? "the last good weights are in " : "no weights were written yet", r->saved);
    return -1;
}

static void log_step(run *r, float loss, float rate, double seconds, long images) {
    if (report_due(r->step, r->steps, &r->last_line)) {
        double done = (double)(r->step - r->first), left = (double)(r->steps - r->step);
        char eta[32];
        report_duration((report_now() - r->start) / done * left, eta);
        printf("%ld, %.3f: %f, %f avg, %f rate, %f seconds, %ld images, %s left\n", r->step,
               (double)images / r->train->n, (double)loss, r->average, (double)rate, seconds, images, eta);
        fflush(stdout);
    }
    long every = r->steps / LOG_POINTS > 0 ? r->steps / LOG_POINTS : 1;
    if (r->step % every && r->step != r->steps) return;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "step", (double)r->step);
    cJSON_AddNumberToObject(o, "loss", (double)loss);
    cJSON_AddNumberToObject(o, "average", r->average);
    cJSON_AddNumberToObject(o, "rate", (double)rate);
    cJSON_AddNumberToObject(o, "seconds", report_now() - r->start);
    cJSON_AddItemToArray(r->log, o);
}

/* For one-pass inference; void after the next step. */
static int collect(run *r, char *err) {
    augment a = classifier_augment(r->c.cfg, r->c.net);
    if (!host_perturbs(r->c.h) || host_has_one_pass(r->c.h)) return 0;
    return classifier_collect(r->c.net, r->train, &a, err);
}

static int validate(run *r, char *err) {
    metrics m;
    if (r->a->samples == 0 && collect(r, err)) return -1;
    if (classifier_measure(r->c.net, r->valid, r->a->samples, r->a->top, &m, err)) return -1;
    double n = m.images ? (double)m.images : 1;
    printf("step %ld: valid top-1 %.2f %%, NLL %.4f, ECE %.4f\n", r->step, 100 * (double)m.top1 / n, m.nll_sum / n,
           metrics_ece(&m));
    fflush(stdout);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "step", (double)r->step);
    report_metrics(o, &m);
    cJSON_DeleteItemFromObject(o, "bins");
    cJSON_AddItemToArray(r->valids, o);
    return 0;
}

static int one_step(run *r, char *err) {
    network *net = r->c.net;
    double t0 = report_now();
    float rate = get_current_rate(net), loss = 0;
    for (int k = 0; k < net->subdivisions; k++) {
        const batch_t *b = loader_next(r->loader);
        loss += classifier_step(net, b) / (float)net->subdivisions;
    }
    r->step++;
    if (!isfinite(loss)) return nan_error(r, loss, err);
    r->average = r->step == r->first + 1 ? (double)loss : 0.9 * r->average + 0.1 * (double)loss;
    log_step(r, loss, rate, report_now() - t0, (long)*net->seen);
    if (r->a->every && (r->step % r->a->every == 0 || r->step == r->steps) && validate(r, err)) return -1;
    if (r->step < r->steps && (r->step % BACKUP_STEPS == 0 || report_now() - r->last_backup > BACKUP_SECONDS)) {
        return bad_layer(net) >= 0 ? nan_error(r, loss, err) : save(r, "backup", 1, err);
    }
    return 0;
}

static int start(run *r, char *err) {
    const classifier_args *a = r->a;
    network *net;
    if (classifier_open(&r->c, a, HOST_PARTIAL_OK | (a->clear ? HOST_CLEAR : 0), err)) return -1;
    net = r->c.net;
    if (net->max_batches <= 0) {
        snprintf(err, ERR_LEN, "%s: [net] has no max_batches: say how many steps to train", a->cfg);
        return -1;
    }
    r->first = r->step = (long)get_current_batch(net);
    r->steps = net->max_batches;
    if (r->first >= r->steps) {
        snprintf(err, ERR_LEN, "%s: trained for %ld steps already, and max_batches is %ld: raise it, or give -clear to count "
                 "from 0", a->weights, r->first, r->steps);
        return -1;
    }
    if (name_outputs(r, err)) return -1;
    r->train = dataset_load(r->c.data, DATA_TRAIN, net->c, a->threads, a->skip_bad, err);
    if (!r->train) return -1;
    if (a->every) r->valid = dataset_load(r->c.data, DATA_VALID, net->c, a->threads, a->skip_bad, err);
    if (a->every && !r->valid) return -1;
    augment aug = classifier_augment(r->c.cfg, net);
    r->loader = loader_new(r->train, &aug, host_seed_of(r->c.h), *net->seen / (size_t)net->batch, net->batch, 1);
    if (!r->loader) snprintf(err, ERR_LEN, "not enough memory for batches of %d images", net->batch);
    printf("%s: %d images, %d classes, %d skipped; steps %ld to %ld of batch %d, seed %llu\n", a->data, r->train->n,
           r->train->classes, r->train->skipped, r->first, r->steps, net->batch * net->subdivisions,
           (unsigned long long)host_seed_of(r->c.h));
    return r->loader ? 0 : -1;
}

static int finish(run *r, char *err) {
    double seconds = report_now() - r->start;
    int stopped = r->step < r->steps;
    if (!stopped && collect(r, err)) return -1;
    if (save(r, stopped ? "backup" : "weights", stopped, err)) return -1;
    char took[32];
    printf("%s %s after %ld steps, %s\n", stopped ? "stopped: state in" : "trained:", r->saved, r->step,
           report_duration(seconds, took));
    cJSON_AddNumberToObject(r->json, "step", (double)r->step);
    cJSON_AddNumberToObject(r->json, "loss", r->average);
    cJSON_AddNumberToObject(r->json, "seconds", seconds);
    cJSON_AddStringToObject(r->json, "weights", r->saved);
    return report_json(r->a->json, r->json, err);
}

int classifier_train(const classifier_args *a, char *err) {
    run r = {.a = a};
    r.json = cJSON_CreateObject();
    r.log = cJSON_AddArrayToObject(r.json, "log");
    r.valids = cJSON_AddArrayToObject(r.json, "valid");
    int bad = start(&r, err);
    report_catch_signals();
    r.start = r.last_backup = report_now();
    while (!bad && r.step < r.steps && !report_stop_asked()) bad = one_step(&r, err);
    if (!bad) bad = finish(&r, err);
    cJSON_Delete(r.json);
    loader_free(r.loader);
    dataset_free(r.train);
    dataset_free(r.valid);
    classifier_close(&r.c);
    return bad;
}
