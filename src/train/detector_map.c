/* detector_map.c - `detector map`: average precision of every class. */
#include "train/detector.h"
#include "train/report.h"

static const char *fit_in_words(const session *c, const detector_args *a) {
    return detector_stretches(c->cfg, a->fork) ? "stretched" : "letterboxed";
}

static double number(const cJSON *j, const char *key) {
    return cJSON_GetObjectItem(j, key)->valuedouble;
}

static void show_classes(const session *c, const detector_args *a, const class_ap *ap) {
    for (int k = 0; k < c->data->classes; k++) {
        if (!ap[k].truths && !ap[k].detections) continue;
        if (ap[k].truths) {
            printf("%3d %-16s AP@0.50 %6.2f %%, AP %6.2f %%, %zu boxes, TP %zu, FP %zu\n", k,
                   c->data->name[k], 100 * ap[k].ap[0], 100 * boxes_mean_ap(&ap[k], 1, AP_ALL, 0),
                   ap[k].truths, ap[k].right, ap[k].wrong);
        } else if (ap[k].wrong) {
            printf("%3d %-16s no boxes in the list, FP %zu\n", k, c->data->name[k], ap[k].wrong);
        }
    }
}

static const char *points_in_words(int points) {
    return points == 0 ? "area below the curve" : points == 11 ? "11 points" : "101 points";
}

static void show(const session *c, const detector_args *a, const class_ap *ap, const cJSON *j) {
    show_classes(c, a, ap);
    if (a->iou != 0.5)
        printf("right above IoU %.2f: mAP@%.2f %.2f %%\n", a->iou, a->iou,
               100 * number(j, "map_at_iou_thresh"));
    printf("at score %.2f: precision %.2f, recall %.2f, F1 %.2f, mean IoU %.2f; TP %.0f, FP %.0f, "
           "FN %.0f\n",
           (double)a->thresh, number(j, "precision"), number(j, "recall"), number(j, "f1"),
           number(j, "iou"), number(j, "true_positives"), number(j, "false_positives"),
           number(j, "false_negatives"));
    printf("tested like Debian's darknet: pictures %s, "
           "mean over the classes with boxes\n",
           fit_in_words(c, a));
    printf("mAP@0.50 %.2f %%, mAP@0.50:0.95 %.2f %% (%.0f of %d classes have boxes; %s)\n",
           100 * number(j, "map50"), 100 * number(j, "map50_95"), number(j, "classes_with_boxes"),
           c->data->classes, points_in_words(a->points));
}

/* The lines that programs around the fork read. */
static void show_like_fork(const session *c, const detector_args *a, const class_ap *ap,
                           const cJSON *j) {
    printf(" detections_count = %.0f, unique_truth_count = %.0f\n", number(j, "detections"),
           number(j, "boxes"));
    for (int k = 0; k < c->data->classes; k++) {
        printf("class_id = %d, name = %s, ap = %.2f%%   \t (TP = %zu, FP = %zu)\n", k,
               c->data->name[k], 100 * ap[k].ap_at, ap[k].right, ap[k].wrong);
    }
    double thresh = (double)a->thresh;
    printf("\n for conf_thresh = %.2f, precision = %.2f, recall = %.2f, F1-score = %.2f\n", thresh,
           number(j, "precision"), number(j, "recall"), number(j, "f1"));
    printf(" for conf_thresh = %.2f, TP = %.0f, FP = %.0f, FN = %.0f, average IoU = %.2f %%\n",
           thresh, number(j, "true_positives"), number(j, "false_positives"),
           number(j, "false_negatives"), 100 * number(j, "iou"));
    printf("\n IoU threshold = %.0f %%, %s\n", 100 * a->iou, points_in_words(a->points));
    printf(" mean average precision (mAP@%.2f) = %f, or %.2f %%\n", a->iou,
           number(j, "map_at_iou_thresh"), 100 * number(j, "map_at_iou_thresh"));
    printf("tested like the AlexeyAB fork: pictures %s, its count of right boxes, classes without "
           "boxes count 0 "
           "in the mean (%.0f of %d have some); mAP@0.50:0.95 %.2f %%\n",
           fit_in_words(c, a), number(j, "classes_with_boxes"), c->data->classes,
           100 * number(j, "map50_95"));
}

static cJSON *classes_json(const session *c, const class_ap *ap) {
    cJSON *list = cJSON_CreateArray();
    for (int k = 0; k < c->data->classes; k++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", c->data->name[k]);
        cJSON_AddNumberToObject(o, "boxes", (double)ap[k].truths);
        cJSON_AddNumberToObject(o, "detections", (double)ap[k].detections);
        cJSON_AddNumberToObject(o, "true_positives", (double)ap[k].right);
        cJSON_AddNumberToObject(o, "false_positives", (double)ap[k].wrong);
        cJSON *list_ap = cJSON_AddArrayToObject(o, "ap");
        for (int i = 0; i < AP_IOUS; i++)
            cJSON_AddItemToArray(list_ap, cJSON_CreateNumber(ap[k].ap[i]));
        cJSON_AddNumberToObject(o, "ap_at_iou_thresh", ap[k].ap_at);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static int measure_and_show(const session *c, const detector_args *a, const det_set *s, char *err) {
    class_ap *ap = calloc((size_t)s->classes, sizeof *ap);
    if (!ap) return fail(err, "not enough memory for %d classes", s->classes);
    double start = report_now();
    int bad = detector_measure(c, s, a, ap, err);
    if (!bad) {
        cJSON *j = cJSON_CreateObject();
        detector_report(j, ap, s->classes, a->fork);
        cJSON_AddStringToObject(j, "like", a->fork ? "alexeyab" : "darknet");
        cJSON_AddNumberToObject(j, "images", s->n);
        cJSON_AddNumberToObject(j, "thresh", (double)a->thresh);
        cJSON_AddNumberToObject(j, "iou_thresh", a->iou);
        cJSON_AddNumberToObject(j, "seconds", report_now() - start);
        cJSON_AddItemToObject(j, "classes", classes_json(c, ap));
        (a->fork ? show_like_fork : show)(c, a, ap, j);
        printf("%d pictures in %.1f s\n", s->n, report_now() - start);
        bad = report_json(a->c.json, j, err);
        cJSON_Delete(j);
    }
    free(ap);
    return bad;
}

int detector_map(const detector_args *args, char *err) {
    detector_args a = *args;
    session c;
    if (detector_open_test(&c, &a, err)) return -1;
    int bad = -1;
    det_set *s = detector_pictures(&c, &a, DATA_VALID, err);
    if (s) bad = measure_and_show(&c, &a, s, err);
    det_free(s);
    session_close(&c);
    return bad;
}
