/* options.c - see options.h */
#include "cli/options.h"
#include "base/nearest.h"
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef enum { FLAG, INT, REAL, SEED, IN, OUT, TEXT, SIZE } kind;

/* IN, OUT: names of files that are read, written. */
typedef struct {
    const char *name;
    kind kind;
    size_t at;
    long long lo, hi;
    unsigned commands;
    const char *value, *help;
} option;

#define AT(field) offsetof(options, field)
enum {
    ALL = CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_META | CMD_BENCH | CMD_BENCH_DATA | CMD_W_FOLD |
          CMD_DET | CMD_PHI | CMD_PHI_PLOT | CMD_ATTACK
};

static const option table[] = {
    {"-seed", SEED, AT(seed), 0, 0, ALL, "N",
     "seed of initial weights, batches, augmentation and noise (default 0)"},
    {"-threads", INT, AT(threads), 1, 1024, ALL, "N", "processor threads to use (default: all)"},
    {"-memory", SIZE, AT(memory), 0, 0, (ALL & ~CMD_BENCH_DATA) | CMD_COMPARE | CMD_CFG_CHECK,
     "LIMIT",
     "take no more than 800M, 4G, ... (default: what the machine and its control group have free)"},
    {"-i", INT, AT(gpu), 0, 1023, ALL | CMD_COMPARE, "N",
     "the CUDA device to run on (default: the first, or one for each MPI rank; builds with GPU=1)"},
    {"-nogpu", FLAG, AT(nogpu), 0, 0, ALL | CMD_COMPARE, NULL, "run on the CPU"},
    {"-tf32", FLAG, AT(tf32), 0, 0, ALL | CMD_COMPARE, NULL,
     "let CUDA round products to TF32: faster, three digits (default: float32)"},
    {"-json", OUT, AT(json), 0, 0, ALL & ~CMD_PHI_PLOT, "FILE",
     "write the results there, for scripts"},
    {"-clear", FLAG, AT(clear), 0, 0, CMD_TRAIN | CMD_DET_TRAIN, NULL,
     "count steps from 0, whatever WEIGHTS have seen"},
    {"-phi", IN, AT(phi), 0, 0,
     CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_CFG_ATTACH | CMD_DET | CMD_ATTACK, "FILE",
     "phi of [meta_shared], in place of the cfg's"},
    {"-backup", TEXT, AT(backup), 0, 0, CMD_TRAIN | CMD_DET_TRAIN, "DIR",
     "folder for weights (default: backup= of DATA)"},
    {"-every", INT, AT(every), 1, 1000000000, CMD_TRAIN | CMD_DET_TRAIN, "N",
     "test on the valid list every N steps"},
    {"-every", INT, AT(every), 1, 1000000000, CMD_DET_DEMO, "N",
     "look at every Nth frame only; those behind it are drawn with its boxes (default 1)"},
    {"-samples", INT, AT(samples), 0, 100000, CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_DET, "N",
     "noise samples averaged per test image (default 0: one deterministic pass)"},
    {"-samples", INT, AT(samples), 0, 1000, CMD_ATTACK, "N",
     "noise samples averaged in each gradient, and in the prediction attacked (default 0: the "
     "deterministic pass)"},
    {"-norm", TEXT, AT(norm), 0, 0, CMD_ATTACK, "L", "linf (default), l2 or l1"},
    {"-eps", TEXT, AT(eps), 0, 0, CMD_ATTACK, "E,E,..",
     "radii, as 0.01,0.02 or 2/255,4/255, pixels being 0..1 (default: eight)"},
    {"-steps", INT, AT(steps), 1, 100000, CMD_ATTACK, "N", "steps of the attack (default 40)"},
    {"-step", REAL, AT(step), 0, 10, CMD_ATTACK, "S",
     "length of a step in parts of eps (default 0.025, l1: 0.033, but at least 2.5/steps)"},
    {"-images", INT, AT(images), 1, 1000000000, CMD_ATTACK, "N",
     "test images, evenly spread over the list (default: all)"},
    {"-transfer", IN, AT(transfer), 0, 0, CMD_ATTACK, "CFG",
     "attack through the gradients of this network too"},
    {"-transfer_weights", IN, AT(transfer_weights), 0, 0, CMD_ATTACK, "FILE",
     "the weights of that network"},
    {"-check", FLAG, AT(check), 0, 0, CMD_ATTACK, NULL,
     "the largest radius again with 4 times the steps and 4 times the samples"},
    {"-plot", OUT, AT(plot), 0, 0, CMD_ATTACK, "FILE",
     "draw accuracy over radius as a PNG (broken line: -transfer)"},
    {"-beside", TEXT, AT(beside), 0, 0, CMD_ATTACK, "FILE,FILE,..",
     "JSON files of earlier attacks, drawn in the same picture"},
    {"-samples", INT, AT(samples), 1, 100000, CMD_W_FOLD, "N",
     "noise samples averaged per test image, for the report (default 5)"},
    {"-calibrate", IN, AT(calibrate), 0, 0, CMD_W_FOLD, "DATA",
     "a .data file: calibrate on its train list, test on its valid list"},
    {"-images", INT, AT(images), 2, 1000000000, CMD_W_FOLD, "N",
     "images of the train list to calibrate on (default 1000)"},
    {"-distill", INT, AT(distill), 0, 1000000, CMD_W_FOLD, "N",
     "train a folded classifier N steps towards the deterministic outputs (default 500; 0: not)"},
    {"-batch", TEXT, AT(batches), 0, 0, CMD_W_EXPORT, "N",
     "images at once, or `dynamic`: any number (default 1)"},
    {"-decode", FLAG, AT(decode), 0, 0, CMD_W_EXPORT, NULL,
     "a detector gives boxes and scores, not the numbers of its heads"},
    {"-opset", INT, AT(opset), 11, 21, CMD_W_EXPORT, "N",
     "version of ONNX's operators (default 11, which every reader knows)"},
    {"-data", IN, AT(data), 0, 0, CMD_W_EXPORT, "DATA",
     "a .data file whose class names go into the model"},
    {"-where", TEXT, AT(where), 0, 0, CMD_CFG_ATTACH, "W",
     "residual, conv, all, or layers as 2,5,8 (default: residual, else conv)"},
    {"-top", INT, AT(top), 1, 1000, CMD_VALID | CMD_PREDICT, "N",
     "classes shown, or counted as right (default 5)"},
    {"-steps", INT, AT(steps), 1, 1000000000, CMD_META, "N", "in place of steps= of META"},
    {"-batch", INT, AT(batch), 1, 1000000, CMD_BENCH | CMD_BENCH_DATA, "N",
     "images of a step (default: the cfg's)"},
    {"-steps", INT, AT(steps), 1, 1000000, CMD_BENCH | CMD_BENCH_DATA, "N",
     "steps to time, behind 3 to warm up (default 20)"},
    {"-draw", TEXT, AT(draw), 0, 0, CMD_BENCH_DATA, "DIR",
     "no timing: draw a detector's training pictures and boxes there, -steps sheets of 16 (default "
     "4)"},
    {"-host", FLAG, AT(host), 0, 0, CMD_BENCH_STEP | CMD_BENCH_PREDICT, NULL,
     "Darknet's own functions (plain cfgs only)"},
    {"-data", IN, AT(data), 0, 0, CMD_BENCH, "DATA",
     "batches of this .data file instead of one in memory"},
    {"-resume", FLAG, AT(resume), 0, 0, CMD_META, NULL,
     "go on from the state file beside the phi file, if there is one"},
    {"-out", OUT, AT(out), 0, 0, CMD_META | CMD_DET_VALID, "FILE",
     "phi file to write, in place of phi= of META; name of the results of valid"},
    {"-out", OUT, AT(out), 0, 0, CMD_DET_TEST | CMD_PREDICT, "FILE",
     "picture to draw (detector: default predictions.png); of several images: the folder"},
    {"-out", OUT, AT(out), 0, 0, CMD_DET_DEMO, "FILE",
     "video to draw, .mp4 or .avi (default: none; nothing is shown in a window)"},
    {"-out", OUT, AT(out), 0, 0, CMD_PHI_PLOT, "FILE", "picture to write (default: PHI.png)"},
    {"-num", INT, AT(num), 1, 1000, CMD_DET_ANCHORS, "N", "how many anchors (default 6)"},
    {"-width", INT, AT(width), 1, 65535, CMD_DET_ANCHORS, "W",
     "width of the network's input (default 416)"},
    {"-height", INT, AT(height), 1, 65535, CMD_DET_ANCHORS, "H", "its height (default 416)"},
    {"-plot", OUT, AT(plot), 0, 0, CMD_DET_ANCHORS, "FILE",
     "draw the anchors over a sample of the boxes as a PNG"},
    {"-skip_bad", FLAG, AT(skip_bad), 0, 0,
     CMD_TRAIN | CMD_VALID | CMD_PREDICT | CMD_META | CMD_W_FOLD | (CMD_DET & ~CMD_DET_DEMO) |
         CMD_DET_ANCHORS | CMD_PHI | CMD_PHI_PLOT | CMD_ATTACK,
     NULL, "go on without images that cannot be decoded (detector: or whose labels are wrong)"},
    {"-list", FLAG, AT(list), 0, 0, CMD_COMPARE, NULL,
     "all cells with their hashes, and which are done"},
    {"-table", FLAG, AT(table), 0, 0, CMD_COMPARE, NULL,
     "tables (markdown) of what is there: means, differences with intervals, wins"},
    {"-plot", OUT, AT(plot), 0, 0, CMD_COMPARE, "FILE",
     "draw the differences to FILE.png, reliability diagrams to FILE-reliability.png"},
    {"-cell", TEXT, AT(cell), 0, 0, CMD_COMPARE, "NAME",
     "run one cell again (TARGET/NETWORK/METHOD/SEED, or its hash) and compare"},
    {"-map", FLAG, AT(map), 0, 0, CMD_DET_TRAIN, NULL,
     "test on the valid list after each epoch, but not more often than every 100 steps, and draw\n"
     "                   backup/NAME_chart.png: loss, mAP, time left"},
    {"-negatives", FLAG, AT(negatives), 0, 0,
     CMD_DET_TRAIN | CMD_DET_MAP | CMD_DET_ANCHORS | CMD_W_FOLD, NULL,
     "images without a label file show no class"},
    {"-thresh", REAL, AT(thresh), 0, 1, CMD_DET, "S",
     "least score of a box shown (default 0.5), counted (map: 0.25), written (valid: 0.005)"},
    {"-nms", REAL, AT(nms), 0, 1, CMD_DET, "O",
     "overlap above which the worse of two boxes of a class goes (default 0.45; 0: none goes)"},
    {"-points", INT, AT(points), 0, 101, CMD_DET_TRAIN | CMD_DET_MAP, "N",
     "AP as the area below the curve (default 0), or as the mean of 11 or 101 points"},
    {"-iou_thresh", REAL, AT(iou_thresh), 0, 1, CMD_DET_MAP, "I",
     "overlap with a true box above which a box is right (default 0.5)"},
    {"-like", TEXT, AT(like), 0, 0, CMD_DET | CMD_DET_ANCHORS, "WHOM",
     "like `darknet` (letterbox) or `alexeyab` (stretch; in tests its suppression and mean);\n"
     "                   letter_box= in [net] comes first; default: in tests whoever wrote "
     "WEIGHTS, in train darknet, for anchors alexeyab"},
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
};
enum { NEEDS = sizeof needs / sizeof *needs, EXCLUDES = sizeof excludes / sizeof *excludes };

static int take_value(options *o, const option *t, const char *v, char *err) {
    char *end;
    errno = 0;
    if (t->kind == TEXT || t->kind == IN || t->kind == OUT) {
        *(const char **)((char *)o + t->at) = v;
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
        *(double *)((char *)o + t->at) = x;
        if (end != v && !*end && x >= 1) return 0;
        return fail(err, "%s %s: not a size as 800M or 4G", t->name, v);
    }
    if (t->kind == REAL) {
        double x = strtod(v, &end);
        *(double *)((char *)o + t->at) = x;
        if (end != v && !*end && x >= (double)t->lo && x <= (double)t->hi) return 0;
        return fail(err, "%s %s: not a number from %lld to %lld", t->name, v, t->lo, t->hi);
    }
    long long n = strtoll(v, &end, 10);
    if (end == v || *end || errno || n < t->lo || n > t->hi)
        return fail(err, "%s %s: not a whole number from %lld to %lld", t->name, v, t->lo, t->hi);
    *(int *)((char *)o + t->at) = (int)n;
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
        *(int *)((char *)o + t->at) = 1;
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
    *o = (options){.top = 5,
                   .thresh = -1,
                   .nms = 0.45,
                   .iou_thresh = 0.5,
                   .step = -1,
                   .distill = -1,
                   .gpu = -1};
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
    int written;
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
        f[n++] = (named_file){o->positional[i], i < 10 && strchr(writes, '0' + i)};
    for (int i = 0; i < OPTIONS; i++) {
        const option *t = &table[i];
        if ((t->kind != IN && t->kind != OUT) || !(t->commands & command)) continue;
        const char *name = *(const char *const *)(const void *)((const char *)o + t->at);
        if (name) f[n++] = (named_file){name, t->kind == OUT};
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

void options_help(unsigned command) {
    for (int i = 0; i < OPTIONS; i++) {
        if (!(table[i].commands & command)) continue;
        char left[32];
        snprintf(left, sizeof left, "%s %s", table[i].name, table[i].value ? table[i].value : "");
        printf("  %-16s %s\n", left, table[i].help);
    }
}
