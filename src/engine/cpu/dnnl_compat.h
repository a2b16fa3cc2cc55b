/* dnnl_compat.h - oneDNN as version 3 has it, on version 2 too. The engine is written for 3: no
 * operation descriptors, and a memory descriptor is a pointer that its maker destroys. */
#ifndef MP_DNNL_COMPAT_H
#define MP_DNNL_COMPAT_H
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_version.h>
#include <string.h>

/* A blocked layout: dims and padded sizes, strides between blocks, and the blocks inside, from the
 * outermost: how many values of which dimension. */
typedef struct {
    int n, blocks;
    const dnnl_dim_t *dims, *padded, *strides, *block, *block_dim;
} dnn_blocks;

/* 3.5 has the attribute. Before it the CPU's primitives were as repeatable, without being asked. */
#if DNNL_VERSION_MAJOR < 3 || (DNNL_VERSION_MAJOR == 3 && DNNL_VERSION_MINOR < 5)
#define dnnl_primitive_attr_set_deterministic(attr, on) ((void)(attr), (void)(on), dnnl_success)
#endif

/* Whether pd, the gradient of a convolution's weights, is oneDNN's AVX2 kernel of strided 1x1
 * windows. It squeezes the strided input into room beside which another thread works, and with
 * fewer than 8 channels writes over it: on 2.6 one gradient in a hundred came out wrong. */
static inline int dnn_squeezes(const_dnnl_primitive_desc_t pd, const dnnl_dim_t window[2],
                               const dnnl_dim_t strides[2]) {
    const char *name = NULL;
    return window[0] == 1 && window[1] == 1 && (strides[0] > 1 || strides[1] > 1) &&
           dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name) ==
               dnnl_success &&
           name && strstr(name, "1x1:avx2");
}

#if DNNL_VERSION_MAJOR < 3
#include <stdlib.h>

typedef dnnl_memory_desc_t *dnnl_memory_desc_pointer;
typedef const dnnl_memory_desc_t *const_dnnl_memory_desc_t;

/* 1, or 0: oneDNN says only itself how such data lie. */
static inline int dnn_blocks_of(const_dnnl_memory_desc_t md, dnn_blocks *b) {
    const dnnl_blocking_desc_t *in = &md->format_desc.blocking;
    *b = (dnn_blocks){.n = md->ndims,
                      .blocks = in->inner_nblks,
                      .dims = md->dims,
                      .padded = md->padded_dims,
                      .strides = in->strides,
                      .block = in->inner_blks,
                      .block_dim = in->inner_idxs};
    return md->format_kind == dnnl_blocked && md->offset0 == 0;
}

static inline dnnl_status_t dnnl_memory_desc_create_with_tag(dnnl_memory_desc_pointer *md,
                                                             int ndims, const dnnl_dim_t *dims,
                                                             dnnl_data_type_t type,
                                                             dnnl_format_tag_t tag) {
    *md = malloc(sizeof **md);
    return *md ? dnnl_memory_desc_init_by_tag(*md, ndims, dims, type, tag) : dnnl_out_of_memory;
}

static inline dnnl_status_t dnnl_memory_desc_destroy(dnnl_memory_desc_pointer md) {
    free(md);
    return dnnl_success;
}

#define dnnl_last_impl_reached dnnl_iterator_ends
/* Its own functions took pointers already. */
#define dnnl_memory_desc_t dnnl_memory_desc_pointer
#define dnnl_post_ops_append_eltwise(ops, alg, alpha, beta) \
    dnnl_post_ops_append_eltwise(ops, 1, alg, alpha, beta)

static inline dnnl_status_t dnnl_convolution_forward_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_prop_kind_t kind, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t bias,
    const_dnnl_memory_desc_t dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t pad_l, const dnnl_dims_t pad_r, const_dnnl_primitive_attr_t attr) {
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_dilated_convolution_forward_desc_init(
        &d, kind, alg, src, weights, bias, dst, strides, dilates, pad_l, pad_r);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, NULL) : s;
}

static inline dnnl_status_t dnnl_convolution_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t weights,
    const_dnnl_memory_desc_t diff_dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t pad_l, const dnnl_dims_t pad_r, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attr) {
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_dilated_convolution_backward_data_desc_init(
        &d, alg, diff_src, weights, diff_dst, strides, dilates, pad_l, pad_r);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, forward) : s;
}

static inline dnnl_status_t dnnl_convolution_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t diff_weights,
    const_dnnl_memory_desc_t diff_bias, const_dnnl_memory_desc_t diff_dst,
    const dnnl_dims_t strides, const dnnl_dims_t dilates, const dnnl_dims_t pad_l,
    const dnnl_dims_t pad_r, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attr) {
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_dilated_convolution_backward_weights_desc_init(
        &d, alg, src, diff_weights, diff_bias, diff_dst, strides, dilates, pad_l, pad_r);
    dnnl_primitive_desc_iterator_t i = NULL;
    if (s == dnnl_success)
        s = dnnl_primitive_desc_iterator_create(&i, (const_dnnl_op_desc_t)&d, attr, engine,
                                                forward);
    if (s != dnnl_success) return s;
    dnnl_primitive_desc_t first = dnnl_primitive_desc_iterator_fetch(i);
    *pd = first;
    if (dnn_squeezes(first, diff_weights->dims + diff_weights->ndims - 2, strides) &&
        dnnl_primitive_desc_iterator_next(i) == dnnl_success) {
        *pd = dnnl_primitive_desc_iterator_fetch(i);
        dnnl_primitive_desc_destroy(first);
    }
    dnnl_primitive_desc_iterator_destroy(i);
    return *pd ? dnnl_success : dnnl_out_of_memory;
}

static inline dnnl_status_t dnnl_inner_product_forward_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_prop_kind_t kind,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t bias,
    const_dnnl_memory_desc_t dst, const_dnnl_primitive_attr_t attr) {
    dnnl_inner_product_desc_t d;
    dnnl_status_t s = dnnl_inner_product_forward_desc_init(&d, kind, src, weights, bias, dst);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, NULL) : s;
}

static inline dnnl_status_t dnnl_inner_product_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, const_dnnl_memory_desc_t diff_src,
    const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t diff_dst,
    const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attr) {
    dnnl_inner_product_desc_t d;
    dnnl_status_t s = dnnl_inner_product_backward_data_desc_init(&d, diff_src, weights, diff_dst);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, forward) : s;
}

static inline dnnl_status_t dnnl_inner_product_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *pd, dnnl_engine_t engine, const_dnnl_memory_desc_t src,
    const_dnnl_memory_desc_t diff_weights, const_dnnl_memory_desc_t diff_bias,
    const_dnnl_memory_desc_t diff_dst, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attr) {
    dnnl_inner_product_desc_t d;
    dnnl_status_t s = dnnl_inner_product_backward_weights_desc_init(&d, src, diff_weights,
                                                                    diff_bias, diff_dst);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, forward) : s;
}
#else

/* 1, or 0: oneDNN says only itself how such data lie. */
static inline int dnn_blocks_of(const_dnnl_memory_desc_t md, dnn_blocks *b) {
    dnnl_format_kind_t kind = dnnl_format_kind_undef;
    dnnl_dim_t offset = 0;
    const dnnl_dims_t *dims, *padded, *strides, *block, *block_dim;
    int bad = dnnl_memory_desc_query(md, dnnl_query_format_kind, &kind) != dnnl_success ||
              kind != dnnl_blocked ||
              dnnl_memory_desc_query(md, dnnl_query_submemory_offset_s64, &offset) !=
                  dnnl_success ||
              offset != 0 ||
              dnnl_memory_desc_query(md, dnnl_query_ndims_s32, &b->n) != dnnl_success ||
              dnnl_memory_desc_query(md, dnnl_query_dims, &dims) != dnnl_success ||
              dnnl_memory_desc_query(md, dnnl_query_padded_dims, &padded) != dnnl_success ||
              dnnl_memory_desc_query(md, dnnl_query_strides, &strides) != dnnl_success ||
              dnnl_memory_desc_query(md, dnnl_query_inner_nblks_s32, &b->blocks) != dnnl_success ||
              dnnl_memory_desc_query(md, dnnl_query_inner_blks, &block) != dnnl_success ||
              dnnl_memory_desc_query(md, dnnl_query_inner_idxs, &block_dim) != dnnl_success;
    if (bad) return 0;
    b->dims = *dims;
    b->padded = *padded;
    b->strides = *strides;
    b->block = *block;
    b->block_dim = *block_dim;
    return 1;
}
#endif
#endif
