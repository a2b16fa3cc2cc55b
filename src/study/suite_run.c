/* suite_run.c - see suite_run.h */
#include "study/suite_run.h"
#include "base/files.h"
#include "ops/temperature.h"
#include "train/classifier.h"
#include "base/commit.h"
#include "train/report.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void suite_images_free(suite_images *m) {
    dataset_free(m->train);
    dataset_free(m->valid);
    memset(m, 0, sizeof *m);
}

static int load_images(suite_images *m, const suite_cell *c, int channels, int threads, char *err) {
    if (m->target == c->target && m->channels == channels) return 0;
    suite_images_free(m);
    data_file *d = data_file_read(c->target->data, err);
    if (d) m->train = dataset_load(d, DATA_TRAIN, channels, threads, 0, err);
    if (m->train) m->valid = dataset_load(d, DATA_VALID, channels, threads, 0, err);
    data_file_free(d);
    if (!m->valid || suite_cell_same_images(c, m->train, m->valid, err)) {
        suite_images_free(m);
        return -1;
    }
    m->target = c->target;
    m->channels = channels;
    return 0;
}

typedef struct {
    const suite_cell *cell;
    const dataset *train, *valid;
    cJSON *line, *seconds;
} test;

/* The figures of one pass with a temperature from the other half of the test images. */
static int add_tempered(const test *t, const float *p, int classes, char *err) {
    metrics m;
    int n = t->valid->n, *truth = calloc((size_t)n, sizeof *truth);
    float *scratch = calloc((size_t)classes, sizeof *scratch);
    cJSON *o = cJSON_AddObjectToObject(t->line, "tempered");
    int bad = !truth || !scratch || !o;
    for (int i = 0; i < n && !bad; i++) truth[i] = t->valid->items[i].label;
    if (bad)
        fail(err, "not enough memory to fit a temperature");
    else {
        cJSON_AddNumberToObject(
            o, "temperature",
            temperature_crossed(&m, p, truth, n, classes,
                                CLASSIFIER_TOP < classes ? CLASSIFIER_TOP : classes, scratch));
        report_metrics(o, &m, CLASSIFIER_TOP);
    }
    free(truth);
    free(scratch);
    return bad ? -1 : 0;
}

/* The training images as they are: how much better a network knows them than the test images says
 * whether it overfits at all. */
static int add_fit(const test *t, const session *c, char *err) {
    metrics m;
    if (classifier_measure(c->net, t->train, classifier_fit(c->cfg), 0, CLASSIFIER_TOP, &m, err))
        return -1;
    cJSON *fit = cJSON_AddObjectToObject(t->line, "fit");
    report_metrics(fit, &m, CLASSIFIER_TOP);
    cJSON_DeleteItemFromObject(fit, "bins");
    return 0;
}

static int measure(void *of, const session *c, const classifier_trained *r, char *err) {
    test *t = of;
    metrics m;
    char crc[12];
    size_t n = (size_t)t->valid->n * (size_t)c->net->outputs;
    float *p = calloc(n, sizeof *p);
    if (!p) return fail(err, "not enough memory for the probabilities of %d images", t->valid->n);
    double start = report_now(), between;
    int bad = classifier_measure_keep(c->net, t->valid, classifier_fit(c->cfg), 0, CLASSIFIER_TOP,
                                      &m, p, err);
    between = report_now();
    cJSON_AddNumberToObject(t->line, "loss", r->loss);
    snprintf(crc, sizeof crc, "%08" PRIx32, file_crc32(p, n * sizeof *p));
    cJSON_AddStringToObject(t->line, "outputs", crc);
    report_metrics(t->line, &m, CLASSIFIER_TOP);
    cJSON_AddNumberToObject(t->seconds, "train", r->seconds);
    cJSON_AddNumberToObject(t->seconds, "test", between - start);
    if (!bad) bad = add_tempered(t, p, c->net->outputs, err);
    free(p);
    if (!bad) bad = add_fit(t, c, err);
    if (bad || !t->cell->samples) return bad;
    between = report_now();
    bad = classifier_measure(c->net, t->valid, classifier_fit(c->cfg), t->cell->samples,
                             CLASSIFIER_TOP, &m, err);
    report_metrics(cJSON_AddObjectToObject(t->line, "sampled"), &m, CLASSIFIER_TOP);
    cJSON_AddNumberToObject(t->seconds, "sampled", report_now() - between);
    return bad;
}

/* The processor's name, and whether a GPU did the work, or bfloat16 was allowed. */
static void name_machine(char out[160]) {
    char line[256], name[128] = "unknown processor";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %127[^\n]", name) == 1) break;
    if (f) fclose(f);
    snprintf(out, 160, "%s%s", name,
             engine_on_gpu()      ? ", CUDA"
             : engine_uses_bf16() ? ", bf16"
                                  : "");
}

static cJSON *begin_line(const suite_cell *c, int threads) {
    char hash[20], machine[160];
    cJSON *j = cJSON_CreateObject();
    name_machine(machine);
    snprintf(hash, sizeof hash, "%016" PRIx64, c->hash);
    cJSON_AddStringToObject(j, "hash", hash);
    cJSON_AddStringToObject(j, "target", c->target->name);
    cJSON_AddStringToObject(j, "network", c->network->name);
    cJSON_AddStringToObject(j, "method", c->method->name);
    cJSON_AddNumberToObject(j, "seed", (double)c->seed);
    cJSON_AddNumberToObject(j, "steps", c->steps);
    cJSON_AddNumberToObject(j, "samples", c->samples);
    cJSON_AddNumberToObject(j, "threads", threads);
    cJSON_AddStringToObject(j, "commit", program_commit());
    cJSON_AddStringToObject(j, "machine", machine);
    return j;
}

int suite_run(const suite_cell *c, int threads, const char *keep, suite_images *m, cJSON **out,
              char *err) {
    cfg_file *cfg = cfg_read_text(c->network->cfg, c->text, err);
    if (!cfg) return -1;
    int channels = (int)cfg_get_num(cfg, 0, "channels", 0);
    cfg_free(cfg);
    if (load_images(m, c, channels, threads, err) || suite_cell_same_files(c, err)) return -1;
    int begun = keep && !access(keep, F_OK);
    test t = {.cell = c,
              .train = m->train,
              .valid = m->valid,
              .line = begin_line(c, threads),
              .seconds = cJSON_CreateObject()};
    session_args a = {.data = c->target->data,
                      .cfg = c->network->cfg,
                      .cfg_text = c->text,
                      .body = !begun && c->weights[0] ? c->weights : NULL,
                      .weights = begun ? keep : NULL,
                      .keep = keep,
                      .phi = c->phi[0] ? c->phi : NULL,
                      .seed = c->seed,
                      .seed_given = 1,
                      .threads = threads,
                      .top = CLASSIFIER_TOP};
    int bad = classifier_train_in_memory(&a, m->train, measure, &t, err);
    if (!bad) bad = suite_cell_same_files(c, err);
    cJSON_AddItemToObject(t.line, "seconds", t.seconds);
    *out = t.line;
    if (!bad) return 0;
    cJSON_Delete(t.line);
    *out = NULL;
    return bad;
}

char *suite_run_figures(const cJSON *line) {
    static const char *const others[] = {"seconds", "threads", "commit", "machine",
                                         "target",  "network", "method"};
    cJSON *j = cJSON_Duplicate(line, 1);
    for (size_t i = 0; j && i < sizeof others / sizeof *others; i++)
        cJSON_DeleteItemFromObject(j, others[i]);
    char *text = j ? cJSON_PrintUnformatted(j) : NULL;
    cJSON_Delete(j);
    return text;
}
