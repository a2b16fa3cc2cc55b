/* kinds.c - the kinds of layers in the engine: the second half of the rows of kinds.h. */
#include "host/net_internal.h"
#include <stdlib.h>

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

static act_kind act_of(const host_place *p) {
    const char *name = cfg_activation(p->c, p->section);
    return (act_kind)act_from_name(name ? name : "linear");
}

/* op's activation over channels, if it is one, is a node of its own. */
static int add_behind(const host_place *p, node_kind kind, const int *ins, int n, engine_op op) {
    act_kind a = op.activation;
    if (act_over_channels(a)) op.activation = ACT_LINEAR;
    int node = engine_add(p->h->e, kind, ins, n, &op);
    if (!act_over_channels(a)) return node;
    return engine_add(p->h->e, NODE_ACTIVATION, &node, 1, &(engine_op){.activation = a});
}

static int add(const host_place *p, node_kind kind, const engine_op *op) {
    return engine_add(p->h->e, kind, &p->in, 1, op);
}

/* antialiasing=: a node at stride 1, and a blur with the strides after it. */
static int blurred(const host_place *p, node_kind kind, engine_op op) {
    cfg_geometry g = cfg_get_geometry(p->c, p->section);
    op.stride = g.antialiasing ? 1 : g.stride_y;
    op.stride_x = g.antialiasing ? 1 : g.stride_x;
    int node = add_behind(p, kind, &p->in, 1, op);
    if (!g.antialiasing) return node;
    return engine_add(p->h->e, NODE_BLUR, &node, 1,
                      &(engine_op){.size = g.antialiasing == 2 ? 2 : 3,
                                   .stride = g.stride_y,
                                   .stride_x = g.stride_x});
}

static int add_convolutional(const host_place *p) {
    const layer *l = p->l;
    int dilation = cfg_get_geometry(p->c, p->section).dilation,
        owner = cfg_get_owner(p->c, p->section);
    if (l->xnor) return host_add_foreign(p);
    return blurred(p, NODE_CONV,
                   (engine_op){.filters = l->n,
                               .size = l->size,
                               .pad = l->pad * dilation,
                               .dilation = dilation,
                               .groups = l->groups ? l->groups : 1,
                               .batch_norm = l->batch_normalize,
                               .activation = act_of(p),
                               .p = params_of(owner < 0 ? l : &p->net->layers[owner])});
}

static int add_connected(const host_place *p) {
    return add(p, NODE_CONNECTED,
               &(engine_op){.filters = p->l->outputs,
                            .batch_norm = p->l->batch_normalize,
                            .activation = act_of(p),
                            .p = params_of(p->l)});
}

static int add_batchnorm(const host_place *p) {
    return add(p, NODE_BATCHNORM,
               &(engine_op){.batch_norm = 1, .activation = ACT_LINEAR, .p = params_of(p->l)});
}

static int key_of(const host_place *p, const char *key, int def) {
    return (int)cfg_get_num(p->c, p->section, key, def);
}

/* From the cfg: the host's layer may be a stand-in. */
static engine_op window(const host_place *p) {
    int size = key_of(p, "size", key_of(p, "stride", 1));
    return (engine_op){.size = size, .pad = key_of(p, "padding", size - 1)};
}

static int add_maxpool(const host_place *p) {
    engine_op op = window(p);
    op.zero_nonmax = key_of(p, "maxpool_zero_nonmax", 0);
    if (key_of(p, "maxpool_depth", 0)) op.out_channels = key_of(p, "out_channels", 1);
    return blurred(p, NODE_MAXPOOL, op);
}

static int add_local_avgpool(const host_place *p) {
    return blurred(p, NODE_LOCAL_AVGPOOL, window(p));
}

static int add_reorg3d(const host_place *p) {
    return add(p, NODE_REORG3D, &(engine_op){.stride = key_of(p, "stride", 1)});
}

static int add_avgpool(const host_place *p) { return add(p, NODE_AVGPOOL, &(engine_op){0}); }

/* The layers that from= or layers= names, into ins[]; their number. */
static int named(const host_place *p, int *ins, int most) {
    double at[most + 1];
    const char *list = cfg_get(p->c, p->section, cfg_reads(p->c, p->section));
    int n = list ? cfg_list(list, at, most) : 0;
    for (int k = 0; k < n && k < most; k++)
        ins[k] = host_node(p->h, (int)at[k] < 0 ? p->i + (int)at[k] : (int)at[k]);
    return n;
}

/* Room for n learned numbers of a layer that the host knows nothing of; it frees them. */
static int learn(const host_place *p, size_t n, host_init_of init) {
    layer *l = &p->net->layers[p->i];
    l->nweights = (int)n;
    l->weights = calloc(n, sizeof *l->weights);
    l->weight_updates = calloc(n, sizeof *l->weight_updates);
    if (!l->weights || !l->weight_updates) return -1;
    p->h->layers[p->i].init = init;
    host_init_learned(p->h, l, p->i);
    return 0;
}

static sum_norm norm_of(const host_place *p) {
    const char *type = cfg_get(p->c, p->section, "weights_type"),
               *norm = cfg_get(p->c, p->section, "weights_normalization");
    if (!type || !strcmp(type, "none")) return SUM_PLAIN;
    if (!norm) norm = cfg_get(p->c, p->section, "weights_normalizion");
    return !strcmp(norm, "softmax") ? SUM_SOFTMAX : SUM_RELU;
}

/* Several layers, or weights: of each input a row of one or of C, the first of the layer before. */
static int add_sum(const host_place *p) {
    int n = named(p, NULL, 0) + 1, *ins = malloc(sizeof(int) * (size_t)n);
    engine_op op = {.activation = act_of(p), .norm = norm_of(p)};
    const char *type = cfg_get(p->c, p->section, "weights_type");
    op.per_channel = op.norm != SUM_PLAIN && !strcmp(type, "per_channel");
    size_t sets = op.per_channel ? (size_t)p->l->out_c : 1;
    if (ins && (op.norm == SUM_PLAIN || !learn(p, sets * (size_t)n, (host_init_of){.mean = 1}))) {
        ins[0] = p->in;
        named(p, ins + 1, n - 1);
        op.p = params_of(p->l);
        int node = add_behind(p, NODE_WEIGHTED_SUM, ins, n, op);
        free(ins);
        return node;
    }
    free(ins);
    return -1;
}

static int add_shortcut(const host_place *p) {
    if (cfg_stands_in(p->c, p->section)) return add_sum(p);
    int ins[] = {p->in, host_node(p->h, p->l->index)};
    return add_behind(
        p, NODE_SHORTCUT, ins, 2,
        (engine_op){.alpha = p->l->alpha, .beta = p->l->beta, .activation = act_of(p)});
}

/* Of YOLOR's two, what it draws them from; of the fork's, what the cfg says. */
static int add_implicit(const host_place *p) {
    cfg_section_id id = cfg_kind_at(p->c, p->section)->id;
    const layer *l = p->l;
    host_init_of init = {.mean = id == CFG_S_IMPLICIT_MUL, .spread = 0.02f, .normal = 1};
    if (id == CFG_S_IMPLICIT)
        init = (host_init_of){.mean = (float)cfg_get_num(p->c, p->section, "mean", 0),
                              .spread = (float)cfg_get_num(p->c, p->section, "std", 0.2)};
    if (learn(p, (size_t)l->outputs, init)) return -1;
    return engine_add(p->h->e, NODE_IMPLICIT, NULL, 0,
                      &(engine_op){.fixed = {0, l->out_h, 1, l->out_c}, .p = params_of(l)});
}

static int add_route(const host_place *p) {
    int n = named(p, NULL, 0), *ins = malloc(sizeof(int) * (size_t)n);
    if (!ins) return -1;
    named(p, ins, n);
    int node = engine_add(p->h->e, NODE_ROUTE, ins, n,
                          &(engine_op){.groups = (int)cfg_get_num(p->c, p->section, "groups", 1),
                                       .block = (int)cfg_get_num(p->c, p->section, "group_id", 0)});
    free(ins);
    return node;
}

static int add_scale_channels(const host_place *p) {
    int ins[2] = {p->in};
    named(p, ins + 1, 1);
    return add_behind(p, NODE_SCALE_CHANNELS, ins, 2, (engine_op){.activation = act_of(p)});
}

/* Numbers for the channels of the layer before, added or multiplied. */
static int add_channels(const host_place *p, int shift) {
    int ins[2] = {p->in};
    named(p, ins + 1, 1);
    return engine_add(p->h->e, NODE_SCALE_CHANNELS, ins, 2,
                      &(engine_op){.activation = ACT_LINEAR, .factors_last = 1, .shift = shift});
}
static int add_shift_channels(const host_place *p) { return add_channels(p, 1); }
static int add_control_channels(const host_place *p) { return add_channels(p, 0); }

static int add_upsample(const host_place *p) {
    if (p->l->reverse) return host_add_foreign(p);
    return add(p, NODE_UPSAMPLE, &(engine_op){.stride = p->l->stride, .scale = p->l->scale});
}

static int add_dropout(const host_place *p) {
    cfg_dropblock b = {0};
    int blocks = cfg_get_dropblock(p->c, p->i, &b);
    return add(p, blocks ? NODE_DROPBLOCK : NODE_DROPOUT,
               &(engine_op){.probability = p->l->probability, .block = b.abs, .block_rel = b.rel});
}

/* A head of ours, or the host's own. */
static int add_yolo(const host_place *p) {
    int ours = host_yolo_open(p->h, p->net, p->c, p->i, p->err);
    shape4 s = {0};
    if (ours <= 0) return ours ? -1 : host_add_foreign(p);
    host_shape(p->l, &s.h, &s.w, &s.c);
    return add(p, NODE_FOREIGN, &(engine_op){.fixed = s});
}

static int add_activation(const host_place *p) {
    const char *name = cfg_get(p->c, p->section, "activation");
    act_kind a = (act_kind)act_from_name(name ? name : "linear");
    return add(p, NODE_ACTIVATION, &(engine_op){.activation = a});
}

/* The engine's softmax runs over the channels of one pixel; groups, trees and maps stay with the
 * host. */
static int add_softmax(const host_place *p) {
    const layer *l = p->l;
    int h = 1, w = 1, c = 0;
    if (p->i > 0) host_shape(l - 1, &h, &w, &c);
    if (l->groups != 1 || l->softmax_tree || l->spatial || h * w != 1) return host_add_foreign(p);
    return add(p, NODE_SOFTMAX, &(engine_op){.temperature = l->temperature, .noloss = l->noloss});
}

static int add_perturb(const host_place *at) {
    host_net *h = at->h;
    const cfg_perturb *p = at->perturb;
    const layer *l = at->l;
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
    return add(at, NODE_PERTURB, &(engine_op){.perturb = d});
}

/* ---- another picture size ---- */

/* Exported by libdarknet.so, not all in its header. */
void resize_convolutional_layer(layer *l, int w, int h);
void resize_maxpool_layer(layer *l, int w, int h);
void resize_region_layer(layer *l, int w, int h);
void resize_yolo_layer(layer *l, int w, int h);
void resize_route_layer(layer *l, network *net);
void resize_shortcut_layer(layer *l, int w, int h);
void resize_upsample_layer(layer *l, int w, int h);
void resize_reorg_layer(layer *l, int w, int h);
void resize_normalization_layer(layer *l, int w, int h);

#define HOST_RESIZES(name, function)                                          \
    static int resize_##name(network *net, int i, int w, int h, int really) { \
        if (really) function(&net->layers[i], w, h);                          \
        return 0;                                                             \
    }
HOST_RESIZES(region, resize_region_layer)
HOST_RESIZES(yolo, resize_yolo_layer)
HOST_RESIZES(upsample, resize_upsample_layer)
HOST_RESIZES(reorg, resize_reorg_layer)
HOST_RESIZES(normalization, resize_normalization_layer)

static const layer *layer_of(const network *net, int node) {
    return &net->layers[host_layer_of(host_of(net), node)];
}

/* As the nodes of the engine make it: layers whose shape the host does not know. */
static int resize_own(network *net, int i, int w, int h, int really) {
    const host_net *hn = host_of(net);
    const host_layer *hl = &hn->layers[i];
    layer *l = &net->layers[i];
    char err[ERR_LEN];
    shape4 s = {1, h, w, l->c};
    if (!really) return 0;
    for (int k = hl->first; k <= hl->node; k++)
        if (engine_shape_for(hn->e, k, s, &s, err)) {
            fprintf(stderr, "metaperturb: %s\n", err);
            exit(1);
        }
    l->w = w;
    l->h = h;
    l->inputs = w * h * l->c;
    if (s.w != l->out_w || s.h != l->out_h) host_reshape(l, s.w, s.h, s.c);
    return 0;
}

static int resize_conv(network *net, int i, int w, int h, int really) {
    if (really) resize_convolutional_layer(&net->layers[i], w, h);
    return host_of(net)->layers[i].stock ? 0 : resize_own(net, i, w, h, really);
}

static int resize_maxpool(network *net, int i, int w, int h, int really) {
    if (net->layers[i].type != MAXPOOL) return resize_own(net, i, w, h, really);
    if (really) resize_maxpool_layer(&net->layers[i], w, h);
    return 0;
}

static int resize_route(network *net, int i, int w, int h, int really) {
    layer *l = &net->layers[i];
    const int *ins;
    (void)host_inputs(host_of(net), i, &ins);
    const layer *first = layer_of(net, ins[0]);
    if (really && l->type == ROUTE) resize_route_layer(l, net);
    if (really && l->type != ROUTE) host_reshape(l, first->out_w, first->out_h, l->out_c);
    return 0;
}

static int resize_as_from(network *net, int i, int w, int h, int really) {
    const int *ins;
    (void)host_inputs(host_of(net), i, &ins);
    const layer *from = layer_of(net, ins[1]);
    if (really) host_reshape(&net->layers[i], from->out_w, from->out_h, from->out_c);
    return 0;
}

static int resize_as_before(network *net, int i, int w, int h, int really) {
    if (really) host_reshape(&net->layers[i], w, h, net->layers[i].out_c);
    return 0;
}

static int resize_not(network *net, int i, int w, int h, int really) { return 0; }

/* The host takes both maps to be of one size. */
static int resize_shortcut(network *net, int i, int w, int h, int really) {
    layer *l = &net->layers[i];
    if (l->type != SHORTCUT) return resize_as_before(net, i, w, h, really);
    if (!really) return l->w == l->out_w && l->h == l->out_h ? 0 : -1;
    resize_shortcut_layer(l, w, h);
    return 0;
}

/* A dropout works in place on what stands before it. */
static int resize_dropout(network *net, int i, int w, int h, int really) {
    if (!really || i == 0) return i == 0 ? -1 : 0;
    layer *l = &net->layers[i];
    const layer *before = l - 1;
    l->w = l->out_w = before->out_w;
    l->h = l->out_h = before->out_h;
    l->inputs = l->outputs = before->outputs;
    free(l->rand);
    l->rand = calloc((size_t)l->inputs * (size_t)l->batch, sizeof(float));
    l->output = before->output;
    l->delta = before->delta;
    return 0;
}

/* ---- trainable arrays ---- */

static host_sizes sizes_conv(const layer *l) {
    return (host_sizes){(size_t)l->nweights, (size_t)l->n, l->batch_normalize};
}

static host_sizes sizes_connected(const layer *l) {
    return (host_sizes){(size_t)l->inputs * (size_t)l->outputs, (size_t)l->outputs,
                        l->batch_normalize};
}

/* Of a layer that the host knows nothing of. */
static host_sizes sizes_learned(const layer *l) { return (host_sizes){(size_t)l->nweights, 0, 0}; }

static host_sizes sizes_batchnorm(const layer *l) { return (host_sizes){0, (size_t)l->out_c, 1}; }

#define ROW(ID, name, alias, flags, act, shape, ...) [CFG_S_##ID] = {__VA_ARGS__},
static const host_kind kinds[] = {HOST_KINDS(ROW)};
_Static_assert(sizeof kinds / sizeof *kinds == CFG_S_COUNT, "one row for each kind of section");

const host_kind *host_kind_of(const cfg_file *c, int section) {
    return &kinds[cfg_kind_at(c, section)->id];
}

const char *host_layer_name(const cfg_file *c, int layer, int batch_norm) {
    const cfg_kind *k = cfg_kind_at(c, cfg_section_of(c, layer));
    if (!(k->flags & KIND_NAMED)) return "other layers";
    return k->id == CFG_S_CONVOLUTIONAL && batch_norm ? "convolutional with batch norm" : k->name;
}

int host_reads(const network *net, int i, int at) {
    const host_net *h = host_of(net);
    const int *ins, n = host_inputs(h, i, &ins);
    for (int k = h->layers[i].kind == &kinds[CFG_S_ROUTE] ? 0 : 1; k < n; k++)
        if (ins[k] == h->layers[at].node) return 1;
    return 0;
}
