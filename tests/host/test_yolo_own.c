/* test_yolo_own.c - [yolo] heads of ours inside a network: those that say nothing new learn and
 * find as the host's own code does; those of AlexeyAB's fork, from the cfg's keys to delta, cost
 * and boxes, as the vectors that it computed. */
#include "alone.h"
#include "fork_vectors.h"
#include "host/heads.h"

/* ---- beside the host alone ---- */

/* The host forgets what other layers gave the input of a convolution of size=1: none here. */
static const char *const plain_net =
    "[net]\nbatch=3\nheight=64\nwidth=96\nchannels=3\nlearning_rate=.0005\nmomentum=.9\ndecay=."
    "0005\n"
    "max_batches=20\n"
    "[convolutional]\nfilters=8\nsize=3\npad=1\nstride=4\nactivation=leaky\n"
    "[convolutional]\nfilters=12\nsize=3\npad=1\nstride=2\nactivation=leaky\n"
    "[convolutional]\nsize=3\npad=1\nfilters=16\nactivation=linear\n"
    "[yolo]\nmask=2,3\nanchors=5,6, 12,10, 20,30, 40,25\nclasses=3\nnum=4\nignore_thresh=%s\n"
    "truth_thresh=%s\n"
    "[route]\nlayers=1\n[upsample]\nstride=2\n[route]\nlayers=-1,0\n"
    "[convolutional]\nsize=3\npad=1\nfilters=24\nactivation=linear\n"
    "[yolo]\nmask=0,1,2\nanchors=5,6, 12,10, 20,30, 40,25\nclasses=3\nnum=4\nignore_thresh=%s\n"
    "truth_thresh=%s\n";

/* Several boxes fall into one cell; the first picture has none. */
static void fill_truth(network *net, uint64_t seed) {
    rng_stream r = rng_open(rng_key(seed, RNG_TEST, 3, 0));
    memset(net->truth, 0, (size_t)net->truths * (size_t)net->batch * sizeof *net->truth);
    for (int b = 1; b < net->batch; b++) {
        for (int k = 0; k < 12 * b; k++) {
            float *t = net->truth + (size_t)b * (size_t)net->truths + 5 * (size_t)k;
            int again = k && rng_below(&r, 3) == 0;
            for (int j = 0; j < 4; j++)
                t[j] = again && j < 2 ? t[j - 5]
                       : j < 2        ? rng_uniform(&r, 0.02f, 0.98f)
                                      : rng_uniform(&r, 0.03f, 0.6f);
            t[4] = (float)rng_below(&r, 3);
        }
    }
}

static void plain(const char *ignore, const char *truth) {
    char text[4096], err[ERR_LEN] = "";
    snprintf(text, sizeof text, plain_net, ignore, truth, ignore, truth);
    network *ours = alone_open(text, 0, err), *host = alone_open(text, 1, err);
    CHECK(ours && host, "%s", err);
    if (!ours || !host) return;
    network *both[] = {ours, host};
    float loss[2];
    for (int k = 0; k < 2; k++) alone_fill(both[k], 5);
    for (int step = 0; step < 4; step++) {
        for (int k = 0; k < 2; k++) {
            alone_fill_input(both[k], 20 + (uint64_t)step);
            fill_truth(both[k], 40 + (uint64_t)step);
            alone_voice v = alone_hush();
            loss[k] = train_network_datum(both[k]);
            alone_speak(v);
        }
        CHECK(loss[1] > 0 && fabsf(loss[0] - loss[1]) <= 2e-5f * loss[1],
              "step %d: loss %.9g, the host's %.9g", step, (double)loss[0], (double)loss[1]);
    }
    double apart = alone_apart(alone_parameters(ours, 1), alone_parameters(host, 1));
    CHECK(apart <= 2e-5, "ignore %s, truth %s: weights %.1e from the host's", ignore, truth, apart);
    for (int k = 0; k < 2; k++) network_predict(both[k], both[k]->input);
    for (int i = 0; i < ours->n; i++) {
        const layer *l = &ours->layers[i];
        if (l->type != YOLO) continue;
        double worst = 0;
        for (int j = 0; j < l->outputs * l->batch; j++)
            worst = fmax(worst, fabs((double)l->output[j] - (double)host->layers[i].output[j]));
        CHECK(worst <= 2e-4, "layer %d: output %.1e from the host's", i, worst);
    }
    for (int k = 0; k < 2; k++) host_close(both[k]);
}

/* ---- beside the fork's vectors ---- */

static double worst_of(const float *a, const float *b, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double e = fabs((double)a[i] - (double)b[i]) / fmax(1, fabs((double)b[i]));
        if (!(e <= worst)) worst = e;
    }
    return worst;
}

/* The cfg of a case. What says nothing of the fork means the host's head to us, whose
 * iou_normalizer is 1 and not .75. */
static network *open_case(const char *dir, const char *name, int *new_coords) {
    char file[512], *cfg, *text = NULL, err[ERR_LEN] = "";
    snprintf(file, sizeof file, "%s/%s.cfg", dir, name);
    cfg = fork_text(file);
    *new_coords = atoi(fork_key(cfg, "new_coords", "0"));
    if (asprintf(&text, "%s%s", cfg,
                 fork_key(cfg, "iou_normalizer", NULL) ? "" : "\niou_normalizer=.75\n") < 0)
        exit(1);
    network *net = alone_open(text, 0, err);
    CHECK(net, "%s: %s", name, err);
    free(cfg);
    free(text);
    return net;
}

/* Every value of the head's input for 8 x 8 pixels: the cfg's [maxpool] takes it back. */
static void feed(network *net, const char *dir, const char *raw) {
    const layer *l = &net->layers[net->n - 1];
    size_t n = (size_t)l->outputs * (size_t)net->batch;
    char file[512];
    snprintf(file, sizeof file, "%s/%s.bin", dir, raw);
    float *x = fork_floats(file, n, NULL);
    size_t w = (size_t)net->w, h = (size_t)net->h, planes = (size_t)net->c * (size_t)net->batch;
    for (size_t p = 0; p < planes; p++)
        for (size_t i = 0; i < w * h; i++)
            net->input[p * w * h + i] = x[(p * (h / 8) + i / w / 8) * (w / 8) + i % w / 8];
    free(x);
}

/* The host's decoder takes the exponential of a side: with new_coords ln(4 o^2). */
static void back_to_fork(float *out, const layer *l, int batch) {
    size_t cells = (size_t)l->w * (size_t)l->h, per = 5 + (size_t)l->classes;
    for (size_t k = 0; k < (size_t)batch * (size_t)l->n; k++)
        for (size_t i = 0; i < 2 * cells; i++) {
            float *side = out + (k * per + 2) * cells + i;
            *side = sqrtf(expf(*side) / 4);
        }
}

/* Fields: case raw truth classes output avg_iou count class_loss iou_loss total_loss cost ... */
static void one_loss(char *f[]) {
    static const char dir[] = "D_yolo_training";
    int new_coords;
    network *net = open_case(dir, f[0], &new_coords);
    if (!net) return;
    layer *l = &net->layers[net->n - 1];
    size_t n = (size_t)l->outputs * 2, rows = 60;
    char file[512];
    CHECK(l->max_boxes == 30 && net->truths == 150, "%s: room for %d boxes", f[0], l->max_boxes);
    snprintf(file, sizeof file, "%s/%s.truth.bin", dir, f[2]);
    float *truth = fork_floats(file, rows * 6, NULL);
    for (size_t k = 0; k < rows; k++) memcpy(net->truth + 5 * k, truth + 6 * k, 5 * sizeof *truth);
    feed(net, dir, f[1]);
    net->train = 1;
    forward_network(net);
    float *delta = calloc(n, sizeof *delta), *out = calloc(n, sizeof *out);
    engine_export_delta(host_engine(host_of(net)), host_node(host_of(net), net->n - 2), delta, 0);
    snprintf(file, sizeof file, "%s/%s.delta.bin", dir, f[0]);
    float *want = fork_floats(file, n, NULL);
    double worst = worst_of(delta, want, n);
    CHECK(worst <= 2e-5, "%s: delta %.1e", f[0], worst);
    double cost = atof(f[10]);
    CHECK(fabs((double)l->cost[0] - cost) <= 2e-5 * fmax(1, cost), "%s: cost %f, not %f", f[0],
          (double)l->cost[0], cost);
    memcpy(out, l->output, n * sizeof *out);
    if (new_coords) back_to_fork(out, l, 2);
    free(want);
    snprintf(file, sizeof file, "%s/%s", dir, f[4]);
    want = fork_floats(file, n, NULL);
    CHECK(worst_of(out, want, n) <= 2e-6, "%s: output %.1e", f[0], worst_of(out, want, n));
    free(truth);
    free(delta);
    free(out);
    free(want);
    host_close(net);
}

static void losses(void) {
    char *text = fork_text("D_yolo_training/cases.tsv"), *at = text, *f[16];
    int cases = 0;
    fork_row(&at, f, 16);
    for (; fork_row(&at, f, 16) == 14; cases++) one_loss(f);
    CHECK(cases == 58, "%d cases of loss", cases);
    free(text);
}

/* Fields: case raw image_w image_h thresh relative letter classes boxes. The host's decoder, as
 * programs call it; it puts boxes on a letterboxed picture. */
static void one_view(char *f[]) {
    static const char dir[] = "C_yolo_inference";
    int new_coords, n, found = 0, letter = atoi(f[6]), boxes = atoi(f[8]);
    network *net = open_case(dir, f[0], &new_coords);
    if (!net) return;
    const layer *l = &net->layers[net->n - 1];
    size_t per = 5 + (size_t)l->classes;
    feed(net, dir, f[1]);
    network_predict(net, net->input);
    char file[512];
    snprintf(file, sizeof file, "%s/%s.boxes.bin", dir, f[0]);
    float *want = fork_floats(file, (size_t)boxes * per, NULL), thresh = (float)atof(f[4]);
    int w = letter ? atoi(f[2]) : net->w, h = letter ? atoi(f[3]) : net->h;
    double sx = atoi(f[5]) ? 1 : atof(f[2]), sy = atoi(f[5]) ? 1 : atof(f[3]);
    heads_rule rule = {thresh, 0, 0};
    detection *d = heads_boxes(net, 0, w, h, &rule, &n);
    CHECK(n == boxes, "%s: %d boxes, not %d", f[0], n, boxes);
    for (int i = 0; i < n && n == boxes; i++) {
        const float *row = want + (size_t)i * per;
        double e = fmax(
            fabs((double)d[i].bbox.x * sx - (double)row[0]) / fmax(1, fabs((double)row[0])),
            fabs((double)d[i].bbox.h * sy - (double)row[3]) / fmax(1, fabs((double)row[3])));
        for (size_t c = 5; c < per; c++)
            e = fmax(e, fabs((double)d[i].prob[c - 5] - (double)row[c]));
        found += e <= 5e-6;
    }
    CHECK(found == boxes, "%s: %d of %d boxes are the fork's", f[0], found, boxes);
    free_detections(d, n);
    free(want);
    host_close(net);
}

static void views(void) {
    char *text = fork_text("C_yolo_inference/cases.tsv"), *at = text, *f[16];
    int cases = 0;
    fork_row(&at, f, 16);
    for (; fork_row(&at, f, 16) == 9; cases++) one_view(f);
    CHECK(cases == 13, "%d cases of boxes", cases);
    free(text);
}

int main(void) {
    plain(".5", "1");
    plain(".2", ".3");
    if (fork_there("D_yolo_training"))
        losses();
    else
        SKIP("loss and delta: %s is not here", fork_path("D_yolo_training"));
    if (fork_there("C_yolo_inference"))
        views();
    else
        SKIP("boxes: %s is not here", fork_path("C_yolo_inference"));
    return t_done("test_yolo_own");
}
