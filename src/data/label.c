/* label.c - Darknet's rule for the class of an image: the label that occurs in its path. */
#include "data/dataset_internal.h"
#include "data/text.h"
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
        if (strlen(label[i]) > n && strstr(path, label[i]) && covered(path, label[k], label[i])) return 1;
    }
    return 0;
}

int data_label_of(const char *path, char *const *label, int classes, char *err) {
    int found = -1, second = -1;
    for (int i = 0; i < classes; i++) {
        if (!strstr(path, label[i])) continue;
        if (found >= 0 && hidden(path, label, classes, i)) continue;
        if (found >= 0 && hidden(path, label, classes, found)) found = -1;
        if (found >= 0) {
            second = i;
            break;
        }
        found = i;
    }
    if (found < 0) {
        snprintf(err, ERR_LEN,
                 "%s: no label occurs in this path, so its class is unknown; labels: \"%.60s\" ...",
                 data_tail(path), label[0]);
        return -1;
    }
    if (second < 0) return found;
    snprintf(err, ERR_LEN,
             "%s: two labels occur in this path, \"%.60s\" and \"%.60s\": rename the folder or the labels",
             data_tail(path), label[found], label[second]);
    return -1;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int data_labels_differ(const data_file *d, char *err) {
    char **sorted = malloc((size_t)d->classes * sizeof *sorted);
    int bad = 0;
    if (!sorted) {
        snprintf(err, ERR_LEN, "%s: not enough memory for its labels", data_tail(d->path));
        return -1;
    }
    memcpy(sorted, d->label, (size_t)d->classes * sizeof *sorted);
    qsort(sorted, (size_t)d->classes, sizeof *sorted, compare);
    for (int i = 1; i < d->classes && !bad; i++) {
        if (strcmp(sorted[i - 1], sorted[i])) continue;
        snprintf(err, ERR_LEN, "%s: two classes are called \"%.60s\": rename one%s",
                 data_tail(d->labels[0] ? d->labels : d->names), sorted[i],
                 d->labels[0] ? "" : ", or give labels= that tell them apart");
        bad = -1;
    }
    free(sorted);
    return bad;
}
