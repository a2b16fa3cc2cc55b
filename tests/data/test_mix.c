/* test_mix.c - what training does to whole batches and their truths: smoothed labels, mixup,
 * cutmix, cutout. Pictures of one gray each and one class each let the pixels be worked out from
 * the truth, and the other way round. */
#include "data/batch.h"
#include "data_make.h"
#include "ops/rng.h"

enum { W = 12, H = 10, N = 6, PIXELS = W * H };

static dataset grays(int c) {
    dataset s = {N, N, calloc(N, sizeof(sample)), 0};
    for (int i = 0; i < N; i++) {
        s.items[i] = (sample){{W, H, c, malloc(PIXELS * (size_t)c)}, i, NULL};
        memset(s.items[i].img.px, 40 * i + 10, PIXELS * (size_t)c);
    }
    return s;
}

static void free_grays(dataset *s) {
    for (int i = 0; i < s->n; i++) raster_free(&s->items[i].img);
    free(s->items);
}

static double gray(int i) { return (40 * i + 10) / 255.0; }
static augment plain(int c) { return (augment){.w = W, .h = H, .c = c, .crop_pad = 0}; }

typedef struct {
    float X[N * PIXELS * 3], truth[N * N];
    int labels[N];
} batch;
static void make(batch *b, const dataset *s, const augment *a, uint64_t k) {
    if (batch_train(s, a, 17, k, N, b->X, b->truth, b->labels)) m_die("memory");
}

static void test_smooth(void) {
    dataset s = grays(1);
    augment a = plain(1);
    batch b;
    int wrong = 0;
    a.label_smooth = 0.3f;
    for (uint64_t k = 0; k < 20; k++) {
        make(&b, &s, &a, k);
        for (int i = 0; i < N * N; i++)
            wrong += !(fabs((double)b.truth[i] - (b.labels[i / N] == i % N ? 0.75 : 0.05)) < 1e-7);
    }
    CHECK(wrong == 0, "%d truths are not truth*0.7 + 0.3/6", wrong);
    batch_test(&s, FIT_STRETCH, W, H, 1, 0, N, b.X, b.truth, b.labels);
    for (int i = 0; i < N * N; i++) wrong += b.truth[i] != (b.labels[i / N] == i % N ? 1.0f : 0.0f);
    CHECK(wrong == 0, "%d truths of test pictures are not 0 or 1", wrong);
    free_grays(&s);
}

/* The share of row i's own class, its partner (itself if alone), or -1: not two classes that add up
 * to 1. */
static double share(const batch *b, int i, int *partner) {
    const float *t = b->truth + N * i;
    double own = (double)t[b->labels[i]], sum = 0;
    *partner = b->labels[i];
    for (int k = 0; k < N; k++) {
        sum += (double)t[k];
        if (t[k] != 0 && k != b->labels[i]) {
            if (*partner != b->labels[i]) return -1;
            *partner = k;
        }
    }
    return fabs(sum - 1) < 1e-6 ? own : -1;
}

typedef struct {
    double sum, square;
    int blended, boxes, alone, bad, batches;
    double cover[PIXELS];
} tally;

/* One batch: all pictures by one lambda; each pixel is what the truth says. */
static void count(tally *t, const batch *b, int c) {
    double lambda = -1;
    int used[N] = {0}, blended = 0, boxes = 0;
    for (int i = 0; i < N; i++) {
        int partner, own = b->labels[i];
        double l = share(b, i, &partner);
        used[partner]++;
        t->bad += l < 0;
        if (partner == own) {
            t->alone++;
            t->bad += l != 1 && fabs(l - 1) > 1e-6;
        } else {
            t->bad += lambda >= 0 && fabs(l - lambda) > 1e-6;
            lambda = l;
        }
        const float *x = b->X + (size_t)i * PIXELS * (size_t)c;
        double mixed = l * gray(own) + (1 - l) * gray(partner), taken = 0, off = 0;
        for (int k = 0; k < PIXELS * c; k++) {
            off += fabs((double)x[k] - mixed) > 1e-6;
            int is = fabs((double)x[k] - gray(partner)) < 1e-6;
            taken += is;
            if (!is && fabs((double)x[k] - gray(own)) > 1e-6) taken = -1e9;
        }
        int box = fabs(taken / (PIXELS * c) - (1 - l)) < 1e-6;
        if (partner == own || (off == 0 && box)) continue;
        blended += off == 0;
        boxes += box;
        t->bad += off != 0 && !box;
        for (int k = 0; i == 0 && box && k < PIXELS; k++)
            t->cover[k] += fabs((double)x[k] - gray(partner)) < 1e-6;
    }
    for (int k = 0; k < N; k++) t->bad += used[k] != 1;
    t->bad += blended && boxes;
    t->blended += blended > 0;
    t->boxes += boxes > 0;
    if (lambda < 0) return;
    t->sum += lambda;
    t->square += lambda * lambda;
    t->batches++;
}

static tally run(const augment *a, int c, int batches) {
    dataset s = grays(c);
    tally t = {0};
    batch b;
    for (int k = 0; k < batches; k++) {
        make(&b, &s, a, (uint64_t)k);
        count(&t, &b, c);
    }
    free_grays(&s);
    return t;
}

/* Beta(a,a) has mean 1/2 and variance 1/(4(2a+1)). */
static void check_moments(const tally *t, double alpha, const char *what) {
    double n = t->batches, mean = t->sum / n, var = t->square / n - mean * mean,
           want = 1 / (4 * (2 * alpha + 1));
    CHECK(fabs(mean - 0.5) < 5 * sqrt(want / n), "%s: lambda's mean is %f", what, mean);
    CHECK(fabs(var / want - 1) < 0.08, "%s: lambda's variance is %f, want %f", what, var, want);
}

static void test_mixup(void) {
    for (int c = 1; c <= 3; c += 2) {
        augment a = plain(c);
        a.mixup = c == 1 ? 1 : 0.4f;
        tally t = run(&a, c, 6000);
        CHECK(t.bad == 0 && t.boxes == 0,
              "mixup: %d rows are no blend of two by the truth's share, %d boxes", t.bad, t.boxes);
        /* A permutation leaves one picture in place on average. */
        CHECK(fabs(t.alone / 6000.0 - 1) < 0.08, "mixup: %d pictures of 6000 batches alone",
              t.alone);
        check_moments(&t, (double)a.mixup, "mixup");
    }
}

/* Share of a picture that boxes cover, drawn here: area 1 - lambda about a uniform pixel, clipped.
 * lambda uniform. */
static double box_share(void) {
    double sum = 0;
    for (int i = 0; i < 200000; i++) {
        double edge = sqrt(1 - m_rand() / 4294967296.0), part = 1;
        for (int k = 0; k < 2; k++) {
            int n = k ? W : H, size = (int)(edge * n),
                from = (int)(m_rand() % (unsigned)n) - size / 2, to = from + size;
            part *= ((to < n ? to : n) - (from > 0 ? from : 0)) / (double)n;
        }
        sum += part;
    }
    return sum / 200000;
}

static void test_cutmix(void) {
    augment a = plain(3);
    a.cutmix = 1;
    tally t = run(&a, 3, 6000);
    CHECK(t.bad == 0 && t.blended == 0,
          "cutmix: %d rows are no box of the truth's share, %d blends", t.bad, t.blended);
    double want = box_share(), got = 1 - t.sum / t.batches, corner = 0, middle = 0;
    CHECK(fabs(got - want) < 0.015, "cutmix: boxes cover %f of a picture, want %f", got, want);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int edge = x == 0 || y == 0 || x == W - 1 || y == H - 1;
            CHECK(t.cover[y * W + x] > 0, "cutmix: pixel %d, %d is never covered", x, y);
            if (edge) corner = fmax(corner, t.cover[y * W + x]);
        }
    middle = t.cover[H / 2 * W + W / 2];
    CHECK(middle > corner, "cutmix: the middle is covered %g times, the border up to %g", middle,
          corner);
    a.mixup = 1;
    t = run(&a, 3, 3000);
    CHECK(t.bad == 0 && abs(t.blended - t.boxes) < 5 * 55 && t.blended + t.boxes > 2800,
          "both: %d bad, %d blends, %d boxes", t.bad, t.blended, t.boxes);
    /* Smoothing comes on top: no class is left at 0, and rows still add up. */
    dataset s = grays(3);
    batch b, soft;
    double off = 0;
    for (uint64_t k = 0; k < 50; k++) {
        a.label_smooth = 0;
        make(&b, &s, &a, k);
        a.label_smooth = 0.12f;
        make(&soft, &s, &a, k);
        CHECK(!memcmp(b.X, soft.X, sizeof b.X), "smoothing changes pixels");
        for (int i = 0; i < N * N; i++)
            off = fmax(off, fabs((double)soft.truth[i] - (0.88 * (double)b.truth[i] + 0.02)));
    }
    CHECK(off < 1e-6, "smoothed and mixed truth off by %g", off);
    free_grays(&s);
}

/* The same floats on any number of threads, from any first batch; the choice belongs to seed and
 * batch number. */
static void test_threads(void) {
    dataset s = grays(3);
    augment a = plain(3);
    batch b[8], again;
    a.mixup = a.cutmix = 0.7f;
    a.label_smooth = 0.1f;
    a.cutout = 4;
    a.flip = 1;
    for (uint64_t k = 0; k < 8; k++) make(&b[k], &s, &a, k + 3);
    for (int threads = 1; threads <= 3; threads++) {
        loader *l = loader_new(&s, &a, 17, 3, N, threads);
        int wrong = l == NULL;
        for (int k = 0; l && k < 8; k++) {
            const batch_t *t = loader_next(l);
            wrong += memcmp(t->X, b[k].X, sizeof b[k].X) ||
                     memcmp(t->truth, b[k].truth, sizeof b[k].truth) ||
                     memcmp(t->labels, b[k].labels, sizeof b[k].labels);
        }
        CHECK(wrong == 0, "%d threads: %d batches differ", threads, wrong);
        loader_free(l);
    }
    if (batch_train(&s, &a, 18, 3, N, again.X, again.truth, again.labels)) m_die("memory");
    CHECK(memcmp(again.truth, b[0].truth, sizeof again.truth), "another seed mixes alike");
    if (batch_train(&s, &a, 17, 3, N, again.X, NULL, NULL)) m_die("memory");
    CHECK(!memcmp(again.X, b[0].X, sizeof again.X), "pixels depend on whether truth is wanted");
    free_grays(&s);
}

/* Every cut is the square about some pixel, clipped; each pixel is the centre as often. Everything
 * else stays. */
static void test_cutout(void) {
    enum { SIDE = 5, ROUNDS = 4000 };
    dataset s = grays(3);
    augment a = plain(3), none = a;
    batch b, want;
    int seen[PIXELS] = {0}, bad = 0, all = 0;
    a.cutout = SIDE;
    for (int k = 0; k < ROUNDS; k++) {
        make(&b, &s, &a, (uint64_t)k);
        make(&want, &s, &none, (uint64_t)k);
        bad += memcmp(b.truth, want.truth, sizeof b.truth) != 0;
        const float *x = b.X, *o = want.X; /* the first picture stands for all */
        int x0 = W, x1 = 0, y0 = H, y1 = 0, cut = 0;
        for (int i = 0; i < PIXELS * 3; i++) {
            int px = i % W, py = i / W % H;
            if (x[i] == o[i]) continue;
            bad += x[i] != 0.5f;
            cut++;
            x0 = px < x0 ? px : x0, x1 = px > x1 ? px : x1;
            y0 = py < y0 ? py : y0, y1 = py > y1 ? py : y1;
        }
        bad += cut != 3 * (x1 - x0 + 1) * (y1 - y0 + 1);
        /* The centre, where the square is not clipped on both sides: from the side that is whole.
         */
        int cx = x0 > 0 ? x0 + SIDE / 2 : x1 - SIDE / 2,
            cy = y0 > 0 ? y0 + SIDE / 2 : y1 - SIDE / 2;
        bad += cx < 0 || cy < 0 || cx >= W || cy >= H || (x1 != W - 1 && x1 != cx + SIDE / 2) ||
               (y1 != H - 1 && y1 != cy + SIDE / 2);
        if (!bad) seen[cy * W + cx]++;
    }
    CHECK(bad == 0, "cutout: %d pictures are not the old one with a gray square", bad);
    double chi = 0, each = (double)ROUNDS / PIXELS;
    for (int i = 0; i < PIXELS; i++) chi += (seen[i] - each) * (seen[i] - each) / each;
    CHECK(chi > 70 && chi < 185, "cutout: centres are not uniform, chi2 %.0f of %d", chi,
          PIXELS - 1);
    a.cutout = 2 * W;
    make(&b, &s, &a, 0);
    for (int i = 0; i < N * PIXELS * 3; i++) all += b.X[i] == 0.5f;
    CHECK(all == N * PIXELS * 3, "a square larger than the picture leaves %d values",
          N * PIXELS * 3 - all);
    free_grays(&s);
}

/* P(x < 0.1) by hand for a = 1/2 (the arcsine law), 1, 2; and an a so small that x is 0 or 1. */
static void test_beta(void) {
    static const double a[4] = {0.5, 1, 2, 0.002}, below[4] = {0.204833, 0.1, 0.028, 0.5};
    enum { DRAWS = 100000 };
    for (int i = 0; i < 4; i++) {
        rng_stream r = rng_open(rng_key(8, RNG_TEST, (uint64_t)i, 0));
        double sum = 0, square = 0, low = 0;
        int out = 0;
        for (int k = 0; k < DRAWS; k++) {
            double x = rng_beta(&r, a[i]);
            out += !(x >= 0 && x <= 1);
            sum += x / DRAWS;
            square += x * x / DRAWS;
            low += x < 0.1;
        }
        double var = 1 / (4 * (2 * a[i] + 1));
        CHECK(out == 0 && fabs(sum - 0.5) < 5 * sqrt(var / DRAWS), "Beta(%g): %d outside, mean %f",
              a[i], out, sum);
        CHECK(fabs((square - sum * sum) / var - 1) < 0.02, "Beta(%g): variance %f, want %f", a[i],
              square - sum * sum, var);
        CHECK(fabs(low / DRAWS - below[i]) < 0.006, "Beta(%g): P(x < 0.1) = %f, want %f", a[i],
              low / DRAWS, below[i]);
    }
}

int main(void) {
    m_open();
    test_beta();
    test_smooth();
    test_mixup();
    test_cutmix();
    test_threads();
    test_cutout();
    m_close();
    return t_done("test_mix");
}
