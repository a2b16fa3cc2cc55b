/* select.c - images_per_class and split: which images of a train list are used, drawn class by
 * class. */
#include "data/dataset_internal.h"
#include "ops/rng.h"
#include <stdlib.h>

enum { DRAW_LIMIT, DRAW_HALF }; /* two draws of one class must not share numbers */

static void shuffle(int *v, int n, rng_key_t key) {
    rng_stream r = rng_open(key);
    for (int i = n - 1; i > 0; i--) {
        int j = (int)rng_below(&r, (uint32_t)i + 1), t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}

static int ascending(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* One class, whose images are v[0..m-1] in list order. *odd: whether the next odd image goes to the
 * second half. */
static void select_class(const data_file *d, int k, int *v, int m, int half, int *odd,
                         unsigned char *keep) {
    if (d->images_per_class > 0 && m > d->images_per_class) {
        shuffle(v, m, rng_key(d->seed, RNG_SPLIT, (uint64_t)k, DRAW_LIMIT));
        m = d->images_per_class;
        qsort(v, (size_t)m, sizeof *v, ascending);
    }
    int from = 0, to = m;
    if (d->split != SPLIT_NONE) {
        shuffle(v, m, rng_key(d->seed, RNG_SPLIT, (uint64_t)k, DRAW_HALF));
        int first = m / 2 + (m % 2 && !*odd);
        /* Classes with an odd number of images favour the halves in turn, so that the halves stay
         * equally large. */
        if (m % 2) *odd = !*odd;
        if (half)
            from = first;
        else
            to = first;
    }
    for (int i = from; i < to; i++) keep[v[i]] = 1;
}

int data_select(const data_file *d, const int *labels, int n, int other, unsigned char *keep) {
    int *start = calloc((size_t)d->classes + 1, sizeof *start),
        *v = malloc(((size_t)n + 1) * sizeof *v);
    int kept = -1, odd = 0, half = (d->split == SPLIT_HALF1) != (other != 0);
    if (start && v) {
        for (int i = 0; i < n; i++) start[labels[i] + 1]++;
        for (int k = 0; k < d->classes; k++) start[k + 1] += start[k];
        for (int i = 0; i < n; i++)
            v[start[labels[i]]++] = i; /* start[k] is now where class k ends */
        for (int i = 0; i < n; i++) keep[i] = 0;
        for (int k = 0, at = 0; k < d->classes; at = start[k++]) {
            select_class(d, k, v + at, start[k] - at, half, &odd, keep);
        }
        kept = 0;
        for (int i = 0; i < n; i++) kept += keep[i];
    }
    free(start);
    free(v);
    return kept;
}
