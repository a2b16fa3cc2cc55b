/* test_det_compose.c - pictures for training detectors: boxes are where the pixels are, in mosaics,
 * blends and cut pictures too; blur and noise. */
#include "data/det_batch.h"
#include "data/draw.h"
#include "data_make.h"

static data_file *data_of(int classes) {
    m_text("t.data", "classes=%d\ntrain=train.list\nvalid=train.list\n", classes);
    data_file *d = data_file_read("t.data", err);
    if (!d) m_die(err);
    return d;
}

static det_batch room_for(const det_augment *a, int batch) {
    int w, h;
    det_largest(a, &w, &h);
    det_batch b = {.X = malloc((size_t)batch * (size_t)w * (size_t)h * 3 * sizeof(float)),
                   .truth = malloc((size_t)batch * (size_t)a->boxes * 5 * sizeof(float))};
    return b;
}

/* Black pictures with one white box each. */
static det_set *white_boxes(data_file **of) {
    data_file *d = *of = data_of(3);
    FILE *f = fopen("train.list", "w");
    for (int i = 0; i < 8; i++) {
        char name[32];
        raster r = {80 + 10 * i, 120 - 8 * i, 3,
                    calloc((size_t)(80 + 10 * i) * (size_t)(120 - 8 * i), 3)};
        int x0 = 8 + 3 * i, x1 = x0 + 25, y0 = 20 - i, y1 = y0 + 30;
        for (int y = y0; y < y1; y++)
            memset(r.px + ((size_t)y * (size_t)r.w + (size_t)x0) * 3, 255, (size_t)(x1 - x0) * 3);
        snprintf(name, sizeof name, "w%d.png", i);
        m_put_png(name, &r);
        fprintf(f, "%s\n", name);
        snprintf(name, sizeof name, "w%d.txt", i);
        m_text(name, "%d %.6f %.6f %.6f %.6f\n", i % 3, (x0 + x1) / 2.0 / r.w,
               (y0 + y1) / 2.0 / r.h, (x1 - x0) / (double)r.w, (y1 - y0) / (double)r.h);
        free(r.px);
    }
    fclose(f);
    det_set *s = det_load(d, DATA_TRAIN, 3, 2, 0, (size_t)1 << 30, err);
    if (!s) m_die(err);
    return s;
}

/* After augmentation the box must be where the white is. */
static void boxes_follow(void) {
    data_file *d;
    det_set *s = white_boxes(&d);
    det_augment a = {
        .w = 160, .h = 128, .c = 3, .boxes = 90, .jitter = 0.4f, .flip = 1, .batches_per_step = 1};
    det_batch b = room_for(&a, 4);
    double worst = 0;
    int left = 0, right = 0;
    for (uint64_t k = 0; k < 24; k++) {
        det_batch_train(s, &a, 3, k, 4, &b, err);
        for (int i = 0; i < 4; i++) {
            const float *X = b.X + (size_t)i * 3 * 160 * 128, *t = b.truth + (size_t)i * 450;
            double lo_x = 999, hi_x = -1, lo_y = 999, hi_y = -1;
            for (int y = 0; y < 128; y++)
                for (int x = 0; x < 160; x++)
                    if (X[y * 160 + x] > 0.75f) {
                        lo_x = fmin(lo_x, x), hi_x = fmax(hi_x, x + 1), lo_y = fmin(lo_y, y),
                        hi_y = fmax(hi_y, y + 1);
                    }
            double e[4] = {((double)t[0] - (double)t[2] / 2) * 160 - lo_x,
                           ((double)t[0] + (double)t[2] / 2) * 160 - hi_x,
                           ((double)t[1] - (double)t[3] / 2) * 128 - lo_y,
                           ((double)t[1] + (double)t[3] / 2) * 128 - hi_y};
            for (int j = 0; j < 4; j++) worst = fmax(worst, fabs(e[j]));
            CHECK(t[2] > 0 && t[5 + 2] == 0, "one box");
            if (t[0] < 0.5f)
                left++;
            else
                right++;
        }
    }
    CHECK(worst < 1.7, "a box is %.2f pixels off its picture", worst);
    CHECK(left > 15 && right > 15, "mirrored half of the time: %d left, %d right", left, right);
    free(b.X);
    free(b.truth);
    det_free(s);
    data_file_free(d);
}

enum { ERA_W = 160, ERA_H = 128, ERA_PIXELS = ERA_W * ERA_H };

/* Is (x,y) within `far` pixels of the box t, or with far < 0 so deep inside it? */
static int near_box(const float *t, int x, int y, float far) {
    float cx = (float)x + 0.5f - t[0] * ERA_W, cy = (float)y + 0.5f - t[1] * ERA_H;
    return fabsf(cx) <= t[2] * ERA_W / 2 + far && fabsf(cy) <= t[3] * ERA_H / 2 + far;
}

/* Pixels in a box that are darker than `least`; bright ones in none; boxes. */
typedef struct {
    int dark, stray, boxes, most;
} fit_count;

static fit_count fit_of(const det_augment *a, const det_set *s, float least, int batches) {
    fit_count f = {0};
    det_batch b = room_for(a, 4);
    for (uint64_t k = 0; k < (uint64_t)batches; k++) {
        if (det_batch_train(s, a, 3, k, 4, &b, err)) m_die(err);
        for (int i = 0; i < 4; i++) {
            const float *X = b.X + (size_t)i * 3 * ERA_PIXELS,
                        *t = b.truth + (size_t)i * 5 * (size_t)a->boxes;
            int n = 0;
            while (n < a->boxes && t[5 * n + 2] > 0) n++;
            f.boxes += n;
            f.most = n > f.most ? n : f.most;
            for (int p = 0; p < ERA_PIXELS; p++) {
                int in = 0, near = 0;
                for (int q = 0; q < n; q++) {
                    in |= near_box(t + 5 * q, p % ERA_W, p / ERA_W, -2.5f);
                    near |= near_box(t + 5 * q, p % ERA_W, p / ERA_W, 2.5f);
                }
                f.dark += in && X[p] < least;
                f.stray += !near && X[p] > 0.75f;
            }
        }
    }
    free(b.X);
    free(b.truth);
    return f;
}

/* The pictures of YOLOv4's era: what is white is in a box, and what is in a box is white. */
static void era_boxes_follow(void) {
    data_file *d;
    det_set *s = white_boxes(&d);
    const det_augment plain = {.w = ERA_W,
                               .h = ERA_H,
                               .c = 3,
                               .boxes = 90,
                               .jitter = 0.3f,
                               .flip = 1,
                               .batches_per_step = 1};
    enum { BATCHES = 25, PICTURES = 4 * BATCHES };
    det_augment a = plain;
    a.mosaic = a.mosaic_bound = 1;
    fit_count f = fit_of(&a, s, 0.9f, BATCHES);
    CHECK(f.dark == 0 && f.stray == 0 && f.most == 4 && f.boxes > 2 * PICTURES,
          "bound mosaic: %d dark, %d stray, %d boxes", f.dark, f.stray, f.boxes);
    a.mosaic_bound = 0;
    f = fit_of(&a, s, 0.9f, BATCHES);
    /* What is left of a box after its picture was cut may be too little to be one. */
    CHECK(f.dark == 0 && f.stray < 20 * PICTURES && f.boxes > PICTURES && f.boxes < 4 * PICTURES,
          "mosaic: %d dark, %d stray, %d boxes", f.dark, f.stray, f.boxes);
    a = plain;
    a.resize = 2;
    f = fit_of(&a, s, 0.9f, BATCHES);
    CHECK(f.dark == 0 && f.stray < 20 * PICTURES && f.boxes <= PICTURES && f.boxes > PICTURES / 2,
          "resize: %d dark, %d stray, %d boxes", f.dark, f.stray, f.boxes);
    a = plain;
    a.mixup = 1;
    f = fit_of(&a, s, 0.49f, BATCHES);
    CHECK(f.dark == 0 && f.stray == 0 && f.most == 2 && f.boxes > PICTURES &&
              f.boxes < 2 * PICTURES,
          "mixup: %d dark, %d stray, %d boxes", f.dark, f.stray, f.boxes);
    a = plain;
    a.blur = 1;
    f = fit_of(&a, s, 0.9f, BATCHES);
    CHECK(f.dark == 0 && f.stray == 0 && f.boxes == PICTURES,
          "blurred background: %d dark, %d stray", f.dark, f.stray);
    a.blur = 31;
    f = fit_of(&a, s, 0.9f, BATCHES);
    CHECK(f.dark > PICTURES, "blurred all over: %d dark", f.dark);
    det_free(s);
    data_file_free(d);
}

/* Against the same pictures without: half of them, with the deviation asked for. */
static void noise(void) {
    data_file *d;
    det_set *s = white_boxes(&d);
    det_augment a = {.w = 64, .h = 64, .c = 3, .boxes = 9, .batches_per_step = 1}, n = a;
    enum { LEN = 3 * 64 * 64 };
    det_batch b = room_for(&a, 1), m = room_for(&a, 1);
    n.noise = 0.02f;
    int noisy = 0;
    double worst = 0;
    for (uint64_t k = 0; k < 40; k++) {
        double sum = 0;
        int count = 0;
        if (det_batch_train(s, &a, 3, k, 1, &b, err) || det_batch_train(s, &n, 3, k, 1, &m, err))
            m_die(err);
        if (!memcmp(b.X, m.X, LEN * sizeof *b.X)) continue;
        noisy++;
        for (int i = 0; i < LEN; i++) {
            if (b.X[i] < 0.2f || b.X[i] > 0.8f) continue; /* nothing is cut off there */
            double e = (double)m.X[i] - (double)b.X[i];
            sum += e * e;
            count++;
        }
        if (count > 1000) worst = fmax(worst, fabs(sqrt(sum / count) / 0.02 - 1));
    }
    CHECK(noisy > 8 && noisy < 32 && worst > 0 && worst < 0.1,
          "%d of 40 noisy, deviation off by %.2f", noisy, worst);
    free(b.X);
    free(b.truth);
    free(m.X);
    free(m.truth);
    det_free(s);
    data_file_free(d);
}

int main(void) {
    m_open();
    boxes_follow();
    era_boxes_follow();
    noise();
    m_close();
    return t_done("test_det_compose");
}
