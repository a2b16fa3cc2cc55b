/* cfg_attach.c - see cfg_attach.h. */
#include "host/cfg_attach.h"
#include "host/cfg_edit.h"
#include "host/cfg_keys.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stands above an activation=linear that attaching had to add, as the layer relied on the host's
 * default. */
static const char given[] = "# no activation= was given: logistic";

static cfg_section_id id_of(const cfg_file *c, int section) { return cfg_kind_at(c, section)->id; }

static int has(const cfg_file *c, int section, int flag) {
    return (cfg_kind_at(c, section)->flags & flag) != 0;
}

/* ---- where it does not belong ---- */

enum { GATE = 2 }; /* a note like chosen[]: 1, feeds a head; this: gates the next layer */

/* Has it no weights of its own, so that what it gives are its inputs' numbers? */
static int hands_on(cfg_section_id id) {
    return id == CFG_S_ROUTE || id == CFG_S_UPSAMPLE || id == CFG_S_REORG || id == CFG_S_DROPOUT ||
           id == CFG_S_ACTIVATION || id == CFG_S_SHORTCUT || id == CFG_S_SCALE_CHANNELS ||
           id == CFG_S_SAM || id == CFG_S_MAXPOOL || id == CFG_S_BATCHNORM;
}

/* Marks section i, which feeds a head, and back through layers that hand on, what feeds those. */
static void mark_feeding(const cfg_edit *e, int i, char *marks) {
    const cfg_file *c = cfg_edit_cfg(e);
    if (i < 1 || marks[i] == 1) return;
    marks[i] = 1;
    if (!hands_on(id_of(c, i))) return;
    if (id_of(c, i) != CFG_S_ROUTE) mark_feeding(e, i - 1, marks);
    const char *key = cfg_reads(c, i), *list = key ? cfg_get(c, i, key) : NULL;
    double at[64];
    int n = list ? cfg_list(list, at, 64) : 0, here = cfg_edit_layer(e, i);
    for (int k = 0; k < n && k < 64; k++)
        mark_feeding(e, cfg_section_of(c, (int)at[k] < 0 ? here + (int)at[k] : (int)at[k]), marks);
}

/* What a detector's head decodes are boxes and scores themselves, no features; a gate of [sam] or
 * [scale_channels] is a share from 0 to 1. Noise of mean other than 1 ruins both. */
static void mark(const cfg_edit *e, char *marks) {
    const cfg_file *c = cfg_edit_cfg(e);
    for (int i = 2; i < c->n; i++) {
        cfg_section_id id = id_of(c, i);
        if ((id == CFG_S_SAM || id == CFG_S_SCALE_CHANNELS) && !marks[i - 1]) marks[i - 1] = GATE;
        if (has(c, i, KIND_HEAD) && (has(c, i, KIND_PICTURE) || id == CFG_S_DETECTION))
            mark_feeding(e, i - 1, marks);
    }
}

/* ---- which layers ---- */

static int any(const cfg_file *c, cfg_section_id id, const char *key) {
    for (int i = 1; i < c->n; i++)
        if (id_of(c, i) == id && (!key || cfg_get_num(c, i, key, 0) != 0)) return 1;
    return 0;
}

/* What must stay between a layer's product and its output, so that no [perturb] and activation can
 * follow; NULL: nothing. */
static const char *stays(const cfg_file *c, int section) {
    const char *a = cfg_activation(c, section);
    if (!a || !strcmp(a, "linear")) return NULL;
    if (cfg_get_geometry(c, section).antialiasing) return "antialiasing";
    return cfg_word_over_channels(a) ? "activation" : NULL;
}

static void choose_kind(const cfg_file *c, int residual, int conv, const char *marks,
                        char *chosen) {
    int norm = any(c, CFG_S_CONVOLUTIONAL, "batch_normalize");
    for (int i = 1; i < c->n; i++) {
        cfg_section_id id = id_of(c, i);
        if (marks[i]) continue;
        if (residual && id == CFG_S_SHORTCUT && !stays(c, i)) chosen[i] = 1;
        if (!conv || id != CFG_S_CONVOLUTIONAL || stays(c, i)) continue;
        chosen[i] = norm ? cfg_get_num(c, i, "batch_normalize", 0) != 0
                         : strcmp(cfg_activation(c, i), "linear") != 0;
    }
}

static int choose_numbers(const cfg_file *c, const cfg_edit *e, const char *where,
                          const char *marks, char *chosen, char *err) {
    for (const char *s = where; *s;) {
        char *end;
        long v = strtol(s, &end, 10);
        if (end == s || (*end && *end != ',') || v < 0 || (*end && !end[1]))
            return cfg_fail(
                err, c, 0,
                "-where %.100s: neither residual, conv or all nor a list of layers such as 2,5,8",
                where);
        int i = 1;
        while (i < c->n && cfg_edit_layer(e, i) != v) i++;
        if (i == c->n)
            return cfg_fail(err, c, 0, "-where %.100s: there is no layer %ld, only 0 to %d", where,
                            v, cfg_layer_count(c) - 1);
        const char *key = stays(c, i);
        if (key)
            return cfg_fail(err, c, cfg_key_line(c, i, key),
                            "layer %ld: a [perturb] cannot stand between it and its %s; choose "
                            "another layer",
                            v,
                            !strcmp(key, "antialiasing") ? "blur (antialiasing=)"
                                                         : "activation over channels");
        if (has(c, i, KIND_HEAD) || id_of(c, i) == CFG_S_ACTIVATION)
            return cfg_fail(err, c, c->sections[i].line, "layer %ld is [%s]: %s", v,
                            c->sections[i].type,
                            has(c, i, KIND_HEAD)
                                ? "outputs and losses are not perturbed"
                                : "perturb the layer before it, which the activation then follows");
        if (marks[i] == 1)
            return cfg_fail(err, c, c->sections[i].line,
                            "layer %ld is [%s]: what a detector's head decodes, boxes and scores, "
                            "is not perturbed; perturb a layer before it",
                            v, c->sections[i].type);
        chosen[i] = 1;
        s = *end ? end + 1 : end;
    }
    return 0;
}

static int choose(const cfg_file *c, const cfg_edit *e, const char *where, char *chosen,
                  char *err) {
    char *marks = calloc((size_t)c->n, 1);
    if (!marks) return cfg_fail(err, c, 0, "no memory to change the cfg");
    mark(e, marks);
    if (!where) where = any(c, CFG_S_SHORTCUT, NULL) ? "residual" : "conv";
    int all = !strcmp(where, "all"), residual = all || !strcmp(where, "residual"),
        conv = all || !strcmp(where, "conv"), n = 0, bad = 0;
    if (residual || conv)
        choose_kind(c, residual, conv, marks, chosen);
    else
        bad = choose_numbers(c, e, where, marks, chosen, err);
    free(marks);
    if (bad) return -1;
    for (int i = 1; i < c->n; i++) n += chosen[i];
    if (n) return n;
    return cfg_fail(
        err, c, 0,
        "-where %.100s: it has no such layer; give residual, conv, all or the layers' numbers",
        where);
}

/* ---- attaching ---- */

static void attach_layer(cfg_edit *e, int i) {
    const cfg_file *c = cfg_edit_cfg(e);
    const char *a = cfg_activation(c, i);
    char text[128];
    snprintf(text, sizeof text, "%s\nactivation=linear\n", given);
    if (a && strcmp(a, "linear")) {
        if (cfg_get(c, i, "activation"))
            cfg_edit_set(e, i, "activation", "linear");
        else
            cfg_edit_append(e, i, text);
    }
    snprintf(text, sizeof text, "[perturb]\nactivation=%s\n", a ? a : "linear");
    cfg_edit_insert(e, i, text, 1);
}

static int attachable(const cfg_file *c, char *err) {
    for (int i = 1; i < c->n; i++) {
        cfg_section_id id = id_of(c, i);
        if (id == CFG_S_PERTURB || id == CFG_S_META_SHARED)
            return cfg_fail(err, c, c->sections[i].line, "[%s] is there already; detach first",
                            c->sections[i].type);
        if (has(c, i, KIND_RECURRENT))
            return cfg_fail(err, c, c->sections[i].line,
                            "[%s]: recurrent networks cannot be perturbed", c->sections[i].type);
    }
    return 0;
}

static char *detach(cfg_edit *e, int *count, char *err);

/* Does the new text pass as a cfg, and does detaching it give the old one back? */
static int proved(const char *path, const char *new, const char *old, char *err) {
    cfg_edit *e = cfg_edit_open(path, new, err);
    int count;
    char *back = e ? detach(e, &count, err) : NULL;
    int same = back && !strcmp(back, old);
    if (back && !same) {
        int line = 1;
        for (size_t k = 0; back[k] && back[k] == old[k]; k++) line += old[k] == '\n';
        cfg_fail(err, cfg_edit_cfg(e), line,
                 "this line could not be restored by detaching; write it in Darknet's usual way");
    }
    free(back);
    cfg_edit_free(e);
    return same ? 0 : -1;
}

char *cfg_attach(const char *path, const char *where, const char *phi, int *count, char *err) {
    cfg_edit *e = cfg_edit_open(path, NULL, err);
    if (!e) return NULL;
    const cfg_file *c = cfg_edit_cfg(e);
    char *chosen = calloc((size_t)c->n, 1), *text = NULL, shared[PATH_LEN + 100];
    if (!chosen)
        cfg_fail(err, c, 0, "no memory to change the cfg");
    else if (!attachable(c, err) && (*count = choose(c, e, where, chosen, err)) > 0) {
        snprintf(shared, sizeof shared, "[meta_shared]\n%s%.4096s%s", phi ? "phi=" : "",
                 phi ? phi : "", phi ? "\n" : "");
        cfg_edit_insert(e, 0, shared, 0);
        for (int i = 1; i < c->n; i++)
            if (chosen[i]) attach_layer(e, i);
        text = cfg_edit_text(e, err);
    }
    if (text && proved(path, text, cfg_edit_original(e), err)) {
        free(text);
        text = NULL;
    }
    free(chosen);
    cfg_edit_free(e);
    return text;
}

/* ---- detaching ---- */

static void restore(cfg_edit *e, int i, const char *activation) {
    const cfg_file *c = cfg_edit_cfg(e);
    const cfg_section *s = &c->sections[i];
    int line = s->n ? s->options[s->n - 1].line : s->line;
    if (!strcmp(activation, "logistic") && !strcmp(s->options[s->n - 1].key, "activation") &&
        cfg_edit_unset_line(e, line - 1, given)) {
        cfg_edit_unset(e, i, "activation");
        return;
    }
    cfg_edit_set(e, i, "activation", activation);
}

/* The [perturb] in section p; the layers before it have been dealt with. */
static int detach_layer(cfg_edit *e, int p, char *err) {
    const cfg_file *c = cfg_edit_cfg(e);
    const char *a = cfg_get(c, p, "activation");
    int i = p - 1;
    while (id_of(c, i) == CFG_S_META_SHARED) i--;
    cfg_edit_drop(e, p);
    if (!a || !strcmp(a, "linear")) return 0;
    const char *before = cfg_get(c, i, "activation");
    if (cfg_activation(c, i) && before && !strcmp(before, "linear")) {
        restore(e, i, a);
        return 0;
    }
    return cfg_fail(
        err, c, c->sections[p].line,
        "[perturb] activation=%s cannot go back: the [%s] before it %s", a, c->sections[i].type,
        cfg_activation(c, i) ? "must say activation=linear" : "has no activation of its own");
}

static char *detach(cfg_edit *e, int *count, char *err) {
    const cfg_file *c = cfg_edit_cfg(e);
    int shared = 0;
    *count = 0;
    for (int i = 1; i < c->n; i++) {
        cfg_section_id id = id_of(c, i);
        shared |= id == CFG_S_META_SHARED;
        if (id == CFG_S_META_SHARED) cfg_edit_drop(e, i);
        if (id != CFG_S_PERTURB) continue;
        ++*count;
        if (detach_layer(e, i, err)) return NULL;
    }
    if (shared) return cfg_edit_text(e, err);
    cfg_fail(err, c, 0, "neither [meta_shared] nor [perturb]: there is nothing to take out");
    return NULL;
}

char *cfg_detach(const char *path, int *count, char *err) {
    cfg_edit *e = cfg_edit_open(path, NULL, err);
    if (!e) return NULL;
    char *text = detach(e, count, err);
    cfg_edit_free(e);
    return text;
}
