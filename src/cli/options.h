/* options.h - one table of options for all commands: names, ranges, defaults. The help text is made
 * from it. */
#ifndef MP_OPTIONS_H
#define MP_OPTIONS_H
#include "study/attack.h"
#include "study/bench.h"
#include "study/compare.h"
#include "tools/export.h"
#include "tools/fold.h"
#include "train/detector.h"
#include "train/meta.h"
#include <stdint.h>

enum {
    CMD_TRAIN = 1 << 0,
    CMD_VALID = 1 << 1,
    CMD_PREDICT = 1 << 2,
    CMD_META = 1 << 3,
    CMD_CFG_ATTACH = 1 << 4,
    CMD_CFG_DETACH = 1 << 5,
    CMD_CFG_CHECK = 1 << 6,
    CMD_W_INFO = 1 << 7,
    CMD_W_PARTIAL = 1 << 8,
    CMD_W_FOLD = 1 << 9,
    CMD_BENCH_STEP = 1 << 10,
    CMD_BENCH_DATA = 1 << 11,
    CMD_DET_TRAIN = 1 << 12,
    CMD_DET_VALID = 1 << 13,
    CMD_DET_MAP = 1 << 14,
    CMD_DET_TEST = 1 << 15,
    CMD_PHI = 1 << 16,
    CMD_PHI_PLOT = 1 << 17,
    CMD_PHI_IMPORT = 1 << 18,
    CMD_COMPARE = 1 << 19,
    CMD_ATTACK = 1 << 20,
    CMD_BENCH_META = 1 << 21,
    CMD_BENCH_PREDICT = 1 << 22,
    CMD_DET_ANCHORS = 1 << 23,
    CMD_W_EXPORT = 1 << 24,
    CMD_DET_DEMO = 1 << 25,
    CMD_BENCH = CMD_BENCH_STEP | CMD_BENCH_META | CMD_BENCH_PREDICT,
    CMD_DET = CMD_DET_TRAIN | CMD_DET_VALID | CMD_DET_MAP | CMD_DET_TEST | CMD_DET_DEMO,
};
enum { MAX_POSITIONAL = 4 };

/* What stands on the command line: what most commands take, and the command's own structure, filled
 * in but for file names that are no options, and for what most commands take. */
typedef struct {
    const char **positional; /* n_positional, and NULL up to MAX_POSITIONAL */
    int n_positional, help;
    uint64_t seed;
    int seed_given, skip_bad, negatives;
    int threads, gpu, nogpu, tf32, bf16; /* threads 0: all there are; gpu < 0: not said */
    double memory;                       /* bytes; 0: not said */
    const char *json;
    union {
        session_args session; /* classifier; phi */
        attack_args attack;
        struct {
            detector_args args;
            const char *like;
        } detector;
        struct {
            anchor_args args;
            const char *like;
        } anchors;
        meta_args meta;
        compare_args compare;
        struct {
            bench_args args;
            const char *draw;
        } bench;
        struct {
            const char *where, *phi;
        } attach;
        fold_args fold;
        export_args export;
    } of;
} options;

/* argv[0..argc-1] after the command's words. 0, or -1 and a sentence in err: unknown option,
 * missing or bad value, too many positional arguments, an option that would do nothing beside the
 * others. */
int options_parse(options *o, unsigned command, int min_positional, int max_positional, int argc,
                  char **argv, char *err);
/* -1 and err: a file that the command writes is, under whatever name, one that it reads, or writes
 * too. writes: which arguments that are no options it writes, as digits. */
int options_files(const options *o, unsigned command, const char *writes, char *err);
/* -1 and err: a file that the command writes cannot be written. */
int options_writable(const options *o, unsigned command, const char *writes, char *err);

/* value: the word for it in a usage, or NULL; help: with the default, lines and indented lines
 * after them; is_file: the value names a file. */
typedef struct {
    const char *name, *value;
    char help[512];
    int is_file;
} option_text;

/* The kth option of a command; 0: there are fewer. */
int options_text(unsigned command, int k, option_text *t);
void options_help(unsigned command);
#endif
