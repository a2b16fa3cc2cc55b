/* meta_file.h - reading of META files; see meta.h for their keys. */
#ifndef MP_META_FILE_H
#define MP_META_FILE_H
#include "train/meta.h"

typedef struct {
    char data[PATH_LEN], cfg[PATH_LEN], name[256], split[16];
    int size, flip; /* 0, -1: as the cfg says */
} meta_task;
typedef struct {
    char cfg[PATH_LEN], phi[PATH_LEN], init[PATH_LEN];
    double learning_rate, decay, phi_learning_rate, phi_decay, sigma;
    int size, flip; /* of tasks that say nothing themselves */
    int steps, batch, threads, checkpoint, train,
        n;                  /* batch 0: as the cfg says; checkpoint 0: none on the way */
    int restart, lookahead; /* 0: never, off */
    uint64_t seed;
    meta_task *tasks;
} meta_file;

meta_file *meta_file_read(const char *path, char *err);
/* Of task k's theta at step 0, 1, ...: the steps that it has taken, and how often it has started
 * anew (at age 0 of starts above 0 it does): first at about restart*k/n, the first task at restart,
 * so that the tasks' thetas are of all ages at any time. */
int meta_age(const meta_file *m, int k, int step, int *starts);
void meta_file_free(meta_file *m);
#endif
