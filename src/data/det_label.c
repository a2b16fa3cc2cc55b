/* det_label.c - label files: where they are, and what is wrong with them. */
#include "data/detection.h"
#include "data/text.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* path with the `skip` bytes at `at` replaced by `to`, its ending by .txt. 0: they reach into the
 * ending, or it is too long. */
static int renamed(char out[PATH_LEN], const char *path, const char *at, size_t skip,
                   const char *to) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (slash && dot < slash)) dot = path + strlen(path);
    if (at + skip > dot) return 0;
    int n = snprintf(out, PATH_LEN, "%.*s%s%.*s.txt", (int)(at - path), path, to,
                     (int)(dot - at - (long)skip), at + skip);
    return n > 0 && n < PATH_LEN;
}

/* Where `word` last begins in path before `end`; NULL: nowhere. */
static const char *last_before(const char *path, const char *end, const char *word) {
    const char *last = NULL;
    for (const char *p = path; (p = strstr(p, word)) && p < end; p++) last = p;
    return last;
}

int det_label_path(char *out, const char *picture) {
    static const char *const folder[] = {"images", "JPEGImages", "raw"};
    char first[PATH_LEN] = "";
    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++) {
        const char *at = picture + strlen(picture);
        while ((at = last_before(picture, at, folder[i]))) {
            if (!renamed(out, picture, at, strlen(folder[i]), "labels")) continue;
            if (!access(out, F_OK)) return 1;
            if (!first[0]) strcpy(first, out);
        }
    }
    int beside = renamed(out, picture, picture, 0, "");
    if (beside && !access(out, F_OK)) return 1;
    if (first[0])
        strcpy(out, first);
    else if (!beside)
        snprintf(out, PATH_LEN, "%s", picture);
    return 0;
}

static int complain(char *err, const char *path, int line, const char *what) {
    return fail(err, "%s:%d: %s", path_tail(path), line, what);
}

/* Cuts [centre - size/2, centre + size/2] to [0,1]; -1 if it lies too far outside. *cut: it had to
 * be cut. */
static int clip_axis(double *centre, double *size, int *cut) {
    double lo = *centre - *size / 2, hi = *centre + *size / 2, tolerance = (double)DET_TOLERANCE;
    if (lo < -tolerance || hi > 1 + tolerance) return -1;
    if (lo >= 0 && hi <= 1) return 0;
    /* Rounding in the last written digit is no news. */
    *cut |= lo < -1e-5 || hi > 1 + 1e-5;
    lo = fmax(lo, 0);
    hi = fmin(hi, 1);
    *centre = (lo + hi) / 2;
    *size = hi - lo;
    return 0;
}

static int set_box(det_box *b, const double v[4], int *cut) {
    double x = v[0], y = v[1], w = v[2], h = v[3];
    if (clip_axis(&x, &w, cut) || clip_axis(&y, &h, cut) || !((float)w > 0 && (float)h > 0))
        return -1;
    b->box = (box_rect){(float)x, (float)y, (float)w, (float)h};
    return 0;
}

static int parse_line(const char *path, int line, const char *text, int classes, det_box *b,
                      size_t *clipped, char *err) {
    char what[512], *end;
    double v[4];
    errno = 0;
    long cls = strtol(text, &end, 10);
    if (end == text || (*end && !strchr(" \t", *end)) || errno) {
        snprintf(what, sizeof what,
                 "a label is CLASS X Y W H, and the class a whole number: \"%.60s\"", text);
        return complain(err, path, line, what);
    }
    if (cls < 0 || cls >= classes) {
        snprintf(what, sizeof what, "class %ld, but there are only classes 0 to %d (classes=%d)",
                 cls, classes - 1, classes);
        return complain(err, path, line, what);
    }
    for (int k = 0; k < 4; k++) {
        const char *at = end;
        v[k] = strtod(at, &end);
        if (end != at && isfinite(v[k])) continue;
        snprintf(what, sizeof what, "%d of the 5 numbers CLASS X Y W H: \"%.60s\"", k + 1, text);
        return complain(err, path, line, what);
    }
    if (strspn(end, " \t") != strlen(end)) {
        snprintf(what, sizeof what, "something after the 5 numbers CLASS X Y W H: \"%.60s\"",
                 end + strspn(end, " \t"));
        return complain(err, path, line, what);
    }
    if (!((float)v[2] > 0 && (float)v[3] > 0)) { /* 1e-50 is nothing in single precision */
        snprintf(what, sizeof what, "the box is %g wide and %g high: both must be above 0", v[2],
                 v[3]);
        return complain(err, path, line, what);
    }
    int cut = 0;
    b->cls = (int)cls;
    if (set_box(b, v, &cut)) {
        snprintf(what, sizeof what,
                 "the box reaches from %g to %g across and from %g to %g down, outside the "
                 "picture's 0 to 1 by more than the %g that are cut off%s",
                 v[0] - v[2] / 2, v[0] + v[2] / 2, v[1] - v[3] / 2, v[1] + v[3] / 2,
                 (double)DET_TOLERANCE,
                 v[0] > 2 || v[1] > 2 || v[2] > 2 || v[3] > 2
                     ? ": are these pixels? divide by width and height"
                     : "");
        return complain(err, path, line, what);
    }
    *clipped += (size_t)cut;
    return 0;
}

void det_faults_add(det_faults *f, const char *text) {
    if (f->n < DET_TOLD) f->text[f->n] = strdup(text);
    f->n++;
}

void det_faults_free(det_faults *f) {
    for (int i = 0; i < f->n && i < DET_TOLD; i++) free(f->text[i]);
    *f = (det_faults){0};
}

/* All lines; -1 and the first fault in err. */
static int parse_lines(const char *path, const data_text *t, int classes, det_box *b,
                       size_t *clipped, det_faults *f, char *err) {
    char later[ERR_LEN];
    int bad = 0;
    for (int i = 0; i < t->n && (f || !bad); i++) {
        char *why = bad ? later : err;
        if (!parse_line(path, t->number[i], t->line[i], classes, &b[i], clipped, why)) continue;
        if (f) det_faults_add(f, why);
        bad = -1;
    }
    return bad;
}

int det_read_labels(const char *path, int classes, det_box **box, int *n, size_t *clipped,
                    det_faults *f, char *err) {
    data_text t;
    *box = NULL;
    *n = 0;
    if (data_text_read(path, &t, err)) return -1;
    det_box *b = malloc(((size_t)t.n + 1) * sizeof *b);
    int bad = b ? 0 : complain(err, path, 1, "not enough memory for its boxes");
    if (b) bad = parse_lines(path, &t, classes, b, clipped, f, err);
    if (bad) {
        free(b);
    } else {
        *box = b;
        *n = t.n;
    }
    data_text_free(&t);
    return bad;
}
