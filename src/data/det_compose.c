/* det_compose.c - a training picture from one, two or four of the set, and its boxes. */
#include "data/det_internal.h"
#include "data/sample.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int det_room_make(det_room *r, const det_plan *p) {
    int most = 0, w, h;
    for (int i = 0; i < p->s->n; i++) most = p->s->items[i].n > most ? p->s->items[i].n : most;
    det_largest(&p->a, &w, &h);
    size_t pixels = (size_t)w * (size_t)h, rows = 4 * (size_t)most + 1;
    r->order = malloc((size_t)p->s->n * sizeof *r->order);
    r->boxes = malloc(rows * sizeof *r->boxes);
    r->list = malloc(rows * 5 * sizeof *r->list);
    r->X = malloc(pixels * (size_t)p->a.c * sizeof *r->X);
    r->line = malloc(pixels * sizeof *r->line);
    r->epoch = UINT64_MAX;
    return r->order && r->boxes && r->list && r->X && r->line ? 0 : -1;
}

void det_room_free(det_room *r) {
    free(r->order);
    free(r->boxes);
    free(r->list);
    free(r->X);
    free(r->line);
}

typedef struct {
    int left, top, w, h, flip;
} placing;

/* By how much resize= scales the placed picture: to both sides, or down only where it is below 1.
 */
static float scale_of(const det_augment *a, rng_stream *rng) {
    if (a->resize == 0 || a->resize == 1) return 1;
    float log_most = logf(a->resize < 1 ? 1 / a->resize : a->resize);
    return expf(rng_uniform(rng, -log_most, a->resize < 1 ? 0 : log_most));
}

/* Anywhere between flush left and flush right, whichever of the two is larger. */
static int anywhere(int size, int room, rng_stream *rng) {
    int spare = room - size;
    return spare >= 0 ? (int)rng_below(rng, (uint32_t)spare + 1)
                      : -(int)rng_below(rng, (uint32_t)-spare + 1);
}

/* In a view of vw x vh, at the scale of a picture of w x h. */
static placing draw_placing(const raster *r, const det_augment *a, int w, int h, int vw, int vh,
                            rng_stream *rng) {
    float rw = (float)(a->stretch ? w : r->w), rh = (float)(a->stretch ? h : r->h),
          dw = a->jitter * rw, dh = a->jitter * rh;
    float across = rw + rng_uniform(rng, -dw, dw), down = rh + rng_uniform(rng, -dh, dh);
    float aspect = across / down;
    int wide = aspect * (float)h >= (float)w;
    placing p = {.w = wide ? w : (int)((float)h * aspect),
                 .h = wide ? (int)((float)w / aspect) : h};
    p.w = p.w < 1 ? 1 : p.w > w ? w : p.w;
    p.h = p.h < 1 ? 1 : p.h > h ? h : p.h;
    float scale = scale_of(a, rng);
    if (scale != 1) {
        p.w = (int)fmaxf(1, (float)p.w * scale);
        p.h = (int)fmaxf(1, (float)p.h * scale);
    }
    p.left = anywhere(p.w, vw, rng);
    p.top = anywhere(p.h, vh, rng);
    p.flip = a->flip && (rng_u32(rng) & 1);
    return p;
}

/* Darknet leaves out boxes that are hardly a pixel. Of one that the picture's edge cuts, a tenth
 * must be left. */
static const float least_side = 0.001f, least_part = 0.1f, rounding = 1e-5f;

/* What of [centre - size/2, centre + size/2] lies in [0,1]. */
static void cut(float *centre, float *size) {
    float lo = *centre - *size / 2, hi = *centre + *size / 2;
    if (lo >= -rounding && hi <= 1 + rounding) return;
    lo = lo < 0 ? 0 : lo;
    hi = hi > 1 ? 1 : hi;
    *centre = (lo + hi) / 2;
    *size = hi > lo ? hi - lo : 0;
}

/* A view of vw x vh at (vx, vy) of a picture of w x h. */
typedef struct {
    int x, y, w, h, of_w, of_h;
} view;

static int moved_box(float out[5], const det_box *b, const placing *p, const view *v) {
    float vw = (float)v->w, vh = (float)v->h;
    float x = (b->box.x * (float)p->w + (float)p->left) / vw,
          y = (b->box.y * (float)p->h + (float)p->top) / vh;
    float bw = b->box.w * (float)p->w / vw, bh = b->box.h * (float)p->h / vh, area = bw * bh;
    cut(&x, &bw);
    cut(&y, &bh);
    if (p->flip) x = 1 - x;
    if (v->w < v->of_w || v->h < v->of_h) {
        float w = (float)v->of_w, h = (float)v->of_h;
        x = (x * vw + (float)v->x) / w, y = (y * vh + (float)v->y) / h;
        bw *= vw / w, bh *= vh / h, area *= vw / w * (vh / h);
    }
    if (bw < least_side || bh < least_side || bw * bh < least_part * area) return 0;
    out[0] = x;
    out[1] = y;
    out[2] = bw;
    out[3] = bh;
    out[4] = (float)b->cls;
    return 1;
}

static uint32_t *shuffled(uint32_t *order, uint32_t n, rng_stream *rng) {
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = i + rng_below(rng, n - i), t = order[j];
        order[j] = order[i];
        order[i] = t;
    }
    return order;
}

/* One picture of the set in a view: X is (c, v->h, v->w), and its boxes are added to the list, in
 * random order, as in Darknet: the head learns the last of several boxes that fall into one cell.
 * w, h: the scale. */
static int show(const det_plan *p, det_room *r, int item, rng_stream *rng, int w, int h,
                const view *v, float *X, char *err) {
    const det_augment *a = &p->a;
    const det_item *it = &p->s->items[item];
    raster tmp;
    const raster *img = det_picture(it, a->c, &tmp, err);
    if (!img) return -1;
    placing at = draw_placing(img, a, w, h, v->w, v->h, rng);
    sample_place(X, v->w, v->h, a->c, img, (sample_box){at.left, at.top, at.w, at.h}, at.flip);
    sample_random_colours(X, (size_t)v->w * (size_t)v->h, a->c, a->hue, a->saturation, a->exposure,
                          rng);
    const uint32_t *order = shuffled(r->boxes, (uint32_t)it->n, rng);
    for (int i = 0; i < it->n; i++)
        r->n += moved_box(r->list + 5 * (size_t)r->n, &it->box[order[i]], &at, v);
    raster_free(&tmp);
    return 0;
}

static rng_stream stream(const det_plan *p, uint64_t place, int draw) {
    return rng_open(rng_key(p->seed, RNG_AUGMENT, place, (uint64_t)draw));
}

static int another(const det_plan *p, rng_stream *rng) {
    return (int)rng_below(rng, (uint32_t)p->s->n);
}

static void paste(float *X, const float *part, const view *v, int c) {
    size_t pixels = (size_t)v->w * (size_t)v->h;
    for (int k = 0; k < c; k++)
        for (int y = 0; y < v->h; y++)
            memcpy(X + ((size_t)k * (size_t)v->of_h + (size_t)(v->y + y)) * (size_t)v->of_w + v->x,
                   part + (size_t)k * pixels + (size_t)y * (size_t)v->w, (size_t)v->w * sizeof *X);
}

/* Four pictures about a point in the middle three fifths. Each shows a part of itself at the scale
 * of the whole; with mosaic_bound, all of itself, so that no box is cut. */
static int mosaic(const det_plan *p, det_room *r, uint64_t place, int item, int w, int h, float *X,
                  rng_stream *mix, char *err) {
    int x = w / 5 + (int)rng_below(mix, (uint32_t)(w - 2 * (w / 5)) + 1),
        y = h / 5 + (int)rng_below(mix, (uint32_t)(h - 2 * (h / 5)) + 1);
    for (int q = 0; q < 4; q++) {
        view v = {q & 1 ? x : 0, q & 2 ? y : 0, q & 1 ? w - x : x, q & 2 ? h - y : y, w, h};
        rng_stream rng = stream(p, place, q ? DET_DRAW_OTHERS + q : DET_DRAW_PICTURE);
        int bound = p->a.mosaic_bound, of = q ? another(p, mix) : item;
        if (show(p, r, of, &rng, bound ? v.w : w, bound ? v.h : h, &v, r->X, err)) return -1;
        paste(X, r->X, &v, p->a.c);
    }
    return 0;
}

/* Two pictures, one through the other, with the boxes of both. */
static int mixup(const det_plan *p, det_room *r, uint64_t place, int item, int w, int h, float *X,
                 rng_stream *mix, char *err) {
    view v = {0, 0, w, h, w, h};
    rng_stream first = stream(p, place, DET_DRAW_PICTURE),
               second = stream(p, place, DET_DRAW_OTHERS);
    float lambda = p->a.mixup_alpha > 0 ? (float)rng_beta(mix, (double)p->a.mixup_alpha) : 0.5f;
    int of = another(p, mix);
    if (show(p, r, item, &first, w, h, &v, X, err) || show(p, r, of, &second, w, h, &v, r->X, err))
        return -1;
    size_t n = (size_t)w * (size_t)h * (size_t)p->a.c;
    for (size_t i = 0; i < n; i++) X[i] = r->X[i] + lambda * (X[i] - r->X[i]);
    return 0;
}

/* Boxes as they were before the blur. */
static void restore(const det_room *r, float *X, const float *sharp, int w, int h, int c) {
    for (int i = 0; i < r->n; i++) {
        const float *b = r->list + 5 * (size_t)i;
        int x0 = (int)floorf((b[0] - b[2] / 2) * (float)w),
            x1 = (int)ceilf((b[0] + b[2] / 2) * (float)w),
            y0 = (int)floorf((b[1] - b[3] / 2) * (float)h),
            y1 = (int)ceilf((b[1] + b[3] / 2) * (float)h);
        x0 = x0 < 0 ? 0 : x0, y0 = y0 < 0 ? 0 : y0, x1 = x1 > w ? w : x1, y1 = y1 > h ? h : y1;
        for (int k = 0; k < c && x1 > x0; k++)
            for (int y = y0; y < y1; y++) {
                size_t at = ((size_t)k * (size_t)h + (size_t)y) * (size_t)w + (size_t)x0;
                memcpy(X + at, sharp + at, (size_t)(x1 - x0) * sizeof *X);
            }
    }
}

enum { BACKGROUND_KERNEL = 31 };

/* blur=1: half of all pictures are blurred outside of their boxes; above, all over. */
static void whole(const det_plan *p, det_room *r, uint64_t place, int w, int h, float *X) {
    const det_augment *a = &p->a;
    rng_stream rng = stream(p, place, DET_DRAW_WHOLE);
    size_t n = (size_t)w * (size_t)h * (size_t)a->c;
    int blurred = a->blur && (rng_u32(&rng) & 1), noisy = a->noise > 0 && (rng_u32(&rng) & 1);
    if (blurred && a->blur == 1) memcpy(r->X, X, n * sizeof *X);
    if (blurred)
        sample_blur(X, w, h, a->c, a->blur == 1 ? BACKGROUND_KERNEL : a->blur / 2 * 2 + 1, r->line);
    if (blurred && a->blur == 1) restore(r, X, r->X, w, h, a->c);
    if (noisy) sample_noise(X, n, a->noise, &rng);
}

/* The first as they come where one picture gave them; of several pictures' boxes a random choice.
 */
static void fill_truth(const det_plan *p, det_room *r, uint64_t place, int several, float *truth) {
    rng_stream rng = stream(p, place, DET_DRAW_ORDER);
    const uint32_t *order = several ? shuffled(r->boxes, (uint32_t)r->n, &rng) : NULL;
    int n = r->n < p->a.boxes ? r->n : p->a.boxes;
    memset(truth, 0, (size_t)p->a.boxes * 5 * sizeof *truth);
    for (int i = 0; i < n; i++)
        memcpy(truth + 5 * (size_t)i, r->list + 5 * (size_t)(order ? order[i] : (uint32_t)i),
               5 * sizeof *truth);
}

int det_compose(const det_plan *p, det_room *r, uint64_t place, int item, int w, int h, float *X,
                float *truth, char *err) {
    rng_stream mix = stream(p, place, DET_DRAW_MIX), own = stream(p, place, DET_DRAW_PICTURE);
    int tiles = p->a.mosaic && (rng_u32(&mix) & 1),
        blend = !tiles && p->a.mixup && (rng_u32(&mix) & 1), bad;
    view v = {0, 0, w, h, w, h};
    r->n = 0;
    if (tiles)
        bad = mosaic(p, r, place, item, w, h, X, &mix, err);
    else if (blend)
        bad = mixup(p, r, place, item, w, h, X, &mix, err);
    else
        bad = show(p, r, item, &own, w, h, &v, X, err);
    if (bad) return -1;
    whole(p, r, place, w, h, X);
    fill_truth(p, r, place, tiles || blend, truth);
    return 0;
}
