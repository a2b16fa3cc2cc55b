/* reorder.h - between the caller's plain arrays and the blocked layouts that oneDNN chooses.
 *
 * Not oneDNN's own reorder: that of 3.7 (Debian 13) leaves padding unwritten and values wrong for
 * some shapes on some machines (uxlfoundation/oneDNN issue 3280, mended in 3.8.1). */
#ifndef MP_REORDER_H
#define MP_REORDER_H
#include "engine/cpu/dnnl_compat.h"
#include <stddef.h>

enum { REORDER_DIMS = 6 };

/* The place of (i0, i1, ..) is the sum of step[d]*id in the plain array, and that of at[d][id] in
 * the packed one. All zero: not made yet. */
typedef struct {
    int n;
    size_t len[REORDER_DIMS], step[REORDER_DIMS], *at[REORDER_DIMS];
    int across; /* runs of up to `run` values along this dimension lie side by side when packed */
    size_t run, packed; /* packed: values, padding included */
    int padded;
} reorder;

/* plain: a layout without blocks. What is moved are floats, whatever type the layouts name. Returns
 * 0, or -1: oneDNN's is none of blocks. */
int reorder_make(reorder *r, const_dnnl_memory_desc_t plain, const_dnnl_memory_desc_t packed);
void reorder_free(reorder *r);

/* packed (=), padding 0. */
void reorder_pack(const reorder *r, float *packed, const float *plain);
/* plain (+=). */
void reorder_unpack_add(const reorder *r, float *plain, const float *packed);
#endif
