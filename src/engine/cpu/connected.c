/* connected.c - connected layers: their shapes and layouts; see linear.c. */
#include "engine/cpu/linear.h"

/* The weights of a connected layer belong to one size of its input. */
static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    size_t inputs = (size_t)s.h * (size_t)s.w * (size_t)s.c;
    if (n->inputs && n->inputs != inputs) {
        return fail(err,
                    "node %d: this connected layer was made for %zu inputs and would now get %zu "
                    "(%dx%dx%d); keep "
                    "the size of the picture",
                    n->id, n->inputs, inputs, s.h, s.w, s.c);
    }
    n->inputs = inputs;
    n->s = (shape4){s.n, 1, 1, n->d.filters};
    return 0;
}

/* Inputs are counted C,H,W by Darknet: a product over (C,H,W) whose data lie as NHWC. */
static void describe(linear *l, const engine_op *d, shape4 in, shape4 out) {
    dnnl_dim_t s[] = {in.n, in.c, in.h, in.w}, o[] = {out.n, out.c},
               w[] = {out.c, in.c, in.h, in.w};
    int flat = in.h == 1 && in.w == 1;
    for (dnn_type t = 0; t < DNN_TYPES; t++) {
        l->src[t] = flat ? engine_dnn_md(2, s, t, dnnl_ab) : engine_dnn_md(4, s, t, dnnl_nhwc);
        l->dst[t] = engine_dnn_md(2, o, t, dnnl_ab);
        l->any[t] = engine_dnn_md(flat ? 2 : 4, w, t, dnnl_format_tag_any);
    }
    l->plain = flat ? engine_dnn_md(2, w, DNN_F32, dnnl_ab)
                    : engine_dnn_md(4, w, DNN_F32, dnnl_oihw);
    l->per_filter = (size_t)in.c * (size_t)in.h * (size_t)in.w;
}

static void plan(engine *e, node *n) { engine_cpu_linear_plan(e, n, describe); }

const node_ops engine_cpu_connected = {.shape = shape,
                                       .plan = plan,
                                       .forward = engine_cpu_linear_forward,
                                       .backward = engine_cpu_linear_backward,
                                       .free = engine_cpu_linear_free};
