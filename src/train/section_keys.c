/* section_keys.c - see section_keys.h */
#include "train/section_keys.h"
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int section_fail(char *err, const cfg_file *c, int line, const char *what, const char *value,
                 const char *remedy) {
    return fail(err, "%s:%d: %s \"%s\": %s", c->path, line, what, value, remedy);
}

static int take(const cfg_file *c, const section_key *k, const cfg_option *o, void *to, char *err) {
    char *at = (char *)to + k->at, *end;
    size_t room = (size_t)k->hi;
    errno = 0;
    switch (k->kind) {
    case KEY_TEXT:
        if (strlen(o->val) >= room)
            return section_fail(err, c, o->line, k->name, o->val, "too long");
        memcpy(at, o->val, strlen(o->val) + 1);
        return 0;
    case KEY_OUTPUT:
    case KEY_PATH:
        if (strlen(o->val) >= PATH_LEN)
            return section_fail(err, c, o->line, k->name, o->val, "the path is too long");
        if (k->kind == KEY_PATH)
            path_find(at, o->val, c->path, NULL);
        else
            memcpy(at, o->val, strlen(o->val) + 1);
        return 0;
    case KEY_SEED:
        *(uint64_t *)(void *)at = strtoull(o->val, &end, 10);
        if (o->val[0] < '0' || o->val[0] > '9' || *end || errno)
            return section_fail(err, c, o->line, k->name, o->val, "not a whole number from 0 on");
        return 0;
    default: break;
    }
    double v = strtod(o->val, &end);
    if (end == o->val || *end || !(v >= k->lo && v <= k->hi) ||
        (k->kind == KEY_WHOLE && v != floor(v)))
        return section_fail(err, c, o->line, k->name, o->val,
                            k->kind == KEY_WHOLE ? "not a whole number in range"
                                                 : "not a number in range");
    if (k->kind == KEY_WHOLE)
        *(int *)(void *)at = (int)v;
    else
        *(double *)(void *)at = v;
    return 0;
}

int section_take(const cfg_file *c, const cfg_section *s, const section_key *keys, int n,
                 section_other other, void *to, char *err) {
    for (int i = 0; i < s->n; i++) {
        const cfg_option *o = &s->options[i];
        int k = 0, taken;
        while (k < n && strcmp(keys[k].name, o->key)) k++;
        if (k < n) {
            if (take(c, &keys[k], o, to, err)) return -1;
            continue;
        }
        if ((taken = other ? other(c, o, to, err) : 0) > 0) continue;
        if (taken < 0) return -1;
        char known[512] = "unknown key; known:";
        for (int j = 0; j < n; j++)
            snprintf(known + strlen(known), sizeof known - strlen(known), " %s", keys[j].name);
        return section_fail(err, c, o->line, s->type, o->key, known);
    }
    return 0;
}
