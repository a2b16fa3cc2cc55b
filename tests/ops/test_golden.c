/* test_golden.c - the perturbation against vectors that the authors' own module computed in double
 * precision.
 *
 * They lie in ../shared/golden (or $MP_SHARED/golden), 19 cases, each a folder with a manifest;
 * without them: a counted skip. */
#include "layout.h"
#include "test.h"
#include "ops/perturb.h"
#include <dirent.h>
#include <omp.h>

static char root[4096];

static float *read_all(const char *dir, const char *name, size_t bytes, size_t n) {
    char path[8192];
    snprintf(path, sizeof path, "%s/%s/%s.bin", root, dir, name);
    FILE *f = fopen(path, "rb");
    void *p = calloc(n ? n : 1, bytes);
    size_t got = f && p ? fread(p, bytes, n, f) : 0;
    if (f) fclose(f);
    if (got != n) {
        CHECK(0, "%s: %zu of %zu numbers", path, got, n);
        exit(t_done("test_golden"));
    }
    return p;
}

static double number(const char *dir, const char *key, double none) {
    char path[8192], line[4096], k[256], v[256];
    double out = none;
    snprintf(path, sizeof path, "%s/%s/manifest.txt", root, dir);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%255s %255s", k, v) == 2 && !strcmp(k, key))
            out = v[0] == 'n' || v[0] == 'N' ? none : atof(v);
    }
    if (f) fclose(f);
    return out;
}

static void compare(const char *dir, const char *name, const float *got, size_t n,
                    int must_be_zero) {
    char full[256];
    snprintf(full, sizeof full, "%s_f64", name);
    double *want = (double *)(void *)read_all(dir, full, 8, n), biggest = 0;
    for (size_t i = 0; i < n; i++) biggest = fmax(biggest, fabs(want[i]));
    if (must_be_zero) CHECK(biggest == 0, "%s %s: expected zeros in the reference", dir, name);
    double e = t_rel(got, want, n);
    CHECK(e <= 1e-5, "%s %s: relative error %.2e", dir, name, e);
    free(want);
}

static void one_case(const char *dir) {
    shape4 s = {(int)number(dir, "B", 0), (int)number(dir, "H", 0), (int)number(dir, "W", 0),
                (int)number(dir, "C", 0)};
    size_t n = shape_len(s), c4 = 4 * (size_t)s.c;
    int train = (int)number(dir, "train", 0);
    static const struct {
        const char *name;
        int at, len;
    } parts[] = {
        {"phi_1_w_identity", PHI_E1_SELF, 9},
        {"phi_1_w_all", PHI_E1_ALL, 9},
        {"phi_2_w_identity", PHI_E2_SELF, 9},
        {"phi_2_w_all", PHI_E2_ALL, 9},
        {"phi_kernel", PHI_K, 36},
        {"phi_fc_weight", PHI_W, 10},
    };
    static const char *grads[] = {"grad_phi_1_w_identity", "grad_phi_1_w_all",
                                  "grad_phi_2_w_identity", "grad_phi_2_w_all",
                                  "grad_kernel",           "grad_fc_weight"};
    float phi[PHI_LEN], gphi[PHI_LEN], *buf = calloc(n, sizeof *buf);
    double dphi[PHI_LEN] = {0};
    for (int i = 0; i < 6; i++) {
        float *p = read_all(dir, parts[i].name, 4, (size_t)parts[i].len);
        memcpy(phi + parts[i].at, p, sizeof *p * (size_t)parts[i].len);
        free(p);
    }
    float *in[3], *nchw[3];
    const char *names[3] = {"x", "eps", "probe"};
    for (int i = 0; i < 3; i++) {
        nchw[i] = read_all(dir, names[i], 4, n);
        in[i] = malloc(n * sizeof *in[i]);
        to_nhwc(in[i], nchw[i], s);
    }
    float *rm = read_all(dir, "running_mean_before", 4, c4),
          *rv = read_all(dir, "running_var_before", 4, c4);
    float *rv0 = malloc(c4 * sizeof *rv0);
    memcpy(rv0, rv, c4 * sizeof *rv0);
    perturb_args a = {
        .s = s,
        .c_feature = (float)(s.c / number(dir, "channel_norm_factor", 1)),
        .h_feature = (float)(s.h / number(dir, "spatial_norm_factor", 1)),
        .t = (float)number(dir, "noise_coeff", 1),
        .clip = (float)number(dir, "clipval", INFINITY),
        .slope = 1,
        .noise = PERTURB_NOISE_SAMPLE,
        .scale = 1,
        .batch_stats = train,
        .momentum = 0.1f,
        .eps = in[1],
    };
    float *y = malloc(n * sizeof *y), *dx = malloc(n * sizeof *dx),
          *tape = malloc(perturb_tape_len(s) * sizeof *tape);
    float *scratch = malloc(perturb_scratch_len(s, omp_get_max_threads()) * sizeof *scratch);
    perturb_forward(y, tape, rm, rv, in[0], phi, &a, scratch);
    perturb_backward(dx, 0, dphi, in[2], tape, in[0], phi, &a, scratch);
    to_nchw(buf, y, s);
    compare(dir, "out", buf, n, 0);
    to_nchw(buf, dx, s);
    compare(dir, "grad_x", buf, n, 0);
    for (int i = 0; i < PHI_LEN; i++) gphi[i] = (float)dphi[i];
    for (int i = 0; i < 6; i++)
        compare(dir, grads[i], gphi + parts[i].at, (size_t)parts[i].len, !train && i == 4);
    compare(dir, "running_mean_after", rm, c4, 0);
    /* The authors correct the variance twice: running' = .9 before + .1 v B/(B-1), with v unbiased
     * already. */
    double B = s.n;
    for (size_t i = 0; train && i < c4; i++) {
        double v10 = (double)rv[i] - 0.9 * (double)rv0[i];
        rv[i] = (float)(0.9 * (double)rv0[i] + v10 * B / (B - 1));
    }
    compare(dir, "running_var_after", rv, c4, 0);
    for (int i = 0; i < 3; i++) {
        free(in[i]);
        free(nchw[i]);
    }
    free(rm);
    free(rv);
    free(rv0);
    free(y);
    free(dx);
    free(tape);
    free(scratch);
    free(buf);
}

int main(void) {
    const char *shared = getenv("MP_SHARED");
    snprintf(root, sizeof root, "%s/golden", shared ? shared : "../shared");
    struct dirent **list;
    int n = scandir(root, &list, NULL, alphasort), cases = 0;
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] == 'c') {
            one_case(list[i]->d_name);
            cases++;
        }
        free(list[i]);
    }
    if (n >= 0) free(list);
    if (cases == 0)
        SKIP("golden vectors: none under %s", root);
    else
        CHECK(cases == 19, "%d cases, 19 expected", cases);
    return t_done("test_golden");
}
