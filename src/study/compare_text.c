/* compare_text.c - the tables of `compare -table`, in markdown. */
#include "study/compare_table.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing for what earlier lines do not tell. */
static void put_spread(const double *v, int n, int digits) {
    spread s = spread_of(v, n);
    if (isnan(s.mean))
        printf(" |");
    else if (n > 1)
        printf(" %.*f ± %.*f |", digits, s.mean, digits, s.sd);
    else
        printf(" %.*f |", digits, s.mean);
}

/* A column for each metric: WHAT after its name, and what people read it in. */
static void put_heads(const char *before, const char *after, const char *in_percent) {
    for (int m = 0; m < METRICS; m++)
        printf(" %s%s%s%s |", before, metric_rows[m].label, after,
               metric_rows[m].in_percent ? in_percent : "");
}

static void put_rule(int columns) {
    printf("\n|");
    while (columns-- > 0) printf("---|");
    printf("\n");
}

static void put_means(const compare_source *from, const compare_row *rows, int n) {
    char name[128];
    printf("## Means over the seeds, ± standard deviation\n\n"
           "| target | network | method | seeds |");
    put_heads("", "", " %");
    printf(" training s | test s | training, × reference | gap, points |");
    put_rule(8 + METRICS);
    for (int i = 0; i < n; i++) {
        const compare_row *r = &rows[i];
        compare_difference d = compare_differ(from, rows, n, r);
        printf("| %s | %s | %s | %d |", r->target->name, r->network->name, compare_name(r, name),
               r->n);
        for (int m = 0; m < METRICS; m++) put_spread(r->v[m], r->n, metric_rows[m].digits);
        printf(" %.1f | %.1f |", spread_of(r->train, r->n).mean, spread_of(r->test, r->n).mean);
        if (d.time > 0)
            printf(" %.2f |", d.time);
        else
            printf(" |");
        if (r->n_gaps)
            put_spread(r->gap, r->n_gaps, 1);
        else
            printf(" |");
        printf("\n");
    }
    printf("\nGap: accuracy on the training images as they are minus that on the test images, one "
           "pass. Only where plain "
           "training has one does it overfit.\n");
}

static void put_interval(const compare_difference *d, int m) {
    static const char *const words[] = {" worse", "", " better"};
    const interval *x = &d->d[m];
    int digits = metric_rows[m].digits;
    if (isnan(x->mean))
        printf(" |");
    else if (d->n < 2)
        printf(" %+.*f |", digits, x->mean);
    else
        printf(" %+.*f [%+.*f, %+.*f]%s |", digits, x->mean, digits, x->low, digits, x->high,
               words[compare_verdict(d, m) + 1]);
}

static void put_differences(const compare_source *from, const compare_row *rows, int n) {
    char name[128];
    printf("\n## Differences, seed by seed, with 95 %% intervals (Student's t)\n\n"
           "Against the one pass of the method named; better, worse: the interval leaves out 0.\n\n"
           "| target | network | method | against | seeds |");
    put_heads("", "", ", points");
    put_rule(5 + METRICS);
    for (int i = 0; i < n; i++) {
        const compare_row *r = &rows[i];
        compare_difference d = compare_differ(from, rows, n, r);
        if (!d.n) continue;
        printf("| %s | %s | %s | %s | %d |", r->target->name, r->network->name,
               compare_name(r, name), suite_against(from->suite, r->method)->name, d.n);
        for (int m = 0; m < METRICS; m++) put_interval(&d, m);
        printf("\n");
    }
}

/* All rows of a method and form together. */
typedef struct {
    int pairs, timed, told[METRICS], judged[METRICS], won[METRICS], lost[METRICS];
    double sum[METRICS], time; /* told: pairs whose lines have the metric */
} tally;

static tally count(const compare_source *from, const compare_row *rows, int n,
                   const suite_part *method, compare_form form) {
    tally t = {0};
    for (int i = 0; i < n; i++) {
        if (rows[i].method != method || rows[i].form != form) continue;
        compare_difference d = compare_differ(from, rows, n, &rows[i]);
        if (!d.n) continue;
        t.pairs++;
        t.timed += d.time > 0;
        t.time += d.time;
        for (int m = 0; m < METRICS; m++) {
            if (isnan(d.d[m].mean)) continue;
            int v = compare_verdict(&d, m);
            t.told[m]++;
            t.judged[m] += d.n > 1;
            t.won[m] += v > 0;
            t.lost[m] += v < 0;
            t.sum[m] += d.d[m].mean;
        }
    }
    return t;
}

static void put_tally(const tally *t, const char *name) {
    printf("| %s | %d |", name, t->pairs);
    for (int m = 0; m < METRICS; m++)
        printf(" %d / %d / %d |", t->won[m], t->judged[m] - t->won[m] - t->lost[m], t->lost[m]);
    for (int m = 0; m < METRICS; m++)
        if (t->told[m])
            printf(" %+.*f |", metric_rows[m].digits, t->sum[m] / t->told[m]);
        else
            printf(" |");
    if (t->timed)
        printf(" %.2f |\n", t->time / t->timed);
    else
        printf(" |\n");
}

static void put_wins(const compare_source *from, const compare_row *rows, int n) {
    char name[128];
    printf("\n## Wins, ties, losses over the pairs of target and network\n\n"
           "A win or loss is an interval that leaves out 0; pairs with one seed count in the means "
           "alone.\n\n"
           "| method | pairs |");
    put_heads("", " w / t / l", "");
    put_heads("mean ", "", ", points");
    printf(" training, × |");
    put_rule(3 + 2 * METRICS);
    const suite_file *s = from->suite;
    for (int k = 0; k < s->n[SUITE_METHOD] * FORMS; k++) {
        const suite_part *method = &s->part[SUITE_METHOD][k / FORMS];
        compare_form form = (compare_form)(k % FORMS);
        tally t = count(from, rows, n, method, form);
        const compare_row *r = NULL;
        for (int i = 0; i < n; i++)
            if (rows[i].method == method && rows[i].form == form) r = &rows[i];
        if (t.pairs) put_tally(&t, compare_name(r, name));
    }
}

static int has(const compare_row *rows, int n, const suite_cell *c) {
    for (int i = 0; i < n; i++) {
        const compare_row *r = &rows[i];
        if (r->form != FORM_ONE || r->target != c->target || r->network != c->network ||
            r->method != c->method)
            continue;
        for (int k = 0; k < r->n; k++)
            if (r->seed[k] == c->seed) return 1;
    }
    return 0;
}

static void put_missing(const compare_source *from, const compare_row *rows, int n) {
    int done = 0, told = 0, by_name = 0;
    for (int i = 0; i < from->n; i++) done += has(rows, n, &from->cells[i]);
    printf("\n%d of %d cells are there", done, from->n);
    for (int i = 0; i < from->n; i++) {
        if (!has(rows, n, &from->cells[i]))
            printf("%s%s", told++ ? ", " : "; missing: ", from->cells[i].id);
        by_name += !from->cells[i].hash;
    }
    printf(".\n");
    if (by_name)
        fprintf(stderr,
                "metaperturb: %d cells by their names alone, as their hash needs what is missing "
                "here (-list tells it)\n",
                by_name);
}

int compare_table(const compare_source *from, char *err) {
    int n;
    compare_row *rows = compare_rows(from, &n, err);
    if (!rows) return -1;
    put_means(from, rows, n);
    put_differences(from, rows, n);
    put_wins(from, rows, n);
    printf("\nTemperature scaling is fitted on one half of the test images (every other one) and "
           "scored on the other, and the other way round.\n"
           "It has seen labels that no other row has.\n");
    put_missing(from, rows, n);
    free(rows);
    return 0;
}
