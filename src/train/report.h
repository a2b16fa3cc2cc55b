/* report.h - what a run tells: lines for people, a JSON file for scripts. */
#ifndef MP_REPORT_H
#define MP_REPORT_H
#include "data/dataset.h"
#include "ops/metrics.h"
#include <cjson/cJSON.h>

double report_now(void); /* seconds, monotonic */
/* "3 h 12 m", "4 m 05 s", "12 s" */
const char *report_duration(double seconds, char buf[32]);
/* True when it is time for the next line: the first steps, then once a second, and the last. */
int report_due(long step, long last_step, double *last_line);

/* The JSON text of j, in lines or in one (malloc'd; NULL: no memory). Names and paths may come from
 * files in any encoding: a string that is no UTF-8 is taken for Latin-1 and converted, as JSON must
 * be UTF-8. */
char *report_text(const cJSON *j, int lines);
/* Atomic write of a JSON object; path NULL: nothing to do. Does not free j. */
int report_json(const char *path, const cJSON *j, char *err);
/* "top-1 71.20 %": a metric of value v, at least `wide` characters for the number. */
const char *report_metric(int row, double v, int wide, char buf[64]);
/* top1 topK nll ece ... images, and bins of the reliability diagram, added to an object; top: the K
 * that m was measured with, which names its key (top5, as in the lines of compare; K = 1 adds
 * none). */
void report_metrics(cJSON *j, const metrics *m, int top);

/* A line on stderr if some class has no `what` in the train list: count[0 .. classes-1]. */
void report_missing(const data_file *d, const size_t *count, const char *what);

/* SIGINT and SIGTERM ask a run to stop after its step, so that it can save. */
void report_catch_signals(void);
int report_stop_asked(void);
/* As if a signal came, so many seconds from now. */
void report_stop_after(double seconds);
#endif
