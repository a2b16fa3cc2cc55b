/* ranks.c - see ranks.h. */
#include "train/ranks.h"
#include "base/error.h"
#include "base/library.h"
#include "train/ranks_mpi.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static int id, count = 1;
static const ranks_calls *mpi; /* NULL: this process is alone */

/* Open MPI's own parts look for its symbols among those of all: RTLD_GLOBAL. */
static const ranks_calls *load(char *err) {
    const ranks_calls *table = library_table("metaperturb-mpi.so", "ranks_mpi",
                                             RTLD_LAZY | RTLD_GLOBAL);
    if (!table) fail(err, "under mpirun, but MPI cannot be loaded: %.800s", dlerror());
    return table;
}

int ranks_open(char *err) {
    /* Any launcher of Open MPI sets this. */
    if (mpi || !getenv("OMPI_COMM_WORLD_SIZE")) return 0;
    mpi = load(err);
    if (!mpi) return -1;
    mpi->open(&id, &count);
    return 0;
}

void ranks_close(void) {
    if (mpi) mpi->close();
}

int ranks_id(void) { return id; }
int ranks_count(void) { return count; }

void ranks_sum(double *v, size_t n) {
    if (mpi) mpi->sum(v, n);
}

int ranks_agree(int bad, char *err) {
    int first = bad ? id : count;
    if (mpi) first = mpi->least(first);
    if (first == count) return 0;
    if (first != id) {
        err[0] = 0;
    } else if (count > 1) {
        char said[ERR_LEN];
        memcpy(said, err, sizeof said);
        fail(err, "rank %d: %.*s", id, ERR_LEN - 32, said);
    }
    return -1;
}

void ranks_broadcast(void *p, size_t n, int from) {
    if (mpi) mpi->broadcast(p, n, from);
}

void ranks_send(const void *p, size_t n, int tag) { mpi->send(p, n, tag); }
void ranks_receive(void *p, size_t n, int from, int tag) { mpi->receive(p, n, from, tag); }
