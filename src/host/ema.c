/* ema.c - the exponential moving average of all parameters, [net] ema_alpha=A: weights, biases,
 * scales, rolling statistics, those of [perturb], and phi if it is trained.
 *
 *     average += (1 - a)(parameters - average) after every step;  a = min(A, (1 + n)/(10 + n)) with
 * n averaged steps before it
 *
 * so that the first steps, far from where training ends, are soon forgotten. Passes that take
 * gradients run on the live parameters, all others on the average: the layers hold the set in use,
 * `ema` the other. Files hold the average where every program looks for weights, and a file to go
 * on from has the live ones in its trailer. */
#include "host/net_internal.h"
#include "ops/optim.h"

/* p: what the layers hold, other: its place in h->ema. */
typedef void (*visit)(float *p, float *other, size_t n, float rate);

static void visit_step(float *p, float *other, size_t n, float rate) {
    ema_step(other, p, n, rate);
}
static void visit_swap(float *p, float *other, size_t n, float rate) {
    for (size_t i = 0; i < n; i++) {
        float v = p[i];
        p[i] = other[i];
        other[i] = v;
    }
}

/* Calls it for every array; returns the floats of all. v NULL: only that. */
static size_t walk(host_net *h, const network *net, visit v, float rate) {
    size_t at = 0;
#define VISIT(p, n)                               \
    do {                                          \
        if (v && (n)) v(p, h->ema + at, n, rate); \
        at += n;                                  \
    } while (0)
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        host_tensor t[3];
        if (!host_tensors(&h->layers[i], l, t)) continue;
        for (int k = 0; k < 3; k++) VISIT(t[k].w, t[k].n);
        VISIT(l->rolling_mean, t[2].n); /* scales are there if and only if these are */
        VISIT(l->rolling_variance, t[2].n);
    }
    for (int k = 0; k < h->n_perturb; k++) {
        size_t n = PERTURB_K * (size_t)h->perturb[k].channels;
        VISIT(h->perturb[k].mean, n);
        VISIT(h->perturb[k].var, n);
    }
    size_t n = h->shared.train ? PHI_LEN : 0;
    VISIT(h->phi, n);
#undef VISIT
    return at;
}

size_t host_ema_len(host_net *h, const network *net) { return walk(h, net, NULL, 0); }

int host_ema_open(host_net *h, const network *net, const cfg_file *c, char *err) {
    h->ema_alpha = cfg_get_net_extra(c).ema_alpha;
    if (h->ema_alpha <= 0) return 0;
    for (int i = 0; i < net->n; i++) {
        if (!h->layers[i].stock || !net->layers[i].update) continue;
        return fail(err,
                    "%s: layer %d is trained by the host's own code, and ema_alpha cannot average "
                    "it: remove ema_alpha",
                    c->path, i);
    }
    h->ema = calloc(host_ema_len(h, net) + 1, sizeof *h->ema);
    if (h->ema) return 0;
    return fail(err, "%s: not enough memory for the average of the parameters", c->path);
}

void host_ema_drop(host_net *h) {
    h->ema_steps = 0;
    h->ema_in = h->stepped = 0;
}

void host_ema_select(host_net *h, const network *net, int average) {
    if (!h->ema) return;
    if (h->stepped) { /* a step has been taken, so the layers hold the live parameters */
        double n = (double)h->ema_steps, a = (1 + n) / (10 + n);
        if (a > h->ema_alpha) a = h->ema_alpha;
        engine_read(h->e, NULL);
        host_statistics_select(h, net, 0);
        walk(h, net, visit_step, h->ema_steps ? (float)(1 - a) : 1);
        h->ema_steps++;
        h->stepped = 0;
    }
    if (!h->ema_steps || average == h->ema_in) return;
    host_statistics_select(h, net, 0);
    engine_read(h->e, NULL);
    walk(h, net, visit_swap, 0);
    h->ema_in = average;
    engine_changed(h->e, NULL);
}

void host_ema_for(host_net *h, const network *net, const engine_mode *m) {
    host_ema_select(h, net, !m->theta_grads && !m->phi_grads);
}
