/* dataset_internal.h - the steps of dataset_load. Inside the room only. */
#ifndef MP_DATASET_INTERNAL_H
#define MP_DATASET_INTERNAL_H
#include "data/dataset.h"

/* fn(arg, i, err) for i = 0 .. n-1 on up to `threads` threads. Returns -1, or the lowest i for
 * which fn returned non-zero (its sentence then is in err): so a failure does not depend on the
 * number of threads. Items after a failed one may be left out. */
int data_parallel(int n, int threads, int (*fn)(void *arg, int i, char *err), void *arg, char *err);

/* The list of a part, for pictures of c channels; NULL and err: none is named, or no picture can
 * have these. */
const char *data_list_of(const data_file *d, data_part part, int c, char *err);

/* The class whose label occurs in path: 0 .. classes-1, or -1 and err (none, or two that stand
 * alike there, with the names that hold them). The rule: dataset_load. */
int data_label_of(const char *path, char *const *label, int classes, char *err);
/* -1 and err if two classes have the same label: no path and no reader of results could then tell
 * them apart. */
int data_labels_differ(const data_file *d, char *err);

/* Marks in keep[n] (0 or 1) the images that images_per_class and split leave of a train list with
 * these labels; other: those of the other half. Returns how many, or -1: no memory. */
int data_select(const data_file *d, const int *labels, int n, int other, unsigned char *keep);

/* Is the file an idx file (by its first bytes, or its name)? */
int data_is_idx(const char *path);
/* Reads an idx3 image file and its labels; keeps what `part` asks for. 0, or -1 and err. */
int data_load_idx(const data_file *d, const char *path, data_part part, int c, dataset *s,
                  char *err);
#endif
