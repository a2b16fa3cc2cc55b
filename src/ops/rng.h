/* rng.h - counter-based random numbers: Threefry-2x32 with 13 rounds (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A number is a pure function of (key, counter): the same on any thread, in any order, on CPU or
 * GPU, and drawn again in backward instead of being stored. Everything random here comes from one
 * user seed through rng_key. */
#ifndef MP_RNG_H
#define MP_RNG_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t k0, k1;
} rng_key_t;

/* What a stream is for; part of every key, so that no two uses share numbers. */
enum {
    RNG_INIT = 1,
    RNG_NOISE,
    RNG_DROPOUT,
    RNG_SHUFFLE,
    RNG_AUGMENT,
    RNG_SPLIT,
    RNG_PHI,
    RNG_TEST,
    RNG_MIX,
    RNG_ANCHORS,
};

/* The key of stream `use`, item (a, b), under `seed`. Distinct arguments give unrelated keys. */
rng_key_t rng_key(uint64_t seed, int use, uint64_t a, uint64_t b);

/* One block: out[0..1] from key and the 64-bit counter (c1:c0). */
void rng_threefry(uint32_t out[2], rng_key_t key, uint32_t c0, uint32_t c1);

/* n standard normals of row `row` (=): Box-Muller on blocks j = 0 .. ceil(n/2)-1 with counter (j,
 * row); out[j] takes the cosine, out[ceil(n/2)+j] the sine. Vectorised; |error| against exact
 * mathematics below 1e-5. */
void rng_normal_row(float *out, size_t n, rng_key_t key, uint32_t row);

/* n uniforms in [0,1) of row `row` (=), 24 bits each; same pairing as above. */
void rng_uniform_row(float *out, size_t n, rng_key_t key, uint32_t row);

/* Sequential use (shuffles, augmentation, initial weights). */
typedef struct {
    rng_key_t key;
    uint64_t at;
    uint32_t spare;
    int has_spare;
} rng_stream;
rng_stream rng_open(rng_key_t key);
uint32_t rng_u32(rng_stream *r);
float rng_uniform(rng_stream *r, float lo, float hi); /* in [lo,hi) */
uint32_t rng_below(rng_stream *r, uint32_t n);        /* unbiased, 0 .. n-1; n > 0 */
float rng_normal(rng_stream *r);                      /* N(0,1) */
double rng_beta(rng_stream *r, double a);             /* Beta(a,a), a > 0 */
#endif
