/* keys.c - see keys.h. */
#include "base/keys.h"
#include "base/error.h"
#include "base/nearest.h"
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const key_row *key_find(const key_row *rows, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

int key_unknown(const key_row *rows, int n, const char *name, char *err) {
    nearest near = {name, NULL, 99};
    char known[512] = "";
    for (int i = 0; i < n; i++) {
        size_t len = strlen(known);
        nearest_consider(&near, rows[i].name);
        snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", rows[i].name);
    }
    if (near.name) return fail(err, "unknown key \"%.60s\"; did you mean \"%s\"?", name, near.name);
    return fail(err, "unknown key \"%.60s\"; known: %s", name, known);
}

static int set_text(char *to, const char *val, size_t room, const char *what, char *err) {
    size_t n = strlen(val);
    if (n >= room) return fail(err, "%s too long", what);
    memcpy(to, val, n + 1);
    return 0;
}

static int set_seed(uint64_t *to, const char *val, char *err) {
    char *end;
    errno = 0;
    *to = strtoull(val, &end, 10);
    if (*val >= '0' && *val <= '9' && !*end && !errno) return 0;
    return fail(err, "not a whole number from 0 to 2^64-1");
}

static int set_number(const key_row *k, const char *val, void *to, char *err) {
    char *end;
    double v = strtod(val, &end);
    int whole = k->kind == KEY_WHOLE, bad = strspn(val, "0123456789+-.eE") < strlen(val);
    if (bad || end == val || *end || !(v >= k->lo && v <= k->hi) || (whole && v != floor(v)))
        return fail(err, "not a %snumber from %.15g to %.15g", whole ? "whole " : "", k->lo, k->hi);
    if (whole)
        *(int *)to = (int)v;
    else
        *(double *)to = v;
    return 0;
}

static int set_word(const key_row *k, const char *val, int *to, char *err) {
    int place = (int)k->lo;
    size_t n = strlen(val);
    for (const char *w = k->words; *w; place++) {
        size_t len = strcspn(w, "|");
        *to = place;
        if (len == n && !strncmp(w, val, n)) return 0;
        w += len + (w[len] == '|');
    }
    int first = (int)strcspn(k->words, "|");
    return fail(err, "not %.*s or %s", first, k->words, k->words + first + 1);
}

int key_set(const key_row *k, const char *val, const char *file, void *to, char *err) {
    void *at = (char *)to + k->at;
    switch (k->kind) {
    case KEY_TEXT: return set_text(at, val, (size_t)k->hi, "it is", err);
    case KEY_OUTPUT: return set_text(at, val, PATH_LEN, "the path is", err);
    case KEY_PATH:
        if (set_text(at, val, PATH_LEN, "the path is", err)) return -1;
        path_find(at, val, file, NULL);
        return 0;
    case KEY_WHOLE:
    case KEY_NUMBER: return set_number(k, val, at, err);
    case KEY_SEED: return set_seed(at, val, err);
    case KEY_WORD: return set_word(k, val, at, err);
    case KEY_IGNORED: break;
    }
    return 0;
}
