/* fuzz_pth.c - phi from PyTorch's files: pickles one after another, or a zip archive of them. */
#include "fuzz.h"
#include "tools/phi_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    char err[ERR_LEN] = "";
    float phi[PHI_LEN];
    if (phi_import(fuzz_put(&file, data, size), phi, err)) fuzz_refused(err);
    return 0;
}
