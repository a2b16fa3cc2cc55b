/* detector_test.c - `detector test`: the boxes of one picture, printed and drawn. */
#include "data/draw.h"
#include "host/heads.h"
#include "train/detector.h"
#include "train/report.h"

typedef struct { int left, top, right, bottom; } pixels;

static int clamp(float v, int most) { return v < 0 ? 0 : v > (float)most ? most : (int)v; }

/* As the host draws them: whole pixels inside the picture. */
static pixels pixels_of(box b, const raster *r) {
    return (pixels){clamp((b.x - b.w / 2) * (float)r->w, r->w - 1), clamp((b.y - b.h / 2) * (float)r->h, r->h - 1),
                    clamp((b.x + b.w / 2) * (float)r->w, r->w - 1), clamp((b.y + b.h / 2) * (float)r->h, r->h - 1)};
}

static void add_json(cJSON *list, const char *name, int cls, float score, pixels p) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddNumberToObject(o, "class", cls);
    cJSON_AddNumberToObject(o, "score", (double)score);
    cJSON_AddNumberToObject(o, "left", p.left);
    cJSON_AddNumberToObject(o, "top", p.top);
    cJSON_AddNumberToObject(o, "right", p.right);
    cJSON_AddNumberToObject(o, "bottom", p.bottom);
    cJSON_AddItemToArray(list, o);
}

static void draw_one(raster *r, pixels p, int cls, const char *words) {
    int thick = r->h / 250 + 1, scale = r->h / 700 + 1;
    draw_colour c = draw_colour_of(cls);
    draw_frame(r, p.left, p.top, p.right, p.bottom, thick, c);
    draw_words(r, p.left, p.top - 1, scale, words, c);
}

/* One box may be of several classes. */
static void show_box(const classifier *c, const detector_args *a, const detection *d, raster *r, cJSON *list) {
    char words[256] = "";
    int best = -1;
    pixels p = pixels_of(d->bbox, r);
    for (int k = 0; k < c->data->classes; k++) {
        if (!(d->prob[k] > a->thresh)) continue;
        printf("%s: %.0f%%\t(left_x: %4d   top_y: %4d   width: %4d   height: %4d)\n", c->data->name[k], 100 * (double)d->prob[k],
               p.left, p.top, p.right - p.left, p.bottom - p.top);
        add_json(list, c->data->name[k], k, d->prob[k], p);
        size_t n = strlen(words);
        snprintf(words + n, sizeof words - n, "%s%s %.0f%%", n ? ", " : "", c->data->name[k], 100 * (double)d->prob[k]);
        if (best < 0 || d->prob[k] > d->prob[best]) best = k;
    }
    if (best >= 0) draw_one(r, p, best, words);
}

/* NAME.png, the ending added if it is missing. */
static void picture_name(char out[4096], const char *name) {
    size_t n = strlen(name);
    int has = n > 4 && !strcmp(name + n - 4, ".png");
    snprintf(out, 4096, "%s%s", name, has ? "" : ".png");
}

static int show_all(const classifier *c, const detector_args *a, raster *r, float *X, char *err) {
    network *net = c->net;
    char path[4096];
    if (a->fork) image_stretch(r, net->w, net->h, net->c, X);
    else image_letterbox(r, net->w, net->h, net->c, X);
    double start = report_now();
    if (detector_predict(c, a, X, 0, err)) return -1;
    printf("%s: Predicted in %f seconds.\n", a->c.image, report_now() - start);
    heads_rule rule = {a->thresh, a->nms, a->fork && heads_diou(c->cfg)};
    int n = 0;
    detection *d = heads_boxes(net, 0, a->fork ? net->w : r->w, a->fork ? net->h : r->h, &rule, &n);
    cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "boxes");
    for (int i = 0; i < n; i++) show_box(c, a, &d[i], r, list);
    free_detections(d, n);
    picture_name(path, a->out ? a->out : "predictions");
    int bad = draw_write_png(r, path, err);
    if (!bad) {
        printf("drawn into %s\n", path);
        cJSON_AddStringToObject(j, "picture", path);
        cJSON_AddNumberToObject(j, "width", r->w);
        cJSON_AddNumberToObject(j, "height", r->h);
        bad = report_json(a->c.json, j, err);
    }
    cJSON_Delete(j);
    return bad;
}

int detector_test(const detector_args *a, char *err) {
    classifier c;
    raster r;
    if (raster_read(a->c.image, 3, &r, err)) return -1;
    if (detector_open_test(&c, a, err)) {
        raster_free(&r);
        return -1;
    }
    set_batch_network(c.net, 1);
    float *X = calloc((size_t)c.net->inputs, sizeof *X);
    int bad = -1;
    if (X) bad = show_all(&c, a, &r, X, err);
    else snprintf(err, ERR_LEN, "not enough memory for the picture");
    free(X);
    raster_free(&r);
    classifier_close(&c);
    return bad;
}
