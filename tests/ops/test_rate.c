/* test_rate.c - learning rates: numbers worked out by hand, and those of the fork's table that are
 * of sgdr. */
#include "fork_vectors.h"
#include "ops/rate.h"

static int is(float got, double want) { return fabs((double)got - want) <= 1e-6 * fabs(want); }

static void burn_in(void) {
    rate_plan p = rate_default();
    p.rate = 0.2f, p.burn_in = 10;
    CHECK(rate_at(&p, 0) == 0 && is(rate_at(&p, 5), 0.2 / 16) && rate_at(&p, 10) == 0.2f,
          "burn-in");
    p.power = 1;
    CHECK(is(rate_at(&p, 5), 0.1), "burn-in of power 1");
}

/* Cycles of 4, 8, 16: the half of one is halfway, its end the least, one later the next has begun.
 */
static void sgdr(void) {
    rate_plan p = rate_default();
    p.rate = 0.3f, p.least = 0.1f, p.sgdr_cycle = 4, p.max_batches = 100;
    CHECK(is(rate_at(&p, 0), 0.3) && is(rate_at(&p, 2), 0.2) && is(rate_at(&p, 4), 0.1), "cycle 1");
    CHECK(is(rate_at(&p, 5), 0.2 + 0.1 * cos(acos(-1.0) / 8)), "a restart");
    CHECK(is(rate_at(&p, 8), 0.2) && is(rate_at(&p, 12), 0.1) && is(rate_at(&p, 20), 0.2), "2, 3");
    p.sgdr_mult = 0;
    CHECK(is(rate_at(&p, 6), 0.2) && is(rate_at(&p, 4002), 0.2), "cycles that do not grow");
    p.sgdr_cycle = 0;
    CHECK(is(rate_at(&p, 50), 0.2) && is(rate_at(&p, 100), 0.1), "one cycle by default");
    p.max_batches = 0;
    CHECK(rate_at(&p, 7) == 0.3f, "no length at all");
}

/* ---- the fork's table ----------------------------------------------------------------------- */

enum { MOST = 32 };
/* 0: of a policy that the host has. */
static int read_column(rate_plan *p, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "F_learning_rate/%s.cfg", name);
    char *cfg = fork_text(path);
    int ours = !strcmp(fork_key(cfg, "policy", "constant"), "sgdr");
    *p = rate_default();
    const struct {
        const char *key;
        float *to;
    } reals[] = {
        {"learning_rate", &p->rate}, {"learning_rate_min", &p->least}, {"power", &p->power}};
    const struct {
        const char *key;
        int *to;
    } wholes[] = {{"burn_in", &p->burn_in},
                  {"max_batches", &p->max_batches},
                  {"sgdr_cycle", &p->sgdr_cycle},
                  {"sgdr_mult", &p->sgdr_mult}};
    for (int i = 0; i < 3; i++) {
        const char *real = fork_key(cfg, reals[i].key, NULL);
        if (real) *reals[i].to = (float)atof(real);
    }
    for (int i = 0; i < 4; i++) {
        const char *whole = fork_key(cfg, wholes[i].key, NULL);
        if (whole) *wholes[i].to = atoi(whole);
    }
    free(cfg);
    return ours;
}

static void fork_table(void) {
    static rate_plan plans[MOST];
    char *text = fork_text("F_learning_rate/rates.tsv"), *at = text, *f[MOST], name[MOST][128];
    int n = fork_row(&at, f, MOST), rows = 0, ours[MOST], looked = 0;
    double worst[MOST] = {0};
    for (int i = 1; i < n; i++) {
        snprintf(name[i], sizeof *name, "%s", f[i]);
        looked += ours[i] = read_column(&plans[i], f[i]);
    }
    for (; fork_row(&at, f, MOST) == n; rows++) {
        for (int i = 1; i < n; i++) {
            double want = atof(f[i]), got = (double)rate_at(&plans[i], atol(f[0]));
            double e = fabs(got - want) / fmax(fabs(want), 1e-20);
            if (ours[i] && !(e <= worst[i])) worst[i] = e;
        }
    }
    CHECK(n == 14 && rows == 65 && looked > 1, "%d columns, %d rows, %d of sgdr", n, rows, looked);
    for (int i = 1; i < n; i++)
        CHECK(worst[i] <= 1e-6, "%s: %.1e from the fork's", name[i], worst[i]);
    free(text);
}

int main(void) {
    burn_in();
    sgdr();
    if (fork_there("F_learning_rate"))
        fork_table();
    else
        SKIP("the fork's rates: %s is not here", fork_path("F_learning_rate"));
    return t_done("test_rate");
}
