/* cfg_check_net.c - what [net] says, and whether it goes together: input, mini-batch, schedule,
 * switches. */
#include "host/cfg_keys.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int cfg_key_line(const cfg_file *c, int sec, const char *key) {
    const cfg_section *s = &c->sections[sec];
    for (int i = 0; i < s->n; i++) {
        if (!strcmp(s->options[i].key, key)) return s->options[i].line;
    }
    return s->line;
}

#define NET_FAIL(key, ...) cfg_fail(err, c, cfg_key_line(c, 0, key), "[net] " __VA_ARGS__)

int cfg_list_length(const char *list) {
    double d;
    return cfg_list(list, &d, 1);
}

static int check_steps(const cfg_file *c, char *err) {
    const char *steps = cfg_get(c, 0, "steps"), *scales = cfg_get(c, 0, "scales");
    if (!steps || !scales)
        return NET_FAIL("policy", "policy=steps needs steps= and scales=; %s is missing",
                        steps ? "scales" : "steps");
    int n = cfg_list_length(steps), m = cfg_list_length(scales);
    if (n != m)
        return NET_FAIL("scales", "%d steps but %d scales: there must be one scale for each step",
                        n, m);
    double *at = malloc((size_t)n * sizeof *at);
    if (!at) return NET_FAIL("steps", "no memory to check the steps");
    cfg_list(steps, at, n);
    int bad = 0;
    for (int i = 1; i < n && !bad; i++) bad = at[i] <= at[i - 1];
    free(at);
    return bad ? NET_FAIL("steps", "steps=%.100s must rise", steps) : 0;
}

static int check_policy(const cfg_file *c, char *err) {
    static const char *const needs[][3] = {{"step", "step", "scale"},
                                           {"exp", "gamma", NULL},
                                           {"sigmoid", "gamma", "step"},
                                           {"poly", "max_batches", NULL},
                                           {"cosine", "max_batches", NULL}};
    const char *policy = cfg_get(c, 0, "policy");
    if (!policy) return 0;
    if (!strcmp(policy, "steps")) return check_steps(c, err);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (strcmp(policy, needs[i][0])) continue;
        for (int k = 1; k < 3 && needs[i][k]; k++) {
            if (!cfg_get(c, 0, needs[i][k]))
                return NET_FAIL("policy", "policy=%s needs %s=, which is missing", policy,
                                needs[i][k]);
        }
        if (i >= 3 && cfg_get_num(c, 0, "max_batches", 0) < 1)
            return NET_FAIL("max_batches",
                            "policy=%s divides by max_batches, which must be at least 1", policy);
    }
    return 0;
}

/* The keys of one policy under another. */
static void warn_idle_rates(const cfg_file *c) {
    static const char *const keys[] = {"learning_rate_min", "sgdr_cycle", "sgdr_mult"};
    const char *policy = cfg_get(c, 0, "policy");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int cosine = policy && !strcmp(policy, "cosine") && i == 0;
        if (!cfg_get(c, 0, keys[i]) || cosine || (policy && !strcmp(policy, "sgdr"))) continue;
        fprintf(stderr, "%s:%d: warning: [net] %s= is of policy=sgdr alone: ignored\n", c->path,
                cfg_key_line(c, 0, keys[i]), keys[i]);
    }
}

void cfg_warn_training(const cfg_file *c) {
    warn_idle_rates(c);
    double burn = cfg_get_num(c, 0, "burn_in", 0), most = cfg_get_num(c, 0, "max_batches", 0);
    if (most <= 0 || burn < most) return;
    fprintf(stderr,
            "%s:%d: warning: [net] burn_in=%.0f is not below max_batches=%.0f: learning_rate is "
            "never reached\n",
            c->path, cfg_key_line(c, 0, "burn_in"), burn, most);
}

/* A value without its switch would be without effect, and nobody would notice. */
static int check_switches(const cfg_file *c, char *err) {
    static const char *const pairs[][2] = {
        {"mixup_alpha", "mixup"}, {"cutmix_alpha", "cutmix"}, {"mosaic_bound", "mosaic"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (cfg_get(c, 0, pairs[i][0]) && !cfg_get(c, 0, pairs[i][1]))
            return NET_FAIL(pairs[i][0], "%s without %s=1 does nothing; add it", pairs[i][0],
                            pairs[i][1]);
    }
    return 0;
}

int cfg_check_net(const cfg_file *c, cfg_input *in, char *err) {
    double batch = cfg_get_num(c, 0, "batch", 1), sub = cfg_get_num(c, 0, "subdivisions", 1);
    double w = cfg_get_num(c, 0, "width", 0), h = cfg_get_num(c, 0, "height", 0),
           ch = cfg_get_num(c, 0, "channels", 0);
    double inputs = cfg_get_num(c, 0, "inputs", 0);
    if (fmod(batch, sub) != 0)
        return NET_FAIL("subdivisions", "batch=%.0f is not a multiple of subdivisions=%.0f", batch,
                        sub);
    int given = (w > 0) + (h > 0) + (ch > 0);
    if (given != 3 && (given || inputs == 0))
        return NET_FAIL("inputs", "%s%s is missing: give width, height and channels%s",
                        w > 0 ? (h > 0 ? "channels" : "height") : "width", "",
                        given ? "" : ", or inputs alone");
    if (given == 3 && inputs > 0 && inputs != w * h * ch)
        return NET_FAIL("inputs", "inputs=%.0f is not width x height x channels = %.0f", inputs,
                        w * h * ch);
    if (given == 3) inputs = w * h * ch;
    in->minibatch = batch / sub * cfg_get_num(c, 0, "time_steps", 1);
    if (inputs * in->minibatch > INT_MAX)
        return NET_FAIL("batch",
                        "%.0f inputs times %.0f per mini-batch are more than the host can count",
                        inputs, in->minibatch);
    in->w = (long long)w;
    in->h = (long long)h;
    in->c = (long long)ch;
    in->inputs = (long long)inputs;
    in->picture = given == 3;
    return check_policy(c, err) ? -1 : check_switches(c, err);
}
