/* fuzz_data.c - .data files; after a byte of 255, the file of names beside it. */
#include "fuzz.h"
#include "data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char err[ERR_LEN] = "", path[4096];
    const uint8_t *names;
    size_t n_names, n = fuzz_split(data, size, 255, &names, &n_names);
    fuzz_named(path, "words", names, n_names);
    data_file *d = data_file_read(fuzz_named(path, "x.data", data, n), err);
    if (!d) fuzz_refused(err);
    for (int i = 0; d && i < d->classes; i++)
        if (!d->name[i] || (d->label && !d->label[i])) abort();
    data_file_free(d);
    return 0;
}
