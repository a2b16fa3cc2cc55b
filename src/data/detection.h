/* detection.h - pictures with boxes: Darknet's lists and label files, read and checked before
 * anything else happens.
 *
 * A list names one picture a line (data/dataset.h says where paths are looked for). Its label file
 * is found as Darknet finds it: in the path "images" (else "JPEGImages", else "raw") becomes
 * "labels", the ending becomes .txt. Where the word occurs more than once, the last place that
 * leads to a file counts (Darknet knows the first alone); if none does, NAME.txt beside the
 * picture. Each of its lines is CLASS X Y W H       class from 0; centre and size of the box,
 * relative to the picture's width and height An empty file is a picture that shows none of the
 * classes. A missing one is an error (most often a wrong folder), unless DET_NEGATIVES says that
 * such pictures show none of them. Boxes that reach out of the picture by up to DET_TOLERANCE of
 * its side are cut at the edge, counted, and warned of; further out is an error. */
#ifndef MP_DETECTION_H
#define MP_DETECTION_H
#include "data/dataset.h"
#include "ops/boxes.h"

#define DET_TOLERANCE 0.02f

typedef struct {
    box_rect box;
    int cls;
} det_box;

typedef struct {
    char *path;
    int w, h, n;
    det_box *box; /* (n), inside the picture */
    raster img;   /* px NULL: decode again when needed (det_picture) */
} det_item;

typedef struct {
    int n, classes;
    det_item *items; /* in the order of the list */
    size_t boxes;
    int empty, skipped; /* pictures without boxes; left out (with DET_SKIP_BAD) */
    size_t clipped;     /* boxes cut at the edge */
} det_set;

/* SKIP_BAD: leave out pictures that cannot be read or whose labels are wrong, telling so.
 * NO_LABELS: look for none. */
enum { DET_SKIP_BAD = 1, DET_NEGATIVES = 2, DET_NO_LABELS = 4 };

/* Every picture is decoded once, on `threads` threads; it stays in memory if that would do for all
 * within `keep_bytes`. NULL and err ("FILE:LINE: what"): no list, missing or undecodable picture,
 * missing label file, a line that is no label, class outside 0..classes-1, box outside the picture.
 * Of several such faults the first DET_TOLD are written to stderr, a line each, and err says how
 * many there are: first of all lists and labels, then, if there are none, of all pictures. The
 * result does not depend on the number of threads. */
det_set *det_load(const data_file *d, data_part part, int c, int threads, int flags,
                  size_t keep_bytes, char *err);
void det_free(det_set *s);

/* The picture of an item: the kept one, or decoded into tmp, which the caller frees (raster_free).
 * NULL and err. */
const raster *det_picture(const det_item *item, int c, raster *tmp, char *err);

/* Pictures first .. first+n-1 for test, (n, c, h, w): letterboxed as Darknet does, or stretched to
 * w x h. -1 and err. */
int det_test_batch(const det_set *s, int first, int n, int w, int h, int c, int stretch,
                   int threads, float *X, char *err);

/* Where the label file of a picture is, or would be looked for first. out[PATH_LEN]. 1: it
 * exists. */
int det_label_path(char *out, const char *picture);
/* What is wrong with one picture: how many sentences, and the first of them (malloc'd). */
enum { DET_TOLD = 20 };
typedef struct {
    int n;
    char *text[DET_TOLD];
} det_faults;
void det_faults_add(det_faults *f, const char *text);
void det_faults_free(det_faults *f);
/* One label file; boxes malloc'd. clipped: (+=). 0, or -1 and the first fault in err; the faults of
 * all lines are added to f, unless that is NULL or the file could not be read at all. */
int det_read_labels(const char *path, int classes, det_box **box, int *n, size_t *clipped,
                    det_faults *f, char *err);
#endif
