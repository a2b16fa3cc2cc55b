/* ranks.c - see ranks.h; the only file that knows MPI. */
#include "train/ranks.h"
#include "host/cfg.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int id, count = 1;
enum { PIECE = 1 << 30 };       /* MPI counts in int */

void ranks_open(void) {
    /* Any launcher of Open MPI sets this; MPI_Init alone would cost a lone program a fifth of a second. */
    if (!getenv("OMPI_COMM_WORLD_SIZE")) return;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &id);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
}

void ranks_close(void) {
    int started = 0, over = 0;
    MPI_Initialized(&started);
    MPI_Finalized(&over);
    if (started && !over) MPI_Finalize();
}

int ranks_id(void) { return id; }
int ranks_count(void) { return count; }

void ranks_sum(double *v, size_t n) {
    if (count > 1) MPI_Allreduce(MPI_IN_PLACE, v, (int)n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

int ranks_agree(int bad, char *err) {
    int first = bad ? id : count;
    if (count > 1) MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (first == count) return 0;
    if (first != id) {
        err[0] = 0;
    } else if (count > 1) {
        char said[ERR_LEN];
        memcpy(said, err, sizeof said);
        snprintf(err, ERR_LEN, "rank %d: %.*s", id, ERR_LEN - 32, said);
    }
    return -1;
}

void ranks_broadcast(void *p, size_t n, int from) {
    for (size_t at = 0; count > 1 && at < n; at += PIECE)
        MPI_Bcast((char *)p + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_BYTE, from, MPI_COMM_WORLD);
}

void ranks_send(const void *p, size_t n, int tag) {
    for (size_t at = 0; at < n; at += PIECE)
        MPI_Send((const char *)p + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_BYTE, 0, tag, MPI_COMM_WORLD);
}

void ranks_receive(void *p, size_t n, int from, int tag) {
    for (size_t at = 0; at < n; at += PIECE)
        MPI_Recv((char *)p + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_BYTE, from, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}
