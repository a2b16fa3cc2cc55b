/* weights_file.c - see weights_file.h */
#include "host/weights_file.h"
#include "base/files.h"
#include <math.h>
#include <string.h>

static const char magic[8] = "MPTRAIL1";
enum { TRAILER_VERSION = 1, OLD_HEAD = 16, HEAD = 20 };

int weights_head_read(const unsigned char *p, size_t len, const char *path, weights_head *h,
                      char *err) {
    const int *v = h->version;
    memset(h, 0, sizeof *h);
    if (len < OLD_HEAD)
        return fail(err, "%s: no weights file of Darknet: %zu bytes are too few", path, len);
    memcpy(h->version, p, sizeof h->version);
    int sound = v[0] >= 0 && v[0] < 1000 && v[1] >= 0 && v[1] < 1000,
        wide = sound && v[0] * 10 + v[1] >= 2;
    h->bytes = wide ? HEAD : OLD_HEAD;
    if (sound && len >= h->bytes) {
        memcpy(&h->seen, p + 12, wide ? 8 : 4);
        h->fork = v[0] == 0 && v[1] == 2 && v[2] == 5;
        return 0;
    }
    return fail(err, "%s: no weights file of Darknet (%zu bytes, version %d.%d)", path, len, v[0],
                v[1]);
}

int weights_finite(const unsigned char *p, size_t from, size_t to, const char *path, char *err) {
    float v;
    for (size_t at = from; at + sizeof v <= to; at += sizeof v) {
        memcpy(&v, p + at, sizeof v);
        if (isfinite(v)) continue;
        return fail(err,
                    "%s: a weight, byte %zu, is no number (%f): training broke down before the "
                    "file was written; take an "
                    "earlier one (`weights info FILE CFG` shows the layers)",
                    path, at, (double)v);
    }
    return 0;
}

int weights_trailer(const unsigned char *p, size_t len, const char *path,
                    const unsigned char **payload, size_t *n, char *err) {
    uint32_t head[2];
    uint64_t said;
    *payload = NULL;
    *n = 0;
    if (!len) return 0;
    if (len < WEIGHTS_TRAILER_HEAD || memcmp(p, magic, sizeof magic))
        return fail(err,
                    "%s: %zu bytes more than this cfg needs: weights of another network or number "
                    "of classes (`metaperturb "
                    "weights partial` cuts off what does not fit)?",
                    path, len);
    memcpy(head, p + 8, sizeof head);
    memcpy(&said, p + 16, sizeof said);
    if (head[0] != TRAILER_VERSION)
        return fail(err, "%s: trailer version %u, this program knows %d: use a newer one", path,
                    head[0], TRAILER_VERSION);
    if (said != len - WEIGHTS_TRAILER_HEAD ||
        file_crc32(p + WEIGHTS_TRAILER_HEAD, (size_t)said) != head[1])
        return fail(err, "%s: its trailer is damaged or cut short", path);
    *payload = p + WEIGHTS_TRAILER_HEAD;
    *n = (size_t)said;
    return 0;
}

int weights_trailer_chunks(const unsigned char *p, size_t len, const char *path,
                           weights_visit visit, void *of, char *err) {
    const unsigned char *at;
    size_t left;
    if (weights_trailer(p, len, path, &at, &left, err)) return -1;
    while (left >= 12) {
        char tag[5] = "";
        uint64_t n;
        memcpy(tag, at, 4);
        memcpy(&n, at + 4, sizeof n);
        if (n > left - 12) break;
        if (visit) visit(of, tag, at + 12, (size_t)n);
        at += 12 + n;
        left -= 12 + (size_t)n;
    }
    return 0;
}

void weights_trailer_head(unsigned char out[WEIGHTS_TRAILER_HEAD], const unsigned char *payload,
                          size_t n) {
    uint32_t head[2] = {TRAILER_VERSION, file_crc32(payload, n)};
    uint64_t len = n;
    memcpy(out, magic, sizeof magic);
    memcpy(out + 8, head, sizeof head);
    memcpy(out + 16, &len, sizeof len);
}
