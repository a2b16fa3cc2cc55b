/* test_yolo_fork.c - [yolo] heads against what AlexeyAB's fork computed: outputs, 58 cases of loss
 * and delta, pairs of boxes. Without ../shared/golden_alexeyab every part is a counted skip. */
#include "yolo_cases.h"

/* The greatest difference, relative to numbers above 1; infinite if anything is NaN. */
static double worst(const float *got, const float *want, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double e = fabs((double)got[i] - (double)want[i]) / fmax(1, fabs((double)want[i]));
        if (!(e <= most)) most = e >= 0 ? e : INFINITY;
    }
    return most;
}

static float *named(const char *folder, const char *name, const char *end, size_t n) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, end);
    return fork_floats(path, n, NULL);
}

static void cfg_of(yolo_case *c, const char *folder, const char *name, int batch) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.cfg", folder, name);
    char *cfg = fork_text(path);
    case_read(c, cfg, batch);
    free(cfg);
}

/* ---- training ------------------------------------------------------------------------------- */

static int near(double got, const char *want, double limit) {
    return !strcmp(want, "-") || fabs(got - atof(want)) <= limit * fmax(1, fabs(atof(want)));
}

/* Fields of cases.tsv: case raw truth classes output average_iou count class_loss iou_loss
 * total_loss cost given again squares. */
static void one_loss(char *f[]) {
    static const char dir[] = "D_yolo_training";
    yolo_case c;
    yolo_figures g;
    cfg_of(&c, dir, f[0], 2);
    size_t n = yolo_len(&c.h);
    float *raw = named(dir, f[1], ".bin", n), *truth = named(dir, f[2], ".truth.bin", 2 * 30 * 6),
          *output = named(dir, f[4], "", n);
    float *want = named(dir, f[0], ".delta.bin", n), *out = malloc(n * sizeof *out),
          *delta = malloc(n * sizeof *delta);
    void *scratch = malloc(yolo_scratch_len(&c.h, &c.r));
    yolo_output(out, raw, &c.h, YOLO_NCHW);
    yolo_loss(delta, &g, out, truth, &c.h, &c.r, YOLO_NCHW, scratch);
    CHECK(worst(out, output, n) <= 1e-6, "%s: output %.1e", f[0], worst(out, output, n));
    CHECK(worst(delta, want, n) <= 1e-5, "%s: delta %.1e", f[0], worst(delta, want, n));
    /* The fork prints a count of 1 where there is none. */
    CHECK((g.boxes ? g.boxes : 1) == strtoul(f[6], NULL, 10), "%s: %zu boxes", f[0], g.boxes);
    CHECK(g.given == strtoul(f[11], NULL, 10) && g.again == strtoul(f[12], NULL, 10),
          "%s: %zu given, %zu again", f[0], g.given, g.again);
    CHECK(near(g.average_iou, f[5], 2e-6), "%s: average IoU %f", f[0], g.average_iou);
    CHECK(near(g.class_loss, f[7], 2e-5) && near(g.iou_loss, f[8], 3e-5) &&
              near(g.total_loss, f[9], 2e-5),
          "%s: losses %f %f %f", f[0], g.class_loss, g.iou_loss, g.total_loss);
    CHECK(near(g.cost, f[10], 2e-5), "%s: cost %f", f[0], g.cost);
    CHECK(near(2 * g.total_loss, f[13], 1e-5), "%s: sum of squares %f", f[0], 2 * g.total_loss);
    free(raw);
    free(truth);
    free(output);
    free(want);
    free(out);
    free(delta);
    free(scratch);
}

static void losses(void) {
    char *text = fork_text("D_yolo_training/cases.tsv"), *at = text, *f[16];
    int cases = 0;
    fork_row(&at, f, 16);
    for (; fork_row(&at, f, 16) == 14; cases++) one_loss(f);
    CHECK(cases == 58, "%d cases of loss", cases);
    free(text);
}

/* Columns 4 and 5 of the vectors hold no measure (0 and -2^31): not looked at. */
static void pairs(void) {
    enum { PAIRS = 264, WIDE = 22 };
    float *p = named("D_yolo_training", "pairs", ".bin", PAIRS * 8),
          *v = named("D_yolo_training", "pairs_values", ".bin", PAIRS * WIDE);
    for (int m = BOX_IOU; m <= BOX_CIOU; m++) {
        double value = 0, step = 0;
        for (int i = 0; i < PAIRS; i++) {
            box_rect a, b;
            memcpy(&a, p + 8 * i, sizeof a);
            memcpy(&b, p + 8 * i + 4, sizeof b);
            float got = box_overlap(a, b, (box_measure)m);
            box_rect s = box_step(a, b, (box_measure)m);
            value = fmax(value, worst(&got, v + WIDE * i + m, 1));
            step = fmax(step, worst(&s.x, v + WIDE * i + 6 + 4 * m, 4));
        }
        CHECK(value <= 5e-6, "measure %d: %.1e", m, value);
        /* The fork's own rounding in float: its steps of thin boxes are differences of numbers 100
         * times as great. */
        CHECK(step <= 5e-5, "step of measure %d: %.1e", m, step);
    }
    free(p);
    free(v);
}

/* ---- inference ------------------------------------------------------------------------------ */

/* Fields: case raw image_w image_h thresh relative letter classes boxes. */
static void one_view(char *f[]) {
    static const char dir[] = "C_yolo_inference";
    yolo_case c;
    cfg_of(&c, dir, f[0], 1);
    size_t n = yolo_len(&c.h);
    float *raw = named(dir, f[1], ".bin", n), *output = named(dir, f[0], ".output.bin", n);
    float *out = malloc(n * sizeof *out);
    yolo_output(out, raw, &c.h, YOLO_NCHW);
    CHECK(worst(out, output, n) <= 1e-6, "%s: output %.1e", f[0], worst(out, output, n));
    free(raw);
    free(output);
    free(out);
}

static void views(void) {
    char *text = fork_text("C_yolo_inference/cases.tsv"), *at = text, *f[16];
    int cases = 0;
    fork_row(&at, f, 16);
    for (; fork_row(&at, f, 16) == 9; cases++) one_view(f);
    CHECK(cases == 13, "%d cases of outputs", cases);
    free(text);
}

int main(void) {
    if (fork_there("D_yolo_training")) {
        losses();
        pairs();
    } else {
        SKIP("loss and delta: %s is not here", fork_path("D_yolo_training"));
    }
    if (fork_there("C_yolo_inference")) {
        views();
    } else {
        SKIP("outputs: %s is not here", fork_path("C_yolo_inference"));
    }
    return t_done("test_yolo_fork");
}
