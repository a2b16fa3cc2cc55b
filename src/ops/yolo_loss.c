/* yolo_loss.c - see yolo_loss.h */
#include "ops/yolo_loss.h"
#include "ops/vecmath.h"
#include <math.h>
#include <string.h>

enum { BLOCK = 128, OBJECTNESS = 4, CLASS = 5 };

typedef struct {
    float left, right, top, bottom, area;
    box_rect box;
    int cls;
} target;

/* What one picture, or one anchor of one picture, adds to the figures. */
typedef struct {
    size_t boxes, given, again;
    double iou, loss, boxes2, others2;
} part;

typedef struct {
    const yolo_head *h;
    const yolo_rule *r;
    const float *out;
    float *delta;
    size_t cells, per, all;        /* numbers of an anchor, of all anchors */
    size_t delta_step, delta_next; /* in delta: to an anchor's next number, to the next cell */
    target *targets;               /* (batch, max_boxes) */
    size_t *n_targets;             /* (batch) */
    part *parts;                   /* (batch, n + 1): of each anchor, and of the picture */
    unsigned char *hit;            /* (batch, n, cells): a box was given */
} job;

/* One anchor in one cell. */
typedef struct {
    const float *out;
    float *delta;
    size_t out_step, delta_step;
    unsigned char *hit;
    box_rect box;
} place;

static float *delta_at(const job *j, int b, int k, size_t cell) {
    return j->delta + (size_t)b * j->all * j->cells + (size_t)k * j->per * j->delta_step +
           cell * j->delta_next;
}

static place place_of(const job *j, int b, int k, size_t cell) {
    size_t anchor = (size_t)b * (size_t)j->h->n + (size_t)k, w = (size_t)j->h->w;
    place p = {.out = j->out + anchor * j->per * j->cells + cell,
               .delta = delta_at(j, b, k, cell),
               .out_step = j->cells,
               .delta_step = j->delta_step,
               .hit = j->hit + anchor * j->cells + cell};
    p.box = yolo_box(p.out, p.out_step, j->h, k, (int)(cell % w), (int)(cell / w));
    return p;
}

static float out_of(const place *p, int number) { return p->out[(size_t)number * p->out_step]; }
static float *delta_of(const place *p, int number) {
    return p->delta + (size_t)number * p->delta_step;
}
static float weight_of(const yolo_rule *r, int cls) {
    return r->class_weight ? r->class_weight[cls] : 1;
}

/* ---- the rules ------------------------------------------------------------------------------ */

static float smoothed(const yolo_rule *r, int one) {
    float y = (float)one;
    float eps = r->label_smooth_eps;
    return eps != 0 ? y * (1 - eps) + 0.5f * eps : y;
}

static void focal(const place *p, int classes, int cls) {
    float q = out_of(p, CLASS + cls), f = (1 - q) * (1 - q - 2 * q * logf(q + 1e-15f));
    for (int c = 0; c < classes; c++)
        *delta_of(p, CLASS + c) = ((float)(c == cls) - out_of(p, CLASS + c)) * 0.5f * f;
}

static void class_rule(const job *j, const place *p, int cls) {
    const yolo_rule *r = j->r;
    float *own = delta_of(p, CLASS + cls);
    if ((r->plain ? *delta_of(p, CLASS) : *own) != 0) {
        *own = (smoothed(r, 1) - out_of(p, CLASS + cls)) * weight_of(r, cls);
        return;
    }
    if (r->focal_loss) {
        focal(p, j->h->classes, cls);
        return;
    }
    for (int c = 0; c < j->h->classes; c++)
        *delta_of(p, CLASS + c) = smoothed(r, c == cls) - out_of(p, CLASS + c);
    if (r->class_weight) *own *= r->class_weight[cls] * r->cls_normalizer;
}

/* What x y w h of the output should be for a box in this cell. */
static box_rect aim(const yolo_head *h, int k, size_t cell, box_rect t) {
    const float *size = h->sizes + 2 * h->mask[k];
    float w = t.w * (float)h->net_w / size[0], v = t.h * (float)h->net_h / size[1];
    return (box_rect){t.x * (float)h->w - (float)(cell % (size_t)h->w),
                      t.y * (float)h->h - (float)(cell / (size_t)h->w),
                      h->new_coords ? sqrtf(w / 4) : logf(w),
                      h->new_coords ? sqrtf(v / 4) : logf(v)};
}

static float clipped(float d, float most) {
    return !isfinite(d) ? 0 : d > most ? most : d < -most ? -most : d;
}

static void box_rule(const job *j, const place *p, int k, size_t cell, const target *t, part *sum) {
    const yolo_rule *r = j->r;
    float rate = r->iou_normalizer * weight_of(r, t->cls), d[4];
    sum->given++;
    int before = 0;
    for (int i = 0; i < 4; i++) before |= *delta_of(p, i) != 0;
    sum->again += (size_t)before;
    *p->hit = 1;
    if (r->mse) {
        box_rect a = aim(j->h, k, cell, t->box);
        float to[4] = {a.x, a.y, a.w, a.h}, scale = (2 - t->box.w * t->box.h) * rate;
        for (int i = 0; i < 4; i++) d[i] = scale * (to[i] - out_of(p, i));
    } else {
        box_rect s = box_step(p->box, t->box, r->measure);
        float step[4] = {s.x, s.y, s.w, s.h};
        for (int i = 0; i < 4; i++) {
            float stretch = i >= 2 && !j->h->new_coords ? expf(out_of(p, i)) : 1;
            d[i] = clipped(rate * step[i] * stretch, r->max_delta);
        }
    }
    for (int i = 0; i < 4; i++) *delta_of(p, i) = r->plain ? d[i] : *delta_of(p, i) + d[i];
}

/* ---- step 1 --------------------------------------------------------------------------------- */

/* A run of cells: the boxes there, the best IoU of each and whose it is, and the least box around
 * all. */
typedef struct {
    float left[BLOCK], right[BLOCK], top[BLOCK], bottom[BLOCK], area[BLOCK], iou[BLOCK];
    float column[BLOCK], row[BLOCK];
    int whose[BLOCK];
    float all_left, all_right, all_top, all_bottom;
} block;

typedef struct {
    float w, h, width, height;
    int new_coords;
    size_t cells;
} sizes;

VEC_CLONES
static void decode(block *b, const float *out, size_t n, sizes s) {
    float left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
#pragma omp simd reduction(min : left, top) reduction(max : right, bottom)
    for (size_t i = 0; i < n; i++) {
        float rw = out[i + 2 * s.cells], rh = out[i + 3 * s.cells];
        float x = (b->column[i] + out[i]) / s.w, y = (b->row[i] + out[i + s.cells]) / s.h;
        float w = s.width * (s.new_coords ? 4 * rw * rw : vec_exp(rw));
        float h = s.height * (s.new_coords ? 4 * rh * rh : vec_exp(rh));
        b->left[i] = x - w / 2;
        b->right[i] = x + w / 2;
        b->top[i] = y - h / 2;
        b->bottom[i] = y + h / 2;
        b->area[i] = w * h;
        b->iou[i] = 0;
        b->whose[i] = -1;
        left = b->left[i] < left ? b->left[i] : left;
        right = b->right[i] > right ? b->right[i] : right;
        top = b->top[i] < top ? b->top[i] : top;
        bottom = b->bottom[i] > bottom ? b->bottom[i] : bottom;
    }
    b->all_left = left, b->all_right = right, b->all_top = top, b->all_bottom = bottom;
}

VEC_CLONES
static void hold_against(block *b, const target *t, int index, size_t n) {
    float left = t->left, right = t->right, top = t->top, bottom = t->bottom, area = t->area;
    for (size_t i = 0; i < n; i++) {
        float l = b->left[i] > left ? b->left[i] : left;
        float r = b->right[i] < right ? b->right[i] : right;
        float u = b->top[i] > top ? b->top[i] : top;
        float d = b->bottom[i] < bottom ? b->bottom[i] : bottom;
        float w = r - l > 0 ? r - l : 0, h = d - u > 0 ? d - u : 0, both = w * h;
        float iou = both / (b->area[i] + area - both);
        b->whose[i] = iou > b->iou[i] ? index : b->whose[i];
        b->iou[i] = iou > b->iou[i] ? iou : b->iou[i];
    }
}

static void best_of(block *b, const target *t, size_t n_targets, size_t n) {
    for (size_t k = 0; k < n_targets; k++) {
        /* No box of this run reaches it: its IoU is 0 for all. */
        if (t[k].left >= b->all_right || t[k].right <= b->all_left) continue;
        if (t[k].top >= b->all_bottom || t[k].bottom <= b->all_top) continue;
        hold_against(b, &t[k], (int)k, n);
    }
}

static int some_class(const place *p, int classes) {
    for (int c = 0; c < classes; c++)
        if (out_of(p, CLASS + c) > 0.25f) return 1;
    return 0;
}

/* A cell whose box lies well on a true one. */
static void near_truth(const job *j, int b, int k, size_t cell, float iou, int whose, part *sum) {
    const yolo_rule *r = j->r;
    place p = place_of(j, b, k, cell);
    float *d = delta_of(&p, OBJECTNESS), o = out_of(&p, OBJECTNESS);
    if (iou > r->ignore_thresh && (r->plain || some_class(&p, j->h->classes)))
        *d = r->objectness_smooth ? r->obj_normalizer * (iou - o) : 0;
    if (!(iou > r->truth_thresh)) return;
    const target *t = &j->targets[(size_t)b * (size_t)r->max_boxes + (size_t)whose];
    *d = r->obj_normalizer * ((r->objectness_smooth ? iou * iou : 1) - o);
    class_rule(j, &p, t->cls);
    int own = CLASS + t->cls;
    if (r->objectness_smooth)
        *delta_of(&p, own) = weight_of(r, t->cls) * (iou * iou - out_of(&p, own));
    box_rule(j, &p, k, cell, t, sum);
}

static void clear(const job *j, int b, int k) {
    float *d = delta_at(j, b, k, 0);
    if (j->delta_next == 1)
        memset(d, 0, j->per * j->cells * sizeof *d);
    else
        for (size_t i = 0; i < j->cells; i++) memset(d + i * j->delta_next, 0, j->per * sizeof *d);
}

static void one_anchor(const job *j, int b, int k) {
    const yolo_head *h = j->h;
    const float *size = h->sizes + 2 * h->mask[k];
    size_t anchor = (size_t)b * (size_t)h->n + (size_t)k, column = 0, row = 0;
    const float *out = j->out + anchor * j->per * j->cells;
    sizes s = {.w = (float)h->w,
               .h = (float)h->h,
               .width = size[0] / (float)h->net_w,
               .height = size[1] / (float)h->net_h,
               .new_coords = h->new_coords,
               .cells = j->cells};
    part *sum = &j->parts[(size_t)b * (size_t)(h->n + 1) + (size_t)k];
    float threshold = fminf(j->r->ignore_thresh, j->r->truth_thresh);
    block run;
    clear(j, b, k);
    memset(j->hit + anchor * j->cells, 0, j->cells);
    for (size_t at = 0; at < j->cells; at += BLOCK) {
        size_t n = j->cells - at < BLOCK ? j->cells - at : BLOCK;
        for (size_t i = 0; i < n; i++) {
            run.column[i] = (float)column;
            run.row[i] = (float)row;
            if (++column == (size_t)h->w) column = 0, row++;
        }
        decode(&run, out + at, n, s);
        best_of(&run, j->targets + (size_t)b * (size_t)j->r->max_boxes, j->n_targets[b], n);
        for (size_t i = 0; i < n; i++) {
            delta_at(j, b, k,
                     at + i)[OBJECTNESS * j->delta_step] = -j->r->obj_normalizer *
                                                           out[OBJECTNESS * j->cells + at + i];
            if (run.iou[i] > threshold) near_truth(j, b, k, at + i, run.iou[i], run.whose[i], sum);
        }
    }
}

/* ---- steps 2 and 3 -------------------------------------------------------------------------- */

static void give(const job *j, int b, int k, size_t cell, const target *t, part *sum) {
    const yolo_rule *r = j->r;
    place p = place_of(j, b, k, cell);
    float *d = delta_of(&p, OBJECTNESS), iou = box_overlap(p.box, t->box, BOX_IOU);
    box_rule(j, &p, k, cell, t, sum);
    if (!r->objectness_smooth || *d == 0)
        *d = weight_of(r, t->cls) * r->obj_normalizer * (1 - out_of(&p, OBJECTNESS));
    class_rule(j, &p, t->cls);
    sum->boxes++;
    sum->iou += (double)iou;
    int giou = !r->mse && r->measure == BOX_GIOU;
    sum->loss += 1 - (double)(giou ? box_overlap(p.box, t->box, BOX_GIOU) : iou);
}

static box_rect shape_of(const yolo_head *h, int anchor) {
    return (box_rect){0, 0, h->sizes[2 * anchor] / (float)h->net_w,
                      h->sizes[2 * anchor + 1] / (float)h->net_h};
}

static int nearest_shape(const yolo_head *h, box_rect t) {
    int best = 0;
    float most = 0;
    for (int a = 0; a < h->anchors; a++) {
        float iou = box_overlap(shape_of(h, a), t, BOX_IOU);
        if (iou > most) most = iou, best = a;
    }
    return best;
}

static void one_target(const job *j, int b, const target *t, part *sum) {
    const yolo_head *h = j->h;
    box_rect shape = {0, 0, t->box.w, t->box.h};
    float x = floorf(t->box.x * (float)h->w), y = floorf(t->box.y * (float)h->h);
    if (!(x >= 0 && x < (float)h->w && y >= 0 && y < (float)h->h)) return;
    size_t cell = (size_t)y * (size_t)h->w + (size_t)x;
    int best = nearest_shape(h, shape), own = -1;
    for (int k = h->n - 1; k >= 0; k--)
        if (h->mask[k] == best) own = k;
    if (own >= 0) give(j, b, own, cell, t, sum);
    for (int k = 0; k < h->n && j->r->iou_thresh < 1; k++) {
        if (h->mask[k] == best) continue;
        if (box_overlap(shape_of(h, h->mask[k]), shape, j->r->shape) > j->r->iou_thresh)
            give(j, b, k, cell, t, sum);
    }
}

/* Step 3 for one cell, and its squares. */
static void finish_cell(const job *j, const place *p, part *sum) {
    int positive = 0;
    for (int c = 0; c < j->h->classes; c++) {
        float d = *delta_of(p, CLASS + c);
        positive += d > 0;
        sum->others2 += (double)d * (double)d;
    }
    float share = j->r->iou_thresh < 1 && positive && *delta_of(p, OBJECTNESS) != 0
                      ? (float)positive
                      : 1;
    for (int i = 0; i < 4; i++) {
        float *d = delta_of(p, i);
        *d /= share;
        sum->boxes2 += (double)*d * (double)*d;
    }
}

static void one_picture(const job *j, int b) {
    const yolo_head *h = j->h;
    part *sum = &j->parts[(size_t)b * (size_t)(h->n + 1) + (size_t)h->n];
    for (size_t t = 0; t < j->n_targets[b]; t++)
        one_target(j, b, &j->targets[(size_t)b * (size_t)j->r->max_boxes + t], sum);
    for (int k = 0; k < h->n; k++)
        for (size_t i = 0; i < j->cells; i++) {
            place p = {.delta = delta_at(j, b, k, i), .delta_step = j->delta_step};
            double d = (double)*delta_of(&p, OBJECTNESS);
            sum->others2 += d * d;
            if (j->hit[((size_t)b * (size_t)h->n + (size_t)k) * j->cells + i])
                finish_cell(j, &p, sum);
        }
}

/* ---- the whole ------------------------------------------------------------------------------ */

static size_t read_targets(target *to, const float *row, const yolo_head *h, const yolo_rule *r) {
    size_t n = 0;
    for (int i = 0; i < r->max_boxes && row[0] != 0; i++, row += r->truth_len) {
        box_rect t = {row[0], row[1], row[2], row[3]};
        if (!(row[4] >= 0 && row[4] < (float)h->classes && isfinite(t.x) && isfinite(t.y)))
            continue;
        if (!(t.w > 0 && t.h > 0 && isfinite(t.w) && isfinite(t.h))) continue;
        to[n++] = (target){t.x - t.w / 2, t.x + t.w / 2, t.y - t.h / 2, t.y + t.h / 2, t.w * t.h, t,
                           (int)row[4]};
    }
    return n;
}

static void report(yolo_figures *f, const job *j) {
    const yolo_rule *r = j->r;
    double iou = 0, loss = 0, boxes2 = 0, others2 = 0, batch = j->h->batch;
    *f = (yolo_figures){0};
    for (int i = 0; i < j->h->batch * (j->h->n + 1); i++) {
        const part *p = &j->parts[i];
        f->boxes += p->boxes;
        f->given += p->given;
        f->again += p->again;
        iou += p->iou;
        loss += p->loss;
        boxes2 += p->boxes2;
        others2 += p->others2;
    }
    double obj = (double)r->obj_normalizer * others2;
    f->average_iou = f->boxes ? iou / (double)f->boxes : 0;
    f->total_loss = (boxes2 + others2) / batch;
    f->class_loss = obj / batch;
    f->iou_loss = f->total_loss - f->class_loss;
    f->cost = r->mse || !r->show_details ? boxes2 + others2 : obj;
    if (!r->mse && r->show_details && f->boxes)
        f->cost += (double)r->iou_normalizer * loss / (double)f->boxes;
}

size_t yolo_scratch_len(const yolo_head *h, const yolo_rule *r) {
    size_t batch = (size_t)h->batch, n = (size_t)h->n;
    return batch * ((size_t)r->max_boxes * sizeof(target) + sizeof(size_t) +
                    (n + 1) * sizeof(part) + n * yolo_cells(h));
}

void yolo_loss(float *delta, yolo_figures *f, const float *out, const float *truth,
               const yolo_head *h, const yolo_rule *r, yolo_layout to, void *scratch) {
    size_t batch = (size_t)h->batch, cells = yolo_cells(h);
    size_t all = (size_t)h->n * (size_t)yolo_per(h),
           row = (size_t)r->max_boxes * (size_t)r->truth_len;
    job j = {.h = h,
             .r = r,
             .out = out,
             .delta = delta,
             .cells = cells,
             .per = (size_t)yolo_per(h),
             .all = all};
    j.delta_step = to == YOLO_NCHW ? cells : 1;
    j.delta_next = to == YOLO_NCHW ? 1 : all;
    j.parts = scratch;
    j.n_targets = (size_t *)(j.parts + batch * (size_t)(h->n + 1));
    j.targets = (target *)(j.n_targets + batch);
    j.hit = (unsigned char *)(j.targets + batch * (size_t)r->max_boxes);
    memset(j.parts, 0, batch * (size_t)(h->n + 1) * sizeof *j.parts);
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (int b = 0; b < h->batch; b++)
            j.n_targets[b] = read_targets(j.targets + b * r->max_boxes, truth + (size_t)b * row, h,
                                          r);
#pragma omp for schedule(static)
        for (int i = 0; i < h->batch * h->n; i++) one_anchor(&j, i / h->n, i % h->n);
#pragma omp for schedule(static)
        for (int b = 0; b < h->batch; b++) one_picture(&j, b);
    }
    report(f, &j);
}

yolo_rule yolo_rule_default(void) {
    return (yolo_rule){.mse = 1,
                       .iou_normalizer = 0.75f,
                       .obj_normalizer = 1,
                       .cls_normalizer = 1,
                       .ignore_thresh = 0.5f,
                       .truth_thresh = 1,
                       .iou_thresh = 1,
                       .max_delta = INFINITY,
                       .show_details = 1,
                       .max_boxes = 200,
                       .truth_len = 5};
}

yolo_rule yolo_rule_plain(void) {
    yolo_rule r = yolo_rule_default();
    r.plain = 1;
    r.iou_normalizer = 1;
    r.max_boxes = 90;
    return r;
}

void yolo_class_weights(float *weight, const float *counters, int classes, float max_delta) {
    float most = 0;
    for (int c = 0; c < classes; c++) most = counters[c] > most ? counters[c] : most;
    for (int c = 0; c < classes; c++) weight[c] = fminf(most / counters[c], max_delta);
}
