/* classifier_train.c - `classifier train`. */
#include "train/classifier.h"
#include "train/loop.h"
#include "train/report.h"

typedef struct {
    loop l; /* first: the loop hands it back */
    const dataset *train;
    dataset *loaded, *valid; /* loaded: train, where it is ours to free */
    loader *loader;
} run;

static int batch(loop *l, float *loss, char *err) {
    run *r = (run *)l;
    *loss = session_step(l->c.net, loader_next(r->loader));
    return 0;
}

static int collect(loop *l, char *err) {
    augment a = classifier_augment(l->c.cfg, l->c.net);
    return classifier_collect(l->c.net, ((run *)l)->train, &a, err);
}

static int validate(loop *l, cJSON *o, char *err) {
    metrics m;
    if (classifier_measure(l->c.net, ((run *)l)->valid, classifier_fit(l->c.cfg), l->a->samples,
                           l->a->top, &m, err))
        return -1;
    char said[64];
    printf("step %ld: valid ", l->step);
    for (int k = 0; k < METRICS; k++)
        printf("%s%s", k ? ", " : "", report_metric(k, metric_rows[k].value(&m), 0, said));
    printf("\n");
    report_metrics(o, &m, l->a->top);
    cJSON_DeleteItemFromObject(o, "bins");
    return 0;
}

static const loop_job job = {".backup", ".weights", 1, batch, validate, collect, NULL};

static int tell_classes(const run *r, char *err) {
    const loop *l = &r->l;
    size_t *count = calloc((size_t)r->train->classes, sizeof *count);
    if (!count) return fail(err, "not enough memory for %d classes", r->train->classes);
    for (int i = 0; i < r->train->n; i++) count[r->train->items[i].label]++;
    report_missing(l->c.data, count, "image");
    free(count);
    return 0;
}

static int start(run *r, char *err) {
    loop *l = &r->l;
    const session_args *a = l->a;
    if (classifier_open(&l->c, a, HOST_PARTIAL_OK | (a->clear ? HOST_CLEAR : 0), err) ||
        loop_refuses(l->c.cfg, 0, err) || loop_prepare(l, err))
        return -1;
    network *net = l->c.net;
    if (!r->train)
        r->train = r->loaded = dataset_load(l->c.data, DATA_TRAIN, net->c, a->threads, a->skip_bad,
                                            err);
    if (!r->train) return -1;
    l->images = r->train->n;
    if (!l->in_memory && tell_classes(r, err)) return -1;
    if (a->every)
        r->valid = dataset_load(l->c.data, DATA_VALID, net->c, a->threads, a->skip_bad, err);
    if (a->every && !r->valid) return -1;
    augment aug = classifier_augment(l->c.cfg, net);
    r->loader = loader_new(r->train, &aug, host_seed_of(l->c.h), *net->seen / (size_t)net->batch,
                           net->batch, 1);
    if (!r->loader) fail(err, "not enough memory for batches of %d images", net->batch);
    if (!l->in_memory)
        printf("%s: %d images, %d classes, %d skipped; steps %ld to %ld of batch %d, seed %llu\n",
               a->data, r->train->n, r->train->classes, r->train->skipped, l->first, l->steps,
               net->batch * net->subdivisions, (unsigned long long)host_seed_of(l->c.h));
    return r->loader ? 0 : -1;
}

static void end(run *r) {
    loop_end(&r->l);
    loader_free(r->loader);
    dataset_free(r->loaded);
    dataset_free(r->valid);
    session_close(&r->l.c);
}

int classifier_train(const session_args *args, char *err) {
    session_args a = *args;
    a.training = 1;
    run r = {.l = {.a = &a, .job = &job}};
    int bad = start(&r, err) || loop_run(&r.l, err) ? -1 : 0;
    end(&r);
    return bad;
}

int classifier_train_in_memory(const session_args *a, const dataset *train, classifier_then then,
                               void *of, char *err) {
    run r = {.l = {.a = a, .job = &job, .in_memory = 1}, .train = train};
    int bad = start(&r, err) || loop_run(&r.l, err) ? -1 : r.l.step < r.l.steps;
    classifier_trained t = {r.l.step, r.l.seconds, r.l.average};
    if (!bad) bad = then(of, &r.l.c, &t, err);
    end(&r);
    return bad;
}
