/* chart.c - see chart.h */
#include "train/chart.h"
#include "train/plot.h"
#include "train/report.h"
#include <math.h>

static double number(const cJSON *o, const char *key) {
    const cJSON *v = cJSON_GetObjectItem(o, key);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static void columns(FILE *f, const cJSON *list, const char *key, double factor) {
    const cJSON *o;
    cJSON_ArrayForEach(o, list) fprintf(f, "%.0f %g\n", number(o, "step"), factor * number(o, key));
    fputs("e\n", f);
}

/* The first losses are a hundred times the later ones: the axis ends a little above what nine in
 * ten are below. */
static double top_of(const cJSON *log) {
    double top = 0;
    int n = cJSON_GetArraySize(log), left = n / 10;
    for (int again = 0; again <= left; again++) {
        double below = again ? top : INFINITY, most = 0;
        const cJSON *o;
        cJSON_ArrayForEach(o, log) {
            double v = number(o, "average");
            if (v < below && v > most) most = v;
        }
        if (most > 0) top = most;
    }
    return 1.2 * top;
}

int chart_draw(const loop *l, const char *path, char *err) {
    plot p;
    char left[32];
    const cJSON *o, *last = NULL;
    double done = (double)(l->step - l->first), best = -1;
    if (done <= 0 || !cJSON_GetArraySize(l->log)) return 0;
    report_duration((report_now() - l->start) / done * (double)(l->steps - l->step), left);
    cJSON_ArrayForEach(o, l->log) last = o;
    cJSON_ArrayForEach(o, l->valids) best = fmax(best, number(o, "map50"));
    if (plot_open(&p, path, 900, 600, err)) return -1;
    fprintf(p.to, "set title \"step %ld of %ld, average loss %.4g%s", l->step, l->steps,
            number(last, "average"), best >= 0 ? ", best mAP " : "");
    if (best >= 0) fprintf(p.to, "%.1f %%", 100 * best);
    fprintf(p.to, ", %s left\" noenhanced\n", left);
    fprintf(p.to,
            "set xlabel 'step'\nset ylabel 'average loss'\nset xrange [0:%ld]\nset yrange [0:%g]\n"
            "set y2label 'mAP at IoU 0.50, %%'\nset y2range [0:100]\nset y2tics\n"
            "plot '-' with lines lw 2 lc rgb '#3060c0' title 'loss', "
            "'-' axes x1y2 with linespoints lw 2 pt 7 lc rgb '#c03030' title 'mAP'\n",
            l->steps, top_of(l->log));
    columns(p.to, l->log, "average", 1);
    if (cJSON_GetArraySize(l->valids))
        columns(p.to, l->valids, "map50", 100);
    else
        fputs("0 0\ne\n", p.to);
    return plot_close(&p, err);
}
