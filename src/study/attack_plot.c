/* attack_plot.c - accuracy over the attack's radius, of this run and of earlier ones beside it. */
#include "study/attack.h"
#include "base/files.h"
#include "train/plot.h"
#include "train/report.h"
#include <cjson/cJSON.h>

enum { CURVES = 8 };
static const char *const colors[CURVES] = {"#c03010", "#555555", "#2060b0", "#208040",
                                           "#8040a0", "#c08000", "#10a0a0", "#d060a0"};

/* Lines "eps accuracy transfer" of one run. -1: its file holds no such run. */
static int put_file(FILE *f, const cJSON *run) {
    const cJSON *r, *rows = cJSON_GetObjectItem(run, "rows");
    int n = 0;
    cJSON_ArrayForEach(r, rows) {
        const cJSON *e = cJSON_GetObjectItem(r, "eps"), *p = cJSON_GetObjectItem(r, "top1"),
                    *t = cJSON_GetObjectItem(r, "transfer_top1");
        if (!cJSON_IsNumber(e) || !cJSON_IsNumber(p)) return -1;
        fprintf(f, "%.6g %.6g ", e->valuedouble, 100 * p->valuedouble);
        if (cJSON_IsNumber(t))
            fprintf(f, "%.6g\n", 100 * t->valuedouble);
        else
            fprintf(f, "NaN\n");
        n++;
    }
    return n ? 0 : -1;
}

/* The runs in a->beside as curves 1.., their names into name. Their number, or -1 and err. */
static int put_beside(FILE *f, const attack_args *a, char name[CURVES][64], char *err) {
    const char *p = a->beside;
    int n = 1;
    while (p && *p) {
        char path[PATH_LEN];
        size_t len = strcspn(p, ",");
        if (n == CURVES || len >= sizeof path)
            return fail(err, "-beside: at most %d runs fit into a picture", CURVES - 1);
        snprintf(path, sizeof path, "%.*s", (int)len, p);
        size_t size;
        char *text = (char *)file_slurp(path, &size, err);
        if (!text) return -1;
        cJSON *run = cJSON_Parse(text);
        free(text);
        const char *norm = cJSON_GetStringValue(cJSON_GetObjectItem(run, "norm")),
                   *mine = a->norm ? a->norm : "linf";
        fprintf(f, "$c%d << EOD\n", n);
        int bad = !norm || put_file(f, run);
        fprintf(f, "EOD\n");
        snprintf(name[n], sizeof name[n], "%.63s", path_name(path));
        name[n][strcspn(name[n], ".")] = 0;
        if (bad)
            fail(err, "%s: no results of `classifier attack -json`", path);
        else if ((bad = strcmp(norm, mine)))
            fail(err, "%s: an attack in %s, this one is in %s: they share no axis", path, norm,
                 mine);
        cJSON_Delete(run);
        if (bad) return -1;
        n++;
        p += len + (p[len] == ',');
    }
    return n;
}

int attack_plot_check(const attack_args *a, char *err) {
    char name[CURVES][64];
    FILE *nowhere = fopen("/dev/null", "w");
    if (!nowhere) return fail(err, "/dev/null cannot be opened");
    int curves = put_beside(nowhere, a, name, err);
    fclose(nowhere);
    return curves < 0 ? -1 : 0;
}

int attack_plot(const attack_args *a, const attack_row *rows, int n, char *err) {
    char name[CURVES][64] = {""};
    plot p;
    snprintf(name[0], sizeof name[0], "%.63s", path_name(a->c.json ? a->c.json : a->c.cfg));
    name[0][strcspn(name[0], ".")] = 0;
    if (plot_open(&p, a->plot, 700, 450, err)) return -1;
    fprintf(p.to, "$c0 << EOD\n");
    for (int k = 0; k < n; k++) {
        fprintf(p.to, "%.6g %.6g ", rows[k].eps, 100 * rows[k].top1);
        if (rows[k].transfer_top1 >= 0)
            fprintf(p.to, "%.6g\n", 100 * rows[k].transfer_top1);
        else
            fprintf(p.to, "NaN\n");
    }
    fprintf(p.to, "EOD\n");
    int curves = put_beside(p.to, a, name, err);
    if (curves < 0) {
        plot_abort(&p);
        return -1;
    }
    fprintf(p.to,
            "set xlabel 'eps (%s)'\nset ylabel 'top-1 under attack, %%'\nset yrange [0:*]\nset key "
            "outside right noenhanced\nplot ",
            a->norm ? a->norm : "linf");
    for (int k = 0; k < curves; k++) {
        fprintf(p.to,
                "%s$c%d u 1:2 w linespoints pt 7 ps 0.7 lw 1.5 lc rgb '%s' title \"%s\", $c%d u "
                "1:3 w l dt 2 lw 1.5 lc rgb '%s' notitle",
                k ? ", " : "", k, colors[k], name[k], k, colors[k]);
    }
    fputc('\n', p.to);
    return plot_close(&p, err);
}
