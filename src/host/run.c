/* run.c - what the host calls in place of its own forward, backward and update. */
#include "engine/mode.h"
#include "host/net_internal.h"
#include "ops/optim.h"
#include <math.h>
#include <omp.h>

/* Exported by libdarknet.so, not in its header. */
void calc_network_cost(network *net);

static float step_of(const network *net) {
    return (float)((double)*net->seen / ((double)net->batch * net->subdivisions));
}

/* From 0 to 1 over the first `rise` steps. */
static float ramp(const network *net, float rise) {
    if (rise <= 0) return 1;
    float t = step_of(net) / rise;
    return t < 1 ? t : 1;
}

/* What cool= leaves of the noise at this step: 1 to 0. */
static float cooling(const host_net *h, const network *net) {
    const float *cool = h->shared.cool, all = (float)net->max_batches;
    float from = cool[0] * all, to = cool[1] * all;
    if (cool[1] <= 0) return 1;
    float fall = to > from ? (to - step_of(net)) / (to - from) : 0;
    return fall < 0 ? 0 : fall < 1 ? fall : 1;
}

int host_cooled(const host_net *h, const network *net) { return cooling(h, net) <= 0; }

float host_annealing(const host_net *h, const network *net) {
    float rise = ramp(net, h->shared.anneal * (float)net->max_batches);
    if (h->shared.adapt > 0) rise *= h->adapt.t;
    return cooling(h, net) * rise;
}

/* What any Darknet program means: train says so itself; a truth or a delta of its own means that a
 * backward may follow. */
static engine_mode mode_of_host(const host_net *h, const network *net) {
    int train = net->train != 0;
    engine_mode m = train ? mode_training(host_annealing(h, net), h->seed, *net->seen)
                          : mode_one_pass(h->t_infer);
    m.keep = train || net->truth || net->delta;
    m.dropblock = ramp(net, (float)net->max_batches); /* the paper's schedule */
    m.phi_grads = train && h->shared.train;
    m.seed = h->seed;
    m.draw = *net->seen;
    return m;
}

/* Can a step be run without anybody looking at it before its end? */
static int records(const host_net *h, const network *net) {
    for (int i = 0; i < net->n; i++)
        if (h->layers[i].stock || h->layers[i].yolo) return 0;
    return !net->delta;
}

/* All that changes which work a step consists of, but for its shapes: other ones are planned anew,
 * which takes memory. */
static uint64_t step_kind(const host_net *h, const network *net) {
    const engine_mode *m = &h->now;
    double step = (double)*net->seen / ((double)net->batch * net->subdivisions);
    uint64_t frozen = 0;
    for (int i = 0; i < net->n; i++)
        frozen += h->layers[i].frozen > 0 && h->layers[i].frozen >= step;
    uint64_t bits = 0, flags[] = {m->keep,
                                  m->bn_batch,
                                  m->perturb_batch,
                                  m->dropout,
                                  m->dropblock > 0,
                                  m->theta_grads,
                                  m->phi_grads,
                                  m->t > 0 || m->t < 0,
                                  net->truth != NULL,
                                  h->late == LATE_UPDATE,
                                  net->adam};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) bits = bits << 1 | (flags[i] != 0);
    return frozen << 32 | bits << 8 | (uint64_t)m->noise;
}

/* stopbackward=N: the gradient goes no further back in steps 1 to N - 1; how many layers stop it.
 */
static uint64_t set_stops(const host_net *h, const network *net) {
    uint64_t stops = 0;
    size_t each = (size_t)net->batch * (size_t)net->subdivisions;
    size_t step = *net->seen ? (*net->seen - 1) / each + 1 : 0;
    for (int i = 0; i < net->n; i++) {
        size_t until = (size_t)h->layers[i].stop_steps;
        if (until) net->layers[i].stopbackward = step < until;
        stops += net->layers[i].stopbackward != 0;
    }
    return stops;
}

static void begin_pass(host_net *h, const network *net) {
    char err[ERR_LEN];
    h->now = h->has_mode ? h->mode : mode_of_host(h, net);
    if (h->now.theta_grads &&
        h->untrainable[0]) { /* a program's training, or `bench`: ours have asked before */
        fprintf(stderr, "%s\n", h->untrainable);
        exit(1);
    }
    if (h->now.perturb_batch && net->train) h->t_infer = h->now.t;
    host_ema_for(h, net, &h->now);
    host_statistics_for(h, net, &h->now);
    int vector = net->h <= 0 || net->w <= 0 || net->c <= 0;
    if (engine_plan(h->e, net->batch, vector ? 1 : net->h, vector ? 1 : net->w, h->now.keep, err,
                    sizeof err)) {
        /* The host's interface has no way to report it. */
        fprintf(stderr, "metaperturb: %s\n", err);
        exit(1);
    }
    if (h->now.keep) engine_begin(h->e);
    uint64_t stops = set_stops(h, net);
    if (h->late && records(h, net)) engine_step_begin(h->e, step_kind(h, net) | stops << 32);
    engine_import(h->e, 0, net->input);
}

static void forward_stock(host_net *h, int i, layer l, network net) {
    host_layer *hl = &h->layers[i];
    hl->forward(l, net);
    if (hl->feeds_engine) engine_import(h->e, hl->node, l.output);
}

/* Is layer i the softmax that adapt= looks at, in a training pass? */
static int adapts(const host_net *h, const network *net, int i) {
    return h->shared.adapt > 0 && h->now.perturb_batch && net->train && net->truth &&
           net->layers[i].type == SOFTMAX && host_is_output(net, i);
}

void host_run_forward(layer l, network net) {
    host_layer *hl = host_mark(&l);
    host_net *h = hl->of;
    int i = host_index(hl);
    if (i == 0) begin_pass(h, &net);
    if (hl->stock) {
        forward_stock(h, i, l, net);
        return;
    }
    if (hl->yolo) {
        host_yolo_forward(h, i, &l, &net);
        return;
    }
    engine_set_truth(h->e, h->now.keep && l.type == SOFTMAX ? net.truth : NULL);
    for (int k = hl->first; k <= hl->node; k++) engine_forward(h->e, k, &h->now);
    if (h->late && !hl->reads_host) return;
    if (l.type == SOFTMAX && l.cost)
        l.cost[0] = net.truth && !l.noloss ? (float)engine_loss(h->e, hl->node) : 0;
    if (hl->reads_host || l.truth || host_is_output(&net, i))
        engine_export(h->e, hl->node, l.output);
    if (adapts(h, &net, i)) host_adapt(h, &net, &l);
}

/* What host_run_forward left out when it was told to be late. */
static void catch_up(host_net *h, network *net, int output) {
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        const host_layer *hl = &h->layers[i];
        if (hl->stock || hl->yolo || hl->reads_host) continue;
        if (l->type == SOFTMAX && l->cost)
            l->cost[0] = net->truth && !l->noloss ? (float)engine_loss(h->e, hl->node) : 0;
        if ((output || adapts(h, net, i)) && host_is_output(net, i))
            engine_export(h->e, hl->node, l->output);
        if (adapts(h, net, i)) host_adapt(h, net, l);
    }
    calc_network_cost(net);
}

float host_train_pass(network *net, int update, int output) {
    host_net *h = host_of(net);
    int apart = update && h->shared.train; /* phi's step looks at its gradient */
    h->late = update && !apart ? LATE_UPDATE : LATE;
    net->train = 1;
    forward_network(net);
    backward_network(net);
    if (apart) engine_step_end(h->e);
    if (update) update_network(net);
    if (!apart) engine_step_end(h->e);
    h->late = 0;
    catch_up(h, net, output);
    return *net->cost;
}

static void backward_stock(host_net *h, int i, layer l, network net) {
    host_layer *hl = &h->layers[i];
    /* What engine layers further on passed back joins what this layer's own loss wrote. */
    if (hl->feeds_engine && l.delta) engine_export_delta(h->e, hl->node, l.delta, 1);
    if (!hl->backward) return;
    hl->backward(l, net);
    if (i > 0 && !h->layers[i - 1].stock && net.delta)
        engine_import_delta(h->e, h->layers[i - 1].node, net.delta);
}

void host_run_backward(layer l, network net) {
    host_layer *hl = host_mark(&l);
    host_net *h = hl->of;
    int i = host_index(hl);
    if (hl->stock) {
        backward_stock(h, i, l, net);
        return;
    }
    if (hl->yolo) {
        host_yolo_backward(h, i);
        return;
    }
    int want = i == 0 && net.delta != NULL;
    int had = want ? engine_wants_input_delta(h->e, 1) : 0;
    for (int k = hl->node; k >= hl->first; k--) engine_backward(h->e, k, &h->now);
    if (want) {
        engine_export_delta(h->e, 0, net.delta, 1);
        engine_wants_input_delta(h->e, had);
    }
}

static void update_phi(host_net *h, update_args a) {
    float u[PHI_LEN];
    engine_read(h->e, h->phi);
    engine_read(h->e, h->dphi);
    for (int k = 0; k < PHI_LEN; k++) u[k] = (float)h->dphi[k];
    if (a.adam) {
        adam_args aa = {a.learning_rate, a.B1, a.B2, a.eps, a.decay, a.t};
        adam_step(h->phi, u, h->phi_m, h->phi_v, PHI_LEN, &aa, a.batch);
        memset(h->dphi, 0, sizeof h->dphi);
    } else {
        sgd_args sa = {a.learning_rate, a.momentum, a.decay};
        sgd_step(h->phi, u, PHI_LEN, &sa, a.batch);
        for (int k = 0; k < PHI_LEN; k++) h->dphi[k] = u[k];
    }
    engine_changed(h->e, h->phi);
    engine_changed(h->e, h->dphi);
}

static int moments(host_layer *hl, const host_tensor t[3]) {
    size_t n = t[0].n + t[1].n + t[2].n;
    if (!hl->m) hl->m = calloc(n, sizeof(float));
    if (!hl->v) hl->v = calloc(n, sizeof(float));
    return hl->m && hl->v ? 0 : -1;
}

/* A step of nothing: what has been added up is of no use to a later one. (The fork keeps it, and
 * takes all of it at once with the first step after that.) */
static void drop_updates(host_net *h, const host_tensor t[3], int batch) {
    sgd_args none = {0, 0, 0};
    for (int k = 0; k < 3; k++)
        if (t[k].n) engine_sgd(h->e, t[k].w, t[k].update, t[k].n, &none, batch);
}

int host_stands_still(const host_layer *hl, int batch) {
    return hl->frozen > 0 && hl->frozen >= (double)*hl->of->seen / batch;
}

void host_run_update(layer l, update_args a) {
    host_layer *hl = host_mark(&l);
    host_net *h = hl->of;
    int i = host_index(hl);
    host_tensor t[3];
    h->stepped = 1;
    a.learning_rate = host_rate_at(h, a.learning_rate, a.batch);
    if (h->n_perturb && i == h->perturb[0].layer && h->shared.train) update_phi(h, a);
    if (!host_tensors(hl, &l, t)) return;
    if (host_stands_still(hl, a.batch)) {
        drop_updates(h, t, a.batch);
        return;
    }
    float rate = a.learning_rate * l.learning_rate_scale;
    if (a.adam && moments(hl, t)) {
        fprintf(stderr, "metaperturb: not enough memory for Adam's moments of layer %d\n", i);
        exit(1);
    }
    size_t at = 0;
    for (int k = 0; k < 3; k++) {
        if (!t[k].n) continue;
        if (a.adam) {
            adam_args aa = {rate, a.B1, a.B2, a.eps, a.decay, a.t};
            engine_adam(h->e, t[k].w, t[k].update, hl->m + at, hl->v + at, t[k].n, &aa, a.batch);
        } else {
            sgd_args sa = {rate, a.momentum, t[k].is_weight ? a.decay : 0};
            engine_sgd(h->e, t[k].w, t[k].update, t[k].n, &sa, a.batch);
        }
        at += t[k].n;
    }
}
