/* meta_log.h - what meta-training tells: the line of a step, the rows of the JSON log, the picture
 * of its curves. */
#ifndef MP_META_LOG_H
#define MP_META_LOG_H
#include "train/meta_norm.h"
#include "train/meta_run.h"

/* Of the step just made, from r->rows; gradient: the L2 norm of phi's. Adds a row to r->log; rank 0
 * prints the line, if it is time. */
void meta_log_step(meta_run *r, double gradient);
/* Beside the JSON report (-json FILE.json), on rank 0: FILE.png. One that cannot be drawn is told
 * once on stderr and is no error. */
void meta_log_draw(const meta_run *r);
/* The report's closing figures: step; loss (of phi, the last step's); last_tenth: means over the
 * last tenth of the steps. */
void meta_log_end(meta_run *r);
#endif
