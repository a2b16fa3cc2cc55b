/* cfg_dialect.h - whose [yolo] heads a cfg has.
 *
 * A network speaks the dialect of AlexeyAB's fork if any [yolo] in it has a key of the fork with a
 * value that changes something (scale_x_y=1.05, iou_loss=ciou, but not iou_normalizer=1). All its
 * heads then learn by the fork's rules with the fork's defaults, of which some are not the host's:
 * iou_normalizer .75, max 200. Else all learn by the host's. */
#ifndef MP_CFG_DIALECT_H
#define MP_CFG_DIALECT_H
#include "host/cfg.h"

int cfg_yolo_dialect(const cfg_file *c);
/* Index in c->sections of a layer; 0: there is none such. */
int cfg_layer_section(const cfg_file *c, int layer);
#endif
