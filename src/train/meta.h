/* meta.h - meta-training: one phi, learned over many tasks at once.
 *
 * A META file has the syntax of a cfg: one [meta] section, then one [task] section for each task.
 *   [meta]  cfg=      network of every task that names none of its own
 *           phi=      file to write; init= a phi file to start from (absent: random at sigma= 0.01)
 *           batch=    images of a step (default: as the cfg says)
 *           steps=    750        learning_rate= 0.001    decay= 0.0005       of theta (Adam)
 *           checkpoint= 50: steps from one state file to the next (0: none on the way)
 *           train=    1 (0: phi stays as it began)
 *           restart=  0 (never), or N: each task's theta starts anew every N steps, see below
 *           lookahead= 0 (off), or so many steps of theta that phi's gradient looks ahead, see
 * below threads=  1: tasks run side by side on one thread each; N: one after the other on N threads
 * each size=, flip=  of tasks that do not say themselves     seed=     0 phi_learning_rate=,
 * phi_decay=  of phi (Adam); default: as theta's [task]  data= a .data file; its train list is
 * split into a train half and a validation half cfg=  network of this task      name= for messages
 *           split= half0 | half1 (default: the .data file's, else half0)
 *           size= width and height of its images
 *           flip= 1: mirrored at random, 0: not (default: as its cfg says)
 * Paths are tried as they are, then relative to the META file's folder.
 *
 * One step, for every task: theta takes an Adam step on a train batch; then the gradient of the
 * loss on a validation batch at the new theta goes to phi, with batch norm in inference mode and
 * [perturb] in training mode. phi takes one Adam step on the mean of the tasks' gradients (first
 * order; MetaPerturb, algorithm 1).
 *
 * restart=N, which is not the paper's: a theta that was trained to the end has seen its pictures
 * often, a young one has not, and phi has to serve both. Task k of K starts anew first after about
 * N*k/K steps (the first after N) and then every N, so that some are young and some old at any
 * time: other weights, and optimizer and running statistics as on the first step.
 *
 * lookahead=HORIZON, which is not the paper's either: first order shows phi how to hurt less at
 * once. The gradient through theta's own step (meta_step.h), as if the noise acted so for HORIZON
 * steps, shows it what it does to the theta that is trained with it. */
#ifndef MP_META_H
#define MP_META_H
#include "base/error.h"
#include "base/path.h"
#include <stdint.h>

typedef struct {
    const char *meta, *json,
        *out; /* META file; JSON report or NULL; phi file instead of the META's, or NULL */
    uint64_t seed;
    int seed_given, threads, skip_bad, steps, resume; /* steps 0: as the META file says */
} meta_args;

/* Under mpirun task k belongs to rank k mod ranks. -resume goes on from the state file beside the
 * phi file (meta_run.h), on any number of ranks, as if it had never stopped. 0, or -1 and one
 * sentence in err (empty on all ranks but one). */
int meta_train(const meta_args *a, char *err);
#endif
