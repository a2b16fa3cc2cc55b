/* nms.h - of boxes that lie on one another, only the best keeps its score.
 *
 * Rows as yolo_boxes writes them: x y w h objectness score[classes]. They stay where they are; what
 * goes gets score 0.
 *   default     class by class, best score first: what overlaps a better box by an IoU of more than
 *               `thresh` goes
 *   greedynms   the same with IoU - (d2/c2)^0.6 (box_overlap.h): the fork's, not plain greedy
 *               suppression by IoU
 *   diounms     the same with IoU - (d2/c2)^beta: beta_nms=
 *   obj         best objectness first, over all classes, by IoU; what goes loses its objectness and
 *               all its scores
 * Of equal scores the earlier row is the better one. */
#ifndef MP_NMS_H
#define MP_NMS_H
#include <stddef.h>

typedef enum { NMS_DEFAULT, NMS_GREEDY, NMS_DIOU, NMS_OBJECTNESS } nms_kind;
typedef struct {
    nms_kind kind;
    float thresh, beta;
} nms_rule;

/* order: (n) of scratch. */
void nms(float *rows, size_t n, int classes, const nms_rule *rule, size_t *order);
#endif
