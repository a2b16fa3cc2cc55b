/* backend.h - inside the engine: the graph's structures, and the table of functions that executes
 * its nodes.
 *
 * graph.c knows nodes, shapes and which delta has been written; a back end knows how to compute.
 * There is one node_ops per kind of node; buffers are taken and given back through the same table,
 * so that a second table can keep them on another device. Only src/engine includes this file. */
#ifndef MP_BACKEND_H
#define MP_BACKEND_H
#include "base/error.h"
#include "engine/engine.h"

/* Floats that only grow: going back to a smaller batch keeps the pages. */
typedef struct {
    float *p;
    size_t len;
} buffer;

/* A gradient on its way, shared by the nodes it is equal for, until one of them changes it. */
typedef struct {
    buffer b;
    int users;
} delta;

typedef struct node {
    node_kind kind;
    int id, n_in, *in;
    engine_op d;
    shape4 s;
    size_t
        inputs; /* connected: values per image that its weights were made for; 0: not known yet */
    buffer y;
    delta *delta; /* NULL: nothing has been written since engine_begin, or it was used up */
    double loss;
    const float *eps;
    void *state;  /* the back end's own */
    float *shown; /* what engine_output made, where the output itself is not the caller's to read */
} node;

/* Of one kind, all in one file of its back end. The shape rule stands in the CPU's alone. */
typedef struct {
    /* n->s from the shapes of its inputs; -1 and a sentence. NULL: as the first input. */
    int (*shape)(const engine *e, node *n, char *err);
    /* After shapes and outputs are set: make what running needs. Once per new shape, free before
     * it. NULL: nothing. */
    void (*plan)(engine *e, node *n);
    void (*forward)(engine *e, node *n, const engine_mode *m);
    /* n->delta is there; given back afterwards. */
    void (*backward)(engine *e, node *n, const engine_mode *m);
    void (*free)(engine *e, node *n);
} node_ops;

#define NODE_OPS(KIND, name) extern const node_ops engine_cpu_##name, engine_cuda_##name;
ENGINE_NODES(NODE_OPS)
#undef NODE_OPS

typedef struct {
    /* e->own; NULL where there is nothing to open. */
    void (*open)(engine *e);
    void (*close)(engine *e);
    float *(*alloc)(engine *e, size_t floats); /* NULL: no memory */
    void (*release)(engine *e, float *p, size_t floats);
    /* nchw is the caller's memory, all else the table's. (=) or (+=). */
    void (*from_nchw)(engine *e, float *nhwc, const float *nchw, shape4 s, int add);
    void (*to_nchw)(engine *e, float *nchw, const float *nhwc, shape4 s, int add);
    void (*zero)(engine *e, float *p, size_t floats);
    void (*copy)(engine *e, float *y, const float *x, size_t floats, int add);
    /* See engine.h, by the names engine_...; read and changed are NULL where the caller's arrays
     * are used themselves. */
    void (*read)(engine *e, const void *array);
    void (*changed)(engine *e, const void *array);
    void (*sgd)(engine *e, float *w, float *update, size_t n, const sgd_args *a, int batch);
    void (*adam)(engine *e, float *w, float *update, float *m, float *v, size_t n,
                 const adam_args *a, int batch);
    double (*squares)(engine *e, const engine_span *a, int n);
    double (*loss)(engine *e, node *n);
    const float *(*output)(engine *e, node *n);
    void (*step_begin)(engine *e, uint64_t kind); /* NULL: steps are nothing special */
    void (*step_end)(engine *e);
    const node_ops *node[NODE_KINDS]; /* input and foreign: NULL */
} backend;

struct engine {
    const backend *b;
    void *own; /* the back end's */
    node *nodes;
    int n, cap;
    int planned, training; /* shapes are valid; deltas exist too */
    int input_delta;
    unsigned version; /* of the parameters; layouts made from them remember theirs */
    const float *truth;
    size_t bytes;
    /* Shared by all nodes: the library's scratch; a delta waiting to be added; anything
     * short-lived. */
    buffer library, delta_tmp, work;
    buffer rounded; /* a delta in bfloat16 */
    int rounding;   /* nodes whose products round their inputs */
    delta *
        *deltas; /* all there are; taken and given back as backward goes, so that few are needed */
    int n_deltas;
};

static inline int engine_stride_x(const engine_op *d) {
    return d->stride_x ? d->stride_x : d->stride;
}
static inline int engine_dilation(const engine_op *d) { return d->dilation > 1 ? d->dilation : 1; }

extern const backend engine_cpu, engine_cuda; /* engine_cuda: in builds with GPU=1 */

const backend *engine_backend(void); /* of this process (device.c) */

/* At least `len` floats (contents lost when it grows). */
float *engine_need(engine *e, buffer *b, size_t len);
/* Gives a buffer back. */
void engine_drop(engine *e, buffer *b);

/* Where a consumer of node `in` leaves its contribution: (=) if *add is 0, else (+=). NULL: not
 * wanted. (deltas.c) */
float *engine_delta_of(engine *e, int in, int *add);
/* The contribution of n to node `in` is n's own delta: shared where nothing was there yet, else
 * added. */
void engine_delta_pass(engine *e, node *n, int in);
/* n's delta is to be changed element by element, read from *from: where to write, the same place
 * unless others share it. */
float *engine_delta_change(engine *e, node *n, const float **from);
void engine_delta_release(engine *e, node *n);
void engine_deltas_free(engine *e);

/* One sentence on stderr, exit 1. */
_Noreturn void engine_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The side of a dropblock node's squares, 1 .. the shorter side of the map. */
int engine_dropblock_size(const node *n);
/* What a pass of this mode asks of ops/perturb.h; eps is the caller's. */
perturb_args engine_perturb_args(const node *n, const engine_mode *m);
#endif
