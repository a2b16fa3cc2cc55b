/* dataset.h - Darknet's .data files and image lists, idx files of the MNIST family; each decoded
 * once.
 *
 * Keys of a .data file: Darknet's classes train valid labels names backup top results eval (read
 * over: test, map, accepted), and ours: images_per_class=N  at most N train images of each class,
 * drawn by `seed` split=half0|half1   train is the one or other half of the `train` list (of what
 * images_per_class left of it), drawn by `seed`, class by class: the halves are disjoint, together
 * everything, and differ by at most one image in each class; `valid` stays the valid list seed=N of
 * the two above (default 0), not the training seed: so a split stays a split Lines that begin with
 * # or ; are comments. An unknown key, one given twice, a value that is no number is an error.
 * `train` and `valid` are image lists, or idx3 image files (plain or .gz); their labels stand
 * beside them by the usual name (train-images-idx3-ubyte -> train-labels-idx1-ubyte), and `names`
 * is then optional. Relative paths are tried as they are, then relative to the .data file's folder;
 * those in a list as they are, then relative to the list's folder, then to the .data file's. A list
 * may have empty lines, CRLF, a byte order mark. */
#ifndef MP_DATASET_H
#define MP_DATASET_H
#include "base/error.h"
#include "base/path.h"
#include <stddef.h>
#include <stdint.h>

typedef enum { SPLIT_NONE, SPLIT_HALF0, SPLIT_HALF1 } data_split;
typedef enum { EVAL_VOC, EVAL_COCO } data_eval;

typedef struct {
    char path[PATH_LEN], train[PATH_LEN], valid[PATH_LEN], labels[PATH_LEN], names[PATH_LEN],
        backup[PATH_LEN], results[PATH_LEN];
    data_eval eval;                     /* format of `detector valid` */
    int classes, top, images_per_class; /* 0: all */
    data_split split;
    uint64_t seed;
    char **name;  /* classes of them, for people; from names, or labels, or "0".."9" */
    char **label; /* classes of them, looked for in an image's path; from labels, or names; NULL:
                     none given */
} data_file;

/* NULL and a sentence in err: missing or unreadable file, unknown key (nearest named), value no
 * number, fewer names than classes (more: a warning on stderr, the first ones count), two classes
 * of one label (or name, where no labels= tells them apart, as Darknet's imagenet1k.data does). */
data_file *data_file_read(const char *path, char *err);
void data_file_free(data_file *d);

/* Bytes RGB (or gray), row-major (h, w, c). */
typedef struct {
    int w, h, c;
    unsigned char *px;
} raster;
/* Decodes JPEG and PNG (EXIF orientation applied, alpha dropped, 16 bits cut to 8, as OpenCV does),
 * and what Darknet's bundled decoder reads soundly (BMP, GIF, binary PNM), by the first bytes; c =
 * 1 or 3. 0, or -1 with NULL px and err
 * ("FILE: why"): damaged or cut off, more than 2^30 pixels, unknown format. Never runs a program,
 * never exits. Any number of threads may decode at once. */
int raster_read(const char *path, int c, raster *out, char *err);
int raster_decode(const unsigned char *bytes, size_t len, const char *name, int c, raster *out,
                  char *err);
void raster_free(raster *r);

/* path: where it was found; of idx files FILE#NUMBER. */
typedef struct {
    raster img;
    int label;
    char *path;
} sample;
typedef struct {
    int n, classes;
    sample *items; /* in the order of the list */
    int skipped;   /* missing or undecodable images left out (only with skip_bad; told on stderr) */
} dataset;

/* The last: the half that split= did not take. */
typedef enum { DATA_TRAIN, DATA_VALID, DATA_TRAIN_OTHER_HALF } data_part;

/* Load one part of a data file, decoding on `threads` threads; the result does not depend on their
 * number. `c` channels (1 or 3). Errors (NULL, err): empty list, missing or undecodable image (the
 * first of the list, named) unless skip_bad, no class or two classes in a path, idx files that
 * disagree. The class of an image is the label that occurs in its path as the list has it,
 * Darknet's rule. Of two labels the longer one counts if the shorter one only occurs inside it
 * (racecar, car); else the one that is a whole folder's name or a whole part of the file's name
 * (parts are separated by _ - . or spaces), then a number so in the file's name, then a part of a
 * folder's name, then one inside other words: dog in classification/dog/x.jpg, 1 in 1/10.png. Two
 * that stand alike are an error. */
dataset *dataset_load(const data_file *d, data_part part, int c, int threads, int skip_bad,
                      char *err);
/* `most` images of the train list, or all if there are fewer, drawn by `seed`; labels are not
 * looked for (-1; idx files: all of them, with their labels). Also for the lists of detectors. */
dataset *dataset_load_images(const data_file *d, int most, uint64_t seed, int c, int threads,
                             int skip_bad, char *err);
void dataset_free(dataset *s);
#endif
