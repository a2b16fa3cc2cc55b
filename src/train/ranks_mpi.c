/* ranks_mpi.c - see ranks_mpi.h; the only file that knows MPI. */
#include "train/ranks_mpi.h"
#include <mpi.h>

enum { PIECE = 1 << 30 }; /* MPI counts in int */

static int piece(size_t left) { return (int)(left < PIECE ? left : PIECE); }

static void start(int *id, int *count) {
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, id);
    MPI_Comm_size(MPI_COMM_WORLD, count);
}

static void finish(void) {
    int over = 0;
    MPI_Finalized(&over);
    if (!over) MPI_Finalize();
}

static void sum(double *v, size_t n) {
    MPI_Allreduce(MPI_IN_PLACE, v, (int)n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

static int least(int v) {
    MPI_Allreduce(MPI_IN_PLACE, &v, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return v;
}

static void broadcast(void *p, size_t n, int from) {
    for (size_t at = 0; at < n; at += PIECE)
        MPI_Bcast((char *)p + at, piece(n - at), MPI_BYTE, from, MPI_COMM_WORLD);
}

static void give(const void *p, size_t n, int tag) {
    for (size_t at = 0; at < n; at += PIECE)
        MPI_Send((const char *)p + at, piece(n - at), MPI_BYTE, 0, tag, MPI_COMM_WORLD);
}

static void take(void *p, size_t n, int from, int tag) {
    for (size_t at = 0; at < n; at += PIECE)
        MPI_Recv((char *)p + at, piece(n - at), MPI_BYTE, from, tag, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
}

__attribute__((visibility("default"))) const ranks_calls ranks_mpi = {
    .open = start,
    .close = finish,
    .sum = sum,
    .least = least,
    .broadcast = broadcast,
    .send = give,
    .receive = take,
};
