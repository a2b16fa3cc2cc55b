/* loop.c - see loop.h */
#include "train/loop.h"
#include "train/report.h"
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

enum { BACKUP_STEPS = 1000, BACKUP_SECONDS = 60, LOG_POINTS = 200 };

/* backup/NAME from cfg/NAME.cfg; the folder is made if it is missing. */
static int name_outputs(loop *l, char *err) {
    const char *dir = l->a->backup           ? l->a->backup
                      : l->c.data->backup[0] ? l->c.data->backup
                                             : "backup";
    const char *name = path_name(l->a->cfg);
    snprintf(l->base, sizeof l->base, "%s/%.*s", dir, path_stem(name), name);
    if (mkdir(dir, 0777) && errno != EEXIST)
        return fail(err, "%s: cannot make the backup folder: %s", dir, strerror(errno));
    char path[2 * PATH_LEN + 100];
    snprintf(path, sizeof path, "%s.lock", l->base);
    return file_lock_take(&l->lock, path, err);
}

/* The first layer with a weight that is no number, or -1. */
static int bad_layer(const network *net) {
    engine_read(host_engine(host_of(net)), NULL);
    for (int i = 0; i < net->n; i++) {
        const layer *y = &net->layers[i];
        size_t n = y->type == CONNECTED ? (size_t)y->inputs * (size_t)y->outputs
                   : y->weights         ? (size_t)y->nweights
                                        : 0;
        for (size_t k = 0; k < n; k++)
            if (!isfinite(y->weights[k])) return i;
    }
    return -1;
}

static double seconds_so_far(const loop *l) { return l->before + report_now() - l->start; }

int loop_save(loop *l, const char *ending, int resume, char *err) {
    snprintf(l->saved, sizeof l->saved, "%s%s", l->base, ending);
    l->last_backup = report_now();
    *host_progress_of(l->c.h) = (host_progress){l->average, seconds_so_far(l), l->knows_average};
    return host_save(l->c.net, l->saved, resume, err);
}

/* The state to go on from: NAME.backup, or the file that the caller of a training in memory named.
 */
static int save_state(loop *l, char *err) {
    if (!l->in_memory) return loop_save(l, l->job->backup, 1, err);
    return l->a->keep ? loop_save(l, "", 1, err) : 0;
}

static int nan_error(const loop *l, float loss, char *err) {
    int bad = bad_layer(l->c.net);
    char where[64] = "in the forward pass; all weights are finite";
    if (bad >= 0) snprintf(where, sizeof where, "weights of layer %d are no numbers", bad);
    return fail(err, "step %ld: the loss is %f (%s): lower learning_rate or raise burn_in; %s%s",
                l->step, (double)loss, where,
                l->saved[0] ? "the last good weights are in " : "no weights were written yet",
                l->saved);
}

static void log_step(loop *l, float loss, float rate, double seconds, long images) {
    if (!l->in_memory && report_due(l->step, l->steps, &l->last_line)) {
        double done = (double)(l->step - l->first), left = (double)(l->steps - l->step);
        char eta[32];
        report_duration((report_now() - l->start) / done * left, eta);
        printf("%ld", l->step);
        if (l->job->epochs) printf(", %.3f", (double)images / l->images);
        printf(": %f, %f avg, %f rate, %f seconds, %ld images, %s left\n", (double)loss, l->average,
               (double)rate, seconds, images, eta);
        fflush(stdout);
    }
    long every = l->steps / LOG_POINTS > 0 ? l->steps / LOG_POINTS : 1;
    if (l->step % every && l->step != l->steps) return;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "step", (double)l->step);
    cJSON_AddNumberToObject(o, "loss", (double)loss);
    cJSON_AddNumberToObject(o, "average", l->average);
    cJSON_AddNumberToObject(o, "rate", (double)rate);
    if (host_perturbs(l->c.h))
        cJSON_AddNumberToObject(o, "noise", (double)host_inference_t(l->c.h));
    cJSON_AddNumberToObject(o, "seconds", report_now() - l->start);
    cJSON_AddItemToArray(l->log, o);
    if (l->job->progress) l->job->progress(l, 0);
}

static int validate(loop *l, char *err) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "step", (double)l->step);
    if (l->a->samples == 0 && host_perturbs(l->c.h) && !host_has_one_pass(l->c.h) &&
        l->job->collect(l, err))
        goto fail;
    if (l->job->validate(l, o, err)) goto fail;
    fflush(stdout);
    cJSON_AddItemToArray(l->valids, o);
    if (l->job->progress) l->job->progress(l, 1);
    return 0;
fail:
    cJSON_Delete(o);
    return -1;
}

static int one_step(loop *l, char *err) {
    network *net = l->c.net;
    double t0 = report_now();
    float rate = host_rate(net), loss = 0, part;
    for (int k = 0; k < net->subdivisions; k++) {
        if (l->job->batch(l, &part, err)) return -1;
        loss += part / (float)net->subdivisions;
    }
    l->step++;
    if (!isfinite(loss)) return nan_error(l, loss, err);
    l->average = l->knows_average ? 0.9 * l->average + 0.1 * (double)loss : (double)loss;
    l->knows_average = 1;
    log_step(l, loss, rate, report_now() - t0, (long)*net->seen);
    if (l->a->every && (l->step % l->a->every == 0 || l->step == l->steps) && validate(l, err))
        return -1;
    if (l->step == l->steps || (l->in_memory && !l->a->keep)) return 0;
    if (l->step % BACKUP_STEPS && report_now() - l->last_backup <= BACKUP_SECONDS) return 0;
    return bad_layer(net) >= 0 ? nan_error(l, loss, err) : save_state(l, err);
}

int loop_refuses(const cfg_file *c, int detector, char *err) {
    static const char *const keys[][6] = {
        {"mosaic", "blur", "gaussian_noise", NULL},
        {"crop_pad", "cutout", "label_smooth_eps", "cutmix", NULL}};
    for (int i = 0; keys[detector][i]; i++) {
        if (cfg_get_num(c, 0, keys[detector][i], 0) == 0) continue;
        return fail(err, "%s: [net] %s= is for %s: a %s cannot be trained with it; remove the line",
                    c->path, keys[detector][i], detector ? "classifiers" : "detectors",
                    detector ? "detector" : "classifier");
    }
    return 0;
}

int loop_prepare(loop *l, char *err) {
    network *net = l->c.net;
    if (cfg_check_training(l->c.cfg, err)) return -1;
    if (net->max_batches <= 0)
        return fail(err, "%s: [net] has no max_batches: say how many steps to train", l->a->cfg);
    l->first = l->step = (long)get_current_batch(net);
    l->steps = net->max_batches;
    const host_progress *p = host_progress_of(l->c.h);
    l->average = p->average;
    l->before = p->known ? p->seconds : 0;
    l->knows_average = p->known;
    if (l->in_memory && l->a->keep) snprintf(l->base, sizeof l->base, "%s", l->a->keep);
    if (l->first < l->steps && l->in_memory) return 0;
    if (l->first < l->steps) {
        cfg_warn_training(l->c.cfg);
        return name_outputs(l, err);
    }
    return fail(err,
                "%s: trained for %ld steps already, and max_batches is %ld: raise it, or give "
                "-clear to count from 0",
                l->a->weights, l->first, l->steps);
}

static int finish(loop *l, char *err) {
    int stopped = l->step < l->steps;
    if (!stopped && host_perturbs(l->c.h) && !host_has_one_pass(l->c.h) && l->job->collect(l, err))
        return -1;
    double seconds = l->seconds = seconds_so_far(l);
    if (l->in_memory) return stopped ? save_state(l, err) : 0;
    if (stopped ? save_state(l, err) : loop_save(l, l->job->final, 0, err)) return -1;
    char took[32];
    printf("%s %s after %ld steps, %s\n", stopped ? "stopped: state in" : "trained:", l->saved,
           l->step, report_duration(seconds, took));
    cJSON_AddNumberToObject(l->json, "step", (double)l->step);
    cJSON_AddNumberToObject(l->json, "loss", l->average);
    cJSON_AddNumberToObject(l->json, "seconds", seconds);
    cJSON_AddStringToObject(l->json, "weights", l->saved);
    return report_json(l->a->json, l->json, err);
}

void loop_end(loop *l) { file_lock_drop(&l->lock); }

int loop_run(loop *l, char *err) {
    int bad = 0;
    l->json = cJSON_CreateObject();
    l->log = cJSON_AddArrayToObject(l->json, "log");
    l->valids = cJSON_AddArrayToObject(l->json, "valid");
    report_catch_signals();
    l->start = l->last_backup = report_now();
    while (!bad && l->step < l->steps && !report_stop_asked()) bad = one_step(l, err);
    if (!bad) bad = finish(l, err);
    cJSON_Delete(l->json);
    return bad;
}
