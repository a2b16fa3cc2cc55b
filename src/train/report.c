/* report.c - see report.h */
#include "train/report.h"
#include "base/files.h"
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
    if (s >= 3600)
        snprintf(buf, 32, "%ld h %02ld m", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(buf, 32, "%ld m %02ld s", s / 60, s % 60);
    else
        snprintf(buf, 32, "%ld s", s);
    return buf;
}

int report_due(long step, long last_step, double *last_line) {
    double now = report_now();
    if (step > 3 && step < last_step && now - *last_line < 1) return 0;
    *last_line = now;
    return 1;
}

/* Bytes of the UTF-8 character at s; 0: it is none. Shortest forms and no surrogates, as the
 * standard has it. */
static size_t utf8_character(const char *s) {
    const unsigned char *p = (const unsigned char *)s;
    size_t more = p[0] < 0x80                   ? 0
                  : p[0] >= 0xc2 && p[0] < 0xe0 ? 1
                  : (p[0] & 0xf0) == 0xe0       ? 2
                  : p[0] >= 0xf0 && p[0] < 0xf5 ? 3
                                                : 4;
    if (more == 4) return 0;
    for (size_t i = 1; i <= more; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return more + 1;
}

/* Length of a string in a JSON text, both quotation marks included. */
static size_t string_length(const char *s) {
    size_t n = 1;
    while (s[n] && s[n] != '"') n += s[n] == '\\' && s[n + 1] ? 2 : 1;
    return n + (s[n] == '"');
}

static int is_utf8(const char *s, size_t n) {
    for (size_t at = 0, k; at < n; at += k)
        if (!(k = utf8_character(s + at))) return 0;
    return 1;
}

char *report_text(const cJSON *j, int lines) {
    char *text = lines ? cJSON_Print(j) : cJSON_PrintUnformatted(j);
    char *out = text ? malloc(2 * strlen(text) + 1) : NULL, *to = out;
    for (const char *s = text; out && *s;) {
        size_t n = *s == '"' ? string_length(s) : 1;
        int latin = !is_utf8(s, n);
        for (; n--; s++) {
            unsigned c = (unsigned char)*s;
            if (latin && c >= 0x80) *to++ = (char)(0xc0 | c >> 6);
            *to++ = (char)(latin && c >= 0x80 ? 0x80 | (c & 0x3f) : c);
        }
    }
    if (out) *to = 0;
    free(text);
    return out;
}

int report_json(const char *path, const cJSON *j, char *err) {
    if (!path) return 0;
    char *text = report_text(j, 1);
    file_out o;
    if (!text || file_out_open(&o, path, err)) {
        if (!text) fail(err, "%s: not enough memory for the report", path);
        free(text);
        return -1;
    }
    fputs(text, o.f);
    fputc('\n', o.f);
    free(text);
    return file_out_close(&o, err);
}

const char *report_metric(int row, double v, int wide, char buf[64]) {
    const metric *r = &metric_rows[row];
    snprintf(buf, 64, "%s %*.*f%s", r->label, wide, r->digits, metric_shown(row, v),
             r->in_percent ? " %" : "");
    return buf;
}

void report_metrics(cJSON *j, const metrics *m, int top) {
    double n = m->images ? (double)m->images : 1;
    char key[24];
    snprintf(key, sizeof key, "top%d", top);
    for (int k = 0; k < METRICS; k++) {
        cJSON_AddNumberToObject(j, metric_rows[k].key, metric_rows[k].value(m));
        if (k == METRIC_TOP1 && top > 1) cJSON_AddNumberToObject(j, key, (double)m->topk / n);
    }
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
    signal(sig, SIG_DFL); /* the second one ends the program at once */
}

void report_catch_signals(void) {
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

static double stop_at; /* 0: never */

void report_stop_after(double seconds) { stop_at = report_now() + seconds; }

int report_stop_asked(void) { return stop_asked || (stop_at > 0 && report_now() >= stop_at); }

void report_missing(const data_file *d, const size_t *count, const char *what) {
    enum { TOLD = 5 };
    char names[ERR_LEN] = "";
    int missing = 0;
    size_t n = 0;
    for (int i = 0; i < d->classes; i++) {
        if (count[i]) continue;
        if (missing++ < TOLD)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%.100s", n ? ", " : "",
                                  d->name[i]);
    }
    if (missing)
        fprintf(stderr, "%s: warning: %d of %d classes have no %s: %s%s\n", d->train, missing,
                d->classes, what, names, missing > TOLD ? ", ..." : "");
}
