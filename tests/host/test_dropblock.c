/* test_dropblock.c - DropBlock: what is dropped is made of whole blocks inside the map, as often as
 * its formula says, channel by channel; what is kept is scaled so that the sum of the mask stays;
 * backward uses the same mask; threads change nothing. Then the probability's ramp in a network of
 * the host's. */
#include "nodes.h"
#include "test.h"
#include "engine/engine.h"
#include "host/net.h"
#include <omp.h>
#include <unistd.h>

typedef struct {
    int n, h, w, c, block;
    float rel, p;
    int want;
} shape; /* want: the block's side in fact */

static engine *build(const shape *q) {
    char err[1024];
    engine *e = engine_new();
    add_input(e, q->h, q->w, q->c);
    add_dropblock(e, 0, q->p, q->block, q->rel);
    add_dropblock(e, 0, q->p, q->block, q->rel);
    add_route(e, (int[]){1, 2}, 2);
    CHECK(engine_plan(e, q->n, q->h, q->w, 1, err, sizeof err) == 0, "%s", err);
    engine_wants_input_delta(e, 1);
    return e;
}

static void forward(engine *e, const engine_mode *m) {
    engine_begin(e);
    for (int i = 0; i < engine_nodes(e); i++) engine_forward(e, i, m);
}

/* Does a block x block square of zeros inside the map hold pixel (y, x) of one channel's plane? */
static int in_block(const float *plane, int h, int w, int y, int x, int block) {
    for (int t = y - block + 1; t <= y; t++)
        for (int l = x - block + 1; l <= x; l++) {
            if (t < 0 || l < 0 || t + block > h || l + block > w) continue;
            int all = 1;
            for (int i = 0; i < block * block && all; i++)
                all = plane[(t + i / block) * w + l + i % block] == 0;
            if (all) return 1;
        }
    return 0;
}

/* Blocks inside a line of n pixels that hold pixel i. */
static int holding(int i, int n, int block) {
    int first = i - block + 1 > 0 ? i - block + 1 : 0, last = i < n - block ? i : n - block;
    return last - first + 1;
}

static void one_shape(const shape *q, int number) {
    int planes = q->n * q->c, area = q->h * q->w, bs = q->want;
    size_t len = (size_t)planes * (size_t)area;
    engine *e = build(q);
    float *x = malloc(len * sizeof *x), *y = malloc(len * sizeof *y), *z = malloc(len * sizeof *z),
          *r = malloc(2 * len * sizeof *r);
    double *hits = calloc((size_t)area, sizeof *hits);
    for (size_t i = 0; i < len; i++) x[i] = 1 + (float)(i % 7);
    for (size_t i = 0; i < 2 * len; i++) r[i] = 1 + (float)(i % 5);
    engine_mode m = {.keep = 1, .dropout = 1, .dropblock = 1, .seed = 4};
    enum { DRAWS = 40 };
    int loose = 0, wrong = 0, alike = 0, back = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        m.draw = draw;
        engine_import(e, 0, x);
        forward(e, &m);
        engine_export(e, 1, y);
        engine_export(e, 2, z);
        alike += !memcmp(y, z, len * sizeof *y);
        size_t kept = 0;
        for (size_t i = 0; i < len; i++) kept += y[i] != 0;
        float scale = kept ? (float)((double)len / (double)kept) : 0;
        for (size_t i = 0; i < len; i++) {
            wrong += y[i] != 0 && y[i] != scale * x[i];
            hits[i % (size_t)area] += y[i] == 0;
            const float *plane = y + i / (size_t)area * (size_t)area;
            if (y[i] == 0 && draw < 4)
                loose += !in_block(plane, q->h, q->w, (int)(i % (size_t)area) / q->w,
                                   (int)(i % (size_t)area) % q->w, bs);
        }
        engine_import_delta(e, 3, r);
        for (int i = 3; i >= 0; i--) engine_backward(e, i, &m);
        float *d = malloc(len * sizeof *d);
        engine_export_delta(e, 0, d, 0);
        size_t image = len / (size_t)q->n;
        for (size_t i = 0; i < len;
             i++) { /* y = s x where kept: both masks, seen again in backward */
            size_t b = i / image, k = i % image;
            float want = y[i] / x[i] * r[2 * b * image + k] +
                         z[i] / x[i] * r[(2 * b + 1) * image + k];
            back += !(fabsf(d[i] - want) <= 1e-5f * (1 + fabsf(want)));
        }
        free(d);
    }
    CHECK(loose == 0, "shape %d: %d zeros are in no block of %d inside the map", number, loose, bs);
    CHECK(wrong == 0, "shape %d: %d values are neither 0 nor scaled by count/kept", number, wrong);
    CHECK(back == 0, "shape %d: %d gradients are not those of the same masks", number, back);
    CHECK(alike == 0 || (double)q->p * planes * area < 50,
          "shape %d: two nodes share their masks, %d times", number, alike);
    /* A pixel is dropped unless none of the blocks that hold it was drawn. */
    double gamma = (double)q->p / (bs * bs) * area / ((q->h - bs + 1) * (q->w - bs + 1)), worst = 0,
           trials = (double)DRAWS * planes;
    for (int i = 0; i < area; i++) {
        double none = pow(1 - gamma, holding(i / q->w, q->h, bs) * holding(i % q->w, q->w, bs)),
               want = 1 - none;
        worst = fmax(worst, fabs(hits[i] / trials - want) / sqrt(fmax(want * none, 1e-3) / trials));
    }
    CHECK(worst < 4.5,
          "shape %d: a pixel is dropped %.1f standard deviations too often or too seldom", number,
          worst);
    m.dropblock = 0;
    forward(e, &m);
    engine_export(e, 1, z);
    CHECK(!memcmp(z, x, len * sizeof *x),
          "shape %d: at the beginning of its ramp it changes values", number);
    m.dropblock = 1;
    m.dropout = 0;
    forward(e, &m);
    engine_export(e, 1, z);
    CHECK(!memcmp(z, x, len * sizeof *x), "shape %d: inactive, it changes values", number);
    free(x), free(y), free(z), free(r), free(hits);
    engine_free(e);
}

static void channels_apart(void) {
    shape q = {3, 9, 9, 8, 3, 0, 0.3f, 3};
    engine *e = build(&q);
    float y[3 * 81 * 8], x[3 * 81 * 8], again[3 * 81 * 8];
    for (int i = 0; i < 3 * 81 * 8; i++) x[i] = 1;
    engine_mode m = {.keep = 1, .dropout = 1, .dropblock = 1, .seed = 4, .draw = 2};
    omp_set_num_threads(1);
    engine_import(e, 0, x);
    forward(e, &m);
    engine_export(e, 1, y);
    int same = 0;
    for (int a = 0; a < 24; a++)
        for (int b = 0; b < a; b++) same += !memcmp(y + 81 * a, y + 81 * b, 81 * sizeof *y);
    CHECK(same < 12, "%d of 276 pairs of channels or pictures have the same mask", same);
    for (int t = 2; t <= 4; t++) {
        omp_set_num_threads(t);
        engine_import(e, 0, x);
        forward(e, &m);
        engine_export(e, 1, again);
        CHECK(!memcmp(y, again, sizeof y), "%d threads give other masks", t);
    }
    m.draw = 3;
    forward(e, &m);
    engine_export(e, 1, again);
    CHECK(memcmp(y, again, sizeof y), "two draws share their masks");
    omp_set_num_threads(1);
    engine_free(e);
}

/* All may go, and then nothing is left to scale. */
static void nothing_kept(void) {
    shape q = {1, 1, 1, 2, 7, 0, 0.99f, 1};
    engine *e = build(&q);
    float x[2] = {1, 2}, y[2];
    int none = 0;
    for (uint64_t draw = 0; draw < 20; draw++) {
        engine_mode m = {.keep = 1, .dropout = 1, .dropblock = 1, .seed = 4, .draw = draw};
        engine_import(e, 0, x);
        forward(e, &m);
        engine_export(e, 1, y);
        CHECK(isfinite(y[0]) && isfinite(y[1]), "draw %d: %f %f", (int)draw, (double)y[0],
              (double)y[1]);
        none += y[0] == 0 && y[1] == 0;
    }
    CHECK(none > 10, "%d of 20 draws keep nothing", none);
    engine_free(e);
}

/* In training the probability rises with the steps; a test pass drops nothing. */
static void ramp(void) {
    char err[ERR_LEN] = "";
    cfg_file *c = cfg_read_text(
        "ramp.cfg",
        "[net]\nbatch=32\nheight=16\nwidth=16\nchannels=3\nlearning_rate=.1\nmax_batches=10\n"
        "[convolutional]\nfilters=8\nsize=1\nactivation=logistic\n[dropout]\nprobability=."
        "3\ndropblock=1\n"
        "dropblock_size_rel=.2\n[avgpool]\n[connected]\noutput=2\n[softmax]\n",
        err);
    network *net = c ? host_open(c, 1, err) : NULL;
    CHECK(net != NULL, "%s", err);
    if (!net) return;
    host_net *h = host_of(net);
    size_t len = 32 * 16 * 16 * 8;
    host_init(net, 1);
    for (int k = 0; k < net->inputs * net->batch; k++) net->input[k] = 0.5f;
    net->truth[0] = 1;
    /* Blocks of 3 in 16 x 16: all pixels but those at the border are in 9 of them. */
    double part[3], gamma = 0.3 / 9 * 256 / 196, want = 0;
    for (int i = 0; i < 256; i++)
        want += (1 - pow(1 - gamma, holding(i / 16, 16, 3) * holding(i % 16, 16, 3))) / 256;
    for (int k = 0; k < 3; k++) {
        net->train = k < 2;
        *net->seen = k == 0 ? 0 : 10 * 32;
        forward_network(net);
        const float *y = engine_output(host_engine(h), host_node(h, 1));
        part[k] = 0;
        for (size_t i = 0; i < len; i++) part[k] += y[i] == 0;
        part[k] /= (double)len;
    }
    CHECK(part[0] == 0 && fabs(part[1] - want) < 0.02 && part[2] == 0,
          "dropped at the first step %f, the last %f (want %f), in a test %f", part[0], part[1],
          want, part[2]);
    *net->seen = 5 * 32;
    net->train = 1;
    forward_network(net);
    const float *y = engine_output(host_engine(h), host_node(h, 1));
    double half = 0;
    for (size_t i = 0; i < len; i++) half += y[i] == 0;
    CHECK(fabs(half / (double)len / want - 0.53) < 0.06, "half way %f of %f", half / (double)len,
          want); /* a little above: overlaps are rarer */
    host_close(net);
    cfg_free(c);
}

int main(void) {
    static const shape shapes[] = {
        {8, 11, 9, 6, 3, 0, 0.2f, 3},     {8, 12, 12, 5, 7, 0, 0.1f, 7},
        {16, 5, 4, 7, 7, 0, 0.25f, 4},    {8, 8, 10, 4, 1, 0, 0.3f, 1},
        {8, 10, 14, 4, 0, 0.3f, 0.2f, 3}, {64, 1, 1, 9, 7, 0, 0.3f, 1},
        {8, 9, 9, 17, 0, 0.01f, 0.1f, 1}, {16, 1, 9, 3, 2, 0, 0.2f, 1},
    };
    omp_set_num_threads(1);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) one_shape(&shapes[i], (int)i);
    channels_apart();
    nothing_kept();
    ramp();
    return t_done("test_dropblock");
}
