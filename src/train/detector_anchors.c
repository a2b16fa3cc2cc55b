/* detector_anchors.c - `detector calc_anchors`: sizes for anchors= from the boxes of a train list.
 */
#include "data/draw.h"
#include "ops/anchors.h"
#include "train/detector.h"
#include <math.h>

enum { STARTS = 20, SIDE = 512 };

/* Widths and heights in pixels of the network's input: pictures stretched to it, or letterboxed. */
static float *sizes_of(const det_set *s, const anchor_args *a) {
    float *wh = malloc((s->boxes + 1) * 2 * sizeof *wh), *at = wh;
    for (int i = 0; wh && i < s->n; i++) {
        const det_item *it = &s->items[i];
        double w = a->width, h = a->height;
        if (!a->stretch) {
            double scale = fmin(w / it->w, h / it->h);
            w = scale * it->w, h = scale * it->h;
        }
        for (int k = 0; k < it->n; k++) {
            *at++ = (float)((double)it->box[k].box.w * w);
            *at++ = (float)((double)it->box[k].box.h * h);
        }
    }
    return wh;
}

static void frame(raster *r, float w, float h, float scale, int thick, draw_colour c) {
    int x = (int)(w * scale / 2), y = (int)(h * scale / 2), m = SIDE / 2;
    draw_frame(r, m - x, m - y, m + x, m + y, thick, c);
}

/* The network's input about a common centre: a sample of the boxes in gray, the anchors over them.
 */
static int plot(const anchor_args *a, const float *anchors, const float *wh, size_t n, char *err) {
    raster r = {SIDE, SIDE, 3, calloc(SIDE * SIDE, 3)};
    if (!r.px) return fail(err, "not enough memory for a picture");
    float scale = (float)SIDE / (float)(a->width > a->height ? a->width : a->height);
    size_t every = n / 400 + 1;
    for (size_t i = 0; i < n; i += every)
        frame(&r, wh[2 * i], wh[2 * i + 1], scale, 1, (draw_colour){90, 90, 90});
    for (int k = 0; k < a->num; k++) {
        frame(&r, anchors[2 * k], anchors[2 * k + 1], scale, 3, draw_colour_of(k));
        char words[32];
        snprintf(words, sizeof words, "%.0f,%.0f", (double)anchors[2 * k],
                 (double)anchors[2 * k + 1]);
        draw_words(&r, 2, 17 * (k + 1), 1, words, draw_colour_of(k));
    }
    int bad = draw_write_png(&r, a->plot, err);
    free(r.px);
    return bad;
}

static void tell_counters(const det_set *s, size_t *count) {
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->items[i].n; k++) count[s->items[i].box[k].cls]++;
    printf("counters_per_class = ");
    for (int k = 0; k < s->classes; k++) printf("%s%zu", k ? ", " : "", count[k]);
    printf("\n");
}

static int fit(const anchor_args *a, const det_set *s, char *err) {
    anchors_args f = {.n = s->boxes, .k = a->num, .starts = STARTS};
    float *wh = sizes_of(s, a), *anchors = calloc(2 * (size_t)a->num, sizeof *anchors);
    size_t *count = calloc((size_t)s->classes, sizeof *count);
    f.wh = wh;
    void *scratch = malloc(anchors_scratch_len(&f) + 1);
    double mean = 0;
    int bad = 0;
    if (!wh || !anchors || !count || !scratch)
        bad = fail(err, "not enough memory for %zu boxes", s->boxes);
    else if (s->boxes == 0 || anchors_fit(anchors, &mean, &f, scratch))
        bad = fail(err, "%s: fewer than %d different sizes of boxes: lower -num", a->data, a->num);
    if (!bad) {
        printf("num_of_clusters = %d, width = %d, height = %d\n", a->num, a->width, a->height);
        printf("%d pictures, %zu boxes, %s\n", s->n, s->boxes,
               a->stretch ? "stretched" : "letterboxed");
        tell_counters(s, count);
        printf("avg IoU = %.2f %%\nanchors = ", 100 * mean);
        for (int k = 0; k < a->num; k++)
            printf("%s%.0f,%.0f", k ? ", " : "", (double)anchors[2 * k],
                   (double)anchors[2 * k + 1]);
        printf("\n");
        if (a->plot) bad = plot(a, anchors, wh, s->boxes, err);
    }
    free(wh);
    free(anchors);
    free(count);
    free(scratch);
    return bad;
}

int detector_anchors(const anchor_args *a, char *err) {
    int flags = (a->skip_bad ? DET_SKIP_BAD : 0) | (a->negatives ? DET_NEGATIVES : 0);
    data_file *d = data_file_read(a->data, err);
    det_set *s = d ? det_load(d, DATA_TRAIN, 3, a->threads, flags, 0, err) : NULL;
    int bad = s ? fit(a, s, err) : -1;
    det_free(s);
    data_file_free(d);
    return bad;
}
