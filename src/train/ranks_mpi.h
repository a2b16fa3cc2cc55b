/* ranks_mpi.h - MPI behind a table, in a library of its own (metaperturb-mpi.so beside the program)
 * that only ranks.c loads. */
#ifndef MP_RANKS_MPI_H
#define MP_RANKS_MPI_H
#include <stddef.h>

typedef struct {
    void (*open)(int *id, int *count);
    void (*close)(void);
    void (*sum)(double *v, size_t n);
    int (*least)(int v); /* over all ranks */
    void (*broadcast)(void *p, size_t n, int from);
    void (*send)(const void *p, size_t n, int tag); /* to rank 0 */
    void (*receive)(void *p, size_t n, int from, int tag);
} ranks_calls;

extern const ranks_calls ranks_mpi; /* of the library alone: found by its name */
#endif
