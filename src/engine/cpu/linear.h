/* linear.h - what convolutional and connected nodes share: see linear.c. */
#ifndef MP_LINEAR_H
#define MP_LINEAR_H
#include "engine/cpu/cpu.h"
#include "engine/cpu/dnnl_util.h"

typedef struct {
    /* plain: the caller's weights; any: oneDNN may choose. The others in float32 and bfloat16. */
    dnnl_memory_desc_t src[DNN_TYPES], dst[DNN_TYPES], any[DNN_TYPES], plain, bias;
    dnn_type type; /* of a product's two inputs; what comes out is float32 */
    dnnl_dims_t stride, dilation, pad;
    size_t per_filter; /* weights of one filter */
    dnn_call fwd, folded, bwd_data, bwd_weights;
    reorder collect;
    dnn_weights w_fwd, w_bwd, w_folded;
    buffer fold_w, fold_b, raw, stat, rounded; /* rounded: the input, for the weights' gradient */
    unsigned fold_version;
} linear;

/* Fills in the layouts of data and weights, per_filter, stride, dilation and
 * pad. */
typedef void linear_layouts(linear *l, const engine_op *d, shape4 in, shape4 out);

void engine_cpu_linear_plan(engine *e, node *n, linear_layouts *describe);
void engine_cpu_linear_forward(engine *e, node *n, const engine_mode *m);
void engine_cpu_linear_backward(engine *e, node *n, const engine_mode *m);
void engine_cpu_linear_free(engine *e, node *n);
#endif
