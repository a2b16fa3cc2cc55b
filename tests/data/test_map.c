/* test_map.c - the figures of `detector map -like alexeyab` from detections that the AlexeyAB fork
 * itself made (commit 59596d7): no network, no picture is decoded. They lie in ../shared (or
 * $MP_SHARED): golden_alexeyab/G_map, data/det_coco256.tar.gz; without them: a counted skip. */
#include "data/detection.h"
#include "ops/boxes.h"
#include "test.h"

enum { CLASSES = 80, MOST = 40000, PATH = 4096 };

static scored_box truth[MOST], found[MOST], again[MOST];
static size_t n_truth, n_found;
static char shared[PATH - 100], folder[] = "/tmp/test_map_XXXXXX";

static FILE *golden(const char *name) {
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/golden_alexeyab/G_map/%s", shared, name);
    return fopen(path, "r");
}

static void read_detections(void) {
    float v[7];
    FILE *f = golden("yolo-fastest-1.1.detections.bin");
    while (f && n_found < MOST && fread(v, sizeof v, 1, f) == 1)
        found[n_found++] = (scored_box){(int)v[0], (int)v[1], v[2], {v[3], v[4], v[5], v[6]}};
    if (f) fclose(f);
}

static void read_truth(void) {
    char line[512], path[PATH], err[ERR_LEN] = "";
    FILE *f = golden("images.txt");
    for (int i = 0; f && fgets(line, sizeof line, f); i++) {
        det_box *b;
        int n, bad;
        size_t clipped = 0;
        snprintf(path, sizeof path, "%s/det_coco256/test/%.*s.txt", folder,
                 (int)(strrchr(line, '.') - line), line);
        bad = det_read_labels(path, CLASSES, &b, &n, &clipped, NULL, err);
        CHECK(!bad, "%s", err);
        for (int k = 0; !bad && k < n && n_truth < MOST; k++)
            truth[n_truth++] = (scored_box){i, b[k].cls, 0, b[k].box};
        free(b);
    }
    if (f) fclose(f);
}

static void measure(int points, double iou, class_ap *c) {
    ap_rule rule = {points, 0.25f, iou, 1};
    memcpy(again, found, n_found * sizeof *found);
    CHECK(!boxes_average_precision(truth, n_truth, again, n_found, CLASSES, &rule, c), "memory");
}

static void classes(const class_ap *c) {
    char line[512];
    int n = 0;
    FILE *f = golden("yolo-fastest-1.1.per_class.tsv");
    while (f && fgets(line, sizeof line, f)) {
        int k;
        double printed, ap;
        size_t boxes, right, wrong;
        if (sscanf(line, "%d %*[^\t] %zu %lf %lf %zu %zu", &k, &boxes, &printed, &ap, &right,
                   &wrong) != 6)
            continue;
        CHECK(c[k].truths == boxes && c[k].right == right && c[k].wrong == wrong,
              "class %d: %zu boxes, TP %zu, FP %zu, not %zu, %zu, %zu", k, c[k].truths, c[k].right,
              c[k].wrong, boxes, right, wrong);
        CHECK(fabs(c[k].ap_at - ap) < 6e-7, "class %d: AP %.7f, not %.6f", k, c[k].ap_at, ap);
        n++;
    }
    if (f) fclose(f);
    CHECK(n == 73, "%d classes compared", n);
}

static void summary(const class_ap *c) {
    char line[1024];
    FILE *f = golden("summary.tsv");
    double map = 0, mean = 0, iou = 0;
    size_t detections = 0, boxes = 0, tp = 0, fp = 0, fn = 0, right = 0, wrong = 0;
    int have = 0;
    while (f && fgets(line, sizeof line, f)) {
        have |= sscanf(line, "yolo-fastest-1.1\t%lf %lf %*d %zu %zu %zu %zu %zu %lf", &map, &mean,
                       &detections, &boxes, &tp, &fp, &fn, &iou) == 8;
    }
    if (f) fclose(f);
    double sum = 0;
    for (int k = 0; k < CLASSES; k++) {
        right += c[k].right;
        wrong += c[k].wrong;
        sum += c[k].iou_sum;
    }
    CHECK(have && n_found == detections && n_truth == boxes, "%zu detections, %zu boxes", n_found,
          n_truth);
    CHECK(right == tp && wrong == fp && n_truth - right == fn, "TP %zu, FP %zu, not %zu, %zu",
          right, wrong, tp, fp);
    CHECK(fabs(100 * sum / (double)(right + wrong) - iou) < 0.006, "mean IoU %.3f, not %.2f",
          100 * sum / (double)(right + wrong), iou);
    CHECK(fabs(boxes_mean_ap(c, CLASSES, AP_AT, 1) - map) < 6e-7, "mAP %.7f, not %.6f",
          boxes_mean_ap(c, CLASSES, AP_AT, 1), map);
    CHECK(fabs(boxes_mean_ap(c, CLASSES, AP_AT, 0) - mean) < 6e-7,
          "mAP %.7f over the classes with boxes, not %.6f", boxes_mean_ap(c, CLASSES, AP_AT, 0),
          mean);
}

static void options(void) {
    char line[512];
    class_ap c[CLASSES];
    int n = 0;
    FILE *f = golden("options_yolo-fastest-1.1.tsv");
    while (f && fgets(line, sizeof line, f)) {
        int points = 0;
        double iou = 0.5, want;
        const char *tab = strchr(line, '\t');
        if (sscanf(line, "-points %d", &points) != 1 && sscanf(line, "-iou_thresh %lf", &iou) != 1)
            continue;
        want = tab ? atof(tab) : NAN;
        measure(points, iou, c);
        double got = boxes_mean_ap(c, CLASSES, AP_AT, 1);
        CHECK(fabs(got - want) < 6e-7, "%.*s: mAP %.7f, not %.6f", (int)(tab - line), line, got,
              want);
        n++;
    }
    if (f) fclose(f);
    CHECK(n == 4, "%d options compared", n);
}

int main(void) {
    char command[3 * PATH];
    class_ap c[CLASSES];
    const char *root = getenv("MP_SHARED");
    snprintf(shared, sizeof shared, "%s", root ? root : "../shared");
    snprintf(command, sizeof command, "%s/data/det_coco256.tar.gz", shared);
    FILE *f = golden("summary.tsv"), *g = fopen(command, "r");
    if (g) fclose(g);
    if (f) fclose(f);
    if (!f || !g || !mkdtemp(folder)) {
        SKIP("no detections of the AlexeyAB fork in %s", shared);
        return t_done("test_map");
    }
    snprintf(command, sizeof command,
             "tar -C %s -xzf %s/data/det_coco256.tar.gz --wildcards 'det_coco256/test/*.txt'",
             folder, shared);
    CHECK(!system(command), "%s", command);
    read_detections();
    read_truth();
    measure(0, 0.5, c);
    classes(c);
    summary(c);
    options();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(!system(command), "%s", command);
    return t_done("test_map");
}
