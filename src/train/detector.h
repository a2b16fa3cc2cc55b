/* detector.h - training and testing of detectors ([yolo], [region]), on the host's network and our
 * engine. */
#ifndef MP_DETECTOR_H
#define MP_DETECTOR_H
#include "data/det_batch.h"
#include "host/heads.h"
#include "ops/boxes.h"
#include "train/session.h"
#include <cjson/cJSON.h>

typedef struct {
    session_args c;    /* what every command has; image: of test; every: mAP while training */
    float thresh;      /* least score of a box that is shown, and of precision and recall */
    float nms;         /* of two boxes of a class that overlap more, the better stays */
    double iou;        /* overlap with a true box above which a box is right */
    int points;        /* AP: 0 area, 11 or 101 points */
    int darknet_rules; /* -like darknet was asked for */
    /* Like the AlexeyAB fork: pictures stretched to the network's size, not letterboxed, where the
     * cfg has no letter_box=; non-maximum suppression as nms_kind of the cfg says; right and wrong
     * boxes counted as ap_rule.in_rows does, mean IoU over the wrong ones too; classes without
     * boxes count 0 in the mean of `map`. 0 or 1, and in tests -1: if the weights were written by
     * that program. */
    int fork;
    int negatives;   /* pictures without a label file show none of the classes */
    int no_labels;   /* none are looked for: `valid` needs none */
    int map;         /* of train: test after each epoch, at least 100 steps apart */
    const char *out; /* name of valid's results; of test: c.out */
} detector_args;

/* Each returns 0, or -1 and one sentence in err; nothing is left half written. */
int detector_train(const detector_args *a, char *err);
int detector_map(const detector_args *a, char *err);
int detector_valid(const detector_args *a, char *err);
int detector_test(const detector_args *a, char *err);
/* a->c.image: a video or a camera (data/video.h); out: the video to draw, or NULL; every: frames
 * from one that is looked at to the next. */
int detector_demo(const detector_args *a, char *err);

/* Anchors by k-means on the boxes of the train list (ops/anchors.h), printed, and drawn where plot
 * names a PNG. The box's sides are parts of width and height where pictures are stretched, else of
 * the part that the letterboxed picture takes. */
typedef struct {
    const char *data, *plot;
    int num, width, height, stretch, skip_bad, negatives, threads;
} anchor_args;
int detector_anchors(const anchor_args *a, char *err);

/* Training pictures as a->c.cfg asks for them, with their boxes, as DIR/sheet-1.png and on: count
 * sheets (0: DETECTOR_SHEETS) of 16. */
#define DETECTOR_SHEETS 4
int detector_draw(const detector_args *a, const char *dir, int count, char *err);

/* Are pictures stretched (1) or letterboxed (0)? letter_box= of [net] decides; without it whom the
 * run is like. One rule for training and all tests: docs/detectors.md. */
int detector_stretches(const cfg_file *cfg, int fork);
/* What the cfg asks for in training pictures; settle is the caller's. */
det_augment detector_augment(const session *c, int fork);
/* Were the loaded weights written by the fork (0.2.5 in their header)? The host writes 0.2.0, and
 * so does this program. */
int detector_of_fork(const host_net *h);

/* heads_diou of the cfg; 0 under -like darknet, which knows no nms_kind=. */
float detector_diou(const session *c, const detector_args *a);

int detector_open(session *c, const detector_args *a, int load_flags, char *err);
/* The same for tests: tells if statistics of one pass would be needed and are missing; settles
 * a->fork. */
int detector_open_test(session *c, detector_args *a, char *err);
det_set *detector_pictures(const session *c, const detector_args *a, data_part part, char *err);

/* Least score that average precision looks at, as in Darknet. */
#define DETECTOR_LOW 0.005
/* What counts where nothing is said: scores, overlaps of two boxes, of a box with a true one. */
#define DETECTOR_THRESH 0.25
#define DETECTOR_NMS 0.45
#define DETECTOR_IOU 0.5

/* The batch X through the network, batch number `number` of a test: one pass without noise, or
 * a.c.samples noisy ones whose heads are averaged. -1 and err: no memory. */
int detector_predict(const session *c, const detector_args *a, float *X, uint64_t number,
                     char *err);
/* Boxes of picture b of the last detector_predict, as heads_boxes; path names the picture in err.
 * NULL: outputs or boxes are no numbers. free_detections(result, *n). */
detection *detector_boxes(const session *c, int b, int w, int h, const heads_rule *rule,
                          const char *path, int *n, char *err);
/* All pictures of s through the network; seen(arg, i, boxes, n) for each in order, with boxes above
 * thresh after non-maximum suppression (relative to the picture). */
typedef int (*detector_seen)(void *arg, int i, const detection *boxes, int n, char *err);
int detector_run(const session *c, const det_set *s, const detector_args *a, float thresh,
                 detector_seen seen, void *arg, char *err);

/* Average precision of all classes on s; out: s->classes of them. */
int detector_measure(const session *c, const det_set *s, const detector_args *a, class_ap *out,
                     char *err);
/* map50, map50_95 and the counts of all classes together, added to an object. */
void detector_report(cJSON *j, const class_ap *c, int classes, int fork);
#endif
