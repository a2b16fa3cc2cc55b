/* export_pieces.c - what the kinds of layers share on their way into ONNX; see export_internal.h.
 */
#include "tools/export_internal.h"
#include <stdarg.h>
#include <stdio.h>

const char *export_refuse(const export_place *p, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cfg_fail(p->err, p->c, p->c->sections[p->section].line, "[%s] (layer %d) %s",
             p->c->sections[p->section].type, p->i, text);
    return NULL;
}

const char *export_reshape(const export_place *p, const char *x, int n, const int64_t dims[]) {
    return onnx_op2(p->g, "Reshape", x, onnx_ints(p->g, n, dims));
}

const char *export_transpose(const export_place *p, const char *x, int n, const int64_t order[]) {
    onnx_node *node = onnx_add(p->g, NULL, "Transpose", (const char *const[]){x, NULL});
    onnx_set_ints(p->g, node, "perm", n, order);
    return onnx_result(node);
}

const char *export_slice(const export_place *p, const char *x, int axis, int from, int to,
                         int step) {
    const int64_t one[] = {from, to, axis, step};
    const char *in[6] = {x};
    for (int k = 0; k < 4; k++) in[k + 1] = onnx_ints(p->g, 1, one + k);
    return onnx_result(onnx_add(p->g, NULL, "Slice", in));
}

const char *export_concat(const export_place *p, const char *const values[], int axis) {
    onnx_node *node = onnx_add(p->g, NULL, "Concat", values);
    onnx_set_int(p->g, node, "axis", axis);
    return onnx_result(node);
}

const char *export_affine(const export_place *p, const char *x, float a, float b) {
    if (a < 1 || a > 1) x = onnx_op2(p->g, "Mul", x, onnx_scalar(p->g, a));
    if (b < 0 || b > 0) x = onnx_op2(p->g, "Add", x, onnx_scalar(p->g, b));
    return x;
}

int export_named(const export_place *p, int k, int *at) {
    const char *list = cfg_get(p->c, p->section, cfg_reads(p->c, p->section));
    double numbers[256];
    int n = list ? cfg_list(list, numbers, 256) : 0;
    if (k < n && k < 256) *at = (int)numbers[k] < 0 ? p->i + (int)numbers[k] : (int)numbers[k];
    return n;
}
