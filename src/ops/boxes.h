/* boxes.h - how good a detector's boxes are: intersection over union, average precision.
 *
 * Boxes are centre and size, all four in units of the picture's width and height (or all in
 * pixels).
 *
 * AP of a class at an IoU threshold (Everingham et al., "The PASCAL Visual Object Classes
 * Challenge", IJCV 2010; Lin et al., "Microsoft COCO", ECCV 2014): the class's detections of all
 * pictures by falling score; each goes to the true box of its class and picture that it overlaps
 * most, and is right if the overlap is above the threshold and no detection before it took that
 * box. p(r) is the best precision at a recall of r or more; AP is the area below p, or its mean
 * over 11 or 101 points of r. */
#ifndef MP_BOXES_H
#define MP_BOXES_H
#include <stddef.h>

enum { AP_IOUS = 10 }; /* 0.50, 0.55 .. 0.95 */

typedef struct {
    float x, y, w, h;
} box_rect;
typedef struct {
    int image, cls;
    float score; /* of a detection; a true box has none */
    box_rect box;
} scored_box;

typedef struct {
    size_t truths, detections;
    double ap[AP_IOUS]; /* 0 where there are no true boxes */
    double ap_at;       /* at the rule's iou */
    /* Of the detections that the rule's thresh leaves, at its iou; iou_sum: over the right ones. */
    size_t right, wrong;
    double iou_sum;
} class_ap;

typedef struct {
    int points;   /* 0 (area), 11 or 101 */
    float thresh; /* least score of what is counted as right or wrong */
    double iou;   /* overlap above which a detection is right */
    /* Count as the AlexeyAB fork does (commit 59596d7): the detections stand in the order in which
     * the network gave them, picture after picture; of each picture the first in that order that
     * fits a true box takes it, however low its score, and of those above (not at) thresh the one
     * that took a box is right. 0 or 1; average precision is the same. */
    int in_rows;
} ap_rule;

/* Overlap of a and b over their union; 0 if either is empty. */
double box_iou_of(box_rect a, box_rect b);

/* out: `classes` of them (=). Sorts both lists; equal scores keep an order that does not depend on
 * the one given. 0, or -1: no memory. */
int boxes_average_precision(scored_box *truth, size_t n_truth, scored_box *found, size_t n_found,
                            int classes, const ap_rule *rule, class_ap *out);

/* Mean over the classes that have true boxes, or over all (those without count 0); 0 if none has.
 * iou: index of the threshold; or AP_ALL: over all ten too; or AP_AT: at the rule's iou. */
enum { AP_ALL = -1, AP_AT = -2 };
double boxes_mean_ap(const class_ap *c, int classes, int iou, int all);
#endif
