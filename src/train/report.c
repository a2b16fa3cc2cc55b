/* report.c - see report.h */
#include "train/report.h"
#include "host/files.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double report_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *report_duration(double seconds, char buf[32]) {
    long s = seconds > 0 ? (long)(seconds + 0.5) : 0;
    if (s >= 3600) snprintf(buf, 32, "%ld h %02ld m", s / 3600, s / 60 % 60);
    else if (s >= 60) snprintf(buf, 32, "%ld m %02ld s", s / 60, s % 60);
    else snprintf(buf, 32, "%ld s", s);
    return buf;
}

int report_due(long step, long last_step, double *last_line) {
    double now = report_now();
    if (step > 3 && step < last_step && now - *last_line < 1) return 0;
    *last_line = now;
    return 1;
}

int report_json(const char *path, const cJSON *j, char *err) {
    if (!path) return 0;
    char *text = cJSON_Print(j);
    file_out o;
    if (!text || file_out_open(&o, path, err)) {
        if (!text) snprintf(err, ERR_LEN, "%s: not enough memory for the report", path);
        free(text);
        return -1;
    }
    fputs(text, o.f);
    fputc('\n', o.f);
    free(text);
    return file_out_close(&o, err);
}

void report_metrics(cJSON *j, const metrics *m) {
    double n = m->images ? (double)m->images : 1;
    cJSON_AddNumberToObject(j, "top1", (double)m->top1 / n);
    cJSON_AddNumberToObject(j, "top5", (double)m->topk / n);
    cJSON_AddNumberToObject(j, "nll", m->nll_sum / n);
    cJSON_AddNumberToObject(j, "ece", metrics_ece(m));
    cJSON_AddNumberToObject(j, "images", (double)m->images);
    cJSON *bins = cJSON_AddArrayToObject(j, "bins");
    for (int b = 0; b < METRIC_BINS; b++) {
        double k = m->bin_count[b] ? (double)m->bin_count[b] : 1;
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "count", (double)m->bin_count[b]);
        cJSON_AddNumberToObject(o, "accuracy", (double)m->bin_right[b] / k);
        cJSON_AddNumberToObject(o, "confidence", m->bin_conf[b] / k);
        cJSON_AddItemToArray(bins, o);
    }
}

static volatile sig_atomic_t stop_asked;

static void on_signal(int sig) {
    stop_asked = 1;
    signal(sig, SIG_DFL);   /* the second one ends the program at once */
}

void report_catch_signals(void) {
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGUSR1, &a, NULL);   /* what mpirun hands on to its processes */
}

int report_stop_asked(void) { return stop_asked; }
