/* conv.c - convolutions: their shapes and layouts; see linear.c. */
#include "engine/cpu/linear.h"

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    const engine_op *d = &n->d;
    if (s.c % d->groups || d->filters % d->groups) {
        return fail(err,
                    "node %d: groups=%d does not divide %d channels into %d filters; choose a "
                    "common divisor",
                    n->id, d->groups, s.c, d->filters);
    }
    int span = (d->size - 1) * engine_dilation(d) + 1;
    if (s.h + 2 * d->pad < span || s.w + 2 * d->pad < span) {
        return fail(err,
                    "node %d: a window of size %d does not fit its input of %dx%d with pad %d; use "
                    "a larger "
                    "picture or a smaller size",
                    n->id, span, s.h, s.w, d->pad);
    }
    n->s = (shape4){s.n, (s.h + 2 * d->pad - span) / d->stride + 1,
                    (s.w + 2 * d->pad - span) / engine_stride_x(d) + 1, d->filters};
    return 0;
}

static void describe(linear *l, const engine_op *d, shape4 in, shape4 out) {
    dnnl_dim_t s[] = {in.n, in.c, in.h, in.w}, o[] = {out.n, out.c, out.h, out.w}, k = d->size,
               g = d->groups;
    dnnl_dim_t w[] = {d->filters, in.c, k, k}, wg[] = {g, d->filters / g, in.c / g, k, k};
    for (dnn_type t = 0; t < DNN_TYPES; t++) {
        l->src[t] = engine_dnn_md(4, s, t, dnnl_nhwc);
        l->dst[t] = engine_dnn_md(4, o, t, dnnl_nhwc);
        l->any[t] = g > 1 ? engine_dnn_md(5, wg, t, dnnl_format_tag_any)
                          : engine_dnn_md(4, w, t, dnnl_format_tag_any);
    }
    l->plain = g > 1 ? engine_dnn_md(5, wg, DNN_F32, dnnl_goihw)
                     : engine_dnn_md(4, w, DNN_F32, dnnl_oihw);
    l->per_filter = (size_t)(in.c / d->groups) * (size_t)k * (size_t)k;
    l->stride[0] = d->stride;
    l->stride[1] = engine_stride_x(d);
    l->dilation[0] = l->dilation[1] = engine_dilation(d) - 1; /* pixels left out between two */
    l->pad[0] = l->pad[1] = d->pad;
}

static void plan(engine *e, node *n) { engine_cpu_linear_plan(e, n, describe); }

const node_ops engine_cpu_conv = {.shape = shape,
                                  .plan = plan,
                                  .forward = engine_cpu_linear_forward,
                                  .backward = engine_cpu_linear_backward,
                                  .free = engine_cpu_linear_free};
