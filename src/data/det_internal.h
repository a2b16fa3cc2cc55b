/* det_internal.h - one training picture with its boxes; between det_batch.c and det_compose.c. */
#ifndef MP_DET_INTERNAL_H
#define MP_DET_INTERNAL_H
#include "data/det_batch.h"
#include "ops/rng.h"

typedef struct {
    const det_set *s;
    det_augment a;
    uint64_t seed;
    int batch;
} det_plan;

/* Of one thread. */
typedef struct {
    uint32_t *order; /* of one epoch's pictures */
    uint32_t *boxes; /* of one picture's, or of all in the list */
    float *list;     /* rows x y w h class of all that is in the picture so far */
    int n;
    float *X, *line; /* a picture, and one of its channels */
    uint64_t epoch;
} det_room;

/* 0, or -1: no memory; det_room_free then too. */
int det_room_make(det_room *r, const det_plan *p);
void det_room_free(det_room *r);

/* Draws under one key must not share numbers: of a picture (of its own or in a mosaic), of the size
 * of a step, of how pictures are put together, of what is done to the whole, of the order of all
 * boxes, and of each further picture. */
enum {
    DET_DRAW_PICTURE,
    DET_DRAW_SCALE,
    DET_DRAW_MIX,
    DET_DRAW_WHOLE,
    DET_DRAW_ORDER,
    DET_DRAW_OTHERS
};

/* Picture `item` at `place` of the endless sequence, w x h; truth (a.boxes, 5). -1 and err: it
 * cannot be read. */
int det_compose(const det_plan *p, det_room *r, uint64_t place, int item, int w, int h, float *X,
                float *truth, char *err);
#endif
