/* meta.h - meta-training: one phi, learned over many tasks at once.
 *
 * A META file has the syntax of a cfg: one [meta] section, then one [task] section for each task.
 *   [meta]  cfg=      network of every task that names none of its own
 *           phi=      file to write; init= a phi file to start from (absent: random at sigma= 0.01)
 *           batch=    images of a step (default: as the cfg says)
 *           size=     width and height of the input, flip= 0 or 1: in place of the cfg's
 *           steps=    750        learning_rate= 0.001    decay= 0.0005       of theta (Adam)
 *           seed=     0          phi_learning_rate=, phi_decay=              of phi (Adam); default: as theta's
 *           train=    1          0: phi stays at its start, for comparison
 *           checkpoint= 50       steps between checkpoints; 0: only when stopped
 *           threads=  1          of one task; the result depends on it in the last bits
 *   [task]  data=     a .data file; its train list is split into a train half and a validation half
 *           cfg=      network of this task;   split= half0 | half1 (default: the .data file's, else half0)
 *           size=, flip=                      of this task;   name= for messages
 * Paths are tried as they are, then relative to the META file's folder.
 *
 * One step, for every task: theta takes an Adam step on a train batch; then the gradient of the loss on a validation batch
 * at the new theta goes to phi, with batch norm in inference mode and [perturb] in training mode. phi takes one Adam step on
 * the mean of the tasks' gradients (first order; MetaPerturb, algorithm 1).
 *
 * Tasks run side by side, one on `threads` processor threads, on all ranks (ranks.h); the gradients of phi are added up in the
 * order of the tasks. So phi depends, bit for bit, neither on the number of processor threads nor of ranks, nor on stops.
 *
 * SIGINT, SIGTERM and SIGUSR1 (which mpirun hands on; of the other two it lets a rank live one second only, or as long as
 * `--mca odls_base_sigkill_timeout SECONDS` says) end the run behind its step, with a checkpoint.
 * PHI.ckpt holds everything that a run needs to go on, PHI.ckpt.old the state before it; see meta_checkpoint.h. */
#ifndef MP_META_H
#define MP_META_H
#include "host/cfg.h"
#include <stdint.h>

typedef struct {
    const char *meta, *json, *out;  /* META file; JSON report or NULL; phi file instead of the META's, or NULL */
    uint64_t seed;
    int seed_given, threads, skip_bad, steps;   /* steps 0: as the META file says */
    int resume;                     /* go on from the checkpoint; there is none yet: begin */
} meta_args;

/* 0, or -1 and one sentence in err. */
int meta_train(const meta_args *a, char *err);
#endif
