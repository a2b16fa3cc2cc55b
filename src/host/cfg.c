/* cfg.c - see cfg.h: sections and keys in memory, and their changes. Reading is in cfg_read.c, the
 * checks in cfg_check.c. */
#include "host/cfg.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The host drops every blank of a line; a file name of ours keeps those inside it. */
void cfg_squeeze(char *s, int inner) {
    char *to = s, *end = s + strlen(s);
    while (isspace((unsigned char)*s)) s++;
    while (end > s && isspace((unsigned char)end[-1])) end--;
    for (; s < end; s++) {
        if (inner || !isspace((unsigned char)*s)) *to++ = *s;
    }
    *to = 0;
}

static void free_option(cfg_option *o) {
    free(o->key);
    free(o->val);
}

static void free_section(cfg_section *s) {
    for (int i = 0; i < s->n; i++) free_option(&s->options[i]);
    free(s->options);
    free(s->type);
}

int cfg_append(cfg_section *s, const char *key, const char *val, int line) {
    cfg_option *p = realloc(s->options, ((size_t)s->n + 1) * sizeof *p);
    if (!p) return -1;
    s->options = p;
    p[s->n] = (cfg_option){.key = strdup(key), .val = strdup(val), .line = line};
    if (!p[s->n].key || !p[s->n].val) {
        free_option(&p[s->n]);
        return -1;
    }
    s->n++;
    return 0;
}

void cfg_free(cfg_file *c) {
    if (!c) return;
    for (int i = 0; i < c->n; i++) free_section(&c->sections[i]);
    free(c->sections);
    free(c->path);
    free(c);
}

static cfg_option *find(const cfg_file *c, int section, const char *key) {
    if (section < 0 || section >= c->n) return NULL;
    const cfg_section *s = &c->sections[section];
    for (int i = 0; i < s->n; i++) {
        if (!strcmp(s->options[i].key, key)) return &s->options[i];
    }
    return NULL;
}

const char *cfg_get(const cfg_file *c, int section, const char *key) {
    const cfg_option *o = find(c, section, key);
    return o ? o->val : NULL;
}

int cfg_set(cfg_file *c, int section, const char *key, const char *val) {
    cfg_option *o = find(c, section, key);
    if (section < 0 || section >= c->n) return -1;
    char *copy = strdup(val);
    if (!copy) return -1;
    cfg_squeeze(copy, !strcmp(key, "phi"));
    if (!o) {
        int bad = cfg_append(&c->sections[section], key, copy, c->sections[section].line);
        free(copy);
        return bad;
    }
    free(o->val);
    o->val = copy;
    return 0;
}

void cfg_unset(cfg_file *c, int section, const char *key) {
    cfg_option *o = find(c, section, key);
    if (!o) return;
    cfg_section *s = &c->sections[section];
    free_option(o);
    memmove(o, o + 1, (size_t)(s->options + --s->n - o) * sizeof *o);
}

void cfg_drop(cfg_file *c, int section) {
    cfg_section *s = &c->sections[section];
    free_section(s);
    memmove(s, s + 1, (size_t)(--c->n - section) * sizeof *s);
}

int cfg_renew(cfg_file *c, int section, const char *type) {
    cfg_section *s = &c->sections[section], old = *s;
    char *copy = strdup(type);
    if (!copy) return -1;
    *s = (cfg_section){.type = copy, .line = old.line, .last = old.last};
    free_section(&old);
    return 0;
}

double cfg_get_num(const cfg_file *c, int section, const char *key, double def) {
    const char *v = cfg_get(c, section, key);
    return v ? strtod(v, NULL) : def;
}
