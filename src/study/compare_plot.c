/* compare_plot.c - the pictures of `compare -plot`. */
#include "study/compare_table.h"
#include "train/plot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLORS = 10 };
static const char *const colors[COLORS] = {"#c03010", "#2060b0", "#208040", "#8040a0", "#c08000",
                                           "#404040", "#10a0a0", "#d060a0", "#708020", "#a06040"};

/* Methods and forms as series: those that have a row. */
typedef struct {
    const suite_part *method;
    compare_form form;
    char name[128];
} series;

static int find_series(const compare_source *from, const compare_row *rows, int n,
                       int with_reference, series *out) {
    const suite_file *s = from->suite;
    int count = 0;
    for (int k = 0; k < s->n[SUITE_METHOD] * FORMS; k++) {
        series x = {.method = &s->part[SUITE_METHOD][k / FORMS], .form = (compare_form)(k % FORMS)};
        const compare_row *found = NULL;
        for (int i = 0; i < n; i++) {
            if (rows[i].method != x.method || rows[i].form != x.form) continue;
            if (with_reference || compare_differ(from, rows, n, &rows[i]).n) found = &rows[i];
        }
        if (!found) continue;
        compare_name(found, x.name);
        out[count++] = x;
    }
    return count;
}

/* Text between single quotes of gnuplot, without its markup. */
static void put_text(FILE *f, const char *s) {
    for (; *s; s++) {
        if (*s == '\'') fputc('\'', f);
        fputc(*s, f);
    }
}

/* Pairs of target and network, in the order of the rows: place[i] is that of row i. */
static int number_pairs(const compare_row *rows, int n, int *place) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        place[i] = i && rows[i].target == rows[i - 1].target &&
                           rows[i].network == rows[i - 1].network
                       ? count - 1
                       : count++;
    }
    return count;
}

static void put_differences(FILE *f, const compare_source *from, const compare_row *rows, int n,
                            const int *place, int pairs, const series *s, int count) {
    fprintf(f, "set xtics rotate by -30 noenhanced (");
    for (int i = 0, k = -1; i < n; i++) {
        if (place[i] == k) continue;
        fprintf(f, "%s'", ++k ? ", " : "");
        put_text(f, rows[i].target->name);
        fputs(", ", f);
        put_text(f, rows[i].network->name);
        fprintf(f, "' %d", place[i]);
    }
    fprintf(f,
            ")\nset multiplot layout %d,1\nset lmargin 10\nset xrange [-0.6:%g]\nset grid y\nset "
            "xzeroaxis lt 1 lc rgb '#000000'\nset key outside right noenhanced\n",
            METRICS, pairs - 0.4);
    for (int m = 0; m < METRICS; m++) {
        for (int k = 0; k < count; k++) {
            fprintf(f, "$d%d_%d << EOD\n", m, k);
            for (int i = 0; i < n; i++) {
                if (rows[i].method != s[k].method || rows[i].form != s[k].form) continue;
                compare_difference d = compare_differ(from, rows, n, &rows[i]);
                const interval *x = &d.d[m];
                if (d.n)
                    fprintf(f, "%g %.6g %.6g %.6g\n", place[i] + 0.7 * ((k + 0.5) / count - 0.5),
                            x->mean, d.n > 1 ? x->low : x->mean, d.n > 1 ? x->high : x->mean);
            }
            fprintf(f, "EOD\n");
        }
        fprintf(f, "set ylabel '%s%s: difference'\nplot ", metric_rows[m].label,
                metric_rows[m].in_percent ? ", points" : "");
        for (int k = 0; k < count; k++) {
            fprintf(f, "%s$d%d_%d u 1:2:3:4 w yerrorbars pt 7 ps 0.8 lw 1.5 lc rgb '%s' title '",
                    k ? ", " : "", m, k, colors[k % COLORS]);
            put_text(f, s[k].name);
            fprintf(f, "'");
        }
        fputc('\n', f);
    }
}

static int draw_differences(const compare_source *from, const compare_row *rows, int n,
                            const char *path, char *err) {
    plot p;
    int *place = calloc((size_t)n + 1, sizeof *place), bad = -1;
    series *s = calloc((size_t)from->suite->n[SUITE_METHOD] * FORMS, sizeof *s);
    int count = s && place ? find_series(from, rows, n, 0, s) : 0,
        pairs = place ? number_pairs(rows, n, place) : 0;
    if (!count)
        fail(err,
             "%s: nothing to compare is there yet: no method besides the one that all are compared "
             "with",
             from->suite->path);
    else if (!plot_open(&p, path,
                        400 + 60 * pairs + 24 * pairs * count > 900
                            ? 400 + 60 * pairs + 24 * pairs * count
                            : 900,
                        100 + 300 * METRICS, err)) {
        put_differences(p.to, from, rows, n, place, pairs, s, count);
        bad = plot_close(&p, err);
    }
    free(place);
    free(s);
    return bad;
}

/* Confidence and accuracy of each bin, over all targets, networks and seeds of a series. */
static void put_bins(FILE *f, const compare_row *rows, int n, const series *s, int k) {
    enum { BINS = 64 };
    double count[BINS] = {0}, right[BINS] = {0}, sure[BINS] = {0};
    for (int i = 0; i < n; i++) {
        if (rows[i].method != s->method || rows[i].form != s->form) continue;
        for (int j = 0; j < rows[i].n; j++) {
            const cJSON *bin;
            int b = 0;
            cJSON_ArrayForEach(bin, cJSON_GetObjectItem(rows[i].figures[j], "bins")) {
                double c = cJSON_GetNumberValue(cJSON_GetObjectItem(bin, "count"));
                if (b == BINS) break;
                count[b] += c;
                right[b] += c * cJSON_GetNumberValue(cJSON_GetObjectItem(bin, "accuracy"));
                sure[b++] += c * cJSON_GetNumberValue(cJSON_GetObjectItem(bin, "confidence"));
            }
        }
    }
    fprintf(f, "$b%d << EOD\n", k);
    for (int b = 0; b < BINS; b++)
        if (count[b] > 0)
            fprintf(f, "%.6g %.6g %.6g\n", sure[b] / count[b], right[b] / count[b], count[b]);
    fprintf(f, "EOD\n");
}

static int draw_reliability(const compare_source *from, const compare_row *rows, int n,
                            const char *path, char *err) {
    plot p;
    series *s = calloc((size_t)from->suite->n[SUITE_METHOD] * FORMS, sizeof *s);
    int count = s ? find_series(from, rows, n, 1, s) : 0, columns = count < 4 ? count : 4;
    if (!count ||
        plot_open(&p, path, 300 * columns, 300 * ((count + columns - 1) / columns), err)) {
        if (!count) fail(err, "%s: no cell is there yet", from->suite->path);
        free(s);
        return -1;
    }
    fprintf(p.to,
            "set multiplot layout %d,%d\nset xrange [0:1]\nset yrange [0:1]\nset size square\nset "
            "key off\nset grid\n"
            "set xlabel 'confidence'\nset ylabel 'accuracy'\n",
            (count + columns - 1) / columns, columns);
    for (int k = 0; k < count; k++) put_bins(p.to, rows, n, &s[k], k);
    for (int k = 0; k < count; k++) {
        fprintf(p.to, "set title '");
        put_text(p.to, s[k].name);
        fprintf(p.to,
                "' noenhanced\nplot x w l lc rgb '#888888' dt 2, $b%d u 1:2 w linespoints pt 7 ps "
                "0.8 lw 1.5 lc rgb '%s'\n",
                k, colors[k % COLORS]);
    }
    free(s);
    return plot_close(&p, err);
}

int compare_plot(const compare_source *from, const char *path, char *err) {
    char second[PATH_LEN];
    int n;
    size_t len = strlen(path), cut = len > 4 && !strcmp(path + len - 4, ".png") ? 4 : 0;
    if (len > 4000) return fail(err, "the path of the picture is too long");
    snprintf(second, sizeof second, "%.*s-reliability.png", (int)(len - cut), path);
    compare_row *rows = compare_rows(from, &n, err);
    if (!rows) return -1;
    int bad = draw_differences(from, rows, n, path, err) ||
              draw_reliability(from, rows, n, second, err);
    free(rows);
    if (!bad) printf("%s %s\n", path, second);
    return bad ? -1 : 0;
}
