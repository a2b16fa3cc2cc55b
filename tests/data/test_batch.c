/* test_batch.c - batches: the same floats on any number of threads, every image once an epoch,
 * crops and flips as often as they should, and resizing, cropping, turning and colours against the
 * host's own functions. */
#include "data/batch.h"
#include "data/sample.h"
#include "data_make.h"
#include <darknet.h>
#include <pthread.h>

/* Exported, but not all of them declared. */
image center_crop_image(image im, int w, int h);
image letterbox_image(image im, int w, int h);
image resize_image(image im, int w, int h);
image rotate_crop_image(image im, float rad, float s, int w, int h, float dx, float dy,
                        float aspect);
void distort_image(image im, float hue, float sat, float val);

/* n pictures of w x h noise (of different sizes if vary), image i of class i mod classes, its
 * number in its first pixel. */
static dataset make_set(int n, int classes, int w, int h, int c, int vary) {
    dataset s = {n, classes, calloc((size_t)n, sizeof(sample)), 0};
    for (int i = 0; i < n; i++) {
        s.items[i].img = m_picture(w + (vary ? i % 5 : 0), h + (vary ? i % 3 : 0), c, 0);
        s.items[i].label = i % classes;
        s.items[i].img.px[0] = (unsigned char)i;
        s.items[i].path = NULL;
    }
    return s;
}

static void free_set(dataset *s) {
    for (int i = 0; i < s->n; i++) raster_free(&s->items[i].img);
    free(s->items);
}

static image to_image(const raster *r) {
    image im = make_image(r->w, r->h, r->c);
    for (int k = 0; k < r->c; k++) {
        for (int i = 0; i < r->w * r->h; i++)
            im.data[k * r->w * r->h + i] = (float)(r->px[i * r->c + k] / 255.0);
    }
    return im;
}

static double max_difference(const float *a, const float *b, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
    }
    return worst;
}

/* The host blends its last row with nothing wherever the product of two rounded factors misses the
 * last source row: black if it falls short, too dark by 1e-6 or so if it goes beyond. Ours must
 * then be that of the source. */
static int host_loses_row(int from, int to) {
    volatile float step = (float)(from - 1) / (float)(to - 1), at = (float)(to - 1) * step;
    return from > 1 && at != (float)(from - 1);
}

static void test_host_sizes(void) {
    static const int size[][4] = {
        {32, 32, 32, 32}, {40, 30, 32, 32}, {31, 57, 32, 32}, {100, 75, 28, 28}, {5, 9, 64, 48},
        {224, 7, 20, 20}, {3, 200, 32, 16}, {1, 1, 8, 8},     {2, 2, 42, 42},    {64, 1, 16, 16}};
    double centre = 0, box = 0;
    int lost = 0;
    for (int i = 0; i < 10; i++) {
        for (int c = 1; c <= 3; c += 2) {
            int w = size[i][2], h = size[i][3];
            size_t n = (size_t)w * (size_t)h * (size_t)c, row = (size_t)w;
            raster r = m_picture(size[i][0], size[i][1], c, 0);
            int square = r.w < r.h ? r.w : r.h;
            float *X = malloc(n * sizeof *X);
            sample item = {r, 0, NULL};
            dataset s = {1, 1, &item, 0};
            image im = to_image(&r), want = center_crop_image(im, w, h),
                  lb = letterbox_image(im, w, h);
            batch_test(&s, FIT_CENTRE, w, h, c, 0, 1, X, NULL, NULL);
            for (int k = 0; k < c && host_loses_row(square, h); k++, lost++) {
                size_t at = ((size_t)k * (size_t)h + (size_t)h - 1) * row;
                sample_box from = sample_centre_square(&r);
                int px = r.px[((from.y + from.h - 1) * r.w + from.x) * c + k];
                CHECK(fabsf(X[at] - (float)px / 255) < 1e-6f, "last row %g, pixel %d",
                      (double)X[at], px);
                memcpy(want.data + at, X + at, row * sizeof *X);
            }
            centre = fmax(centre, max_difference(X, want.data, n));
            image_letterbox(&r, w, h, c, X);
            int wide = (float)w / (float)r.w < (float)h / (float)r.h, nh = wide ? r.h * w / r.w : h;
            if (nh > 1 && host_loses_row(r.h, nh)) {
                for (int k = 0; k < c; k++) {
                    size_t at = ((size_t)k * (size_t)h + (size_t)((h - nh) / 2 + nh - 1)) * row;
                    memcpy(lb.data + at, X + at, row * sizeof *X);
                }
            }
            box = fmax(box, max_difference(X, lb.data, n));
            free_image(im);
            free_image(want);
            free_image(lb);
            free(X);
            raster_free(&r);
        }
    }
    CHECK(centre <= 1e-6, "batch_test against center_crop_image: %g", centre);
    CHECK(box <= 1e-6, "image_letterbox against letterbox_image: %g", box);
    CHECK(lost > 0, "no size at which the host loses a row was tried");
}

/* What a test sees of a picture is what training with crop_pad sees of it, but for rounding to
 * bytes; nothing differs for squares. */
static void test_fits(void) {
    static const int size[][2] = {{64, 24}, {20, 50}, {32, 32}, {48, 32}};
    for (size_t i = 0; i < 4; i++) {
        raster r = m_picture(size[i][0], size[i][1], 3, 0);
        sample item = {r, 0, NULL};
        dataset s = {1, 1, &item, 0};
        enum { W = 48, H = 32, ALL = W * H * 3 };
        static float X[3][ALL], Y[ALL];
        for (int fit = FIT_STRETCH; fit <= FIT_LETTERBOX; fit++) {
            augment a = {.w = W, .h = H, .c = 3, .fit = (image_fit)fit, .crop_pad = 0};
            batch_train(&s, &a, 1, 0, 1, Y, NULL, NULL);
            batch_test(&s, (image_fit)fit, W, H, 3, 0, 1, X[fit], NULL, NULL);
            double worst = max_difference(X[fit], Y, ALL);
            CHECK(worst < 0.6 / 255, "%d x %d, fit %d: training and test differ by %g", r.w, r.h,
                  fit, worst);
        }
        /* A square's centre is all of it; a picture of the network's shape fills it. */
        double apart = fmin(r.w == r.h ? 1 : max_difference(X[0], X[1], ALL),
                            i == 3 ? 1 : max_difference(X[0], X[2], ALL));
        CHECK(apart > 0.1, "%d x %d: ways to fit are ways: %g", r.w, r.h, apart);
        raster_free(&r);
    }
    raster square = m_picture(40, 40, 3, 0);
    static float S[3][32 * 32 * 3];
    for (int fit = FIT_STRETCH; fit <= FIT_LETTERBOX; fit++)
        image_fitted(&square, (image_fit)fit, 32, 32, 3, S[fit]);
    CHECK(!memcmp(S[0], S[1], sizeof S[0]) && !memcmp(S[0], S[2], sizeof S[0]),
          "a square is a square");
    raster_free(&square);
}

static void test_host_turns(void) {
    double worst = 0, colours = 0;
    for (int i = 0; i < 60; i++) {
        int w = 16 + i % 7, h = 16 + i % 5, c = i % 2 ? 3 : 1, flip = i % 3 == 0;
        raster r = m_picture(10 + i, 50 - i / 2, c, 1);
        sample_turn t = {(float)i * 0.1f - 3, 0.3f + (float)i / 20,      (float)(i % 9) - 4,
                         (float)(i % 11) - 5, 0.5f + (float)(i % 4) / 3, 0};
        size_t n = (size_t)w * (size_t)h;
        float *X = malloc(n * (size_t)c * sizeof *X);
        image im = to_image(&r),
              want = rotate_crop_image(im, t.rad, t.scale, w, h, t.dx, t.dy, t.aspect);
        sample_rotate_crop(X, &r, t, w, h, c, flip);
        for (int k = 0; flip && k < c * h; k++) {
            for (int a = 0, b = w - 1; a < b; a++, b--) {
                float keep = want.data[k * w + a];
                want.data[k * w + a] = want.data[k * w + b];
                want.data[k * w + b] = keep;
            }
        }
        worst = fmax(worst, max_difference(X, want.data, n * (size_t)c));
        if (c == 3) {
            float hue = (float)(i % 7 - 3) / 8, sat = 0.4f + (float)(i % 5) / 3,
                  val = 0.5f + (float)(i % 6) / 4;
            raster noise = m_picture(w, h, 3, 0);
            image ours = to_image(&noise), theirs = to_image(&noise);
            /* A pixel at each corner of the colours, and grays. */
            for (int p = 0; p < 16; p++) {
                for (int k = 0; k < 3; k++)
                    ours.data[(size_t)k * n + (size_t)p] = theirs.data[(size_t)k * n + (size_t)p] =
                        p < 8 ? (float)(p >> k & 1) : (float)(p - 8) / 8;
            }
            sample_distort(ours.data, n, hue, sat, val);
            distort_image(theirs, hue, sat, val);
            colours = fmax(colours, max_difference(ours.data, theirs.data, 3 * n));
            free_image(ours);
            free_image(theirs);
            raster_free(&noise);
        }
        free_image(im);
        free_image(want);
        free(X);
        raster_free(&r);
    }
    CHECK(worst <= 1e-4, "sample_rotate_crop against rotate_crop_image: %g", worst);
    CHECK(colours <= 1e-5, "sample_distort against distort_image: %g", colours);
}

/* crop_pad >= 0, or Darknet's way. */
static augment kind(int darknet, int c) {
    augment a = {.w = 12, .h = 10, .c = c, .crop_pad = darknet ? -1 : 2, .flip = 1};
    if (darknet) {
        a.angle = 20;
        a.aspect = 0.75f;
        a.hue = 0.1f;
        a.saturation = a.exposure = 1.5f;
        a.min_crop = 12;
        a.max_crop = 20;
    }
    return a;
}

static void test_threads(void) {
    enum { BATCH = 7, BATCHES = 12 };
    for (int mode = 0; mode < 6; mode++) {
        int c = mode & 1 ? 3 : 1, vary = mode >= 2;
        dataset s = make_set(17, 3, 12, 10, c, vary);
        augment a = kind(mode >= 4, c);
        size_t x = BATCH * 120 * (size_t)c;
        float *X = malloc(BATCHES * x * sizeof *X), *Y = malloc(x * sizeof *Y),
              truth[BATCHES][BATCH * 3];
        int labels[BATCHES][BATCH], wrong = 0;
        for (uint64_t k = 0; k < BATCHES; k++) {
            if (batch_train(&s, &a, 42, k + 5, BATCH, X + k * x, truth[k], labels[k]))
                m_die("memory");
            for (int b = 0; b < BATCH; b++) {
                for (int j = 0; j < 3; j++)
                    wrong += truth[k][3 * b + j] != (j == labels[k][b] ? 1.0f : 0.0f);
            }
        }
        CHECK(!wrong, "truth is one-hot: %d wrong", wrong);
        for (size_t i = 0; i < BATCHES * x; i++) wrong += !(X[i] >= 0 && X[i] <= 1);
        CHECK(!wrong, "%d floats outside [0,1]", wrong);
        for (int threads = 1; threads <= 5; threads += threads) {
            loader *l = loader_new(&s, &a, 42, 5, BATCH, threads == 4 ? 5 : threads);
            for (uint64_t k = 0; l && k < BATCHES; k++) {
                const batch_t *b = loader_next(l);
                wrong += b->k != k + 5 || memcmp(b->X, X + k * x, x * sizeof *X) ||
                         memcmp(b->truth, truth[k], sizeof truth[k]) ||
                         memcmp(b->labels, labels[k], sizeof labels[k]);
            }
            CHECK(l && !wrong, "mode %d, %d threads: %d batches differ", mode, threads, wrong);
            loader_free(l);
        }
        batch_train(&s, &a, 43, 5, BATCH, Y, NULL, NULL);
        CHECK(memcmp(X, Y, x * sizeof *X), "another seed must give other floats");
        batch_train(&s, &a, 42, 5, BATCH, Y, NULL, NULL);
        CHECK(!memcmp(X, Y, x * sizeof *X), "the same seed must give the same floats");
        free(X);
        free(Y);
        free_set(&s);
    }
}

/* Images are told apart by their first pixel; crop_pad 0 and no flip leave it where it is. */
static void test_epochs(void) {
    dataset s = make_set(50, 50, 4, 4, 1, 0);
    augment a = {.w = 4, .h = 4, .c = 1, .crop_pad = 0, .flip = 0};
    float X[8 * 16], last[50] = {0};
    int times[50] = {0}, wrong = 0, labels[8], same = 0;
    for (int k = 0; k < 50; k++) {
        batch_train(&s, &a, 7, (uint64_t)k, 8, X, NULL, labels);
        for (int b = 0; b < 8; b++) {
            int place = 8 * k + b, image = (int)lrintf(X[16 * b] * 255);
            wrong += image != labels[b] || times[image]++ != place / 50;
            same += place >= 50 && last[place % 50] == (float)image;
            last[place % 50] = (float)image;
        }
    }
    CHECK(!wrong, "%d images not once in each epoch", wrong);
    CHECK(same < 30, "orders of epochs repeat: %d of 350 places", same); /* 7 expected */
    batch_train(&s, &a, 7, 0, 8, X, NULL, labels);
    int exact = 0;
    for (int b = 0; b < 8; b++) {
        for (int i = 0; i < 16; i++)
            exact += X[16 * b + i] == (float)(s.items[labels[b]].img.px[i] / 255.0);
    }
    CHECK(exact == 128, "without augmentation the floats are value / 255");
    free_set(&s);
    /* A data set smaller than the batch. */
    s = make_set(3, 3, 4, 4, 1, 0);
    int per[3] = {0};
    batch_train(&s, &a, 1, 0, 8, X, NULL, labels);
    for (int b = 0; b < 6; b++) per[labels[b]]++;
    CHECK(per[0] == 2 && per[1] == 2 && per[2] == 2, "3 images, batch 8: %d %d %d", per[0], per[1],
          per[2]);
    free_set(&s);
}

/* The sequence of images does not know of batches: those of 6 and of 4 cut the same one, and no
 * crop is used again. */
static void test_sequence(void) {
    dataset s = make_set(5, 5, 12, 10, 1, 0);
    augment a = kind(0, 1);
    float X[12 * 120], Y[12 * 120];
    int wrong = 0, differ = 0;
    for (uint64_t k = 0; k < 50; k++) {
        for (uint64_t b = 0; b < 2; b++)
            wrong += batch_train(&s, &a, 9, 2 * k + b, 6, X + b * 720, NULL, NULL);
        for (uint64_t b = 0; b < 3; b++)
            wrong += batch_train(&s, &a, 9, 3 * k + b, 4, Y + b * 480, NULL, NULL);
        wrong += memcmp(X, Y, sizeof X) != 0;
    }
    CHECK(!wrong, "%d of 50 stretches differ", wrong);
    batch_train(&s, &a, 9, 0, 10, X, NULL, NULL);
    for (uint64_t k = 1; k < 20; k++) {
        batch_train(&s, &a, 9, k, 10, Y, NULL, NULL);
        differ += memcmp(X, Y, 10 * 120 * sizeof *X) != 0;
    }
    CHECK(differ == 19, "%d of 19 batches differ from the first", differ);
    free_set(&s);
    s = make_set(1, 1, 12, 10, 1, 0);
    differ = 0;
    batch_train(&s, &a, 9, 0, 1, X, NULL, NULL);
    for (uint64_t k = 1; k < 200; k++) {
        batch_train(&s, &a, 9, k, 1, Y, NULL, NULL);
        differ += memcmp(X, Y, 120 * sizeof *X) != 0;
    }
    CHECK(differ > 180, "one image, cropped in 50 ways: %d of 199 differ from the first", differ);
    free_set(&s);
}

/* One picture whose pixels are all different: where pixel (0,0) went tells crop and flip. */
static void test_statistics(void) {
    enum { W = 9, H = 7, PAD = 2, N = 20000, CELLS = 50 };
    raster r = {W, H, 1, malloc(W * H)};
    for (int i = 0; i < W * H; i++) r.px[i] = (unsigned char)(i + 1);
    sample item = {r, 0, NULL};
    dataset s = {1, 1, &item, 0};
    augment a = {.w = W, .h = H, .c = 1, .crop_pad = PAD, .flip = 1};
    float *X = malloc(N * W * H * sizeof *X);
    int seen[CELLS] = {0}, wrong = 0;
    if (!X || batch_train(&s, &a, 3, 0, N, X, NULL, NULL)) m_die("memory");
    for (int n = 0; n < N; n++) {
        const float *x = X + (size_t)n * W * H;
        /* The middle pixel is never cropped away nor the only one mirrored. */
        int mid = (int)lrintf(x[H / 2 * W + W / 2] * 255) - 1,
            flip = x[H / 2 * W + W / 2 + 1] < x[H / 2 * W + W / 2];
        int dx = mid % W - W / 2, dy = mid / W - H / 2;
        for (int y = 0; y < H; y++) {
            for (int c = 0; c < W; c++) {
                int sx = (flip ? W - 1 - c : c) + dx, sy = y + dy;
                int want = sx < 0 || sy < 0 || sx >= W || sy >= H ? 0 : sy * W + sx + 1;
                wrong += lrintf(x[y * W + c] * 255) != want;
            }
        }
        int cell = ((dy + PAD) * (2 * PAD + 1) + dx + PAD) * 2 + flip;
        if (cell < 0 || cell >= CELLS)
            wrong++;
        else
            seen[cell]++;
    }
    CHECK(!wrong, "%d pixels are not those of a shifted, mirrored picture", wrong);
    double chi = 0, want = (double)N / CELLS;
    for (int i = 0; i < CELLS; i++) chi += (seen[i] - want) * (seen[i] - want) / want;
    CHECK(chi > 20 && chi < 99, "crops and flips: chi squared %g with 49 degrees of freedom", chi);
    a.flip = 0;
    a.crop_pad = 100; /* far beyond the picture: mostly black, never outside memory */
    batch_train(&s, &a, 3, 0, 2000, X, NULL, NULL);
    int lit = 0;
    for (int i = 0; i < 2000 * W * H; i++) lit += X[i] > 0;
    CHECK(lit > 0 && lit < 2000 * W * H / 100, "crop_pad=100: %d lit", lit);
    free(X);
    free(r.px);
}

/* Darknet's augmentation: each choice reaches its range and stays in it. A linear ramp shows scale
 * and place. */
static void test_darknet_ranges(void) {
    enum { SIZE = 200, N = 2000 };
    raster r = {SIZE, SIZE, 1, malloc(SIZE * SIZE)};
    for (int i = 0; i < SIZE * SIZE; i++) r.px[i] = (unsigned char)(50 + i % SIZE);
    sample item = {r, 0, NULL};
    dataset s = {1, 1, &item, 0};
    augment a = {
        .w = 20, .h = 20, .c = 1, .crop_pad = -1, .flip = 1, .min_crop = 40, .max_crop = 80};
    float *X = malloc(N * 400 * sizeof *X), low = 9, high = 0, left = 9, right = -9;
    if (!X || batch_train(&s, &a, 11, 0, N, X, NULL, NULL)) m_die("memory");
    int flips = 0;
    for (int n = 0; n < N; n++) {
        const float *row = X + 400 * n + 200;
        float slope = (row[19] - row[0]) * 255 / 19, mid = (row[10] + row[9]) / 2 * 255 - 50;
        flips += slope < 0;
        low = fminf(low, fabsf(slope));
        high = fmaxf(high, fabsf(slope));
        left = fminf(left, mid / SIZE);
        right = fmaxf(right, mid / SIZE);
    }
    /* Short side 40 to 80 of 200 pixels: 2.5 to 5 source pixels a step; the window stays inside. */
    CHECK(low > 2.49f && low < 2.6f && high > 4.9f && high < 5.01f, "scales %g to %g", (double)low,
          (double)high);
    CHECK(left > 0.12f && left < 0.16f && right > 0.84f && right < 0.88f,
          "middle of the window %g to %g", (double)left, (double)right);
    CHECK(abs(flips - N / 2) < 112, "%d of %d mirrored", flips, N); /* 5 sigma */
    for (int i = 0; i < SIZE * SIZE; i++) r.px[i] = 100;
    a = (augment){
        .w = 8, .h = 8, .c = 1, .crop_pad = -1, .exposure = 2, .min_crop = 16, .max_crop = 16};
    batch_train(&s, &a, 11, 0, N, X, NULL, NULL);
    int darker = 0;
    low = 9, high = 0;
    for (int n = 0; n < N; n++) {
        float v = X[64 * n + 36] * 2.55f;
        darker += v < 1;
        low = fminf(low, v);
        high = fmaxf(high, v);
    }
    CHECK(low >= 0.499f && low < 0.52f && high > 1.96f && high < 2.001f &&
              abs(darker - N / 2) < 112,
          "exposure %g to %g, %d darker", (double)low, (double)high, darker);
    free(X);
    free(r.px);
}

static void test_resize_bytes(void) {
    /* crop_pad resizes the whole picture: against the host's resize_image, rounded. */
    raster r = m_picture(37, 23, 3, 0);
    sample item = {r, 0, NULL};
    dataset s = {1, 1, &item, 0};
    augment a = {.w = 16, .h = 12, .c = 3, .crop_pad = 0};
    float X[16 * 12 * 3];
    image im = to_image(&r), want = resize_image(im, 16, 12);
    batch_train(&s, &a, 1, 0, 1, X, NULL, NULL);
    int far = 0;
    for (int i = 0; i < 16 * 12 * 3; i++) far += fabsf(X[i] - want.data[i]) > 0.5f / 255 + 1e-5f;
    CHECK(!far, "%d pixels further than half a step from resize_image", far);
    int whole = 0;
    for (int i = 0; i < 16 * 12 * 3; i++) whole += fabsf(X[i] * 255 - rintf(X[i] * 255)) < 1e-3f;
    CHECK(whole == 16 * 12 * 3, "resized pictures are bytes");
    /* Gray for a colour network, and the other way. */
    raster g = {2, 1, 1, (unsigned char[]){10, 200}},
           rgb = {1, 1, 3, (unsigned char[]){10, 100, 200}};
    float Y[6], Z[1];
    image_letterbox(&g, 2, 1, 3, Y);
    image_letterbox(&rgb, 1, 1, 1, Z);
    CHECK(Y[0] == 10.0f / 255 && Y[1] == 200.0f / 255 && Y[4] == Y[0] && Y[5] == Y[1],
          "gray repeated");
    CHECK(fabsf(Z[0] * 255 - 84) < 1e-3f, "RGB to gray: %g",
          (double)Z[0] * 255); /* 2.99 + 58.7 + 22.8 = 84.49 */
    free_image(im);
    free_image(want);
    raster_free(&r);
}

/* Stopping is possible at once, after some batches, and with batches waiting. */
static void test_stop(void) {
    dataset s = make_set(40, 4, 30, 20, 3, 1);
    augment a = kind(0, 3);
    int wrong = 0;
    for (int n = 0; n < 60; n++) {
        loader *l = loader_new(&s, &a, 1, (uint64_t)n, 16, 1 + n % 4);
        for (int k = 0; l && k < n % 7; k++)
            wrong += loader_next(l)->k != (uint64_t)n + (uint64_t)k;
        if (n % 5 == 0) usleep(300);
        wrong += !l;
        loader_free(l);
    }
    loader_free(NULL);
    CHECK(!wrong, "%d wrong", wrong);
    /* A batch stays as it is while it is held, however long the threads have to overwrite it. */
    loader *l = loader_new(&s, &a, 1, 0, 16, 3);
    if (!l) m_die("memory");
    const batch_t *b = loader_next(l);
    size_t n = 16 * 120 * 3 * sizeof(float);
    float *keep = malloc(n);
    memcpy(keep, b->X, n);
    usleep(20000);
    CHECK(!memcmp(keep, b->X, n) && b->k == 0, "a held batch changed");
    free(keep);
    loader_free(l);
    free_set(&s);
}

int main(void) {
    m_open();
    test_host_sizes();
    test_fits();
    test_host_turns();
    test_threads();
    test_epochs();
    test_sequence();
    test_statistics();
    test_darknet_ranges();
    test_resize_bytes();
    test_stop();
    m_close();
    return t_done("test_batch");
}
