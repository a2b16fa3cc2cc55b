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
        n; /* batch 0: as the cfg says; checkpoint 0: none on the way */
    uint64_t seed;
    meta_task *tasks;
} meta_file;

meta_file *meta_file_read(const char *path, char *err);
void meta_file_free(meta_file *m);
#endif
