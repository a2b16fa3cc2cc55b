/* nodes.h - engine_add for each kind of node, in a call's length. */
#ifndef TEST_NODES_H
#define TEST_NODES_H
#include "engine/engine.h"

static inline int add_one(engine *e, node_kind kind, int in, engine_op op) {
    return engine_add(e, kind, &in, 1, &op);
}
static inline int add_input(engine *e, int h, int w, int c) {
    return engine_add(e, NODE_INPUT, NULL, 0, &(engine_op){.fixed = {0, h, w, c}});
}
static inline int add_conv(engine *e, int in, const engine_op *d) {
    return engine_add(e, NODE_CONV, &in, 1, d);
}
static inline int add_connected(engine *e, int in, int outputs, int batch_norm, act_kind a,
                                const engine_params *p) {
    return add_one(
        e, NODE_CONNECTED, in,
        (engine_op){.filters = outputs, .batch_norm = batch_norm, .activation = a, .p = *p});
}
static inline int add_maxpool(engine *e, int in, int size, int stride, int padding) {
    return add_one(e, NODE_MAXPOOL, in,
                   (engine_op){.size = size, .stride = stride, .pad = padding});
}
static inline int add_avgpool(engine *e, int in) {
    return add_one(e, NODE_AVGPOOL, in, (engine_op){0});
}
static inline int add_shortcut(engine *e, int in, int from, float alpha, float beta, act_kind a) {
    return engine_add(e, NODE_SHORTCUT, (int[]){in, from}, 2,
                      &(engine_op){.alpha = alpha, .beta = beta, .activation = a});
}
static inline int add_route(engine *e, const int *ins, int n) {
    return engine_add(e, NODE_ROUTE, ins, n, &(engine_op){0});
}
static inline int add_upsample(engine *e, int in, int stride, float scale) {
    return add_one(e, NODE_UPSAMPLE, in, (engine_op){.stride = stride, .scale = scale});
}
static inline int add_dropout(engine *e, int in, float probability) {
    return add_one(e, NODE_DROPOUT, in, (engine_op){.probability = probability});
}
static inline int add_dropblock(engine *e, int in, float probability, int block, float block_rel) {
    return add_one(e, NODE_DROPBLOCK, in,
                   (engine_op){.probability = probability, .block = block, .block_rel = block_rel});
}
static inline int add_activation(engine *e, int in, act_kind a) {
    return add_one(e, NODE_ACTIVATION, in, (engine_op){.activation = a});
}
static inline int add_batchnorm(engine *e, int in, const engine_params *p) {
    return add_one(e, NODE_BATCHNORM, in,
                   (engine_op){.batch_norm = 1, .activation = ACT_LINEAR, .p = *p});
}
static inline int add_perturb(engine *e, int in, const engine_perturb *d) {
    return add_one(e, NODE_PERTURB, in, (engine_op){.perturb = *d});
}
static inline int add_softmax(engine *e, int in, float temperature, int noloss) {
    return add_one(e, NODE_SOFTMAX, in, (engine_op){.temperature = temperature, .noloss = noloss});
}
static inline int add_foreign(engine *e, const int *ins, int n, int h, int w, int c) {
    return engine_add(e, NODE_FOREIGN, ins, n, &(engine_op){.fixed = {0, h, w, c}});
}
#endif
