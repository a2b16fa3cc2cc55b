/* test_stock_cfgs.c - every cfg that comes with Debian's darknet, with random weights on a picture:
 * our outputs against those of the host alone, and box for box where it is a detector. The table is
 * the log of this test.
 *
 * yolov2.cfg and yolov2-voc.cfg run at their own size, the others at 64 x 64 where they fit
 * together there: the host needs minutes for all of them otherwise. test_stock_cfgs NAME runs that
 * one alone. */
#include "alone.h"
#include "data/batch.h"
#include <dirent.h>
#include <omp.h>

static const double TOL = 1e-4;
static const char *const folder = "/usr/share/darknet/cfg", *const picture =
                                                                "/usr/share/darknet/data/dog.jpg";

/* The library's initial weights, which take it half a minute in all and are replaced at once. */
__attribute__((visibility("default"))) float rand_normal(void);
float rand_normal(void) { return 0; }

static int is_head(const layer *l) {
    return l->type == YOLO || l->type == REGION || l->type == DETECTION;
}

static void fill(float *p, size_t n, int kind, float sd, rng_key_t key) {
    for (size_t at = 0, most = 1 << 16; at < n; at += most) {
        size_t len = n - at < most ? n - at : most;
        rng_normal_row(p + at, len, key, (uint32_t)(at / most));
        for (size_t i = at; i < at + len; i++)
            p[i] = kind == ALONE_WEIGHTS ? sd * p[i]
                   : kind == ALONE_SCALES || kind == ALONE_VARIANCE
                       ? 1 + 0.3f * p[i] / (1 + fabsf(p[i]))
                       : 0.1f * p[i];
    }
}

/* Random parameters for ours, the same for the host. */
static void fill_both(network *ours, network *host) {
    for (int i = 0; i < ours->n; i++) {
        alone_array a[ALONE_ARRAYS], b[ALONE_ARRAYS];
        const layer *l = &ours->layers[i];
        double fan = l->type == CONNECTED
                         ? (double)l->inputs
                         : (double)l->size * l->size * l->c / (l->groups ? l->groups : 1);
        alone_arrays(l, a);
        alone_arrays(&host->layers[i], b);
        for (int k = 0; k < ALONE_ARRAYS; k++) {
            fill(a[k].p, a[k].n, k, (float)sqrt(2 / (fan > 0 ? fan : 1)),
                 rng_key(5, RNG_TEST, (uint64_t)i, (uint64_t)k));
            if (a[k].n) memcpy(b[k].p, a[k].p, a[k].n * sizeof(float));
        }
    }
    engine_changed(host_engine(host_of(ours)), NULL);
}

/* The cfg for one picture; at 64 x 64 if it is not to have its own size and the layers fit.
 * malloc'd. */
static char *prepared(const char *path, int own_size, char *err) {
    cfg_file *c = cfg_read(path, err);
    if (!c) return NULL;
    int w, h, ch;
    char was[2][16];
    snprintf(was[0], 16, "%.0f", cfg_get_num(c, 0, "width", 0));
    snprintf(was[1], 16, "%.0f", cfg_get_num(c, 0, "height", 0));
    cfg_set(c, 0, "batch", "1");
    cfg_set(c, 0, "subdivisions", "1");
    if (!own_size && strtol(was[0], NULL, 10) > 64) {
        cfg_set(c, 0, "width", "64");
        cfg_set(c, 0, "height", "64");
        if (cfg_layer_shape(c, 0, &w, &h, &ch)) {
            cfg_set(c, 0, "width", was[0]);
            cfg_set(c, 0, "height", was[1]);
        }
    }
    char *text = cfg_text(c);
    cfg_free(c);
    return text;
}

/* Why the host alone cannot be the judge, or NULL. */
static const char *host_fault(const network *net) {
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->type == CONVOLUTIONAL && l->size == 1 && (l->stride > 1 || l->pad > 0))
            return "the host's 1x1 convolutions ignore stride and padding";
        if (l->type == BATCHNORM) return "the host ends at a [batchnorm]";
    }
    return NULL;
}

/* What feeds a softmax or a head gets values up to 4: with larger ones every softmax would say 0 or
 * 1, whatever its input. */
static void calm(network *ours, network *host) {
    for (int i = 0; i + 1 < host->n; i++) {
        const layer *l = &host->layers[i];
        LAYER_TYPE next = host->layers[i + 1].type;
        if (!l->weights ||
            (next != SOFTMAX && next != AVGPOOL && next != COST && !is_head(&host->layers[i + 1])))
            continue;
        float most = 1e-9f;
        for (int k = 0; k < l->outputs; k++) most = fmaxf(most, fabsf(l->output[k]));
        network *both[] = {ours, host};
        for (int s = 0; s < 2; s++) {
            alone_array a[ALONE_ARRAYS];
            alone_arrays(&both[s]->layers[i], a);
            int by = a[ALONE_SCALES].n ? ALONE_SCALES : ALONE_WEIGHTS;
            for (size_t k = 0; k < a[by].n; k++) a[by].p[k] *= 4 / most;
            for (size_t k = 0; k < a[ALONE_BIASES].n; k++) a[ALONE_BIASES].p[k] *= 4 / most;
        }
    }
    engine_changed(host_engine(host_of(ours)), NULL);
}

static double heads_apart(const network *a, const network *b) {
    double far = 0;
    for (int i = 0; i < a->n; i++) {
        const layer *l = &a->layers[i];
        if (!is_head(l)) continue;
        alone_values x = {0}, y = {0};
        alone_push(&x, l->output, (size_t)l->outputs);
        alone_push(&y, b->layers[i].output, (size_t)l->outputs);
        far = fmax(far, alone_apart(x, y));
        free(x.v);
        free(y.v);
    }
    return far;
}

/* Largest difference of corresponding boxes, by the larger of their sizes or 1, and of their
 * scores. */
static double boxes_apart(network *a, network *b, int *n) {
    /* Those of a [detection] are in pixels, the others' relative. */
    int m, pixels = a->layers[a->n - 1].type == DETECTION, w = pixels ? 1 : 768,
           h = pixels ? 1 : 576;
    double far = 0;
    detection *x = get_network_boxes(a, w, h, 0, 0.5f, NULL, 1, n),
              *y = get_network_boxes(b, w, h, 0, 0.5f, NULL, 1, &m);
    for (int i = 0; *n == m && i < m; i++) {
        const box *p = &x[i].bbox, *q = &y[i].bbox;
        double size = fmax(1, fmax((double)fabsf(q->w), (double)fabsf(q->h)));
        double d[] = {(double)(p->x - q->x), (double)(p->y - q->y), (double)(p->w - q->w) / size,
                      (double)(p->h - q->h) / size};
        for (int k = 0; k < 4; k++) far = fabs(d[k]) >= 0 ? fmax(far, fabs(d[k])) : INFINITY;
        for (int k = 0; k < y[i].classes; k++)
            far = fmax(far, fabs((double)(x[i].prob[k] - y[i].prob[k])));
    }
    if (*n != m) far = INFINITY;
    free_detections(x, *n);
    free_detections(y, m);
    return far;
}

/* The host's own tree softmax gives no numbers on a CPU ([region] with tree=). Where it does, ours
 * must too; 0 in both then. */
static size_t no_numbers(alone_values a, alone_values b) {
    size_t n = 0;
    for (size_t i = 0; i < a.n && a.n == b.n; i++) {
        if (!isnan(a.v[i]) || !isnan(b.v[i])) continue;
        a.v[i] = b.v[i] = 0;
        n++;
    }
    return n;
}

static void compare(const char *name, network *ours, network *host, const raster *r) {
    char boxes[64] = "";
    int n = 0, head = 0;
    fill_both(ours, host);
    float *X = calloc((size_t)ours->inputs * (size_t)ours->batch, sizeof *X);
    if (ours->c == 3)
        image_letterbox(r, ours->w, ours->h, 3, X);
    else
        for (int i = 0; i < ours->inputs; i++) X[i] = (float)(i * 37 % 101) / 101;
    network_predict(host, X);
    calm(ours, host);
    network_predict(ours, X);
    network_predict(host, X);
    free(X);
    for (int i = 0; i < ours->n; i++) head |= is_head(&ours->layers[i]);
    alone_values a = alone_output(ours), b = alone_output(host);
    size_t lost = no_numbers(a, b);
    double e = fmax(alone_apart(a, b), lost ? 0 : heads_apart(ours, host)), spread = 0;
    for (size_t i = 0; i < b.n; i++) spread = fmax(spread, fabs(b.v[i] - b.v[0]));
    CHECK(e <= TOL && spread > 0, "%s: outputs are %.2e from the host's", name, e);
    if (lost)
        SKIP("%s: boxes: %zu of the host's %zu outputs are no numbers, nor are ours", name, lost,
             b.n);
    if (head && !lost) {
        double d = boxes_apart(ours, host, &n);
        CHECK(d <= TOL && n > 10, "%s: %d boxes, up to %.2e from the host's", name, n, d);
        snprintf(boxes, sizeof boxes, "%d boxes within %.1e", n, d);
    }
    printf("%-26s %3d x %3d  %4d layers  %7d outputs  within %.1e  %s\n", name, ours->w, ours->h,
           ours->n, ours->outputs, e, boxes);
    free(a.v);
    free(b.v);
}

static void one(const char *name, const raster *r) {
    char path[512], err[ERR_LEN] = "";
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int own_size = !strcmp(name, "yolov2.cfg") || !strcmp(name, "yolov2-voc.cfg");
    alone_voice v = alone_hush();
    char *text = prepared(path, own_size, err);
    alone_speak(v);
    network *ours = text ? alone_open(text, 0, err) : NULL;
    const char *fault = ours ? host_fault(ours) : err;
    network *host = ours && !fault ? alone_open(text, 1, err) : NULL;
    if (host)
        compare(name, ours, host, r);
    else
        SKIP("%s: %s", name, fault ? fault : err);
    CHECK(host || !own_size, "%s must run on both", name);
    fflush(stdout);
    host_close(ours);
    host_close(host);
    free(text);
}

static int is_cfg(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 4 && !strcmp(d->d_name + n - 4, ".cfg");
}

int main(int argc, char **argv) {
    struct dirent **list;
    char err[ERR_LEN];
    raster r = {0};
    int n = scandir(folder, &list, is_cfg, alphasort);
    if (n < 0 || raster_read(picture, 3, &r, err)) {
        SKIP("%s or %s is not there", folder, picture);
        return t_done("test_stock_cfgs");
    }
    if (chdir("/usr/share/darknet")) return 1; /* cfgs name files beside them */
    int ran = t_passed;
    for (int i = 0; i < n; i++) {
        if (argc < 2 || !strcmp(argv[1], list[i]->d_name)) one(list[i]->d_name, &r);
        free(list[i]);
    }
    free(list);
    raster_free(&r);
    CHECK(argc > 1 || t_passed - ran > 30, "only %d comparisons", t_passed - ran);
    return t_done("test_stock_cfgs");
}
