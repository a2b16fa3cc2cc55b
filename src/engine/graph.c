/* graph.c - nodes, their memory, and the rule that contributions to a delta add up. */
#include "engine/backend.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

engine *engine_new(void) {
    engine *e = calloc(1, sizeof *e);
    if (!e) engine_die("out of memory for a network");
    e->b = engine_backend();
    e->version = 1;
    if (e->b->open) e->b->open(e);
    return e;
}

static const node_ops *ops_of(const engine *e, const node *n) {
    static const node_ops none; /* of input and foreign */
    return e->b->node[n->kind] ? e->b->node[n->kind] : &none;
}

static void unplan(engine *e) {
    for (int i = 0; i < e->n; i++) {
        node *n = &e->nodes[i];
        if (n->state && ops_of(e, n)->free) ops_of(e, n)->free(e, n);
        n->state = NULL;
    }
    e->planned = 0;
}

void engine_free(engine *e) {
    if (!e) return;
    unplan(e);
    engine_deltas_free(e);
    for (int i = 0; i < e->n; i++) {
        engine_drop(e, &e->nodes[i].y);
        free(e->nodes[i].shown);
        free(e->nodes[i].in);
    }
    engine_drop(e, &e->library);
    engine_drop(e, &e->delta_tmp);
    engine_drop(e, &e->work);
    engine_drop(e, &e->rounded);
    if (e->b->close) e->b->close(e);
    free(e->nodes);
    free(e);
}

int engine_add(engine *e, node_kind kind, const int *ins, int n_in, const engine_op *op) {
    unplan(e);
    if (e->n == e->cap) {
        int cap = e->cap ? 2 * e->cap : 32;
        node *p = realloc(e->nodes, (size_t)cap * sizeof *p);
        if (!p) engine_die("out of memory for a network of %d layers", cap);
        e->nodes = p;
        e->cap = cap;
    }
    node *n = &e->nodes[e->n];
    *n = (node){.kind = kind, .id = e->n, .n_in = n_in, .d = *op};
    n->in = malloc((size_t)(n_in + 1) * sizeof *n->in);
    if (!n->in) engine_die("out of memory for a network");
    for (int i = 0; i < n_in; i++) {
        assert(ins[i] >= 0 && ins[i] < e->n);
        n->in[i] = ins[i];
    }
    assert((kind == NODE_INPUT) == (e->n == 0));
    return e->n++;
}

void engine_set_foreign(engine *e, int i, int h, int w, int c) {
    assert(i > 0 && i < e->n && e->nodes[i].kind == NODE_FOREIGN);
    shape4 *f = &e->nodes[i].d.fixed;
    if (f->h == h && f->w == w && f->c == c) return;
    *f = (shape4){0, h, w, c};
    unplan(e);
}

shape4 engine_shape(const engine *e, int i) {
    assert(e->planned && i >= 0 && i < e->n);
    return e->nodes[i].s;
}

int engine_nodes(const engine *e) { return e->n; }

int engine_inputs(const engine *e, int i, const int **ins) {
    assert(i >= 0 && i < e->n);
    *ins = e->nodes[i].in;
    return e->nodes[i].n_in;
}

static int set_shape(const engine *e, node *n, shape4 input, char *err) {
    const node_ops *ops = engine_cpu.node[n->kind];
    if (n->kind == NODE_FOREIGN)
        n->s = (shape4){input.n, n->d.fixed.h, n->d.fixed.w, n->d.fixed.c};
    else
        n->s = n->n_in > 0 ? e->nodes[n->in[0]].s : input;
    return ops && ops->shape ? ops->shape(e, n, err) : 0;
}

int engine_shape_for(const engine *e, int i, shape4 in, shape4 *out, char *err) {
    assert(i > 0 && i < e->n && e->nodes[i].n_in == 1);
    node two[2] = {{.s = in}, e->nodes[i]};
    engine alone = {.nodes = two, .n = 2};
    two[1].in = &(int){0};
    if (set_shape(&alone, &two[1], in, err)) return -1;
    *out = two[1].s;
    return 0;
}

/* Once for a process: networks are planned again for each size. */
static void say_if_none_rounds(const engine *e) {
    static atomic_flag said = ATOMIC_FLAG_INIT;
    if (engine_uses_bf16() && !e->rounding && !atomic_flag_test_and_set(&said))
        fputs("metaperturb: -bf16: no layer of this network has 16 channels a group on both sides: "
              "nothing is rounded\n",
              stderr);
}

int engine_plan(engine *e, int batch, int h, int w, int training, char *err, size_t err_len) {
    char why[ERR_LEN];
    assert(e->n > 0 && batch > 0);
    shape4 in = e->nodes[0].s;
    if (e->planned && in.n == batch && in.h == h && in.w == w && (e->training || !training))
        return 0;
    unplan(e);
    for (int i = 0; i < e->n; i++) {
        node *n = &e->nodes[i];
        if (set_shape(e, n, (shape4){batch, h, w, e->nodes[0].d.fixed.c}, why)) {
            snprintf(err, err_len, "%s", why);
            return -1;
        }
        if (n->s.h < 1 || n->s.w < 1 || n->s.c < 1) {
            snprintf(err, err_len,
                     "node %d: output of %dx%dx%d is empty; a picture of %dx%d is too small for it",
                     i, n->s.h, n->s.w, n->s.c, h, w);
            return -1;
        }
    }
    e->training = training;
    for (int i = 0; i < e->n; i++) {
        node *n = &e->nodes[i];
        engine_delta_release(e, n);
        engine_need(e, &n->y, shape_len(n->s));
    }
    e->rounding = 0;
    for (int i = 0; i < e->n; i++) {
        node *n = &e->nodes[i];
        if (ops_of(e, n)->plan) ops_of(e, n)->plan(e, n);
    }
    say_if_none_rounds(e);
    e->planned = 1;
    return 0;
}

void engine_read(engine *e, const void *array) {
    if (e->b->read) e->b->read(e, array);
}

void engine_changed(engine *e, const void *array) {
    e->version++;
    if (e->b->changed) e->b->changed(e, array);
}

void engine_sgd(engine *e, float *w, float *update, size_t n, const sgd_args *a, int batch) {
    e->version++;
    e->b->sgd(e, w, update, n, a, batch);
}

void engine_adam(engine *e, float *w, float *update, float *m, float *v, size_t n,
                 const adam_args *a, int batch) {
    e->version++;
    e->b->adam(e, w, update, m, v, n, a, batch);
}

void engine_step_begin(engine *e, uint64_t kind) {
    if (e->b->step_begin) e->b->step_begin(e, kind);
}

void engine_step_end(engine *e) {
    if (e->b->step_end) e->b->step_end(e);
}

double engine_squares(engine *e, const engine_span *a, int n) { return e->b->squares(e, a, n); }

void engine_forward(engine *e, int i, const engine_mode *m) {
    assert(e->planned && i >= 0 && i < e->n && (e->training || !m->keep));
    node *n = &e->nodes[i];
    if (ops_of(e, n)->forward) ops_of(e, n)->forward(e, n, m);
}

/* A delta that nobody has written is zero, and everything it leads to is zero too. One that was
 * used is needed no more, but for those that the caller takes out: the input's, and a foreign
 * layer's. */
void engine_backward(engine *e, int i, const engine_mode *m) {
    assert(e->planned && e->training && m->keep && i >= 0 && i < e->n);
    node *n = &e->nodes[i];
    if (!n->delta || !ops_of(e, n)->backward) return;
    ops_of(e, n)->backward(e, n, m);
    engine_delta_release(e, n);
}

void engine_begin(engine *e) {
    for (int i = 0; i < e->n; i++) engine_delta_release(e, &e->nodes[i]);
}

void engine_set_truth(engine *e, const float *truth) { e->truth = truth; }

double engine_loss(engine *e, int i) {
    assert(i >= 0 && i < e->n && e->nodes[i].kind == NODE_SOFTMAX);
    return e->b->loss(e, &e->nodes[i]);
}

void engine_set_eps(engine *e, int i, const float *eps) {
    assert(i >= 0 && i < e->n && e->nodes[i].kind == NODE_PERTURB);
    e->nodes[i].eps = eps;
}

act_kind engine_perturb_act(engine *e, int i, act_kind a) {
    assert(i >= 0 && i < e->n && e->nodes[i].kind == NODE_PERTURB);
    act_kind was = e->nodes[i].d.perturb.activation;
    e->nodes[i].d.perturb.activation = a;
    return was;
}

void engine_import(engine *e, int i, const float *nchw) {
    assert(e->planned && i >= 0 && i < e->n);
    e->b->from_nchw(e, e->nodes[i].y.p, nchw, e->nodes[i].s, 0);
}

void engine_export(engine *e, int i, float *nchw) {
    assert(e->planned && i >= 0 && i < e->n);
    e->b->to_nchw(e, nchw, e->nodes[i].y.p, e->nodes[i].s, 0);
}

void engine_import_delta(engine *e, int i, const float *nchw) {
    int add_to = 0;
    assert(e->planned && e->training && i >= 0 && i < e->n);
    float *d = engine_delta_of(e, i, &add_to);
    if (d) e->b->from_nchw(e, d, nchw, e->nodes[i].s, add_to);
}

float *engine_own_delta(engine *e, int i) {
    int add_to = 0;
    assert(e->planned && e->training && i >= 0 && i < e->n);
    if (e->b != &engine_cpu || e->nodes[i].delta) return NULL;
    return engine_delta_of(e, i, &add_to);
}

void engine_export_delta(engine *e, int i, float *nchw, int add_to) {
    assert(e->planned && i >= 0 && i < e->n);
    const node *n = &e->nodes[i];
    if (n->delta)
        e->b->to_nchw(e, nchw, n->delta->b.p, n->s, add_to);
    else if (!add_to)
        memset(nchw, 0, shape_len(n->s) * sizeof *nchw);
}

int engine_wants_input_delta(engine *e, int on) {
    int old = e->input_delta;
    e->input_delta = on != 0;
    return old;
}

const float *engine_output(engine *e, int i) {
    assert(e->planned && i >= 0 && i < e->n);
    return e->b->output(e, &e->nodes[i]);
}

size_t engine_bytes(const engine *e) { return e->bytes; }
