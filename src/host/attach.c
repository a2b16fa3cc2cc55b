/* attach.c - from the host's parsed `network` to an engine graph, layer by layer. */
#include "host/net_internal.h"
#include "host/phi.h"
#include <omp.h>

static const act_kind act_of_host[] = {
    [LOGISTIC] = ACT_LOGISTIC, [RELU] = ACT_RELU,   [RELIE] = ACT_RELIE, [LINEAR] = ACT_LINEAR,
    [RAMP] = ACT_RAMP,         [TANH] = ACT_TANH,   [PLSE] = ACT_PLSE,   [LEAKY] = ACT_LEAKY,
    [ELU] = ACT_ELU,           [LOGGY] = ACT_LOGGY, [STAIR] = ACT_STAIR, [HARDTAN] = ACT_HARDTAN,
    [LHTAN] = ACT_LHTAN,       [SELU] = ACT_SELU,
};

static engine_params params_of(const layer *l) {
    return (engine_params){
        .weights = l->weights,
        .biases = l->biases,
        .scales = l->scales,
        .rolling_mean = l->rolling_mean,
        .rolling_variance = l->rolling_variance,
        .weight_updates = l->weight_updates,
        .bias_updates = l->bias_updates,
        .scale_updates = l->scale_updates,
    };
}

/* Shape of a layer's output as the host sees it; types without a picture give a vector. */
static void shape_of(const layer *l, int *h, int *w, int *c) {
    if ((long long)l->out_h * l->out_w * l->out_c == l->outputs) {
        *h = l->out_h;
        *w = l->out_w;
        *c = l->out_c;
    } else {
        *h = *w = 1;
        *c = l->outputs;
    }
}

static int node_of(const host_net *h, int layer) { return layer < 0 ? 0 : h->layers[layer].node; }

static int add_foreign(host_net *h, const network *net, int i) {
    const layer *l = &net->layers[i];
    int in = node_of(h, i - 1), oh, ow, oc;
    shape_of(l, &oh, &ow, &oc);
    h->layers[i].stock = 1;
    h->layers[i].forward = l->forward;
    h->layers[i].backward = l->backward;
    return engine_add_foreign(h->e, &in, 1, oh, ow, oc);
}

/* A head of ours, or the host's own. -1 and err. */
static int add_yolo(host_net *h, network *net, const cfg_file *c, int i, char *err) {
    int ours = host_yolo_open(h, net, c, i, err), in = node_of(h, i - 1), oh, ow, oc;
    if (ours < 0) return -1;
    if (!ours) return add_foreign(h, net, i);
    shape_of(&net->layers[i], &oh, &ow, &oc);
    return engine_add_foreign(h->e, &in, 1, oh, ow, oc);
}

static int add_conv(host_net *h, const layer *l, int in) {
    engine_conv d = {
        .filters = l->n,
        .size = l->size,
        .stride = l->stride,
        .pad = l->pad,
        .groups = l->groups ? l->groups : 1,
        .batch_norm = l->batch_normalize,
        .activation = act_of_host[l->activation],
        .p = params_of(l),
    };
    return engine_add_conv(h->e, in, &d);
}

static int add_route(host_net *h, const layer *l) {
    int *ins = malloc(sizeof(int) * (size_t)l->n);
    if (!ins) return -1;
    for (int k = 0; k < l->n; k++) ins[k] = node_of(h, l->input_layers[k]);
    int node = engine_add_route(h->e, ins, l->n);
    free(ins);
    return node;
}

static int add_perturb(host_net *h, const network *net, const cfg_perturb *p, int in) {
    const layer *l = &net->layers[p->layer];
    host_perturb *hp = &h->perturb[h->n_perturb];
    hp->layer = p->layer;
    hp->channels = l->out_c;
    size_t n = (size_t)l->out_c * PERTURB_K;
    hp->mean = calloc(n, sizeof(float));
    hp->var = malloc(n * sizeof(float));
    h->n_perturb++;
    if (!hp->mean || !hp->var) return -1;
    for (size_t k = 0; k < n; k++) hp->var[k] = 1;
    int act = act_from_name(p->activation);
    engine_perturb d = {
        .phi = h->phi,
        .dphi = h->dphi,
        .running_mean = hp->mean,
        .running_var = hp->var,
        .c_norm = h->shared.c_norm,
        .h_norm = h->shared.h_norm,
        .clip = h->shared.clip,
        .clip_test = h->shared.clip_test,
        .momentum = h->shared.momentum,
        .noise = p->noise,
        .scale = p->scale,
        .activation = (act_kind)act,
        .sd = p->sd,
    };
    return engine_add_perturb(h->e, in, &d);
}

/* The engine's node for layer i, or that of a foreign layer. -1: no memory, or as err says. */
static int add_layer(host_net *h, network *net, const cfg_file *c, int i, const cfg_perturb *p,
                     char *err) {
    const layer *l = &net->layers[i];
    cfg_dropblock b;
    int in = node_of(h, i - 1);
    act_kind a = l->activation <= SELU ? act_of_host[l->activation] : ACT_LINEAR;
    engine_params ps = params_of(l);
    if (p) return add_perturb(h, net, p, in);
    switch (l->type) {
    case CONVOLUTIONAL: return l->xnor ? add_foreign(h, net, i) : add_conv(h, l, in);
    case CONNECTED: return engine_add_connected(h->e, in, l->outputs, l->batch_normalize, a, &ps);
    case BATCHNORM: return engine_add_batchnorm(h->e, in, &ps);
    case MAXPOOL: return engine_add_maxpool(h->e, in, l->size, l->stride, l->pad);
    case AVGPOOL: return engine_add_avgpool(h->e, in);
    case SHORTCUT: return engine_add_shortcut(h->e, in, node_of(h, l->index), l->alpha, l->beta, a);
    case ROUTE: return add_route(h, l);
    case UPSAMPLE:
        return l->reverse ? add_foreign(h, net, i)
                          : engine_add_upsample(h->e, in, l->stride, l->scale);
    case DROPOUT:
        return cfg_get_dropblock(c, i, &b)
                   ? engine_add_dropblock(h->e, in, l->probability, b.abs, b.rel)
                   : engine_add_dropout(h->e, in, l->probability);
    case YOLO: return add_yolo(h, net, c, i, err);
    case ACTIVE: return engine_add_activation(h->e, in, a);
    case SOFTMAX: {
        /* The engine's softmax runs over the channels of one pixel; groups, trees and maps stay
         * with the host. */
        int oh = 1, ow = 1, oc = 0;
        if (i > 0) shape_of(&net->layers[i - 1], &oh, &ow, &oc);
        if (l->groups != 1 || l->softmax_tree || l->spatial || oh * ow != 1)
            return add_foreign(h, net, i);
        return engine_add_softmax(h->e, in, l->temperature, l->noloss);
    }
    default: return add_foreign(h, net, i);
    }
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
        shape_of(&net->layers[i], &oh, &ow, &oc);
        engine_set_foreign(h->e, h->layers[i].node, oh, ow, oc);
    }
}

static void mark_borders(host_net *h, network *net) {
    for (int i = 0; i < net->n; i++) {
        if (h->layers[i].stock && i > 0) h->layers[i - 1].reads_host = 1;
    }
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (h->layers[i].stock) continue;
        if (l->type == SHORTCUT) h->layers[l->index].feeds_engine = 1;
        if (l->type == ROUTE)
            for (int k = 0; k < l->n; k++) h->layers[l->input_layers[k]].feeds_engine = 1;
        if (l->type != ROUTE && i > 0) h->layers[i - 1].feeds_engine = 1;
    }
}

/* 0 in c_norm: the largest channel count of any [perturb]; in h_norm: the height of the network's
 * input. */
static void derive_norms(host_net *h, const network *net, const cfg_perturb *p, int n) {
    if (h->shared.c_norm <= 0) {
        for (int k = 0; k < n; k++) {
            int c = net->layers[p[k].layer].out_c;
            if (c > h->shared.c_norm) h->shared.c_norm = (float)c;
        }
    }
    if (h->shared.h_norm <= 0) h->shared.h_norm = (float)(net->h > 0 ? net->h : 1);
}

static int build_graph(host_net *h, network *net, const cfg_file *c, const cfg_perturb *p, int np,
                       char *err) {
    int vector = net->h <= 0 || net->w <= 0 || net->c <= 0;
    engine_add_input(h->e, vector ? 1 : net->h, vector ? 1 : net->w, vector ? net->inputs : net->c);
    for (int i = 0, k = 0; i < net->n; i++) {
        const cfg_perturb *here = k < np && p[k].layer == i ? &p[k++] : NULL;
        h->layers[i].node = add_layer(h, net, c, i, here, err);
        if (h->layers[i].node < 0) return -1;
    }
    return 0;
}

static int recurrent(const network *net) {
    for (int i = 0; i < net->n; i++) {
        LAYER_TYPE t = net->layers[i].type;
        if (t == RNN || t == GRU || t == LSTM || t == CRNN) return 1;
    }
    return 0;
}

static int load_phi(host_net *h, char *err) {
    if (!h->shared.present) return 0;
    if (h->shared.phi[0]) {
        h->phi_from_file = 1;
        return phi_read(h->shared.phi, h->phi, err);
    }
    phi_init(h->phi, h->shared.sigma, h->seed);
    return 0;
}

static void take_over(host_net *h, network *net) {
    h->marked = net->layers;
    int phi_owner = h->n_perturb ? h->perturb[0].layer : -1;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        host_layer *hl = &h->layers[i];
        hl->of = h;
        host_set_mark(l, hl);
        l->forward = host_run_forward;
        if (!hl->stock || l->backward) l->backward = host_run_backward;
        host_tensor t[3];
        if (!hl->stock && (host_tensors(l, t) || i == phi_owner)) l->update = host_run_update;
        /* The host starts at 0, and a fresh network in test mode then multiplies by a million. */
        if (l->rolling_variance)
            for (int k = 0; k < l->out_c; k++) l->rolling_variance[k] = 1;
    }
}

int host_attach(network *net, const cfg_file *c, char *err) {
    if (recurrent(net)) return 0;
    cfg_perturb *p = calloc((size_t)net->n + 1, sizeof *p);
    host_net *h = calloc(1, sizeof *h);
    if (!p || !h) goto no_memory;
    int np = cfg_get_perturbs(c, p, net->n);
    h->n = net->n;
    h->t_infer = 1;
    h->shared = cfg_get_meta_shared(c);
    h->epsilon = cfg_get_net_extra(c).epsilon;
    cfg_check_training(c, h->untrainable);
    h->layers = calloc((size_t)net->n, sizeof *h->layers);
    h->perturb = calloc((size_t)np + 1, sizeof *h->perturb);
    h->e = engine_new();
    if (!h->layers || !h->perturb || !h->e) goto no_memory;
    derive_norms(h, net, p, np);
    if (load_phi(h, err)) goto fail;
    snprintf(err, ERR_LEN, "%s: not enough memory for the network", c->path);
    if (build_graph(h, net, c, p, np, err)) goto fail;
    host_yolo_room(h, net);
    h->spare = calloc(host_statistics_len(h, net) + 1, sizeof *h->spare);
    if (!h->spare) goto no_memory;
    if (host_ema_open(h, net, c, err)) goto fail;
    mark_borders(h, net);
    take_over(h, net);
    host_drop_deltas(h, net);
    free(p);
    return 0;
no_memory:
    fail(err, "%s: not enough memory for the network", c->path);
fail:
    free(p);
    if (h) host_release(h);
    return -1;
}

void host_release(host_net *h) {
    for (int i = 0; h->marked && i < h->n; i++) host_set_mark(&h->marked[i], NULL);
    for (int k = 0; k < h->n_perturb; k++) {
        free(h->perturb[k].mean);
        free(h->perturb[k].var);
    }
    for (int i = 0; h->layers && i < h->n; i++) {
        free(h->layers[i].m);
        free(h->layers[i].v);
        host_yolo_free(h->layers[i].yolo);
    }
    if (h->e) engine_free(h->e);
    free(h->spare);
    free(h->ema);
    free(h->layers);
    free(h->perturb);
    free(h);
}
