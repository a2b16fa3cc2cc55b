/* cfg_keys.c - sections and keys by their names, one value against its row, and the sentences for
 * what is not in the tables. */
#include "host/cfg_keys.h"
#include "base/nearest.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cfg_kind *cfg_kind_find(const char *name) {
    for (int i = 0; i < CFG_S_COUNT; i++) {
        if (!strcmp(name, cfg_kinds[i].name) ||
            (cfg_kinds[i].alias && !strcmp(name, cfg_kinds[i].alias)))
            return &cfg_kinds[i];
    }
    return NULL;
}

const cfg_kind *cfg_kind_at(const cfg_file *c, int section) {
    return cfg_kind_find(c->sections[section].type);
}

const char *cfg_activation(const cfg_file *c, int section) {
    const char *given = cfg_get(c, section, "activation");
    const char *def = cfg_kind_at(c, section)->activation;
    return def && given ? given : def;
}

const char *cfg_reads(const cfg_file *c, int section) {
    static const char *const keys[] = {"from", "layers"};
    for (int i = 0; i < 2; i++)
        if (cfg_key_find(cfg_kind_at(c, section), keys[i])) return keys[i];
    return NULL;
}

const char *cfg_beyond_host(const cfg_file *c, int section) {
    /* same: the value that changes nothing. */
    static const struct {
        cfg_section_id id;
        const char *key;
        double same;
    } rows[] = {
        {CFG_S_CONVOLUTIONAL, "stride_x", NAN},
        {CFG_S_CONVOLUTIONAL, "stride_y", NAN},
        {CFG_S_CONVOLUTIONAL, "dilation", 1},
        {CFG_S_CONVOLUTIONAL, "antialiasing", 0},
        {CFG_S_CONVOLUTIONAL, "share_index", NAN},
        {CFG_S_MAXPOOL, "stride_x", NAN},
        {CFG_S_MAXPOOL, "stride_y", NAN},
        {CFG_S_MAXPOOL, "maxpool_depth", 0},
        {CFG_S_MAXPOOL, "maxpool_zero_nonmax", 0},
        {CFG_S_MAXPOOL, "antialiasing", 0},
        {CFG_S_ROUTE, "groups", 1},
    };
    cfg_section_id id = cfg_kind_at(c, section)->id;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *val = rows[i].id == id ? cfg_get(c, section, rows[i].key) : NULL;
        if (val && !(strtod(val, NULL) == rows[i].same)) return rows[i].key;
    }
    if (id != CFG_S_SHORTCUT) return NULL;
    const char *from = cfg_get(c, section, "from"), *type = cfg_get(c, section, "weights_type");
    return type && strcmp(type, "none") ? "weights_type"
           : from && strchr(from, ',')  ? "several layers in from"
                                        : NULL;
}

int cfg_stands_in(const cfg_file *c, int section) {
    const cfg_kind *k = cfg_kind_at(c, section);
    if (k->flags & KIND_STAND_IN) return 1;
    return k->id != CFG_S_CONVOLUTIONAL && cfg_beyond_host(c, section);
}

int cfg_host_upsample(const cfg_file *c, int section) {
    cfg_section_id id = cfg_kind_at(c, section)->id;
    return id == CFG_S_UPSAMPLE || id == CFG_S_PERTURB || cfg_stands_in(c, section);
}

int cfg_section_of(const cfg_file *c, int layer) {
    for (int i = 0; i < c->n; i++)
        if (!(cfg_kind_at(c, i)->flags & KIND_NO_LAYER) && layer-- == 0) return i;
    return 0;
}

const cfg_key *cfg_key_at(const cfg_kind *k, int i) {
    const cfg_key *t = k->keys;
    for (int own = 1;; own = 0, t = cfg_layer_keys) {
        for (; t->name; t++) {
            if (i-- == 0) return t;
        }
        if (!own || !(k->flags & KIND_LAYER)) return NULL;
    }
}

const cfg_key *cfg_key_find(const cfg_kind *k, const char *name) {
    const cfg_key *t;
    for (int i = 0; (t = cfg_key_at(k, i)); i++) {
        if (!strcmp(t->name, name)) return t;
    }
    return NULL;
}

int cfg_key_is_idle(const cfg_key *k) { return k->owner > CFG_DONE; }

static int among(const char *const *list, const char *s) {
    while (*list && strcmp(*list, s)) list++;
    return *list != NULL;
}

static int cfg_kind_is_fork(const char *name) { return among(cfg_fork_sections, name); }
int cfg_word_is_host(const char *word) { return among(cfg_host_activations, word); }
int cfg_word_over_channels(const char *word) { return among(cfg_channel_words, word); }

/* ---- sentences ---- */

/* Text of a file may hold anything: what goes to a terminal is short and printable. */
typedef struct {
    char s[64];
} shown;
static shown show(const char *s) {
    shown q;
    size_t i = 0;
    for (; s[i] && i < sizeof q.s - 4; i++) q.s[i] = s[i] >= ' ' && s[i] < 127 ? s[i] : '?';
    snprintf(q.s + i, sizeof q.s - i, "%s", s[i] ? "..." : "");
    return q;
}

int cfg_fail(char *err, const cfg_file *c, int line, const char *fmt, ...) {
    const char *path = c->path ? c->path : "cfg";
    size_t len = strlen(path), keep = 240;
    int n = snprintf(err, ERR_LEN, "%s%s", len > keep ? "..." : "",
                     len > keep ? path + len - keep : path);
    if (line > 0) n += snprintf(err + n, ERR_LEN - (size_t)n, ":%d", line);
    n += snprintf(err + n, ERR_LEN - (size_t)n, ": ");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err + n, ERR_LEN - (size_t)n, fmt, ap);
    va_end(ap);
    return -1;
}

static void append(char *s, size_t size, const char *sep, const char *word) {
    size_t n = strlen(s);
    snprintf(s + n, size - n, "%s%s", n ? sep : "", word);
}

int cfg_fail_section(char *err, const cfg_file *c, int line, const char *name) {
    if (cfg_kind_is_fork(name))
        return cfg_fail(err, c, line,
                        "section [%s] belongs to the AlexeyAB fork; this Darknet has no such layer",
                        name);
    nearest n = {name, NULL, 99};
    char known[ERR_LEN] = "";
    for (int i = 0; i < CFG_S_COUNT; i++) {
        nearest_consider(&n, cfg_kinds[i].name);
        if (cfg_kinds[i].alias) nearest_consider(&n, cfg_kinds[i].alias);
        append(known, sizeof known, " ", cfg_kinds[i].name);
    }
    if (n.name)
        return cfg_fail(err, c, line, "unknown section [%s]; did you mean [%s]?", show(name).s,
                        n.name);
    return cfg_fail(err, c, line, "unknown section [%s]; known: %.600s", show(name).s, known);
}

int cfg_fail_key(char *err, const cfg_file *c, int line, const cfg_kind *k, const char *name) {
    nearest n = {name, NULL, 99};
    char known[ERR_LEN] = "", owners[ERR_LEN] = "";
    const cfg_key *t;
    for (int i = 0; (t = cfg_key_at(k, i)); i++) {
        if (cfg_key_is_idle(t)) continue;
        nearest_consider(&n, t->name);
        append(known, sizeof known, ", ", t->name);
    }
    if (n.name)
        return cfg_fail(err, c, line, "[%s] unknown key \"%s\"; did you mean \"%s\"?", k->name,
                        show(name).s, n.name);
    for (int i = 0; i < CFG_S_COUNT; i++) {
        if (&cfg_kinds[i] != k && cfg_key_find(&cfg_kinds[i], name))
            append(owners, sizeof owners, ", ", cfg_kinds[i].name);
    }
    return cfg_fail(err, c, line, "[%s] unknown key \"%s\"%s%.120s%s; known: %.600s", k->name,
                    show(name).s, owners[0] ? " (a key of " : "", owners, owners[0] ? ")" : "",
                    known);
}

static int fail_word(char *err, const cfg_file *c, const cfg_kind *k, const cfg_key *key,
                     const cfg_option *o) {
    if (cfg_word_over_channels(o->val))
        return cfg_fail(err, c, o->line,
                        "[%s] %s=%s works over the channels of a map, which cannot be done here",
                        k->name, o->key, o->val);
    nearest n = {o->val, NULL, 99};
    char known[ERR_LEN] = "";
    for (int i = 0; key->words[i]; i++) {
        nearest_consider(&n, key->words[i]);
        append(known, sizeof known, ", ", key->words[i]);
    }
    if (n.name)
        return cfg_fail(err, c, o->line, "[%s] unknown %s \"%s\"; did you mean \"%s\"?", k->name,
                        o->key, show(o->val).s, n.name);
    return cfg_fail(err, c, o->line, "[%s] unknown %s \"%s\"; known: %s", k->name, o->key,
                    show(o->val).s, known);
}

/* ---- one value ---- */

/* One number up to `end`; strtod alone would also take "inf", "nan", hexadecimal and an empty text.
 */
static int number(const char *s, const char *end, int whole, double *out) {
    char *stop;
    if (s == end || strspn(s, whole ? "+-0123456789" : "+-.eE0123456789") < (size_t)(end - s))
        return -1;
    errno = 0;
    if (whole) {
        long long v = strtoll(s, &stop, 10);
        *out = (double)v;
    } else {
        *out = strtod(s, &stop);
    }
    /* ERANGE of a tiny number is no error: strtod then gives the nearest there is. */
    return stop == end && isfinite(*out) && !(errno == ERANGE && fabs(*out) > 1) ? 0 : -1;
}

static int in_range(const cfg_key *k, double v) {
    return (k->open & CFG_ABOVE ? v > k->lo : v >= k->lo) &&
           (k->open & CFG_BELOW ? v < k->hi : v <= k->hi);
}

static int fail_range(char *err, const cfg_file *c, const cfg_kind *k, const cfg_key *key,
                      const cfg_option *o) {
    if (key->open & CFG_ABOVE && key->hi >= 1000)
        return cfg_fail(err, c, o->line, "[%s] %s=%s is out of range: it must be above %g", k->name,
                        o->key, show(o->val).s, key->lo);
    return cfg_fail(err, c, o->line, "[%s] %s=%s is out of range: it must lie in %c%.10g, %.10g%c",
                    k->name, o->key, show(o->val).s, key->open & CFG_ABOVE ? '(' : '[', key->lo,
                    key->hi, key->open & CFG_BELOW ? ')' : ']');
}

static int check_numbers(const cfg_file *c, const cfg_kind *k, const cfg_key *key,
                         const cfg_option *o, char *err) {
    int whole = key->kind == CFG_INT || key->kind == CFG_INTS,
        list = key->kind == CFG_INTS || key->kind == CFG_FLOATS;
    for (const char *s = o->val;; s++) {
        const char *end = list ? strchr(s, ',') : NULL;
        double v;
        if (!end) end = s + strlen(s);
        if (number(s, end, whole, &v))
            return cfg_fail(err, c, o->line, "[%s] %s=%s: %s%s%s", k->name, o->key, show(o->val).s,
                            list ? "not a list of " : "not a ",
                            list ? (whole ? "whole numbers" : "numbers")
                                 : (whole ? "whole number" : "number"),
                            strchr(o->val, '#') ? " (a comment needs a blank before its #)" : "");
        if (!in_range(key, v)) return fail_range(err, c, k, key, o);
        if (!*end) return 0;
        s = end;
    }
}

/* Does this value of a key of training change it? */
static int changes_training(const cfg_key *key, const char *val) {
    double v;
    if (key->owner != CFG_FORK_TRAIN) return 0;
    if (key->words) return strcmp(key->words[0], val) != 0;
    return number(val, val + strlen(val), 0, &v) || v != key->lo;
}

static const char *whose(const cfg_key *key) {
    return key->open & CFG_GPU ? "the host does it on a GPU alone"

           : key->open & CFG_COMMAND ? "the host's own `classifier train` does it"
                                     : "a key of the AlexeyAB fork";
}

void cfg_warn_idle(const cfg_file *c, const cfg_kind *k, const cfg_key *key, const cfg_option *o) {
    const char *none = key->owner == CFG_FORK_MODEL ? "this value changes nothing"
                                                    : "this value changes nothing in training";

    fprintf(stderr,
            "%s:%d: warning: [%s] key \"%s\" is of another Darknet (the AlexeyAB fork or an old "
            "one): ignored: %s\n",
            c->path, o->line, k->name, key->name,
            key->owner == CFG_FORK          ? key->words[0]
            : changes_training(key, o->val) ? "it changes training, which is refused with it"
                                            : none);
}

int cfg_check_training(const cfg_file *c, char *err) {
    for (int i = 0; i < c->n; i++) {
        const cfg_kind *k = cfg_kind_find(c->sections[i].type);
        for (int j = 0; j < c->sections[i].n; j++) {
            const cfg_option *o = &c->sections[i].options[j];
            const cfg_key *key = cfg_key_find(k, o->key);
            if (!key || !changes_training(key, o->val)) continue;

            return cfg_fail(
                err, c, o->line,
                "[%s] %s=%s changes training, and cannot be done here (%s); remove the line to "
                "train without it",
                k->name, o->key, show(o->val).s, whose(key));
        }
    }
    return 0;
}

int cfg_check_value(const cfg_file *c, const cfg_kind *k, const cfg_key *key, const cfg_option *o,
                    char *err) {
    double v;
    switch (key->owner) {
    case CFG_FORK:
    case CFG_FORK_TRAIN: return 0;
    case CFG_FORK_MODEL:
        if ((!number(o->val, o->val + strlen(o->val), 0, &v) && v == key->lo) ||
            !strcmp(o->val, "none"))
            return 0;
        return cfg_fail(err, c, o->line,
                        "[%s] %s=%s belongs to the AlexeyAB fork and changes the network; "
                        "this Darknet cannot compute it",
                        k->name, o->key, show(o->val).s);
    }
    switch (key->kind) {
    case CFG_ENUM:
        for (int i = 0; key->words[i]; i++) {
            if (!strcmp(key->words[i], o->val)) return 0;
        }
        return fail_word(err, c, k, key, o);
    case CFG_STR: return 0;
    default: return check_numbers(c, k, key, o, err);
    }
}

int cfg_list(const char *val, double *out, int max) {
    int n = 0;
    for (const char *s = val;; s++, n++) {
        if (n < max) out[n] = strtod(s, NULL);
        s = strchr(s, ',');
        if (!s) return n + 1;
    }
}
