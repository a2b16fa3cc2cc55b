/* dnnl_util.c - see dnnl_util.h. */
#include "engine/cpu/dnnl_util.h"
#include "engine/cpu/cpu.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

static dnnl_engine_t dnn_engine;
static _Thread_local dnnl_stream_t dnn_stream; /* engines of several tasks run side by side */
static pthread_once_t dnn_once = PTHREAD_ONCE_INIT;

static const char *status_name(dnnl_status_t s) {
    switch (s) {
    case dnnl_out_of_memory: return "out of memory";
    case dnnl_invalid_arguments: return "invalid arguments";
    case dnnl_unimplemented: return "not implemented";
    case dnnl_runtime_error: return "run-time error";
    case dnnl_not_required: return "not required";
    case dnnl_last_impl_reached: return "no implementation";
    default: return "unknown status";
    }
}

void engine_dnn_check(dnnl_status_t s, const char *what, const char *file, int line) {
    if (s != dnnl_success)
        engine_die("%s:%d: oneDNN says \"%s\" to %s", file, line, status_name(s), what);
}

#if DNNL_VERSION_MAJOR >= 3 && defined(__x86_64__)
/* Some virtual machines hide the sizes of the caches; oneDNN 3.7 then divides by 0 where it plans
 * its newer convolutions (AVX2 and above). */
static void spare_hidden_caches(void) {
    unsigned a = 0, b, c, d, amd = 0;
    if (getenv("ONEDNN_MAX_CPU_ISA") || getenv("DNNL_MAX_CPU_ISA")) return;
    if (!__get_cpuid_count(4, 0, &a, &b, &c, &d)) a = 0;
    if (!__get_cpuid_count(0x8000001d, 0, &amd, &b, &c, &d)) amd = 0;
    if ((a & 31) || (amd & 31)) return; /* the kind of the first cache; 0: there is none */
    if (dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx) == dnnl_success)
        fputs("metaperturb: this machine hides the sizes of its caches, and oneDNN fails there: "
              "it is held to AVX, and is slower (ONEDNN_MAX_CPU_ISA says otherwise)\n",
              stderr);
}
#else
static void spare_hidden_caches(void) {}
#endif

static void start(void) {
    spare_hidden_caches();
    DNN_CHECK(dnnl_engine_create(&dnn_engine, dnnl_cpu, 0));
}

/* oneDNN's names of the activations that it has exactly; alpha, beta as it defines them. What has
 * no row here is left to a pass of ours. */
static int eltwise_of(act_kind a, dnnl_alg_kind_t *alg, float *alpha, float *beta) {
    static const struct {
        dnnl_alg_kind_t alg;
        float alpha, beta;
    } rows[ACT_COUNT] = {
        [ACT_LOGISTIC] = {dnnl_eltwise_logistic, 0, 0}, [ACT_TANH] = {dnnl_eltwise_tanh, 0, 0},
        [ACT_ELU] = {dnnl_eltwise_elu, 1, 0},           [ACT_HARDTAN] = {dnnl_eltwise_clip, -1, 1},
        [ACT_RELU6] = {dnnl_eltwise_clip, 0, 6},        [ACT_MISH] = {dnnl_eltwise_mish, 0, 0},
        [ACT_SWISH] = {dnnl_eltwise_swish, 1, 0},       [ACT_GELU] = {dnnl_eltwise_gelu_tanh, 0, 0},
    };
    *alg = rows[a].alg;
    *alpha = rows[a].alpha;
    *beta = rows[a].beta;
    if (*alg == dnnl_alg_kind_undef && a != ACT_LINEAR && act_slope(a, alpha))
        *alg = dnnl_eltwise_relu;
    return *alg != dnnl_alg_kind_undef;
}

int engine_dnn_has(act_kind a) {
    dnnl_alg_kind_t alg;
    float alpha, beta;
    return a == ACT_LINEAR || eltwise_of(a, &alg, &alpha, &beta);
}

int engine_can_bf16(void) {
    (void)engine_dnn_engine(); /* what it is held to counts too */
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
           dnnl_cpu_isa_avx512_core_bf16;
}

/* Asked once: the same for all networks of a process. */
static int rounds;
static pthread_once_t rounds_once = PTHREAD_ONCE_INIT;

static void choose_rounding(void) {
    if (!engine_uses_bf16()) return;
    if (!engine_can_bf16())
        engine_die("METAPERTURB_BF16: this processor has no instructions for bfloat16 "
                   "(AVX512_BF16 or AMX), or oneDNN may not use them: go without");
    rounds = 1;
}

int engine_dnn_bf16(void) {
    pthread_once(&rounds_once, choose_rounding);
    return rounds;
}

dnnl_engine_t engine_dnn_engine(void) {
    pthread_once(&dnn_once, start);
    return dnn_engine;
}

dnnl_primitive_attr_t engine_dnn_begin(dnn_call *c, act_kind a) {
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    dnnl_alg_kind_t alg;
    float alpha, beta;
    *c = (dnn_call){0};
    DNN_CHECK(dnnl_primitive_attr_create(&attr));
    DNN_CHECK(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
    DNN_CHECK(dnnl_primitive_attr_set_deterministic(attr, 1));
    DNN_CHECK(dnnl_post_ops_create(&ops));
    if (eltwise_of(a, &alg, &alpha, &beta))
        DNN_CHECK(dnnl_post_ops_append_eltwise(ops, alg, alpha, beta));
    DNN_CHECK(dnnl_primitive_attr_set_post_ops(attr, ops));
    DNN_CHECK(dnnl_post_ops_destroy(ops));
    return attr;
}

void engine_dnn_finish(dnn_call *c, dnnl_primitive_attr_t attr) {
    DNN_CHECK(dnnl_primitive_attr_destroy(attr));
    DNN_CHECK(dnnl_primitive_create(&c->p, c->pd));
    const_dnnl_memory_desc_t pad = engine_dnn_layout(c, DNNL_ARG_SCRATCHPAD);
    c->pad_floats = engine_dnn_floats(pad);
    if (c->pad_floats)
        DNN_CHECK(dnnl_memory_create(&c->pad, pad, engine_dnn_engine(), DNNL_MEMORY_NONE));
}

const_dnnl_memory_desc_t engine_dnn_layout(const dnn_call *c, int arg) {
    return dnnl_primitive_desc_query_md(c->pd, dnnl_query_exec_arg_md, arg);
}

size_t engine_dnn_floats(const_dnnl_memory_desc_t md) {
    return md ? (dnnl_memory_desc_get_size(md) + sizeof(float) - 1) / sizeof(float) : 0;
}

void engine_dnn_bind(dnn_call *c, int arg, const void *p) {
    /* oneDNN has no const memory; what is an input to it stays untouched. */
    void *at = (void *)(size_t)p;
    for (int i = 0; i < c->n; i++) {
        if (c->args[i].arg != arg) continue;
        DNN_CHECK(dnnl_memory_set_data_handle(c->args[i].memory, at));
        return;
    }
    assert(c->n < DNN_ARGS - 1);
    dnnl_memory_t m;
    DNN_CHECK(dnnl_memory_create(&m, engine_dnn_layout(c, arg), engine_dnn_engine(), at));
    c->args[c->n++] = (dnnl_exec_arg_t){arg, m};
}

void engine_dnn_run(engine *e, dnn_call *c) {
    dnnl_exec_arg_t args[DNN_ARGS];
    for (int i = 0; i < c->n; i++) args[i] = c->args[i];
    int n = c->n;
    if (c->pad) {
        DNN_CHECK(dnnl_memory_set_data_handle(c->pad, engine_need(e, &e->library, c->pad_floats)));
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, c->pad};
    }
    if (!dnn_stream)
        DNN_CHECK(dnnl_stream_create(&dnn_stream, engine_dnn_engine(), dnnl_stream_default_flags));
    DNN_CHECK(dnnl_primitive_execute(c->p, dnn_stream, n, args));
    DNN_CHECK(dnnl_stream_wait(dnn_stream));
}

void engine_dnn_free(dnn_call *c) {
    for (int i = 0; i < c->n; i++) dnnl_memory_destroy(c->args[i].memory);
    if (c->pad) dnnl_memory_destroy(c->pad);
    if (c->p) dnnl_primitive_destroy(c->p);
    if (c->pd) dnnl_primitive_desc_destroy(c->pd);
    *c = (dnn_call){0};
}

dnnl_memory_desc_t engine_dnn_md(int ndims, const dnnl_dim_t *dims, dnn_type type,
                                 dnnl_format_tag_t tag) {
    static const dnnl_data_type_t types[DNN_TYPES] = {dnnl_f32, dnnl_bf16};
    dnnl_memory_desc_t md;
    DNN_CHECK(dnnl_memory_desc_create_with_tag(&md, ndims, dims, types[type], tag));
    return md;
}

void engine_dnn_reorder(reorder *r, const_dnnl_memory_desc_t plain,
                        const_dnnl_memory_desc_t packed) {
    if (reorder_make(r, plain, packed))
        engine_die("out of memory, or this oneDNN (%d.%d) keeps weights in a way unknown here",
                   DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR);
}

const float *engine_dnn_weights(engine *e, dnn_weights *w, const float *plain,
                                const_dnnl_memory_desc_t plain_md, const_dnnl_memory_desc_t want,
                                dnn_type type) {
    if (!w->direct && !w->reorder.n) {
        w->direct = dnnl_memory_desc_equal(plain_md, want);
        if (!w->direct) engine_dnn_reorder(&w->reorder, plain_md, want);
    }
    if (w->direct) return plain;
    if (w->version == e->version) return w->buf.p;
    engine_need(e, &w->buf, engine_dnn_floats(want));
    if (type == DNN_BF16) {
        float *packed = engine_need(e, &e->work, w->reorder.packed);
        reorder_pack(&w->reorder, packed, plain);
        engine_cpu_to_bf16((uint16_t *)w->buf.p, packed, w->reorder.packed);
    } else {
        reorder_pack(&w->reorder, w->buf.p, plain);
    }
    w->version = e->version;
    return w->buf.p;
}

void engine_dnn_weights_free(engine *e, dnn_weights *w) {
    reorder_free(&w->reorder);
    engine_drop(e, &w->buf);
    *w = (dnn_weights){0};
}
