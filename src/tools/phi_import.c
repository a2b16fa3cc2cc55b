/* phi_import.c - see phi_import.h */
#include "tools/phi_import.h"
#include "base/files.h"
#include "tools/pickle.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { DIMS = 4, PARTS = 6, FILE_MAX = 1 << 24 };
static const struct {
    const char *name;
    int at, dims, size[DIMS];
} parts[PARTS] = {
    {"phi_1.w_identity", PHI_E1_SELF, 4, {1, 1, 3, 3}},
    {"phi_1.w_all", PHI_E1_ALL, 4, {1, 1, 3, 3}},
    {"phi_2.w_identity", PHI_E2_SELF, 4, {1, 1, 3, 3}},
    {"phi_2.w_all", PHI_E2_ALL, 4, {1, 1, 3, 3}},
    {"kernel", PHI_K, 4, {4, 1, 3, 3}},
    {"fc.weight", PHI_W, 2, {1, 10}},
};

/* Where the numbers are: after the pickles, or in entries of the archive. */
typedef struct {
    const char *path;
    char *err;
    pickle k;
    int keys;    /* old format: list of the storages in their order; -1: archive */
    size_t data; /* ... and where the first begins */
    zip_t *zip;
    char prefix[200]; /* of the archive's entries: "archive/" */
} source;

static int complain(const source *s, const char *what) {
    char text[ERR_LEN];
    snprintf(text, sizeof text, "%.400s: %.500s", s->path, what);
    memcpy(s->err, text, sizeof text);
    return -1;
}

/* ---- numbers ---- */

/* The whole of an entry (malloc'd, checksum looked at), at most `most` bytes. NULL: not there, too
 * long or damaged. */
static unsigned char *entry(const source *s, const char *name, size_t most, size_t *len) {
    char full[512];
    zip_stat_t st;
    snprintf(full, sizeof full, "%s%s", s->prefix, name);
    if (zip_stat(s->zip, full, 0, &st) || !(st.valid & ZIP_STAT_SIZE) || st.size > most)
        return NULL;
    zip_file_t *f = zip_fopen(s->zip, full, 0);
    unsigned char *p = malloc((size_t)st.size + 1);
    char more;
    zip_int64_t n = f && p ? zip_fread(f, p, st.size) : -1;
    /* Only at the end, which the read of one byte more meets, does libzip compare the checksum. */
    int end = n == (zip_int64_t)st.size && zip_fread(f, &more, 1) == 0;
    if (f && zip_fclose(f)) end = 0;
    if (end) {
        *len = (size_t)st.size;
        return p;
    }
    free(p);
    return NULL;
}

/* The bytes of a storage (malloc'd); NULL: missing or of another length than its tensor says. */
static unsigned char *storage_bytes(source *s, const pk_value *st) {
    size_t want = (size_t)st->number * sizeof(float), len = 0;
    if (st->number > FILE_MAX) return NULL;
    if (s->zip) {
        char name[128];
        snprintf(name, sizeof name, "data/%.*s", st->len > 64 ? 64 : (int)st->len,
                 (const char *)st->text);
        unsigned char *p = entry(s, name, want, &len);
        if (p && len == want) return p;
        free(p);
        return NULL;
    }
    size_t at = s->data;
    for (int i = 0; i < s->k.v[s->keys].n; i++) {
        const pk_value *key = &s->k.v[pickle_part(&s->k, s->keys, i)];
        int64_t n;
        if (s->k.len - at < sizeof n) return NULL;
        memcpy(&n, s->k.p + at, sizeof n);
        at += sizeof n;
        if (n < 0 || (uint64_t)n > (s->k.len - at) / sizeof(float)) return NULL;
        if (key->kind == PK_TEXT && key->len == st->len && !memcmp(key->text, st->text, st->len)) {
            unsigned char *p = n == st->number ? malloc(want + 1) : NULL;
            if (p) memcpy(p, s->k.p + at, want);
            return p;
        }
        at += (size_t)n * sizeof(float);
    }
    return NULL;
}

/* The floats of a tensor in row-major order. */
static int take_tensor(source *s, int part, int tensor, float *to) {
    const pickle *k = &s->k;
    char text[200];
    long long step[DIMS] = {0};
    int shape_ok = tensor >= 0 && k->v[tensor].kind == PK_TENSOR;
    shape_ok = shape_ok && k->v[k->v[tensor].size].n == parts[part].dims &&
               k->v[k->v[tensor].stride].n == parts[part].dims;
    for (int d = 0; shape_ok && d < parts[part].dims; d++) {
        const pk_value *size = &k->v[pickle_part(k, k->v[tensor].size, d)];
        const pk_value *stride = &k->v[pickle_part(k, k->v[tensor].stride, d)];
        shape_ok = size->kind == PK_INT && stride->kind == PK_INT &&
                   size->number == parts[part].size[d] && stride->number >= 0 &&
                   stride->number < FILE_MAX;
        step[d] = stride->number;
    }
    if (!shape_ok) {
        snprintf(text, sizeof text,
                 "no tensor \"%s\" of the shape that phi's has: it is no phi of MetaPerturb",
                 parts[part].name);
        return complain(s, text);
    }
    const pk_value *st = &k->v[k->v[tensor].storage];
    unsigned char *p = storage_bytes(s, st);
    int n = 1, bad = !p;
    for (int d = 0; d < parts[part].dims; d++) n *= parts[part].size[d];
    for (int i = 0; i < n && !bad; i++) {
        long long at = k->v[tensor].number;
        for (int d = parts[part].dims - 1, rest = i; d >= 0; d--) {
            at += rest % parts[part].size[d] * step[d];
            rest /= parts[part].size[d];
        }
        bad = at < 0 || at >= st->number;
        if (!bad) memcpy(&to[i], p + (size_t)at * sizeof(float), sizeof(float));
        bad = bad || !isfinite(to[i]);
    }
    free(p);
    if (!bad) return 0;
    snprintf(text, sizeof text, "the numbers of \"%s\" are missing, damaged or not finite",
             parts[part].name);
    return complain(s, text);
}

static int take_all(source *s, int dict, float phi[PHI_LEN]) {
    float read[PHI_LEN] = {0};
    if (dict < 0 || s->k.v[dict].kind != PK_DICT) return complain(s, "it holds no state_dict");
    for (int i = 0; i < PARTS; i++)
        if (take_tensor(s, i, pickle_get(&s->k, dict, parts[i].name), read + parts[i].at))
            return -1;
    if (s->k.v[dict].n != 2 * PARTS)
        return complain(s, "more tensors than phi's 6: it is no phi of MetaPerturb");
    memcpy(phi, read, sizeof read);
    return 0;
}

/* ---- formats ---- */

static int is_int(const source *s, int v, long long n) {
    return v >= 0 && s->k.v[v].kind == PK_INT && s->k.v[v].number == n;
}

/* Magic number, protocol 1001, the machine's habits, the tensors, the list of storages; then each
 * storage with its length. */
static int read_old(source *s, float phi[PHI_LEN]) {
    char why[ERR_LEN] = "";
    int v[5];
    for (int i = 0; i < 5; i++) {
        v[i] = pickle_read(&s->k, why);
        if (v[i] < 0) return complain(s, why);
        if (i == 0 && (s->k.v[v[0]].kind != PK_TEXT || s->k.v[v[0]].len != 10 ||
                       memcmp(s->k.v[v[0]].text, "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10))) {
            return complain(s, "no file that PyTorch saved");
        }
    }
    int little = pickle_get(&s->k, v[2], "little_endian");
    if (!is_int(s, v[1], 1001) || little < 0 || !s->k.v[little].number)
        return complain(s, "saved by an unknown version of PyTorch");
    if (s->k.v[v[4]].kind != PK_LIST) return complain(s, "its list of storages is missing");
    s->keys = v[4];
    s->data = s->k.at;
    size_t want = s->data;
    for (int i = 0; i < PARTS; i++) { /* 8 bytes of length before each */
        int n = 1;
        for (int d = 0; d < parts[i].dims; d++) n *= parts[i].size[d];
        want += 8 + sizeof(float) * (size_t)n;
    }
    if (s->k.v[s->keys].n == PARTS && want < s->k.len)
        return complain(s, "it is longer than its tensors: damaged");
    return take_all(s, v[3], phi);
}

static int read_zip(source *s, float phi[PHI_LEN]) {
    static const char name[] = "data.pkl";
    char why[ERR_LEN] = "";
    size_t len = 0;
    int code;
    s->zip = zip_open(s->path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (!s->zip) return complain(s, "a damaged archive");
    for (zip_int64_t i = 0, n = zip_get_num_entries(s->zip, 0); i < n && !s->prefix[0]; i++) {
        const char *full = zip_get_name(s->zip, (zip_uint64_t)i, 0),
                   *slash = full ? strchr(full, '/') : NULL;
        if (slash && !strcmp(slash + 1, name))
            snprintf(s->prefix, sizeof s->prefix, "%.*s", (int)(slash + 1 - full), full);
    }
    unsigned char *order = entry(s, "byteorder", 16, &len);
    int big = order && (len != 6 || memcmp(order, "little", 6));
    free(order);
    if (big) return complain(s, "saved by a big-endian machine: save it again on another");
    unsigned char *p = s->prefix[0] ? entry(s, name, FILE_MAX, &len) : NULL;
    if (!p) return complain(s, "its data.pkl is missing or damaged: no file that PyTorch saved");
    pickle_end(&s->k);
    int bad = pickle_begin(&s->k, p, len) ? complain(s, "not enough memory to read it") : 0;
    int dict = bad ? -1 : pickle_read(&s->k, why);
    if (!bad && dict < 0) bad = complain(s, why);
    if (!bad)
        bad = s->k.at != len ? complain(s, "something follows its tensors: damaged")
                             : take_all(s, dict, phi);
    free(p);
    return bad;
}

int phi_import(const char *path, float phi[PHI_LEN], char *err) {
    size_t len;
    source s = {.path = path, .err = err, .keys = -1};
    unsigned char *p = file_slurp(path, &len, err);
    if (!p) return -1;
    int bad;
    if (len > FILE_MAX)
        bad = complain(&s, "too large for a phi, which has 82 numbers");
    else if (pickle_begin(&s.k, p, len))
        bad = complain(&s, "not enough memory to read it");
    else if (len > 4 && !memcmp(p, "PK\3\4", 4))
        bad = read_zip(&s, phi);
    else
        bad = read_old(&s, phi);
    if (s.zip) zip_discard(s.zip);
    pickle_end(&s.k);
    free(p);
    return bad;
}
