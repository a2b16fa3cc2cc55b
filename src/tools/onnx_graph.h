/* onnx_graph.h - an ONNX model in memory and on disk, by protobuf-c and ONNX's own onnx.proto.
 *
 * Values (float32 or int64 tensors) are known by their names. All names, nodes and tensors belong
 * to the graph and live as long as it does. Where memory runs out, functions give a name that
 * stands for nothing, and onnx_write says so. Operators: https://onnx.ai/onnx/operators, versions
 * 11 and later. */
#ifndef MP_ONNX_GRAPH_H
#define MP_ONNX_GRAPH_H
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct onnx_graph onnx_graph;
typedef struct onnx_node onnx_node;

enum { ONNX_OPSET_MOST = 21, ONNX_DIMS = 8 };
#define ONNX_OPSET_LEAST 11 /* shown in help too */

/* NULL: not enough memory. opset: ONNX_OPSET_LEAST to ONNX_OPSET_MOST. */
onnx_graph *onnx_new(const char *name, const char *producer, const char *version, int opset);
void onnx_free(onnx_graph *g);

/* Names of values and nodes begin with this from now on: where in the network they come from. */
void onnx_scope(onnx_graph *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Tensors that the model takes and gives, float32; a dimension of 0 is any batch ("batch"). */
void onnx_input(onnx_graph *g, const char *name, int n, const int64_t dims[]);
void onnx_output(onnx_graph *g, const char *name, int n, const int64_t dims[]);

/* Constants. onnx_tensor: float32, to be filled by the caller (*data, zeros so far; NULL: no
 * memory). onnx_vector: a copy; onnx_ints: int64. All return names. */
const char *onnx_tensor(onnx_graph *g, int n, const int64_t dims[], float **data);
const char *onnx_scalar(onnx_graph *g, float value);
const char *onnx_ints(onnx_graph *g, int n, const int64_t values[]);

/* A node with one output, and its attributes. inputs: names, ended by NULL; "" stands for one that
 * is not given. out: a name, or NULL for a new one. */
onnx_node *onnx_add(onnx_graph *g, const char *out, const char *op, const char *const inputs[]);
const char *onnx_result(const onnx_node *n);
void onnx_set_int(onnx_graph *g, onnx_node *n, const char *key, int64_t value);
void onnx_set_ints(onnx_graph *g, onnx_node *n, const char *key, int count, const int64_t values[]);
void onnx_set_float(onnx_graph *g, onnx_node *n, const char *key, float value);
void onnx_set_text(onnx_graph *g, onnx_node *n, const char *key, const char *value);
/* A node without attributes: its result. */
const char *onnx_op1(onnx_graph *g, const char *op, const char *a);
const char *onnx_op2(onnx_graph *g, const char *op, const char *a, const char *b);

/* A line of the model's own description. */
void onnx_describe(onnx_graph *g, const char *key, const char *value);
int onnx_opset(const onnx_graph *g);

/* Complete, or not at all. 0, or -1 and err. */
int onnx_write(onnx_graph *g, const char *path, char *err);
#endif
