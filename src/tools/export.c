/* export.c - see export.h */
#include "base/commit.h"
#include "data/dataset.h"
#include "engine/engine.h"
#include "host/kinds.h"
#include "tools/export_internal.h"
#include "train/classifier.h"
#include "train/detector.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const export_args *a;
    cfg_file *cfg;
    data_file *data;
    network *net;
    onnx_graph *g;
    cfg_layer *shapes;
    const char **values;
    int *heads, n_heads;
} job;

static int open_all(job *j, char *err) {
    const export_args *a = j->a;
    if (!(j->cfg = cfg_read(a->cfg, err))) return -1;
    if (a->data && !(j->data = data_file_read(a->data, err))) return -1;
    cfg_set(j->cfg, 0, "batch", "1");
    cfg_set(j->cfg, 0, "subdivisions", "1");
    if (!(j->net = host_open(j->cfg, 1, err)) || host_load(j->net, a->weights, 0, err)) return -1;
    engine_read(host_engine(host_of(j->net)), NULL);
    if (j->net->w <= 0 || j->net->h <= 0 || j->net->c <= 0)
        return fail(err,
                    "%s: [net] gives no width, height and channels: only networks of pictures "
                    "are exported",
                    a->cfg);
    size_t n = (size_t)j->net->n;
    j->shapes = calloc(n, sizeof *j->shapes);
    j->values = calloc(n, sizeof *j->values);
    j->heads = calloc(n, sizeof *j->heads);
    j->g = onnx_new(a->cfg, "metaperturb", program_version(), a->opset);
    if (!j->shapes || !j->values || !j->heads || !j->g)
        return fail(err, "not enough memory for %zu layers", n);
    return cfg_get_layers(j->cfg, j->shapes, err);
}

/* A weight that is no number makes a model that answers nothing, and no reader says why. */
static int all_numbers(const job *j, char *err) {
    for (int i = 0; i < j->net->n; i++) {
        const layer *l = &j->net->layers[i];
        size_t n = l->type == CONVOLUTIONAL ? (size_t)l->nweights
                   : l->type == CONNECTED   ? (size_t)l->inputs * (size_t)l->outputs
                                            : 0;
        double sum = 0;
        for (size_t k = 0; k < n; k++) sum += (double)l->weights[k];
        for (int k = 0; n && l->batch_normalize && k < (l->type == CONNECTED ? l->outputs : l->n);
             k++)
            sum += sqrt((double)l->rolling_variance[k]);
        if (sum - sum != 0)
            return fail(err, "%s: layer %d holds weights or variances that give no numbers",
                        j->a->weights, i);
    }
    return 0;
}

/* Through all layers, [cost] at the end left out. */
static int walk(job *j, export_place *p) {
    const char *in = p->input_name;
    cfg_layer shape = p->input;
    for (p->i = 0; p->i < j->net->n; p->i++) {
        p->section = cfg_section_of(p->c, p->i);
        p->l = &j->net->layers[p->i];
        p->in = in;
        p->in_shape = shape;
        p->out = j->shapes[p->i];
        const char *type = p->c->sections[p->section].type;
        export_layer *f = export_layer_for((int)cfg_kind_at(p->c, p->section)->id);
        if (!f) {
            export_refuse(p, "is a layer that the ONNX export does not know");
            return -1;
        }
        onnx_scope(p->g, "%s_%d", type, p->i);
        if (!(in = j->values[p->i] = f(p))) return -1;
        if (export_is_head(p)) j->heads[j->n_heads++] = p->i;
        shape = p->out;
    }
    return 0;
}

static int last_layer(const job *j) {
    int i = j->net->n - 1;
    while (i > 0 && j->net->layers[i].type == COST) i--;
    return i;
}

static void name_output(export_place *p, int layer, const char *name) {
    const cfg_layer *s = &p->shapes[layer];
    onnx_add(p->g, name, "Identity", (const char *const[]){p->values[layer], NULL});
    onnx_output(p->g, name, 4, (const int64_t[]){p->a->batch, s->c, s->h, s->w});
}

static int outputs(job *j, export_place *p) {
    int last = last_layer(j);
    char name[32];
    if (j->a->decode && !j->n_heads)
        return fail(p->err, "-decode: %s has no [yolo] and no [region] layer", j->a->cfg);
    if (j->a->decode) return export_decode(p, j->heads, j->n_heads);
    for (int k = 0; k < j->n_heads; k++) {
        snprintf(name, sizeof name, "head_%d", j->heads[k]);
        name_output(p, j->heads[k], name);
    }
    if (j->n_heads) return 0;
    if (j->net->layers[last].type == SOFTMAX) {
        onnx_add(p->g, "probabilities", "Flatten", (const char *const[]){p->values[last], NULL});
        onnx_output(p->g, "probabilities", 2, (const int64_t[]){j->a->batch, j->net->outputs});
    } else {
        name_output(p, last, "output");
    }
    return 0;
}

/* ---- what a reader of the file has to know ---- */

static const char *fit_of(const job *j) {
    static const char *const said[] = {
        [FIT_STRETCH] = "stretch: to width x height, shape not kept",
        [FIT_CENTRE] = "centre: the shorter side to size, shape kept, and the middle cut out",
        [FIT_LETTERBOX] = "letterbox: shape kept, in the middle, the rest filled with 0.5"};
    if (!j->n_heads) return said[classifier_fit(j->cfg)];
    int fork = detector_of_fork(host_of(j->net));
    return said[detector_stretches(j->cfg, fork) ? FIT_STRETCH : FIT_LETTERBOX];
}

static int class_names(const job *j, char *err) {
    int kinds = j->n_heads ? j->net->layers[j->heads[0]].classes : j->net->outputs;
    if (!j->data) return 0;
    if (j->data->classes != kinds)
        return fail(err, "%s has %d classes, but %s has classes=%d", j->a->cfg, kinds, j->a->data,
                    j->data->classes);
    cJSON *all = cJSON_CreateArray();
    for (int k = 0; k < kinds; k++) cJSON_AddItemToArray(all, cJSON_CreateString(j->data->name[k]));
    char *text = cJSON_PrintUnformatted(all);
    if (text) onnx_describe(j->g, "names", text);
    free(text);
    cJSON_Delete(all);
    return 0;
}

static int describe(job *j, char *err) {
    onnx_graph *g = j->g;
    char size[64];
    snprintf(size, sizeof size, "%d x %d (width x height), %d channels", j->net->w, j->net->h,
             j->net->c);
    onnx_describe(g, "size", size);
    onnx_describe(g, "scale", "pixels divided by 255: 0 to 1");
    onnx_describe(g, "channels", j->net->c == 3 ? "RGB, in that order" : "as they are");
    onnx_describe(g, "fit", fit_of(j));
    if (j->a->decode)
        onnx_describe(g, "boxes",
                      "centre x, centre y, width, height in parts of the network's "
                      "input; scores: objectness times class; not suppressed");
    return class_names(j, err);
}

static void tell(const job *j) {
    char many[16];
    snprintf(many, sizeof many, "%d", j->a->batch);
    printf("%s: ONNX, operators of version %d, %d layers, %s; input images %s x %d x %d x %d\n",
           j->a->out, onnx_opset(j->g), j->net->n,
           j->a->decode ? "boxes and scores"
           : j->n_heads ? "the numbers of its heads"
                        : "one output",
           j->a->batch ? many : "N", j->net->c, j->net->h, j->net->w);
}

int export_onnx(const export_args *a, char *err) {
    job j = {.a = a};
    int bad = open_all(&j, err) || all_numbers(&j, err) ? -1 : 0;
    if (!bad) {
        cfg_layer in = {.w = j.net->w, .h = j.net->h, .c = j.net->c};
        export_place p = {.a = a,
                          .c = j.cfg,
                          .net = j.net,
                          .g = j.g,
                          .shapes = j.shapes,
                          .values = j.values,
                          .input = in,
                          .input_name = "images",
                          .err = err};
        onnx_input(j.g, "images", 4, (const int64_t[]){a->batch, in.c, in.h, in.w});
        bad = walk(&j, &p) || outputs(&j, &p) || describe(&j, err) || onnx_write(j.g, a->out, err)
                  ? -1
                  : 0;
    }
    if (!bad) tell(&j);
    onnx_free(j.g);
    free(j.heads);
    free(j.values);
    free(j.shapes);
    host_close(j.net);
    data_file_free(j.data);
    cfg_free(j.cfg);
    return bad;
}
