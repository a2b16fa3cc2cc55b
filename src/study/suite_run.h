/* suite_run.h - one cell of a SUITE trained, tested, and told as a line of JSON. */
#ifndef MP_SUITE_RUN_H
#define MP_SUITE_RUN_H
#include "data/dataset.h"
#include "study/suite_cells.h"
#include <cjson/cJSON.h>

/* The images of the last target, as the next cell mostly has the same. Begin with zeros. */
typedef struct {
    const suite_part *target;
    int channels;
    dataset *train, *valid;
} suite_images;
void suite_images_free(suite_images *m);

/* keep: the file that holds the state of a cell that was interrupted, from which it goes on bit for
 * bit, and which is gone when the cell is done; NULL: all in one piece. 0 and the line in *out (the
 * caller's); 1: stopped by a signal; -1 and err. The line: hash target network method seed steps
 * samples threads commit loss outputs (crc32 of the one pass's probabilities); top1 top5 nll ece
 * images bins of one pass; fit: top1 top5 nll ece images of one pass over the training images as
 * they are; sampled: the same of `samples` passes; tempered: of one pass with temperature scaling
 * (ops/temperature.h), and its temperature; seconds: train, test, sampled. */
int suite_run(const suite_cell *c, int threads, const char *keep, suite_images *m, cJSON **out,
              char *err);
/* The parts of a line that a second run must repeat, as text (malloc'd); NULL: no memory. */
char *suite_run_figures(const cJSON *line);
#endif
