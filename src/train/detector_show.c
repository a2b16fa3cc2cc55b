/* detector_show.c - see detector_show.h */
#include "train/detector_show.h"
#include "data/draw.h"
#include "train/report.h"

typedef struct {
    int left, top, right, bottom;
} pixels;

static int clamp(float v, int most) { return v<0 ? 0 : v>(float) most ? most : (int)v; }

/* As the host draws them: whole pixels inside the picture. */
static pixels pixels_of(box b, const raster *r) {
    return (pixels){clamp((b.x - b.w / 2) * (float)r->w, r->w - 1),
                    clamp((b.y - b.h / 2) * (float)r->h, r->h - 1),
                    clamp((b.x + b.w / 2) * (float)r->w, r->w - 1),
                    clamp((b.y + b.h / 2) * (float)r->h, r->h - 1)};
}

int detector_view_open(detector_view *v, const detector_args *a, char *err) {
    v->a = *a;
    if (detector_open_test(&v->c, &v->a, err)) return -1;
    set_batch_network(v->c.net, 1);
    v->X = calloc((size_t)v->c.net->inputs, sizeof *v->X);
    if (v->X) return 0;
    session_close(&v->c);
    return fail(err, "not enough memory for a picture");
}

void detector_view_close(detector_view *v) {
    free(v->X);
    session_close(&v->c);
}

detection *detector_look(const detector_view *v, const raster *r, const char *name, int *n,
                         double *seconds, char *err) {
    const session *c = &v->c;
    network *net = c->net;
    int stretch = detector_stretches(c->cfg, v->a.fork);
    if (stretch)
        image_stretch(r, net->w, net->h, net->c, v->X);
    else
        image_letterbox(r, net->w, net->h, net->c, v->X);
    double start = report_now();
    if (detector_predict(c, &v->a, v->X, 0, err)) return NULL;
    *seconds = report_now() - start;
    heads_rule rule = {v->a.thresh, v->a.nms, detector_diou(c, &v->a)};
    int w = stretch ? net->w : r->w, h = stretch ? net->h : r->h;
    return detector_boxes(c, 0, w, h, &rule, name, n, err);
}

void detector_print(const detector_view *v, const detection *d, int n, const raster *r) {
    const data_file *data = v->c.data;
    for (int i = 0; i < n; i++) {
        pixels p = pixels_of(d[i].bbox, r);
        for (int k = 0; k < data->classes; k++) {
            if (!(d[i].prob[k] > v->a.thresh)) continue;
            printf("%s: %.0f%%\t(left_x: %4d   top_y: %4d   width: %4d   height: %4d)\n",
                   data->name[k], 100 * (double)d[i].prob[k], p.left, p.top, p.right - p.left,
                   p.bottom - p.top);
        }
    }
}

void detector_words(const detector_view *v, const detection *d, int n, char *words, size_t len) {
    size_t at = 0;
    words[0] = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < v->c.data->classes && at < len; k++) {
            if (!(d[i].prob[k] > v->a.thresh)) continue;
            at += (size_t)snprintf(words + at, len - at, "%s%s %.0f%%", at ? ", " : "",
                                   v->c.data->name[k], 100 * (double)d[i].prob[k]);
        }
}

/* b: the box as it was found, in units of the picture's width and height; p: its pixels. */
static void add_json(cJSON *list, const char *name, int cls, float score, pixels p, box b) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddNumberToObject(o, "class", cls);
    cJSON_AddNumberToObject(o, "score", (double)score);
    cJSON_AddNumberToObject(o, "left", p.left);
    cJSON_AddNumberToObject(o, "top", p.top);
    cJSON_AddNumberToObject(o, "right", p.right);
    cJSON_AddNumberToObject(o, "bottom", p.bottom);
    cJSON *relative = cJSON_AddObjectToObject(o, "relative");
    cJSON_AddNumberToObject(relative, "x", (double)b.x);
    cJSON_AddNumberToObject(relative, "y", (double)b.y);
    cJSON_AddNumberToObject(relative, "width", (double)b.w);
    cJSON_AddNumberToObject(relative, "height", (double)b.h);
    cJSON_AddItemToArray(list, o);
}

void detector_record(const detector_view *v, const detection *d, int n, const raster *r,
                     cJSON *record) {
    cJSON *list = cJSON_AddArrayToObject(record, "boxes");
    for (int i = 0; i < n; i++)
        for (int k = 0; k < v->c.data->classes; k++)
            if (d[i].prob[k] > v->a.thresh)
                add_json(list, v->c.data->name[k], k, d[i].prob[k], pixels_of(d[i].bbox, r),
                         d[i].bbox);
}

/* One box may be of several classes: all their names, the colour of the best. */
void detector_paint(const detector_view *v, const detection *d, int n, raster *r) {
    int thick = r->h / 250 + 1, scale = r->h / 700 + 1;
    for (int i = 0; i < n; i++) {
        char words[256];
        int best = -1;
        for (int k = 0; k < v->c.data->classes; k++)
            if (d[i].prob[k] > v->a.thresh && (best < 0 || d[i].prob[k] > d[i].prob[best]))
                best = k;
        if (best < 0) continue;
        pixels p = pixels_of(d[i].bbox, r);
        draw_colour c = draw_colour_of(best);
        detector_words(v, &d[i], 1, words, sizeof words);
        draw_frame(r, p.left, p.top, p.right, p.bottom, thick, c);
        draw_words(r, p.left, p.top - 1, scale, words, c);
    }
}
