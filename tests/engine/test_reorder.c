/* test_reorder.c - weights in oneDNN's blocked layouts, against places that are written out here:
 * values, padding of zeros, and the way back, which adds. */
#include "engine/cpu/reorder.h"
#include "ops/rng.h"
#include "test.h"
#include <stdlib.h>

typedef const dnnl_dim_t *dims;
typedef size_t (*place)(dims d, dims i);

static size_t up(dnnl_dim_t n, int block) {
    return ((size_t)n + (size_t)block - 1) / (size_t)block;
}

#define D(k) ((size_t)d[k])
#define I(k) ((size_t)i[k])
static size_t two_blocks(dims d, dims i) { /* ABcd16a16b */
    return ((((I(0) / 16 * up(d[1], 16) + I(1) / 16) * D(2) + I(2)) * D(3) + I(3)) * 16 +
            I(0) % 16) *
               16 +
           I(1) % 16;
}
static size_t two_blocks_turned(dims d, dims i) { /* ABcd16b16a */
    return ((((I(0) / 16 * up(d[1], 16) + I(1) / 16) * D(2) + I(2)) * D(3) + I(3)) * 16 +
            I(1) % 16) *
               16 +
           I(0) % 16;
}
static size_t last_inside(dims d, dims i) { /* Acdb16a */
    return (((I(0) / 16 * D(2) + I(2)) * D(3) + I(3)) * D(1) + I(1)) * 16 + I(0) % 16;
}
static size_t eight(dims d, dims i) { /* ABcd8b8a */
    return ((((I(0) / 8 * up(d[1], 8) + I(1) / 8) * D(2) + I(2)) * D(3) + I(3)) * 8 + I(1) % 8) *
               8 +
           I(0) % 8;
}
static size_t split_twice(dims d, dims i) { /* ABcd4b16a4b: 16 of b in two digits */
    return ((((I(0) / 16 * up(d[1], 16) + I(1) / 16) * D(2) + I(2)) * D(3) + I(3)) * 4 +
            I(1) % 16 / 4) *
               64 +
           I(0) % 16 * 4 + I(1) % 4;
}
static size_t channels_last(dims d, dims i) { /* acdb */
    return ((I(0) * D(2) + I(2)) * D(3) + I(3)) * D(1) + I(1);
}
static size_t turned(dims d, dims i) { /* cdba */
    return ((I(2) * D(3) + I(3)) * D(1) + I(1)) * D(0) + I(0);
}
static size_t plain(dims d, dims i) { return ((I(0) * D(1) + I(1)) * D(2) + I(2)) * D(3) + I(3); }
static size_t of_groups(dims d, dims i) { /* aBCde16c16b */
    size_t at = (I(0) * up(d[1], 16) + I(1) / 16) * up(d[2], 16) + I(2) / 16;
    return (((at * D(3) + I(3)) * D(4) + I(4)) * 16 + I(2) % 16) * 16 + I(1) % 16;
}
static size_t one_a_group(dims d, dims i) { /* Abcde16a */
    return ((((I(0) / 16 * D(1) + I(1)) * D(2) + I(2)) * D(3) + I(3)) * D(4) + I(4)) * 16 +
           I(0) % 16;
}
static size_t flat(dims d, dims i) { /* AB16b16a */
    return ((I(0) / 16 * up(d[1], 16) + I(1) / 16) * 16 + I(1) % 16) * 16 + I(0) % 16;
}

static float value(dims d, dims i, int n) {
    uint64_t at = 0;
    for (int k = 0; k < n; k++) at = at * (uint64_t)d[k] + (uint64_t)i[k];
    return (float)(at % 65521 + 1);
}

/* The next index; 0 after the last. */
static int next(dims d, dnnl_dim_t *i, int n) {
    for (int k = n - 1; k >= 0; k--) {
        if (++i[k] < d[k]) return 1;
        i[k] = 0;
    }
    return 0;
}

static void check(dnnl_format_tag_t tag, dnnl_format_tag_t plain_tag, int n, dims d, place at) {
    dnnl_memory_desc_t from, to;
    CHECK(!dnnl_memory_desc_create_with_tag(&from, n, d, dnnl_f32, plain_tag),
          "is made or refused as expected");
    CHECK(!dnnl_memory_desc_create_with_tag(&to, n, d, dnnl_f32, tag),
          "is made or refused as expected");
    size_t len = dnnl_memory_desc_get_size(to) / sizeof(float), all = 1, bad = 0, set = 0,
           other = 0;
    for (int k = 0; k < n; k++) all *= (size_t)d[k];
    float *p = malloc(all * sizeof *p), *q = malloc(len * sizeof *q);
    dnnl_dim_t i[REORDER_DIMS] = {0};
    size_t k = 0;
    do p[k++] = value(d, i, n);
    while (next(d, i, n));
    for (k = 0; k < len; k++) q[k] = -7;
    reorder r = {0};
    CHECK(reorder_make(&r, from, to) == 0, "is made or refused as expected");
    reorder_pack(&r, q, p);
    do bad += q[at(d, i)] != value(d, i, n);
    while (next(d, i, n));
    for (k = 0; k < len; k++) set += q[k] != 0, other += q[k] == -7;
    CHECK(bad == 0, "tag %d, %lld x %lld: %zu values at a wrong place", (int)tag, (long long)d[0],
          (long long)d[1], bad);
    CHECK(set == all && other == 0, "tag %d, %lld x %lld: padding is not 0", (int)tag,
          (long long)d[0], (long long)d[1]);
    reorder_unpack_add(&r, p, q);
    for (k = bad = 0; k < all; k++) bad += p[k] != 2 * (float)(k % 65521 + 1);
    CHECK(bad == 0, "tag %d, %lld x %lld: %zu sums are wrong on the way back", (int)tag,
          (long long)d[0], (long long)d[1], bad);
    reorder_free(&r);
    dnnl_memory_desc_destroy(from);
    dnnl_memory_desc_destroy(to);
    free(p);
    free(q);
}

static void test_layouts(void) {
    static const dnnl_dim_t sizes[][4] = {{4, 3, 3, 3},    {16, 16, 3, 3}, {20, 17, 3, 3},
                                          {1, 1, 1, 1},    {33, 5, 1, 1},  {64, 48, 3, 3},
                                          {255, 32, 1, 1}, {7, 100, 2, 5}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        dims d = sizes[k];
        check(dnnl_ABcd16a16b, dnnl_abcd, 4, d, two_blocks);
        check(dnnl_ABcd16b16a, dnnl_abcd, 4, d, two_blocks_turned);
        check(dnnl_Acdb16a, dnnl_abcd, 4, d, last_inside);
        check(dnnl_ABcd8b8a, dnnl_abcd, 4, d, eight);
        check(dnnl_ABcd4b16a4b, dnnl_abcd, 4, d, split_twice);
        check(dnnl_acdb, dnnl_abcd, 4, d, channels_last);
        check(dnnl_cdba, dnnl_abcd, 4, d, turned);
        check(dnnl_abcd, dnnl_abcd, 4, d, plain);
        check(dnnl_AB16b16a, dnnl_ab, 2, d, flat);
    }
    static const dnnl_dim_t groups[][5] = {{2, 3, 2, 3, 3}, {3, 20, 17, 3, 3}, {37, 1, 1, 3, 3}};
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
        check(dnnl_aBCde16c16b, dnnl_abcde, 5, groups[k], of_groups);
        check(dnnl_Abcde16a, dnnl_abcde, 5, groups[k], one_a_group);
    }
}

static void test_refused(void) {
    dnnl_dims_t d = {4, 3, 3, 3}, e = {4, 27};
    dnnl_memory_desc_t a, b, c;
    reorder r;
    CHECK(!dnnl_memory_desc_create_with_tag(&a, 4, d, dnnl_f32, dnnl_ABcd16a16b),
          "is made or refused as expected");
    CHECK(!dnnl_memory_desc_create_with_tag(&b, 4, d, dnnl_f32, dnnl_abcd),
          "is made or refused as expected");
    CHECK(!dnnl_memory_desc_create_with_tag(&c, 2, e, dnnl_f32, dnnl_ab),
          "is made or refused as expected");
    CHECK(reorder_make(&r, a, b) == -1,
          "is made or refused as expected"); /* the plain one has blocks */
    CHECK(reorder_make(&r, c, b) == -1, "is made or refused as expected"); /* other dimensions */
    dnnl_memory_desc_destroy(a);
    dnnl_memory_desc_destroy(b);
    dnnl_memory_desc_destroy(c);
}

int main(void) {
    test_layouts();
    test_refused();
    return t_done("test_reorder");
}
