/* detector_test.c - `detector test`: the boxes of pictures, printed and drawn. */
#include "data/draw.h"
#include "host/heads.h"
#include "train/detector.h"
#include "train/pictures_run.h"
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

static void draw_one(raster *r, pixels p, int cls, const char *words) {
    int thick = r->h / 250 + 1, scale = r->h / 700 + 1;
    draw_colour c = draw_colour_of(cls);
    draw_frame(r, p.left, p.top, p.right, p.bottom, thick, c);
    draw_words(r, p.left, p.top - 1, scale, words, c);
}

/* One box may be of several classes. */
static void show_box(const session *c, const detector_args *a, const detection *d, raster *r,
                     cJSON *list) {
    char words[256] = "";
    int best = -1;
    pixels p = pixels_of(d->bbox, r);
    for (int k = 0; k < c->data->classes; k++) {
        if (!(d->prob[k] > a->thresh)) continue;
        printf("%s: %.0f%%\t(left_x: %4d   top_y: %4d   width: %4d   height: %4d)\n",
               c->data->name[k], 100 * (double)d->prob[k], p.left, p.top, p.right - p.left,
               p.bottom - p.top);
        add_json(list, c->data->name[k], k, d->prob[k], p, d->bbox);
        size_t n = strlen(words);
        snprintf(words + n, sizeof words - n, "%s%s %.0f%%", n ? ", " : "", c->data->name[k],
                 100 * (double)d->prob[k]);
        if (best < 0 || d->prob[k] > d->prob[best]) best = k;
    }
    if (best >= 0) draw_one(r, p, best, words);
}

typedef struct {
    const session *c;
    const detector_args *a;
    const pictures_run *pictures;
    float *X;
} run;

static int show_picture(void *arg, int i, raster *r, char *err) {
    run *t = arg;
    const session *c = t->c;
    const detector_args *a = t->a;
    network *net = c->net;
    int stretch = detector_stretches(c->cfg, a->fork);
    if (stretch)
        image_stretch(r, net->w, net->h, net->c, t->X);
    else
        image_letterbox(r, net->w, net->h, net->c, t->X);
    double start = report_now();
    if (detector_predict(c, a, t->X, 0, err)) return -1;
    double seconds = report_now() - start;
    heads_rule rule = {a->thresh, a->nms, detector_diou(c, a)};
    int n = 0, w = stretch ? net->w : r->w, h = stretch ? net->h : r->h;
    detection *d = detector_boxes(c, 0, w, h, &rule, t->pictures->list.path[i], &n, err);
    if (!d) return -1;
    cJSON *record = pictures_run_record(t->pictures, i, r, seconds);
    cJSON *list = cJSON_AddArrayToObject(record, "boxes");
    for (int k = 0; k < n; k++) show_box(c, a, &d[k], r, list);
    free_detections(d, n);
    return pictures_run_draw(t->pictures, i, r, record, err);
}

int detector_test(const detector_args *args, char *err) {
    detector_args a = *args;
    session c;
    pictures_run pictures;
    if (pictures_run_open(&pictures, &a.c, "predictions", err)) return -1;
    int bad = detector_open_test(&c, &a, err);
    if (!bad) {
        set_batch_network(c.net, 1);
        run t = {&c, &a, &pictures, calloc((size_t)c.net->inputs, sizeof(float))};
        if (!t.X) fail(err, "not enough memory for a picture");
        bad = t.X ? pictures_run_all(&pictures, show_picture, &t, err) : -1;
        free(t.X);
        session_close(&c);
    }
    pictures_run_close(&pictures);
    return bad;
}
