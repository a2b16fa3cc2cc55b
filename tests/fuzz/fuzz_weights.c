/* fuzz_weights.c - weights files: the host's part, and the trailer of ours, into a network that
 * stays. A mutation is given its right length and checksum most of the time, else nothing behind
 * the check of them would be reached. */
#include "fuzz.h"
#include "host/net.h"
#include "host/weights_info.h"

static const char cfg[] = "tests/fuzz/tiny.cfg";

/* "MPTRAIL1", version, crc32, length of what follows */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, most);
    uint8_t *at = seed % 8 ? memmem(data, size, "MPTRAIL1", 8) : NULL;
    if (!at || data + size < at + 24) return size;
    uint64_t n = size - (size_t)(at - data) - 24;
    uint32_t crc = file_crc32(at + 24, n);
    memcpy(at + 12, &crc, sizeof crc);
    memcpy(at + 16, &n, sizeof n);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_file file;
    static network *net;
    static FILE *null;
    char err[ERR_LEN] = "";
    if (!net) {
        cfg_file *c = cfg_read(cfg, err);
        net = c ? host_open(c, 1, err) : NULL;
        null = fopen("/dev/null", "w");
        cfg_free(c);
        if (!net || !null) abort();
    }
    const char *path = fuzz_put(&file, data, size);
    int flags = size % 3 ? HOST_PARTIAL_OK : size % 2 ? HOST_CLEAR : 0;
    if (host_load(net, path, flags, err)) fuzz_refused(err);
    if (weights_info(path, NULL, null, err)) fuzz_refused(err);
    /* Slow: the host parses the cfg each time. */
    if (size % 8 == 0 && weights_info(path, cfg, null, err)) fuzz_refused(err);
    return 0;
}
