/* test_yolo.c - the [yolo] head against a reference in double, whose loss is differentiated by
 * finite differences; both layouts, any number of threads, and true boxes that no picture should
 * have. */
#include "ref.h"
#include "ref_yolo.h"
#include "ops/rng.h"
#include "test.h"
#include <omp.h>

static const int mask[] = {3, 0, 4};
static const float sizes[] = {10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119};
static const float counters[] = {100, 10, 50, 7, 90};

typedef struct {
    yolo_head h;
    yolo_rule r;
    size_t n;
    float *raw, *out, *delta, *truth, weight[5];
    void *scratch;
} trial;

static float uniform(rng_stream *s, float lo, float hi) { return rng_uniform(s, lo, hi); }

/* Boxes anywhere, some in the same cell; the predictions of some cells lie on them. */
static void fill(trial *t, rng_stream *s) {
    const yolo_head *h = &t->h;
    for (size_t i = 0; i < t->n; i++) {
        t->raw[i] = h->new_coords ? uniform(s, 0.02f, 0.98f) : 1.2f * rng_normal(s);
        size_t number = i / yolo_cells(h) % (size_t)yolo_per(h);
        if (!h->new_coords && (number == 2 || number == 3)) t->raw[i] *= 0.4f;
    }
    memset(t->truth, 0, (size_t)(h->batch * t->r.max_boxes * t->r.truth_len) * sizeof *t->truth);
    for (int b = 0; b < h->batch; b++) {
        /* The first picture has none. */
        int boxes = b ? (int)rng_below(s, (uint32_t)t->r.max_boxes + 1) : 0;
        for (int i = 0; i < boxes; i++) {
            float *row = t->truth + (b * t->r.max_boxes + i) * t->r.truth_len,
                  *before = row - t->r.truth_len;
            int again = i && rng_below(s, 4) == 0;
            row[0] = again ? before[0] : uniform(s, 0.02f, 0.98f);
            row[1] = again ? before[1] : uniform(s, 0.02f, 0.98f);
            row[2] = uniform(s, 0.02f, 0.7f);
            row[3] = uniform(s, 0.02f, 0.7f);
            row[4] = (float)rng_below(s, (uint32_t)h->classes);
        }
    }
}

static trial make(rng_stream *s, int k) {
    trial t = {.r = yolo_rule_default()};
    yolo_rule *r = &t.r;
    t.h = (yolo_head){.batch = 3,
                      .h = 5 + k % 9,
                      .w = 4 + 3 * (k % 8),
                      .classes = 1 + k % 5,
                      .n = 1 + k % 3,
                      .mask = mask,
                      .anchors = 6,
                      .sizes = sizes,
                      .net_h = 160,
                      .net_w = 192,
                      .scale_x_y = k % 4 == 1 ? 1.2f : 1,
                      .new_coords = k % 7 == 3};
    r->max_boxes = 12;
    r->truth_len = k & 1 ? 5 : 6;
    r->mse = k % 5 == 0;
    r->measure = (box_measure)(k % 5 ? k % 5 - 1 : 0);
    r->shape = (box_measure)(k / 5 % 4);
    if (k & 2) r->iou_thresh = 0.3f, r->iou_normalizer = 0.2f, r->obj_normalizer = 0.6f;
    if (k & 4) r->ignore_thresh = 0.3f;
    if (k % 6 == 1) r->truth_thresh = 0.45f;
    if (k % 6 == 2) r->max_delta = 1.5f;
    r->objectness_smooth = k % 8 == 6;
    r->focal_loss = k % 9 == 4;
    if (k % 5 == 2) r->label_smooth_eps = 0.1f;
    if (k % 5 > 2) r->cls_normalizer = 0.5f; /* these have counters: run() */
    t.n = yolo_len(&t.h);
    t.raw = malloc(t.n * sizeof *t.raw);
    t.out = malloc(t.n * sizeof *t.out);
    t.delta = malloc(t.n * sizeof *t.delta);
    t.truth = malloc((size_t)(t.h.batch * r->max_boxes * r->truth_len) * sizeof *t.truth);
    t.scratch = malloc(yolo_scratch_len(&t.h, r));
    fill(&t, s);
    return t;
}

static yolo_figures run(trial *t) {
    yolo_figures f;
    if (t->h.classes > 3) {
        yolo_class_weights(t->weight, counters, t->h.classes, 3);
        t->r.class_weight = t->weight;
    }
    yolo_output(t->out, t->raw, &t->h, YOLO_NCHW);
    yolo_loss(t->delta, &f, t->out, t->truth, &t->h, &t->r, YOLO_NCHW, t->scratch);
    return f;
}

static void drop(trial *t) {
    free(t->raw);
    free(t->out);
    free(t->delta);
    free(t->truth);
    free(t->scratch);
}

/* The loss with respect to one number of the input, while what each is trained towards stays. */
typedef struct {
    const double *raw;
    const ref_aim *aims;
    size_t at;
    double value;
} one_number;
static double loss_of(void *of) {
    one_number *o = of;
    return ref_yolo_loss(&o->value, o->aims + o->at, 1);
}

static size_t slopes(const trial *t, const double *raw, const ref_aim *aims, double *worst) {
    size_t checked = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (aims[i].kind != AIM_ENTROPY && aims[i].kind != AIM_SQUARE) continue;
        one_number o = {raw, aims, i, raw[i]};
        double want = -ref_slope(loss_of, &o, &o.value, 1e-4),
               e = fabs((double)t->delta[i] - want) / fmax(1, fabs(want));
        if (!(e <= *worst)) *worst = e;
        checked++;
    }
    return checked;
}

static void against_double(void) {
    rng_stream s = rng_open(rng_key(5, RNG_TEST, 0, 0));
    size_t given = 0, again = 0, gradients = 0, boxes = 0;
    double steepest = 0;
    for (int k = 0; k < 180; k++) {
        trial t = make(&s, k);
        yolo_figures f = run(&t);
        double *raw = malloc(t.n * sizeof *raw), *out = malloc(t.n * sizeof *out),
               *delta = malloc(t.n * sizeof *delta), off = 0, apart = 0;
        ref_aim *aims = malloc(t.n * sizeof *aims);
        for (size_t i = 0; i < t.n; i++) raw[i] = (double)t.raw[i];
        ref_yolo_output(out, raw, &t.h);
        ref_yolo_delta(delta, aims, out, t.truth, &t.h, &t.r);
        double squares = 0;
        for (size_t i = 0; i < t.n; i++) {
            double e = fabs((double)t.out[i] - out[i]) / fmax(1, fabs(out[i])),
                   d = fabs((double)t.delta[i] - delta[i]) / fmax(1, fabs(delta[i]));
            if (!(e <= off)) off = e;
            if (!(d <= apart)) apart = d;
            squares += delta[i] * delta[i] / t.h.batch;
            boxes += aims[i].kind == AIM_SQUARE;
        }
        CHECK(off <= 1e-6, "round %d: output %.1e", k, off);
        CHECK(apart <= 2e-5, "round %d: delta %.1e", k, apart);
        CHECK(fabs(f.total_loss - squares) <= 1e-5 * squares, "round %d: loss %f, not %f", k,
              f.total_loss, squares);
        if (!t.h.new_coords) gradients += slopes(&t, raw, aims, &steepest);
        given += f.given;
        again += f.again;
        free(raw);
        free(out);
        free(delta);
        free(aims);
        drop(&t);
    }
    CHECK(steepest <= 1e-6, "a gradient is %.1e from finite differences", steepest);
    CHECK(given > 1000 && again > 100 && gradients > 100000 && boxes > 250,
          "too little to prove anything: %zu, %zu, %zu, %zu", given, again, gradients, boxes);
}

/* box_step against the derivative of what a reader would take the measure for: x and y of iou and
 * giou, twice w and h. */
static void steps(void) {
    rng_stream s = rng_open(rng_key(5, RNG_TEST, 1, 0));
    double worst[4] = {0}, size = 0;
    int apart = 0;
    for (int i = 0; i < 4000; i++) {
        float v[8];
        double a[4], b[4], want[4];
        for (int k = 0; k < 8; k++)
            v[k] = rng_uniform(&s, k & 2 ? 0.05f : 0.2f, k & 2 ? 0.4f : 0.8f);
        for (int k = 0; k < 4; k++) a[k] = (double)v[k], b[k] = (double)v[4 + k];
        /* Far apart the product of the gaps nears the sum of the areas, and overlap over union has
         * a pole. */
        if (fabs((a[0] - b[0]) * (a[1] - b[1])) > 0.5 * (a[2] * a[3] + b[2] * b[3])) continue;
        apart += ref_iou(a, b) == 0;
        for (int m = BOX_IOU; m <= BOX_CIOU; m++) {
            box_rect p = {v[0], v[1], v[2], v[3]}, t = {v[4], v[5], v[6], v[7]},
                     got = box_step(p, t, (box_measure)m);
            float g[4] = {got.x, got.y, got.w, got.h};
            ref_step(want, a, b, (box_measure)m);
            for (int k = 0; k < 4; k++) {
                double e = fabs((double)g[k] - want[k]) / fmax(1, fabs(want[k]));
                if (!(e <= worst[m])) worst[m] = e;
                size += fabs(want[k]);
            }
        }
    }
    for (int m = BOX_IOU; m <= BOX_CIOU; m++)
        CHECK(worst[m] <= 1e-6, "step of measure %d: %.1e from finite differences", m, worst[m]);
    CHECK(apart > 500 && apart < 3000 && size > 10000, "%d of 4000 pairs lie apart", apart);
}

static void layouts_and_threads(void) {
    rng_stream s = rng_open(rng_key(5, RNG_TEST, 2, 0));
    int threads = omp_get_max_threads();
    for (int k = 0; k < 24; k++) {
        trial t = make(&s, k);
        size_t all = (size_t)t.h.n * (size_t)yolo_per(&t.h), cells = yolo_cells(&t.h), differ = 0;
        float *turned = malloc(t.n * sizeof *turned), *out = malloc(t.n * sizeof *out),
              *delta = malloc(t.n * sizeof *delta);
        yolo_figures f = run(&t), g;
        for (size_t i = 0; i < t.n; i++)
            turned[(i / (all * cells) * cells + i % cells) * all + i / cells % all] = t.raw[i];
        for (int n = 1; n <= 5; n++) {
            omp_set_num_threads(n);
            yolo_output(out, turned, &t.h, YOLO_NHWC);
            memset(delta, 0x55, t.n * sizeof *delta);
            memset(t.scratch, 0x55, yolo_scratch_len(&t.h, &t.r));
            yolo_loss(delta, &g, out, t.truth, &t.h, &t.r, YOLO_NHWC, t.scratch);
            double off = 0;
            for (size_t i = 0; i < t.n; i++) {
                off = fmax(off, fabs((double)(out[i] - t.out[i])));
                differ += delta[(i / (all * cells) * cells + i % cells) * all + i / cells % all] !=
                          t.delta[i];
            }
            CHECK(off == 0, "round %d, %d threads: output %.1e", k, n, off);
            CHECK(differ == 0 && !memcmp(&f, &g, sizeof f),
                  "round %d, %d threads: %zu numbers differ", k, n, differ);
        }
        memcpy(out, t.raw, t.n * sizeof *out);
        yolo_output(out, out, &t.h, YOLO_NCHW);
        CHECK(!memcmp(out, t.out, t.n * sizeof *out), "round %d: in place", k);
        free(turned);
        free(out);
        free(delta);
        drop(&t);
    }
    omp_set_num_threads(threads);
}

/* Centres on and beyond the border, no size, no number, no such class, and predictions that
 * overflow: nothing is written beside the map (asan), nothing but numbers comes out. */
static void odd_truths(void) {
    static const float odd[][5] = {{1, 0.5f, 0.2f, 0.2f, 0},        {0.5f, 1, 0.2f, 0.2f, 0},
                                   {1.5f, 0.5f, 0.2f, 0.2f, 0},     {-0.1f, 0.5f, 0.2f, 0.2f, 0},
                                   {0.5f, -3e9f, 0.2f, 0.2f, 0},    {0.5f, 0.5f, 0, 0.2f, 0},
                                   {0.5f, 0.5f, 0.2f, -1, 0},       {NAN, 0.5f, 0.2f, 0.2f, 0},
                                   {0.5f, INFINITY, 0.2f, 0.2f, 0}, {0.5f, 0.5f, INFINITY, 0.2f, 0},
                                   {0.5f, 0.5f, 0.2f, 0.2f, 99},    {0.5f, 0.5f, 0.2f, 0.2f, -1},
                                   {0.5f, 0.5f, 0.2f, 0.2f, NAN}};
    enum { ODD = sizeof odd / sizeof *odd };
    rng_stream s = rng_open(rng_key(5, RNG_TEST, 3, 0));
    for (int k = 0; k < 20; k++)
        for (int i = 0; i < ODD; i++) {
            trial t = make(&s, k);
            size_t bad = 0;
            memset(t.truth, 0,
                   (size_t)(t.h.batch * t.r.max_boxes * t.r.truth_len) * sizeof *t.truth);
            yolo_figures none = run(&t);
            for (int b = 0; b < t.h.batch; b++)
                memcpy(t.truth + b * t.r.max_boxes * t.r.truth_len, odd[i], sizeof odd[i]);
            yolo_figures f = run(&t);
            CHECK(f.boxes == 0 && none.boxes == 0, "a true box like number %d trains a cell", i);
            if (i >= 5)
                CHECK(!memcmp(&f, &none, sizeof f), "a true box like number %d changes something",
                      i);
            for (size_t j = 0; j < t.n; j++) t.raw[j] *= 200;
            for (int b = 0; b < t.h.batch; b++)
                memcpy(t.truth + b * t.r.max_boxes * t.r.truth_len,
                       (float[]){0.5f, 0.5f, 0.2f, 0.3f, 0}, 5 * sizeof(float));
            run(&t);
            for (size_t j = 0; j < t.n && !t.r.mse; j++) bad += !isfinite(t.delta[j]);
            CHECK(bad == 0, "round %d: %zu deltas of great inputs are no numbers", k, bad);
            drop(&t);
        }
}

int main(void) {
    steps();
    against_double();
    layouts_and_threads();
    odd_truths();
    return t_done("test_yolo");
}
