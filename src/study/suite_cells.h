/* suite_cells.h - the cells of a SUITE: each with its effective cfg and the hash by which it is
 * found again. */
#ifndef MP_SUITE_CELLS_H
#define MP_SUITE_CELLS_H
#include "data/dataset.h"
#include "study/suite_file.h"

typedef struct {
    const suite_part *target, *network, *method;
    uint64_t images, cfg_hash,
        files_hash; /* parts of the hash: pictures and labels; cfg; that with phi and weights */
    uint64_t seed,
        hash; /* hash 0: `why` tells what is missing, and the cell is known by its names alone */
    int steps, samples;                    /* steps 0: unknown, as epochs= needs the data */
    int n_train, n_valid;                  /* images of the target */
    char *text;                            /* the cfg that is trained, without phi= */
    char phi[PATH_LEN], weights[PATH_LEN]; /* "": none */
    char id[4 * SUITE_NAME];               /* TARGET/NETWORK/METHOD/SEED */
    char why[ERR_LEN];
} suite_cell;

/* All cells, in the order in which they run; files that are missing (data, phi, weights) are left
 * to `why`. NULL and err. */
suite_cell *suite_cells(const suite_file *s, int *n, char *err);
/* The same number for loaded images as for those that the hash was made of? 0, or -1 and err. */
int suite_cell_same_images(const suite_cell *c, const dataset *train, const dataset *valid,
                           char *err);
/* Do phi and weights still hold what they held then? 0, or -1 and err. */
int suite_cell_same_files(const suite_cell *c, char *err);
void suite_cells_free(suite_cell *cells, int n);
#endif
