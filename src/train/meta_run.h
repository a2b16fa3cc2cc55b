/* meta_run.h - the state of a meta-training run; shared by meta_train.c and meta_state.c alone. */
#ifndef MP_META_RUN_H
#define MP_META_RUN_H
#include "host/cfg_memory.h"
#include "base/files.h"
#include "train/session.h"
#include "train/meta.h"
#include "train/meta_file.h"
#include "train/meta_step.h"
#include <cjson/cJSON.h>

typedef struct {
    char name[256];
    int mine; /* this rank owns it: the members below are set */
    session c;
    dataset *train, *check; /* the two halves */
    loader *train_loader, *check_loader;
    meta_look *look; /* of lookahead=, else NULL */
    int bad;
    char err[ERR_LEN]; /* of the step under way: tasks run side by side */
} meta_task_run;

/* What a step leaves of each task, on all ranks. */
typedef struct {
    double theta_loss, theta_gradient, phi_loss, accuracy, gradient[PHI_LEN];
    double
        mixed[PHI_LEN]; /* of lookahead=, beside the direct one above; minus both, as updates are */
} meta_row;

/* Doubles alone: sums over the tasks whose theta is of one age (meta_age.h). */
enum { META_AGES = 4 };
typedef struct {
    double tasks, theta_loss, phi_loss, direct, mixed;
} meta_age_sum;

typedef struct {
    const meta_args *a;
    meta_file *m;
    int n, step, steps;
    uint64_t seed;
    meta_task_run *tasks;
    meta_row *rows; /* n, and one more: its theta_loss counts the ranks that were asked to stop */
    float phi[PHI_LEN], m1[PHI_LEN], m2[PHI_LEN];
    double start, before, last_line; /* before: seconds that earlier parts of the run took */
    meta_age_sum since[META_AGES];   /* the last line */
    cJSON *json, *log;
    cfg_memory memory; /* of this rank's tasks */
    file_lock lock;    /* OUT.lock, on rank 0: no other run writes these files meanwhile */
    char
        out[PATH_LEN]; /* the phi file to write; its state lies beside it, with .state at the end */
} meta_run;

/* Write the whole state (every rank calls it; rank 0 writes): OUT.state by way of a temporary file;
 * the one before stays as OUT.state.1. */
int meta_state_save(meta_run *r, char *err);
/* Go on from OUT.state, or OUT.state.1 where that is missing; neither: from the start. Every rank
 * calls it, after the opening of its tasks. -1: the state is damaged, of another META, or cannot be
 * read. */
int meta_state_load(meta_run *r, char *err);
#endif
