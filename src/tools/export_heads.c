/* export_heads.c - [yolo] and [region] in ONNX's operators: the numbers that Darknet's layer gives,
 * or boxes and scores (the formulas are in ops/yolo_head.h; a [region]'s anchors are in cells). */
#include "host/kinds.h"
#include "tools/export_internal.h"
#include <stdlib.h>
#include <string.h>

/* A head's numbers before it: (batch, anchors, per, cells). */
typedef struct {
    int anchors, classes, cells, h, w;
    int raw_scores;  /* the layer before has activated them: new_coords=1 */
    int softmax;     /* over the classes */
    float scale_x_y; /* of the places of boxes */
    const char *x;
} head;

static int kind_of(const export_place *p) { return (int)cfg_kind_at(p->c, p->section)->id; }

int export_is_head(const export_place *p) {
    return kind_of(p) == CFG_S_YOLO || kind_of(p) == CFG_S_REGION;
}

static head head_of(const export_place *p) {
    const layer *l = p->l;
    int yolo = kind_of(p) == CFG_S_YOLO;
    head d = {.anchors = l->n,
              .classes = l->classes,
              .h = p->out.h,
              .w = p->out.w,
              .cells = p->out.h * p->out.w,
              .raw_scores = yolo && cfg_get_num(p->c, p->section, "new_coords", 0) != 0,
              .softmax = !yolo && l->softmax,
              .scale_x_y = yolo ? (float)cfg_get_num(p->c, p->section, "scale_x_y", 1) : 1};
    d.x = export_reshape(p, p->in, 4, (const int64_t[]){0, d.anchors, 5 + d.classes, d.cells});
    return d;
}

/* Numbers from..to of every anchor, as probabilities. */
static const char *part(const export_place *p, const head *d, int from, int to, int activate) {
    const char *x = export_slice(p, d->x, 2, from, to, 1);
    return activate && !d->raw_scores ? onnx_op1(p->g, "Sigmoid", x) : x;
}

static const char *places(const export_place *p, const head *d, int from, int to) {
    return export_affine(p, part(p, d, from, to, 1), d->scale_x_y, -(d->scale_x_y - 1) / 2);
}

static const char *classes(const export_place *p, const head *d) {
    if (!d->softmax) return part(p, d, 5, 5 + d->classes, 1);
    const int64_t order[] = {0, 1, 3, 2};
    const char *x = export_transpose(p, part(p, d, 5, 5 + d->classes, 0), 4, order);
    onnx_node *node = onnx_add(p->g, NULL, "Softmax", (const char *const[]){x, NULL});
    onnx_set_int(p->g, node, "axis", 3);
    return export_transpose(p, onnx_result(node), 4, order);
}

static const char *numbers(const export_place *p) {
    head d = head_of(p);
    const char *const parts[] = {places(p, &d, 0, 2), part(p, &d, 2, 4, 0), part(p, &d, 4, 5, 1),
                                 classes(p, &d), NULL};
    return export_reshape(p, export_concat(p, parts, 2), 4,
                          (const int64_t[]){0, p->out.c, d.h, d.w});
}

const char *export_yolo(const export_place *p) { return numbers(p); }

const char *export_region(const export_place *p) {
    if (p->l->softmax_tree) return export_refuse(p, "has a tree=: not in ONNX exports");
    if (p->l->coords != 4 || p->l->background)
        return export_refuse(p, "coords= other than 4 and background=1: not in ONNX exports");
    return numbers(p);
}

const char *export_detection(const export_place *p) {
    if (p->l->softmax) return export_refuse(p, "has softmax=1: not in ONNX exports");
    return p->in;
}

/* ---- boxes ---- */

/* (1, anchors, 1, cells), written out, as OpenCV does not spread constants over two dimensions: the
 * column or row of every cell. */
static const char *grid(const export_place *p, const head *d, int rows) {
    const int64_t dims[] = {1, d->anchors, 1, d->cells};
    float *x;
    const char *name = onnx_tensor(p->g, 4, dims, &x);
    for (int k = 0; k < d->anchors * d->cells && x; k++) {
        int cell = k % d->cells;
        x[k] = (float)(rows ? cell / d->w : cell % d->w);
    }
    return name;
}

/* The same of widths or heights, in parts of the network's input. */
static const char *anchors(const export_place *p, const head *d, int heights) {
    const int64_t dims[] = {1, d->anchors, 1, d->cells};
    const layer *l = p->l;
    int yolo = kind_of(p) == CFG_S_YOLO;
    float *x, whole = (float)(yolo ? heights ? p->net->h : p->net->w : heights ? d->h : d->w);
    const char *name = onnx_tensor(p->g, 4, dims, &x);
    for (int k = 0; k < d->anchors * d->cells && x; k++) {
        int anchor = k / d->cells;
        x[k] = l->biases[2 * (yolo ? l->mask[anchor] : anchor) + heights] / whole;
    }
    return name;
}

/* x or y: (cell + place) / cells of a row or column. */
static const char *centre(const export_place *p, const head *d, int y) {
    const char *at = onnx_op2(p->g, "Add", places(p, d, y, y + 1), grid(p, d, y));
    return export_affine(p, at, 1 / (float)(y ? d->h : d->w), 0);
}

static const char *side(const export_place *p, const head *d, int height) {
    const char *x = part(p, d, 2 + height, 3 + height, 0);
    x = d->raw_scores ? export_affine(p, onnx_op2(p->g, "Mul", x, x), 4, 0)
                      : onnx_op1(p->g, "Exp", x);
    return onnx_op2(p->g, "Mul", x, anchors(p, d, height));
}

/* (batch, anchors, each, cells) as (batch, anchors * cells, each). */
static const char *in_rows(const export_place *p, const head *d, const char *x, int each) {
    const int64_t order[] = {0, 1, 3, 2}, dims[] = {0, d->anchors * d->cells, each};
    return export_reshape(p, export_transpose(p, x, 4, order), 3, dims);
}

static void decode(const export_place *p, const char **boxes, const char **scores) {
    head d = head_of(p);
    const char *const sides[] = {centre(p, &d, 0), centre(p, &d, 1), side(p, &d, 0), side(p, &d, 1),
                                 NULL};
    *boxes = in_rows(p, &d, export_concat(p, sides, 2), 4);
    *scores = in_rows(p, &d, onnx_op2(p->g, "Mul", classes(p, &d), part(p, &d, 4, 5, 1)),
                      d.classes);
}

int export_decode(export_place *p, const int *heads, int n) {
    const char **boxes = calloc(2 * (size_t)n + 2, sizeof *boxes), **scores = boxes + n + 1;
    int rows = 0, kinds = 0;
    if (!boxes) return fail(p->err, "not enough memory for %d heads", n);
    for (int k = 0; k < n; k++) {
        p->i = heads[k];
        p->section = cfg_section_of(p->c, p->i);
        p->l = &p->net->layers[p->i];
        p->in = p->i ? p->values[p->i - 1] : p->input_name;
        p->out = p->shapes[p->i];
        if (k && p->l->classes != kinds) {
            free(boxes);
            export_refuse(p, "has other classes= than the first head: -decode joins all heads");
            return -1;
        }
        kinds = p->l->classes;
        rows += p->l->n * p->out.h * p->out.w;
        onnx_scope(p->g, "boxes_%d", p->i);
        decode(p, &boxes[k], &scores[k]);
    }
    const char *all = export_concat(p, boxes, 1), *points = export_concat(p, scores, 1);
    onnx_add(p->g, "boxes", "Identity", (const char *const[]){all, NULL});
    onnx_add(p->g, "scores", "Identity", (const char *const[]){points, NULL});
    onnx_output(p->g, "boxes", 3, (const int64_t[]){p->a->batch, rows, 4});
    onnx_output(p->g, "scores", 3, (const int64_t[]){p->a->batch, rows, kinds});
    free(boxes);
    return 0;
}
