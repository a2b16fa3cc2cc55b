/* chart.h - the picture of a detector's training: loss, mAP, and when it will be done. */
#ifndef MP_CHART_H
#define MP_CHART_H
#include "train/loop.h"

/* Drawn from l->log and l->valids, at `path`, whole or not at all. 0, or -1 and err. */
int chart_draw(const loop *l, const char *path, char *err);
#endif
