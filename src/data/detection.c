/* detection.c - see detection.h */
#include "data/detection.h"
#include "data/dataset_internal.h"
#include "data/batch.h"
#include "data/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const data_file *d;
    const char *path; /* of the list */
    data_text text;
    int c, flags;
    size_t keep_bytes;
    det_item *items; /* (text.n) */
    size_t *clipped; /* (text.n) */
    det_faults *bad; /* (text.n) what is wrong with a picture */
} list;

/* Of picture i, into l->bad[i]. */
static void read_labels(list *l, int i) {
    char path[PATH_LEN], why[ERR_LEN];
    det_item *it = &l->items[i];
    det_faults *f = &l->bad[i];
    if (l->flags & DET_NO_LABELS) return;
    if (det_label_path(path, it->path)) {
        int bad = det_read_labels(path, l->d->classes, &it->box, &it->n, &l->clipped[i], f, why);
        if (bad && !f->n) det_faults_add(f, why);
    } else if (!(l->flags & DET_NEGATIVES)) {
        snprintf(why, ERR_LEN,
                 "%s: no label file %s: make an empty one if the picture shows none of the "
                 "classes, or say -negatives if that is so for all pictures without one",
                 path_tail(it->path), path_tail(path));
        det_faults_add(f, why);
    }
}

static int label_item(void *arg, int i, char *err) {
    list *l = arg;
    char path[PATH_LEN], text[ERR_LEN];
    const char *written = l->text.line[i];
    det_item *it = &l->items[i];
    int found = path_find(path, written, l->path, l->d->path);
    if (!(it->path = strdup(path))) return data_no_memory(l->path, err);
    if (!found) {
        data_missing(written, "picture", l->path, text);
        det_faults_add(&l->bad[i], text);
    } else {
        read_labels(l, i);
    }
    return 0;
}

static int decode_item(void *arg, int i, char *err) {
    list *l = arg;
    char text[ERR_LEN];
    det_item *it = &l->items[i];
    if (l->bad[i].n) return 0;
    if (raster_read(it->path, l->c, &it->img, text)) {
        det_faults_add(&l->bad[i], text);
        return 0;
    }
    it->w = it->img.w;
    it->h = it->img.h;
    if ((size_t)it->w * (size_t)it->h * (size_t)l->c > l->keep_bytes / (size_t)l->text.n)
        raster_free(&it->img);
    return 0;
}

static void free_item(det_item *it) {
    raster_free(&it->img);
    free(it->path);
    free(it->box);
}

/* "LIST:LINE: what", of fault k of picture i. */
static char *sentence(const list *l, int i, int k, char text[ERR_LEN]) {
    const char *what = l->bad[i].text[k] ? l->bad[i].text[k] : "faults, and no memory to name them";
    snprintf(text, ERR_LEN, "%s:%d: %.*s", path_tail(l->path), l->text.number[i], ERR_LEN - 500,
             what);
    return text;
}

/* 0 if there are no faults, or such pictures are to be left out; else -1, all of them told. */
static int tell_faults(const list *l, char *err) {
    int pictures = 0, first = -1;
    long faults = 0;
    char text[ERR_LEN];
    for (int i = 0; i < l->text.n; i++) {
        if (l->bad[i].n && first < 0) first = i;
        pictures += l->bad[i].n > 0;
        faults += l->bad[i].n;
    }
    if (!faults || l->flags & DET_SKIP_BAD) return 0;
    if (faults == 1)
        return fail(err, "%.*s; or go on without such pictures: -skip_bad", ERR_LEN - 60,
                    sentence(l, first, 0, text));
    for (int i = first, told = 0; i < l->text.n && told < DET_TOLD; i++) {
        for (int k = 0; k < l->bad[i].n && told < DET_TOLD; k++, told++)
            fprintf(stderr, "%s\n", sentence(l, i, k, text));
    }
    return fail(err,
                "%s: %ld problems in %d of %d pictures%s: mend them, or go on without such "
                "pictures: -skip_bad",
                path_tail(l->path), faults, pictures, l->text.n,
                faults > DET_TOLD ? ", the first 20 above" : "");
}

static void tell_skipped(const list *l, int i) {
    char text[ERR_LEN], more[32] = "";
    if (l->bad[i].n > 1) snprintf(more, sizeof more, " (and %d more)", l->bad[i].n - 1);
    fprintf(stderr, "skipped: %s%s\n", sentence(l, i, 0, text), more);
}

static int hand_over(list *l, det_set *s, char *err) {
    enum { TOLD = 10 };
    for (int i = 0; i < l->text.n; i++) {
        det_item *it = &l->items[i];
        if (l->bad[i].n) {
            if (s->skipped++ < TOLD) tell_skipped(l, i);
            continue;
        }
        s->boxes += (size_t)it->n;
        s->empty += !it->n;
        s->clipped += l->clipped[i];
        s->items[s->n++] = *it;
        memset(it, 0, sizeof *it);
    }
    if (s->skipped > TOLD) fprintf(stderr, "skipped: %d more\n", s->skipped - TOLD);
    if (s->clipped) {
        fprintf(
            stderr,
            "%s: warning: %zu boxes reach over the edge of their picture by up to %g of its side: "
            "cut off there\n",
            path_tail(l->path), s->clipped, (double)DET_TOLERANCE);
    }
    if (s->n) return 0;
    return fail(err, "%s: none of its %d pictures can be used", path_tail(l->path), l->text.n);
}

static int load_list(list *l, int threads, det_set *s, char *err) {
    if (data_list_read(l->path, &l->text, err)) return -1;
    size_t n = (size_t)l->text.n;
    l->items = calloc(n, sizeof *l->items);
    l->clipped = calloc(n, sizeof *l->clipped);
    l->bad = calloc(n, sizeof *l->bad);
    s->items = calloc(n, sizeof *s->items);
    if (!l->items || !l->clipped || !l->bad || !s->items) return data_no_memory(l->path, err);
    /* All labels before the first picture: what is wrong there is told at once. */
    if (data_parallel(l->text.n, threads, label_item, l, err) >= 0 || tell_faults(l, err))
        return -1;
    if (data_parallel(l->text.n, threads, decode_item, l, err) >= 0 || tell_faults(l, err))
        return -1;
    return hand_over(l, s, err);
}

static void free_list(list *l) {
    for (int i = 0; i < l->text.n && l->items; i++) free_item(&l->items[i]);
    for (int i = 0; i < l->text.n && l->bad; i++) det_faults_free(&l->bad[i]);
    free(l->items);
    free(l->clipped);
    free(l->bad);
    data_text_free(&l->text);
}

det_set *det_load(const data_file *d, data_part part, int c, int threads, int flags,
                  size_t keep_bytes, char *err) {
    const char *path = data_list_of(d, part, c, err);
    if (!path) return NULL;
    det_set *s = calloc(1, sizeof *s);
    if (!s) {
        data_no_memory(path, err);
        return NULL;
    }
    s->classes = d->classes;
    list l = {.d = d, .path = path, .c = c, .flags = flags, .keep_bytes = keep_bytes};
    int bad = load_list(&l, threads, s, err);
    free_list(&l);
    if (!bad) return s;
    det_free(s);
    return NULL;
}

void det_free(det_set *s) {
    if (!s) return;
    for (int i = 0; i < s->n; i++) free_item(&s->items[i]);
    free(s->items);
    free(s);
}

const raster *det_picture(const det_item *it, int c, raster *tmp, char *err) {
    *tmp = (raster){0};
    if (it->img.px) return &it->img;
    if (raster_read(it->path, c, tmp, err)) return NULL;
    if (tmp->w == it->w && tmp->h == it->h) return tmp;
    raster_free(tmp);
    return fail_null(err, "%s: its size has changed since it was read first", path_tail(it->path));
}

typedef struct {
    const det_set *s;
    int first, w, h, c, stretch;
    float *X;
} test_batch;

static int test_item(void *arg, int i, char *err) {
    test_batch *b = arg;
    raster tmp;
    float *X = b->X + (size_t)i * (size_t)b->w * (size_t)b->h * (size_t)b->c;
    const raster *r = det_picture(&b->s->items[b->first + i], b->c, &tmp, err);
    if (!r) return -1;
    if (b->stretch)
        image_stretch(r, b->w, b->h, b->c, X);
    else
        image_letterbox(r, b->w, b->h, b->c, X);
    raster_free(&tmp);
    return 0;
}

int det_test_batch(const det_set *s, int first, int n, int w, int h, int c, int stretch,
                   int threads, float *X, char *err) {
    test_batch b = {s, first, w, h, c, stretch, X};
    return data_parallel(n, threads, test_item, &b, err) < 0 ? 0 : -1;
}
