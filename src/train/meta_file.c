/* meta_file.c - see meta_file.h */
#include "train/meta_file.h"
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { TEXT, PATH, OUTPUT, NUMBER, WHOLE, SEED } kind;
typedef struct { const char *name; kind kind; size_t at; double lo, hi; } key;   /* hi of a TEXT: its room */

#define M(field) offsetof(meta_file, field)
#define T(field) offsetof(meta_task, field)
static const key meta_keys[] = {
    {"cfg", PATH, M(cfg), 0, 0}, {"phi", OUTPUT, M(phi), 0, 0}, {"init", PATH, M(init), 0, 0},
    {"steps", WHOLE, M(steps), 1, 1e9}, {"batch", WHOLE, M(batch), 1, 1e6},
    {"learning_rate", NUMBER, M(learning_rate), 0, 1e6}, {"decay", NUMBER, M(decay), 0, 1e6},
    {"phi_learning_rate", NUMBER, M(phi_learning_rate), 0, 1e6}, {"phi_decay", NUMBER, M(phi_decay), 0, 1e6},
    {"threads", WHOLE, M(threads), 1, 1024}, {"checkpoint", WHOLE, M(checkpoint), 0, 1e9}, {"train", WHOLE, M(train), 0, 1},
    {"sigma", NUMBER, M(sigma), 0, 100}, {"seed", SEED, M(seed), 0, 0},
    {"size", WHOLE, M(size), 1, 65536}, {"flip", WHOLE, M(flip), 0, 1},
};
static const key task_keys[] = {
    {"data", PATH, T(data), 0, 0}, {"cfg", PATH, T(cfg), 0, 0}, {"name", TEXT, T(name), 0, 256},
    {"split", TEXT, T(split), 0, 16}, {"size", WHOLE, T(size), 1, 65536}, {"flip", WHOLE, T(flip), 0, 1},
};
enum { META_KEYS = sizeof meta_keys / sizeof *meta_keys, TASK_KEYS = sizeof task_keys / sizeof *task_keys };

static int fail(char *err, const cfg_file *c, int line, const char *what, const char *value, const char *remedy) {
    snprintf(err, ERR_LEN, "%s:%d: %s \"%s\": %s", c->path, line, what, value, remedy);
    return -1;
}

/* As it stands, or relative to the META file's folder. */
static void find_path(const cfg_file *c, const char *val, char out[4096]) {
    const char *slash = strrchr(c->path, '/');
    snprintf(out, 4096, "%s", val);
    if (val[0] == '/' || !access(val, F_OK) || !slash) return;
    char beside[8192];
    snprintf(beside, sizeof beside, "%.*s/%s", (int)(slash - c->path), c->path, val);
    if (!access(beside, F_OK)) snprintf(out, 4096, "%.4095s", beside);
}

static int take(const cfg_file *c, const key *k, const cfg_option *o, void *to, char *err) {
    char *at = (char *)to + k->at, *end;
    size_t room = (size_t)k->hi;
    errno = 0;
    switch (k->kind) {
    case TEXT:
        if (strlen(o->val) >= room) return fail(err, c, o->line, k->name, o->val, "too long");
        memcpy(at, o->val, strlen(o->val) + 1);
        return 0;
    case OUTPUT:
    case PATH:
        if (strlen(o->val) >= 4096) return fail(err, c, o->line, k->name, o->val, "the path is too long");
        if (k->kind == PATH) find_path(c, o->val, at);
        else memcpy(at, o->val, strlen(o->val) + 1);
        return 0;
    case SEED:
        *(uint64_t *)(void *)at = strtoull(o->val, &end, 10);
        if (o->val[0] < '0' || o->val[0] > '9' || *end || errno)
            return fail(err, c, o->line, k->name, o->val, "not a whole number from 0 on");
        return 0;
    default: break;
    }
    double v = strtod(o->val, &end);
    if (end == o->val || *end || !(v >= k->lo && v <= k->hi) || (k->kind == WHOLE && v != floor(v)))
        return fail(err, c, o->line, k->name, o->val, k->kind == WHOLE ? "not a whole number in range" : "not a number in range");
    if (k->kind == WHOLE) *(int *)(void *)at = (int)v;
    else *(double *)(void *)at = v;
    return 0;
}

static int take_section(const cfg_file *c, const cfg_section *s, const key *keys, int n, void *to, char *err) {
    for (int i = 0; i < s->n; i++) {
        const cfg_option *o = &s->options[i];
        int k = 0;
        while (k < n && strcmp(keys[k].name, o->key)) k++;
        if (k == n) {
            char known[512] = "unknown key; known:";
            for (int j = 0; j < n; j++) snprintf(known + strlen(known), sizeof known - strlen(known), " %s", keys[j].name);
            return fail(err, c, o->line, s->type, o->key, known);
        }
        if (take(c, &keys[k], o, to, err)) return -1;
    }
    return 0;
}

static int take_task(const cfg_file *c, const cfg_section *s, meta_file *m, char *err) {
    meta_task *t = &m->tasks[m->n];
    t->size = m->size;
    t->flip = m->flip;
    if (take_section(c, s, task_keys, TASK_KEYS, t, err)) return -1;
    if (!t->data[0]) return fail(err, c, s->line, "section", "[task]", "data= is missing");
    if (!t->cfg[0] && !m->cfg[0]) return fail(err, c, s->line, "section", "[task]", "no cfg=, neither here nor in [meta]");
    if (t->split[0] && strcmp(t->split, "half0") && strcmp(t->split, "half1"))
        return fail(err, c, s->line, "split", t->split, "it is half0 or half1");
    if (!t->name[0]) {
        const char *slash = strrchr(t->data, '/');
        snprintf(t->name, sizeof t->name, "%.255s", slash ? slash + 1 : t->data);
    }
    m->n++;
    return 0;
}

static int take_all(const cfg_file *c, meta_file *m, char *err) {
    if (strcmp(c->sections[0].type, "meta")) {
        return fail(err, c, c->sections[0].line, "section", c->sections[0].type, "a META file begins with [meta]");
    }
    if (take_section(c, &c->sections[0], meta_keys, META_KEYS, m, err)) return -1;
    if (!m->phi[0]) return fail(err, c, c->sections[0].line, "section", "[meta]", "phi= is missing: the file to write");
    if (m->phi_learning_rate < 0) m->phi_learning_rate = m->learning_rate;
    if (m->phi_decay < 0) m->phi_decay = m->decay;
    for (int i = 1; i < c->n; i++) {
        if (strcmp(c->sections[i].type, "task"))
            return fail(err, c, c->sections[i].line, "section", c->sections[i].type, "only [task] may follow [meta]");
        if (take_task(c, &c->sections[i], m, err)) return -1;
    }
    if (m->n) return 0;
    snprintf(err, ERR_LEN, "%s: no [task] section: name at least one data set", c->path);
    return -1;
}

meta_file *meta_file_read(const char *path, char *err) {
    cfg_file *c = cfg_read_plain(path, err);
    if (!c) return NULL;
    meta_file *m = calloc(1, sizeof *m);
    if (m) m->tasks = calloc((size_t)c->n, sizeof *m->tasks);
    if (!m || !m->tasks) {
        snprintf(err, ERR_LEN, "%s: not enough memory", path);
        meta_file_free(m);
        cfg_free(c);
        return NULL;
    }
    m->steps = 750;
    m->threads = m->train = 1;
    m->checkpoint = 50;
    m->flip = -1;
    m->learning_rate = 1e-3;
    m->decay = 5e-4;
    m->phi_learning_rate = m->phi_decay = -1;
    m->sigma = 0.01;
    int bad = take_all(c, m, err);
    cfg_free(c);
    if (!bad) return m;
    meta_file_free(m);
    return NULL;
}

void meta_file_free(meta_file *m) {
    if (m) free(m->tasks);
    free(m);
}
