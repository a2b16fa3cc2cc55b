/* cfg_read.c - see cfg.h: a file read into sections and keys, and the text of a cfg. */
#include "host/cfg.h"
#include "host/cfg_keys.h"
#include "host/cfg_memory.h"
#include "base/files.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest cfg in use has 300 sections, the longest section of ours 30 keys; each key is
 * compared with all before it. */
enum { MAX_BYTES = 16 << 20, MAX_SECTIONS = 10000, MAX_KEYS = 200 };

typedef struct {
    cfg_file *c;
    char *err;
    int line, capacity, plain, again,
        comments; /* plain: sections and keys of another kind of file; again: no warnings */
    const cfg_kind
        *kind;       /* of the section under way, NULL before the first and in an unknown one */
    FILE *all;       /* tell every problem there and go on */
    int found, lost; /* problems; sections among them, so that layers cannot be counted */
    unsigned char warned[CFG_S_COUNT][80]; /* by place in the table of keys */
} reader;

static int no_memory(char *err, const cfg_file *c) {
    return cfg_fail(err, c, 0, "no memory to read the cfg");
}

size_t cfg_comment(const char *s, size_t len) {
    for (size_t i = 1; i < len; i++)
        if (s[i] == '#' && isspace((unsigned char)s[i - 1])) return i;
    return len;
}

/* Darknet itself would read it as part of the value. */
static void cut_comment(reader *r, char *s) {
    size_t len = strlen(s), at = cfg_comment(s, len);
    if (at == len) return;
    s[at] = 0;
    if (!r->again && !r->comments++)
        fprintf(stderr,
                "%s:%d: warning: what stands after a blank and # is taken for a comment, here and "
                "below; Darknet itself only knows "
                "lines of comment\n",
                r->c->path, r->line);
}

static int add_section(reader *r, char *s) {
    cfg_file *c = r->c;
    cfg_squeeze(s, 0);
    size_t len = strlen(s);
    if (s[len - 1] != ']') return cfg_fail(r->err, c, r->line, "a section line must end with ']'");
    s[len - 1] = 0;
    const cfg_kind *k = cfg_kind_find(s + 1);
    if (!k && !r->plain) return cfg_fail_section(r->err, c, r->line, s + 1);
    if (c->n == MAX_SECTIONS)
        return cfg_fail(r->err, c, r->line, "more than %d sections", MAX_SECTIONS);
    if (c->n == r->capacity) {
        int want = r->capacity ? 2 * r->capacity : 64;
        cfg_section *p = realloc(c->sections, (size_t)want * sizeof *p);
        if (!p) return no_memory(r->err, c);
        c->sections = p;
        r->capacity = want;
    }
    cfg_section *n = &c->sections[c->n];
    *n = (cfg_section){
        .type = strdup(k && !r->plain ? k->name : s + 1), .line = r->line, .last = r->line};
    if (!n->type) return no_memory(r->err, c);
    c->n++;
    r->kind = k;
    return 0;
}

/* One line for each key that only another Darknet knows, however often it stands in the file. */
static void warn_idle(reader *r, const cfg_key *key, const cfg_option *o) {
    int i = 0;
    while (cfg_key_at(r->kind, i) != key) i++;
    if (i < (int)sizeof r->warned[0] && r->warned[r->kind->id][i]++) return;
    cfg_warn_idle(r->c, r->kind, key, o);
}

/* Stock cfgs do: batch= for tests and again for training in [net], a value and a later one in
 * [region]. Darknet goes by the first. */
static int given_twice(reader *r, const cfg_section *sec, const cfg_option *first) {
    if (r->plain)
        return cfg_fail(r->err, r->c, r->line,
                        "[%s] %s is given twice, first in line %d; remove one of them", sec->type,
                        first->key, first->line);
    if (!r->again)
        fprintf(
            stderr,
            "%s:%d: warning: [%s] %s is given twice: Darknet goes by the first, %s=%s in line %d\n",
            r->c->path, r->line, sec->type, first->key, first->key, first->val, first->line);
    return 0;
}

static int add_option(reader *r, char *s) {
    cfg_file *c = r->c;
    char *eq = strchr(s, '=');
    if (!eq)
        return cfg_fail(r->err, c, r->line,
                        "a line must be [section], key=value or a #comment; '=' is missing");
    *eq = 0;
    char *key = s, *val = eq + 1;
    cfg_squeeze(key, 0);
    cfg_squeeze(val, r->plain || !strcmp(key, "phi"));
    if (!c->n)
        return cfg_fail(r->err, c, r->line,
                        "an option stands before the first section; start with [%s]",
                        r->plain ? "meta" : "net");
    const cfg_key *k = r->plain ? NULL : cfg_key_find(r->kind, key);
    if (!k && !r->plain) return cfg_fail_key(r->err, c, r->line, r->kind, key);
    cfg_section *sec = &c->sections[c->n - 1];
    if (!*val) return cfg_fail(r->err, c, r->line, "[%s] %s has no value", sec->type, key);
    if (sec->n == MAX_KEYS)
        return cfg_fail(r->err, c, r->line, "more than %d keys in one section", MAX_KEYS);
    sec->last = r->line;
    for (int i = 0; i < sec->n; i++) {
        if (!strcmp(sec->options[i].key, key)) return given_twice(r, sec, &sec->options[i]);
    }
    if (cfg_append(sec, key, val, r->line)) return no_memory(r->err, c);
    if (r->plain) return 0;
    if (cfg_check_value(c, r->kind, k, &sec->options[sec->n - 1], r->err)) return -1;
    if (cfg_key_is_idle(k) && !r->again) warn_idle(r, k, &sec->options[sec->n - 1]);
    return 0;
}

/* A line was refused. -1: so is the file. 0: told, and it counts as not written. */
static int refuse(reader *r, int section) {
    if (!r->all) return -1;
    fprintf(r->all, "%s\n", r->err);
    r->found++;
    r->lost += section;
    if (section)
        r->kind = NULL;
    else if (r->c->n)
        r->c->sections[r->c->n - 1].refused++;
    return 0;
}

static int add_line(reader *r, char *s) {
    cut_comment(r, s);
    if (*s == '[') return add_section(r, s) ? refuse(r, 1) : 0;
    if (r->all && !r->kind && r->found) return 0; /* of a section that was refused */
    cfg_section *sec = r->c->n ? &r->c->sections[r->c->n - 1] : NULL;
    int n = sec ? sec->n : 0;
    if (!add_option(r, s)) return 0;
    if (sec && sec->n > n) cfg_unset(r->c, r->c->n - 1, sec->options[n].key);
    return refuse(r, 0);
}

static int read_lines(reader *r, char *text, size_t len) {
    if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, len -= 3;
    for (char *s = text, *next; s; s = next) {
        r->line++;
        next = memchr(s, '\n', (size_t)(text + len - s));
        char *end = next ? next : text + len;
        if (memchr(s, 0, (size_t)(end - s)))
            return cfg_fail(r->err, r->c, r->line,
                            "a byte of value 0: this is no cfg, or no 8-bit text (UTF-16?)");
        if (next) *next++ = 0;
        while (isspace((unsigned char)*s)) s++;
        if (!*s || *s == '#' || *s == ';') continue;
        if (add_line(r, s)) return -1;
    }
    return 0;
}

/* The file's bytes, malloc'd; or NULL and err. */
static char *slurp(reader *r, const char *path, size_t *len) {
    char *text = (char *)file_slurp_most(path, MAX_BYTES, len, r->err);
    if (!text && *len > MAX_BYTES)
        cfg_fail(r->err, r->c, 0,
                 "more than %d bytes are too many for a cfg; is it a weights file?", MAX_BYTES);
    return text;
}

static int read_into(reader *r, const char *path, const char *given, char **kept) {
    size_t len = given ? strlen(given) : 0;
    char *text = given ? strdup(given) : slurp(r, path, &len);
    if (!text) return given ? no_memory(r->err, r->c) : -1;
    if (kept && !(*kept = strdup(text))) { /* read_lines cuts it into pieces */
        free(text);
        return no_memory(r->err, r->c);
    }
    int bad = read_lines(r, text, len);
    free(text);
    if (!bad && r->plain && !r->c->n) bad = cfg_fail(r->err, r->c, 0, "no section in it");
    return bad ? -1 : r->plain ? 0 : cfg_check(r->c, r->err);
}

static cfg_file *read_file(const char *path, const char *text, char **kept, int plain, char *err) {
    cfg_file *c = calloc(1, sizeof *c);
    reader *r = calloc(1, sizeof *r);
    int bad = !c || !r || !(c->path = strdup(path));
    if (bad) {
        fail(err, "%.240s: no memory to read the cfg", path);
    } else {
        r->c = c;
        r->err = err;
        r->plain = plain;
        r->again = text != NULL;
        bad = read_into(r, path, text, kept);
    }
    free(r);
    if (!bad) return c;
    if (kept) free(*kept), *kept = NULL;
    cfg_free(c);
    return NULL;
}

/* Of a cfg without other problems: does a step of training fit into the memory there is? */
static int memory_problem(const cfg_file *c, FILE *out, char *err) {
    cfg_memory m;
    if (cfg_memory_of(c, 1, &m, err)) return -1;
    cfg_memory_tell(stderr, c->path, &m);
    if (!cfg_memory_check(c->path, &m, err)) return 0;
    fprintf(out, "%s\n", err);
    return 1;
}

int cfg_problems(const char *path, FILE *out, char *err) {
    cfg_file *c = calloc(1, sizeof *c);
    reader *r = calloc(1, sizeof *r);
    size_t len;
    int n = -1;
    char *text = NULL;
    if (!c || !r || !(c->path = strdup(path))) {
        fail(err, "%.240s: no memory to read the cfg", path);
    } else {
        *r = (reader){.c = c, .err = err, .all = out};
        text = slurp(r, path, &len);
    }
    if (text && !read_lines(r, text, len)) n = r->found + (r->lost ? 0 : cfg_check_all(c, out));
    if (!n) n = memory_problem(c, out, err);
    free(text);
    free(r);
    cfg_free(c);
    return n;
}

cfg_file *cfg_read(const char *path, char *err) { return read_file(path, NULL, NULL, 0, err); }
cfg_file *cfg_read_plain(const char *path, char *err) {
    return read_file(path, NULL, NULL, 1, err);
}
cfg_file *cfg_read_text(const char *name, const char *text, char *err) {
    return read_file(name, text, NULL, 0, err);
}

cfg_file *cfg_read_keep(const char *path, char **text, char *err) {
    *text = NULL;
    return read_file(path, NULL, text, 0, err);
}

/* ---- text for the host ---- */

static int rate_is_ours(const char *policy) {
    return !strcmp(policy, "sgdr") || !strcmp(policy, "cosine");
}

/* The host's own convolution, whose output gets another shape as soon as it stands (hooks.c), and
 * whose weights are not those of the file where it shares another's. */
static void put_geometry(FILE *f, const cfg_file *c, int i) {
    cfg_geometry g = cfg_get_geometry(c, i);
    fprintf(f, "stride=%d\n", g.stride_x > g.stride_y ? g.stride_x : g.stride_y);
    if (cfg_get_owner(c, i) >= 0) fputs("dontload=1\ndontsave=1\n", f);
}

static int of_every_layer(const cfg_key *key) {
    for (const cfg_key *t = cfg_layer_keys; t->name; t++)
        if (t == key) return 1;
    return 0;
}

static void put_section(FILE *f, const cfg_file *c, int i) {
    const cfg_section *s = &c->sections[i];
    const cfg_kind *k = cfg_kind_at(c, i);
    if (k->id == CFG_S_META_SHARED) return;
    /* Same shape, no weights, resizable, and its stock backward adds to the previous delta. */
    int stands_in = k->id == CFG_S_PERTURB || cfg_stands_in(c, i);
    if (stands_in)
        fputs("[upsample]\nstride=1\n", f);
    else
        fprintf(f, "[%s]\n", s->type);
    int beyond = k->id == CFG_S_CONVOLUTIONAL && cfg_beyond_host(c, i);
    if (beyond) put_geometry(f, c, i);
    for (int j = 0; j < s->n; j++) {
        const cfg_key *key = cfg_key_find(k, s->options[j].key);
        if (!key || key->owner != CFG_HOST || (stands_in && !of_every_layer(key))) continue;
        if (beyond && !strcmp(key->name, "stride")) continue;
        const char *val = s->options[j].val;
        /* Of rates that the host does not know we make the rate ourselves (rate.c). Of an
         * activation that it does not know it sees none: the engine computes it. */
        if (!strcmp(key->name, "policy") && rate_is_ours(val)) val = "constant";
        if (!strcmp(key->name, "activation") && !cfg_word_is_host(val)) val = "linear";
        fprintf(f, "%s=%s\n", s->options[j].key, val);
    }
}

static void put_whole(FILE *f, const cfg_file *c, int k) {
    const cfg_section *s = &c->sections[k];
    fprintf(f, "[%s]\n", s->type);
    for (int i = 0; i < s->n; i++) fprintf(f, "%s=%s\n", s->options[i].key, s->options[i].val);
}

static char *to_text(const cfg_file *c, void (*put)(FILE *f, const cfg_file *c, int section)) {
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (!f) return NULL;
    for (int i = 0; i < c->n; i++) put(f, c, i);
    int bad = ferror(f);
    if (fclose(f) || bad) {
        free(text);
        return NULL;
    }
    return text;
}

char *cfg_for_host(const cfg_file *c) { return to_text(c, put_section); }
char *cfg_text(const cfg_file *c) { return to_text(c, put_whole); }
