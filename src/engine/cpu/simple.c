/* simple.c - shortcut, route, upsample, activation: loops that move or add. */
#include "engine/cpu/cpu.h"
#include <string.h>

enum { GRAIN = 4096 };

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

static size_t pixel(shape4 s, int b, int y, int x) {
    return (((size_t)b * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c;
}

/* out = alpha out + beta from (back = 0), or from += beta out: the same points both ways. */
static void add_meeting(float *out, shape4 so, float *from, shape4 sf, int back, float alpha,
                        float beta) {
    meeting t = meet(so, sf);
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < so.n; b++) {
        for (int y = 0; y < t.h; y++) {
            for (int x = 0; x < t.w; x++) {
                float *o = out + pixel(so, b, y * t.sample, x * t.sample);
                float *f = from + pixel(sf, b, y * t.stride, x * t.stride);
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
                size_t at = pixel(so, b, y, x);
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

static int same(shape4 a, shape4 b) { return a.h == b.h && a.w == b.w && a.c == b.c; }
static int plain(float factor) { return !(factor < 1 || factor > 1); }

void engine_cpu_shortcut_forward(engine *e, node *n, const engine_mode *m) {
    node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    size_t len = shape_len(n->s);
    float slope, alpha = n->d.sum.alpha, beta = n->d.sum.beta;
    int fused = act_slope(n->d.sum.act, &slope);
    if (same(in->s, from->s) && plain(alpha) && plain(beta)) {
#pragma omp parallel if (len > GRAIN)
        {
            size_t a, b;
            engine_cpu_share(len, GRAIN, &a, &b);
            add_act(n->y.p + a, in->y.p + a, from->y.p + a, b - a, slope);
        }
        if (!fused) engine_cpu_act(n->y.p, n->y.p, len, n->d.sum.act);
        return;
    }
    engine_cpu_copy(n->y.p, in->y.p, len, 0);
    add_meeting(n->y.p, n->s, from->y.p, from->s, 0, alpha, beta);
    engine_cpu_act(n->y.p, n->y.p, len, n->d.sum.act);
}

static void pass_to_input(engine *e, node *n, shape4 from) {
    int add = 0;
    if (plain(n->d.sum.alpha)) {
        engine_delta_pass(e, n, n->in[0]);
        return;
    }
    float *da = engine_delta_of(e, n->in[0], &add);
    if (da) weigh_delta(da, n->delta->b.p, n->s, from, n->d.sum.alpha, add);
}

void engine_cpu_shortcut_backward(engine *e, node *n, const engine_mode *m) {
    const node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    int add_from = 0;
    engine_cpu_delta_act(e, n, n->d.sum.act);
    pass_to_input(e, n, from->s);
    if (same(in->s, from->s) && plain(n->d.sum.beta)) {
        engine_delta_pass(e, n, n->in[1]);
        return;
    }
    float *db = engine_delta_of(e, n->in[1], &add_from);
    if (!db) return;
    if (!add_from) e->b->zero(e, db, shape_len(from->s));
    add_meeting(n->delta->b.p, n->s, db, from->s, 1, 1, n->d.sum.beta);
}

void engine_cpu_activation_forward(engine *e, node *n, const engine_mode *m) {
    engine_cpu_act(n->y.p, e->nodes[n->in[0]].y.p, shape_len(n->s), n->d.act);
}

void engine_cpu_activation_backward(engine *e, node *n, const engine_mode *m) {
    engine_cpu_delta_act(e, n, n->d.act);
    engine_delta_pass(e, n, n->in[0]);
}

/* rows of `width` floats: to (step to_step) = or += from (step from_step). */
static void move_rows(float *to, size_t to_step, const float *from, size_t from_step, size_t rows,
                      size_t width, int add) {
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        float *t = to + r * to_step;
        const float *f = from + r * from_step;
        if (add)
            for (size_t j = 0; j < width; j++) t[j] += f[j];
        else
            memcpy(t, f, width * sizeof *t);
    }
}

void engine_cpu_route_forward(engine *e, node *n, const engine_mode *m) {
    size_t c = (size_t)n->s.c, rows = shape_len(n->s) / c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        move_rows(n->y.p + at, c, a->y.p, (size_t)a->s.c, rows, (size_t)a->s.c, 0);
        at += (size_t)a->s.c;
    }
}

void engine_cpu_route_backward(engine *e, node *n, const engine_mode *m) {
    size_t c = (size_t)n->s.c, rows = shape_len(n->s) / c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        size_t w = (size_t)e->nodes[n->in[i]].s.c;
        int add = 0;
        float *dx = engine_delta_of(e, n->in[i], &add);
        if (dx) move_rows(dx, w, n->delta->b.p + at, c, rows, w, add);
        at += w;
    }
}

void engine_cpu_upsample_forward(engine *e, node *n, const engine_mode *m) {
    const node *a = &e->nodes[n->in[0]];
    int k = n->d.up.stride;
    float scale = n->d.up.scale;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < n->s.n; b++) {
        for (int y = 0; y < n->s.h; y++) {
            for (int x = 0; x < n->s.w; x++) {
                float *o = n->y.p + pixel(n->s, b, y, x);
                const float *f = a->y.p + pixel(a->s, b, y / k, x / k);
                for (int c = 0; c < n->s.c; c++) o[c] = scale * f[c];
            }
        }
    }
}

void engine_cpu_upsample_backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s;
    int k = n->d.up.stride, add = 0;
    float scale = n->d.up.scale, *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    if (!add) e->b->zero(e, dx, shape_len(in));
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < in.n; b++) {
        for (int y = 0; y < in.h; y++) {
            for (int x = 0; x < in.w * k * k; x++) {
                float *d = dx + pixel(in, b, y, x / (k * k));
                const float *o = n->delta->b.p +
                                 pixel(n->s, b, y * k + x / k % k, x / (k * k) * k + x % k);
                for (int c = 0; c < in.c; c++) d[c] += scale * o[c];
            }
        }
    }
}
