/* fuzz_picture.c - pictures of every kind, in colour and gray, and laid on the square that a
 * network sees. */
#include "fuzz.h"
#include "data/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static float X[3 * 8 * 8];
    for (int c = 1; c <= 3; c += 2) {
        char err[ERR_LEN] = "";
        raster r;
        if (raster_decode(data, size, "x", c, &r, err)) {
            fuzz_refused(err);
            if (r.px) abort();
            continue;
        }
        if (r.w < 1 || r.h < 1 || r.c != c) abort();
        image_letterbox(&r, 8, 8, c, X);
        image_stretch(&r, 8, 8, c, X);
        raster_free(&r);
    }
    return 0;
}
