/* test_heads.c - detectors: a resized network goes on exactly as one that was made at that size;
 * boxes of every picture of a batch, decoded by the formulas of YOLO versions 2 and 3; suppression
 * by a plain second program. */
#include "host/heads.h"
#include "ops/rng.h"
#include "test.h"
#include <unistd.h>

static const char *const net_head =
    "[net]\nbatch=3\nheight=%d\nwidth=%d\nchannels=3\nlearning_rate=.01\nmomentum=.9\ndecay=."
    "0005\nadam=%d\nB1=.9\nB2=.999\n"
    "eps=1e-8\nmax_batches=20\n[meta_shared]\ntrain=1\nanneal=0\nh_norm=64\n";
static const char *const yolo_body =
    "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\npad=1\nstride=2\nactivation=leaky\n"
    "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\ngroups=8\npad=1\nactivation=linear\n["
    "dropout]\nprobability=.2\n"
    "[shortcut]\nfrom=-3\nactivation=linear\n[perturb]\nactivation=leaky\n[maxpool]\nsize="
    "2\nstride=2\n"
    "[convolutional]\nbatch_normalize=1\nfilters=12\nsize=3\npad=1\nstride=2\nactivation=leaky\n"
    "[convolutional]\nsize=1\nfilters=16\nactivation=linear\n"
    "[yolo]\nmask=2,3\nanchors=5,6, 12,10, 20,30, "
    "40,25\nclasses=3\nnum=4\njitter=.2\nignore_thresh=.5\nrandom=1\n"
    "[route]\nlayers=-3\n[upsample]\nstride=2\n[route]\nlayers=-1,5\n[convolutional]\nsize="
    "1\nfilters=16\nactivation=linear\n"
    "[yolo]\nmask=0,1\nanchors=5,6, 12,10, 20,30, "
    "40,25\nclasses=3\nnum=4\njitter=.2\nignore_thresh=.5\nrandom=1\nnms_kind=greedynms\n";
static const char *const region_body =
    "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\npad=1\nstride=2\nactivation=leaky\n["
    "maxpool]\nsize=2\nstride=2\n[maxpool]\nsize=2\nstride=1\n"
    "[convolutional]\nbatch_normalize=1\nfilters=12\nsize=3\npad=1\nactivation=leaky\n[reorg]"
    "\nstride=2\n[convolutional]\nsize=1\nfilters=16\nactivation=linear\n"
    "[region]\nanchors=1,1.5, "
    "2.5,2\nclasses=3\ncoords=4\nnum=2\nsoftmax=1\njitter=.2\nrandom=1\nbias_match=1\nrescore="
    "1\nobject_scale=5\n"
    "noobject_scale=1\nclass_scale=1\ncoord_scale=1\nthresh=.6\nabsolute=1\n";

static cfg_file *last_cfg;

static network *open_net(const char *body, int h, int w, int adam) {
    char path[] = "/tmp/mp_test_heads_XXXXXX", err[ERR_LEN] = "";
    FILE *f = fdopen(mkstemp(path), "w");
    fprintf(f, net_head, h, w, adam);
    fputs(body, f);
    fclose(f);
    cfg_free(last_cfg);
    last_cfg = cfg_read(path, err);
    network *net = last_cfg ? host_open(last_cfg, 1, err) : NULL;
    unlink(path);
    if (!net) {
        CHECK(0, "%s", err);
        exit(t_done("test_heads"));
    }
    host_init(net, 3);
    return net;
}

static float *random_floats(size_t n, float lo, float hi, int seed) {
    rng_stream r = rng_open(rng_key(77, RNG_TEST, (uint64_t)seed, 0));
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = rng_uniform(&r, lo, hi);
    return x;
}

/* One training step on made pictures and boxes; the heads' lines go nowhere. */
static float train(network *net, int seed) {
    float *x = random_floats((size_t)net->inputs * 3, 0, 1, seed);
    int most = heads_max_boxes(net);
    rng_stream r = rng_open(rng_key(78, RNG_TEST, (uint64_t)seed, 0));
    memcpy(net->input, x, (size_t)net->inputs * 3 * sizeof *x);
    memset(net->truth, 0, (size_t)net->truths * 3 * sizeof *x);
    for (int b = 0; b < 3; b++) {
        for (int k = 0; k < 1 + b; k++) {
            float *t = net->truth + (size_t)b * (size_t)most * 5 + 5 * (size_t)k;
            for (int j = 0; j < 4; j++) t[j] = rng_uniform(&r, 0.2f, 0.7f);
            t[4] = (float)rng_below(&r, 3);
        }
    }
    fflush(stdout);
    int out = dup(1);
    if (!freopen("/dev/null", "w", stdout)) exit(1);
    float loss = train_network_datum(net);
    fflush(stdout);
    dup2(out, 1);
    close(out);
    free(x);
    return loss;
}

static int same_weights(const network *a, const network *b) {
    for (int i = 0; i < a->n; i++) {
        const layer *x = &a->layers[i], *y = &b->layers[i];
        if (x->type != CONVOLUTIONAL) continue;
        if (memcmp(x->weights, y->weights, sizeof(float) * (size_t)x->nweights) ||
            memcmp(x->biases, y->biases, sizeof(float) * (size_t)x->n))
            return 0;
        if (x->batch_normalize &&
            (memcmp(x->rolling_mean, y->rolling_mean, sizeof(float) * (size_t)x->n) ||
             memcmp(x->scales, y->scales, sizeof(float) * (size_t)x->n)))
            return 0;
    }
    return !memcmp(host_phi(host_of(a)), host_phi(host_of(b)), PHI_LEN * sizeof(float));
}

static void resize(const char *body, int adam) {
    char path[] = "/tmp/mp_test_heads_XXXXXX", err[ERR_LEN] = "";
    close(mkstemp(path));
    network *net = open_net(body, 64, 64, adam);
    for (int i = 0; i < 3; i++) train(net, i);
    CHECK(!host_save(net, path, 1, err), "%s", err);
    network *other = open_net(body, 64, 128, adam);
    CHECK(!host_load(other, path, 0, err), "%s", err);
    CHECK(same_weights(net, other),
          "the file does not hold the state: the comparison would be empty");
    CHECK(!host_resize(net, 128, 64, err), "%s", err);
    CHECK(net->inputs == other->inputs && net->outputs == other->outputs &&
              net->truths == other->truths && net->w == 128 && net->h == 64,
          "sizes");
    for (int i = 3; i < 6; i++) {
        float a = train(net, i), b = train(other, i);
        CHECK(a == b && a > 0,
              "step %d at the new size: loss %.9g, in a network made at that size %.9g", i,
              (double)a, (double)b);
    }
    CHECK(same_weights(net, other), "weights differ behind the resize");
    CHECK(!host_resize(net, 64, 64, err) && !host_save(other, path, 1, err), "%s", err);
    host_close(other);
    other = open_net(body, 64, 64, adam);
    CHECK(!host_load(other, path, 0, err), "%s", err);
    size_t bytes = 0;
    for (int i = 6; i < 26; i++) {
        CHECK(!host_resize(net, i % 2 ? 96 : 64, i % 3 ? 64 : 96, err), "%s", err);
        train(net, i);
        if (i == 11) bytes = engine_bytes(host_engine(host_of(net)));
    }
    CHECK(engine_bytes(host_engine(host_of(net))) == bytes, "memory grows with each resize");
    host_close(net);
    host_close(other);
    unlink(path);
}

static void refused(void) {
    char err[ERR_LEN] = "";
    network *net = open_net("[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=relu\n["
                            "connected]\noutput=10\nactivation=linear\n[softmax]\n",
                            64, 64, 0);
    CHECK(host_resize(net, 96, 96, err) && strstr(err, "layer 1") && net->w == 64 &&
              net->layers[0].w == 64,
          "%s", err);
    host_close(net);
}

/* ---- boxes ---- */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* Raw outputs (before the head's own activations) of entry e of anchor n at cell (i,j) of picture
 * b: what feeds the head. */
static double raw(const layer *l, const float *in, int b, int n, int e, int i, int j) {
    return (
        double)in[(((size_t)b * (size_t)l->n + (size_t)n) * (size_t)(5 + l->classes) + (size_t)e) *
                      (size_t)(l->w * l->h) +
                  (size_t)(j * l->w + i)];
}

/* A box on the network's input, seen from the letterboxed picture of w x h. */
static box unletter(box b, double nw, double nh, int w, int h) {
    double s = fmin(nw / w, nh / h), iw = floor(s * w + 1e-6) / nw, ih = floor(s * h + 1e-6) / nh;
    return (box){(float)(((double)b.x - (1 - iw) / 2) / iw),
                 (float)(((double)b.y - (1 - ih) / 2) / ih), (float)((double)b.w / iw),
                 (float)((double)b.h / ih)};
}

typedef struct {
    box b;
    double p[3];
    int used;
} want;

static int expected(const network *net, int pic, int w, int h, double thresh, want *out) {
    int n = 0;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        int yolo = l->type == YOLO;
        if (!yolo && l->type != REGION) continue;
        size_t values = (size_t)net->layers[i - 1].outputs * (size_t)net->batch;
        float *in = malloc(values * sizeof *in);
        engine_export(host_engine(host_of(net)), host_node(host_of(net), i - 1), in);
        for (int a = 0; a < l->n; a++)
            for (int y = 0; y < l->h; y++)
                for (int x = 0; x < l->w; x++) {
                    double obj = sigmoid(raw(l, in, pic, a, 4, x, y)), sum = 0, p[3];
                    int anchor = yolo ? l->mask[a] : a;
                    if (obj <= thresh) continue;
                    for (int c = 0; c < 3; c++) sum += exp(raw(l, in, pic, a, 5 + c, x, y));
                    for (int c = 0; c < 3; c++) {
                        double r = raw(l, in, pic, a, 5 + c, x, y);
                        p[c] = obj * (yolo ? sigmoid(r) : exp(r) / sum);
                    }
                    box b = {(float)((x + sigmoid(raw(l, in, pic, a, 0, x, y))) / l->w),
                             (float)((y + sigmoid(raw(l, in, pic, a, 1, x, y))) / l->h),
                             (float)(exp(raw(l, in, pic, a, 2, x, y)) *
                                     (double)l->biases[2 * anchor] / (yolo ? net->w : l->w)),
                             (float)(exp(raw(l, in, pic, a, 3, x, y)) *
                                     (double)l->biases[2 * anchor + 1] / (yolo ? net->h : l->h))};
                    out[n++] = (want){unletter(b, net->w, net->h, w, h),
                                      {p[0] > thresh ? p[0] : 0, p[1] > thresh ? p[1] : 0,
                                       p[2] > thresh ? p[2] : 0},
                                      0};
                }
        free(in);
    }
    return n;
}

static double differ(const detection *d, const want *w) {
    double worst = fmax(fabs((double)d->bbox.x - (double)w->b.x),
                        fabs((double)d->bbox.y - (double)w->b.y));
    worst = fmax(worst, fmax(fabs((double)d->bbox.w - (double)w->b.w),
                             fabs((double)d->bbox.h - (double)w->b.h)));
    for (int c = 0; c < 3; c++) worst = fmax(worst, fabs((double)d->prob[c] - w->p[c]));
    return worst;
}

static int found(const detection *d, want *w, int n) {
    for (int i = 0; i < n; i++) {
        if (w[i].used || differ(d, &w[i]) > 2e-4) continue;
        w[i].used = 1;
        return 1;
    }
    return 0;
}

enum { MOST = 4000 };

/* With two pictures the host, asked for boxes, takes the second for the first one mirrored. */
static void boxes(const char *body, int pictures) {
    static want w[MOST];
    network *net = open_net(body, 64, 96, 0);
    set_batch_network(net, pictures);
    float *x = random_floats((size_t)net->inputs * (size_t)pictures, -2, 2, 9);
    network_predict(net, x);
    static const int shape[3][2] = {{200, 100}, {96, 64}, {50, 300}};
    for (int b = 0; b < pictures; b++) {
        heads_rule rule = {0.3f, 0, 0};
        int n, k = expected(net, b, shape[b][0], shape[b][1], (double)rule.thresh, w), live = 0,
               matched = 0;
        detection *d = heads_boxes(net, b, shape[b][0], shape[b][1], &rule, &n);
        for (int i = 0; i < n; i++) {
            if (d[i].objectness == 0) continue;
            live++;
            matched += found(&d[i], w, k);
        }
        CHECK(live == k && matched == k && k > 10,
              "picture %d of %d: %d boxes, %d expected, %d agree", b, pictures, live, k, matched);
        free_detections(d, n);
        CHECK(net->layers[net->n - 1].batch == pictures, "the heads were not put back");
    }
    /* The mean of equal passes is the pass. */
    size_t len = heads_len(net), outputs = 0;
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].type == YOLO || net->layers[i].type == REGION)
            outputs += (size_t)pictures * (size_t)net->layers[i].outputs;
    float *mean = calloc(len, sizeof *mean), *was = malloc(len * sizeof *was);
    heads_add(net, mean, 0.5f);
    memset(was, 0, len * sizeof *was);
    heads_add(net, was, 1);
    heads_add(net, mean, 0.5f);
    heads_set(net, mean);
    memset(mean, 0, len * sizeof *mean);
    heads_add(net, mean, 1);
    CHECK(!memcmp(mean, was, len * sizeof *was) && len == outputs, "mean of heads");
    free(mean);
    free(was);
    free(x);
    host_close(net);
}

static double overlap(box a, box b, double diou) {
    double l = fmax((double)a.x - (double)a.w / 2, (double)b.x - (double)b.w / 2),
           r = fmin((double)a.x + (double)a.w / 2, (double)b.x + (double)b.w / 2);
    double t = fmax((double)a.y - (double)a.h / 2, (double)b.y - (double)b.h / 2),
           m = fmin((double)a.y + (double)a.h / 2, (double)b.y + (double)b.h / 2);
    double both = r > l && m > t ? (r - l) * (m - t) : 0,
           iou = both / ((double)a.w * (double)a.h + (double)b.w * (double)b.h - both);
    double L = fmin((double)a.x - (double)a.w / 2, (double)b.x - (double)b.w / 2),
           R = fmax((double)a.x + (double)a.w / 2, (double)b.x + (double)b.w / 2);
    double T = fmin((double)a.y - (double)a.h / 2, (double)b.y - (double)b.h / 2),
           B = fmax((double)a.y + (double)a.h / 2, (double)b.y + (double)b.h / 2);
    double d = pow((double)a.x - (double)b.x, 2) + pow((double)a.y - (double)b.y, 2),
           c = (R - L) * (R - L) + (B - T) * (B - T);
    return diou > 0 ? iou - pow(d / c, diou) : iou;
}

/* A box stays if no better one that stays overlaps it: decided from the best down. */
static void suppression(void) {
    network *net = open_net(yolo_body, 64, 96, 0);
    float *x = random_floats((size_t)net->inputs * 3, -2, 2, 10);
    network_predict(net, x);
    CHECK(heads_diou(last_cfg) == 0.6f, "nms_kind=greedynms");
    int kept[3] = {0, 0, 0};
    for (int diou = 0; diou < 3; diou++) {
        /* Once by the cfg: nms_kind=greedynms is 0.6 whatever beta_nms says, nms_kind=diounms goes
         * by it. */
        cfg_set(last_cfg, cfg_layer_count(last_cfg) + 1, "nms_kind",
                diou == 2 ? "diounms"
                : diou    ? "greedynms"
                          : "default");
        cfg_set(last_cfg, cfg_layer_count(last_cfg) + 1, "beta_nms", "0.3");
        heads_rule all = {0.2f, 0, 0}, some = {0.2f, 0.3f, heads_diou(last_cfg)};
        double beta = diou == 2 ? 0.3 : diou ? 0.6 : 0;
        int n, m;
        detection *d = heads_boxes(net, 1, 96, 64, &all, &n),
                  *s = heads_boxes(net, 1, 96, 64, &some, &m);
        for (int c = 0; c < 3; c++) {
            int stay = 0, got = 0;
            for (int done = 0; !done;) {
                int best = -1;
                for (int i = 0; i < n; i++)
                    if (d[i].prob[c] > 0 && (best < 0 || d[i].prob[c] > d[best].prob[c])) best = i;
                done = best < 0;
                if (done) break;
                stay++;
                float p = d[best].prob[c];
                for (int i = 0; i < m; i++)
                    got += s[i].prob[c] == p && !memcmp(&s[i].bbox, &d[best].bbox, sizeof(box));
                for (int i = 0; i < n; i++)
                    if (overlap(d[best].bbox, d[i].bbox, beta) > (double)some.nms) d[i].prob[c] = 0;
                d[best].prob[c] = 0;
            }
            int left = 0;
            for (int i = 0; i < m; i++) left += s[i].prob[c] > 0;
            CHECK(stay == got && stay == left && stay > 3,
                  "diou %d, class %d: %d stay, %d expected, %d of these", diou, c, left, stay, got);
            kept[diou] += stay;
        }
        free_detections(d, n);
        free_detections(s, m);
    }
    CHECK(kept[2] > kept[1] && kept[1] > kept[0],
          "distance makes overlap smaller: %d and %d boxes, by IoU %d", kept[2], kept[1], kept[0]);
    free(x);
    host_close(net);
}

int main(void) {
    resize(yolo_body, 1);
    resize(yolo_body, 0);
    resize(region_body, 1);
    refused();
    boxes(yolo_body, 2);
    boxes(yolo_body, 3);
    boxes(region_body, 2);
    boxes(region_body, 3);
    suppression();
    cfg_free(last_cfg);
    return t_done("test_heads");
}
