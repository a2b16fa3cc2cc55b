/* perturb_march_run.h - what a block of each kind does; see perturb_march.h. Included after the
 * definitions of MARCH_BLOCK(kind)   the head of a function of (size_t block, const perturb_job *b,
 * const march_plan *p, float *shared, const int wide, ...) PHASE, MEANS, T     see perturb_march.h;
 * ID is T's number in the block */
#include "ops/perturb_march.h"

MARCH_BLOCK(features) {
    march_place w = march_place_of(block, b->a.s, p);
    int c = b->a.s.c, once = p->features_once;
    PHASE(march_features_begin(T, ID, b, p, w, wide));
    for (int f = 0; f < PERTURB_K; f += once) {
        PHASE(march_features_put(T, shared, f, once, c, wide));
        PHASE(march_collect(T, b->rows + (w.part * PERTURB_K + (size_t)f) * (size_t)c, shared,
                            w.count, once * c, p->threads));
    }
}

/* Blocks from the last to the first: what the features read last is still near. */
MARCH_BLOCK(forward) {
    march_place w = march_place_of(p->blocks - 1 - block, b->a.s, p);
    march_room room = march_room_of(b, p, shared);
    PHASE(march_begin(T, ID, b, p, w, room, 0, wide));
    for (int h = w.top - 2;; h++) {
        MEANS(march_forward_edge(T, b, p, w, room, h, wide), room.mean[0]);
        if (h == w.end + 2) break;
        MEANS(march_forward_middle(T, b, p, w, room, h, wide), room.mean[1]);
    }
}

MARCH_BLOCK(backward) {
    march_place w = march_place_of(block, b->a.s, p);
    march_room room = march_room_of(b, p, shared);
    int c = b->a.s.c;
    PHASE(march_begin(T, ID, b, p, w, room, 1, wide));
    for (int h = w.top - 2;; h++) {
        MEANS(march_backward_edge(T, b, w, room, h, wide), room.mean[0]);
        if (h == w.end + 2) break;
        MEANS(march_backward_middle(T, b, w, room, h, wide), room.mean[1]);
    }
    PHASE(march_put(T, T->ds, shared, c, wide));
    PHASE(march_collect(T, b->rows + w.part * (size_t)c, shared, w.count, c, p->threads));
}
