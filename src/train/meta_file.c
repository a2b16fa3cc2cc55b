/* meta_file.c - see meta_file.h */
#include "train/meta_file.h"
#include "train/section_keys.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define M(field) offsetof(meta_file, field)
#define T(field) offsetof(meta_task, field)
static const key_row meta_keys[] = {
    {"cfg", KEY_PATH, M(cfg), 0, 0, NULL},
    {"phi", KEY_OUTPUT, M(phi), 0, 0, NULL},
    {"init", KEY_PATH, M(init), 0, 0, NULL},
    {"steps", KEY_WHOLE, M(steps), 1, 1e9, NULL},
    {"batch", KEY_WHOLE, M(batch), 1, 1e6, NULL},
    {"learning_rate", KEY_NUMBER, M(learning_rate), 0, 1e6, NULL},
    {"decay", KEY_NUMBER, M(decay), 0, 1e6, NULL},
    {"phi_learning_rate", KEY_NUMBER, M(phi_learning_rate), 0, 1e6, NULL},
    {"phi_decay", KEY_NUMBER, M(phi_decay), 0, 1e6, NULL},
    {"threads", KEY_WHOLE, M(threads), 1, 1024, NULL},
    {"checkpoint", KEY_WHOLE, M(checkpoint), 0, 1e9, NULL},
    {"train", KEY_WHOLE, M(train), 0, 1, NULL},
    {"lookahead", KEY_WHOLE, M(lookahead), 0, 1e6, NULL},
    {"restart", KEY_WHOLE, M(restart), 0, 1e9, NULL},
    {"sigma", KEY_NUMBER, M(sigma), 0, 100, NULL},
    {"seed", KEY_SEED, M(seed), 0, 0, NULL},
    {"size", KEY_WHOLE, M(size), 1, 65536, NULL},
    {"flip", KEY_WHOLE, M(flip), 0, 1, NULL},
};
static const key_row task_keys[] = {
    {"data", KEY_PATH, T(data), 0, 0, NULL},      {"cfg", KEY_PATH, T(cfg), 0, 0, NULL},
    {"name", KEY_TEXT, T(name), 0, 256, NULL},    {"split", KEY_TEXT, T(split), 0, 16, NULL},
    {"size", KEY_WHOLE, T(size), 1, 65536, NULL}, {"flip", KEY_WHOLE, T(flip), 0, 1, NULL},
};
enum {
    META_KEYS = sizeof meta_keys / sizeof *meta_keys,
    TASK_KEYS = sizeof task_keys / sizeof *task_keys
};

static int take_task(const cfg_file *c, const cfg_section *s, meta_file *m, char *err) {
    meta_task *t = &m->tasks[m->n];
    t->size = m->size;
    t->flip = m->flip;
    if (section_take(c, s, task_keys, TASK_KEYS, NULL, t, err)) return -1;
    if (!t->data[0]) return section_fail(err, c, s->line, "section", "[task]", "data= is missing");
    if (!t->cfg[0] && !m->cfg[0])
        return section_fail(err, c, s->line, "section", "[task]",
                            "no cfg=, neither here nor in [meta]");
    if (t->split[0] && strcmp(t->split, "half0") && strcmp(t->split, "half1"))
        return section_fail(err, c, s->line, "split", t->split, "it is half0 or half1");
    if (!t->name[0]) snprintf(t->name, sizeof t->name, "%.255s", path_name(t->data));
    m->n++;
    return 0;
}

/* `FILE:LINE: KEY "VALUE": remedy`, of a key of [meta]. */
static int meta_fail(const cfg_file *c, const char *key, const char *remedy, char *err) {
    const cfg_section *s = &c->sections[0];
    int i = s->n - 1;
    while (i > 0 && strcmp(s->options[i].key, key)) i--;
    return section_fail(err, c, s->options[i].line, key, s->options[i].val, remedy);
}

/* What no row of the table can see alone. */
static int check_restart(const cfg_file *c, const meta_file *m, char *err) {
    int starts;
    char remedy[ERR_LEN];
    if (!m->restart) return 0;
    if (m->restart == 1)
        return meta_fail(c, "restart",
                         "theta would be new in every step: give 2 or more steps, or 0 for never",
                         err);
    for (int k = 0; k < m->n; k++) {
        meta_age(m, k, m->steps - 1, &starts);
        if (starts) return 0;
    }
    snprintf(remedy, sizeof remedy,
             "no theta would start anew within steps=%d: give fewer steps, or 0 for never",
             m->steps);
    return meta_fail(c, "restart", remedy, err);
}

static int check_lookahead(const cfg_file *c, const meta_file *m, char *err) {
    char remedy[ERR_LEN];
    if (!m->lookahead) return 0;
    if (!m->train)
        return meta_fail(c, "lookahead",
                         "phi stays as it is (train=0): remove one of the two lines", err);
    if (!m->restart || m->lookahead < m->restart) return 0;
    snprintf(remedy, sizeof remedy, "no theta lives so many steps (restart=%d): give fewer",
             m->restart);
    return meta_fail(c, "lookahead", remedy, err);
}

static int take_all(const cfg_file *c, meta_file *m, char *err) {
    if (strcmp(c->sections[0].type, "meta")) {
        return section_fail(err, c, c->sections[0].line, "section", c->sections[0].type,
                            "a META file begins with [meta]");
    }
    if (section_take(c, &c->sections[0], meta_keys, META_KEYS, NULL, m, err)) return -1;
    if (!m->phi[0])
        return section_fail(err, c, c->sections[0].line, "section", "[meta]",
                            "phi= is missing: the file to write");
    if (m->phi_learning_rate < 0) m->phi_learning_rate = m->learning_rate;
    if (m->phi_decay < 0) m->phi_decay = m->decay;
    for (int i = 1; i < c->n; i++) {
        if (strcmp(c->sections[i].type, "task"))
            return section_fail(err, c, c->sections[i].line, "section", c->sections[i].type,
                                "only [task] may follow [meta]");
        if (take_task(c, &c->sections[i], m, err)) return -1;
    }
    if (m->n) return check_restart(c, m, err) || check_lookahead(c, m, err) ? -1 : 0;
    return fail(err, "%s: no [task] section: name at least one data set", c->path);
}

int meta_age(const meta_file *m, int k, int step, int *starts) {
    int first = m->restart && m->n ? (int)((int64_t)m->restart * k / m->n) : 0;
    if (!first) first = m->restart;
    *starts = first && step >= first ? 1 + (step - first) / m->restart : 0;
    return *starts ? (step - first) % m->restart : step;
}

meta_file *meta_file_read(const char *path, char *err) {
    cfg_file *c = cfg_read_plain(path, err);
    if (!c) return NULL;
    meta_file *m = calloc(1, sizeof *m);
    if (m) m->tasks = calloc((size_t)c->n, sizeof *m->tasks);
    if (!m || !m->tasks) {
        fail(err, "%s: not enough memory", path);
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
