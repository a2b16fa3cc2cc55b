/* options.h - one table of options for all commands; the help text is made from it. */
#ifndef MP_OPTIONS_H
#define MP_OPTIONS_H
#include "base/error.h"
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

typedef struct {
    const char **positional; /* n_positional, and NULL up to MAX_POSITIONAL */
    int n_positional, help;
    uint64_t seed;
    int seed_given, threads, clear, skip_bad, samples, every, top, steps, batch, host, resume,
        images, points, negatives, map, list, table, num, width, height, decode, opset;
    int check, distill, gpu, nogpu, tf32; /* gpu < 0: not said; threads 0: all there are */
    double memory;                        /* bytes; 0: not said */
    double thresh, nms, iou_thresh, step; /* thresh, step, distill < 0: the command's own */
    const char *json, *phi, *backup, *out, *data, *where, *calibrate, *like, *cell, *plot, *norm,
        *eps, *transfer, *transfer_weights, *beside, *draw, *batches;
} options;

/* argv[0..argc-1] behind the command's words. 0, or -1 and a sentence in err: unknown option,
 * missing or bad value, too many positional arguments, an option that would do nothing beside the
 * others. */
int options_parse(options *o, unsigned command, int min_positional, int max_positional, int argc,
                  char **argv, char *err);
/* -1 and err: a file that the command writes is, under whatever name, one that it reads, or writes
 * too. writes: which arguments that are no options it writes, as digits. */
int options_files(const options *o, unsigned command, const char *writes, char *err);
void options_help(unsigned command);
#endif
