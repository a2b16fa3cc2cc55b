/* fuzz_meta.c - META files. */
#include "fuzz.h"
#include "train/meta_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    char err[ERR_LEN] = "";
    meta_file *m = meta_file_read(fuzz_put(&file, data, size), err);
    if (!m)
        fuzz_refused(err);
    else if (m->n < 1 || m->steps < 1)
        abort();
    meta_file_free(m);
    return 0;
}
