/* fuzz_results.c - files of results, and the table of a SUITE that is made of them. */
#include "fuzz.h"
#include "study/compare_table.h"
#include "study/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    static suite_file *suite;
    static suite_cell *cells;
    static int n;
    char err[ERR_LEN] = "";
    if (!suite) {
        suite = suite_file_read("tests/fuzz/results.suite", err);
        cells = suite ? suite_cells(suite, &n, err) : NULL;
        if (!cells) abort();
    }
    cJSON *lines = results_read(fuzz_put(&file, data, size), 1, err);
    if (!lines) {
        fuzz_refused(err);
        return 0;
    }
    results_find(lines, 0x0123456789abcdefULL);
    compare_source from = {.suite = suite, .cells = cells, .n = n, .lines = lines};
    if (compare_table(&from, err)) fuzz_refused(err);
    cJSON_Delete(lines);
    return 0;
}
