/* ranks.h - several processes under mpirun as one run. Without mpirun there is one rank, and MPI is
 * not even loaded. */
#ifndef MP_RANKS_H
#define MP_RANKS_H
#include <stddef.h>

/* 0, or -1 and err: mpirun started this process, but MPI cannot be loaded. */
int ranks_open(char *err);
void ranks_close(void);
int ranks_id(void);
int ranks_count(void);

/* Sum over the ranks, in place, on all of them. Where every element is non-zero on one rank at
 * most, the result is that number exactly, however many ranks there are. */
void ranks_sum(double *v, size_t n);

/* Did any rank fail? 0: none. -1: some did; err stays on the first of them, with its number in
 * front, and is emptied on the others. */
int ranks_agree(int bad, char *err);

/* n bytes of rank `from` to all; a block from one rank to rank 0: both name it by `tag`. Counts are
 * known to both sides. */
void ranks_broadcast(void *p, size_t n, int from);
void ranks_send(const void *p, size_t n, int tag);
void ranks_receive(void *p, size_t n, int from, int tag);
#endif
