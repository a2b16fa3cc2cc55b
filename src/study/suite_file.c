/* suite_file.c - see suite_file.h */
#include "study/suite_file.h"
#include "train/section_keys.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define P(field) offsetof(suite_part, field)
#define EVERYWHERE                                                                                \
    {"steps", KEY_WHOLE, P(steps), 1, 1e9, NULL}, {"epochs", KEY_WHOLE, P(epochs), 1, 1e9, NULL}, \
    {                                                                                             \
        "samples", KEY_WHOLE, P(samples), 0, 1e5, NULL                                            \
    }
static const key_row suite_keys[] = {
    {"results", KEY_OUTPUT, P(results), 0, 0, NULL},
    {"seeds", KEY_TEXT, P(seed_list), 0, SUITE_LIST, NULL},
    {"threads", KEY_WHOLE, P(threads), 1, 1024, NULL},
    {"order", KEY_TEXT, P(order), 0, 64, NULL},
    {"hours", KEY_NUMBER, P(hours), 0.001, 1e5, NULL},
    EVERYWHERE,
};
static const key_row target_keys[] = {{"name", KEY_TEXT, P(name), 0, SUITE_NAME, NULL},
                                      {"data", KEY_PATH, P(data), 0, 0, NULL},
                                      EVERYWHERE};
static const key_row network_keys[] = {
    {"name", KEY_TEXT, P(name), 0, SUITE_NAME, NULL},
    {"cfg", KEY_PATH, P(cfg), 0, 0, NULL},
    {"plain", KEY_PATH, P(plain), 0, 0, NULL},
    {"targets", KEY_TEXT, P(targets), 0, SUITE_LIST, NULL},
    {"methods", KEY_TEXT, P(methods), 0, SUITE_LIST, NULL},
    {"seeds", KEY_TEXT, P(seed_list), 0, SUITE_LIST, NULL},
    EVERYWHERE,
};
static const key_row method_keys[] = {
    {"name", KEY_TEXT, P(name), 0, SUITE_NAME, NULL},
    {"cfg", KEY_TEXT, P(use), 0, 16, NULL},
    {"phi", KEY_OUTPUT, P(phi), 0, 0, NULL},
    {"weights", KEY_OUTPUT, P(weights), 0, 0, NULL},
    {"replace", KEY_TEXT, P(replace), 0, 16, NULL},
    {"against", KEY_TEXT, P(against), 0, SUITE_NAME, NULL},
    {"temperature", KEY_WHOLE, P(temperature), 0, 1, NULL},
    {"targets", KEY_TEXT, P(targets), 0, SUITE_LIST, NULL},
    {"networks", KEY_TEXT, P(networks), 0, SUITE_LIST, NULL},
    {"seeds", KEY_TEXT, P(seed_list), 0, SUITE_LIST, NULL},
    EVERYWHERE,
};
#define LEN(a) (int)(sizeof a / sizeof *a)
static const char *const kind_names[] = {"network", "method", "target", "seed"};
static const struct {
    const key_row *keys;
    int n;
} tables[] = {
    {network_keys, LEN(network_keys)},
    {method_keys, LEN(method_keys)},
    {target_keys, LEN(target_keys)},
};

/* SECTION.KEY, or one of the keys of [net] that need no section. */
static int take_edit(const cfg_file *c, const cfg_option *o, void *to, char *err) {
    static const char *const net_keys[] = {"batch", "learning_rate", "decay", "adam", "momentum"};
    suite_part *p = to;
    const char *dot = strchr(o->key, '.');
    int short_one = 0;
    for (int i = 0; i < LEN(net_keys); i++) short_one |= !strcmp(o->key, net_keys[i]);
    if (!dot && !short_one) return 0;
    if (dot && !strcmp(o->key, "net.max_batches"))
        return section_fail(err, c, o->line, "key", o->key, "say steps= or epochs=");
    suite_edit e = {dot ? strndup(o->key, (size_t)(dot - o->key)) : strdup("net"),
                    strdup(dot ? dot + 1 : o->key), strdup(o->val), o->line};
    suite_edit *more = realloc(p->edits, ((size_t)p->n_edits + 1) * sizeof e);
    if (more) p->edits = more;
    if (!more || !e.section || !e.key || !e.val) {
        free(e.section);
        free(e.key);
        free(e.val);
        return section_fail(err, c, o->line, "key", o->key, "no memory for it");
    }
    p->edits[p->n_edits++] = e;
    if (cfg_knows(e.section, e.key)) return 1;
    return section_fail(
        err, c, o->line, "key", o->key,
        "no section and key of a cfg (or one that only another Darknet has, without effect here)");
}

static int take_seeds(const cfg_file *c, suite_part *p, char *err) {
    for (const char *s = p->seed_list; *s;) {
        char *end;
        unsigned long long v = strtoull(s, &end, 10);
        /* JSON's numbers are exact up to there. */
        if (*s < '0' || *s > '9' || (*end && *end != ',') || (*end && !end[1]) || v > 1ULL << 53 ||
            p->n_seeds == SUITE_SEEDS)
            return section_fail(err, c, p->line, "seeds", p->seed_list,
                                "whole numbers with a comma between, at most 64");
        for (int i = 0; i < p->n_seeds; i++)
            if (p->seeds[i] == v)
                return section_fail(err, c, p->line, "seeds", p->seed_list, "a seed stands twice");
        p->seeds[p->n_seeds++] = v;
        s = *end ? end + 1 : end;
    }
    return 0;
}

static int take_part(const cfg_file *c, const cfg_section *s, const key_row *keys, int n,
                     suite_part *p, char *err) {
    *p = (suite_part){.line = s->line, .samples = -1, .temperature = -1};
    if (section_take(c, s, keys, n, take_edit, p, err)) return -1;
    if (p->steps && p->epochs)
        return section_fail(err, c, s->line, "section", s->type, "steps= or epochs=, not both");
    return take_seeds(c, p, err);
}

/* What a whole [target], [network], [method] must say. */
static int check_part(const cfg_file *c, const suite_file *f, suite_kind k, suite_part *p,
                      char *err) {
    const char *type = kind_names[k];
    if (!p->name[0]) return section_fail(err, c, p->line, "section", type, "name= is missing");
    if (strpbrk(p->name, "/,|\"\\"))
        return section_fail(err, c, p->line, "name", p->name, "no / , | \" or \\ in a name");
    for (int i = 0; i < f->n[k]; i++)
        if (!strcmp(f->part[k][i].name, p->name))
            return section_fail(err, c, p->line, "name", p->name, "given twice");
    if (k == SUITE_TARGET && !p->data[0])
        return section_fail(err, c, p->line, "section", type, "data= is missing");
    if (k == SUITE_NETWORK && !p->cfg[0])
        return section_fail(err, c, p->line, "section", type, "cfg= is missing");
    if (k != SUITE_METHOD) return 0;
    if (!p->use[0]) strcpy(p->use, "plain");
    int perturb = !strcmp(p->use, "perturb");
    if (!perturb && strcmp(p->use, "plain"))
        return section_fail(err, c, p->line, "cfg", p->use, "in [method] it is plain or perturb");
    if (p->replace[0] && strcmp(p->replace, "dropout"))
        return section_fail(err, c, p->line, "replace", p->replace, "it is dropout");
    if (p->replace[0] && !perturb)
        return section_fail(err, c, p->line, "replace", p->replace,
                            "needs cfg=perturb, whose places it takes");
    if (p->phi[0] && (!perturb || p->replace[0]))
        return section_fail(err, c, p->line, "phi", p->phi, "needs cfg=perturb without replace=");
    return 0;
}

static const suite_part *find(const suite_file *f, suite_kind k, const char *name, size_t len) {
    for (int i = 0; i < f->n[k]; i++)
        if (strlen(f->part[k][i].name) == len && !strncmp(f->part[k][i].name, name, len))
            return &f->part[k][i];
    return NULL;
}

static int check_list(const cfg_file *c, const suite_file *f, const suite_part *p, suite_kind k,
                      const char *list, char *err) {
    for (const char *s = list; *s;) {
        size_t len = strcspn(s, ",");
        if (!find(f, k, s, len)) {
            char what[16];
            snprintf(what, sizeof what, "%ss", kind_names[k]);
            return section_fail(err, c, p->line, what, list, "holds a name that no section has");
        }
        s += len + (s[len] == ',');
    }
    return 0;
}

static int check_lists(const cfg_file *c, const suite_file *f, char *err) {
    for (int k = 0; k < SUITE_PARTS; k++) {
        if (!f->n[k])
            return section_fail(err, c, 0, "section", kind_names[k], "there must be at least one");
        for (int i = 0; i < f->n[k]; i++) {
            const suite_part *p = &f->part[k][i];
            if (check_list(c, f, p, SUITE_TARGET, p->targets, err) ||
                check_list(c, f, p, SUITE_NETWORK, p->networks, err) ||
                check_list(c, f, p, SUITE_METHOD, p->methods, err))
                return -1;
            if (p->against[0] && !find(f, SUITE_METHOD, p->against, strlen(p->against)))
                return section_fail(err, c, p->line, "against", p->against,
                                    "no [method] has this name");
        }
    }
    return 0;
}

static int take_order(const cfg_file *c, suite_file *f, char *err) {
    const char *s = f->all.order[0] ? f->all.order : "network,method,target,seed";
    int n = 0, seen = 0;
    while (*s) {
        size_t len = strcspn(s, ",");
        int k = 0;
        while (k <= SUITE_SEED && (strlen(kind_names[k]) != len || strncmp(kind_names[k], s, len)))
            k++;
        if (k > SUITE_SEED || seen >> k & 1) break;
        seen |= 1 << k;
        f->order[n++] = (suite_kind)k;
        s += len + (s[len] == ',');
    }
    if (!*s && n == SUITE_PARTS + 1) return 0;
    return section_fail(err, c, f->all.line, "order", f->all.order,
                        "network, method, target and seed, each once, with a comma between");
}

static int take_all(const cfg_file *c, suite_file *f, char *err) {
    const cfg_section *first = &c->sections[0];
    if (strcmp(first->type, "suite"))
        return section_fail(err, c, first->line, "section", first->type,
                            "a SUITE begins with [suite]");
    if (take_part(c, first, suite_keys, LEN(suite_keys), &f->all, err) || take_order(c, f, err))
        return -1;
    if (!f->all.results[0])
        return section_fail(err, c, first->line, "section", "suite",
                            "results= is missing: the file of its lines");
    if (!f->all.n_seeds) f->all.seeds[f->all.n_seeds++] = 1;
    if (!f->all.threads) f->all.threads = 1;
    for (int i = 1; i < c->n; i++) {
        const cfg_section *s = &c->sections[i];
        int k = 0;
        while (k < SUITE_PARTS && strcmp(kind_names[k], s->type)) k++;
        if (k == SUITE_PARTS)
            return section_fail(err, c, s->line, "section", s->type,
                                "only [target], [network] and [method] may follow [suite]");
        suite_part *p = &f->part[k][f->n[k]];
        if (take_part(c, s, tables[k].keys, tables[k].n, p, err) ||
            check_part(c, f, (suite_kind)k, p, err)) {
            f->n[k]++; /* what it holds is freed with the rest */
            return -1;
        }
        f->n[k]++;
    }
    return check_lists(c, f, err);
}

suite_file *suite_file_read(const char *path, char *err) {
    cfg_file *c = cfg_read_plain(path, err);
    if (!c) return NULL;
    suite_file *f = calloc(1, sizeof *f);
    int bad = !f || !(f->path = strdup(path));
    for (int k = 0; !bad && k < SUITE_PARTS; k++)
        bad = !(f->part[k] = calloc((size_t)c->n, sizeof *f->part[k]));
    if (bad)
        fail(err, "%s: not enough memory", path);
    else
        bad = take_all(c, f, err);
    cfg_free(c);
    if (!bad) return f;
    suite_file_free(f);
    return NULL;
}

static void free_edits(suite_part *p) {
    for (int i = 0; i < p->n_edits; i++) {
        free(p->edits[i].section);
        free(p->edits[i].key);
        free(p->edits[i].val);
    }
    free(p->edits);
}

void suite_file_free(suite_file *f) {
    if (!f) return;
    free_edits(&f->all);
    for (int k = 0; k < SUITE_PARTS; k++) {
        for (int i = 0; i < f->n[k]; i++) free_edits(&f->part[k][i]);
        free(f->part[k]);
    }
    free(f->path);
    free(f);
}

int suite_holds(const char *list, const char *name) {
    size_t n = strlen(name);
    if (!*list) return 1;
    for (const char *s = list; *s;) {
        size_t len = strcspn(s, ",");
        if (len == n && !strncmp(s, name, n)) return 1;
        s += len + (s[len] == ',');
    }
    return 0;
}

const suite_part *suite_against(const suite_file *s, const suite_part *m) {
    const suite_part *p = m->against[0] ? find(s, SUITE_METHOD, m->against, strlen(m->against))
                                        : NULL;
    return p ? p : &s->part[SUITE_METHOD][0];
}

int suite_is_reference(const suite_file *s, const suite_part *m) {
    for (int i = 0; i < s->n[SUITE_METHOD]; i++)
        if (suite_against(s, &s->part[SUITE_METHOD][i]) == m) return 1;
    return 0;
}
