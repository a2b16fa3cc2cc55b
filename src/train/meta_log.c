/* meta_log.c - see meta_log.h */
#include "train/meta_log.h"
#include "train/plot.h"
#include "train/report.h"
#include <stddef.h>
#include <string.h>

static const struct { const char *name; size_t at; } columns[] = {
    {"theta_loss", offsetof(log_row, theta_loss)}, {"phi_loss", offsetof(log_row, phi_loss)},
    {"accuracy", offsetof(log_row, accuracy)}, {"theta_gradient", offsetof(log_row, theta_gradient)},
    {"gradient", offsetof(log_row, phi_gradient)}, {"phi_norm", offsetof(log_row, phi_norm)},
    {"seconds", offsetof(log_row, seconds)},
};
enum { COLUMNS = sizeof columns / sizeof *columns, SMOOTH = 20 };

static double value(const log_row *row, int column) {
    double v;
    memcpy(&v, (const char *)row + columns[column].at, sizeof v);
    return v;
}

void meta_log_line(const log_row *row, int step, int steps, int begun, double since) {
    char eta[32];
    int done = step - begun > 0 ? step - begun : 1;
    report_duration(since / done * (steps - step), eta);
    printf("meta %d/%d: theta loss %.4f, phi loss %.4f, accuracy %.1f %%, |theta gradient| %.2e, |phi gradient| %.2e, |phi| %.4f, "
           "%.3f s/step, %s left\n", step, steps, row->theta_loss, row->phi_loss, 100 * row->accuracy, row->theta_gradient,
           row->phi_gradient, row->phi_norm, since / done, eta);
    fflush(stdout);
}

void meta_log_json(cJSON *j, const log_row *rows, int n) {
    cJSON *list = cJSON_AddArrayToObject(j, "log"), *tail = cJSON_AddObjectToObject(j, "last_tenth");
    int from = n - (n + 9) / 10;
    for (int i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "step", i + 1);
        for (int c = 0; c < COLUMNS; c++) cJSON_AddNumberToObject(o, columns[c].name, value(&rows[i], c));
        cJSON_AddItemToArray(list, o);
    }
    for (int c = 0; c < COLUMNS - 1; c++) {
        double sum = 0;
        for (int i = from; i < n; i++) sum += value(&rows[i], c);
        cJSON_AddNumberToObject(tail, columns[c].name, sum / (n - from));
    }
}

/* One column as a named data block of gnuplot: the value, and its mean over the last SMOOTH steps. */
static void put_block(FILE *f, const log_row *rows, int n, int c) {
    double sum = 0;
    fprintf(f, "$%s << EOD\n", columns[c].name);
    for (int i = 0; i < n; i++) {
        sum += value(&rows[i], c) - (i >= SMOOTH ? value(&rows[i - SMOOTH], c) : 0);
        fprintf(f, "%d %.6g %.6g\n", i + 1, value(&rows[i], c), sum / (i < SMOOTH ? i + 1 : SMOOTH));
    }
    fprintf(f, "EOD\n");
}

static const char script[] =
    "set multiplot layout 2,2\nset xlabel 'step'\n"
    "set ylabel 'loss, mean over the tasks'\nset yrange [0:*]\nset key bottom left\n"
    "plot $theta_loss u 1:2 w l lc rgb '#cccccc' notitle, $phi_loss u 1:2 w l lc rgb '#f0c0b0' notitle, \\\n"
    "  $theta_loss u 1:3 w l lw 2 lc rgb '#555555' title 'train batches (theta)', \\\n"
    "  $phi_loss u 1:3 w l lw 2 lc rgb '#c03010' title 'validation batches (phi)'\n"
    "set ylabel 'accuracy on validation batches, %'\nset key bottom right\n"
    "plot $accuracy u 1:($2*100) w l lc rgb '#f0c0b0' notitle, \\\n"
    "  $accuracy u 1:($3*100) w l lw 2 lc rgb '#c03010' title 'mean of 20 steps'\n"
    "set ylabel 'L2 norm of the gradient'\nset logscale y\nset yrange [*:*]\nset format y '10^{%T}'\nset key top right\n"
    "plot $theta_gradient u 1:3 w l lw 2 lc rgb '#555555' title 'theta', $gradient u 1:3 w l lw 2 lc rgb '#c03010' title 'phi'\n"
    "unset logscale y\nset format y '%g'\nset ylabel 'L2 norm of phi'\nset yrange [0:*]\nset key off\n"
    "plot $phi_norm u 1:2 w l lw 2 lc rgb '#2060b0'\n";

void meta_log_draw(const char *json_path, const log_row *rows, int n) {
    static int told;
    char path[4096], err[ERR_LEN];
    plot p;
    if (!json_path || n < 2 || told) return;
    size_t len = strlen(json_path), cut = len > 5 && !strcmp(json_path + len - 5, ".json") ? 5 : 0;
    if (len > sizeof path - 8) return;
    snprintf(path, sizeof path, "%.*s.png", (int)(len - cut), json_path);
    int bad = plot_open(&p, path, 1100, 800, err);
    if (!bad) {
        for (int c = 0; c < COLUMNS - 1; c++) put_block(p.to, rows, n, c);
        fputs(script, p.to);
        bad = plot_close(&p, err);
    }
    if (!bad) return;
    told = 1;
    fprintf(stderr, "metaperturb: %s\n", err);
}
