/* onnx_graph.c - see onnx_graph.h */
#include "tools/onnx_graph.h"
#include "base/files.h"
#include <onnx/onnx.pb-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw tensors of ONNX are little endian"
#endif

/* What is repeated in a message. */
typedef struct {
    void **p;
    size_t n, room;
} list;
enum { ATTRIBUTES = 8, INPUTS = 64, NAME = 96, SCOPE = 64 };

struct onnx_graph {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    list nodes, tensors, inputs, outputs, description, kept;
    char scope[SCOPE];
    int names, broken;
};

/* 0, or -1: no memory, and the graph is broken. */
static int push(onnx_graph *g, list *l, void *item) {
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        void **p = realloc(l->p, room * sizeof *p);
        if (!p) return g->broken = -1;
        l->p = p;
        l->room = room;
    }
    l->p[l->n++] = item;
    return 0;
}

/* Zeros that go with the graph; NULL: no memory. */
static void *room_for(onnx_graph *g, size_t size) {
    void *p = calloc(1, size ? size : 1);
    if (p && !push(g, &g->kept, p)) return p;
    free(p);
    g->broken = -1;
    return NULL;
}

static char *text(onnx_graph *g, const char *s) {
    size_t n = strlen(s) + 1;
    char *p = room_for(g, n);
    return p ? memcpy(p, s, n) : "";
}

onnx_graph *onnx_new(const char *name, const char *producer, const char *version, int opset) {
    /* The least format version that each version of the operators belongs to. */
    static const int formats[] = {6, 7, 7, 7, 8, 8, 8, 8, 9, 9, 10};
    onnx_graph *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    onnx__model_proto__init(&g->model);
    onnx__graph_proto__init(&g->graph);
    onnx__operator_set_id_proto__init(&g->opset);
    g->model.has_ir_version = 1;
    g->model.ir_version = formats[opset - ONNX_OPSET_LEAST];
    g->model.producer_name = text(g, producer);
    g->model.producer_version = text(g, version);
    g->model.graph = &g->graph;
    g->graph.name = text(g, name);
    g->opset.domain = "";
    g->opset.has_version = 1;
    g->opset.version = opset;
    g->opsets[0] = &g->opset;
    g->model.opset_import = g->opsets;
    g->model.n_opset_import = 1;
    return g;
}

void onnx_free(onnx_graph *g) {
    if (!g) return;
    for (size_t k = 0; k < g->kept.n; k++) free(g->kept.p[k]);
    list *all[] = {&g->nodes, &g->tensors, &g->inputs, &g->outputs, &g->description, &g->kept};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]->p);
    free(g);
}

int onnx_opset(const onnx_graph *g) { return (int)g->opset.version; }

void onnx_scope(onnx_graph *g, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(g->scope, sizeof g->scope, fmt, ap);
    va_end(ap);
}

static char *new_name(onnx_graph *g, const char *what) {
    char s[NAME];
    snprintf(s, sizeof s, "%s/%s_%d", g->scope, what, g->names++);
    return text(g, s);
}

static void add_value(onnx_graph *g, list *to, const char *name, int n, const int64_t dims[]) {
    struct {
        Onnx__ValueInfoProto info;
        Onnx__TypeProto type;
        Onnx__TypeProto__Tensor tensor;
        Onnx__TensorShapeProto shape;
        Onnx__TensorShapeProto__Dimension dim[ONNX_DIMS], *dims[ONNX_DIMS];
    } *v = room_for(g, sizeof *v);
    if (!v) return;
    onnx__value_info_proto__init(&v->info);
    onnx__type_proto__init(&v->type);
    onnx__type_proto__tensor__init(&v->tensor);
    onnx__tensor_shape_proto__init(&v->shape);
    v->info.name = text(g, name);
    v->info.type = &v->type;
    v->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    v->type.tensor_type = &v->tensor;
    v->tensor.has_elem_type = 1;
    v->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    v->tensor.shape = &v->shape;
    v->shape.n_dim = (size_t)n;
    v->shape.dim = v->dims;
    for (int k = 0; k < n; k++) {
        Onnx__TensorShapeProto__Dimension *d = v->dims[k] = &v->dim[k];
        onnx__tensor_shape_proto__dimension__init(d);
        if (dims[k] > 0) {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            d->dim_value = dims[k];
        } else {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = "batch";
        }
    }
    push(g, to, v);
}

void onnx_input(onnx_graph *g, const char *name, int n, const int64_t dims[]) {
    add_value(g, &g->inputs, name, n, dims);
}

void onnx_output(onnx_graph *g, const char *name, int n, const int64_t dims[]) {
    add_value(g, &g->outputs, name, n, dims);
}

static const char *add_tensor(onnx_graph *g, int type, int n, const int64_t dims[], size_t each,
                              void **data) {
    Onnx__TensorProto *t = room_for(g, sizeof *t);
    int64_t *shape = room_for(g, sizeof *shape * ONNX_DIMS);
    size_t size = each;
    *data = NULL;
    for (int k = 0; k < n; k++) size *= (size_t)dims[k];
    if (!t || !shape || !(*data = room_for(g, size))) return "";
    onnx__tensor_proto__init(t);
    for (int k = 0; k < n; k++) shape[k] = dims[k];
    t->dims = shape;
    t->n_dims = (size_t)n;
    t->has_data_type = 1;
    t->data_type = type;
    t->has_raw_data = 1;
    t->raw_data.data = *data;
    t->raw_data.len = size;
    t->name = new_name(g, "constant");
    push(g, &g->tensors, t);
    return t->name;
}

const char *onnx_tensor(onnx_graph *g, int n, const int64_t dims[], float **data) {
    void *p;
    const char *name = add_tensor(g, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, n, dims, sizeof(float),
                                  &p);
    *data = p;
    return name;
}

const char *onnx_scalar(onnx_graph *g, float value) {
    float *p;
    const char *name = onnx_tensor(g, 0, NULL, &p);
    if (p) *p = value;
    return name;
}

const char *onnx_ints(onnx_graph *g, int n, const int64_t values[]) {
    void *p;
    int64_t length = n;
    const char *name = add_tensor(g, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, &length,
                                  sizeof(int64_t), &p);
    if (p) memcpy(p, values, sizeof(int64_t) * (size_t)n);
    return name;
}

struct onnx_node {
    Onnx__NodeProto proto;
    char *inputs[INPUTS], *outputs[1];
    Onnx__AttributeProto attribute[ATTRIBUTES], *attributes[ATTRIBUTES];
};

onnx_node *onnx_add(onnx_graph *g, const char *out, const char *op, const char *const inputs[]) {
    onnx_node *n = room_for(g, sizeof *n);
    if (!n) return NULL;
    onnx__node_proto__init(&n->proto);
    while (inputs[n->proto.n_input] && n->proto.n_input < INPUTS) {
        n->inputs[n->proto.n_input] = text(g, inputs[n->proto.n_input]);
        n->proto.n_input++;
    }
    if (inputs[n->proto.n_input]) g->broken = -1;
    n->outputs[0] = out ? text(g, out) : new_name(g, op);
    n->proto.input = n->inputs;
    n->proto.output = n->outputs;
    n->proto.n_output = 1;
    n->proto.attribute = n->attributes;
    n->proto.op_type = text(g, op);
    n->proto.name = n->outputs[0];
    push(g, &g->nodes, &n->proto);
    return n;
}

const char *onnx_result(const onnx_node *n) { return n ? n->outputs[0] : ""; }

static Onnx__AttributeProto *attribute(onnx_graph *g, onnx_node *n, const char *key, int type) {
    if (!n || n->proto.n_attribute == ATTRIBUTES) {
        g->broken = -1;
        return NULL;
    }
    Onnx__AttributeProto *a = n->attributes[n->proto.n_attribute] =
        &n->attribute[n->proto.n_attribute];
    n->proto.n_attribute++;
    onnx__attribute_proto__init(a);
    a->name = text(g, key);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    return a;
}

void onnx_set_int(onnx_graph *g, onnx_node *n, const char *key, int64_t value) {
    Onnx__AttributeProto *a = attribute(g, n, key, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (!a) return;
    a->has_i = 1;
    a->i = value;
}

void onnx_set_float(onnx_graph *g, onnx_node *n, const char *key, float value) {
    Onnx__AttributeProto *a = attribute(g, n, key, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (!a) return;
    a->has_f = 1;
    a->f = value;
}

void onnx_set_ints(onnx_graph *g, onnx_node *n, const char *key, int count,
                   const int64_t values[]) {
    Onnx__AttributeProto *a = attribute(g, n, key, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = a ? room_for(g, sizeof *copy * (size_t)count) : NULL;
    if (!copy) return;
    memcpy(copy, values, sizeof *copy * (size_t)count);
    a->ints = copy;
    a->n_ints = (size_t)count;
}

void onnx_set_text(onnx_graph *g, onnx_node *n, const char *key, const char *value) {
    Onnx__AttributeProto *a = attribute(g, n, key, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (!a) return;
    a->has_s = 1;
    a->s.data = (uint8_t *)text(g, value);
    a->s.len = strlen(value);
}

const char *onnx_op1(onnx_graph *g, const char *op, const char *a) {
    return onnx_result(onnx_add(g, NULL, op, (const char *const[]){a, NULL}));
}

const char *onnx_op2(onnx_graph *g, const char *op, const char *a, const char *b) {
    return onnx_result(onnx_add(g, NULL, op, (const char *const[]){a, b, NULL}));
}

void onnx_describe(onnx_graph *g, const char *key, const char *value) {
    Onnx__StringStringEntryProto *e = room_for(g, sizeof *e);
    if (!e) return;
    onnx__string_string_entry_proto__init(e);
    e->key = text(g, key);
    e->value = text(g, value);
    push(g, &g->description, e);
}

/* protobuf-c packs into this piece by piece: no second copy of the weights. */
typedef struct {
    ProtobufCBuffer base;
    FILE *f;
} sink;

static void append(ProtobufCBuffer *b, size_t n, const uint8_t *data) {
    fwrite(data, 1, n, ((sink *)b)->f); /* file_out_close sees what went wrong */
}

int onnx_write(onnx_graph *g, const char *path, char *err) {
    const size_t most = (size_t)INT32_MAX; /* of a protobuf message */
    file_out o;
    if (g->broken) return fail(err, "%s: not enough memory for this model", path);
#define GIVE(message, field, of)                      \
    do {                                              \
        (message).n_##field = (of).n;                 \
        *(void ***)(void *)&(message).field = (of).p; \
    } while (0)
    GIVE(g->graph, node, g->nodes);
    GIVE(g->graph, initializer, g->tensors);
    GIVE(g->graph, input, g->inputs);
    GIVE(g->graph, output, g->outputs);
    GIVE(g->model, metadata_props, g->description);
#undef GIVE
    if (onnx__model_proto__get_packed_size(&g->model) > most)
        return fail(err, "%s: an ONNX file holds no more than 2 GB, and this model has more", path);
    if (file_out_open(&o, path, err)) return -1;
    sink to = {{append}, o.f};
    onnx__model_proto__pack_to_buffer(&g->model, &to.base);
    return file_out_close(&o, err);
}
