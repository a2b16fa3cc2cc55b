/* rng.c - see rng.h */
#include "ops/rng_each.h"
#include "ops/vecmath.h"
#include <math.h>

void rng_threefry(uint32_t out[2], rng_key_t key, uint32_t c0, uint32_t c1) {
    out[0] = c0;
    out[1] = c1;
    rng_block(key.k0, key.k1, &out[0], &out[1]);
}

rng_key_t rng_key(uint64_t seed, int use, uint64_t a, uint64_t b) {
    rng_key_t k = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[3][2] = {{(uint32_t)use, 0x6d657461u},
                            {(uint32_t)a, (uint32_t)(a >> 32)},
                            {(uint32_t)b, (uint32_t)(b >> 32)}};
    for (int i = 0; i < 3; i++) {
        uint32_t out[2];
        rng_threefry(out, k, words[i][0], words[i][1]);
        k = (rng_key_t){out[0], out[1]};
    }
    return k;
}

VEC_CLONES
void rng_normal_row(float *out, size_t n, rng_key_t key, uint32_t row) {
    size_t half = (n + 1) / 2, both = n - half;
    float *second = out + half;
    for (size_t j = 0; j < both; j++) {
        uint32_t x = (uint32_t)j, y = row;
        rng_block(key.k0, key.k1, &x, &y);
        /* 24 bits, centred: never 0, so the logarithm is finite. */
        float u = ((float)(int32_t)(x >> 8) + 0.5f) * 0x1p-24f, s, c;
        float r = sqrtf(-2 * vec_log(u));
        vec_turn((float)(int32_t)(y >> 8) * 0x1p-24f, &s, &c);
        out[j] = r * c;
        second[j] = r * s;
    }
    if (half > both) {
        uint32_t x = (uint32_t)both, y = row;
        rng_block(key.k0, key.k1, &x, &y);
        float u = ((float)(int32_t)(x >> 8) + 0.5f) * 0x1p-24f, s, c;
        vec_turn((float)(int32_t)(y >> 8) * 0x1p-24f, &s, &c);
        out[both] = sqrtf(-2 * vec_log(u)) * c;
    }
}

VEC_CLONES
void rng_uniform_row(float *out, size_t n, rng_key_t key, uint32_t row) {
    size_t half = (n + 1) / 2, both = n - half;
    float *second = out + half;
    for (size_t j = 0; j < both; j++) {
        uint32_t x = (uint32_t)j, y = row;
        rng_block(key.k0, key.k1, &x, &y);
        out[j] = (float)(int32_t)(x >> 8) * 0x1p-24f;
        second[j] = (float)(int32_t)(y >> 8) * 0x1p-24f;
    }
    if (half > both) {
        uint32_t x = (uint32_t)both, y = row;
        rng_block(key.k0, key.k1, &x, &y);
        out[both] = (float)(int32_t)(x >> 8) * 0x1p-24f;
    }
}

rng_stream rng_open(rng_key_t key) { return (rng_stream){.key = key}; }

uint32_t rng_u32(rng_stream *r) {
    if (r->has_spare) {
        r->has_spare = 0;
        return r->spare;
    }
    uint32_t out[2];
    rng_threefry(out, r->key, (uint32_t)r->at, (uint32_t)(r->at >> 32));
    r->at++;
    r->spare = out[1];
    r->has_spare = 1;
    return out[0];
}

float rng_uniform(rng_stream *r, float lo, float hi) {
    float v = lo + (hi - lo) * ((float)(rng_u32(r) >> 8) * 0x1p-24f);
    return v < hi ? v : lo; /* rounding may reach hi */
}

uint32_t rng_below(rng_stream *r, uint32_t n) {
    /* Numbers past the last whole multiple of n would favour the low ones: draw again. */
    uint32_t limit = UINT32_MAX - UINT32_MAX % n, u;
    do u = rng_u32(r);
    while (u >= limit);
    return u % n;
}

float rng_normal(rng_stream *r) {
    float u = ((float)(rng_u32(r) >> 8) + 0.5f) * 0x1p-24f, s, c;
    vec_turn((float)(rng_u32(r) >> 8) * 0x1p-24f, &s, &c);
    return sqrtf(-2 * vec_log(u)) * c;
}

/* ln of a Gamma(a) variable: Marsaglia and Tsang, "A simple method for generating gamma variables",
 * 2000, with a uniform to the power 1/a where a < 1. The logarithm, as small a give numbers far
 * below the least double. */
static double log_gamma(rng_stream *r, double a) {
    double boost = 0;
    if (a < 1) {
        boost = log(((double)rng_u32(r) + 0.5) * 0x1p-32) / a;
        a += 1;
    }
    double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = (double)rng_normal(r), v = 1 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        if (log(((double)rng_u32(r) + 0.5) * 0x1p-32) < 0.5 * x * x + d - d * v + d * log(v))
            return boost + log(d * v);
    }
}

double rng_beta(rng_stream *r, double a) {
    double x = log_gamma(r, a), y = log_gamma(r, a);
    return 1 / (1 + exp(y - x));
}
