/* suite_run.h - one cell of a SUITE trained, tested, and told as a line of JSON. */
#ifndef MP_SUITE_RUN_H
#define MP_SUITE_RUN_H
#include "data/dataset.h"
#include "train/suite_cells.h"
#include <cjson/cJSON.h>

/* The images of the last target, as the next cell mostly has the same. Begin with zeros. */
typedef struct { const suite_part *target; int channels; dataset *train, *valid; } suite_images;
void suite_images_free(suite_images *m);

/* 0 and the line in *out (the caller's); 1: stopped by a signal; -1 and err.
 * The line: hash target network method seed steps samples threads commit loss outputs (crc32 of the one pass's probabilities); top1 top5 nll ece
 * images bins of one pass; sampled: the same of `samples` passes; tempered: of one pass with temperature scaling (ops/temperature.h), and its
 * temperature; seconds: train, test, sampled. */
int suite_run(const suite_cell *c, int threads, suite_images *m, cJSON **out, char *err);
/* The parts of a line that a second run must repeat, as text (malloc'd); NULL: no memory. */
char *suite_run_figures(const cJSON *line);
#endif
