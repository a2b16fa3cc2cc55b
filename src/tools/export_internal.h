/* export_internal.h - what the files of the ONNX export share; not for others. */
#ifndef MP_EXPORT_INTERNAL_H
#define MP_EXPORT_INTERNAL_H
#include "host/cfg.h"
#include "host/cfg_keys.h"
#include "host/net.h"
#include "ops/activation.h"
#include "tools/export.h"
#include "tools/onnx_graph.h"

/* A layer on its way into the graph. All values have four dimensions: batch, channels, height,
 * width; vectors are 1 x 1 pictures. */
typedef struct {
    const export_args *a;
    const cfg_file *c;
    network *net;
    onnx_graph *g;
    const cfg_layer *shapes; /* of all layers */
    const char **values;     /* of the layers so far */
    cfg_layer input;         /* of the network */
    const char *input_name;
    int i, section; /* this layer */
    const layer *l;
    const char *in; /* what the layer before gives, and its shape */
    cfg_layer in_shape, out;
    char *err;
} export_place;

/* The value of a layer in the graph; NULL and p->err: ONNX cannot say it, or not here. */
typedef const char *export_layer(const export_place *p);

/* The function for a kind of section (CFG_S_...); NULL: there is none. */
export_layer *export_layer_for(int kind);

/* "FILE:LINE: [TYPE] (layer N) ..." into p->err; NULL. */
const char *export_refuse(const export_place *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Pieces of graphs. */
const char *export_activation(const export_place *p, const char *x, act_kind a);
const char *export_reshape(const export_place *p, const char *x, int n, const int64_t dims[]);
const char *export_transpose(const export_place *p, const char *x, int n, const int64_t order[]);
/* x[.., from:to:step, ..] along an axis. */
const char *export_slice(const export_place *p, const char *x, int axis, int from, int to,
                         int step);
const char *export_concat(const export_place *p, const char *const values[], int axis);
/* a * x + b. */
const char *export_affine(const export_place *p, const char *x, float a, float b);
/* A layer that from= or layers= names, the k-th: its number. How many there are. */
int export_named(const export_place *p, int k, int *layer);

/* Heads (export_heads.c). */
int export_is_head(const export_place *p);
export_layer export_yolo, export_region, export_detection;
/* After all layers: boxes and scores of all heads. 0, or -1 and err. */
int export_decode(export_place *p, const int *heads, int n);
#endif
