/* classifier_predict.c - `classifier predict`: the classes of pictures, printed, and drawn if asked
 * for. */
#include "train/classifier.h"
#include "data/draw.h"
#include "train/pictures_run.h"
#include "train/report.h"

typedef struct {
    const session *c;
    const pictures_run *pictures;
    float *X, *p; /* the picture; probabilities */
    char *used;   /* (outputs) classes shown already */
} run;

static int best_left(const float *p, int n, const char *used) {
    int best = -1;
    for (int k = 0; k < n; k++)
        if (!used[k] && (best < 0 || p[k] > p[best])) best = k;
    return best;
}

/* Line k of the best classes: printed, noted, and written onto the picture. */
static void show_class(const run *t, int k, int cls, raster *r, cJSON *list) {
    const char *name = t->c->data->name[cls];
    double p = (double)t->p[cls];
    char words[256];
    printf("%5.2f%%: %s\n", 100 * p, name);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddNumberToObject(o, "class", cls);
    cJSON_AddNumberToObject(o, "probability", p);
    cJSON_AddItemToArray(list, o);
    if (!t->pictures->out) return;
    int scale = r->h / 700 + 1;
    snprintf(words, sizeof words, "%.200s %.0f%%", name, 100 * p);
    draw_words(r, 0, (k + 1) * 15 * scale - 1, scale, words, draw_colour_of(cls));
}

static int show_picture(void *arg, int i, raster *r, char *err) {
    run *t = arg;
    network *net = t->c->net;
    const session_args *a = t->pictures->a;
    int n = net->outputs, top = a->top < n ? a->top : n;
    image_fitted(r, classifier_fit(t->c->cfg), net->w, net->h, net->c, t->X);
    double start = report_now();
    classifier_outputs(net, t->X, 0, a->samples, t->p);
    if (classifier_finite(net, t->p, t->pictures->list.path[i], err)) return -1;
    cJSON *record = pictures_run_record(t->pictures, i, r, report_now() - start);
    cJSON *list = cJSON_AddArrayToObject(record, "top");
    memset(t->used, 0, (size_t)n);
    for (int k = 0; k < top; k++) {
        int best = best_left(t->p, n, t->used);
        t->used[best] = 1;
        show_class(t, k, best, r, list);
    }
    return pictures_run_draw(t->pictures, i, r, record, err);
}

static int predict(run *t, char *err) {
    const network *net = t->c->net;
    t->X = calloc((size_t)net->inputs, sizeof *t->X);
    t->p = calloc((size_t)net->outputs, sizeof *t->p);
    t->used = calloc((size_t)net->outputs, 1);
    int bad = -1;
    if (t->X && t->p && t->used)
        bad = pictures_run_all(t->pictures, show_picture, t, err);
    else
        fail(err, "not enough memory to predict");
    free(t->X);
    free(t->p);
    free(t->used);
    return bad;
}

int classifier_predict(const session_args *a, char *err) {
    session c;
    pictures_run pictures;
    if (pictures_run_open(&pictures, a, NULL, err)) return -1;
    int bad = classifier_open(&c, a, 0, err);
    if (!bad) {
        set_batch_network(c.net, 1);
        run t = {.c = &c, .pictures = &pictures};
        bad = predict(&t, err);
        session_close(&c);
    }
    pictures_run_close(&pictures);
    return bad;
}
