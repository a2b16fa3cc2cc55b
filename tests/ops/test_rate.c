/* test_rate.c - learning rates: numbers worked out by hand, and the fork's table of 13 cfgs. */
#include "fork_vectors.h"
#include "ops/rate.h"

static int is(float got, double want) { return fabs((double)got - want) <= 1e-6 * fabs(want); }

static void by_hand(void) {
    static const int steps[] = {10, 20, 20};
    static const float scales[] = {0.5f, 0.1f, 4};
    rate_plan p = rate_default();
    p.rate = 0.2f;
    CHECK(rate_at(&p, 0) == 0.2f && rate_at(&p, 1000000) == 0.2f, "constant");
    p.burn_in = 10;
    CHECK(rate_at(&p, 0) == 0 && is(rate_at(&p, 5), 0.2 / 16) && rate_at(&p, 10) == 0.2f,
          "burn-in");
    p.power = 1;
    CHECK(is(rate_at(&p, 5), 0.1), "burn-in of power 1");
    p.policy = RATE_STEPS;
    p.n = 3, p.steps = steps, p.scales = scales, p.burn_in = 12;
    CHECK(is(rate_at(&p, 6), 0.1) && is(rate_at(&p, 12), 0.1), "steps passed in the burn-in count");
    CHECK(is(rate_at(&p, 19), 0.1) && is(rate_at(&p, 20), 0.04), "steps from their iteration on");
    p.burn_in = 0;
    CHECK(is(rate_at(&p, 9), 0.2) && is(rate_at(&p, 10), 0.1), "the first step");
    p.policy = RATE_STEP, p.step = 3, p.scale = 0.5f;
    CHECK(is(rate_at(&p, 2), 0.2) && is(rate_at(&p, 3), 0.1) && is(rate_at(&p, 8), 0.05), "step");
    p.policy = RATE_EXP, p.gamma = 0.5f;
    CHECK(is(rate_at(&p, 0), 0.2) && is(rate_at(&p, 3), 0.025), "exp");
    p.policy = RATE_POLY, p.max_batches = 100, p.power = 2;
    CHECK(is(rate_at(&p, 50), 0.05) && rate_at(&p, 100) == 0 && is(rate_at(&p, 150), 0.05), "poly");
    p.power = 1.5f;
    CHECK(rate_at(&p, 150) == 0, "no root of a negative number");
    p.policy = RATE_SIGMOID, p.step = 40, p.gamma = 0.1f;
    CHECK(is(rate_at(&p, 40), 0.1) && is(rate_at(&p, 50), 0.2 / (1 + exp(1.0))), "sigmoid");
}

/* Cycles of 4, 8, 16: the half of one is halfway, its end the least, one later the next has begun.
 */
static void sgdr(void) {
    rate_plan p = rate_default();
    p.policy = RATE_SGDR, p.rate = 0.3f, p.least = 0.1f, p.sgdr_cycle = 4, p.max_batches = 100;
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

static void random_rates(void) {
    rate_plan p = rate_default();
    p.policy = RATE_RANDOM, p.rate = 2, p.power = 1, p.seed = 9;
    double sum = 0;
    int bad = 0;
    for (long i = 0; i < 4000; i++) {
        float r = rate_at(&p, i);
        bad += !(r >= 0 && r < 2 && r == rate_at(&p, i));
        sum += (double)r / 4000;
    }
    CHECK(!bad && fabs(sum - 1) < 0.05, "%d odd rates, mean %f", bad, sum);
    p.seed = 10;
    float other = rate_at(&p, 1);
    p.seed = 9;
    CHECK(other != rate_at(&p, 1), "the seed matters");
}

static void names(void) {
    CHECK(rate_policy_from_name("sgdr") == RATE_SGDR && rate_policy_from_name("constant") == 0 &&
              rate_policy_from_name("steps") == RATE_STEPS &&
              rate_policy_from_name("step") == RATE_STEP,
          "policies by name");
    CHECK(rate_policy_from_name("cosine") == -1 && rate_policy_from_name("") == -1, "unknown ones");
}

/* ---- the fork's table ----------------------------------------------------------------------- */

enum { MOST = 32 };
typedef struct {
    rate_plan p;
    int steps[MOST];
    float scales[MOST];
} column;

static int list(const char *text, float *to) {
    int n = 0;
    char *end;
    for (float v; n < MOST && (v = strtof(text, &end), end != text); text = end + (*end == ','))
        to[n++] = v;
    return n;
}

static void read_column(column *c, const char *name) {
    char path[256];
    float steps[MOST];
    snprintf(path, sizeof path, "F_learning_rate/%s.cfg", name);
    char *cfg = fork_text(path);
    rate_plan *p = &c->p;
    *p = rate_default();
    p->policy = (rate_policy)rate_policy_from_name(fork_key(cfg, "policy", "constant"));
    const struct {
        const char *key;
        float *to;
    } reals[] = {{"learning_rate", &p->rate},
                 {"learning_rate_min", &p->least},
                 {"power", &p->power},
                 {"gamma", &p->gamma},
                 {"scale", &p->scale}};
    const struct {
        const char *key;
        int *to;
    } wholes[] = {{"burn_in", &p->burn_in},
                  {"step", &p->step},
                  {"max_batches", &p->max_batches},
                  {"sgdr_cycle", &p->sgdr_cycle},
                  {"sgdr_mult", &p->sgdr_mult}};
    for (int i = 0; i < 5; i++) {
        const char *real = fork_key(cfg, reals[i].key, NULL);
        if (real) *reals[i].to = (float)atof(real);
        const char *whole = fork_key(cfg, wholes[i].key, NULL);
        if (whole) *wholes[i].to = atoi(whole);
    }
    p->n = list(fork_key(cfg, "steps", ""), steps);
    for (int i = 0; i < p->n; i++) c->steps[i] = (int)steps[i];
    CHECK(list(fork_key(cfg, "scales", ""), c->scales) == p->n, "%s: steps and scales", name);
    p->steps = c->steps;
    p->scales = c->scales;
    free(cfg);
}

static void fork_table(void) {
    static column c[MOST];
    char *text = fork_text("F_learning_rate/rates.tsv"), *at = text, *f[MOST], name[MOST][128];
    int n = fork_row(&at, f, MOST), rows = 0;
    double worst[MOST] = {0};
    for (int i = 1; i < n; i++) {
        snprintf(name[i], sizeof *name, "%s", f[i]);
        read_column(&c[i], f[i]);
    }
    for (; fork_row(&at, f, MOST) == n; rows++) {
        for (int i = 1; i < n; i++) {
            double want = atof(f[i]), got = (double)rate_at(&c[i].p, atol(f[0]));
            double e = fabs(got - want) / fmax(fabs(want), 1e-20);
            if (!(e <= worst[i])) worst[i] = e;
        }
    }
    CHECK(n == 14 && rows == 65, "%d columns, %d rows", n, rows);
    /* The fork's powers are float: one of an exp or a poly that is nearly 0 is off by 2e-4. */
    for (int i = 1; i < n; i++) {
        double limit = strncmp(name[i], "exp", 3) && strncmp(name[i], "poly", 4) ? 1e-6 : 3e-4;
        CHECK(worst[i] <= limit, "%s: %.1e from the fork's", name[i], worst[i]);
    }
    free(text);
}

int main(void) {
    by_hand();
    sgdr();
    random_rates();
    names();
    if (fork_there("F_learning_rate"))
        fork_table();
    else
        SKIP("the fork's rates: %s is not here", fork_path("F_learning_rate"));
    return t_done("test_rate");
}
