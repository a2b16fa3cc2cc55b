/* fuzz_labels.c - the label files of detectors. */
#include "fuzz.h"
#include "data/detection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    char err[ERR_LEN] = "";
    det_box *box = NULL;
    int n = 0;
    size_t clipped = 0;
    det_faults faults = {0};
    if (det_read_labels(fuzz_put(&file, data, size), 3, &box, &n, &clipped, &faults, err))
        fuzz_refused(err);
    for (int i = 0; i < faults.n && i < DET_TOLD; i++) fuzz_refused(faults.text[i]);
    det_faults_free(&faults);
    for (int i = 0; i < n; i++) {
        const box_rect *b = &box[i].box;
        if (box[i].cls < 0 || box[i].cls > 2 || !(b->w > 0 && b->h > 0) ||
            !(b->x >= 0 && b->x <= 1 && b->y >= 0 && b->y <= 1))
            abort();
    }
    free(box);
    return 0;
}
