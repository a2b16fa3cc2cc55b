/* test_detection.c - label files, right and wrong; pictures with boxes; training batches: the same
 * on any number of threads, laid out as the host lays them out. */
#include "data/det_batch.h"
#include "data/draw.h"
#include "data/sample.h"
#include "data_make.h"
#include <darknet.h>

/* Exported, but not declared. */
void place_image(image im, int w, int h, int dx, int dy, image canvas);

static data_file *data_of(int classes) {
    m_text("t.data", "classes=%d\ntrain=train.list\nvalid=train.list\n", classes);
    data_file *d = data_file_read("t.data", err);
    if (!d) m_die(err);
    return d;
}

static void label_paths(void) {
    char out[4096];
    static const char *const cases[][3] = {
        /* picture, file that exists, what is found */
        {"a/images/p.jpg", "a/labels/p.txt", "a/labels/p.txt"},
        {"a/images/q.jpeg", "a/images/q.txt", "a/images/q.txt"},
        {"b/JPEGImages/p.v1.png", "b/labels/p.v1.txt", "b/labels/p.v1.txt"},
        {"c/p.jpg", "c/p.txt", "c/p.txt"},
        {"crawl/p.jpg", "crawl/p.txt", "crawl/p.txt"},
        {"n/images/proj/images/p.jpg", "n/images/proj/labels/p.txt", "n/images/proj/labels/p.txt"},
        {"n/images/proj/images/q.jpg", "n/labels/proj/images/q.txt", "n/labels/proj/images/q.txt"},
        {"n/raw/a.raw.png", "n/labels/a.raw.txt", "n/labels/a.raw.txt"},
    };
    static const char *const folders[] = {
        "n",        "n/images",      "n/images/proj",       "n/images/proj/labels",
        "n/labels", "n/labels/proj", "n/labels/proj/images"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) mkdir(folders[i], 0777);
    mkdir("a", 0777), mkdir("a/labels", 0777), mkdir("a/images", 0777), mkdir("b", 0777),
        mkdir("b/labels", 0777), mkdir("c", 0777);
    mkdir("crawl", 0777);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(!det_label_path(out, cases[i][0]), "%s before %s exists", cases[i][0], cases[i][1]);
        m_text(cases[i][1], "0 .5 .5 .1 .1\n");
        CHECK(det_label_path(out, cases[i][0]) && !strcmp(out, cases[i][2]), "%s: %s", cases[i][0],
              out);
    }
    CHECK(!det_label_path(out, "a/images/none.jpg") && !strcmp(out, "a/labels/none.txt"),
          "a missing one: %s", out);
    m_text("a/labels/q.txt", "\n");
    CHECK(det_label_path(out, "a/images/q.jpeg") && !strcmp(out, "a/labels/q.txt"),
          "Darknet's place comes first: %s", out);
    m_text("n/labels/proj/images/p.txt", "\n");
    CHECK(det_label_path(out, "n/images/proj/images/p.jpg") &&
              !strcmp(out, "n/images/proj/labels/p.txt"),
          "the last of two: %s", out);
    CHECK(!det_label_path(out, "n/images/proj/images/z.jpg") &&
              !strcmp(out, "n/images/proj/labels/z.txt"),
          "a missing one: %s", out);
}

static void label_lines(void) {
    static const char *const bad[][2] = {
        {"3 .5 .5 .1 .1", "class 3, but there are only classes 0 to 2"},
        {"0 .5 .5 1e-299 .1", "must be above 0"},
        {"-1 .5 .5 .1 .1", "class -1"},
        {"dog .5 .5 .1 .1", "whole number"},
        {"1.5 .5 .5 .1 .1", "whole number"},
        {"1 .5 .5 .1", "4 of the 5 numbers"},
        {"1", "1 of the 5 numbers"},
        {"1 .5 .5 .1 x", "4 of the 5"},
        {"1 .5 .5 .1 .1 .9", "after the 5 numbers"},
        {"1 .5 .5 0 .1", "above 0"},
        {"1 .5 .5 -.1 .1", "above 0"},
        {"1 .5 nan .1 .1", "2 of the 5"},
        {"1 .5 .5 inf .1", "3 of the 5"},
        {"1 .9 .5 .3 .1", "from 0.75 to 1.05 across"},
        {"1 .5 .02 .3 .1", "from -0.03 to 0.07 down"},
        {"1 240 120 64 32", "are these pixels?"},
        {"99999999999999999999 .5 .5 .1 .1", "whole number"},
    };
    det_box *b;
    int n;
    size_t cut = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        m_text("l.txt", "0 .5 .5 .1 .1\r\n\r\n%s\n", bad[i][0]);
        int r = det_read_labels("l.txt", 3, &b, &n, &cut, NULL, err);
        CHECK(r == -1 && !strncmp(err, "l.txt:3: ", 9) && strstr(err, bad[i][1]), "%s: %d, %s",
              bad[i][0], r, err);
    }
    CHECK(cut == 0, "nothing was cut");
    det_faults f = {0};
    m_text("l.txt", "3 .5 .5 .1 .1\n1 .5 .5 .1 .1\n1 .5 .5 .1\n1 .9 .5 .3 .1\n");
    CHECK(det_read_labels("l.txt", 3, &b, &n, &cut, &f, err) && f.n == 3 && !strcmp(f.text[0], err),
          "%d faults, %s", f.n, err);
    CHECK(f.n == 3 && !strncmp(f.text[1], "l.txt:3: 4 of the 5", 19) &&
              !strncmp(f.text[2], "l.txt:4: the box", 16),
          "all lines: %s", f.n == 3 ? f.text[2] : "");
    det_faults_free(&f);
    m_text("l.txt", "\xef\xbb\xbf"
                    "2 0.5 0.25 1e-1 .3\n\n0\t.005 .5 .02 1.0\n1 0.05 0.5 0.1000004 0.2");
    CHECK(!det_read_labels("l.txt", 3, &b, &n, &cut, NULL, err) && n == 3, "%d: %s", n, err);
    CHECK(b[0].cls == 2 && b[0].box.x == 0.5f && b[0].box.y == 0.25f && b[0].box.w == 0.1f &&
              b[0].box.h == 0.3f,
          "as it stands");
    CHECK(cut == 1 && fabsf(b[1].box.x - 0.0075f) < 1e-6f && fabsf(b[1].box.w - 0.015f) < 1e-6f,
          "cut at the left edge: %f %f", (double)b[1].box.x, (double)b[1].box.w);
    CHECK(b[2].box.x - b[2].box.w / 2 >= 0, "rounding is put right without a count");
    free(b);
    m_text("l.txt", "\n \n");
    CHECK(!det_read_labels("l.txt", 3, &b, &n, &cut, NULL, err) && n == 0,
          "an empty file is a picture without boxes");
    free(b);
    CHECK(det_read_labels("none.txt", 3, &b, &n, &cut, NULL, err), "no file");
}

/* n pictures of noise with boxes: picture i has i % 4 of them. */
static void make_set(int n) {
    FILE *f = fopen("train.list", "w");
    for (int i = 0; i < n; i++) {
        char name[32];
        raster r = m_picture(40 + 7 * (i % 5), 30 + 9 * (i % 3), 3, 0);
        snprintf(name, sizeof name, "p%02d.png", i);
        m_put_png(name, &r);
        free(r.px);
        fprintf(f, "%s\n", name);
        snprintf(name, sizeof name, "p%02d.txt", i);
        FILE *l = fopen(name, "w");
        for (int k = 0; k < i % 4; k++)
            fprintf(l, "%d %f %f %f %f\n", (i + k) % 3, 0.3 + 0.1 * k, 0.6 - 0.05 * i / n,
                    0.2 + 0.1 * k, 0.3);
        fclose(l);
    }
    fclose(f);
}

static void sets(void) {
    data_file *d = data_of(3);
    det_set *s = det_load(d, DATA_TRAIN, 3, 1, 0, (size_t)1 << 30, err),
            *t = det_load(d, DATA_TRAIN, 3, 4, 0, 0, err);
    CHECK(s && t, "%s", err);
    if (!s || !t) return;
    CHECK(s->n == 13 && s->boxes == 18 && s->empty == 4 && s->skipped == 0 && s->clipped == 0,
          "%d %zu %d", s->n, s->boxes, s->empty);
    for (int i = 0; i < s->n; i++) {
        raster tmp;
        const raster *r = det_picture(&t->items[i], 3, &tmp, err);
        CHECK(s->items[i].img.px && !t->items[i].img.px, "what is kept");
        CHECK(r && !memcmp(r->px, s->items[i].img.px, (size_t)r->w * (size_t)r->h * 3),
              "picture %d: %s", i, err);
        raster_free(&tmp);
    }
    det_free(t);
    m_text("train.list", "p00.png\nset\\p01.png\n");
    CHECK(!det_load(d, DATA_TRAIN, 3, 2, 0, 0, err) && strstr(err, "train.list:2: ") &&
              strstr(err, "sed -i"),
          "%s", err);
    m_text("train.list", "p00.png\np01.png\nnone.png\n");
    CHECK(!det_load(d, DATA_TRAIN, 3, 2, 0, 0, err) &&
              strstr(err, "train.list:3: none.png: no such picture"),
          "%s", err);
    t = det_load(d, DATA_TRAIN, 3, 2, DET_SKIP_BAD, 0, err);
    CHECK(t && t->n == 2 && t->skipped == 1, "leave it out: %s", err);
    det_free(t);
    unlink("p01.txt");
    m_text("train.list", "p00.png\np01.png\n");
    CHECK(!det_load(d, DATA_TRAIN, 3, 2, 0, 0, err) &&
              strstr(err, "train.list:2: p01.png: no label file") && strstr(err, "-negatives"),
          "%s", err);
    t = det_load(d, DATA_TRAIN, 3, 2, DET_NEGATIVES, 0, err);
    CHECK(t && t->n == 2 && t->empty == 2, "%s", err);
    det_free(t);
    m_text("p01.txt", "7 .5 .5 .1 .1\n");
    CHECK(!det_load(d, DATA_TRAIN, 3, 2, 0, 0, err) && strstr(err, "p01.txt:1: class 7") &&
              strstr(err, "-skip_bad"),
          "%s", err);
    m_text("train.list", "p00.png\np01.png\nnone.png\n");
    CHECK(!det_load(d, DATA_TRAIN, 3, 2, 0, 0, err) &&
              strstr(err, "2 problems in 2 of 3 pictures") && strstr(err, "-skip_bad"),
          "%s", err);
    m_text("train.list", "p00.png\np01.png\n");
    m_text("p00.png", "no picture");
    m_text("p01.txt", "1 .5 .5 .1 .1\n");
    CHECK(!det_load(d, DATA_TRAIN, 3, 2, 0, 0, err) && strstr(err, "train.list:1: ") &&
              strstr(err, "p00.png"),
          "%s", err);
    m_text("train.list", "\n\n");
    CHECK(!det_load(d, DATA_TRAIN, 3, 2, 0, 0, err) && strstr(err, "empty"), "%s", err);
    det_free(s);
    data_file_free(d);
}

static det_batch room_for(const det_augment *a, int batch) {
    int w, h;
    det_largest(a, &w, &h);
    det_batch b = {.X = malloc((size_t)batch * (size_t)w * (size_t)h * 3 * sizeof(float)),
                   .truth = malloc((size_t)batch * (size_t)a->boxes * 5 * sizeof(float))};
    return b;
}

static void threads(const det_set *s, int era) {
    det_augment a = {.w = 160,
                     .h = 96,
                     .c = 3,
                     .boxes = 2,
                     .jitter = 0.3f,
                     .hue = 0.1f,
                     .saturation = 1.5f,
                     .exposure = 1.5f,
                     .flip = 1,
                     .random = 1,
                     .batches_per_step = 2,
                     .settle = 60};
    if (era) a.mosaic = a.mixup = 1, a.blur = 1, a.noise = 0.05f, a.resize = 1.5f;
    enum { BATCH = 3, N = 130 };
    det_loader *one = det_loader_new(s, &a, 5, 2, BATCH, 1),
               *four = det_loader_new(s, &a, 5, 2, BATCH, 4);
    det_batch b = room_for(&a, BATCH), other = room_for(&a, BATCH);
    int same = 1, sizes = 0, small = 1000, large = 0, last = 0;
    for (uint64_t k = 2; k < N; k++) {
        const det_batch *p = det_loader_next(one, err), *q = det_loader_next(four, err);
        if (det_batch_train(s, &a, 5, k, BATCH, &b, err)) m_die(err);
        size_t x = (size_t)b.w * (size_t)b.h * 3 * BATCH * sizeof(float),
               t = (size_t)a.boxes * 5 * BATCH * sizeof(float);
        same &= p && q && p->k == k && p->w == b.w && q->w == b.w && p->h == b.h && q->h == b.h;
        same &= !memcmp(p->X, b.X, x) && !memcmp(q->X, b.X, x) && !memcmp(p->truth, b.truth, t) &&
                !memcmp(q->truth, b.truth, t);
        CHECK(b.w % 32 == 0 && b.h % 32 == 0 && abs(5 * b.h - 3 * b.w) <= 80, "size %dx%d", b.w,
              b.h);
        if (k % 20) CHECK(b.w == last || k == 2, "batch %d: a new size within ten steps", (int)k);
        sizes += b.w != last;
        last = b.w;
        small = b.w < small ? b.w : small;
        large = b.w > large ? b.w : large;
    }
    CHECK(same, "batches depend on the number of threads");
    CHECK(sizes >= 3 && small >= 115 && large <= 224 && small < 160 && large > 160,
          "sizes: %d changes, %d to %d", sizes, small, large);
    CHECK(b.w == 160 && b.h == 96, "at the end the size of the cfg");
    det_batch_train(s, &a, 6, 3, BATCH, &other, err);
    det_batch_train(s, &a, 5, 3, BATCH, &b, err);
    CHECK(memcmp(b.X, other.X, 100 * sizeof(float)), "another seed gives the same batch");
    det_loader_free(one);
    det_loader_free(four);
    free(b.X);
    free(b.truth);
    free(other.X);
    free(other.truth);
}

/* sample_place against the host's place_image. */
static void place(void) {
    double worst = 0;
    for (int i = 0; i < 6; i++) {
        raster r = m_picture(20 + 13 * i, 50 - 6 * i, 3, 0);
        int w = 40, h = 33, nw = 40 - 5 * i, nh = 10 + 4 * i, dx = i, dy = 2;
        float *X = malloc(sizeof(float) * 3 * 40 * 33);
        image im = make_image(r.w, r.h, 3), canvas = make_image(w, h, 3);
        for (int k = 0; k < 3; k++)
            for (int p = 0; p < r.w * r.h; p++)
                im.data[k * r.w * r.h + p] = (float)r.px[p * 3 + k] / 255;
        for (int p = 0; p < w * h * 3; p++) canvas.data[p] = 0.5f;
        place_image(im, nw, nh, dx, dy, canvas);
        for (int flip = 0; flip < 2; flip++) {
            sample_place(X, w, h, 3, &r, (sample_box){dx, dy, nw, nh}, flip);
            for (int p = 0; p < w * h * 3; p++) {
                int at = flip ? p / w * w + (w - 1 - p % w) : p;
                worst = fmax(worst, fabs((double)X[p] - (double)canvas.data[at]));
            }
        }
        free_image(im);
        free_image(canvas);
        free(X);
        free(r.px);
    }
    CHECK(worst < 1e-4, "%g from the host's place_image", worst);
}

/* More boxes than there is room for: a choice, not always the same; none twice. */
static void crowded(void) {
    data_file *d = data_of(40);
    FILE *l = fopen("c.txt", "w");
    for (int i = 0; i < 40; i++) fprintf(l, "%d 0.5 0.5 0.2 0.2\n", i);
    fclose(l);
    m_put_flat("c.png", 30, 30, 200);
    m_text("train.list", "c.png\n");
    det_set *s = det_load(d, DATA_TRAIN, 3, 1, 0, 1 << 20, err);
    if (!s) m_die(err);
    det_augment a = {.w = 32, .h = 32, .c = 3, .boxes = 30, .batches_per_step = 1};
    det_batch b = room_for(&a, 1);
    int seen[40] = {0}, twice = 0;
    for (uint64_t k = 0; k < 60; k++) {
        int now[40] = {0};
        det_batch_train(s, &a, 3, k, 1, &b, err);
        for (int i = 0; i < 30; i++) twice |= now[(int)b.truth[5 * i + 4]]++;
        for (int i = 0; i < 40; i++) seen[i] += now[i];
    }
    for (int i = 0; i < 40; i++)
        CHECK(seen[i] > 25 && seen[i] < 60, "box %d was learned %d times of 60", i, seen[i]);
    CHECK(!twice, "a box twice");
    free(b.X);
    free(b.truth);
    det_free(s);
    data_file_free(d);
}

static void draw(void) {
    raster r = {60, 40, 3, calloc(60 * 40, 3)}, back;
    draw_frame(&r, 5, 6, 20, 25, 2, (draw_colour){255, 0, 0});
    draw_frame(&r, -5, -5, 200, 200, 1,
               (draw_colour){0, 255, 0}); /* wholly outside: nothing to be seen, nothing broken */
    draw_words(&r, 30, 39, 1, "Ab\xff", (draw_colour){255, 255, 255});
    CHECK(r.px[(6 * 60 + 5) * 3] == 255 && r.px[(7 * 60 + 6) * 3] == 255 &&
              r.px[(8 * 60 + 7) * 3] == 0 && r.px[(25 * 60 + 20) * 3] == 255 &&
              r.px[(26 * 60 + 20) * 3] == 0,
          "frame");
    int ink = 0;
    for (int y = 25; y < 40; y++)
        for (int x = 34; x < 60; x++) ink += r.px[(y * 60 + x) * 3] == 0;
    CHECK(ink > 20 && ink < 200, "%d dots of ink", ink);
    CHECK(!draw_write_png(&r, "d.png", err) && !raster_read("d.png", 3, &back, err) &&
              !memcmp(back.px, r.px, 60 * 40 * 3),
          "%s", err);
    CHECK(draw_write_png(&r, "no/such/folder.png", err), "no folder");
    raster_free(&back);
    free(r.px);
}

int main(void) {
    m_open();
    label_paths();
    label_lines();
    make_set(13);
    data_file *d = data_of(3);
    det_set *s = det_load(d, DATA_TRAIN, 3, 2, 0, (size_t)1 << 30, err);
    if (!s) m_die(err);
    threads(s, 0);
    threads(s, 1);
    det_free(s);
    data_file_free(d);
    sets();
    place();
    crowded();
    draw();
    m_close();
    return t_done("test_detection");
}
