/* data_file.c - Darknet's .data files: every key known, every number checked. */
#include "data/dataset_internal.h"
#include "data/text.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { KEY_PATH, KEY_INT, KEY_SEED, KEY_SPLIT, KEY_EVAL, KEY_IGNORED } key_kind;
typedef struct {
    const char *name;
    key_kind kind;
    size_t at;
    int lo, hi;
} data_key;

#define AT(field) offsetof(data_file, field)
static const data_key keys[] = {
    {"classes", KEY_INT, AT(classes), 1, 1000000},
    {"train", KEY_PATH, AT(train), 0, 0},
    {"valid", KEY_PATH, AT(valid), 0, 0},
    {"labels", KEY_PATH, AT(labels), 0, 0},
    {"names", KEY_PATH, AT(names), 0, 0},
    {"backup", KEY_PATH, AT(backup), 0, 0},
    {"results", KEY_PATH, AT(results), 0, 0},
    {"eval", KEY_EVAL, AT(eval), 0, 0},
    {"top", KEY_INT, AT(top), 1, 1000000},
    {"split", KEY_SPLIT, AT(split), 0, 0},
    {"images_per_class", KEY_INT, AT(images_per_class), 1, INT_MAX},
    {"seed", KEY_SEED, AT(seed), 0, 0},
    /* Darknet's, for other commands. */
    {"test", KEY_IGNORED, 0, 0, 0},
    {"map", KEY_IGNORED, 0, 0, 0},
    {"accepted", KEY_IGNORED, 0, 0, 0},
};
enum { KEYS = sizeof keys / sizeof *keys };

/* Letters to insert, delete, replace or swap with their neighbour to get from a to b; names longer
 * than 31 count as far away. */
static int edits(const char *a, const char *b) {
    int n = (int)strlen(a), m = (int)strlen(b), d[33][33];
    if (n > 31 || m > 31) return 99;
    for (int i = 0; i <= n; i++) {
        for (int j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (tolower((unsigned char)a[i - 1]) != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best) {
                best = d[i - 2][j - 2] + 1;
            }
            d[i][j] = best;
        }
    }
    return d[n][m];
}

/* Where a message points: "FILE:LINE". */
typedef struct {
    const char *path;
    int line;
    char *err;
} place;
static int complain(const place *p, const char *what, const char *text) {
    return fail(p->err, "%s:%d: %s%.300s", path_tail(p->path), p->line, what, text);
}

static int fail_key(const place *p, const char *name) {
    const char *nearest = NULL;
    int best = 99;
    char text[512], known[256] = "";
    for (int i = 0; i < KEYS; i++) {
        int d = edits(name, keys[i].name);
        if (d < best) {
            best = d;
            nearest = keys[i].name;
        }
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", keys[i].name);
    }
    if (best <= 2)
        snprintf(text, sizeof text, "\"%.60s\"; did you mean \"%s\"?", name, nearest);
    else
        snprintf(text, sizeof text, "\"%.60s\"; known: %s", name, known);
    return complain(p, "unknown key ", text);
}

static int set_number(const place *p, const data_key *k, const char *val, void *to) {
    char *end, text[256];
    errno = 0;
    if (k->kind == KEY_SEED) {
        unsigned long long v = strtoull(val, &end, 10);
        if (!isdigit((unsigned char)*val) || *end || errno) {
            snprintf(text, sizeof text, "%s=%.60s: must be a whole number from 0 to 2^64-1",
                     k->name, val);
            return complain(p, "", text);
        }
        *(uint64_t *)to = v;
        return 0;
    }
    long v = strtol(val, &end, 10);
    if (end == val || *end || errno || v < k->lo || v > k->hi) {
        snprintf(text, sizeof text, "%s=%.60s: must be a whole number from %d to %d", k->name, val,
                 k->lo, k->hi);
        return complain(p, "", text);
    }
    *(int *)to = (int)v;
    return 0;
}

static int no_such(const place *p, const char *val) {
    char text[ERR_LEN];
    data_missing(val, "file or folder", p->path, text);
    return fail(p->err, "%s:%d: %.*s", path_tail(p->path), p->line, ERR_LEN - 400, text);
}

static int set_value(const place *p, const data_key *k, char *val, data_file *d) {
    char *to = (char *)d + k->at;
    if (!*val) return complain(p, "no value behind ", k->name);
    switch (k->kind) {
    case KEY_INT:
    case KEY_SEED: return set_number(p, k, val, to);
    case KEY_SPLIT:
        if (strcmp(val, "half0") && strcmp(val, "half1"))
            return complain(p, "split must be half0 or half1, not ", val);
        *(data_split *)(void *)to = strcmp(val, "half0") ? SPLIT_HALF1 : SPLIT_HALF0;
        return 0;
    case KEY_EVAL:
        if (strcmp(val, "voc") && strcmp(val, "coco"))
            return complain(
                p, "eval must be voc (a text file for each class) or coco (one JSON file), not ",
                val);
        strcpy(to, val);
        return 0;
    case KEY_PATH:
        if (!path_find(to, val, p->path, NULL) && strchr(val, '\\')) return no_such(p, val);
        return 0;
    case KEY_IGNORED: break;
    }
    return 0;
}

/* Cuts "key = value" in place. */
static int parse_line(const place *p, char *line, data_file *d, int *seen) {
    char *eq = strchr(line, '='), *key_end = eq, *val;
    if (!eq) return complain(p, "no \"key=value\": ", line);
    while (key_end > line && isspace((unsigned char)key_end[-1])) key_end--;
    for (val = eq + 1; isspace((unsigned char)*val);) val++;
    *key_end = 0;
    for (int i = 0; i < KEYS; i++) {
        if (strcmp(line, keys[i].name)) continue;
        if (seen[i]) {
            char text[64];
            snprintf(text, sizeof text, "\"%s\", given in line %d already", line, seen[i]);
            return complain(p, "second ", text);
        }
        seen[i] = p->line;
        return set_value(p, &keys[i], val, d);
    }
    return fail_key(p, line);
}

static int parse(data_file *d, char *err) {
    data_text t;
    int seen[KEYS] = {0}, bad = 0;
    if (data_text_read(d->path, &t, err)) return -1;
    for (int i = 0; i < t.n && !bad; i++) {
        place p = {d->path, t.number[i], err};
        if (t.line[i][0] != '#' && t.line[i][0] != ';') bad = parse_line(&p, t.line[i], d, seen);
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
