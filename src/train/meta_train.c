/* meta_train.c - see meta.h */
#include "train/meta.h"
#include "host/phi.h"
#include "ops/optim.h"
#include "train/meta_checkpoint.h"
#include "train/meta_log.h"
#include "train/meta_task.h"
#include "train/ranks.h"
#include "train/report.h"
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    const meta_args *a;
    meta_file *m;
    task_setup setup;
    int n, first, own;          /* tasks of the run; ours are first .. first + own - 1 */
    int step, begun, workers;
    task *tasks;                /* (own) */
    char (*errors)[ERR_LEN];    /* (own) */
    task_result *results;       /* (n) on rank 0, else (own) */
    float phi[PHI_LEN], m1[PHI_LEN], m2[PHI_LEN];
    log_row *log;               /* (setup.steps), rank 0 */
    double start, before, last_line;
    char path[4096], ckpt[4200];
} run;

static int first_task(int n, int rank) { return (int)((long long)n * rank / ranks_count()); }
static int owner(const run *r, int k) {
    int rank = 0;
    while (first_task(r->n, rank + 1) <= k) rank++;
    return rank;
}

/* "task NAME: " before what went wrong in it. */
static int task_error(const meta_task *m, const char *why, char *err) {
    char text[ERR_LEN];
    snprintf(text, sizeof text, "task %s: %s", m->name, why);
    memcpy(err, text, sizeof text);
    return -1;
}

/* ---- one step of all tasks ------------------------------------------------------------------------------------- */

typedef struct { run *r; atomic_int next, failed; } work;

static void do_tasks(work *w, int main_thread) {
    run *r = w->r;
    omp_set_num_threads(r->m->threads);
    for (int k; !w->failed && (k = atomic_fetch_add(&w->next, 1)) < r->own;) {
        if (task_step(&r->tasks[k], r->step, r->phi, r->m->train, r->errors[k])) w->failed = 1;
        if (main_thread) ranks_look();
    }
}

static void *worker(void *arg) {
    do_tasks(arg, 0);
    return NULL;
}

static int run_tasks(run *r, char *err) {
    pthread_t thread[1024];
    work w = {.r = r};
    int n = 0;
    for (int k = 0; k < r->own; k++) r->errors[k][0] = 0;
    while (n < r->workers - 1 && !pthread_create(&thread[n], NULL, worker, &w)) n++;
    do_tasks(&w, 1);
    for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
    for (int k = 0; k < r->own; k++) if (r->errors[k][0]) return task_error(r->tasks[k].m, r->errors[k], err);
    for (int k = 0; k < r->own; k++) r->results[k] = r->tasks[k].result;
    return 0;
}

static double norm(const float *x, int n) {
    double s = 0;
    for (int k = 0; k < n; k++) s += (double)x[k] * (double)x[k];
    return sqrt(s);
}

/* Rank 0: phi's step from all results, added up in the order of the tasks. */
static void update_phi(run *r) {
    double sum[PHI_LEN] = {0};
    float update[PHI_LEN];
    log_row row = {0};
    for (int k = 0; k < r->n; k++) {
        const task_result *t = &r->results[k];
        for (int i = 0; i < PHI_LEN; i++) sum[i] += t->phi_update[i];
        row.theta_loss += t->theta_loss / r->n;
        row.phi_loss += t->phi_loss / r->n;
        row.accuracy += t->accuracy / r->n;
        row.theta_gradient += t->theta_gradient / r->n;
    }
    for (int i = 0; i < PHI_LEN; i++) update[i] = (float)(sum[i] / r->n);
    row.phi_gradient = norm(update, PHI_LEN);
    adam_args aa = {(float)r->m->phi_learning_rate, 0.9f, 0.999f, 1e-8f, (float)r->m->phi_decay, r->step + 1};
    if (r->m->train) adam_step(r->phi, update, r->m1, r->m2, PHI_LEN, &aa, 1);
    row.phi_norm = norm(r->phi, PHI_LEN);
    row.seconds = r->before + report_now() - r->start;
    r->log[r->step] = row;
}

/* What rank 0 decides behind a step. */
typedef struct { float phi[PHI_LEN]; int stop, save; } decision;

static int one_step(run *r, decision *d, char *err) {
    int stop;
    if (run_tasks(r, err)) return -1;
    if (ranks_me()) {
        stop = report_stop_asked();
        ranks_send(0, r->results, (size_t)r->own * sizeof *r->results);
        ranks_send(0, &stop, sizeof stop);
    } else {
        d->stop = report_stop_asked();
        for (int rank = 1; rank < ranks_count(); rank++) {
            int at = first_task(r->n, rank), n = first_task(r->n, rank + 1) - at;
            ranks_receive(rank, r->results + at, (size_t)n * sizeof *r->results);
            ranks_receive(rank, &stop, sizeof stop);
            d->stop |= stop;
        }
        update_phi(r);
        memcpy(d->phi, r->phi, sizeof d->phi);
        int every = r->m->checkpoint, done = r->step + 1;
        d->save = d->stop || done == r->setup.steps || (every && done % every == 0);
    }
    ranks_share(d, sizeof *d);
    memcpy(r->phi, d->phi, sizeof r->phi);
    r->step++;
    if (ranks_me()) return 0;
    if (report_due(r->step, r->setup.steps, &r->last_line))
        meta_log_line(&r->log[r->step - 1], r->step, r->setup.steps, r->begun, report_now() - r->start);
    return 0;
}

/* ---- checkpoints ----------------------------------------------------------------------------------------------- */

static void settings(const run *r, char text[CHECKPOINT_SETTINGS]) {
    const meta_file *m = r->m;
    snprintf(text, CHECKPOINT_SETTINGS,
             "%d tasks\nseed %llu\nlearning_rate %.9g\ndecay %.9g\nphi_learning_rate %.9g\nphi_decay %.9g\ntrain %d\nthreads %d\n",
             m->n, (unsigned long long)r->setup.seed, m->learning_rate, m->decay, m->phi_learning_rate, m->phi_decay, m->train,
             m->threads);
}

static unsigned char *own_section(const task *t, size_t *len, char *err) {
    size_t n;
    unsigned char *state = host_state(t->c.net, &n, err), *p = state ? realloc(state, n + CHECKPOINT_LINE) : NULL;
    if (!p) {
        if (state) snprintf(err, ERR_LEN, "not enough memory for a checkpoint");
        free(state);
        return NULL;
    }
    memmove(p + CHECKPOINT_LINE, p, n);
    memset(p, 0, CHECKPOINT_LINE);
    task_describe(t, (char *)p, CHECKPOINT_LINE);
    *len = n + CHECKPOINT_LINE;
    return p;
}

static unsigned char *any_section(void *arg, int k, size_t *len, char *err) {
    run *r = arg;
    if (k >= r->first && k < r->first + r->own) return own_section(&r->tasks[k - r->first], len, err);
    int from = owner(r, k);
    ranks_receive(from, len, sizeof *len);
    unsigned char *p = malloc(*len);
    if (p) ranks_receive(from, p, *len);
    else snprintf(err, ERR_LEN, "not enough memory for a checkpoint");
    return p;
}

static int save(run *r, char *err) {
    if (!ranks_me()) {
        checkpoint_head h = {.step = r->step, .steps = r->setup.steps, .tasks = r->n, .n_log = r->step};
        memcpy(h.phi, r->phi, sizeof h.phi);
        memcpy(h.m1, r->m1, sizeof h.m1);
        memcpy(h.m2, r->m2, sizeof h.m2);
        settings(r, h.settings);
        if (checkpoint_write(r->ckpt, &h, r->log, any_section, r, err)) return -1;
        meta_log_draw(r->a->json, r->log, r->step);
        return 0;
    }
    for (int k = 0; k < r->own; k++) {
        size_t len;
        unsigned char *p = own_section(&r->tasks[k], &len, err);
        if (!p) return -1;
        ranks_send(0, &len, sizeof len);
        ranks_send(0, p, len);
        free(p);
    }
    return 0;
}

static int restore_task(run *r, int k, unsigned char *p, size_t len, char *err) {
    task *t = &r->tasks[k - r->first];
    char now[CHECKPOINT_LINE];
    task_describe(t, now, sizeof now);
    p[CHECKPOINT_LINE - 1] = 0;
    if (!checkpoint_compare(r->ckpt, (char *)p, now, err)
        && !host_set_state(t->c.net, p + CHECKPOINT_LINE, len - CHECKPOINT_LINE, r->ckpt, err)) return 0;
    return task_error(t->m, err, err);
}

/* Every task's state goes to the rank that owns it now. c: on rank 0. */
static int restore(run *r, checkpoint *c, char *err) {
    int bad = 0;
    for (int k = 0; k < r->n && !bad; k++) {
        int mine = k >= r->first && k < r->first + r->own;
        size_t len = 0;
        unsigned char *p = NULL;
        if (ranks_me() && !mine) continue;
        if (ranks_me()) {
            ranks_receive(0, &len, sizeof len);
            if ((p = malloc(len))) ranks_receive(0, p, len);
            else snprintf(err, ERR_LEN, "not enough memory for the checkpoint");
        } else if ((p = checkpoint_next(c, &len, err)) && !mine) {
            ranks_send(owner(r, k), &len, sizeof len);
            ranks_send(owner(r, k), p, len);
        }
        bad = !p || (mine && restore_task(r, k, p, len, err));
        free(p);
    }
    return bad ? -1 : 0;
}

/* Rank 0: what the file of an earlier run means for this one. */
static int look_for_checkpoint(run *r, checkpoint *c, char *err) {
    char now[CHECKPOINT_SETTINGS];
    int there = checkpoint_open(c, r->ckpt, err);
    if (!r->a->resume) {
        int step = c->head.step, steps = c->head.steps;
        checkpoint_close(c);
        if (there <= 0 || step >= steps) return 0;
        snprintf(err, ERR_LEN, "%s holds step %d of %d of a run: -resume goes on with it; remove it to begin anew", r->ckpt, step,
                 steps);
        return -1;
    }
    if (!there) printf("%s: not there yet: beginning at step 0\n", r->ckpt);
    if (there <= 0) return there;
    settings(r, now);
    if (checkpoint_compare(c->path, c->head.settings, now, err)) return -1;
    if (c->head.tasks != r->n || c->head.n_log != c->head.step || c->head.step > r->setup.steps) {
        snprintf(err, ERR_LEN, "%s: at step %d already, and steps is %d: raise it", c->path, c->head.step, r->setup.steps);
        return -1;
    }
    r->step = c->head.step;
    memcpy(r->phi, c->head.phi, sizeof r->phi);
    memcpy(r->m1, c->head.m1, sizeof r->m1);
    memcpy(r->m2, c->head.m2, sizeof r->m2);
    memcpy(r->log, c->log, (size_t)r->step * sizeof *r->log);
    if (r->step) r->before = r->log[r->step - 1].seconds;
    printf("%s: going on from step %d\n", c->path, r->step);
    return 0;
}

/* ---- beginning and end ----------------------------------------------------------------------------------------- */

static int divide(run *r, char *err) {
    if (ranks_count() > r->n) {
        snprintf(err, ERR_LEN, "%s: %d tasks cannot be divided among %d ranks: start %d at most", r->a->meta, r->n, ranks_count(),
                 r->n);
        return -1;
    }
    r->first = first_task(r->n, ranks_me());
    r->own = first_task(r->n, ranks_me() + 1) - r->first;
    r->setup.threads = ranks_threads(r->a->threads);
    r->workers = r->setup.threads / r->m->threads;
    if (r->workers > r->own) r->workers = r->own;
    if (r->workers < 1) r->workers = 1;
    r->tasks = calloc((size_t)r->own, sizeof *r->tasks);
    r->errors = calloc((size_t)r->own, sizeof *r->errors);
    r->results = calloc((size_t)(ranks_me() ? r->own : r->n), sizeof *r->results);
    r->log = ranks_me() ? NULL : calloc((size_t)r->setup.steps, sizeof *r->log);
    if (r->tasks && r->errors && r->results && (r->log || ranks_me())) return 0;
    snprintf(err, ERR_LEN, "%s: not enough memory for %d tasks", r->a->meta, r->n);
    return -1;
}

static void tell_ranks(const run *r) {
    for (int rank = 0; rank < ranks_count() && ranks_count() > 1; rank++) {
        char text[200] = "";
        for (int k = first_task(r->n, rank); k < first_task(r->n, rank + 1); k++) {
            size_t at = strlen(text);
            snprintf(text + at, sizeof text - at, "%stask %s (%s)", at ? ", " : "", r->m->tasks[k].name, r->m->tasks[k].data);
        }
        ranks_owns(rank, text);
        printf("rank %d: %s\n", rank, text);
    }
}

static int read_meta(run *r, char *err) {
    const meta_args *a = r->a;
    r->m = meta_file_read(a->meta, err);
    if (!r->m) return -1;
    r->n = r->m->n;
    r->setup = (task_setup){
        .m = r->m, .seed = a->seed_given ? a->seed : r->m->seed, .steps = a->steps > 0 ? a->steps : r->m->steps,
        .skip_bad = a->skip_bad,
    };
    snprintf(r->path, sizeof r->path, "%s", a->out ? a->out : r->m->phi);
    snprintf(r->ckpt, sizeof r->ckpt, "%s.ckpt", r->path);
    if (r->m->init[0]) return phi_read(r->m->init, r->phi, err);
    phi_init(r->phi, (float)r->m->sigma, r->setup.seed);
    return 0;
}

static int open_tasks(run *r, char *err) {
    for (int k = 0; k < r->own && !report_stop_asked(); k++) {
        const meta_task *m = &r->m->tasks[r->first + k];
        char at[512];
        snprintf(at, sizeof at, "task %s, %.250s", m->name, m->data);
        ranks_at(at);
        if (task_open(&r->tasks[k], &r->setup, r->first + k, r->tasks, k, r->first + k > 0, err)) return task_error(m, err, err);
        const task *t = &r->tasks[k];
        printf("task %s: %d classes, %d + %d images, %s at %d x %d, batch %d\n", m->name, t->train->classes, t->train->n,
               t->check->n, t->c.cfg->path, t->c.net->w, t->c.net->h, t->c.net->batch * t->c.net->subdivisions);
        fflush(stdout);
        ranks_look();
    }
    return 0;
}

static int start(run *r, char *err) {
    checkpoint c = {0};
    if (read_meta(r, err) || divide(r, err)) return -1;
    omp_set_num_threads(r->m->threads);
    if (!ranks_me()) tell_ranks(r);
    int bad = ranks_me() ? 0 : look_for_checkpoint(r, &c, err);
    if (!bad) bad = open_tasks(r, err);
    if (bad) {
        checkpoint_close(&c);
        return -1;
    }
    /* A rank that was told to stop while it read its data has not opened all of its tasks: then nobody begins. */
    int stop = report_stop_asked();
    for (int rank = 1; rank < ranks_count(); rank++) {
        int theirs;
        if (ranks_me() == rank) ranks_send(0, &stop, sizeof stop);
        if (ranks_me()) continue;
        ranks_receive(rank, &theirs, sizeof theirs);
        stop |= theirs;
    }
    ranks_share(&stop, sizeof stop);
    ranks_share(&r->step, sizeof r->step);
    ranks_share(r->phi, sizeof r->phi);
    if (!stop && r->step) bad = restore(r, &c, err);
    checkpoint_close(&c);
    for (int k = 0; k < r->own && !stop && !bad; k++) {
        if (task_begin(&r->tasks[k], r->step, err)) bad = task_error(r->tasks[k].m, err, err);
    }
    r->begun = r->step;
    return bad ? -1 : stop;
}

static int finish(run *r, char *err) {
    char note[ERR_LEN], took[32];
    double seconds = r->before + report_now() - r->start;
    if (ranks_me()) return 0;
    if (r->step < r->setup.steps && r->step == r->begun) {
        printf("stopped before its first step; nothing was written\n");
        return 0;
    }
    if (r->step < r->setup.steps) {
        printf("stopped behind step %d of %d: state in %s; -resume goes on\n", r->step, r->setup.steps, r->ckpt);
        return 0;
    }
    snprintf(note, sizeof note, "meta-trained from %s: %d tasks, %d steps, seed %llu%s", r->a->meta, r->n, r->step,
             (unsigned long long)r->setup.seed, r->m->train ? "" : "; train=0: as it was at the start");
    if (phi_write(r->path, r->phi, note, err)) return -1;
    printf("%s: %d steps over %d tasks, %s\n", r->path, r->step, r->n, report_duration(seconds, took));
    cJSON *j = cJSON_CreateObject();
    cJSON_AddNumberToObject(j, "step", r->step);
    cJSON_AddNumberToObject(j, "seed", (double)r->setup.seed);
    cJSON_AddNumberToObject(j, "ranks", ranks_count());
    cJSON_AddNumberToObject(j, "loss", r->log[r->step - 1].phi_loss);
    cJSON_AddNumberToObject(j, "seconds", seconds);
    meta_log_json(j, r->log, r->step);
    int bad = report_json(r->a->json, j, err);
    cJSON_Delete(j);
    return bad;
}

/* 0, 1: told to stop, -1 and err. */
static int train(run *r, char *err) {
    int state = start(r, err);
    r->start = report_now();
    while (!state && r->step < r->setup.steps) {
        decision d = {.stop = 0};
        state = one_step(r, &d, err);
        if (!state && d.save) state = save(r, err);
        if (!state) state = d.stop;
    }
    return state < 0 ? -1 : finish(r, err);
}

int meta_train(const meta_args *a, char *err) {
    run r = {.a = a};
    report_catch_signals();
    ranks_start();
    if (ranks_me() && !freopen("/dev/null", "w", stdout)) ranks_fail("/dev/null: cannot be opened");
    int bad = train(&r, err);
    if (bad && ranks_count() > 1) ranks_fail(err);
    for (int k = r.own - 1; r.tasks && k >= 0; k--) task_close(&r.tasks[k]);
    free(r.tasks);
    free(r.errors);
    free(r.results);
    free(r.log);
    meta_file_free(r.m);
    if (!bad) ranks_end();
    return bad;
}
