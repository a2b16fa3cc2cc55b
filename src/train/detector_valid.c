/* detector_valid.c - `detector valid`: all detections in files for other programs, as Darknet
 * writes them. eval=voc (default)   RESULTS/comp4_det_test_CLASS.txt: name score left top right
 * bottom, pixels counted from 1 eval=coco            RESULTS/coco_results.json: COCO's list of
 * image_id, file_name, category_id, bbox (left, top, width, height), score. The id is the number
 * that the file's name is (000000000042.jpg) or ends in (COCO_val2014_000000000042.jpg); other
 * names get the numbers after the greatest of these, in the order of the list. What could not be
 * told apart in them is an error: two pictures of one name or id, two classes of one name. */
#include "base/files.h"
#include "train/detector.h"
#include "train/report.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

/* COCO numbers its 80 classes up to 90: those that were planned and left out. */
static const int coco_gap[] = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83};

typedef struct {
    const session *c;
    const det_set *s;
    const detector_args *a;
    int files, coco;
    long long *id;    /* (s->n), with coco */
    char **file_name; /* (s->n), with coco: as JSON strings */
    FILE **f;         /* memory until all is known */
    char **text;
    size_t *len;
    size_t written;
} results;

static int category(int cls, int classes) {
    int id = cls + 1;
    for (size_t i = 0; classes == 80 && i < sizeof coco_gap / sizeof *coco_gap; i++)
        id += coco_gap[i] <= id;
    return id;
}

/* Of a file's name without its ending. */
static size_t stem_length(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

/* The number that a name is, or ends in after a _; -1: none, or more digits than the numbers of
 * JSON hold. */
static long long number_of(const char *path) {
    enum { DIGITS = 15 };
    const char *name = path_name(path), *end = name + stem_length(name), *at = end;
    while (at > name && isdigit((unsigned char)at[-1])) at--;
    if (at == end || (at > name && at[-1] != '_')) return -1;
    while (at < end - 1 && *at == '0') at++;
    return end - at > DIGITS ? -1 : strtoll(at, NULL, 10);
}

typedef struct {
    const char *path;
    long long id;
} picture_id;

static int by_id(const void *p, const void *q) {
    const picture_id *a = p, *b = q;
    return a->id != b->id ? (a->id > b->id) - (a->id < b->id) : strcmp(a->path, b->path);
}

static int by_stem(const void *p, const void *q) {
    const char *a = path_name(((const picture_id *)p)->path),
               *b = path_name(((const picture_id *)q)->path);
    size_t n = stem_length(a), m = stem_length(b);
    int order = strncmp(a, b, n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

/* No two pictures under one name (id NULL) or id. */
static int pictures_differ(const det_set *s, const long long *id, char *err) {
    picture_id *p = malloc((size_t)s->n * sizeof *p);
    int bad = !p;
    if (bad) fail(err, "not enough memory for the results");
    for (int i = 0; i < s->n && p; i++) p[i] = (picture_id){s->items[i].path, id ? id[i] : 0};
    if (p) qsort(p, (size_t)s->n, sizeof *p, id ? by_id : by_stem);
    for (int i = 1; i < s->n && !bad; i++) {
        if (id ? p[i].id != p[i - 1].id : by_stem(&p[i], &p[i - 1])) continue;
        char what[48] = "name";
        if (id) snprintf(what, sizeof what, "image_id %lld", p[i].id);
        bad = fail(err,
                   "%.300s and %.300s would stand under one %s in the results: rename one of them",
                   p[i - 1].path, p[i].path, what);
    }
    free(p);
    return bad ? -1 : 0;
}

static int classes_differ(const data_file *d, char *err) {
    for (int i = 0; i < d->classes; i++) {
        for (int k = 0; k < i; k++) {
            if (strcmp(d->name[i], d->name[k])) continue;
            return fail(err,
                        "%s: classes %d and %d are both called \"%.60s\": they would share one "
                        "file of results; rename one, or "
                        "use eval=coco",
                        d->names, k, i, d->name[i]);
        }
    }
    return 0;
}

static int name_pictures(results *r, char *err) {
    int n = r->s->n, missing = 0;
    r->id = calloc((size_t)n, sizeof *r->id);
    r->file_name = calloc((size_t)n, sizeof *r->file_name);
    long long next = 1;
    for (int i = 0; i < n && r->id && r->file_name; i++) {
        r->id[i] = number_of(r->s->items[i].path);
        next = r->id[i] >= next ? r->id[i] + 1 : next;
        cJSON *j = cJSON_CreateString(path_name(r->s->items[i].path));
        missing |= !(r->file_name[i] = report_text(j, 0));
        cJSON_Delete(j);
    }
    if (!r->id || !r->file_name || missing) return fail(err, "not enough memory for the results");
    for (int i = 0; i < n; i++)
        if (r->id[i] < 0) r->id[i] = next++;
    return pictures_differ(r->s, r->id, err);
}

static void write_one(results *r, int i, int cls, float score, box b) {
    const det_item *it = &r->s->items[i];
    double w = it->w, h = it->h;
    double x0 = fmax((double)(b.x - b.w / 2) * w, 0), x1 = fmin((double)(b.x + b.w / 2) * w, w);
    double y0 = fmax((double)(b.y - b.h / 2) * h, 0), y1 = fmin((double)(b.y + b.h / 2) * h, h);
    if (r->coco) {
        fprintf(r->f[0],
                "%s{\"image_id\":%lld, \"file_name\":%s, \"category_id\":%d, \"bbox\":[%f, %f, %f, "
                "%f], \"score\":%f}",
                r->written ? ",\n" : "", r->id[i], r->file_name[i], category(cls, r->s->classes),
                x0, y0, x1 - x0, y1 - y0, (double)score);
    } else {
        const char *name = path_name(it->path);
        fprintf(r->f[cls], "%.*s %f %f %f %f %f\n", (int)stem_length(name), name, (double)score,
                x0 + 1, y0 + 1, fmin(x1 + 1, w), fmin(y1 + 1, h));
    }
    r->written++;
}

static int seen(void *arg, int i, const detection *d, int n, char *err) {
    results *r = arg;
    for (int k = 0; k < n; k++) {
        for (int c = 0; c < r->s->classes; c++)
            if (d[k].prob[c] > 0) write_one(r, i, c, d[k].prob[c], d[k].bbox);
    }
    return 0;
}

static int open_results(results *r, char *err) {
    r->coco = r->c->data->eval == EVAL_COCO;
    r->files = r->coco ? 1 : r->s->classes;
    if (r->coco ? name_pictures(r, err)
                : classes_differ(r->c->data, err) || pictures_differ(r->s, NULL, err))
        return -1;
    r->f = calloc((size_t)r->files, sizeof *r->f);
    r->text = calloc((size_t)r->files, sizeof *r->text);
    r->len = calloc((size_t)r->files, sizeof *r->len);
    int bad = !r->f || !r->text || !r->len;
    for (int k = 0; k < r->files && !bad; k++)
        bad = !(r->f[k] = open_memstream(&r->text[k], &r->len[k]));
    if (bad)
        fail(err, "not enough memory for the results");
    else if (r->coco)
        fputs("[\n", r->f[0]);
    return bad ? -1 : 0;
}

static int write_file(results *r, int k, const char *dir, char *err) {
    char path[2 * PATH_LEN];
    file_out o;
    const char *name = r->a->out ? r->a->out : r->coco ? "coco_results" : "comp4_det_test_";
    snprintf(path, sizeof path, "%s/%s%s%s", dir, name, r->coco ? "" : r->c->data->name[k],
             r->coco ? ".json" : ".txt");
    int bad = fclose(r->f[k]);
    r->f[k] = NULL;
    if (bad) return fail(err, "not enough memory for the results");
    if (file_out_open(&o, path, err)) return -1;
    fwrite(r->text[k], 1, r->len[k], o.f);
    return file_out_close(&o, err);
}

/* results= of DATA; made where it is missing. NULL and err. */
static const char *folder(const data_file *d, char *err) {
    const char *dir = d->results[0] ? d->results : "results";
    char probe[PATH_LEN + 100];
    snprintf(probe, sizeof probe, "%s/results", dir);
    if (mkdir(dir, 0777) && errno != EEXIST)
        return fail_null(err, "%s: cannot make the folder of the results: %s", dir,
                         strerror(errno));
    return file_out_possible(probe, err) ? NULL : dir;
}

static int write_all(results *r, const char *dir, char *err) {
    int bad = 0;
    if (r->coco) fputs("\n]\n", r->f[0]);
    for (int k = 0; k < r->files && !bad; k++) bad = write_file(r, k, dir, err);
    if (!bad)
        printf("%zu boxes of %d pictures in %d file%s in %s\n", r->written, r->s->n, r->files,
               r->files > 1 ? "s" : "", dir);
    return bad;
}

static void close_results(results *r) {
    for (int k = 0; k < r->files; k++) {
        if (r->f && r->f[k]) fclose(r->f[k]);
        if (r->text) free(r->text[k]);
    }
    for (int i = 0; r->file_name && i < r->s->n; i++) free(r->file_name[i]);
    free(r->file_name);
    free(r->id);
    free(r->f);
    free(r->text);
    free(r->len);
}

int detector_valid(const detector_args *args, char *err) {
    detector_args a = *args;
    session c;
    if (detector_open_test(&c, &a, err)) return -1;
    int bad = -1;
    double start = report_now();
    a.no_labels = 1;
    const char *dir = folder(c.data, err);
    det_set *s = dir ? detector_pictures(&c, &a, DATA_VALID, err) : NULL;
    results r = {.c = &c, .s = s, .a = &a};
    if (s)
        bad = open_results(&r, err) || detector_run(&c, s, &a, a.thresh, seen, &r, err) ||
                      write_all(&r, dir, err)
                  ? -1
                  : 0;
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
    session_close(&c);
    return bad;
}
