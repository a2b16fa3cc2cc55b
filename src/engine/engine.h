/* engine.h - a network as a graph of standard layers, run node by node on well-kept libraries.
 *
 * The engine owns activations and their gradients (NHWC float32, shape.h); parameters belong to the
 * caller and stay in Darknet's plain layout, so files and other programs read them as they are.
 * Nodes are numbered in the order they are added; a node reads only earlier ones. The caller runs
 * forward over 0..n-1 and backward over n-1..0.
 *
 * Sign: a node's `delta` holds MINUS the gradient of the loss with respect to its output, summed
 * over the batch, as in Darknet; `*_updates` accumulate (+=) minus the gradient of the parameters.
 * Where several nodes read one output, their contributions add up, whatever their kind.
 *
 * Errors of the caller are asserted; errors of oneDNN and lack of memory end the process with one
 * sentence (there is nothing a training run could go on with). */
#ifndef MP_ENGINE_H
#define MP_ENGINE_H
#include "ops/activation.h"
#include "ops/optim.h"
#include "ops/perturb.h"
#include "ops/rng.h"
#include "ops/shape.h"
#include "ops/weighted_sum.h"
#include <stdlib.h>
#include <string.h>

typedef struct engine engine;

/* Parameters of a conv or connected node, in Darknet's order: weights (filters, channels/groups,
 * size, size) or (outputs, inputs as C,H,W); the rest one per filter. scales .. rolling_variance
 * only with batch norm. */
typedef struct {
    float *weights, *biases, *scales, *rolling_mean, *rolling_variance;
    float *weight_updates, *bias_updates, *scale_updates;
} engine_params;

typedef struct {
    const float *phi;                  /* PHI_LEN, shared by all nodes of all networks */
    double *dphi;                      /* PHI_LEN, (+=) MINUS the gradient, as every update here */
    float *running_mean, *running_var; /* (C,4) */
    float c_norm, h_norm, clip, momentum;
    int clip_test;    /* clip in inference too */
    int noise, scale; /* of [perturb]: a perturb_kind, and the switch */
    act_kind activation;
    float sd; /* of PERTURB_KIND_GAUSSIAN */
} engine_perturb;

/* How to run; the same struct for a forward and its backward. */
typedef struct {
    int keep;          /* forward: keep what backward needs */
    int bn_batch;      /* batch norm uses (and updates the running) batch statistics */
    int perturb_batch; /* [perturb] in training mode: batch statistics */
    perturb_noise
        noise; /* SAMPLE or MEAN, of which each node makes what its kind says (perturb_noise_of) */
    int dropout;     /* dropout is active */
    float dropblock; /* 0..1: the share of its probability that DropBlock has come to */
    int theta_grads; /* backward fills the parameters' updates */
    int phi_grads;   /* backward fills dphi */
    float t;         /* annealing of the perturbation */
    uint64_t seed,
        draw; /* noise of this pass: key = rng_key(seed, RNG_NOISE or RNG_DROPOUT, draw, node) */
} engine_mode;

/* Where the networks of this process run; to be called before the first engine_new: a CUDA device's
 * number, ENGINE_ANY_GPU (device 0, or one a rank where MPI started several), or -1 for the CPU.
 * Where nobody calls it, the variable METAPERTURB_GPU says so (a number; unset: the CPU);
 * METAPERTURB_TF32=1 lets a device round products to TF32. A device that is not there, or a build
 * without CUDA, ends the process at engine_new. */
enum { ENGINE_ANY_GPU = 1 << 20 };
void engine_use_gpu(int device);
int engine_has_gpu(void); /* 1: built with CUDA */
int engine_on_gpu(void);  /* 1: networks of this process run on a device */

/* METAPERTURB_BF16=1: on the CPU the products of convolutional and connected layers round their
 * inputs to bfloat16; sums, statistics, weights and all other arithmetic stay float32. A process
 * that asks for it where it cannot be had (no AVX512_BF16 or AMX, or networks on a device) ends at
 * the first plan. */
int engine_can_bf16(void);                 /* 1: this processor has it, and oneDNN may use it */
static inline int engine_uses_bf16(void) { /* 1: METAPERTURB_BF16 asks for it */
    const char *asked = getenv("METAPERTURB_BF16");
    return asked && *asked && strcmp(asked, "0") != 0;
}

engine *engine_new(void);
void engine_free(engine *e);

/* The kinds of nodes, a row each: NODE_KIND; the name of its file in engine/cpu, which holds its
 * shape rule, forward and backward pass together, and in engine/cuda. */
#define ENGINE_NODES(ROW)               \
    ROW(CONV, conv)                     \
    ROW(CONNECTED, connected)           \
    ROW(MAXPOOL, maxpool)               \
    ROW(AVGPOOL, avgpool)               \
    ROW(SHORTCUT, shortcut)             \
    ROW(ROUTE, route)                   \
    ROW(UPSAMPLE, upsample)             \
    ROW(DROPOUT, dropout)               \
    ROW(DROPBLOCK, dropblock)           \
    ROW(ACTIVATION, activation)         \
    ROW(BATCHNORM, batchnorm)           \
    ROW(PERTURB, perturb)               \
    ROW(SOFTMAX, softmax)               \
    ROW(SCALE_CHANNELS, scale_channels) \
    ROW(LOCAL_AVGPOOL, local_avgpool)   \
    ROW(BLUR, blur)                     \
    ROW(REORG3D, reorg3d)               \
    ROW(WEIGHTED_SUM, weighted_sum)     \
    ROW(IMPLICIT, implicit)

#define ENGINE_NODE_ID(KIND, name) NODE_##KIND,
typedef enum { NODE_INPUT, NODE_FOREIGN, ENGINE_NODES(ENGINE_NODE_ID) NODE_KINDS } node_kind;
#undef ENGINE_NODE_ID

/* What a node is like. Each kind reads the fields named here, and nothing else:
 *   input, foreign   fixed (n unused). Foreign: a layer run by somebody else, whose output and
 *                    inputs' deltas are carried by import and export below
 *   conv             filters, size, stride, stride_x (of rows; 0: as stride), dilation (0: 1), pad
 *                    (pixels on each side, whatever the dilation), groups, batch_norm, activation,
 *                    p
 *   connected        filters (its outputs), batch_norm, activation, p
 *   maxpool          size, stride, stride_x, pad (Darknet's total padding). out_channels > 0: over
 *                    the channels of a pixel instead, every out_channels-th of them. zero_nonmax:
 *                    what is not the largest of its window becomes 0 (stride 1, same size)
 *   local_avgpool    size, stride, stride_x, pad: the mean of what a window holds of the picture
 *   blur             size (3: 1 2 1 both ways, over 16, with a border of 0; 2: the mean of four, no
 *                    border), stride, stride_x
 *   reorg3d          stride: each square of pixels becomes the channels of one
 *   avgpool          nothing: it is global
 *   shortcut         in two nodes: activation(alpha * first + beta * second). Where shapes differ,
 *                    as Darknet does: min of the channels, strided sampling or spreading, and where
 *                    the two do not meet activation(first)
 *   route            groups, block: it joins the channels of its inputs, or of each (groups > 1)
 *                    the block-th of so many equal parts
 *   scale_channels   in two nodes, factors and a map (factors_last: the other way round):
 *                    activation(their product), or (shift) of their sum
 *   weighted_sum     in the first node, whose shape it has, and others of the same width and
 *                    height: activation(their sum), each up to the channels that it has; norm, and
 *                    where that is not SUM_PLAIN per_channel, p.weights and its updates: (inputs, 1
 *                    or C)
 *   implicit         in no node: fixed (c, h; n unused), p.weights (c, h) and its updates, which
 *                    are its output for every picture
 *   upsample         stride (nearest), scale
 *   dropout          probability
 *   dropblock        probability; block: squares of so many pixels, or, where block_rel > 0, of
 *                    that share of the map's shorter side
 *   activation       activation
 *   batchnorm        p (standalone [batchnorm])
 *   perturb          perturb
 *   softmax          temperature, noloss: over the channels of a 1x1 map; with truth set, delta =
 *                    truth - p (cross-entropy) */
typedef struct {
    int filters, size, stride, pad, groups, batch_norm;
    int stride_x, dilation, out_channels, zero_nonmax;
    act_kind activation;
    engine_params p;
    float scale, alpha, beta, temperature, probability, block_rel;
    int block, noloss, per_channel, shift, factors_last;
    sum_norm norm;
    engine_perturb perturb;
    shape4 fixed;
} engine_op;

/* Adds a node that reads the nodes ins[0 .. n-1] and returns its number. */
int engine_add(engine *e, node_kind kind, const int *ins, int n, const engine_op *op);
/* A foreign layer's output shape has changed (the host resized it): call before engine_plan. */
void engine_set_foreign(engine *e, int node, int h, int w, int c);

shape4 engine_shape(const engine *e, int node); /* n is the current batch */
int engine_nodes(const engine *e);
/* What a node of one input would give for one of another size, whatever is planned: 0, or -1 and a
 * sentence. */
int engine_shape_for(const engine *e, int node, shape4 in, shape4 *out, char *err);
/* The nodes that a node reads: their number. */
int engine_inputs(const engine *e, int node, const int **ins);

/* Allocate (again) for `batch` images and input size h x w; parameters, running statistics are
 * untouched. training = 0 allocates nothing that only backward needs. Cheap when nothing has
 * changed. Returns 0, or -1 when the shapes do not fit each other (err says which node). */
int engine_plan(engine *e, int batch, int h, int w, int training, char *err, size_t err_len);

/* Arrays of the caller that nodes or optimizer steps were given (parameters, updates, moments,
 * statistics, phi) may have a newer twin on a device. read: the caller is about to look at `array`,
 * or at all (NULL), which then hold what the engine holds. changed: it has written `array` (its
 * beginning, as it was given), or any of them (NULL; whatever it did not write it has read before).
 */
void engine_read(engine *e, const void *array);
void engine_changed(engine *e, const void *array);

/* One optimizer step of one array, as optim.h has it, where the array lives. */
void engine_sgd(engine *e, float *w, float *update, size_t n, const sgd_args *a, int batch);
void engine_adam(engine *e, float *w, float *update, float *m, float *v, size_t n,
                 const adam_args *a, int batch);

/* Between these the caller runs a whole step: a forward pass (after engine_import), perhaps a
 * backward pass and optimizer steps, but looks at nothing. Steps of one kind are the same sequence
 * of calls with the same flags; input, truth, seed, draw, t, dropblock and the rates may differ, as
 * long as none of them becomes or ceases to be 0. A device records a kind that comes often, and
 * then repeats it at one stroke. */
void engine_step_begin(engine *e, uint64_t kind);
void engine_step_end(engine *e);

/* Sum of the squares of all values of n arrays. */
typedef struct {
    const float *p;
    size_t len;
} engine_span;
double engine_squares(engine *e, const engine_span *a, int n);

void engine_forward(engine *e, int node, const engine_mode *m);
void engine_backward(engine *e, int node, const engine_mode *m);
/* Begin a backward pass: no delta has been written yet. Call before the forward pass whose loss
 * nodes seed it. */
void engine_begin(engine *e);

/* Labels of the coming forward, (batch, classes), or NULL. */
void engine_set_truth(engine *e, const float *truth);
/* Sum over the batch of the loss of a softmax node. */
double engine_loss(engine *e, int node);

/* The perturbation's noise for one node from outside (tests): (N,H,W,C), kept by pointer; NULL:
 * drawn. */
void engine_set_eps(engine *e, int node, const float *eps);

/* Another activation after a perturb node; returns the old one. With ACT_LINEAR, a forward of this
 * node alone after a whole pass gives the bare product of its input and its multiplier. */
act_kind engine_perturb_act(engine *e, int node, act_kind a);

/* Carry data across; `nchw` is Darknet's layout, (batch, c, h, w). */
void engine_import(engine *e, int node, const float *nchw);       /* output (=) */
void engine_export(engine *e, int node, float *nchw);             /* (=) output */
void engine_import_delta(engine *e, int node, const float *nchw); /* adds to the node's delta */
void engine_export_delta(engine *e, int node, float *nchw,
                         int add); /* (=) or (+=); zeros if unwritten, or used by engine_backward */
/* Where a loss outside the engine may leave (=) the delta of a node itself, in the engine's order,
 * between engine_begin and the backward pass. NULL: something is there already, nobody wants it, or
 * the memory is a device's; then engine_import_delta does it. */
float *engine_own_delta(engine *e, int node);
int engine_wants_input_delta(engine *e,
                             int on); /* compute the delta of node 0 too; returns the old setting */

const float *engine_output(
    engine *e, int node); /* NHWC, for tests and reports; until the next call for this node */

/* Bytes held now, for reports. */
size_t engine_bytes(const engine *e);
#endif
