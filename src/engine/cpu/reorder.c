/* reorder.c - see reorder.h. */
#include "engine/cpu/reorder.h"
#include "engine/cpu/cpu.h"
#include <stdlib.h>
#include <string.h>

enum { FEW = 1 << 14 }; /* below this many values threads cost more than they give */

/* Where each index of dimension d lies: the digits of its blocks, and its stride for the rest. */
static void place(size_t *at, size_t len, int d, const dnn_blocks *b) {
    size_t step[DNNL_MAX_NDIMS], inner = 1, whole = 1;
    for (int k = b->blocks - 1; k >= 0; k--) {
        step[k] = inner;
        inner *= (size_t)b->block[k];
        if (b->block_dim[k] == d) whole *= (size_t)b->block[k];
    }
    for (size_t i = 0; i < len; i++) {
        size_t left = i % whole, block = whole;
        at[i] = i / whole * (size_t)b->strides[d];
        for (int k = 0; k < b->blocks; k++) {
            if (b->block_dim[k] != d) continue;
            block /= (size_t)b->block[k];
            at[i] += left / block * step[k];
            left %= block;
        }
    }
}

static void find_run(reorder *r, const dnn_blocks *b) {
    r->across = 0;
    r->run = 1;
    for (int d = 0; d < r->n; d++) {
        size_t run = 1;
        while (run < r->len[d] && r->at[d][run] == r->at[d][0] + run) run++;
        if (run > r->run) r->across = d, r->run = run;
    }
    /* A last block that is not full is as long as the others where it counts. */
    if (b->blocks) {
        r->across = (int)b->block_dim[b->blocks - 1];
        r->run = (size_t)b->block[b->blocks - 1];
    }
}

/* The last two dimensions as one, where they are one in the plain array and runs lie elsewhere:
 * rows of whole windows, 9 values and not 3. */
static int merge_last(reorder *r) {
    int h = r->n - 2, w = r->n - 1;
    if (r->n < 4 || r->across >= h || r->step[h] != r->len[w] * r->step[w]) return 0;
    size_t len = r->len[h] * r->len[w], *at = malloc(len * sizeof *at);
    if (!at) return -1;
    for (size_t i = 0; i < len; i++) at[i] = r->at[h][i / r->len[w]] + r->at[w][i % r->len[w]];
    free(r->at[h]);
    free(r->at[w]);
    r->at[h] = at;
    r->len[h] = len;
    r->step[h] = r->step[w];
    r->n--;
    return 0;
}

/* Dimensions of one value say nothing of the place. */
static void drop_single(reorder *r) {
    int n = 0;
    for (int d = 0; d < r->n; d++) {
        if (r->len[d] == 1 && d != r->across) {
            free(r->at[d]);
            continue;
        }
        if (d == r->across) r->across = n;
        r->len[n] = r->len[d];
        r->step[n] = r->step[d];
        r->at[n++] = r->at[d];
    }
    r->n = n;
}

int reorder_make(reorder *r, const_dnnl_memory_desc_t plain, const_dnnl_memory_desc_t packed) {
    dnn_blocks p, b;
    *r = (reorder){0};
    if (!dnn_blocks_of(plain, &p) || !dnn_blocks_of(packed, &b)) return -1;
    if (p.blocks || p.n != b.n || p.n > REORDER_DIMS) return -1;
    r->n = b.n;
    r->packed = 1;
    for (int d = 0; d < b.n; d++) {
        r->len[d] = (size_t)b.dims[d];
        r->step[d] = (size_t)p.strides[d];
        r->packed *= (size_t)b.padded[d];
        r->padded |= b.padded[d] != b.dims[d];
        r->at[d] = malloc(r->len[d] * sizeof *r->at[d]);
        if (!r->at[d]) return reorder_free(r), -1;
        place(r->at[d], r->len[d], d, &b);
    }
    find_run(r, &b);
    if (merge_last(r)) return reorder_free(r), -1;
    drop_single(r);
    return 0;
}

void reorder_free(reorder *r) {
    for (int d = 0; d < r->n; d++) free(r->at[d]);
    *r = (reorder){0};
}

/* A tile: n values along r->across, len along the row, which is the innermost of the other
 * dimensions. Full runs have a constant length, for the compiler's sake. */
CPU_CLONES static void pack_tile(float *restrict packed, const float *restrict plain, size_t n,
                                 size_t step, const size_t *at, size_t len, size_t row) {
    for (size_t k = 0; k < len; k++) {
        float *q = packed + at[k];
        const float *p = plain + k * row;
        if (step == 1)
            memcpy(q, p, n * sizeof *q);
        else if (n == 16)
            for (size_t j = 0; j < 16; j++) q[j] = p[j * step];
        else
            for (size_t j = 0; j < n; j++) q[j] = p[j * step];
    }
}

CPU_CLONES static void add_tile(float *restrict plain, const float *restrict packed, size_t n,
                                size_t step, const size_t *at, size_t len, size_t row) {
    if (step == 1)
        for (size_t k = 0; k < len; k++)
            for (size_t j = 0; j < n; j++) plain[k * row + j] += packed[at[k] + j];
    else
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < len; k++) plain[j * step + k * row] += packed[at[k] + j];
}

/* All tiles that begin at `start` along r->across, and have index `first` in the first of the
 * other dimensions; the last of these is the row, or the only one. */
static void move_slice(const reorder *r, float *packed, float *plain, size_t start, size_t first,
                       int add) {
    static const size_t nowhere[1];
    size_t index[REORDER_DIMS] = {0}, left = r->len[r->across] - start;
    size_t n = left < r->run ? left : r->run, step = r->step[r->across];
    int other[REORDER_DIMS], others = 0;
    for (int d = 0; d < r->n; d++)
        if (d != r->across) other[others++] = d;
    int row = others > 0 ? other[--others] : -1;
    if (others) index[other[0]] = first;
    index[r->across] = start;
    for (;;) {
        size_t from = 0, to = 0;
        for (int d = 0; d < r->n; d++) {
            if (d == row) continue;
            from += index[d] * r->step[d];
            to += r->at[d][index[d]];
        }
        const size_t *at = row < 0 ? nowhere : r->at[row];
        size_t len = row < 0 ? 1 : r->len[row], along = row < 0 ? 0 : r->step[row];
        if (add)
            add_tile(plain + from, packed + to, n, step, at, len, along);
        else
            pack_tile(packed + to, plain + from, n, step, at, len, along);
        int k = others - 1;
        while (k > 0 && ++index[other[k]] == r->len[other[k]]) index[other[k--]] = 0;
        if (k <= 0) return;
    }
}

static void move(const reorder *r, float *packed, float *plain, int add) {
    int outer = r->across == 0;
    size_t firsts = r->n > 2 ? r->len[outer] : 1;
    size_t runs = (r->len[r->across] + r->run - 1) / r->run;
#pragma omp parallel for schedule(static) if (r->packed > FEW)
    for (size_t i = 0; i < runs * firsts; i++)
        move_slice(r, packed, plain, i / firsts * r->run, i % firsts, add);
}

void reorder_pack(const reorder *r, float *packed, const float *plain) {
    if (r->padded) memset(packed, 0, r->packed * sizeof *packed);
    move(r, packed, (float *)(size_t)plain, 0); /* only read */
}

void reorder_unpack_add(const reorder *r, float *plain, const float *packed) {
    move(r, (float *)(size_t)packed, plain, 1); /* only read */
}
