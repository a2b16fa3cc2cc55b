/* meta_task.h - one task of meta-training: its network, the two halves of its data, its part of a step. See meta.h. */
#ifndef MP_META_TASK_H
#define MP_META_TASK_H
#include "ops/perturb.h"
#include "train/classifier.h"
#include "train/meta_file.h"

/* What one step of one task gives. Doubles only: it travels between ranks as it is. */
typedef struct {
    double phi_update[PHI_LEN];     /* minus the mean gradient of the validation batch's loss */
    double theta_loss, phi_loss;    /* means of an image, on the train and the validation batch */
    double theta_gradient;          /* L2 norm, before decay */
    double accuracy;                /* 0..1, on the validation batch */
} task_result;

typedef struct {
    const meta_task *m;
    int number;
    uint64_t seed;
    classifier c;
    dataset *train, *check;         /* the two halves */
    int borrowed;                   /* they belong to an earlier task that has them the other way round */
    loader *train_loader, *check_loader;
    task_result result;
} task;

/* How all tasks of a run are made. */
typedef struct {
    const meta_file *m;
    uint64_t seed;
    int steps, threads, skip_bad;
} task_setup;

/* Network and data of task `number`. earlier: tasks opened before, whose data may be shared. quiet: without the host's
 * table of layers. 0, or -1 and err; task_close either way. */
int task_open(task *t, const task_setup *s, int number, const task *earlier, int n_earlier, int quiet, char *err);
void task_close(task *t);

/* Ready for the steps from `step` on (behind task_open and host_set_state). */
int task_begin(task *t, int step, char *err);
/* One step: theta's update, then minus phi's gradient at `phi`, into t->result; train_phi 0: without the gradient.
 * Tasks may run at the same time, each on a thread of its own. */
int task_step(task *t, int step, const float *phi, int train_phi, char *err);

/* One line of everything that the task's course depends on and its network's state does not hold. */
void task_describe(const task *t, char *line, size_t len);
#endif
