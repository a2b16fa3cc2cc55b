/* cfg_edit.c - see cfg_edit.h. */
#include "host/cfg_edit.h"
#include "host/cfg_keys.h"
#include "base/files.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t from, to;
} range; /* bytes of the text */
typedef struct {
    range at;
    char *text;
    int order;
} splice;

struct cfg_edit {
    char *text;
    cfg_file *cfg;
    range *lines; /* without their ends, \n or \r\n */
    int n_lines, n, room, failed;
    splice *splices;
    int *layer, *inserted; /* of each section */
    char *dropped;
    const char *eol;
};

/* ---- opening ---- */

static int find_lines(cfg_edit *e) {
    size_t n = 1;
    for (const char *s = e->text; *s; s++) n += *s == '\n';
    e->lines = malloc(n * sizeof *e->lines);
    if (!e->lines) return -1;
    e->eol = "\n";
    for (char *s = e->text, *next; s; s = next) {
        char *nl = strchr(s, '\n'), *end = nl ? nl : s + strlen(s);
        next = nl ? nl + 1 : NULL;
        if (nl && nl > s && nl[-1] == '\r') {
            end--;
            e->eol = "\r\n";
        }
        e->lines[e->n_lines++] = (range){(size_t)(s - e->text), (size_t)(end - e->text)};
    }
    return 0;
}

static int number_layers(cfg_edit *e) {
    size_t n = (size_t)e->cfg->n;
    e->layer = malloc(n * sizeof(int));
    e->inserted = calloc(n, sizeof(int));
    e->dropped = calloc(n, 1);
    if (!e->layer || !e->inserted || !e->dropped) return -1;
    int layer = 0;
    for (int i = 0; i < e->cfg->n; i++)
        e->layer[i] = i && strcmp(e->cfg->sections[i].type, "meta_shared") ? layer++ : -1;
    return 0;
}

cfg_edit *cfg_edit_open(const char *path, const char *text, char *err) {
    cfg_edit *e = calloc(1, sizeof *e);
    if (!e) return fail_null(err, "%.400s: no memory to change the cfg", path);
    e->cfg = text ? cfg_read_text(path, text, err) : cfg_read_keep(path, &e->text, err);
    if (e->cfg && text) e->text = strdup(text);
    if (e->text && !find_lines(e) && !number_layers(e)) return e;
    if (e->text || (e->cfg && text)) fail(err, "%.400s: no memory to change the cfg", path);
    cfg_edit_free(e);
    return NULL;
}

void cfg_edit_free(cfg_edit *e) {
    if (!e) return;
    for (int i = 0; i < e->n; i++) free(e->splices[i].text);
    free(e->splices);
    free(e->lines);
    free(e->layer);
    free(e->inserted);
    free(e->dropped);
    free(e->text);
    cfg_free(e->cfg);
    free(e);
}

const cfg_file *cfg_edit_cfg(const cfg_edit *e) { return e->cfg; }
const char *cfg_edit_original(const cfg_edit *e) { return e->text; }
int cfg_edit_layer(const cfg_edit *e, int section) { return e->layer[section]; }

/* ---- noting changes ---- */

/* `text` is taken over. */
static void note(cfg_edit *e, size_t from, size_t to, char *text) {
    if (text && e->n == e->room) {
        int room = e->room ? 2 * e->room : 64;
        splice *p = realloc(e->splices, (size_t)room * sizeof *p);
        if (p) e->splices = p, e->room = room;
    }
    if (!text || e->n == e->room) {
        free(text);
        e->failed = 1;
        return;
    }
    e->splices[e->n] = (splice){{from, to}, text, e->n};
    e->n++;
}

static size_t line_end(const cfg_edit *e, int line) { return line > 0 ? e->lines[line - 1].to : 0; }

static int blank(const cfg_edit *e, int line) {
    if (line < 1) return 0;
    for (size_t i = e->lines[line - 1].from; i < e->lines[line - 1].to; i++)
        if (!isspace((unsigned char)e->text[i])) return 0;
    return 1;
}

/* Line of the section's last option, or of its head. */
static int last_line(const cfg_edit *e, int section) { return e->cfg->sections[section].last; }

/* With the file's own line ends, and these before the lines, not after them: so that it can stand
 * after a last line. */
static char *in_lines(const cfg_edit *e, const char *before, const char *text) {
    char *out = NULL;
    size_t len;
    FILE *f = open_memstream(&out, &len);
    if (!f) return NULL;
    fputs(before, f);
    for (const char *s = text, *nl; *s; s = nl + 1) {
        nl = strchr(s, '\n');
        fprintf(f, "%s%.*s", e->eol, (int)(nl - s), s);
    }
    if (!fclose(f)) return out;
    free(out);
    return NULL;
}

void cfg_edit_drop(cfg_edit *e, int section) {
    int head = e->cfg->sections[section].line;
    note(e, line_end(e, head - 1 - blank(e, head - 1)), line_end(e, last_line(e, section)),
         strdup(""));
    e->dropped[section] = 1;
}

void cfg_edit_insert(cfg_edit *e, int section, const char *text, int layers) {
    size_t at = line_end(e, last_line(e, section));
    note(e, at, at, in_lines(e, e->eol, text));
    e->inserted[section] = layers;
}

void cfg_edit_append(cfg_edit *e, int section, const char *text) {
    size_t at = line_end(e, last_line(e, section));
    note(e, at, at, in_lines(e, "", text));
}

static const cfg_option *find(const cfg_edit *e, int section, const char *key) {
    const cfg_section *s = &e->cfg->sections[section];
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->options[i].key, key)) return &s->options[i];
    return NULL;
}

/* The bytes of an option's value, without the blanks around it. */
static range value_of(const cfg_edit *e, const cfg_option *o) {
    range r = e->lines[o->line - 1];
    while (e->text[r.from] != '=') r.from++;
    r.from++;
    r.to = r.from + cfg_comment(e->text + r.from, r.to - r.from);
    while (r.from < r.to && isspace((unsigned char)e->text[r.from])) r.from++;
    while (r.to > r.from && isspace((unsigned char)e->text[r.to - 1])) r.to--;
    return r;
}

void cfg_edit_set(cfg_edit *e, int section, const char *key, const char *val) {
    range r = value_of(e, find(e, section, key));
    note(e, r.from, r.to, strdup(val));
}

void cfg_edit_unset(cfg_edit *e, int section, const char *key) {
    int line = find(e, section, key)->line;
    note(e, line_end(e, line - 1), line_end(e, line), strdup(""));
}

int cfg_edit_unset_line(cfg_edit *e, int line, const char *text) {
    range r = e->lines[line - 1];
    if (r.to - r.from != strlen(text) || memcmp(e->text + r.from, text, strlen(text))) return 0;
    note(e, line_end(e, line - 1), r.to, strdup(""));
    return 1;
}

void cfg_edit_unset_ours(cfg_edit *e, int section) {
    const cfg_section *s = &e->cfg->sections[section];
    for (int i = 0; i < s->n; i++) {
        const cfg_key *k = cfg_key_find(cfg_kind_find(s->type), s->options[i].key);
        if (k->owner == CFG_OURS) cfg_edit_unset(e, section, s->options[i].key);
    }
}

/* ---- renumbering ---- */

/* The new index of the section's first layer, were it kept; also for the place after the last
 * section. */
static int base_of(const cfg_edit *e, int section) {
    int n = 0;
    for (int i = 0; i < section; i++) n += (e->layer[i] >= 0 && !e->dropped[i]) + e->inserted[i];
    return n;
}

int cfg_edit_new_layer(const cfg_edit *e, int section) {
    return e->layer[section] < 0 || e->dropped[section] ? -1 : base_of(e, section);
}

int cfg_edit_first_new(const cfg_edit *e, int section) {
    return base_of(e, section) + (e->layer[section] >= 0 && !e->dropped[section]);
}

/* A number v of from= or layers= in `section`, as it must read afterwards: after what has been
 * inserted there. That of share_index= (own) means the layer itself. */
static long renumbered(const cfg_edit *e, int section, long v, int own) {
    long old = v < 0 ? e->layer[section] + v : v;
    int target = 0;
    while (e->layer[target] != old) target++;
    long now = own ? base_of(e, target) : base_of(e, target + 1) - 1;
    return v < 0 ? now - base_of(e, section) : now;
}

static void renumber(cfg_edit *e, int section, const char *key) {
    const cfg_option *o = find(e, section, key);
    range r = value_of(e, o);
    for (size_t at = r.from; at < r.to;) {
        char *end, now[32];
        long v = strtol(e->text + at, &end, 10);
        size_t to = (size_t)(end - e->text);
        if (to == at || to > r.to) { /* a comma or a blank */
            at++;
            continue;
        }
        while (isspace((unsigned char)e->text[at])) at++;
        long w = renumbered(e, section, v, !strcmp(key, "share_index"));
        snprintf(now, sizeof now, "%ld", w);
        if (w != v) note(e, at, to, strdup(now));
        at = to;
    }
}

/* ---- the result ---- */

static int by_place(const void *a, const void *b) {
    const splice *x = a, *y = b;
    if (x->at.from != y->at.from) return x->at.from < y->at.from ? -1 : 1;
    return x->order - y->order;
}

char *cfg_edit_text(cfg_edit *e, char *err) {
    char *out = NULL;
    size_t len, at = 0;
    for (int i = 1; i < e->cfg->n; i++) {
        if (e->dropped[i]) continue;
        const char *key = cfg_reads(e->cfg, i);
        if (key) renumber(e, i, key);
        if (find(e, i, "share_index")) renumber(e, i, "share_index");
    }
    FILE *f = e->failed ? NULL : open_memstream(&out, &len);
    if (f) {
        if (e->n) qsort(e->splices, (size_t)e->n, sizeof *e->splices, by_place);
        for (int i = 0; i < e->n; i++) {
            const splice *s = &e->splices[i];
            assert(s->at.from >= at);
            fwrite(e->text + at, 1, s->at.from - at, f);
            fputs(s->text, f);
            at = s->at.to;
        }
        fputs(e->text + at, f);
        if (!fclose(f)) return out;
        free(out);
    }
    cfg_fail(err, e->cfg, 0, "no memory to change the cfg");
    return NULL;
}
