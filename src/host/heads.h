/* heads.h - the [yolo] and [region] layers of a detector: what they ask for, and their boxes by the
 * host's own code. */
#ifndef MP_HEADS_H
#define MP_HEADS_H
#include "host/net.h"

/* 0 if the network is a detector for `classes` classes: at least one head, the last layer among
 * them, anchors above 0. Else -1 and err; data: name of the file that says how many classes there
 * are. */
int heads_check(const cfg_file *c, const network *net, int classes, const char *data, char *err);
/* True boxes a picture that a head has room for: 90 ([yolo]) or 30 ([region]); five floats each in
 * net->truth. */
int heads_max_boxes(const network *net);
/* What the last head says on the data: jitter, random. */
float heads_jitter(const network *net);
int heads_random(const network *net);

/* Anchors of all heads, (width, height) as parts of the network's input: up to max of them; returns
 * how many there are. unused: those of [yolo] that are in no mask, so that boxes like them are
 * never learned. */
int heads_anchors(const network *net, float (*wh)[2], int max, int *unused);

/* Outputs of all heads of the last pass, one after the other: their number; acc += factor * them;
 * they become acc. For means over several noisy passes. */
size_t heads_len(const network *net);
void heads_add(const network *net, float *acc, float factor);
void heads_set(network *net, const float *acc);

/* Are they numbers, for picture b of the batch? What is none is below every threshold, and so no
 * box. */
int heads_finite(const network *net, int b);

/* Non-maximum suppression, class by class: of two boxes that overlap by more than `nms` (0: none)
 * the one with the lower score goes. Overlap is IoU (the host's do_nms_sort), or with diou > 0 IoU
 * - (d/c)^diou, d the squared distance of the centres, c that of the corners of the box around both
 * (after Zheng et al., "Distance-IoU Loss", AAAI 2020): what the AlexeyAB fork does for
 * nms_kind=greedynms, where the exponent is 0.6, and for nms_kind=diounms, where it is beta_nms=.
 */
typedef struct {
    float thresh, nms, diou;
} heads_rule;

/* Boxes of picture b of the last network_predict with scores above thresh: centre and size relative
 * to a picture of w x h pixels that was letterboxed (w, h of the network itself: that was
 * stretched). free_detections(result, *n). */
detection *heads_boxes(network *net, int b, int w, int h, const heads_rule *rule, int *n);
/* The exponent that the last head of the cfg asks for by nms_kind=; 0: none. */
float heads_diou(const cfg_file *c);
#endif
