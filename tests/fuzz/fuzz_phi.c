/* fuzz_phi.c - .phi files: what is read must be written and read again as the same numbers. */
#include "fuzz.h"
#include "host/phi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    char err[ERR_LEN] = "", path[4096];
    float phi[PHI_LEN], again[PHI_LEN];
    if (phi_read(fuzz_put(&file, data, size), phi, err)) {
        fuzz_refused(err);
        return 0;
    }
    fuzz_named(path, "again.phi", data, 0);
    if (phi_write(path, phi, "read and written", err) || phi_read(path, again, err) ||
        memcmp(phi, again, sizeof phi))
        abort();
    return 0;
}
