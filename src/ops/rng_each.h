/* rng_each.h - one block of the generator, as code that the CPU's loops and CUDA's kernels share.
 */
#ifndef MP_RNG_EACH_H
#define MP_RNG_EACH_H
#include "ops/rng.h"
#include "ops/vecmath.h"

VEC_INLINE uint32_t rng_turn(uint32_t x, int n) { return x << n | x >> (32 - n); }

/* Threefry-2x32, 13 rounds: rotations 13 15 26 6 17 29 16 24 in turn, a key word added after every
 * fourth. */
VEC_INLINE void rng_block(uint32_t k0, uint32_t k1, uint32_t *px, uint32_t *py) {
    uint32_t k2 = 0x1bd11bdau ^ k0 ^ k1, x = *px + k0, y = *py + k1;
#define ROUND(n)        \
    x += y;             \
    y = rng_turn(y, n); \
    y ^= x;
    ROUND(13) ROUND(15) ROUND(26) ROUND(6) x += k1;
    y += k2 + 1;
    ROUND(17) ROUND(29) ROUND(16) ROUND(24) x += k2;
    y += k0 + 2;
    ROUND(13) ROUND(15) ROUND(26) ROUND(6) x += k0;
    y += k1 + 3;
    ROUND(17)
#undef ROUND
    *px = x;
    *py = y;
}
#endif
