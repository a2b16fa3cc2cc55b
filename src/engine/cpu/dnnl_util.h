/* dnnl_util.h - oneDNN without its ceremony: a primitive with its arguments as one value, and
 * cached weight layouts. Every failure of oneDNN ends the process with oneDNN's own word for it. */
#ifndef MP_DNNL_UTIL_H
#define MP_DNNL_UTIL_H
#include "engine/backend.h"
#include "engine/cpu/reorder.h"

#define DNN_CHECK(call) engine_dnn_check((call), #call, __FILE__, __LINE__)
void engine_dnn_check(dnnl_status_t s, const char *what, const char *file, int line);

enum { DNN_ARGS = 6 };

/* A primitive, its memory objects and the scratch it wants. All zero: not made yet. */
typedef struct {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
    dnnl_exec_arg_t args[DNN_ARGS];
    int n;
    dnnl_memory_t pad;
    size_t pad_floats;
} dnn_call;

/* A primitive is made in three steps: begin; dnnl_.._primitive_desc_create(&c->pd, .., attr);
 * finish: it destroys attr. eltwise: an activation that the primitive applies, or ACT_LINEAR. */
dnnl_engine_t engine_dnn_engine(void);
dnnl_primitive_attr_t engine_dnn_begin(dnn_call *c, act_kind eltwise);
void engine_dnn_finish(dnn_call *c, dnnl_primitive_attr_t attr);
/* Argument `arg` (DNNL_ARG_..) is at p from now on; its layout is what the primitive asked for. */
void engine_dnn_bind(dnn_call *c, int arg, const void *p);
void engine_dnn_run(engine *e, dnn_call *c);
void engine_dnn_free(dnn_call *c);
/* The layout that the primitive chose for `arg`. */
const_dnnl_memory_desc_t engine_dnn_layout(const dnn_call *c, int arg);
size_t engine_dnn_floats(const_dnnl_memory_desc_t md);

/* Can oneDNN apply this activation inside another primitive? */
int engine_dnn_has(act_kind a);

/* What a product's inputs are rounded to: kept as they are, or to bfloat16. */
typedef enum { DNN_F32, DNN_BF16, DNN_TYPES } dnn_type;

/* A layout of the caller's: dnnl_memory_desc_destroy. */
dnnl_memory_desc_t engine_dnn_md(int ndims, const dnnl_dim_t *dims, dnn_type type,
                                 dnnl_format_tag_t tag);

/* engine_uses_bf16, and ends the process where it cannot be had. */
int engine_dnn_bf16(void);

/* reorder_make, which ends the process where it fails. */
void engine_dnn_reorder(reorder *r, const_dnnl_memory_desc_t plain,
                        const_dnnl_memory_desc_t packed);

/* Weights in a primitive's own layout and type, made again from the plain ones when they have
 * changed. What it returns holds values of that type. */
typedef struct {
    reorder reorder;
    buffer buf;
    unsigned version;
    int direct;
} dnn_weights;
const float *engine_dnn_weights(engine *e, dnn_weights *w, const float *plain,
                                const_dnnl_memory_desc_t plain_md, const_dnnl_memory_desc_t want,
                                dnn_type type);
void engine_dnn_weights_free(engine *e, dnn_weights *w);
#endif
