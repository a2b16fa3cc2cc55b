/* deltas.c - the gradients of nodes' outputs: taken when the first consumer writes one, given back
 * when the node itself has used it.
 *
 * So a training step needs as many as are on their way at once, not one a node: half of the memory,
 * and what is written was lately in the cache. Where a node passes its delta on unchanged (a sum),
 * both share one buffer until either changes it. */
#include "engine/backend.h"
#include <stdlib.h>

/* The smallest free one that is large enough, else a new one. */
static delta *take(engine *e, size_t len) {
    delta *best = NULL;
    for (int i = 0; i < e->n_deltas; i++) {
        delta *d = e->deltas[i];
        if (!d->users && d->b.len >= len && (!best || d->b.len < best->b.len)) best = d;
    }
    if (!best) {
        delta **all = realloc(e->deltas, (size_t)(e->n_deltas + 1) * sizeof(delta *));
        if (all) e->deltas = all;
        best = calloc(1, sizeof *best);
        if (!all || !best) engine_die("out of memory for the gradients");
        e->deltas[e->n_deltas++] = best;
        engine_need(e, &best->b, len);
    }
    best->users = 1;
    return best;
}

void engine_delta_release(engine *e, node *n) {
    (void)e;
    if (n->delta) n->delta->users--;
    n->delta = NULL;
}

void engine_deltas_free(engine *e) {
    for (int i = 0; i < e->n_deltas; i++) {
        engine_drop(e, &e->deltas[i]->b);
        free(e->deltas[i]);
    }
    free(e->deltas);
    e->deltas = NULL;
    e->n_deltas = 0;
}

float *engine_delta_change(engine *e, node *n, const float **from) {
    *from = n->delta->b.p;
    if (n->delta->users > 1) {
        delta *own = take(e, shape_len(n->s));
        n->delta->users--; /* the others hold it: *from stays as it is */
        n->delta = own;
    }
    return n->delta->b.p;
}

float *engine_delta_of(engine *e, int in, int *add) {
    if (in == 0 && !e->input_delta) return NULL;
    node *n = &e->nodes[in];
    size_t len = shape_len(n->s);
    *add = n->delta != NULL;
    if (!n->delta) {
        n->delta = take(e, len);
        return n->delta->b.p;
    }
    const float *from;
    float *to = engine_delta_change(e, n, &from);
    if (to != from) e->b->copy(e, to, from, len, 0);
    return to;
}

void engine_delta_pass(engine *e, node *n, int in) {
    if (in == 0 && !e->input_delta) return;
    node *to = &e->nodes[in];
    if (to->delta) {
        int add;
        float *d = engine_delta_of(e, in, &add);
        e->b->copy(e, d, n->delta->b.p, shape_len(n->s), 1);
        return;
    }
    to->delta = n->delta;
    to->delta->users++;
}
