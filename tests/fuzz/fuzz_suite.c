/* fuzz_suite.c - SUITE files, and the cfgs of their cells while there are few. */
#include "fuzz.h"
#include "study/suite_cells.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    char err[ERR_LEN] = "";
    int n = 0, few = 1;
    suite_file *s = suite_file_read(fuzz_put(&file, data, size), err);
    if (!s) {
        fuzz_refused(err);
        return 0;
    }
    for (int k = 0; k < SUITE_PARTS; k++) few &= s->n[k] <= 3;
    suite_cell *cells = few && s->all.n_seeds <= 2 ? suite_cells(s, &n, err) : NULL;
    if (!cells && err[0]) fuzz_refused(err);
    suite_cells_free(cells, n);
    suite_file_free(s);
    return 0;
}
