/* suite_cost.c - see suite_cost.h */
#include "study/suite_cost.h"
#include "base/files.h"
#include "ops/rng.h"
#include "train/session.h"
#include "train/report.h"
#include <stdlib.h>
#include <string.h>

/* Steps are timed until so much time has passed, after one that is not counted. */
static const double ENOUGH = 0.5;

void suite_costs_free(suite_costs *k) {
    free(k->timed);
    *k = (suite_costs){0};
}

/* What the time of a step does not depend on (to speak of): length, schedule, classes. */
static uint64_t network_of(const cfg_file *c) {
    static const char *const others[] = {"max_batches", "steps", "scales", "learning_rate",
                                         "output"};
    uint64_t h = 0;
    for (int i = 0; i < c->n; i++) {
        const cfg_section *s = &c->sections[i];
        h = h * 31 + file_crc32(s->type, strlen(s->type));
        for (int k = 0; k < s->n; k++) {
            const cfg_option *o = &s->options[k];
            int other = 0;
            for (size_t j = 0; j < sizeof others / sizeof *others; j++)
                other |= !strcmp(o->key, others[j]);
            if (other) continue;
            h = h * 31 + file_crc32(o->key, strlen(o->key));
            h = h * 31 + file_crc32(o->val, strlen(o->val));
        }
    }
    return h;
}

static double time_steps(network *net, const batch_t *b) {
    double start = report_now(), spent = 0;
    int steps = 0;
    session_step(net, b);
    if (report_now() - start > 4 * ENOUGH) return report_now() - start;
    for (start = report_now(); spent < ENOUGH; spent = report_now() - start) {
        session_step(net, b);
        steps++;
    }
    return spent / steps;
}

/* Seconds of a training step of batch x subdivisions pictures; these are noise. */
static double time_network(const cfg_file *c, char *err) {
    network *net = host_open(c, 1, err);
    if (!net) return -1;
    host_init(net, 1);
    size_t n = (size_t)net->batch * (size_t)net->inputs,
           truths = (size_t)net->batch * (size_t)net->truths;
    batch_t b = {.X = malloc(n * sizeof(float)), .truth = calloc(truths + 1, sizeof(float))};
    double seconds = -1;
    if (b.X && b.truth) {
        rng_stream r = rng_open(rng_key(1, RNG_TEST, 0, 0));
        for (size_t i = 0; i < n; i++) b.X[i] = rng_uniform(&r, 0, 1);
        for (int i = 0; i < net->batch; i++) b.truth[(size_t)i * (size_t)net->truths] = 1;
        seconds = net->subdivisions * time_steps(net, &b);
    } else {
        fail(err, "not enough memory for batches of %d images", net->batch);
    }
    free(b.X);
    free(b.truth);
    host_close(net);
    return seconds;
}

static double step_seconds(suite_costs *k, const cfg_file *c, char *err) {
    uint64_t network = network_of(c);
    for (int i = 0; i < k->n; i++)
        if (k->timed[i].network == network) return k->timed[i].seconds;
    suite_timed *more = realloc(k->timed, ((size_t)k->n + 1) * sizeof *more);
    if (!more) return fail(err, "not enough memory to time networks");
    k->timed = more;
    double seconds = time_network(c, err);
    if (seconds >= 0) k->timed[k->n++] = (suite_timed){network, seconds};
    return seconds;
}

/* Pictures seen, from the head of a weights file: after three version numbers. */
static double images_seen(const char *state) {
    uint64_t seen = 0;
    FILE *f = state ? fopen(state, "rb") : NULL;
    if (!f) return 0;
    if (fseek(f, 12, SEEK_SET) || fread(&seen, sizeof seen, 1, f) != 1) seen = 0;
    fclose(f);
    return (double)seen;
}

double suite_cost(suite_costs *k, const suite_cell *c, const char *state, char *err) {
    cfg_file *cfg = cfg_read_text(c->network->cfg, c->text, err);
    if (!cfg) return -1;
    double step = step_seconds(k, cfg, err), batch = cfg_get_num(cfg, 0, "batch", 1);
    cfg_free(cfg);
    if (step < 0) return -1;
    /* A pass without gradients takes about a third of a step. */
    double passes = c->n_train + (double)c->n_valid * (1 + c->samples);
    double done = images_seen(state) / batch;
    return step * (c->steps - (done < c->steps ? done : c->steps) + passes / batch / 3);
}
