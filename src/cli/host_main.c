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

/* A session's arguments: those that are no options, and what most commands take. */
static session_args *session_of(options *o) {
    session_args *a = &o->of.session;
    a->data = o->positional[0];
    a->cfg = o->positional[1];
    a->weights = o->positional[2];
    a->image = o->positional[3];
    a->images = o->positional + 3;
    a->n_images = o->n_positional > 3 ? o->n_positional - 3 : 0;
    a->json = o->json;
    a->seed = o->seed;
    a->seed_given = o->seed_given;
    a->threads = o->threads;
    a->skip_bad = o->skip_bad;
    return a;
}

static int run_train(options *o, char *err) {
    o->of.session.top = CLASSIFIER_TOP;
    return classifier_train(session_of(o), err);
}

static int run_valid(options *o, char *err) { return classifier_valid(session_of(o), err); }

static int run_predict(options *o, char *err) { return classifier_predict(session_of(o), err); }

static int run_attack(options *o, char *err) {
    session_of(o);
    return classifier_attack(&o->of.attack, err);
}

static int run_meta(options *o, char *err) {
    meta_args *a = &o->of.meta;
    a->meta = o->positional[0];
    a->json = o->json;
    a->seed = o->seed;
    a->seed_given = o->seed_given;
    a->threads = o->threads;
    a->skip_bad = o->skip_bad;
    return meta_train(a, err);
}

static int run_compare(options *o, char *err) {
    o->of.compare.suite = o->positional[0];
    return compare(&o->of.compare, err);
}

static bench_args *bench_of(options *o) {
    bench_args *a = &o->of.bench.args;
    a->cfg = o->positional[0];
    a->json = o->json;
    a->threads = o->threads;
    a->seed = o->seed;
    return a;
}

static int run_bench_step(options *o, char *err) { return bench_step(bench_of(o), err); }

static int run_bench_meta(options *o, char *err) { return bench_meta(bench_of(o), err); }

static int run_bench_predict(options *o, char *err) { return bench_predict(bench_of(o), err); }

static int run_bench_data(options *o, char *err) {
    bench_args *a = bench_of(o);
    a->data = o->positional[0];
    a->cfg = o->positional[1];
    detector_args d = {
        .c = {.data = a->data, .cfg = a->cfg, .seed = a->seed, .threads = a->threads}};
    if (o->of.bench.draw) return detector_draw(&d, o->of.bench.draw, a->steps, err);
    return bench_data(a, err);
}

/* 1 for alexeyab, 0 for darknet; nothing said: as it is otherwise. */
static int is_fork(const char *like, int otherwise, int *fork, char *err) {
    *fork = like ? !strcmp(like, "alexeyab") : otherwise;
    if (!like || *fork || !strcmp(like, "darknet")) return 0;
    return fail(err, "-like %s: must be darknet or alexeyab", like);
}

/* fork: where -like says nothing. */
static int run_detector(options *o, int fork, int (*command)(const detector_args *, char *),
                        char *err) {
    detector_args *a = &o->of.detector.args;
    const char *like = o->of.detector.like;
    session_of(o);
    a->negatives = o->negatives;
    a->darknet_rules = like && !strcmp(like, "darknet");
    if (is_fork(like, fork, &a->fork, err)) return -1;
    if (a->points == 0 || a->points == 11 || a->points == 101) return command(a, err);
    return fail(err, "-points %d: must be 0 (area below the curve), 11 or 101", a->points);
}

static int run_detector_train(options *o, char *err) {
    o->of.detector.args.iou = DETECTOR_IOU;
    return run_detector(o, 0, detector_train, err);
}

static int run_detector_map(options *o, char *err) {
    return run_detector(o, -1, detector_map, err);
}

static int run_detector_valid(options *o, char *err) {
    return run_detector(o, -1, detector_valid, err);
}

static int run_detector_test(options *o, char *err) {
    return run_detector(o, -1, detector_test, err);
}

static int run_detector_demo(options *o, char *err) {
    return run_detector(o, -1, detector_demo, err);
}

static int run_detector_anchors(options *o, char *err) {
    anchor_args *a = &o->of.anchors.args;
    a->data = o->positional[0];
    a->skip_bad = o->skip_bad;
    a->negatives = o->negatives;
    a->threads = o->threads;
    return is_fork(o->of.anchors.like, 0, &a->stretch, err) ? -1 : detector_anchors(a, err);
}

static int phi_args(options *o, char *err) {
    session_args *a = session_of(o);
    a->phi = o->positional[0];
    a->cfg = o->positional[1];
    a->weights = o->positional[2];
    a->data = o->positional[3];
    if (o->n_positional == 1 || o->n_positional == 4) return 0;
    return fail(err, "to measure a phi, name all three after it: CFG WEIGHTS DATA");
}

static int run_phi_show(options *o, char *err) {
    return phi_args(o, err) ? -1 : phi_show(&o->of.session, err);
}

static int run_phi_plot(options *o, char *err) {
    return phi_args(o, err) ? -1 : phi_plot(&o->of.session, o->of.session.out, err);
}

static int run_phi_import(options *o, char *err) {
    return phi_convert(o->positional[0], o->positional[1], err);
}

static int run_fold(options *o, char *err) {
    fold_args *a = &o->of.fold;
    a->cfg = o->positional[0];
    a->weights = o->positional[1];
    a->out_cfg = o->positional[2];
    a->out_weights = o->positional[3];
    a->json = o->json;
    a->seed = o->seed;
    a->threads = o->threads;
    a->skip_bad = o->skip_bad;
    a->negatives = o->negatives;
    return fold(a, err);
}

static int run_export(options *o, char *err) {
    export_args *a = &o->of.export;
    a->cfg = o->positional[0];
    a->weights = o->positional[1];
    a->out = o->positional[2];
    return export_onnx(a, err);
}

static const struct {
    unsigned id;
    int (*run)(options *o, char *err);
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
    if (o->bf16 && (o->gpu >= 0 || o->tf32))
        return fail(err, "-bf16 and %s exclude each other: it is the processor's",
                    o->tf32 ? "-tf32" : "-i");
    if (o->bf16 && engine_has_gpu() && !o->nogpu)
        return fail(err, "-bf16 is the processor's: with -nogpu");
    if (o->bf16 && !engine_can_bf16())
        return fail(err, "-bf16: this processor has no instructions for bfloat16 (AVX512_BF16 or "
                         "AMX), or oneDNN may not use them: go without");
    if (o->tf32) setenv("METAPERTURB_TF32", "1", 1);
    if (o->bf16) setenv("METAPERTURB_BF16", "1", 1);
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
    if (!options_writable(&o, c->id, c->writes, err) && !runs[at].run(&o, err)) return 0;
    fflush(stdout);
    if (err[0]) fprintf(stderr, "metaperturb: %s\n", err); /* empty: another rank says it */
    return 1;
}
