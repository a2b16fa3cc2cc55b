/* yolo.c - [yolo] heads by our own code (ops/yolo_head.h, ops/yolo_loss.h), in place of the host's:
 * the whole batch at once, on all threads, straight from the engine's memory.
 *
 * What a program finds in a layer's output is what the host's decoder expects: with new_coords,
 * where a side is 4 o^2 anchors, o has become ln(4 o^2). */
#include "host/cfg_dialect.h"
#include "host/cfg_keys.h"
#include "host/yolo_keys.h"
#include "host/net_internal.h"
#include "ops/vecmath.h"
#include <math.h>
#include <stdlib.h>

struct host_yolo {
    yolo_keys keys;
    int *mask;
    float *sizes;
    yolo_figures figures;
    void *scratch; /* of yolo_loss */
    size_t scratch_len;
    float *delta; /* where the engine gives no room for it; NCHW */
    size_t delta_len;
    int waits; /* delta is to be handed over */
};

static _Noreturn void no_memory(int i) {
    fprintf(stderr, "metaperturb: not enough memory for the [yolo] head in layer %d\n", i);
    exit(1);
}

/* Does a layer read what layer i puts out? */
static int is_read(const network *net, int i) {
    if (i + 1 < net->n && net->layers[i + 1].type != ROUTE) return 1;
    for (int k = i + 1; k < net->n; k++) {
        const layer *l = &net->layers[k];
        if (l->type == SHORTCUT && l->index == i) return 1;
        for (int j = 0; l->type == ROUTE && j < l->n; j++)
            if (l->input_layers[j] == i) return 1;
    }
    return 0;
}

static host_yolo *make(const layer *l, const yolo_keys *from) {
    size_t n = (size_t)l->n, total = 2 * (size_t)l->total;
    host_yolo *y = calloc(1, sizeof *y);
    if (!y) return NULL;
    y->keys = *from;
    y->mask = malloc(n * sizeof *y->mask);
    y->sizes = malloc(total * sizeof *y->sizes);
    if (!y->mask || !y->sizes) {
        y->keys.weight = NULL;
        host_yolo_free(y);
        return NULL;
    }
    for (size_t k = 0; k < n; k++) y->mask[k] = l->mask[k];
    for (size_t k = 0; k < total; k++) y->sizes[k] = l->biases[k];
    return y;
}

void host_yolo_free(host_yolo *y) {
    if (!y) return;
    free(y->keys.weight);
    free(y->mask);
    free(y->sizes);
    free(y->scratch);
    free(y->delta);
    free(y);
}

int host_yolo_open(host_net *h, network *net, const cfg_file *c, int i, char *err) {
    const layer *l = &net->layers[i];
    int dialect = cfg_yolo_dialect(c), line = c->sections[cfg_layer_section(c, i)].line;
    yolo_keys y;
    if (yolo_keys_of(c, i, l->classes, &y)) {
        free(y.weight);
        return cfg_fail(err, c, line, "[yolo] not enough memory for the head");
    }
    if (!y.mapped && !is_read(net, i)) {
        h->layers[i].yolo = make(l, &y);
        if (h->layers[i].yolo) return 1;
        free(y.weight);
        return cfg_fail(err, c, line, "[yolo] not enough memory for the head");
    }
    free(y.weight);
    if (!dialect && y.rule.max_boxes == 90) return 0;
    return cfg_fail(
        err, c, line,
        "[yolo] %s can only be run by the host's own code, which knows neither max= nor "
        "the keys of the AlexeyAB fork: %s",
        y.mapped ? "with map=" : "whose output another layer reads",
        y.mapped ? "remove map=" : "put it at the end, or before a [route]");
}

void host_yolo_room(const host_net *h, network *net) {
    const host_yolo *last = net->n > 0 ? h->layers[net->n - 1].yolo : NULL;
    if (!last) return;
    int most = last->keys.rule.max_boxes;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (!h->layers[i].yolo) continue;
        l->max_boxes = most;
        l->truths = 5 * most;
    }
}

static yolo_head head_of(const host_yolo *y, const layer *l, const network *net) {
    return (yolo_head){.batch = l->batch,
                       .h = l->h,
                       .w = l->w,
                       .classes = l->classes,
                       .n = l->n,
                       .mask = y->mask,
                       .anchors = l->total,
                       .sizes = y->sizes,
                       .net_h = net->h,
                       .net_w = net->w,
                       .scale_x_y = y->keys.scale_x_y,
                       .new_coords = y->keys.new_coords};
}

/* To what the host's decoder takes the exponential of. */
static void sides_for_host(float *out, const yolo_head *h) {
    size_t cells = yolo_cells(h), per = (size_t)yolo_per(h);
#pragma omp parallel for schedule(static)
    for (int k = 0; k < h->batch * h->n; k++) {
        float *side = out + ((size_t)k * per + 2) * cells;
        for (size_t i = 0; i < 2 * cells; i++) side[i] = logf(4 * side[i] * side[i] + 1e-30f);
    }
}

static void *at_least(void *p, size_t *has, size_t needs, int i) {
    if (*has >= needs) return p;
    free(p);
    if (!(p = malloc(needs))) no_memory(i);
    *has = needs;
    return p;
}

/* The delta goes straight to where the engine keeps that of the layer before, if it can. */
static void learn(host_net *h, int i, const layer *l, const network *net, const yolo_head *head) {
    host_yolo *y = h->layers[i].yolo;
    yolo_rule rule = y->keys.rule;
    int in = i > 0 ? h->layers[i - 1].node : 0;
    float *own = engine_own_delta(h->e, in);
    rule.max_boxes = l->truths / 5;
    y->scratch = at_least(y->scratch, &y->scratch_len, yolo_scratch_len(head, &rule), i);
    y->waits = !own;
    if (!own) y->delta = at_least(y->delta, &y->delta_len, yolo_len(head) * sizeof *y->delta, i);
    yolo_loss(own ? own : y->delta, &y->figures, l->output, net->truth, head, &rule,
              own ? YOLO_NHWC : YOLO_NCHW, y->scratch);
    if (l->cost) l->cost[0] = (float)y->figures.cost;
}

void host_yolo_forward(host_net *h, int i, const layer *l, const network *net) {
    const host_yolo *y = h->layers[i].yolo;
    yolo_head head = head_of(y, l, net);
    int in = i > 0 ? h->layers[i - 1].node : 0;
    yolo_output(l->output, engine_output(h->e, in), &head, YOLO_NHWC);
    if (l->cost) l->cost[0] = 0;
    if (net->train && net->truth) learn(h, i, l, net, &head);
    if (y->keys.new_coords) sides_for_host(l->output, &head);
}

void host_yolo_backward(host_net *h, int i) {
    host_yolo *y = h->layers[i].yolo;
    if (!y->waits) return;
    engine_import_delta(h->e, i > 0 ? h->layers[i - 1].node : 0, y->delta);
    y->waits = 0;
}
