/* data_file.c - Darknet's .data files: every key known, every number checked. */
#include "base/keys.h"
#include "data/dataset_internal.h"
#include "data/text.h"
#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(field) offsetof(data_file, field)
static const key_row keys[] = {
    {"classes", KEY_WHOLE, AT(classes), 1, 1000000, NULL},
    {"train", KEY_PATH, AT(train), 0, 0, NULL},
    {"valid", KEY_PATH, AT(valid), 0, 0, NULL},
    {"labels", KEY_PATH, AT(labels), 0, 0, NULL},
    {"names", KEY_PATH, AT(names), 0, 0, NULL},
    {"backup", KEY_PATH, AT(backup), 0, 0, NULL},
    {"results", KEY_PATH, AT(results), 0, 0, NULL},
    {"eval", KEY_WORD, AT(eval), EVAL_VOC, 0, "voc|coco"},
    {"top", KEY_WHOLE, AT(top), 1, 1000000, NULL},
    {"split", KEY_WORD, AT(split), SPLIT_HALF0, 0, "half0|half1"},
    {"images_per_class", KEY_WHOLE, AT(images_per_class), 1, INT_MAX, NULL},
    {"seed", KEY_SEED, AT(seed), 0, 0, NULL},
    /* Darknet's, for other commands. */
    {"test", KEY_IGNORED, 0, 0, 0, NULL},
    {"map", KEY_IGNORED, 0, 0, 0, NULL},
    {"accepted", KEY_IGNORED, 0, 0, 0, NULL},
};
enum { KEYS = sizeof keys / sizeof *keys };

/* Of the key k with this value; the sentence is without its place. */
static int set_value(data_file *d, const key_row *k, const char *val, char *err) {
    char wrong[ERR_LEN];
    if (!*val) return fail(err, "no value after %s", k->name);
    if (key_set(k, val, d->path, d, wrong))
        return fail(err, "%s=%.60s: %.600s", k->name, val, wrong);
    if (k->kind == KEY_PATH && strchr(val, '\\') && access((char *)d + k->at, F_OK))
        return data_missing(val, "file or folder", d->path, err);
    return 0;
}

/* Cuts "key = value" in place. */
static int parse_line(data_file *d, char *line, int number, int *seen, char *err) {
    char *eq = strchr(line, '='), *key_end = eq, *val;
    if (!eq) return fail(err, "no \"key=value\": %.300s", line);
    while (key_end > line && isspace((unsigned char)key_end[-1])) key_end--;
    for (val = eq + 1; isspace((unsigned char)*val);) val++;
    *key_end = 0;
    const key_row *k = key_find(keys, KEYS, line);
    if (!k) return key_unknown(keys, KEYS, line, err);
    int *at = &seen[k - keys];
    if (*at) return fail(err, "second \"%s\", given in line %d already", line, *at);
    *at = number;
    return set_value(d, k, val, err);
}

static int parse(data_file *d, char *err) {
    data_text t;
    int seen[KEYS] = {0}, bad = 0;
    if (data_text_read(d->path, &t, err)) return -1;
    for (int i = 0; i < t.n && !bad; i++) {
        char wrong[ERR_LEN];
        if (t.line[i][0] == '#' || t.line[i][0] == ';') continue;
        if ((bad = parse_line(d, t.line[i], t.number[i], seen, wrong)))
            fail(err, "%s:%d: %.*s", path_tail(d->path), t.number[i], ERR_LEN - 400, wrong);
    }
    data_text_free(&t);
    if (bad) return -1;
    if (!d->classes)
        return fail(err, "%s: no classes=: say how many classes there are", path_tail(d->path));
    if (d->top > d->classes)
        return fail(err, "%s: top=%d, but there are only %d classes", path_tail(d->path), d->top,
                    d->classes);
    return 0;
}

static void free_words(char **w, int n) {
    for (int i = 0; w && i < n; i++) free(w[i]);
    free(w);
}

static char **no_memory(const data_file *d, char *err) {
    return fail_null(err, "%s: not enough memory for the names of %d classes", path_tail(d->path),
                     d->classes);
}

/* The first `classes` lines of a file. */
static char **read_words(const data_file *d, const char *path, const char *key, char *err) {
    data_text t;
    if (data_text_read(path, &t, err)) return NULL;
    char **w = NULL;
    if (t.n < d->classes) {
        fail(err, "%s has %d names, but %s says classes=%d: change one of them", path_tail(path),
             t.n, path_tail(d->path), d->classes);
    } else {
        if (t.n > d->classes) {
            fprintf(stderr, "warning: %s has %d names, %s uses the first %d\n", path, t.n, key,
                    d->classes);
        }
        w = calloc((size_t)d->classes, sizeof *w);
        int i = 0;
        while (w && i < d->classes && (w[i] = strdup(t.line[i]))) i++;
        if (!w || i < d->classes) {
            free_words(w, i);
            w = no_memory(d, err);
        }
    }
    data_text_free(&t);
    return w;
}

/* "0", "1", ... or copies of src. */
static char **make_words(const data_file *d, char **src, char *err) {
    char **w = calloc((size_t)d->classes, sizeof *w), number[16];
    int i = 0;
    for (; w && i < d->classes; i++) {
        snprintf(number, sizeof number, "%d", i);
        if (!(w[i] = strdup(src ? src[i] : number))) break;
    }
    if (w && i == d->classes) return w;
    free_words(w, i);
    return no_memory(d, err);
}

static int read_names(data_file *d, char *err) {
    if (d->labels[0] && !(d->label = read_words(d, d->labels, "labels=", err))) return -1;
    if (d->names[0] && !(d->name = read_words(d, d->names, "names=", err))) return -1;
    if (!d->name && !(d->name = make_words(d, d->label, err))) return -1;
    if (!d->label && d->names[0] && !(d->label = make_words(d, d->name, err))) return -1;
    return d->label ? data_labels_differ(d, err) : 0;
}

data_file *data_file_read(const char *path, char *err) {
    if (strlen(path) >= PATH_LEN)
        return fail_null(err, "%s: the path is too long", path_tail(path));
    data_file *d = calloc(1, sizeof *d);
    if (!d) return fail_null(err, "%s: not enough memory to read it", path_tail(path));
    strcpy(d->path, path);
    d->top = 1;
    if (parse(d, err) || read_names(d, err)) {
        data_file_free(d);
        return NULL;
    }
    return d;
}

void data_file_free(data_file *d) {
    if (!d) return;
    free_words(d->name, d->classes);
    free_words(d->label, d->classes);
    free(d);
}
