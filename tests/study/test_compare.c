/* test_compare.c - the parts of `compare`: Student's t against published values, temperature
 * scaling against planted ones, theta of another network, lines that tear, claims between
 * processes. */
#include "test.h"
#include "base/files.h"
#include "host/net.h"
#include "ops/rng.h"
#include "ops/spread.h"
#include "ops/temperature.h"
#include "study/results.h"
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/mp_test_compare_XXXXXX";

static void test_student(void) {
    /* Two-sided 95 % and 99 %, from any table. */
    static const struct {
        int degrees;
        double t95, t99;
    } known[] = {{1, 12.7062, 63.6567},  {2, 4.30265, 9.92484},  {3, 3.18245, 5.84091},
                 {4, 2.77645, 4.60409},  {5, 2.57058, 4.03214},  {9, 2.26216, 3.24984},
                 {10, 2.22814, 3.16927}, {29, 2.04523, 2.75639}, {30, 2.04227, 2.75000},
                 {120, 1.97993, 2.61742}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double a = student_quantile(0.975, known[i].degrees),
               b = student_quantile(0.995, known[i].degrees);
        CHECK(fabs(a / known[i].t95 - 1) < 3e-6, "%d degrees: %.7g", known[i].degrees, a);
        CHECK(fabs(b / known[i].t99 - 1) < 3e-6, "%d degrees: %.7g", known[i].degrees, b);
    }
    double x[] = {1, 2, 4}, y[] = {2, 4, 5};
    interval d = interval_of_pairs(x, y, 3, 0.95); /* 1, 2, 1: mean 4/3, sd 1/sqrt 3 */
    CHECK(fabs(d.mean - 4.0 / 3) < 1e-12 && fabs(d.high - d.mean - 4.302652730 / 3) < 1e-8 &&
              fabs(d.low + d.high - 2 * d.mean) < 1e-12,
          "%g [%g, %g]", d.mean, d.low, d.high);
    d = interval_of_pairs(x, y, 1, 0.95);
    CHECK(d.mean == 1 && isnan(d.low) && isnan(d.high), "one pair: %g [%g, %g]", d.mean, d.low,
          d.high);
}

/* Images whose truth is drawn from softmax(z), told with softmax(z * sharper): the fitted T is
 * `sharper` up to chance. */
static void test_temperature(double sharper) {
    enum { N = 20000, C = 7 };
    float *p = malloc(sizeof(float) * N * C), one[C];
    int *truth = malloc(sizeof(int) * N);
    rng_stream r = rng_open(rng_key(11, RNG_TEST, 0, 0));
    for (int i = 0; i < N; i++) {
        double q[C], sum = 0, sharp = 0, u = (double)rng_uniform(&r, 0, 1);
        for (int c = 0; c < C; c++) sum += q[c] = exp(1.5 * (double)rng_normal(&r));
        for (int c = 0; c < C; c++) sharp += pow(q[c], sharper);
        for (int c = 0; c < C; c++) p[i * C + c] = (float)(pow(q[c], sharper) / sharp);
        for (truth[i] = 0; truth[i] < C - 1 && (u -= q[truth[i]] / sum) > 0;) truth[i]++;
    }
    double t = temperature_fit(p, truth, N, C, 0, 1);
    CHECK(fabs(t / sharper - 1) < 0.03, "T %g, planted %g", t, sharper);
    metrics raw = {0}, scaled;
    for (int i = 0; i < N; i++) metrics_add(&raw, p + i * C, C, truth[i], 5);
    temperature_crossed(&scaled, p, truth, N, C, 5, one);
    CHECK(scaled.images == N && scaled.top1 == raw.top1, "%zu images, top-1 %zu, was %zu",
          scaled.images, scaled.top1, raw.top1);
    CHECK(metrics_ece(&scaled) < 0.02 && scaled.nll_sum <= raw.nll_sum * 1.0005,
          "ECE %g, NLL %g (%g)", metrics_ece(&scaled), scaled.nll_sum, raw.nll_sum);
    if (fabs(sharper - 1) > 0.3)
        CHECK(metrics_ece(&raw) > 0.05, "ECE before %g", metrics_ece(&raw));
    temperature_apply(one, p, C, 1);
    for (int c = 0; c < C; c++)
        CHECK(fabs((double)one[c] - (double)p[c]) < 1e-6, "T 1 changes %g to %g", (double)p[c],
              (double)one[c]);
    CHECK(temperature_fit(p, truth, 1, C, 1, 2) == 1, "no image");
    free(p);
    free(truth);
}

static network *net_of(int filters, int outputs, int perturb, uint64_t seed) {
    char text[1024], err[ERR_LEN] = "";
    snprintf(text, sizeof text,
             "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\nmax_batches=10\n%s[convolutional]"
             "\nbatch_normalize=1\nfilters=%d\nsize=3\n"
             "pad=1\nactivation=linear\n%s[avgpool]\n[connected]\noutput=%d\nactivation=linear\n["
             "softmax]\n",
             perturb ? "[meta_shared]\n" : "", filters,
             perturb ? "[perturb]\nactivation=relu\n" : "", outputs);
    cfg_file *c = cfg_read_text("net.cfg", text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    cfg_free(c);
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_compare"));
    host_init(net, seed);
    return net;
}

static void test_body(int perturb_from, int perturb_to) {
    char path[256], err[ERR_LEN] = "";
    network *from = net_of(6, 5, perturb_from, 1), *to = net_of(6, 3, perturb_to, 2),
            *same = net_of(6, 5, perturb_to, 3), *other = net_of(7, 3, perturb_to, 4);
    const layer *a = &from->layers[0], *b = &to->layers[0], *head = &to->layers[to->n - 2];
    float before[3 * 6];
    memcpy(before, head->weights, sizeof before);
    for (int k = 0; k < a->n; k++) a->rolling_mean[k] = 0.5f + (float)k;
    *from->seen = 640;
    snprintf(path, sizeof path, "%s/body.weights", folder);
    CHECK(!host_save(from, path, 1, err), "%s", err);
    CHECK(!host_load_body(to, path, err), "%s", err);
    CHECK(!memcmp(a->weights, b->weights, sizeof(float) * (size_t)a->nweights),
          "the convolution's weights");
    CHECK(!memcmp(a->rolling_mean, b->rolling_mean, sizeof(float) * (size_t)a->n),
          "its statistics");
    CHECK(!memcmp(before, head->weights, sizeof before), "the classifier was drawn anew");
    CHECK(*to->seen == 0, "seen %zu", *to->seen);
    CHECK(!host_load_body(same, path, err), "%s", err);
    CHECK(!memcmp(from->layers[from->n - 2].weights, same->layers[same->n - 2].weights,
                  sizeof(float) * 5 * 6),
          "as many classes: theirs");
    float first = other->layers[0].weights[0];
    CHECK(host_load_body(other, path, err) && strstr(err, "do not fit this network"),
          "another network: %s", err);
    CHECK(other->layers[0].weights[0] == first, "a refusal changes nothing");
    size_t len;
    unsigned char *p = file_slurp(path, &len, err);
    FILE *f = fopen(path, "wb");
    fwrite(p, 1, len - 3, f);
    fclose(f);
    CHECK(host_load_body(to, path, err), "cut short");
    f = fopen(path, "wb");
    fwrite(p, 1, 20 + 4 * (size_t)host_layer_floats(a), f);
    fclose(f);
    CHECK(!host_load_body(to, path, err), "the first layers alone: %s", err);
    free(p);
    host_close(from);
    host_close(to);
    host_close(same);
    host_close(other);
}

static int lines_of(const char *path) {
    char err[ERR_LEN] = "";
    cJSON *all = results_read(path, 1, err);
    int n = all ? cJSON_GetArraySize(all) : -1;
    cJSON_Delete(all);
    return n;
}

/* A whole line of `compare`. */
static cJSON *a_line(int hash, double nll) {
    char text[20];
    cJSON *j = cJSON_CreateObject();
    snprintf(text, sizeof text, "%016x", hash);
    cJSON_AddStringToObject(j, "hash", text);
    cJSON_AddStringToObject(j, "target", "t");
    cJSON_AddStringToObject(j, "network", "n");
    cJSON_AddStringToObject(j, "method", "m");
    static const char *const keys[] = {"seed", "steps", "samples", "top1", "ece", "images"};
    for (int i = 0; i < 6; i++) cJSON_AddNumberToObject(j, keys[i], 1);
    cJSON_AddNumberToObject(j, "nll", nll);
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(j, "seconds"), "train", 1);
    return j;
}

/* One of three lines spoiled: the others stay; a file without a whole line is no results file. */
static void test_damaged(void) {
    static const char *const keys[] = {"hash", "target", "network", "method",
                                       "seed", "steps",  "samples", "top1",
                                       "nll",  "ece",    "images",  "seconds"};
    char path[256], err[ERR_LEN] = "", text[2048];
    snprintf(path, sizeof path, "%s/damaged.jsonl", folder);
    cJSON *good = a_line(1, 0.5);
    char *whole = cJSON_PrintUnformatted(good);
    size_t n = strlen(whole);
    for (int k = 0; k < 15; k++) {
        cJSON *j = a_line(2, 0.25);
        if (k < 12) cJSON_DeleteItemFromObject(j, keys[k]);
        char *spoiled = cJSON_PrintUnformatted(j);
        size_t len = (size_t)snprintf(text, sizeof text, "%s\n%s%s\n%s\n", whole, spoiled,
                                      k == 12 ? "?" : "", whole);
        if (k == 13) text[n + 1] = 0;               /* at the front of a line */
        if (k == 14) text[n + strlen(spoiled)] = 0; /* and near its end */
        FILE *f = fopen(path, "wb");
        fwrite(text, 1, len, f);
        fclose(f);
        CHECK(lines_of(path) == 2, "case %d: %d lines", k, lines_of(path));
        free(spoiled);
        cJSON_Delete(j);
    }
    FILE *f = fopen(path, "wb");
    fprintf(f, "{}\nhello\n");
    fclose(f);
    CHECK(!results_read(path, 1, err) && strstr(err, "not one of its 2 lines"), "%s", err);
    free(whole);
    cJSON_Delete(good);
}

/* A file cut behind any byte: whole lines stay, the next line comes whole. */
static void test_torn(void) {
    char path[256], err[ERR_LEN] = "";
    snprintf(path, sizeof path, "%s/new/results.jsonl", folder);
    CHECK(lines_of(path) == 0, "no file yet");
    for (int i = 0; i < 3; i++) {
        cJSON *j = a_line(i, 1.0 / (3 + i));
        CHECK(!results_append(path, j, err), "%s", err);
        cJSON_Delete(j);
    }
    cJSON *all = results_read(path, 1, err), *more = a_line(3, 0.5);
    CHECK(results_find(all, 1) == cJSON_GetArrayItem(all, 1) && !results_find(all, 9),
          "found by hash");
    CHECK(cJSON_GetNumberValue(cJSON_GetObjectItem(results_find(all, 0), "nll")) == 1.0 / 3,
          "exact");
    cJSON_AddNumberToObject(more, "far", 1e300);
    CHECK(results_whole(more, "none") == 0 && results_whole(NULL, "far") == 0 &&
              results_whole(more, "far") == INT_MAX,
          "whole numbers");
    cJSON_Delete(all);
    size_t len;
    unsigned char *p = file_slurp(path, &len, err);
    int bad = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        int whole = 0;
        for (size_t k = 0; k < cut; k++) whole += p[k] == '\n';
        FILE *f = fopen(path, "wb");
        fwrite(p, 1, cut, f);
        fclose(f);
        bad += lines_of(path) != whole || results_append(path, more, err) ||
               lines_of(path) != whole + 1;
    }
    CHECK(!bad, "%d of %zu cuts: %s", bad, len + 1, err);
    cJSON_Delete(more);
    free(p);
}

/* Another process cannot take what we hold, can what we do not, and can it all when we are gone. */
static int taken_elsewhere(const char *path, uint64_t hash, int die_with_it) {
    int status = 0;
    pid_t pid = fork();
    if (!pid) {
        char err[ERR_LEN];
        int fd = claims_open(path, err), got = claims_take(fd, hash);
        if (die_with_it) abort();
        _exit(got);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_claims(void) {
    char path[256], err[ERR_LEN] = "";
    uint64_t a = 0xfedcba9876543210ULL, b = 0x0123456789abcdefULL;
    snprintf(path, sizeof path, "%s/claims", folder);
    int fd = claims_open(path, err);
    CHECK(fd >= 0, "%s", err);
    CHECK(claims_take(fd, a), "nobody has it");
    CHECK(taken_elsewhere(path, a, 0) == 0, "ours");
    CHECK(taken_elsewhere(path, b, 0) == 1, "free");
    claims_leave(fd, a);
    CHECK(taken_elsewhere(path, a, 1) == -1 && claims_take(fd, a), "the dead hold nothing");
    close(fd);
    CHECK(taken_elsewhere(path, a, 0) == 1, "closed");
}

int main(void) {
    if (!mkdtemp(folder)) return 1;
    test_student();
    test_temperature(1);
    test_temperature(3);
    test_temperature(0.4);
    test_body(0, 0);
    test_body(1, 1);
    test_body(0, 1);
    test_damaged();
    test_torn();
    test_claims();
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command)) printf("%s stays\n", folder);
    return t_done("test_compare");
}
