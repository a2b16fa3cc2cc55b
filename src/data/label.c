/* label.c - Darknet's rule for the class of an image: the label that occurs in its path; of several
 * the one that is a whole name there. */
#include "data/dataset_internal.h"
#include "data/text.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does every occurrence of `small` in path lie inside one of `large`? */
static int covered(const char *path, const char *small, const char *large) {
    size_t ns = strlen(small), nl = strlen(large);
    for (const char *p = path; (p = strstr(p, small)); p++) {
        int inside = 0;
        for (const char *q = path; !inside && (q = strstr(q, large)) && q <= p; q++)
            inside = p + ns <= q + nl;
        if (!inside) return 0;
    }
    return 1;
}

/* Is the label k of path, which occurs, covered by a longer one? */
static int hidden(const char *path, char *const *label, int classes, int k) {
    size_t n = strlen(label[k]);
    for (int i = 0; i < classes; i++) {
        if (strlen(label[i]) > n && strstr(path, label[i]) && covered(path, label[k], label[i]))
            return 1;
    }
    return 0;
}

/* How a label stands in a path. Numbers in a file's name count less than a folder's name: the files
 * of folders 1, 2, 10 are numbered too. */
typedef enum { INSIDE, PART_OF_FOLDER, NUMBER_OF_FILE, WHOLE } strength;

typedef struct {
    strength strength;
    const char *name; /* the folder's or file's name that holds it: its first letter */
} place;

static int separates(char c) { return !c || strchr("/_-. ", c); }

static int all_digits(const char *from, const char *to) {
    while (from < to && isdigit((unsigned char)*from)) from++;
    return from == to;
}

/* The label's n letters at `at`; slashes at its ends ("/cat/") are none of its own. */
static place place_of(const char *path, const char *at, size_t n) {
    const char *from = at, *to = at + n, *slash = strrchr(path, '/'),
               *file = slash ? slash + 1 : path;
    while (from < to && *from == '/') from++;
    while (to > from && to[-1] == '/') to--;
    place p = {INSIDE, from};
    while (p.name > path && p.name[-1] != '/') p.name--;
    char before = from > path ? from[-1] : '/';
    if (from == to || !separates(before) || !separates(*to)) return p;
    if (from >= file)
        p.strength = all_digits(from, to) ? NUMBER_OF_FILE : WHOLE;
    else
        p.strength = before == '/' && *to == '/' ? WHOLE : PART_OF_FOLDER;
    return p;
}

/* Where the label, which occurs, stands best. */
static place best_place(const char *path, const char *label) {
    place best = {INSIDE, NULL};
    for (const char *at = path; (at = strstr(at, label)); at++) {
        place p = place_of(path, at, strlen(label));
        if (!best.name || p.strength > best.strength) best = p;
        if (!*at) break; /* an empty label occurs at the very end too */
    }
    return best;
}

static void put_place(char *out, size_t room, const char *path, const char *label) {
    place p = best_place(path, label);
    int n = (int)strcspn(p.name, "/"), folder = p.name[n] == '/';
    const char *how = folder ? "is in the folder's name" : "is in the file's name";
    if (folder && p.strength == WHOLE) how = "is the folder";
    snprintf(out, room, "\"%.60s\" %s \"%.*s\"", label, how, n < 80 ? n : 80, p.name);
}

static int two_labels(const char *path, const char *first, const char *second, char *err) {
    char a[256], b[256];
    put_place(a, sizeof a, path, first);
    put_place(b, sizeof b, path, second);
    return fail(err,
                "%s: two labels occur in this path, \"%.60s\" and \"%.60s\" (%s, %s): rename the "
                "folder, the file or the labels",
                path_tail(path), first, second, a, b);
}

int data_label_of(const char *path, char *const *label, int classes, char *err) {
    int found = -1, second = -1;
    for (int i = 0; i < classes; i++) {
        if (!strstr(path, label[i])) continue;
        if (found < 0) {
            found = i;
            continue;
        }
        if (hidden(path, label, classes, i)) continue;
        place new = best_place(path, label[i]), old = best_place(path, label[found]);
        int better = (int)new.strength - (int)old.strength;
        if (hidden(path, label, classes, found)) better = 1;
        if (better == 0 && second < 0) second = i;
        if (better <= 0) continue;
        found = i;
        second = -1;
    }
    if (found < 0)
        return fail(
            err, "%s: no label occurs in this path, so its class is unknown; labels: \"%.60s\" ...",
            path_tail(path), label[0]);
    return second < 0 ? found : two_labels(path, label[found], label[second], err);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int data_labels_differ(const data_file *d, char *err) {
    char **sorted = malloc((size_t)d->classes * sizeof *sorted);
    int bad = 0;
    if (!sorted) return fail(err, "%s: not enough memory for its labels", path_tail(d->path));
    memcpy(sorted, d->label, (size_t)d->classes * sizeof *sorted);
    qsort(sorted, (size_t)d->classes, sizeof *sorted, compare);
    for (int i = 1; i < d->classes && !bad; i++) {
        if (strcmp(sorted[i - 1], sorted[i])) continue;
        bad = fail(err, "%s: two classes are called \"%.60s\": rename one%s",
                   path_tail(d->labels[0] ? d->labels : d->names), sorted[i],
                   d->labels[0] ? "" : ", or give labels= that tell them apart");
    }
    free(sorted);
    return bad;
}
