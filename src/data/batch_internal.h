/* batch_internal.h - what batch_train and the loader share. Inside the room only. */
#ifndef MP_BATCH_INTERNAL_H
#define MP_BATCH_INTERNAL_H
#include "data/batch.h"
#include <stdatomic.h>

/* The order of the pictures in one epoch: a permutation of 0 .. n-1 drawn from the seed (=). */
void batch_epoch_order(uint32_t *order, uint32_t n, uint64_t seed, uint64_t epoch);

/* Resized pictures, made when first needed; by whom does not matter, as all make the same. */
typedef _Atomic(unsigned char *) batch_small;

typedef struct {
    const dataset *s;
    augment a;
    uint64_t seed;
    int batch;
    batch_small *small; /* (s->n), or NULL: resize anew each time */
} batch_plan;

/* What one thread needs: the order of one epoch, and a resized picture. */
typedef struct {
    uint32_t *order;        /* (s->n) */
    uint64_t epoch;         /* whose order it is; UINT64_MAX: nobody's yet */
    unsigned char *picture; /* (h, w, c) */
    uint32_t *partner;      /* (batch); this and kept only with mixup or cutmix */
    float *kept; /* (c, h, w) and (classes): a picture and its truth before they were mixed */
} batch_room;

int batch_room_make(batch_room *room, const batch_plan *p); /* -1: no memory */
void batch_room_free(batch_room *room);
void batch_fill(const batch_plan *p, batch_room *room, uint64_t k, float *X, float *truth,
                int *labels);

typedef struct {
    int box, x0, x1, y0, y1;
    float lambda;
} batch_mixing; /* the box: columns x0 .. x1-1, rows y0 .. y1-1 */
/* Is there anything to mix? (mix.c) */
int batch_mixes(const augment *a);
/* How batch k is mixed, and with whom: partner (batch) (=). */
batch_mixing batch_mixing_draw(const augment *a, uint64_t seed, uint64_t k, uint32_t *partner,
                               int batch);
/* Mixes batch k: X and truth (may be NULL). */
void batch_mix(const augment *a, uint64_t seed, uint64_t k, const batch_room *room, int batch,
               int classes, float *X, float *truth);
#endif
