/* compare_rows.c - lines gathered into rows, and rows set against each other; see compare_table.h
 */
#include "study/compare_table.h"
#include "study/results.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const cJSON *line, const char *key) {
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItem(line, key));
    return s ? s : "";
}

static double number(const cJSON *line, const char *key) {
    return cJSON_GetNumberValue(cJSON_GetObjectItem(line, key));
}

/* By hash; where files are missing that the hash needs, the last line with these names (and steps,
 * if they are known). */
static const cJSON *line_of(const compare_source *from, const suite_cell *c) {
    if (c->hash) return results_find(from->lines, c->hash);
    const cJSON *line, *found = NULL;
    cJSON_ArrayForEach(line, from->lines) {
        if (!strcmp(text(line, "target"), c->target->name) &&
            !strcmp(text(line, "network"), c->network->name) &&
            !strcmp(text(line, "method"), c->method->name) &&
            number(line, "seed") == (double)c->seed &&
            (!c->steps || number(line, "steps") == c->steps))
            found = line;
    }
    return found;
}

static const cJSON *figures_of(const cJSON *line, compare_form form) {
    return form == FORM_ONE
               ? line
               : cJSON_GetObjectItem(line, form == FORM_SAMPLED ? "sampled" : "tempered");
}

static void add_line(compare_row *r, const suite_cell *c, const cJSON *line) {
    const cJSON *f = figures_of(line, r->form), *seconds = cJSON_GetObjectItem(line, "seconds");
    if (!f || r->n == SUITE_SEEDS) return;
    int k = r->n++;
    r->seed[k] = c->seed;
    r->samples = results_whole(line, "samples");
    for (int m = 0; m < METRICS; m++) r->v[m][k] = metric_shown(m, number(f, metric_rows[m].key));
    r->train[k] = number(seconds, "train");
    r->test[k] = number(seconds, r->form == FORM_SAMPLED ? "sampled" : "test");
    r->machine[k] = text(line, "machine");
    const cJSON *fit = r->form == FORM_ONE ? cJSON_GetObjectItem(line, "fit") : NULL;
    if (fit) r->gap[r->n_gaps++] = 100 * number(fit, "top1") - r->v[METRIC_TOP1][k];
    r->figures[k] = f;
}

/* A row of its own for temperature scaling where the SUITE says so, else for what others are
 * compared with. */
static int wanted(const suite_file *s, const suite_part *m, compare_form form) {
    return form != FORM_TEMPERED ||
           (m->temperature < 0 ? suite_is_reference(s, m) : m->temperature);
}

compare_row *compare_rows(const compare_source *from, int *n, char *err) {
    const suite_file *s = from->suite;
    compare_row *rows = calloc((size_t)s->n[SUITE_TARGET] * (size_t)s->n[SUITE_NETWORK] *
                                   (size_t)s->n[SUITE_METHOD] * FORMS,
                               sizeof *rows);
    *n = 0;
    if (!rows) return fail_null(err, "%s: not enough memory for its table", s->path);
    for (int t = 0; t < s->n[SUITE_TARGET]; t++)
        for (int k = 0; k < s->n[SUITE_NETWORK]; k++)
            for (int m = 0; m < s->n[SUITE_METHOD] * FORMS; m++) {
                compare_row *r = &rows[*n];
                *r = (compare_row){.target = &s->part[SUITE_TARGET][t],
                                   .network = &s->part[SUITE_NETWORK][k],
                                   .method = &s->part[SUITE_METHOD][m / FORMS],
                                   .form = (compare_form)(m % FORMS)};
                if (!wanted(s, r->method, r->form)) continue;
                for (int i = 0; i < from->n; i++) {
                    const suite_cell *c = &from->cells[i];
                    const cJSON *line = c->target == r->target && c->network == r->network &&
                                                c->method == r->method
                                            ? line_of(from, c)
                                            : NULL;
                    if (line) add_line(r, c, line);
                }
                *n += r->n > 0;
            }
    return rows;
}

compare_difference compare_differ(const compare_source *from, const compare_row *rows, int n,
                                  const compare_row *row) {
    compare_difference d = {0};
    const suite_part *against = suite_against(from->suite, row->method);
    double a[METRICS][SUITE_SEEDS], b[METRICS][SUITE_SEEDS], ours = 0, theirs = 0;
    const compare_row *other = NULL;
    for (int i = 0; i < n; i++) {
        const compare_row *r = &rows[i];
        if (r->target == row->target && r->network == row->network && r->method == against &&
            r->form == FORM_ONE)
            other = r;
    }
    if (!other || other == row) return d;
    for (int i = 0; i < row->n; i++) {
        for (int k = 0; k < other->n; k++) {
            if (row->seed[i] != other->seed[k]) continue;
            for (int m = 0; m < METRICS; m++) a[m][d.n] = other->v[m][k], b[m][d.n] = row->v[m][i];
            d.n++;
            if (strcmp(row->machine[i], other->machine[k])) continue;
            ours += row->train[i];
            theirs += other->train[k];
        }
    }
    for (int m = 0; m < METRICS; m++) d.d[m] = interval_of_pairs(a[m], b[m], d.n, 0.95);
    d.time = theirs > 0 ? ours / theirs : 0;
    return d;
}

int compare_verdict(const compare_difference *d, int row) {
    const interval *x = &d->d[row];
    if (d->n < 2 || !(x->low > 0 || x->high < 0)) return 0;
    return x->mean > 0 ? metric_rows[row].better : -metric_rows[row].better;
}

const char *compare_name(const compare_row *r, char name[128]) {
    if (r->form == FORM_SAMPLED)
        snprintf(name, 128, "%s, %d samples", r->method->name, r->samples);
    else
        snprintf(name, 128, "%s%s", r->method->name,
                 r->form == FORM_TEMPERED ? " + temperature" : "");
    return name;
}
