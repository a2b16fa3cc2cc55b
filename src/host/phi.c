/* phi.c - see phi.h. Numbers go through their bit patterns: the engine switches the process to
 * flush-to-zero, where a plain float -> double conversion turns a denormal number into 0. */
#include "host/phi.h"
#include "host/cfg_keys.h"
#include "base/files.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = "# metaperturb phi 1";
static const struct {
    const char *name;
    int at, n;
} parts[] = {{"e1_self", PHI_E1_SELF, 9}, {"e1_all", PHI_E1_ALL, 9}, {"e2_self", PHI_E2_SELF, 9},
             {"e2_all", PHI_E2_ALL, 9},   {"kernels", PHI_K, 36},    {"scale", PHI_W, 10}};
enum { PARTS = sizeof parts / sizeof parts[0] };
_Static_assert(PHI_W + 10 == PHI_LEN, "the parts must cover phi");

static uint32_t bits_of(float v) {
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static int finite_bits(uint32_t u) { return (u >> 23 & 255) != 255; }

static double as_double(uint32_t u) {
    int e = (int)(u >> 23 & 255);
    double m = ldexp((double)((u & 0x7fffff) | (e ? 0x800000u : 0)), (e ? e : 1) - 150);
    return u >> 31 ? -m : m;
}

static uint32_t crc_of(const float phi[PHI_LEN]) {
    unsigned char b[PHI_LEN * 4];
    for (int i = 0; i < PHI_LEN; i++) {
        uint32_t u = bits_of(phi[i]);
        for (int k = 0; k < 4; k++) b[4 * i + k] = (unsigned char)(u >> 8 * k);
    }
    return file_crc32(b, sizeof b);
}

/* ---- reading ---- */

typedef struct {
    cfg_file where;
    int line;
    float *phi;
    char *err;
    int seen[PARTS], crc_seen;
    uint32_t crc;
} reader;

#define FAIL(...) cfg_fail(r->err, &r->where, r->line, __VA_ARGS__)

/* The numbers of one part. strtof makes denormals bit by bit, so flush-to-zero does not touch them.
 */
static int numbers(reader *r, int part, char *s) {
    int n = 0;
    for (;; n++) {
        while (isspace((unsigned char)*s)) s++;
        if (!*s) break;
        size_t len = strcspn(s, " \t\r\v\f");
        char *end;
        float v = strtof(s, &end);
        if (end != s + len || strspn(s, "+-.eE0123456789") < len || !finite_bits(bits_of(v)))
            return FAIL("%s: \"%.*s\" is not a finite number", parts[part].name,
                        len > 40 ? 40 : (int)len, s);
        if (n < parts[part].n) r->phi[parts[part].at + n] = v;
        s = end;
    }
    if (n != parts[part].n)
        return FAIL("%s has %d numbers; there must be %d", parts[part].name, n, parts[part].n);
    return 0;
}

static int crc_line(reader *r, char *s) {
    char *end;
    while (isspace((unsigned char)*s)) s++;
    if (strspn(s, "0123456789abcdefABCDEF") != 8) return FAIL("crc32 must be 8 hexadecimal digits");
    r->crc = (uint32_t)strtoul(s, &end, 16);
    while (isspace((unsigned char)*end)) end++;
    return *end ? FAIL("crc32 must be 8 hexadecimal digits and nothing else") : 0;
}

static int one_line(reader *r, char *s) {
    while (isspace((unsigned char)*s)) s++;
    if (!*s || *s == '#') return 0;
    size_t len = strcspn(s, " \t\r\v\f");
    char *rest = s + len + (s[len] != 0);
    s[len] = 0;
    int *seen = &r->crc_seen, part = 0;
    if (strcmp(s, "crc32")) {
        while (part < PARTS && strcmp(s, parts[part].name)) part++;
        if (part == PARTS)
            return FAIL("unknown name \"%.40s\"; known: e1_self, e1_all, e2_self, e2_all, kernels, "
                        "scale, crc32",
                        s);
        seen = &r->seen[part];
    }
    if (*seen) return FAIL("%s is given twice, first in line %d", s, *seen);
    *seen = r->line;
    return seen == &r->crc_seen ? crc_line(r, rest) : numbers(r, part, rest);
}

static int read_text(reader *r, char *text, size_t len) {
    r->line = 1;
    if (strncmp(text, MAGIC, sizeof MAGIC - 1) || !isspace((unsigned char)text[sizeof MAGIC - 1]))
        return FAIL("this is no .phi file of version 1: its first line must be \"%s\"", MAGIC);
    if (memchr(text, 0, len)) return FAIL("a byte of value 0: this is no text file");
    for (char *s = text, *next; *s; s = next, r->line++) {
        next = strchr(s, '\n');
        if (!next) return FAIL("the last line does not end: the file is cut short");
        *next++ = 0;
        if (one_line(r, s)) return -1;
    }
    r->line = 0;
    for (int i = 0; i < PARTS; i++) {
        if (!r->seen[i]) return FAIL("%s is missing", parts[i].name);
    }
    if (!r->crc_seen) return FAIL("crc32 is missing: the file is cut short");
    if (crc_of(r->phi) != r->crc)
        return FAIL("the numbers do not have the checksum %08x of line %d: the file is damaged or "
                    "was edited by hand",
                    (unsigned)r->crc, r->crc_seen);
    return 0;
}

int phi_read(const char *path, float phi[PHI_LEN], char *err) {
    size_t len;
    float read[PHI_LEN] = {0};
    unsigned char *text = file_slurp(path, &len, err);
    if (!text) return -1;
    reader r = {.where = {.path = (char *)path}, .phi = read, .err = err};
    int bad = read_text(&r, (char *)text, len);
    free(text);
    if (!bad) memcpy(phi, read, sizeof read);
    return bad;
}

/* ---- writing ---- */

static void put_note(FILE *f, const char *note) {
    while (note && *note) {
        size_t n = strcspn(note, "\r\n");
        fprintf(f, "# %.*s\n", (int)(n > 4000 ? 4000 : n), note);
        note += n + (note[n] != 0);
    }
}

int phi_write(const char *path, const float phi[PHI_LEN], const char *note, char *err) {
    file_out o;
    for (int i = 0; i < PHI_LEN; i++) {
        if (!finite_bits(bits_of(phi[i])))
            return fail(
                err,
                "%.400s: not written: number %d of phi is not finite; the training has diverged",
                path, i);
    }
    if (file_out_open(&o, path, err)) return -1;
    fprintf(o.f, "%s\n", MAGIC);
    put_note(o.f, note);
    for (int p = 0; p < PARTS; p++) {
        fputs(parts[p].name, o.f);
        for (int i = 0; i < parts[p].n; i++)
            fprintf(o.f, " %.9g", as_double(bits_of(phi[parts[p].at + i])));
        fputc('\n', o.f);
    }
    fprintf(o.f, "crc32 %08x\n", (unsigned)crc_of(phi));
    return file_out_close(&o, err);
}

void phi_init(float phi[PHI_LEN], float sigma, unsigned long long seed) {
    rng_normal_row(phi, PHI_LEN, rng_key(seed, RNG_PHI, 0, 0), 0);
    for (int i = 0; i < PHI_LEN; i++) phi[i] *= sigma;
}
