/* host_main.c - metaperturb-host: the commands that need Darknet's library and ours. main.c starts
 * it. */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "host/cfg_memory.h"
#include "engine/engine.h"
#include "study/attack.h"
#include "study/bench.h"
#include "train/classifier.h"
#include "study/compare.h"
#include "train/detector.h"
#include "tools/export.h"
#include "tools/fold.h"
#include "train/meta.h"
#include "tools/phi_tool.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static session_args session_args_of(const options *o) {
    return (session_args){
        .data = o->positional[0],
        .cfg = o->positional[1],
        .weights = o->positional[2],
        .image = o->positional[3],
        .images = o->positional + 3,
        .n_images = o->n_positional > 3 ? o->n_positional - 3 : 0,
        .out = o->out,
        .phi = o->phi,
        .backup = o->backup,
        .json = o->json,
        .seed = o->seed,
        .seed_given = o->seed_given,
        .threads = o->threads,
        .clear = o->clear,
        .skip_bad = o->skip_bad,
        .samples = o->samples,
        .every = o->every,
        .top = o->top,
    };
}

static int run_train(const options *o, char *err) {
    session_args a = session_args_of(o);
    return classifier_train(&a, err);
}

static int run_valid(const options *o, char *err) {
    session_args a = session_args_of(o);
    return classifier_valid(&a, err);
}

static int run_predict(const options *o, char *err) {
    session_args a = session_args_of(o);
    return classifier_predict(&a, err);
}

static int run_attack(const options *o, char *err) {
    attack_args a = {
        .c = session_args_of(o),
        .norm = o->norm,
        .eps = o->eps,
        .transfer = o->transfer,
        .transfer_weights = o->transfer_weights,
        .plot = o->plot,
        .beside = o->beside,
        .steps = o->steps,
        .images = o->images,
        .check = o->check,
        .step = o->step,
    };
    return classifier_attack(&a, err);
}

static int run_meta(const options *o, char *err) {
    meta_args a = {
        .meta = o->positional[0],
        .json = o->json,
        .out = o->out,
        .seed = o->seed,
        .seed_given = o->seed_given,
        .threads = o->threads,
        .skip_bad = o->skip_bad,
        .steps = o->steps,
        .resume = o->resume,
    };
    return meta_train(&a, err);
}

static int run_compare(const options *o, char *err) {
    compare_args a = {.suite = o->positional[0],
                      .cell = o->cell,
                      .plot = o->plot,
                      .list = o->list,
                      .table = o->table};
    return compare(&a, err);
}

static bench_args bench_args_of(const options *o) {
    return (bench_args){.cfg = o->positional[0],
                        .data = o->data,
                        .json = o->json,
                        .batch = o->batch,
                        .steps = o->steps,
                        .host = o->host,
                        .threads = o->threads,
                        .seed = o->seed};
}

static int run_bench_step(const options *o, char *err) {
    bench_args a = bench_args_of(o);
    return bench_step(&a, err);
}

static int run_bench_meta(const options *o, char *err) {
    bench_args a = bench_args_of(o);
    return bench_meta(&a, err);
}

static int run_bench_predict(const options *o, char *err) {
    bench_args a = bench_args_of(o);
    return bench_predict(&a, err);
}

/* fork: where -like says nothing. */
static int detector_args_of(const options *o, double thresh, int fork, detector_args *a,
                            char *err) {
    *a = (detector_args){
        .c = session_args_of(o),
        .thresh = (float)(o->thresh < 0 ? thresh : o->thresh),
        .nms = (float)o->nms,
        .iou = o->iou_thresh,
        .points = o->points,
        .fork = fork,
        .negatives = o->negatives,
        .map = o->map,
        .out = o->out,
    };
    a->darknet_rules = o->like && !strcmp(o->like, "darknet");
    if (o->like) a->fork = !strcmp(o->like, "alexeyab");
    if (o->like && !a->fork && strcmp(o->like, "darknet"))
        return fail(err, "-like %s: must be darknet or alexeyab", o->like);
    if (o->points == 0 || o->points == 11 || o->points == 101) return 0;
    return fail(err, "-points %d: must be 0 (area below the curve), 11 or 101", o->points);
}

static int run_bench_data(const options *o, char *err) {
    bench_args a = bench_args_of(o);
    detector_args d;
    a.data = o->positional[0];
    a.cfg = o->positional[1];
    if (!o->draw) return bench_data(&a, err);
    return detector_args_of(o, 0, 0, &d, err) ? -1 : detector_draw(&d, o->draw, o->steps, err);
}

static int run_detector_map(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, 0.25, -1, &a, err) ? -1 : detector_map(&a, err);
}

static int run_detector_train(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, 0.25, 0, &a, err) ? -1 : detector_train(&a, err);
}

static int run_detector_anchors(const options *o, char *err) {
    anchor_args a = {.data = o->positional[0],
                     .plot = o->plot,
                     .num = o->num ? o->num : 6,
                     .width = o->width ? o->width : 416,
                     .height = o->height ? o->height : 416,
                     .stretch = !o->like || !strcmp(o->like, "alexeyab"),
                     .skip_bad = o->skip_bad,
                     .negatives = o->negatives,
                     .threads = o->threads};
    if (!a.stretch && strcmp(o->like, "darknet"))
        return fail(err, "-like %s: must be darknet or alexeyab", o->like);
    return detector_anchors(&a, err);
}

static int run_detector_valid(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, (double)DETECTOR_LOW, -1, &a, err) ? -1 : detector_valid(&a, err);
}

static int run_detector_test(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, 0.5, -1, &a, err) ? -1 : detector_test(&a, err);
}

static int run_detector_demo(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, 0.5, -1, &a, err) ? -1 : detector_demo(&a, err);
}

static int phi_args(const options *o, session_args *a, char *err) {
    *a = session_args_of(o);
    a->phi = o->positional[0];
    a->cfg = o->positional[1];
    a->weights = o->positional[2];
    a->data = o->positional[3];
    if (o->n_positional == 1 || o->n_positional == 4) return 0;
    return fail(err, "to measure a phi, name all three behind it: CFG WEIGHTS DATA");
}

static int run_phi_show(const options *o, char *err) {
    session_args a;
    return phi_args(o, &a, err) ? -1 : phi_show(&a, err);
}

static int run_phi_plot(const options *o, char *err) {
    session_args a;
    return phi_args(o, &a, err) ? -1 : phi_plot(&a, o->out, err);
}

static int run_phi_import(const options *o, char *err) {
    return phi_convert(o->positional[0], o->positional[1], err);
}

static int run_fold(const options *o, char *err) {
    fold_args a = {
        .cfg = o->positional[0],
        .weights = o->positional[1],
        .out_cfg = o->positional[2],
        .out_weights = o->positional[3],
        .data = o->calibrate,
        .json = o->json,
        .seed = o->seed,
        .images = o->images ? o->images : 1000,
        .samples = o->samples,
        .threads = o->threads,
        .skip_bad = o->skip_bad,
        .negatives = o->negatives,
        .distill = o->distill,
    };
    return fold(&a, err);
}

static int run_export(const options *o, char *err) {
    const export_args a = {.cfg = o->positional[0],
                           .weights = o->positional[1],
                           .out = o->positional[2],
                           .data = o->data,
                           .batch = o->batches ? atoi(o->batches) : 1,
                           .decode = o->decode,
                           .opset = o->opset};
    char whole[16];
    snprintf(whole, sizeof whole, "%d", a.batch);
    if (o->batches && strcmp(o->batches, "dynamic") && (a.batch < 1 || strcmp(o->batches, whole)))
        return fail(err, "-batch %s: not a whole number above 0, and not `dynamic`", o->batches);
    return export_onnx(&a, err);
}

static const struct {
    unsigned id;
    int (*run)(const options *o, char *err);
} runs[] = {
    {CMD_TRAIN, run_train},
    {CMD_VALID, run_valid},
    {CMD_PREDICT, run_predict},
    {CMD_ATTACK, run_attack},
    {CMD_DET_TRAIN, run_detector_train},
    {CMD_DET_VALID, run_detector_valid},
    {CMD_DET_TEST, run_detector_test},
    {CMD_DET_DEMO, run_detector_demo},
    {CMD_DET_MAP, run_detector_map},
    {CMD_DET_ANCHORS, run_detector_anchors},
    {CMD_META, run_meta},
    {CMD_COMPARE, run_compare},
    {CMD_BENCH_STEP, run_bench_step},
    {CMD_BENCH_META, run_bench_meta},
    {CMD_BENCH_PREDICT, run_bench_predict},
    {CMD_BENCH_DATA, run_bench_data},
    {CMD_W_FOLD, run_fold},
    {CMD_W_EXPORT, run_export},
    {CMD_PHI, run_phi_show},
    {CMD_PHI_PLOT, run_phi_plot},
    {CMD_PHI_IMPORT, run_phi_import},
};
enum { RUNS = sizeof runs / sizeof *runs };

/* Builds with GPU=1 run on a GPU unless told otherwise, as Darknet's do. */
static int choose_device(const options *o, char *err) {
    if (o->nogpu && (o->gpu >= 0 || o->tf32))
        return fail(err, "-nogpu and %s exclude each other", o->gpu >= 0 ? "-i" : "-tf32");
    if (!engine_has_gpu() && (o->gpu >= 0 || o->tf32))
        return fail(err, "%s: this build runs on the CPU alone: `make GPU=1` builds one for CUDA",
                    o->gpu >= 0 ? "-i" : "-tf32");
    if (o->tf32) setenv("METAPERTURB_TF32", "1", 1);
    if (o->nogpu)
        engine_use_gpu(-1);
    else if (o->gpu >= 0)
        engine_use_gpu(o->gpu);
    else if (engine_has_gpu() && !getenv("METAPERTURB_GPU"))
        engine_use_gpu(ENGINE_ANY_GPU);
    return 0;
}

/* What the launcher has checked is in order here too. */
int main(int argc, char **argv) {
    char err[ERR_LEN] = "";
    static options o; /* held to the end of the program, with what it points to */
    int words, at = 0;
    output_checked();
    const command *c = commands_find(argc, argv, &words);
    while (c && at < RUNS && runs[at].id != c->id) at++;
    if (!c || at == RUNS) {
        fprintf(
            stderr,
            "metaperturb: call build/metaperturb, which starts this program for what needs it\n");
        return 2;
    }
    if (options_parse(&o, c->id, c->min, c->max, argc - words, argv + words, err) ||
        choose_device(&o, err)) {
        fprintf(stderr, "metaperturb: %s\n", err);
        return 2;
    }
    if (!o.threads) o.threads = omp_get_num_procs();
    omp_set_num_threads(o.threads);
    cfg_memory_limit(o.memory);
    if (!output_possible(&o, c->id, err) && !runs[at].run(&o, err)) return 0;
    fflush(stdout);
    if (err[0]) fprintf(stderr, "metaperturb: %s\n", err); /* empty: another rank says it */
    return 1;
}
