/* shortcut.c - alpha of one map and beta of another, where they meet. */
#include "engine/cpu/cpu.h"
#include <stdlib.h>

CPU_CLONES static void add_act(float *restrict y, const float *a, const float *b, size_t n,
                               float slope) {
    for (size_t i = 0; i < n; i++) {
        float z = a[i] + b[i];
        y[i] = z > 0 ? z : slope * z;
    }
}

/* Which points of two maps meet: out[y*sample][x*sample] with from[y*stride][x*stride], channels <
 * c. */
typedef struct {
    int h, w, c, stride, sample;
} meeting;

static meeting meet(shape4 out, shape4 from) {
    meeting t = {.h = out.h < from.h ? out.h : from.h,
                 .w = out.w < from.w ? out.w : from.w,
                 .c = out.c < from.c ? out.c : from.c,
                 .stride = from.w / out.w,
                 .sample = out.w / from.w};
    if (t.stride < 1) t.stride = 1;
    if (t.sample < 1) t.sample = 1;
    return t;
}

/* out = alpha out + beta from (back = 0), or from += beta out: the same points both ways. */
static void add_meeting(float *out, shape4 so, float *from, shape4 sf, int back, float alpha,
                        float beta) {
    meeting t = meet(so, sf);
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < so.n; b++) {
        for (int y = 0; y < t.h; y++) {
            for (int x = 0; x < t.w; x++) {
                float *o = out + engine_pixel(so, b, y * t.sample, x * t.sample);
                float *f = from + engine_pixel(sf, b, y * t.stride, x * t.stride);
                if (back)
                    for (int c = 0; c < t.c; c++) f[c] += beta * o[c];
                else
                    for (int c = 0; c < t.c; c++) o[c] = alpha * o[c] + beta * f[c];
            }
        }
    }
}

/* What alpha leaves of the delta: to (= or +=) alpha delta where the two meet, delta elsewhere. */
static void weigh_delta(float *to, const float *delta, shape4 so, shape4 sf, float alpha, int add) {
    meeting t = meet(so, sf);
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < so.n; b++) {
        for (int y = 0; y < so.h; y++) {
            for (int x = 0; x < so.w; x++) {
                size_t at = engine_pixel(so, b, y, x);
                int on = y % t.sample == 0 && x % t.sample == 0 && y / t.sample < t.h &&
                         x / t.sample < t.w;
                int met = on ? t.c : 0;
                for (int c = 0; c < so.c; c++) {
                    float v = c < met ? alpha * delta[at + (size_t)c] : delta[at + (size_t)c];
                    to[at + (size_t)c] = add ? to[at + (size_t)c] + v : v;
                }
            }
        }
    }
}

/* Darknet strides over the larger of the two maps; both sides must ask for the same stride. */
static int shape(const engine *e, node *n, char *err) {
    shape4 a = e->nodes[n->in[0]].s, b = e->nodes[n->in[1]].s;
    if (b.w / a.w != b.h / a.h || a.w / b.w != a.h / b.h) {
        return fail(
            err,
            "node %d: a shortcut cannot add %dx%d to %dx%d: width and height need the same stride",
            n->id, b.h, b.w, a.h, a.w);
    }
    n->s = a;
    return 0;
}

static int same(shape4 a, shape4 b) { return a.h == b.h && a.w == b.w && a.c == b.c; }
static int plain(float factor) { return !(factor < 1 || factor > 1); }

/* State: what an activation had, where its gradient needs that. */
static void plan(engine *e, node *n) {
    buffer *z = calloc(1, sizeof *z);
    if (!z) engine_die("out of memory for node %d", n->id);
    engine_cpu_keep_input(e, n, z, n->d.activation);
    n->state = z;
}

static void release(engine *e, node *n) {
    engine_drop(e, n->state);
    free(n->state);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    size_t len = shape_len(n->s);
    const buffer *kept = n->state;
    float slope, alpha = n->d.alpha, beta = n->d.beta, *z = kept->p && m->keep ? kept->p : n->y.p;
    int fused = act_slope(n->d.activation, &slope);
    if (same(in->s, from->s) && plain(alpha) && plain(beta)) {
#pragma omp parallel if (len > CPU_GRAIN)
        {
            size_t a, b;
            engine_cpu_share(len, CPU_GRAIN, &a, &b);
            add_act(z + a, in->y.p + a, from->y.p + a, b - a, slope);
        }
        if (!fused) engine_cpu_act(n->y.p, z, len, n->d.activation);
        return;
    }
    engine_cpu_copy(z, in->y.p, len, 0);
    add_meeting(z, n->s, from->y.p, from->s, 0, alpha, beta);
    engine_cpu_act(n->y.p, z, len, n->d.activation);
}

static void pass_to_input(engine *e, node *n, shape4 from) {
    int add = 0;
    if (plain(n->d.alpha)) {
        engine_delta_pass(e, n, n->in[0]);
        return;
    }
    float *da = engine_delta_of(e, n->in[0], &add);
    if (da) weigh_delta(da, n->delta->b.p, n->s, from, n->d.alpha, add);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    int add_from = 0;
    const buffer *z = n->state;
    engine_cpu_delta_act(e, n, n->d.activation, z->p);
    pass_to_input(e, n, from->s);
    if (same(in->s, from->s) && plain(n->d.beta)) {
        engine_delta_pass(e, n, n->in[1]);
        return;
    }
    float *db = engine_delta_of(e, n->in[1], &add_from);
    if (!db) return;
    if (!add_from) e->b->zero(e, db, shape_len(from->s));
    add_meeting(n->delta->b.p, n->s, db, from->s, 1, 1, n->d.beta);
}

const node_ops engine_cpu_shortcut = {
    .shape = shape, .plan = plan, .forward = forward, .backward = backward, .free = release};
