/* options.h - one table of options for all commands; the help text is made from it. */
#ifndef MP_OPTIONS_H
#define MP_OPTIONS_H
#include "host/cfg.h"
#include <stdint.h>

enum { CMD_TRAIN = 1, CMD_VALID = 2, CMD_PREDICT = 4, CMD_META = 8, CMD_PHI = 256, CMD_PHI_PLOT = 512 };
enum { MAX_POSITIONAL = 4 };

typedef struct {
    const char *positional[MAX_POSITIONAL];
    int n_positional, help;
    uint64_t seed;
    int seed_given, threads, clear, skip_bad, samples, every, top, steps, resume;
    const char *json, *phi, *backup, *out;
} options;

/* argv[0..argc-1] behind the command's words. 0, or -1 and a sentence in err: unknown option, missing or bad value, too many
 * positional arguments. */
int options_parse(options *o, unsigned command, int min_positional, int max_positional, int argc, char **argv, char *err);
void options_help(unsigned command);
#endif
