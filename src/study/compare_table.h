/* compare_table.h - what the lines of a SUITE say: rows, differences, tables and pictures. */
#ifndef MP_COMPARE_TABLE_H
#define MP_COMPARE_TABLE_H
#include "ops/metrics.h"
#include "ops/spread.h"
#include "study/suite_cells.h"
#include <cjson/cJSON.h>

typedef struct {
    const suite_file *suite;
    const suite_cell *cells;
    int n;
    const cJSON *lines;
} compare_source;

/* One pass, `samples` noise samples, or one pass with temperature scaling. */
typedef enum { FORM_ONE, FORM_SAMPLED, FORM_TEMPERED, FORMS } compare_form;

/* The seeds of one target, network, method and form. */
typedef struct {
    const suite_part *target, *network, *method;
    compare_form form;
    int n, samples;
    uint64_t seed[SUITE_SEEDS];
    /* As people read them; NaN in lines from before there was such a metric. */
    double v[METRICS][SUITE_SEEDS], train[SUITE_SEEDS], test[SUITE_SEEDS];
    int n_gaps; /* lines that say it; of the one pass alone */
    double
        gap[SUITE_SEEDS]; /* top-1 of the training images minus that of the test images, points */
    const char *machine[SUITE_SEEDS];  /* "" in lines that do not tell it */
    const cJSON *figures[SUITE_SEEDS]; /* of the line: the object that holds top1, ..., bins */
} compare_row;

/* A row against the one pass of the method that it is compared with, over the seeds that both have;
 * n 0: there are none. */
typedef struct {
    int n;
    interval d[METRICS];
    double time;
} compare_difference; /* time: training, as a multiple, of seeds that one machine ran for both; 0:
                         none */

/* Rows by target, network, method, form; in the order of the file. NULL and err: no memory. */
compare_row *compare_rows(const compare_source *from, int *n, char *err);
compare_difference compare_differ(const compare_source *from, const compare_row *rows, int n,
                                  const compare_row *row);
/* 1: better, -1: worse, 0: the interval holds 0, or there is none. */
int compare_verdict(const compare_difference *d, int row);
/* "plain + temperature", "phi, 5 samples" */
const char *compare_name(const compare_row *r, char name[128]);

int compare_table(const compare_source *from, char *err);
/* Differences at path, reliability diagrams beside it. */
int compare_plot(const compare_source *from, const char *path, char *err);
#endif
