/* suite_file.h - reading of SUITE files; see compare.h for their keys. */
#ifndef MP_SUITE_FILE_H
#define MP_SUITE_FILE_H
#include "base/error.h"
#include "base/path.h"
#include <stdint.h>

enum { SUITE_NAME = 64, SUITE_SEEDS = 64, SUITE_LIST = 1024 };

typedef struct {
    char *section, *key, *val;
    int line;
} suite_edit;
/* Any section; what it does not say is empty, 0, or -1 (samples, temperature). */
typedef struct {
    char name[SUITE_NAME], against[SUITE_NAME], use[16], replace[16], order[64];
    char results[PATH_LEN], data[PATH_LEN], cfg[PATH_LEN], plain[PATH_LEN], phi[PATH_LEN],
        weights[PATH_LEN];
    char targets[SUITE_LIST], networks[SUITE_LIST], methods[SUITE_LIST], seed_list[SUITE_LIST];
    int line, steps, epochs, samples, temperature, threads, n_edits, n_seeds;
    double hours; /* 0: until all is done */
    uint64_t seeds[SUITE_SEEDS];
    suite_edit *edits;
} suite_part;

typedef enum {
    SUITE_NETWORK,
    SUITE_METHOD,
    SUITE_TARGET,
    SUITE_PARTS,
    SUITE_SEED = SUITE_PARTS
} suite_kind;
typedef struct {
    char *path;
    suite_part all;                /* [suite] */
    suite_part *part[SUITE_PARTS]; /* in the order of the file */
    int n[SUITE_PARTS];
    suite_kind order[SUITE_PARTS + 1]; /* the outermost first */
} suite_file;

suite_file *suite_file_read(const char *path, char *err);
void suite_file_free(suite_file *s);
/* Is the name in a list of names with commas between? An empty list holds all. */
int suite_holds(const char *list, const char *name);
/* The method that m is compared with; m itself where it is that method. */
const suite_part *suite_against(const suite_file *s, const suite_part *m);
/* Does any method compare itself with m? */
int suite_is_reference(const suite_file *s, const suite_part *m);
#endif
