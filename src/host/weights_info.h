/* weights_info.h - what is in a weights file, for people. */
#ifndef MP_WEIGHTS_INFO_H
#define MP_WEIGHTS_INFO_H
#include "base/error.h"
#include <stdio.h>

/* Printed to `out`: header, sizes, our trailer's parts; with a cfg (or NULL) the floats of every
 * layer, their range, and whether any is no number. 0, or -1 and a sentence: no weights file, or it
 * does not fit the cfg (and where it ceases to). */
int weights_info(const char *path, const char *cfg, FILE *out, char *err);

/* The weights of the first n layers as a file of their own, its count of images seen set to 0:
 * Darknet's `partial`. */
int weights_partial(const char *cfg, const char *path, const char *to, int n, char *err);
#endif
