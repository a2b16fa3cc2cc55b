/* meta_log.h - what meta-training tells: the line of a step, the JSON log, the picture of its curves. */
#ifndef MP_META_LOG_H
#define MP_META_LOG_H
#include "train/meta_checkpoint.h"
#include <cjson/cJSON.h>

/* begun: the step at which this process began; since: seconds since then. */
void meta_log_line(const log_row *row, int step, int steps, int begun, double since);
/* Adds log= (every row), and the means of the last tenth of the steps. */
void meta_log_json(cJSON *j, const log_row *rows, int n);
/* FILE.json -> FILE.png. Draws what there is; a picture that cannot be drawn is told once on stderr and is no error. */
void meta_log_draw(const char *json_path, const log_row *rows, int n);
#endif
