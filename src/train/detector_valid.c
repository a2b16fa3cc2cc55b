/* detector_valid.c - `detector valid`: all detections in files for other programs, as Darknet writes them.
 *   eval=voc (default)   RESULTS/comp4_det_test_CLASS.txt: name score left top right bottom, pixels counted from 1
 *   eval=coco            RESULTS/coco_results.json: COCO's list of image_id, category_id, bbox (left, top, width, height), score */
#include "host/files.h"
#include "train/detector.h"
#include "train/report.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

/* COCO numbers its 80 classes up to 90: those that were planned and left out. */
static const int coco_gap[] = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83};

typedef struct {
    const classifier *c;
    const det_set *s;
    const detector_args *a;
    int files, coco;
    FILE **f;                   /* memory until all is known */
    char **text;
    size_t *len;
    size_t written;
} results;

static int category(int cls, int classes) {
    int id = cls + 1;
    for (size_t i = 0; classes == 80 && i < sizeof coco_gap / sizeof *coco_gap; i++) id += coco_gap[i] <= id;
    return id;
}

/* The number behind the last _ or / of the path, as in COCO_val2014_000000000042.jpg; without one, the place in the list. */
static long image_id(const char *path, int place) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *bar = strrchr(name, '_');
    const char *at = bar ? bar + 1 : name;
    return isdigit((unsigned char)*at) ? strtol(at, NULL, 10) : place + 1;
}

static void write_one(results *r, int i, int cls, float score, box b) {
    const det_item *it = &r->s->items[i];
    double w = it->w, h = it->h;
    double x0 = fmax((double)(b.x - b.w / 2) * w, 0), x1 = fmin((double)(b.x + b.w / 2) * w, w);
    double y0 = fmax((double)(b.y - b.h / 2) * h, 0), y1 = fmin((double)(b.y + b.h / 2) * h, h);
    if (r->coco) {
        fprintf(r->f[0], "%s{\"image_id\":%ld, \"category_id\":%d, \"bbox\":[%f, %f, %f, %f], \"score\":%f}",
                r->written ? ",\n" : "", image_id(it->path, i), category(cls, r->s->classes), x0, y0, x1 - x0, y1 - y0, (double)score);
    } else {
        const char *slash = strrchr(it->path, '/'), *name = slash ? slash + 1 : it->path, *dot = strrchr(name, '.');
        fprintf(r->f[cls], "%.*s %f %f %f %f %f\n", (int)(dot ? dot - name : (long)strlen(name)), name, (double)score, x0 + 1, y0 + 1,
                fmin(x1 + 1, w), fmin(y1 + 1, h));
    }
    r->written++;
}

static int seen(void *arg, int i, const detection *d, int n, char *err) {
    results *r = arg;
    for (int k = 0; k < n; k++) {
        for (int c = 0; c < r->s->classes; c++) if (d[k].prob[c] > 0) write_one(r, i, c, d[k].prob[c], d[k].bbox);
    }
    return 0;
}

static int open_results(results *r, char *err) {
    const char *kind = r->c->data->eval;
    r->coco = !strcmp(kind, "coco");
    r->files = r->coco ? 1 : r->s->classes;
    r->f = calloc((size_t)r->files, sizeof *r->f);
    r->text = calloc((size_t)r->files, sizeof *r->text);
    r->len = calloc((size_t)r->files, sizeof *r->len);
    int bad = !r->f || !r->text || !r->len;
    for (int k = 0; k < r->files && !bad; k++) bad = !(r->f[k] = open_memstream(&r->text[k], &r->len[k]));
    if (bad) snprintf(err, ERR_LEN, "not enough memory for the results");
    else if (r->coco) fputs("[\n", r->f[0]);
    return bad ? -1 : 0;
}

static int write_file(results *r, int k, const char *dir, char *err) {
    char path[8192];
    file_out o;
    const char *name = r->a->out ? r->a->out : r->coco ? "coco_results" : "comp4_det_test_";
    snprintf(path, sizeof path, "%s/%s%s%s", dir, name, r->coco ? "" : r->c->data->name[k], r->coco ? ".json" : ".txt");
    int bad = fclose(r->f[k]);
    r->f[k] = NULL;
    if (bad) {
        snprintf(err, ERR_LEN, "not enough memory for the results");
        return -1;
    }
    if (file_out_open(&o, path, err)) return -1;
    fwrite(r->text[k], 1, r->len[k], o.f);
    return file_out_close(&o, err);
}

static int write_all(results *r, char *err) {
    const char *dir = r->c->data->results[0] ? r->c->data->results : "results";
    int bad = 0;
    if (mkdir(dir, 0777) && errno != EEXIST) {
        snprintf(err, ERR_LEN, "%s: cannot make the folder of the results: %s", dir, strerror(errno));
        return -1;
    }
    if (r->coco) fputs("\n]\n", r->f[0]);
    for (int k = 0; k < r->files && !bad; k++) bad = write_file(r, k, dir, err);
    if (!bad) printf("%zu boxes of %d pictures in %d file%s in %s\n", r->written, r->s->n, r->files, r->files > 1 ? "s" : "", dir);
    return bad;
}

static void close_results(results *r) {
    for (int k = 0; k < r->files; k++) {
        if (r->f && r->f[k]) fclose(r->f[k]);
        if (r->text) free(r->text[k]);
    }
    free(r->f);
    free(r->text);
    free(r->len);
}

int detector_valid(const detector_args *args, char *err) {
    detector_args a = *args;
    classifier c;
    if (detector_open_test(&c, &a, err)) return -1;
    int bad = -1;
    double start = report_now();
    a.no_labels = 1;
    det_set *s = detector_pictures(&c, &a, DATA_VALID, err);
    results r = {.c = &c, .s = s, .a = &a};
    if (s) bad = open_results(&r, err) || detector_run(&c, s, &a, a.thresh, seen, &r, err) || write_all(&r, err) ? -1 : 0;
    if (!bad) {
        cJSON *j = cJSON_CreateObject();
        cJSON_AddNumberToObject(j, "images", s->n);
        cJSON_AddNumberToObject(j, "detections", (double)r.written);
        cJSON_AddNumberToObject(j, "seconds", report_now() - start);
        bad = report_json(a.c.json, j, err);
        cJSON_Delete(j);
    }
    close_results(&r);
    det_free(s);
    classifier_close(&c);
    return bad;
}
