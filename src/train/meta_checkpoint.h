/* meta_checkpoint.h - the file from which meta-training goes on, bit for bit: PHI.ckpt.
 *
 *     "MPMETA01", then sections: u64 length, u32 crc32, u32 0, bytes            (little-endian)
 *     section 0        checkpoint_head, then its n_log log rows
 *     section 1 + k    task k: CHECKPOINT_LINE bytes of task_describe, then its network as a weights file (host/net.h)
 * Where the batches, the noise and the augmentation stand follows from the step and the seed.
 *
 * A file is whole or not there: written beside, synced, renamed. The one before it stays as PHI.ckpt.old. */
#ifndef MP_META_CHECKPOINT_H
#define MP_META_CHECKPOINT_H
#include "ops/perturb.h"
#include "host/cfg.h"
#include <stdint.h>
#include <stdio.h>

enum { CHECKPOINT_LINE = 512, CHECKPOINT_SETTINGS = 1024 };

/* One step, means over the tasks. */
typedef struct {
    double theta_loss, phi_loss, accuracy, theta_gradient, phi_gradient, phi_norm, seconds;
} log_row;

typedef struct {
    int32_t step, steps, tasks, n_log;
    float phi[PHI_LEN], m1[PHI_LEN], m2[PHI_LEN];   /* Adam's moments of phi */
    char settings[CHECKPOINT_SETTINGS];             /* "seed 1\n...": what must be the same to go on */
} checkpoint_head;

/* Bytes of task k's section (malloc'd); NULL and err. */
typedef unsigned char *(*checkpoint_task)(void *arg, int k, size_t *len, char *err);
/* 0, or -1 and err, and the earlier files are as they were. */
int checkpoint_write(const char *path, const checkpoint_head *h, const log_row *log, checkpoint_task task, void *arg,
                     char *err);

/* Opens PATH, or PATH.old where PATH is missing or damaged (told on stderr), and checks all of it. *log is malloc'd.
 * 1: opened; 0: neither file is there; -1 and err. */
typedef struct { FILE *f; char path[4200]; checkpoint_head head; log_row *log; } checkpoint;
int checkpoint_open(checkpoint *c, const char *path, char *err);
/* The sections of tasks 0, 1, ... in turn (malloc'd); NULL and err. */
unsigned char *checkpoint_next(checkpoint *c, size_t *len, char *err);
void checkpoint_close(checkpoint *c);

/* Are the settings the same? 0, or -1 and err, which names the first that differs. */
int checkpoint_compare(const char *path, const char *theirs, const char *ours, char *err);
#endif
