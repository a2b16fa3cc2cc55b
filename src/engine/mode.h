/* mode.h - the ways in which this project runs a network. What differs in one case is set after. */
#ifndef MP_MODE_H
#define MP_MODE_H
#include "engine/engine.h"

/* Batches that fill running statistics anew, by a momentum of 0.1 (ops/batch_norm.h,
 * [meta_shared]): 0.9^50 leaves half a percent of what was there before. */
enum { COLLECT_BATCHES = 50 };

/* A step: noise, dropout, batch statistics, gradients of theta. */
static inline engine_mode mode_training(float t, uint64_t seed, uint64_t draw) {
    return (engine_mode){.keep = 1,
                         .bn_batch = 1,
                         .perturb_batch = 1,
                         .noise = PERTURB_NOISE_SAMPLE,
                         .dropout = 1,
                         .dropblock = 1,
                         .theta_grads = 1,
                         .t = t,
                         .seed = seed,
                         .draw = draw};
}

/* Inference with E[z] in the noise's place. */
static inline engine_mode mode_one_pass(float t) {
    return (engine_mode){.noise = PERTURB_NOISE_MEAN, .t = t};
}

/* Inference with noise, of which the caller averages several passes. */
static inline engine_mode mode_samples(float t, uint64_t seed, uint64_t draw) {
    return (engine_mode){.noise = PERTURB_NOISE_SAMPLE, .t = t, .seed = seed, .draw = draw};
}

/* Running statistics collected as one pass will see them; nothing is learnt. */
static inline engine_mode mode_collect(float t) {
    return (engine_mode){.noise = PERTURB_NOISE_MEAN, .t = t, .bn_batch = 1, .perturb_batch = 1};
}
#endif
