/* detector_show.h - the boxes of one picture, found, printed, recorded and drawn: what `detector
 * test` and `detector demo` share. */
#ifndef MP_DETECTOR_SHOW_H
#define MP_DETECTOR_SHOW_H
#include "train/detector.h"

typedef struct {
    session c;
    detector_args a;
    float *X; /* one picture for the network */
} detector_view;

/* Opens the network for one picture at a time. 0, or -1 and err, nothing to close. */
int detector_view_open(detector_view *v, const detector_args *a, char *err);
void detector_view_close(detector_view *v);

/* r (RGB) through the network; seconds: what that took. name: of the picture, for err. NULL and
 * err. free_detections(result, *n). */
detection *detector_look(const detector_view *v, const raster *r, const char *name, int *n,
                         double *seconds, char *err);
/* A line a class of each box, as the host prints them. */
void detector_print(const detector_view *v, const detection *d, int n, const raster *r);
/* "ring 93%, box 88%": as much as there is room for. */
void detector_words(const detector_view *v, const detection *d, int n, char *words, size_t len);
/* Its boxes, added to the record of a picture. */
void detector_record(const detector_view *v, const detection *d, int n, const raster *r,
                     cJSON *record);
void detector_paint(const detector_view *v, const detection *d, int n, raster *r);
#endif
