/* cfg_memory.h - how much memory a network will take, from its cfg alone, and how much there is:
 * nothing has been allocated then. Without the pictures of the data set, which are in memory too.
 */
#ifndef MP_CFG_MEMORY_H
#define MP_CFG_MEMORY_H
#include "host/cfg.h"

/* Bytes. resident: the whole program at its peak; address: what the network takes of the address
 * space, some of which is never touched. batch: pictures at once. */
typedef struct {
    double resident, address, batch;
} cfg_memory;
/* training: a step; else a forward pass of the same mini-batch. 0, or -1 and err. */
int cfg_memory_of(const cfg_file *c, int training, cfg_memory *m, char *err);

/* -memory: in place of what the machine has free and the control groups allow. */
void cfg_memory_limit(double bytes);

/* Is there so much (RLIMIT_AS and RLIMIT_DATA too)? 0, or -1 and a sentence about `path` in err. */
int cfg_memory_check(const char *path, const cfg_memory *m, char *err);
/* One line. */
void cfg_memory_tell(FILE *out, const char *path, const cfg_memory *m);
#endif
