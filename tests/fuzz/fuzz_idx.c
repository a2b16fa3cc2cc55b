/* fuzz_idx.c - idx files of the MNIST family, plain or .gz: the first two bytes say how long the
 * labels' file is, which comes next. */
#include "fuzz.h"
#include "data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char err[ERR_LEN] = "", path[4096];
    if (size < 2) return 0;
    size_t n = data[0] + 256u * data[1];
    data += 2;
    size -= 2;
    if (n > size) n = size;
    fuzz_named(path, "t-labels-idx1-ubyte", data, n);
    fuzz_named(path, "t-images-idx3-ubyte", data + n, size - n);
    const char *text = "classes=4\ntrain=t-images-idx3-ubyte\nsplit=half1\n";
    data_file *d = data_file_read(fuzz_named(path, "x.data", (const uint8_t *)text, strlen(text)),
                                  err);
    if (!d) abort();
    dataset *s = dataset_load(d, DATA_TRAIN, 1, 1, 0, err);
    if (!s) fuzz_refused(err);
    for (int i = 0; s && i < s->n; i++)
        if (s->items[i].label < 0 || s->items[i].label > 3) abort();
    dataset_free(s);
    data_file_free(d);
    return 0;
}
