/* meta_log.c - see meta_log.h. Means over the tasks, but for phi's own gradient, which is one. */
#include "train/meta_log.h"
#include "train/meta_age.h"
#include "train/plot.h"
#include "train/ranks.h"
#include "train/report.h"

static const char *const columns[] = {"theta_loss", "phi_loss", "accuracy", "theta_gradient",
                                      "gradient",   "phi_norm", "direct",   "mixed"};
enum {
    THETA_LOSS,
    PHI_LOSS,
    ACCURACY,
    THETA_GRADIENT,
    GRADIENT,
    PHI_NORM,
    DIRECT,
    MIXED,
    COLUMNS,
    MEAN_STEPS = 20
};

/* direct and mixed belong to lookahead=. */
static int columns_of(const meta_run *r) { return r->m->lookahead ? COLUMNS : DIRECT; }

/* The two parts of phi's gradient, as means over the tasks: their norms. */
static void parts(const meta_run *r, double *direct, double *mixed) {
    double a[PHI_LEN] = {0}, b[PHI_LEN] = {0};
    for (int k = 0; k < r->n; k++)
        for (int i = 0; i < PHI_LEN; i++) {
            a[i] += r->rows[k].gradient[i] / r->n;
            b[i] += r->rows[k].mixed[i] / r->n;
        }
    *direct = meta_log_norm(a);
    *mixed = meta_log_norm(b);
}

void meta_log_step(meta_run *r, double gradient) {
    double v[COLUMNS] = {0}, seconds = r->before + report_now() - r->start;
    for (int k = 0; k < r->n; k++) {
        const meta_row *row = &r->rows[k];
        v[THETA_LOSS] += row->theta_loss / r->n;
        v[PHI_LOSS] += row->phi_loss / r->n;
        v[ACCURACY] += row->accuracy / r->n;
        v[THETA_GRADIENT] += row->theta_gradient / r->n;
    }
    v[GRADIENT] = gradient;
    v[PHI_NORM] = meta_log_norm_float(r->phi);
    parts(r, &v[DIRECT], &v[MIXED]);
    if (r->m->restart) meta_age_add(r);
    if (ranks_id() == 0 && report_due(r->step, r->steps, &r->last_line)) {
        char eta[32], both[64] = "";
        report_duration(seconds / r->step * (r->steps - r->step), eta);
        if (r->m->lookahead)
            snprintf(both, sizeof both, " (direct %.2e, mixed %.2e)", v[DIRECT], v[MIXED]);
        printf("meta %d/%d: theta loss %.4f, phi loss %.4f, accuracy %.1f %%, |theta gradient| "
               "%.2e, |phi gradient| %.2e%s, |phi| %.4f, "
               "%.3f s/step, %s left\n",
               r->step, r->steps, v[THETA_LOSS], v[PHI_LOSS], 100 * v[ACCURACY], v[THETA_GRADIENT],
               v[GRADIENT], both, v[PHI_NORM], seconds / r->step, eta);
        if (r->m->restart) meta_age_print(r);
        fflush(stdout);
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "step", r->step);
    for (int c = 0; c < columns_of(r); c++) cJSON_AddNumberToObject(o, columns[c], v[c]);
    cJSON_AddNumberToObject(o, "seconds", seconds);
    if (r->m->restart) cJSON_AddItemToObject(o, "ages", meta_age_json(r));
    cJSON_AddItemToArray(r->log, o);
}

static double value(const cJSON *row, int column) {
    return cJSON_GetNumberValue(cJSON_GetObjectItem(row, columns[column]));
}

void meta_log_end(meta_run *r) {
    int n = cJSON_GetArraySize(r->log), from = n - (n + 9) / 10, i = 0;
    double sum[COLUMNS] = {0};
    const cJSON *row = NULL, *last = NULL;
    cJSON_ArrayForEach(row, r->log) {
        for (int c = 0; i >= from && c < columns_of(r); c++) sum[c] += value(row, c);
        i++;
        last = row;
    }
    cJSON_AddNumberToObject(r->json, "step", r->step);
    cJSON_AddNumberToObject(r->json, "loss", value(last, PHI_LOSS));
    cJSON *tail = cJSON_AddObjectToObject(r->json, "last_tenth");
    for (int c = 0; c < columns_of(r); c++)
        cJSON_AddNumberToObject(tail, columns[c], sum[c] / (n - from));
    if (r->m->restart) cJSON_AddItemToObject(tail, "ages", meta_age_means(r, from));
}

/* One column as a named data block of gnuplot: the value, and its mean over the last MEAN_STEPS
 * steps. */
static void put_block(FILE *f, const cJSON *log, int c) {
    double ring[MEAN_STEPS] = {0}, sum = 0;
    int i = 0;
    const cJSON *row;
    fprintf(f, "$%s << EOD\n", columns[c]);
    cJSON_ArrayForEach(row, log) {
        double v = value(row, c);
        sum += v - ring[i % MEAN_STEPS];
        ring[i++ % MEAN_STEPS] = v;
        fprintf(f, "%g %.6g %.6g\n", cJSON_GetNumberValue(cJSON_GetObjectItem(row, "step")), v,
                sum / (i < MEAN_STEPS ? i : MEAN_STEPS));
    }
    fprintf(f, "EOD\n");
}

static const char both_parts[] =
    ", $direct u 1:3 w l lc rgb '#2060b0' title 'direct', $mixed u 1:3 w l lc rgb '#30a050' title "
    "'mixed'";
static const char script[] =
    "set multiplot layout 2,2\nset xlabel 'step'\n"
    "set ylabel 'loss, mean over the tasks'\nset yrange [0:*]\nset key bottom left\n"
    "plot $theta_loss u 1:2 w l lc rgb '#cccccc' notitle, $phi_loss u 1:2 w l lc rgb '#f0c0b0' "
    "notitle, \\\n"
    "  $theta_loss u 1:3 w l lw 2 lc rgb '#555555' title 'train batches (theta)', \\\n"
    "  $phi_loss u 1:3 w l lw 2 lc rgb '#c03010' title 'validation batches (phi)'\n"
    "set ylabel 'accuracy on validation batches, %%'\nset key bottom right\n"
    "plot $accuracy u 1:($2*100) w l lc rgb '#f0c0b0' notitle, \\\n"
    "  $accuracy u 1:($3*100) w l lw 2 lc rgb '#c03010' title 'mean of 20 steps'\n"
    "set ylabel 'L2 norm of the gradient'\nset logscale y\nset yrange [*:*]\nset format y "
    "'10^{%%T}'\nset key top right\n"
    "plot $theta_gradient u 1:3 w l lw 2 lc rgb '#555555' title 'theta', $gradient u 1:3 w l lw 2 "
    "lc rgb '#c03010' title 'phi'%s\n"
    "unset logscale y\nset format y '%%g'\nset ylabel 'L2 norm of phi'\nset yrange [0:*]\nset key "
    "off\n"
    "plot $phi_norm u 1:2 w l lw 2 lc rgb '#2060b0'\n";

void meta_log_draw(const meta_run *r) {
    static int told;
    char path[PATH_LEN], err[ERR_LEN];
    const char *json = r->a->json;
    plot p;
    if (!json || ranks_id() != 0 || r->step < 2 || told) return;
    size_t len = strlen(json), cut = len > 5 && !strcmp(json + len - 5, ".json") ? 5 : 0;
    if (len > sizeof path - 8) return;
    snprintf(path, sizeof path, "%.*s.png", (int)(len - cut), json);
    int bad = plot_open(&p, path, 1100, 800, err);
    if (!bad) {
        for (int c = 0; c < columns_of(r); c++) put_block(p.to, r->log, c);
        fprintf(p.to, script, r->m->lookahead ? both_parts : "");
        bad = plot_close(&p, err);
    }
    if (!bad) return;
    told = 1;
    fprintf(stderr, "metaperturb: %s\n", err);
}
