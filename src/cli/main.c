/* main.c - the commands, in Darknet's grammar. */
#include "cli/convert.h"
#include "cli/options.h"
#include "engine/engine.h"
#include "train/attack.h"
#include "train/bench.h"
#include "train/classifier.h"
#include "train/compare.h"
#include "train/detector.h"
#include "train/meta.h"
#include "train/phi_tool.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static classifier_args classifier_args_of(const options *o) {
    return (classifier_args){
        .data = o->positional[0], .cfg = o->positional[1], .weights = o->positional[2], .image = o->positional[3],
        .phi = o->phi, .backup = o->backup, .json = o->json, .seed = o->seed, .seed_given = o->seed_given,
        .threads = o->threads, .clear = o->clear, .skip_bad = o->skip_bad, .samples = o->samples, .every = o->every,
        .top = o->top,
    };
}

static int run_train(const options *o, char *err) {
    classifier_args a = classifier_args_of(o);
    return classifier_train(&a, err);
}

static int run_valid(const options *o, char *err) {
    classifier_args a = classifier_args_of(o);
    return classifier_valid(&a, err);
}

static int run_predict(const options *o, char *err) {
    classifier_args a = classifier_args_of(o);
    return classifier_predict(&a, err);
}

static int run_attack(const options *o, char *err) {
    attack_args a = {
        .c = classifier_args_of(o), .norm = o->norm, .eps = o->eps, .transfer = o->transfer, .transfer_weights = o->transfer_weights,
        .plot = o->plot, .beside = o->beside, .steps = o->steps, .images = o->images, .check = o->check, .step = o->step,
    };
    return classifier_attack(&a, err);
}

static int run_meta(const options *o, char *err) {
    meta_args a = {
        .meta = o->positional[0], .json = o->json, .out = o->out, .seed = o->seed, .seed_given = o->seed_given,
        .threads = o->threads, .skip_bad = o->skip_bad, .steps = o->steps, .resume = o->resume,
    };
    return meta_train(&a, err);
}

static int run_compare(const options *o, char *err) {
    compare_args a = {.suite = o->positional[0], .cell = o->cell, .plot = o->plot, .list = o->list, .table = o->table};
    return compare(&a, err);
}

static bench_args bench_args_of(const options *o) {
    return (bench_args){.cfg = o->positional[0], .data = o->data, .json = o->json, .batch = o->batch, .steps = o->steps,
                        .host = o->host, .threads = o->threads, .seed = o->seed};
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

static int run_bench_data(const options *o, char *err) {
    bench_args a = bench_args_of(o);
    a.data = o->positional[0];
    a.cfg = o->positional[1];
    return bench_data(&a, err);
}

/* fork: where -like says nothing. */
static int detector_args_of(const options *o, double thresh, int fork, detector_args *a, char *err) {
    *a = (detector_args){
        .c = classifier_args_of(o), .thresh = (float)(o->thresh < 0 ? thresh : o->thresh), .nms = (float)o->nms,
        .iou = o->iou_thresh,
        .points = o->points, .fork = fork, .negatives = o->negatives, .map = o->map, .out = o->out,
    };
    if (o->like) a->fork = !strcmp(o->like, "alexeyab");
    if (o->like && !a->fork && strcmp(o->like, "darknet")) {
        snprintf(err, ERR_LEN, "-like %s: must be darknet or alexeyab", o->like);
        return -1;
    }
    if (o->points == 0 || o->points == 11 || o->points == 101) return 0;
    snprintf(err, ERR_LEN, "-points %d: must be 0 (area below the curve), 11 or 101", o->points);
    return -1;
}

static int run_detector_map(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, 0.25, -1, &a, err) ? -1 : detector_map(&a, err);
}

static int run_detector_train(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, 0.25, 0, &a, err) ? -1 : detector_train(&a, err);
}

static int run_detector_valid(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, (double)DETECTOR_LOW, 0, &a, err) ? -1 : detector_valid(&a, err);
}

static int run_detector_test(const options *o, char *err) {
    detector_args a;
    return detector_args_of(o, 0.5, 0, &a, err) ? -1 : detector_test(&a, err);
}

static int phi_args(const options *o, classifier_args *a, char *err) {
    *a = classifier_args_of(o);
    a->phi = o->positional[0];
    a->cfg = o->positional[1];
    a->weights = o->positional[2];
    a->data = o->positional[3];
    if (o->n_positional == 1 || o->n_positional == 4) return 0;
    snprintf(err, ERR_LEN, "to measure a phi, name all three behind it: CFG WEIGHTS DATA");
    return -1;
}

static int run_phi_show(const options *o, char *err) {
    classifier_args a;
    return phi_args(o, &a, err) ? -1 : phi_show(&a, err);
}

static int run_phi_plot(const options *o, char *err) {
    classifier_args a;
    return phi_args(o, &a, err) ? -1 : phi_plot(&a, o->out, err);
}

static int run_phi_import(const options *o, char *err) { return phi_convert(o->positional[0], o->positional[1], err); }

static const struct {
    const char *group, *name, *usage, *what;
    unsigned id;
    int min, max;
    int (*run)(const options *o, char *err);
} commands[] = {
    {"classifier", "train", "DATA CFG [WEIGHTS]", "train a network", CMD_TRAIN, 2, 3, run_train},
    {"classifier", "valid", "DATA CFG WEIGHTS", "accuracy, NLL and ECE on all test images", CMD_VALID, 3, 3, run_valid},
    {"classifier", "predict", "DATA CFG WEIGHTS IMAGE", "the classes of one image", CMD_PREDICT, 4, 4, run_predict},
    {"classifier", "attack", "DATA CFG WEIGHTS", "accuracy on test images changed to mislead it (PGD)", CMD_ATTACK, 3, 3, run_attack},
    {"detector", "train", "DATA CFG [WEIGHTS]", "train a network with [yolo] or [region] layers", CMD_DET_TRAIN, 2, 3, run_detector_train},
    {"detector", "valid", "DATA CFG WEIGHTS", "the boxes of all test images, in files as Darknet writes them", CMD_DET_VALID, 3, 3, run_detector_valid},
    {"detector", "test", "DATA CFG WEIGHTS IMAGE", "the boxes of one image, printed and drawn", CMD_DET_TEST, 4, 4, run_detector_test},
    {"detector", "map", "DATA CFG WEIGHTS", "average precision, precision and recall on all test images", CMD_DET_MAP, 3, 3, run_detector_map},
    {"meta", "train", "META", "learn phi over several tasks", CMD_META, 1, 1, run_meta},
    {"compare", "", "SUITE", "train and test many networks, and tell what a method gains", CMD_COMPARE, 1, 1, run_compare},
    {"bench", "step", "CFG", "time training steps", CMD_BENCH, 1, 1, run_bench_step},
    {"bench", "meta", "CFG", "time steps of meta-training: theta's and phi's, one task", CMD_BENCH, 1, 1, run_bench_meta},
    {"bench", "predict", "CFG", "time forward passes", CMD_BENCH, 1, 1, run_bench_predict},
    {"bench", "data", "DATA CFG", "time the making of batches alone", CMD_BENCH_DATA, 2, 2, run_bench_data},
    {"cfg", "attach", "IN.cfg OUT.cfg", "put [perturb] into a cfg", CMD_CFG_ATTACH, 2, 2, convert_attach},
    {"cfg", "detach", "IN.cfg OUT.cfg", "take [perturb] out of a cfg", CMD_CFG_DETACH, 2, 2, convert_detach},
    {"cfg", "check", "CFG", "every problem of a cfg, with its line", CMD_CFG_CHECK, 1, 1, convert_check},
    {"weights", "info", "FILE [CFG]", "header, layers, sizes, and what does not fit", CMD_W_INFO, 1, 2, convert_info},
    {"weights", "partial", "CFG WEIGHTS OUT N", "the weights of the first N layers", CMD_W_PARTIAL, 4, 4, convert_partial},
    {"weights", "fold", "CFG WEIGHTS OUT.cfg OUT.weights -calibrate DATA", "a trained network with [perturb] as a plain one",
     CMD_W_FOLD, 4, 4, convert_fold},
    {"phi", "show", "PHI [CFG WEIGHTS DATA]", "its numbers, and what it does to a network's feature maps", CMD_PHI, 1, 4,
     run_phi_show},
    {"phi", "plot", "PHI [CFG WEIGHTS DATA]", "pictures of the same", CMD_PHI_PLOT, 1, 4, run_phi_plot},
    {"phi", "import", "FILE.pth PHI", "from a file that PyTorch saved", CMD_PHI_IMPORT, 2, 2, run_phi_import},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *f) {
    fprintf(f, "metaperturb: MetaPerturb for Darknet networks\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        fprintf(f, "  metaperturb %s %s%s%s\n      %s\n", commands[i].group, commands[i].name, commands[i].name[0] ? " " : "",
                commands[i].usage, commands[i].what);
    }
    fprintf(f, "\nmetaperturb GROUP COMMAND --help lists the options of one.\n");
}

static int is_help(const char *s) { return !strcmp(s, "--help") || !strcmp(s, "-help") || !strcmp(s, "-h"); }

/* libgomp's threads spin for milliseconds between parallel loops, and take the time of those they wait for as soon as anything else
 * computes: a step is then several times slower. It reads its settings when it is loaded, so the program starts itself again. */
static void spin_less(char **argv) {
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return;                 /* it runs as it is */
    self[n] = 0;
    setenv("GOMP_SPINCOUNT", "5000", 1);
    execv(self, argv);
}

/* Builds with GPU=1 run on a GPU unless told otherwise, as Darknet's do. */
static int choose_device(const options *o, char *err) {
    if (o->nogpu && (o->gpu >= 0 || o->tf32)) {
        snprintf(err, ERR_LEN, "-nogpu and %s exclude each other", o->gpu >= 0 ? "-i" : "-tf32");
        return -1;
    }
    if (!engine_has_gpu() && (o->gpu >= 0 || o->tf32)) {
        snprintf(err, ERR_LEN, "%s: this build runs on the CPU alone: `make GPU=1` builds one for CUDA", o->gpu >= 0 ? "-i" : "-tf32");
        return -1;
    }
    if (o->tf32) setenv("METAPERTURB_TF32", "1", 1);
    if (o->nogpu) engine_use_gpu(-1);
    else if (o->gpu >= 0) engine_use_gpu(o->gpu);
    else if (engine_has_gpu() && !getenv("METAPERTURB_GPU")) engine_use_gpu(ENGINE_ANY_GPU);
    return 0;
}

int main(int argc, char **argv) {
    spin_less(argv);
    char err[ERR_LEN] = "";
    options o;
    if (argc >= 2 && is_help(argv[1])) {
        usage(stdout);
        return 0;
    }
    for (int i = 0; i < COMMANDS; i++) {
        int words = commands[i].name[0] ? 3 : 2;       /* of the command itself */
        if (argc < words || strcmp(argv[1], commands[i].group) || (words == 3 && strcmp(argv[2], commands[i].name))) continue;
        int bad = options_parse(&o, commands[i].id, commands[i].min, commands[i].max, argc - words, argv + words, err);
        if (bad || o.help) {
            if (bad) fprintf(stderr, "metaperturb: %s\n", err);
            else {
                printf("metaperturb %s %s%s%s\n    %s\n", commands[i].group, commands[i].name, words == 3 ? " " : "", commands[i].usage,
                       commands[i].what);
                options_help(commands[i].id);
            }
            return bad ? 2 : 0;
        }
        omp_set_num_threads(o.threads);
        if (choose_device(&o, err)) {
            fprintf(stderr, "metaperturb: %s\n", err);
            return 2;
        }
        if (!commands[i].run(&o, err)) return 0;
        fflush(stdout);
        if (err[0]) fprintf(stderr, "metaperturb: %s\n", err);     /* empty: another rank says it */
        return 1;
    }
    usage(stderr);
    return 2;
}
