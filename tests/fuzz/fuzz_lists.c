/* fuzz_lists.c - lists of pictures, for classifiers (the class in the path) and for detectors
 * (label files beside). */
#include "fuzz.h"
#include "data/detection.h"

static const char *const names[] = {"cat", "dog", "catfish"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char err[ERR_LEN] = "", path[4096], list[4096];
    const char *words = "cat\ndog\ncatfish\n";
    fuzz_named(path, "words", (const uint8_t *)words, strlen(words));
    fuzz_named(list, "x.list", data, size);
    const char *text = "classes=3\nnames=words\ntrain=x.list\nvalid=x.list\nimages_per_class=2\n";
    data_file *d = data_file_read(fuzz_named(path, "x.data", (const uint8_t *)text, strlen(text)),
                                  err);
    if (!d || strcmp(d->label[2], names[2])) abort();
    dataset *s = dataset_load(d, DATA_TRAIN, 3, 1, 1, err);
    if (!s) fuzz_refused(err);
    dataset_free(s);
    det_set *t = det_load(d, DATA_VALID, 3, 1, DET_SKIP_BAD | DET_NEGATIVES, 1 << 20, err);
    if (!t) fuzz_refused(err);
    det_free(t);
    data_file_free(d);
    return 0;
}
