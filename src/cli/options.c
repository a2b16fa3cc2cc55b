/* options.c - see options.h */
#include "cli/options.h"
#include "base/files.h"
#include "base/nearest.h"
#include "tools/onnx_graph.h"
#include "train/classifier.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* FLOAT, REAL: into a float, a double. IN, OUT: names of files that are read, written. DRAWN: as
 * OUT, or a folder. BATCH: a number of images, or `dynamic`: 0. */
typedef enum { FLAG, INT, FLOAT, REAL, SEED, BATCH, IN, OUT, DRAWN, TEXT, SIZE } kind;

/* usual: the value where nothing is said, NULL: 0 or none; "%s" in help stands for it. */
typedef struct {
    const char *name;
    kind kind;
    size_t at;
    long long lo, hi;
    const char *usual;
    unsigned commands;
    const char *value, *help;
} option;

#define AT(field) offsetof(options, field)
#define SESSION(field) offsetof(options, of.session.field)
#define DETECTOR(field) offsetof(options, of.detector.field)
#define WORDS(value) WORDS_OF(value)
#define WORDS_OF(value) #value
enum {
    ALL = CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_META | CMD_BENCH | CMD_BENCH_DATA | CMD_W_FOLD |
          CMD_DET | CMD_PHI | CMD_PHI_PLOT | CMD_ATTACK,
    RUNS_NETWORK = CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_META | CMD_BENCH | CMD_W_FOLD |
                   CMD_DET | CMD_ATTACK | CMD_COMPARE
};
/* A row of SESSION serves detectors and attacks too. */
_Static_assert(offsetof(detector_args, c) == 0 && offsetof(attack_args, c) == 0,
               "a session's options come first");

static const option table[] = {
    {"-seed", SEED, AT(seed), 0, 0, "0", ALL, "N",
     "seed of initial weights, batches, augmentation and noise (default %s)"},
    {"-threads", INT, AT(threads), 1, 1024, NULL, ALL, "N",
     "processor threads to use (default: all)"},
    {"-memory", SIZE, AT(memory), 0, 0, NULL, (ALL & ~CMD_BENCH_DATA) | CMD_COMPARE | CMD_CFG_CHECK,
     "LIMIT",
     "take no more than 800M, 4G, ... (default: what the machine and its control group have free)"},
    {"-i", INT, AT(gpu), 0, 1023, NULL, ALL | CMD_COMPARE, "N",
     "the CUDA device to run on (default: the first, or one for each MPI rank; builds with GPU=1)"},
    {"-nogpu", FLAG, AT(nogpu), 0, 0, NULL, ALL | CMD_COMPARE, NULL, "run on the CPU"},
    {"-tf32", FLAG, AT(tf32), 0, 0, NULL, ALL | CMD_COMPARE, NULL,
     "let CUDA round products to TF32: faster, three digits (default: float32)"},
    {"-bf16", FLAG, AT(bf16), 0, 0, NULL, RUNS_NETWORK, NULL,
     "let the processor round what convolutions multiply to bfloat16: faster, three digits "
     "(default: float32)"},
    {"-json", OUT, AT(json), 0, 0, NULL, ALL & ~CMD_PHI_PLOT, "FILE",
     "write the results there, for scripts"},
    {"-clear", FLAG, SESSION(clear), 0, 0, NULL, CMD_TRAIN | CMD_DET_TRAIN, NULL,
     "count steps from 0, whatever WEIGHTS have seen"},
    {"-phi", IN, SESSION(phi), 0, 0, NULL,
     CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_DET | CMD_ATTACK, "PHI",
     "phi of [meta_shared], in place of the cfg's"},
    {"-phi", IN, AT(of.attach.phi), 0, 0, NULL, CMD_CFG_ATTACH, "PHI",
     "phi of [meta_shared], in place of the cfg's"},
    {"-backup", TEXT, SESSION(backup), 0, 0, NULL, CMD_TRAIN | CMD_DET_TRAIN, "DIR",
     "folder for weights (default: backup= of DATA)"},
    {"-every", INT, SESSION(every), 1, 1000000000, NULL, CMD_TRAIN | CMD_DET_TRAIN, "N",
     "test on the valid list every N steps"},
    {"-every", INT, SESSION(every), 1, 1000000000, "1", CMD_DET_DEMO, "N",
     "look at every Nth frame only; those after it are drawn with its boxes (default %s)"},
    {"-samples", INT, SESSION(samples), 0, 100000, "0",
     CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_DET, "N",
     "noise samples averaged per test image (default %s: one deterministic pass)"},
    {"-samples", INT, SESSION(samples), 0, 1000, "0", CMD_ATTACK, "N",
     "noise samples averaged in each gradient, and in the prediction attacked (default %s: the "
     "deterministic pass)"},
    {"-norm", TEXT, AT(of.attack.norm), 0, 0, NULL, CMD_ATTACK, "L", "linf (default), l2 or l1"},
    {"-eps", TEXT, AT(of.attack.eps), 0, 0, NULL, CMD_ATTACK, "E,E,..",
     "radii, as 0.01,0.02 or 2/255,4/255, pixels being 0..1 (default: eight)"},
    {"-steps", INT, AT(of.attack.steps), 1, 100000, "40", CMD_ATTACK, "N",
     "steps of the attack (default %s)"},
    {"-step", REAL, AT(of.attack.step), 0, 10, "-1", CMD_ATTACK, "S",
     "length of a step in parts of eps (default 0.025, l1: 0.033, but at least 2.5/steps)"},
    {"-images", INT, AT(of.attack.images), 1, 1000000000, NULL, CMD_ATTACK, "N",
     "test images, evenly spread over the list (default: all)"},
    {"-transfer", IN, AT(of.attack.transfer), 0, 0, NULL, CMD_ATTACK, "CFG",
     "attack through the gradients of this network too"},
    {"-transfer_weights", IN, AT(of.attack.transfer_weights), 0, 0, NULL, CMD_ATTACK, "WEIGHTS",
     "the weights of that network"},
    {"-check", FLAG, AT(of.attack.check), 0, 0, NULL, CMD_ATTACK, NULL,
     "the largest radius again with 4 times the steps and 4 times the samples"},
    {"-plot", OUT, AT(of.attack.plot), 0, 0, NULL, CMD_ATTACK, "FILE",
     "draw accuracy over radius as a PNG (broken line: -transfer)"},
    {"-beside", TEXT, AT(of.attack.beside), 0, 0, NULL, CMD_ATTACK, "FILE,FILE,..",
     "JSON files of earlier attacks, drawn in the same picture"},
    {"-samples", INT, AT(of.fold.samples), 1, 100000, NULL, CMD_W_FOLD, "N",
     "noise samples averaged per test image, for the report (default " WORDS(FOLD_SAMPLES) ")"},
    {"-calibrate", IN, AT(of.fold.data), 0, 0, NULL, CMD_W_FOLD, "DATA",
     "a .data file: calibrate on its train list, test on its valid list"},
    {"-images", INT, AT(of.fold.images), 2, 1000000000, "1000", CMD_W_FOLD, "N",
     "images of the train list to calibrate on (default %s)"},
    {"-distill", INT, AT(of.fold.distill), 0, 1000000, "-1", CMD_W_FOLD, "N",
     "train a folded classifier N steps towards the deterministic outputs "
     "(default " WORDS(FOLD_DISTILL) "; 0: not)"},
    {"-batch", BATCH, AT(of.export.batch), 0, 0, "1", CMD_W_EXPORT, "N",
     "images at once, or `dynamic`: any number (default %s)"},
    {"-decode", FLAG, AT(of.export.decode), 0, 0, NULL, CMD_W_EXPORT, NULL,
     "a detector gives boxes and scores, not the numbers of its heads"},
    {"-opset", INT, AT(of.export.opset), ONNX_OPSET_LEAST, ONNX_OPSET_MOST, WORDS(ONNX_OPSET_LEAST),
     CMD_W_EXPORT, "N", "version of ONNX's operators (default %s, which every reader knows)"},
    {"-data", IN, AT(of.export.data), 0, 0, NULL, CMD_W_EXPORT, "DATA",
     "a .data file whose class names go into the model"},
    {"-where", TEXT, AT(of.attach.where), 0, 0, NULL, CMD_CFG_ATTACH, "W",
     "residual, conv, all, or layers as 2,5,8 (default: residual, else conv)"},
    {"-top", INT, SESSION(top), 1, 1000, WORDS(CLASSIFIER_TOP), CMD_VALID | CMD_PREDICT, "N",
     "classes shown, or counted as right (default %s)"},
    {"-steps", INT, AT(of.meta.steps), 1, 1000000000, NULL, CMD_META, "N",
     "in place of steps= of META"},
    {"-batch", INT, AT(of.bench.args.batch), 1, 1000000, NULL, CMD_BENCH | CMD_BENCH_DATA, "N",
     "images of a step (default: the cfg's)"},
    {"-steps", INT, AT(of.bench.args.steps), 1, 1000000, WORDS(BENCH_STEPS), CMD_BENCH, "N",
     "steps to time, after 3 to warm up (default %s)"},
    {"-steps", INT, AT(of.bench.args.steps), 1, 1000000, NULL, CMD_BENCH_DATA, "N",
     "batches to time, after 3 to warm up (default " WORDS(BENCH_STEPS) "), or sheets of -draw"},
    {"-draw", TEXT, AT(of.bench.draw), 0, 0, NULL, CMD_BENCH_DATA, "DIR",
     "no timing: draw a detector's training pictures and boxes there, -steps sheets of 16 "
     "(default " WORDS(DETECTOR_SHEETS) ")"},
    {"-host", FLAG, AT(of.bench.args.host), 0, 0, NULL, CMD_BENCH_STEP | CMD_BENCH_PREDICT, NULL,
     "Darknet's own functions (plain cfgs only)"},
    {"-data", IN, AT(of.bench.args.data), 0, 0, NULL, CMD_BENCH, "DATA",
     "batches of this .data file instead of one in memory"},
    {"-resume", FLAG, AT(of.meta.resume), 0, 0, NULL, CMD_META, NULL,
     "go on from the state file beside the phi file, if there is one"},
    {"-out", OUT, AT(of.meta.out), 0, 0, NULL, CMD_META, "FILE",
     "phi file to write, in place of phi= of META"},
    {"-out", TEXT, DETECTOR(args.out), 0, 0, NULL, CMD_DET_VALID, "NAME",
     "name of the results in results= of DATA (default: comp4_det_test_)"},
    {"-out", DRAWN, SESSION(out), 0, 0, NULL, CMD_DET_TEST | CMD_PREDICT, "FILE",
     "picture to draw (detector: default predictions.png); of several images: the folder"},
    {"-out", OUT, SESSION(out), 0, 0, NULL, CMD_DET_DEMO, "FILE",
     "video to draw, .mp4 or .avi (default: none; nothing is shown in a window)"},
    {"-out", OUT, SESSION(out), 0, 0, NULL, CMD_PHI_PLOT, "FILE",
     "picture to write (default: PHI.png)"},
    {"-num", INT, AT(of.anchors.args.num), 1, 1000, "6", CMD_DET_ANCHORS, "N",
     "how many anchors (default %s)"},
    {"-width", INT, AT(of.anchors.args.width), 1, 65535, "416", CMD_DET_ANCHORS, "W",
     "width of the network's input (default %s)"},
    {"-height", INT, AT(of.anchors.args.height), 1, 65535, "416", CMD_DET_ANCHORS, "H",
     "its height (default %s)"},
    {"-plot", OUT, AT(of.anchors.args.plot), 0, 0, NULL, CMD_DET_ANCHORS, "FILE",
     "draw the anchors over a sample of the boxes as a PNG"},
    {"-skip_bad", FLAG, AT(skip_bad), 0, 0, NULL,
     CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_META | CMD_W_FOLD | (CMD_DET & ~CMD_DET_DEMO) |
         CMD_DET_ANCHORS | CMD_PHI | CMD_PHI_PLOT | CMD_ATTACK,
     NULL, "go on without images that cannot be decoded (detector: or whose labels are wrong)"},
    {"-list", FLAG, AT(of.compare.list), 0, 0, NULL, CMD_COMPARE, NULL,
     "all cells with their hashes, and which are done"},
    {"-table", FLAG, AT(of.compare.table), 0, 0, NULL, CMD_COMPARE, NULL,
     "tables (markdown) of what is there: means, differences with intervals, wins"},
    {"-plot", OUT, AT(of.compare.plot), 0, 0, NULL, CMD_COMPARE, "FILE",
     "draw the differences to FILE.png, reliability diagrams to FILE-reliability.png"},
    {"-cell", TEXT, AT(of.compare.cell), 0, 0, NULL, CMD_COMPARE, "NAME",
     "run one cell again (TARGET/NETWORK/METHOD/SEED, or its hash) and compare"},
    {"-map", FLAG, DETECTOR(args.map), 0, 0, NULL, CMD_DET_TRAIN, NULL,
     "test on the valid list after each epoch, but not more often than every 100 steps, and draw\n"
     "                   backup/NAME_chart.png: loss, mAP, time left"},
    {"-negatives", FLAG, AT(negatives), 0, 0, NULL,
     CMD_DET_TRAIN | CMD_DET_MAP | CMD_DET_ANCHORS | CMD_W_FOLD, NULL,
     "images without a label file show no class"},
    {"-thresh", FLOAT, DETECTOR(args.thresh), 0, 1, "0.5", CMD_DET_TEST | CMD_DET_DEMO, "S",
     "least score of a box shown (default %s)"},
    {"-thresh", FLOAT, DETECTOR(args.thresh), 0, 1, WORDS(DETECTOR_THRESH),
     CMD_DET_TRAIN | CMD_DET_MAP, "S",
     "least score of a box counted in precision and recall (default %s)"},
    {"-thresh", FLOAT, DETECTOR(args.thresh), 0, 1, WORDS(DETECTOR_LOW), CMD_DET_VALID, "S",
     "least score of a box written (default %s)"},
    {"-nms", FLOAT, DETECTOR(args.nms), 0, 1, WORDS(DETECTOR_NMS), CMD_DET, "O",
     "overlap above which the worse of two boxes of a class goes (default %s; 0: none goes)"},
    {"-points", INT, DETECTOR(args.points), 0, 101, "0", CMD_DET_TRAIN | CMD_DET_MAP, "N",
     "AP as the area below the curve (default %s), or as the mean of 11 or 101 points"},
    {"-iou_thresh", REAL, DETECTOR(args.iou), 0, 1, WORDS(DETECTOR_IOU), CMD_DET_MAP, "I",
     "overlap with a true box above which a box is right (default %s)"},
    {"-like", TEXT, DETECTOR(like), 0, 0, NULL, CMD_DET, "WHOM",
     "like `darknet` (letterbox) or `alexeyab` (stretch; in tests its suppression and mean);\n"
     "                   letter_box= in [net] comes first; default: in tests whoever wrote "
     "WEIGHTS, in train darknet"},
    {"-like", TEXT, AT(of.anchors.like), 0, 0, "alexeyab", CMD_DET_ANCHORS, "WHOM",
     "boxes as `darknet` sees them (letterbox) or as `alexeyab` (stretch; default %s)"},
};
enum { OPTIONS = sizeof table / sizeof *table };

/* Options that do something only beside one of two others, or nothing beside another. */
typedef struct {
    const char *name;
    unsigned commands;
    const char *other, *another, *why;
} relation;

static const relation needs[] = {
    {"-samples", CMD_TRAIN, "-every", NULL, "it is for tests during training"},
    {"-samples", CMD_DET_TRAIN, "-every", "-map", "it is for tests during training"},
    {"-thresh", CMD_DET_TRAIN, "-every", "-map", "it is for tests during training"},
    {"-nms", CMD_DET_TRAIN, "-every", "-map", "it is for tests during training"},
    {"-points", CMD_DET_TRAIN, "-every", "-map", "it is for tests during training"},
};
static const relation excludes[] = {
    {"-map", CMD_DET_TRAIN, "-every", NULL, "each says when to test"},
    {"-batch", CMD_BENCH_DATA, "-draw", NULL, "a sheet shows 16 pictures"},
    {"-json", CMD_BENCH_DATA, "-draw", NULL, "nothing is timed"},
    {"-list", CMD_COMPARE, "-cell", NULL, "-cell runs one cell and ends"},
    {"-table", CMD_COMPARE, "-cell", NULL, "-cell runs one cell and ends"},
    {"-plot", CMD_COMPARE, "-cell", NULL, "-cell runs one cell and ends"},
    {"-i", CMD_BENCH, "-host", NULL, "the host runs on the CPU"},
    {"-tf32", CMD_BENCH, "-host", NULL, "the host runs on the CPU"},
    {"-bf16", CMD_BENCH, "-host", NULL, "the host knows float32 alone"},
};
enum { NEEDS = sizeof needs / sizeof *needs, EXCLUDES = sizeof excludes / sizeof *excludes };

static int names_file(const option *t) {
    return t->kind == IN || t->kind == OUT || t->kind == DRAWN;
}

static int take_value(options *o, const option *t, const char *v, char *err) {
    void *at = (char *)o + t->at;
    char *end;
    errno = 0;
    if (t->kind == TEXT || names_file(t)) {
        *(const char **)at = v;
        return 0;
    }
    if (t->kind == SEED) {
        o->seed = strtoull(v, &end, 10);
        o->seed_given = 1;
        if (*v >= '0' && *v <= '9' && !*end && !errno) return 0;
        return fail(err, "-seed %s: not a whole number from 0 to 18446744073709551615", v);
    }
    if (t->kind == SIZE) {
        static const char units[] = "KMGT";
        double x = strtod(v, &end);
        const char *unit = *end ? strchr(units, *end) : NULL;
        if (unit) x *= pow(1024, (double)(unit - units + 1)), end++;
        *(double *)at = x;
        if (end != v && !*end && x >= 1) return 0;
        return fail(err, "%s %s: not a size as 800M or 4G", t->name, v);
    }
    if (t->kind == REAL || t->kind == FLOAT) {
        double x = strtod(v, &end);
        if (t->kind == REAL)
            *(double *)at = x;
        else
            *(float *)at = (float)x;
        if (end != v && !*end && x >= (double)t->lo && x <= (double)t->hi) return 0;
        return fail(err, "%s %s: not a number from %lld to %lld", t->name, v, t->lo, t->hi);
    }
    long long n = strtoll(v, &end, 10);
    int dynamic = t->kind == BATCH && !strcmp(v, "dynamic");
    *(int *)at = (int)n;
    if (dynamic) return 0;
    if (t->kind == BATCH && (*v < '1' || *v > '9' || *end || n > INT_MAX))
        return fail(err, "%s %s: not a whole number above 0, and not `dynamic`", t->name, v);
    if (t->kind == BATCH) return 0;
    if (end == v || *end || errno || n < t->lo || n > t->hi)
        return fail(err, "%s %s: not a whole number from %lld to %lld", t->name, v, t->lo, t->hi);
    return 0;
}

static const option *find(const char *name, unsigned command) {
    for (int i = 0; i < OPTIONS; i++) {
        if (!strcmp(table[i].name, name) && table[i].commands & command) return &table[i];
    }
    return NULL;
}

/* given: bit k says that table[k] was given. */
static int take_option(options *o, unsigned command, int argc, char **argv, int *i,
                       uint64_t given[2], char *err) {
    const char *name = argv[*i];
    if (!strncmp(name, "--", 2)) name++; /* --seed is -seed */
    if (!strcmp(name, "-help") || !strcmp(name, "-h")) {
        o->help = 1;
        return 0;
    }
    const option *t = find(name, command);
    if (!t) {
        nearest n = {name, NULL, 99};
        for (int k = 0; k < OPTIONS; k++)
            if (table[k].commands & command) nearest_consider(&n, table[k].name);
        return fail(err, "unknown option %.200s; %s%s%s--help lists those of this command",
                    argv[*i], n.name ? "did you mean " : "", n.name ? n.name : "",
                    n.name ? "? " : "");
    }
    given[(t - table) / 64] |= 1ULL << (t - table) % 64;
    if (t->kind == FLAG) {
        *(int *)(void *)((char *)o + t->at) = 1;
        return 0;
    }
    if (*i + 1 >= argc) return fail(err, "%s needs a value: %s %s", t->name, t->name, t->value);
    return take_value(o, t, argv[++*i], err);
}

_Static_assert(OPTIONS <= 128, "options given are counted as bits");

static int is_given(const uint64_t given[2], const char *name) {
    for (int i = 0; name && i < OPTIONS; i++)
        if (given[i / 64] >> i % 64 & 1 && !strcmp(table[i].name, name)) return 1;
    return 0;
}

/* Nothing is accepted that would do nothing. */
static int related(const options *o, unsigned command, const uint64_t given[2], char *err) {
    for (int i = 0; i < NEEDS; i++) {
        const relation *r = &needs[i];
        if (!(r->commands & command) || !is_given(given, r->name)) continue;
        if (is_given(given, r->other) || is_given(given, r->another)) continue;
        return fail(err, "%s does nothing without %s%s%s: %s", r->name, r->other,
                    r->another ? " or " : "", r->another ? r->another : "", r->why);
    }
    for (int i = 0; i < EXCLUDES; i++) {
        const relation *r = &excludes[i];
        if (!(r->commands & command)) continue;
        if (!is_given(given, r->name) || !is_given(given, r->other)) continue;
        return fail(err, "%s and %s exclude each other: %s", r->name, r->other, r->why);
    }
    if (o->skip_bad && command & (CMD_PHI | CMD_PHI_PLOT) && o->n_positional == 1)
        return fail(err, "-skip_bad does nothing without CFG WEIGHTS DATA: no image is read");
    return 0;
}

int options_parse(options *o, unsigned command, int min_positional, int max_positional, int argc,
                  char **argv, char *err) {
    *o = (options){.gpu = -1};
    char outside[ERR_LEN]; /* of its range is -1, which says that nothing was said */
    for (int i = 0; i < OPTIONS; i++)
        if (table[i].commands & command && table[i].usual)
            (void)take_value(o, &table[i], table[i].usual, outside);
    o->seed_given = 0;
    if (!(o->positional = calloc((size_t)argc + MAX_POSITIONAL, sizeof *o->positional)))
        return fail(err, "not enough memory for %d arguments", argc);
    uint64_t given[2] = {0};
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1]) {
            if (take_option(o, command, argc, argv, &i, given, err)) return -1;
        } else if (o->n_positional < max_positional) {
            o->positional[o->n_positional++] = argv[i];
        } else {
            return fail(err, "one argument too many: %s", argv[i]);
        }
    }
    if (o->help) return 0;
    if (o->n_positional >= min_positional) return related(o, command, given, err);
    return fail(err, "%d argument%s missing", min_positional - o->n_positional,
                min_positional - o->n_positional > 1 ? "s" : "");
}

typedef struct {
    const char *name;
    int written, may_be_folder;
} named_file;

/* One file under two names, or one name that nothing has yet. Devices such as /dev/null may be
 * both. */
static int is_same(const char *a, const char *b) {
    struct stat s, t;
    int found = !stat(a, &s), other = !stat(b, &t);
    if (!found || !other) return !found && !other && !strcmp(a, b);
    return S_ISREG(s.st_mode) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

static int list_files(const options *o, unsigned command, const char *writes, named_file *f) {
    int n = 0;
    for (int i = 0; i < o->n_positional; i++)
        f[n++] = (named_file){o->positional[i], i < 10 && strchr(writes, '0' + i), 0};
    for (int i = 0; i < OPTIONS; i++) {
        const option *t = &table[i];
        if (!names_file(t) || !(t->commands & command)) continue;
        const char *name = *(const char *const *)(const void *)((const char *)o + t->at);
        if (name) f[n++] = (named_file){name, t->kind != IN, t->kind == DRAWN};
    }
    return n;
}

int options_files(const options *o, unsigned command, const char *writes, char *err) {
    named_file *f = calloc((size_t)o->n_positional + OPTIONS, sizeof *f);
    int n = f ? list_files(o, command, writes, f) : 0, bad = !f;
    if (bad) fail(err, "not enough memory for %d arguments", o->n_positional);
    for (int i = 0; i < n && !bad; i++) {
        for (int k = 0; k < n && f[i].written && !bad; k++) {
            bad = k != i && is_same(f[i].name, f[k].name);
            if (bad)
                fail(
                    err,
                    "%.300s would be written over %.300s, which this command %s: give another name",
                    f[i].name, f[k].name, f[k].written ? "writes too" : "reads");
        }
    }
    free(f);
    return bad ? -1 : 0;
}

static int is_folder(const char *path) {
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

int options_writable(const options *o, unsigned command, const char *writes, char *err) {
    named_file *f = calloc((size_t)o->n_positional + OPTIONS, sizeof *f);
    if (!f) return fail(err, "not enough memory for %d arguments", o->n_positional);
    int n = list_files(o, command, writes, f), bad = 0;
    for (int i = 0; i < n && !bad; i++)
        if (f[i].written && !(f[i].may_be_folder && is_folder(f[i].name)))
            bad = file_out_possible(f[i].name, err);
    free(f);
    return bad;
}

int options_text(unsigned command, int k, option_text *t) {
    int i = 0;
    for (; i < OPTIONS; i++)
        if (table[i].commands & command && k-- == 0) break;
    if (i == OPTIONS) return 0;
    const char *help = table[i].help, *usual = strstr(help, "%s");
    *t = (option_text){
        .name = table[i].name, .value = table[i].value, .is_file = names_file(&table[i])};
    snprintf(t->help, sizeof t->help, "%.*s%s%s", (int)(usual ? usual - help : 0), help,
             usual ? table[i].usual : "", usual ? usual + 2 : help);
    return 1;
}

void options_help(unsigned command) {
    option_text t;
    for (int k = 0; options_text(command, k, &t); k++) {
        char left[32];
        snprintf(left, sizeof left, "%s %s", t.name, t.value ? t.value : "");
        printf("  %-16s %s\n", left, t.help);
    }
}
