/* layers.c - what attaching, the rows of kinds.h, and resizing share of a host's layer. */
#include "host/net_internal.h"
#include "ops/rng.h"
#include <stdlib.h>

/* Shape of a layer's output as the host sees it; types without a picture give a vector. */
void host_shape(const layer *l, int *h, int *w, int *c) {
    if ((long long)l->out_h * l->out_w * l->out_c == l->outputs) {
        *h = l->out_h;
        *w = l->out_w;
        *c = l->out_c;
    } else {
        *h = *w = 1;
        *c = l->outputs;
    }
}

int host_add_foreign(const host_place *p) {
    host_layer *hl = &p->h->layers[p->i];
    shape4 s = {0};
    host_shape(p->l, &s.h, &s.w, &s.c);
    hl->stock = 1;
    hl->forward = p->l->forward;
    hl->backward = p->l->backward;
    return engine_add(p->h->e, NODE_FOREIGN, &p->in, 1, &(engine_op){.fixed = s});
}

/* The host clears every delta before each forward pass and stores each output; what no stock layer
 * touches needs neither. A [dropout] shares its buffers with the layer before it, so they stay or
 * go together. */
void host_drop_deltas(host_net *h, network *net) {
    for (int i = net->n - 1; i >= 0; i--) {
        layer *l = &net->layers[i];
        host_layer *hl = &h->layers[i];
        int keep = hl->stock || hl->reads_host;
        if (i + 1 < net->n && net->layers[i + 1].type == DROPOUT && net->layers[i + 1].delta)
            keep = 1;
        if (keep) continue;
        if (l->type != DROPOUT) free(l->delta);
        l->delta = NULL;
    }
}

void host_tell_shapes(host_net *h, const network *net) {
    for (int i = 0; i < net->n; i++) {
        int oh, ow, oc;
        if (!h->layers[i].stock && !h->layers[i].yolo) continue;
        host_shape(&net->layers[i], &oh, &ow, &oc);
        engine_set_foreign(h->e, h->layers[i].node, oh, ow, oc);
    }
}

void host_reshape(layer *l, int w, int h, int c) {
    l->out_w = w;
    l->out_h = h;
    l->out_c = c;
    l->outputs = w * h * c;
    free(l->output);
    free(l->delta);
    l->output = calloc((size_t)l->outputs * (size_t)l->batch, sizeof(float));
    l->delta = calloc((size_t)l->outputs * (size_t)l->batch, sizeof(float));
    if (l->output && l->delta) return;
    fprintf(stderr, "metaperturb: not enough memory for a layer of %d x %d x %d\n", w, h, c);
    exit(1);
}

void host_init_learned(const host_net *h, layer *l, int i) {
    host_init_of how = h->layers[i].init;
    rng_stream r = rng_open(rng_key(h->seed, RNG_INIT, (uint64_t)i, 0));
    for (int k = 0; k < l->nweights; k++) {
        float drawn = how.normal ? rng_normal(&r) : rng_uniform(&r, -1, 1);
        l->weights[k] = how.mean + how.spread * drawn;
    }
}
