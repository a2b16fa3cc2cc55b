/* phi_plot.c - the pictures of `phi plot`; see phi_tool.h. */
#include "host/phi.h"
#include "tools/phi_measure.h"
#include "tools/phi_tool.h"
#include "train/plot.h"
#include <math.h>

static const char diverging[] =
    "set palette defined (-1 '#2060b0', -0.5 '#90b8e0', 0 '#ffffff', 0.5 '#f0a890', 1 '#c03010')\n";
static const char sequential[] =
    "set palette defined (0 '#ffffff', 1 '#f0d890', 2 '#c03010', 3 '#400808')\n";

/* ---- kernels and responses ---- */

/* Eight tiles of 3 x 3 in one row, a column of nothing between them, and each number in its cell.
 */
static void put_kernels(FILE *f, const float *phi) {
    static const char *const names[] = {"E1 self", "E1 all", "E2 self", "E2 all",
                                        "K1",      "K2",     "K3",      "K4"};
    double most = 1e-6;
    for (int i = 0; i < 72; i++) most = fmax(most, fabs((double)phi[i]));
    fprintf(f,
            "%sset cbrange [%g:%g]\nset size 1,0.36\nset origin 0,0.62\nunset border\nunset "
            "grid\nunset tics\n"
            "set colorbox\nset cbtics\nset xrange [-0.6:30.6]\nset yrange [3.2:-0.8]\nset lmargin "
            "2\nset title 'kernels'\n",
            diverging, -most, most);
    for (int k = 0; k < 8; k++) {
        fprintf(f,
                "set label %d '%s' at %d,-0.8 center front\nset object %d rect from %g,-0.5 to "
                "%g,2.5 fs empty border lc rgb "
                "'#888888' front\n",
                k + 1, names[k], 4 * k + 1, k + 1, 4 * k - 0.5, 4 * k + 2.5);
    }
    fprintf(f, "plot '-' u 1:2:3 w image notitle, '-' u 1:2:3 w labels font ',7' notitle\n");
    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < 3; y++) {
            for (int x = 0; x < 31; x++) {
                if (x % 4 < 3)
                    fprintf(f, pass ? "%d %d %.2f\n" : "%d %d %.9g\n", x, y,
                            (double)phi[9 * (x / 4) + 3 * y + x % 4]);
                else if (!pass)
                    fprintf(f, "%d %d NaN\n", x, y);
            }
        }
        fprintf(f, "e\n");
    }
    for (int k = 1; k <= 8; k++) fprintf(f, "unset label %d\nunset object %d\n", k, k);
    fprintf(f, "set border 3\nset tics\nset grid lt 1 lc rgb '#dddddd'\nunset colorbox\nunset "
               "lmargin\nset autoscale x\n");
}

static void put_noise(FILE *f, const float *phi) {
    fprintf(f, "set size 0.5,0.6\nset origin 0,0\nset title 'noise z = softplus(alpha + eps): "
               "mean, and one sd either way'\n"
               "set xlabel 'value of a flat feature map'\nset ylabel 'z'\nset yrange [0:*]\nset "
               "key top left\n"
               "set style fill transparent solid 0.25 noborder\n"
               "plot '-' u 1:2:3 w filledcurves lc rgb '#c03010' notitle, '-' u 1:2:3 w "
               "filledcurves lc rgb '#2060b0' notitle, "
               "'-' u 1:2 w l lw 2 lc rgb '#c03010' title 'all channels alike', "
               "'-' u 1:2 w l lw 2 lc rgb '#2060b0' title 'this channel alone'\n");
    for (int curve = 0; curve < 4; curve++) {
        for (int i = -30; i <= 60; i++) {
            double v = i / 10.0;
            noise_moments z = phi_noise(phi_flat_alpha(phi, v, curve % 2 ? 0 : v));
            if (curve < 2)
                fprintf(f, "%g %g %g\n", v, fmax(z.mean - z.sd, 0), z.mean + z.sd);
            else
                fprintf(f, "%g %g\n", v, z.mean);
        }
        fprintf(f, "e\n");
    }
}

static void put_scale(FILE *f, const float *phi) {
    static const struct {
        double c, h;
        const char *color;
    } at[] = {{0.25, 1, "#c03010"}, {0.5, 0.5, "#2060b0"}, {1, 0.25, "#208040"}};
    fprintf(f, "set size 0.5,0.6\nset origin 0.5,0\nset title 'scale s of a channel'\nset ylabel "
               "'s'\nset yrange [0:1]\n"
               "set key bottom left\nplot ");
    for (int k = 0; k < 3; k++) {
        fprintf(f, "'-' u 1:2 w l lw 2 lc rgb '%s' title 'C/C_{norm} = %g, H/H_{norm} = %g'%s",
                at[k].color, at[k].c, at[k].h, k < 2 ? ", " : "\n");
    }
    for (int k = 0; k < 3; k++) {
        for (int i = -30; i <= 60; i++)
            fprintf(f, "%g %g\n", i / 10.0, phi_flat_scale(phi, i / 10.0, at[k].c, at[k].h));
        fprintf(f, "e\n");
    }
}

static int draw_phi(const float *phi, const char *path, char *err) {
    plot p;
    if (plot_open(&p, path, 1200, 800, err)) return -1;
    fprintf(p.to, "set multiplot\n");
    put_kernels(p.to, phi);
    put_noise(p.to, phi);
    put_scale(p.to, phi);
    return plot_close(&p, err);
}

/* ---- feature maps ---- */

enum { ROWS = 4, COLUMNS = 3 * PHI_MAPS_EACH, CELL = 190, CELL_HIGH = 208, LEFT = 60, TOP = 30 };

static double largest(const float *a, const float *b, size_t n) {
    double most = 1e-6;
    for (size_t i = 0; i < n; i++) most = fmax(most, fmax(fabs((double)a[i]), fabs((double)b[i])));
    return most;
}

static void put_map(FILE *f, const float *map, int w, int h) {
    fprintf(f, "plot '-' matrix w image notitle\n");
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            fprintf(f, "%.5g%c", (double)map[y * w + x], x + 1 < w ? ' ' : '\n');
    fprintf(f, "e\n");
}

static void put_row(FILE *f, const phi_map *maps, int row, int rows) {
    double width = LEFT + COLUMNS * CELL, height = TOP + rows * CELL_HIGH,
           bottom = (rows - 1 - row) * CELL_HIGH;
    fprintf(f, "set label 1 'layer %d, %dx%d' at screen %g,%g center rotate by 90\n", maps->layer,
            maps->w, maps->h, 25 / width, (bottom + 0.5 * CELL_HIGH) / height);
    for (int k = 0; k < PHI_MAPS_EACH; k++) {
        const phi_map *m = &maps[k];
        const float *part[3] = {m->before, m->multiplier, m->after};
        static const char *const what[] = {"before", "s z", "after"};
        double range = largest(m->before, m->after, (size_t)m->w * (size_t)m->h);
        for (int i = 0; i < 3; i++) {
            fprintf(
                f, "set origin %g,%g\nset size %g,%g\nset xrange [-0.5:%g]\nset yrange [%g:-0.5]\n",
                (LEFT + (3 * k + i) * CELL) / width, bottom / height, CELL / width,
                CELL_HIGH / height, m->w - .5, m->h - .5);
            fprintf(f, "set title '%s, channel %d' font ',9'\n", what[i], m->channel);
            fprintf(f, i == 1 ? "%sset cbrange [0:2]\n" : "%sset cbrange [%g:%g]\n",
                    i == 1 ? sequential : diverging, -range, range);
            put_map(f, part[i], m->w, m->h);
            fprintf(f, "unset label\n");
        }
    }
}

static int draw_maps(const phi_measured *m, const char *path, char *err) {
    plot p;
    int rows = m->layers < ROWS ? m->layers : ROWS, high = TOP + rows * CELL_HIGH;
    if (plot_open(&p, path, LEFT + COLUMNS * CELL, high, err)) return -1;
    fprintf(p.to, "set multiplot\nunset tics\nunset grid\nset border 15 lc rgb '#888888'\nunset "
                  "colorbox\nset lmargin 0.5\n"
                  "set rmargin 0.5\nset tmargin 1.6\nset bmargin 0.4\n");
    fprintf(p.to,
            "set label 100 'before, after: blue below 0, red above, one range for both; s z: white "
            "0, red 1.3, dark 2' "
            "at screen 0.5,%g center\n",
            1 - 15.0 / high);
    /* From the first layer to the last, evenly. */
    for (int r = 0; r < rows; r++) {
        int k = rows > 1 ? r * (m->layers - 1) / (rows - 1) : 0;
        put_row(p.to, &m->map[k * PHI_MAPS_EACH], r, rows);
    }
    return plot_close(&p, err);
}

/* NAME.png -> NAME-maps.png; out NULL: PHI.phi -> PHI.png. */
static int names(const char *phi, const char *out, char first[PATH_LEN], char second[PATH_LEN],
                 char *err) {
    const char *from = out ? out : phi, *end = out ? ".png" : ".phi";
    size_t n = strlen(from), cut = n > 4 && !strcmp(from + n - 4, end) ? 4 : 0;
    if (n > 4000) return fail(err, "the path of the picture is too long");
    snprintf(first, PATH_LEN, "%.*s.png", (int)(n - cut), from);
    snprintf(second, PATH_LEN, "%.*s-maps.png", (int)(n - cut), from);
    return 0;
}

int phi_plot(const session_args *a, const char *out, char *err) {
    float phi[PHI_LEN];
    char first[PATH_LEN], second[PATH_LEN];
    phi_measured m = {0};
    if (phi_read(a->phi, phi, err) || names(a->phi, out, first, second, err)) return -1;
    int bad = a->cfg ? phi_measure(a, &m, err) : 0;
    if (!bad) bad = draw_phi(phi, first, err);
    if (!bad && a->cfg) bad = draw_maps(&m, second, err);
    if (!bad) printf("%s%s%s\n", first, a->cfg ? " " : "", a->cfg ? second : "");
    phi_measured_free(&m);
    return bad;
}
