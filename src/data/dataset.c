/* dataset.c - a list of images, read, labelled, drawn from and decoded. */
#include "data/dataset_internal.h"
#include "data/text.h"
#include "ops/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const data_file *d;
    const char *path; /* of the list */
    data_text text;
    int *labels;
    unsigned char *keep;
    int c, skip_bad, wanted; /* wanted: lines with keep set */
    int most;                /* > 0: so many lines drawn by the seed, whatever their class */
    uint64_t seed;
    int *line;     /* (wanted) which line an item comes from */
    char **why;    /* (wanted) with skip_bad: why an item is left out, or NULL */
    sample *items; /* (wanted) */
} list;

/* "LIST:LINE: " before the sentence in err. */
static int at_line(const list *l, int i, char *err) {
    char text[ERR_LEN];
    memcpy(text, err, ERR_LEN);
    text[ERR_LEN - 1] = 0;
    return fail(err, "%s:%d: %s", path_tail(l->path), l->text.number[i], text);
}

static int label_item(void *arg, int i, char *err) {
    list *l = arg;
    l->labels[i] = data_label_of(l->text.line[i], l->d->label, l->d->classes, err);
    return l->labels[i] < 0 ? at_line(l, i, err) : 0;
}

static int decode_item(void *arg, int i, char *err) {
    list *l = arg;
    char path[PATH_LEN];
    const char *written = l->text.line[l->line[i]];
    sample *s = &l->items[i];
    s->label = l->labels[l->line[i]];
    int found = path_find(path, written, l->path, l->d->path), bad = 0;
    if (!(s->path = strdup(path))) return data_no_memory(l->path, err);
    if (!found) {
        bad = data_missing(written, "image", l->path, err);
    } else {
        bad = raster_read(path, l->c, &s->img, err);
    }
    if (!bad) return 0;
    at_line(l, l->line[i], err);
    return l->skip_bad && (l->why[i] = strdup(err)) ? 0 : -1;
}

/* Reads the list and finds the class of every line. */
static int read_list(list *l, int threads, char *err) {
    if (!l->most && !l->d->label)
        return fail(
            err, "%s: no labels= (or names=), by which the class of an image is found in its path",
            path_tail(l->d->path));
    if (data_list_read(l->path, &l->text, err)) return -1;
    size_t n = (size_t)l->text.n;
    l->labels = malloc(n * sizeof *l->labels);
    l->keep = calloc(n, 1);
    if (!l->labels || !l->keep) return data_no_memory(l->path, err);
    for (size_t i = 0; i < n; i++) l->labels[i] = -1;
    if (l->most) return 0;
    return data_parallel(l->text.n, threads, label_item, l, err) < 0 ? 0 : -1;
}

/* Line i is kept with probability (still wanted) / (lines left). */
static int draw(list *l) {
    rng_stream r = rng_open(rng_key(l->seed, RNG_SPLIT, 0, 2)); /* 2: select.c has 0 and 1 */
    int n = l->text.n, left = l->most < n ? l->most : n;
    for (int i = 0, wanted = left; i < n; i++) {
        l->keep[i] = (int)rng_below(&r, (uint32_t)(n - i)) < wanted;
        wanted -= l->keep[i];
    }
    return left;
}

static int choose(list *l, data_part part, char *err) {
    int n = l->text.n;
    if (l->most)
        l->wanted = draw(l);
    else if (part == DATA_VALID)
        memset(l->keep, 1, (size_t)(l->wanted = n));
    else
        l->wanted = data_select(l->d, l->labels, n, part == DATA_TRAIN_OTHER_HALF, l->keep);
    if (l->wanted < 0) return data_no_memory(l->path, err);
    size_t room = (size_t)l->wanted + 1;
    l->line = malloc(room * sizeof *l->line);
    l->why = calloc(room, sizeof *l->why);
    l->items = calloc(room, sizeof *l->items);
    if (!l->line || !l->why || !l->items) return data_no_memory(l->path, err);
    for (int i = 0, k = 0; i < n; i++)
        if (l->keep[i]) l->line[k++] = i;
    return 0;
}

/* Leaves out what could not be decoded, telling so; the items go over to s. */
static int hand_over(list *l, dataset *s, char *err) {
    enum { TOLD = 10 };
    for (int i = 0; i < l->wanted; i++) {
        if (!l->why[i]) {
            s->items[s->n++] = l->items[i];
            memset(&l->items[i], 0, sizeof l->items[i]);
        } else if (s->skipped++ < TOLD) {
            fprintf(stderr, "skipped: %s\n", l->why[i]);
        }
    }
    if (s->skipped > TOLD) fprintf(stderr, "skipped: %d more\n", s->skipped - TOLD);
    if (s->n || !s->skipped) return 0;
    return fail(err, "%s: none of its %d images can be read", path_tail(l->path), l->wanted);
}

static int load_list(list *l, data_part part, int threads, dataset *s, char *err) {
    if (read_list(l, threads, err) || choose(l, part, err)) return -1;
    if (data_parallel(l->wanted, threads, decode_item, l, err) >= 0) return -1;
    s->items = calloc((size_t)l->wanted + 1, sizeof *s->items);
    return s->items ? hand_over(l, s, err) : data_no_memory(l->path, err);
}

static void free_list(list *l) {
    for (int i = 0; i < l->wanted && l->items; i++) {
        raster_free(&l->items[i].img);
        free(l->items[i].path);
        if (l->why) free(l->why[i]);
    }
    free(l->items);
    free(l->why);
    free(l->line);
    free(l->labels);
    free(l->keep);
    data_text_free(&l->text);
}

const char *data_list_of(const data_file *d, data_part part, int c, char *err) {
    const char *path = part == DATA_VALID ? d->valid : d->train,
               *key = part == DATA_VALID ? "valid" : "train";
    if (!path[0]) return fail_null(err, "%s: no %s=: which pictures?", path_tail(d->path), key);
    if (part == DATA_TRAIN_OTHER_HALF && d->split == SPLIT_NONE)
        return fail_null(err, "%s: no split=", path_tail(d->path));
    if (c == 1 || c == 3) return path;
    return fail_null(
        err,
        "%s: pictures with %d channels are not possible, only 1 or 3: change channels= in [net]",
        path_tail(d->path), c);
}

static dataset *load(const data_file *d, data_part part, int most, uint64_t seed, int c,
                     int threads, int skip_bad, char *err) {
    const char *path = data_list_of(d, part, c, err);
    if (!path) return NULL;
    dataset *s = calloc(1, sizeof *s);
    if (!s) {
        data_no_memory(path, err);
        return NULL;
    }
    s->classes = d->classes;
    int bad;
    if (data_is_idx(path)) {
        bad = data_load_idx(d, path, part, c, s, err);
    } else {
        list l = {.d = d, .path = path, .c = c, .skip_bad = skip_bad, .most = most, .seed = seed};
        bad = load_list(&l, part, threads, s, err);
        free_list(&l);
    }
    if (!bad && !s->n)
        bad = fail(err, "%s: split= leaves no image of %s", path_tail(d->path), path_tail(path));
    if (!bad) return s;
    dataset_free(s);
    return NULL;
}

dataset *dataset_load(const data_file *d, data_part part, int c, int threads, int skip_bad,
                      char *err) {
    return load(d, part, 0, 0, c, threads, skip_bad, err);
}

dataset *dataset_load_images(const data_file *d, int most, uint64_t seed, int c, int threads,
                             int skip_bad, char *err) {
    return load(d, DATA_TRAIN, most, seed, c, threads, skip_bad, err);
}
void dataset_free(dataset *s) {
    if (!s) return;
    for (int i = 0; i < s->n; i++) {
        raster_free(&s->items[i].img);
        free(s->items[i].path);
    }
    free(s->items);
    free(s);
}
