/* suite_cfg.c - see suite_cfg.h */
#include "study/suite_cfg.h"
#include "host/cfg_attach.h"
#include "base/files.h"
#include "train/section_keys.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is(const cfg_file *c, int i, const char *type) {
    return !strcmp(c->sections[i].type, type);
}

/* Read without warnings, which would come once for every cell. */
static cfg_file *read_quietly(const char *path, char *err) {
    size_t len;
    char *text = (char *)file_slurp(path, &len, err);
    cfg_file *c = text ? cfg_read_text(path, text, err) : NULL;
    free(text);
    return c;
}

static cfg_file *read_base(const suite_part *network, const suite_part *method, char *err) {
    int count;
    if (!strcmp(method->use, "perturb")) return read_quietly(network->cfg, err);
    if (network->plain[0]) return read_quietly(network->plain, err);
    cfg_file *c = read_quietly(network->cfg, err);
    if (!c || !cfg_get_meta_shared(c).present) return c;
    cfg_free(c);
    char *text = cfg_detach(network->cfg, &count, err);
    c = text ? cfg_read_text(network->cfg, text, err) : NULL;
    free(text);
    return c;
}

/* The [perturb] in section i becomes a [dropout]; its activation goes back to the layer before it.
 */
static int replace_one(cfg_file *c, int i, char *err) {
    const char *a = cfg_get(c, i, "activation");
    int before = i - 1;
    while (before > 0 && is(c, before, "meta_shared")) before--;
    const char *had = cfg_get(c, before, "activation");
    if (a && strcmp(a, "linear")) {
        if (!had || strcmp(had, "linear"))
            return fail(err,
                        "%s:%d: [perturb] cannot be replaced: the [%s] before it must say "
                        "activation=linear",
                        c->path, c->sections[i].line, c->sections[before].type);
        if (cfg_set(c, before, "activation", a)) return -1;
    }
    return cfg_renew(c, i, "dropout");
}

static int replace_all(cfg_file *c, char *err) {
    fail(err, "%s: no memory to replace its [perturb]", c->path);
    for (int i = c->n - 1; i > 0; i--) {
        if (is(c, i, "perturb") && replace_one(c, i, err)) return -1;
    }
    for (int i = c->n - 1; i > 0; i--)
        if (is(c, i, "meta_shared")) cfg_drop(c, i);
    return 0;
}

/* max_batches, and the places where the rate falls in proportion. */
static int set_steps(cfg_file *c, int steps) {
    double was = cfg_get_num(c, 0, "max_batches", 0);
    const char *at = cfg_get(c, 0, "steps");
    char text[32], *list = NULL;
    size_t len;
    if (at && was > 0) {
        FILE *f = open_memstream(&list, &len);
        if (!f) return -1;
        for (const char *s = at; *s;) {
            char *end;
            double v = strtod(s, &end);
            fprintf(f, "%s%.0f", s == at ? "" : ",", fmax(1, floor(v * steps / was + 0.5)));
            s = *end ? end + 1 : end;
        }
        int bad = fclose(f) || cfg_set(c, 0, "steps", list);
        free(list);
        if (bad) return -1;
    }
    snprintf(text, sizeof text, "%d", steps);
    return cfg_set(c, 0, "max_batches", text);
}

/* Where the sentence of another file begins after its place. */
static const char *sentence(const char *err) {
    const char *s = strstr(err, ": ");
    return s ? s + 2 : err;
}

/* In every section of the name; only a [method] must find one, as the others speak to plain and
 * perturbed networks alike. */
static int edit(cfg_file *c, const suite_file *s, const suite_edit *e, int must, char *err) {
    int found = 0;
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->sections[i].type, e->section)) continue;
        found++;
        if (cfg_set(c, i, e->key, e->val))
            return fail(err, "%s:%d: no memory to change the cfg", s->path, e->line);
    }
    if (found || !must) return 0;
    return fail(err, "%s:%d: %s.%s: %s has no [%s] (cfg=perturb, replace=dropout?)", s->path,
                e->line, e->section, e->key, c->path, e->section);
}

/* With all edits, or with `only` alone; checked. NULL and err; *refused: the changes were made, and
 * are no cfg. */
static cfg_file *edited(const suite_file *s, const suite_cell *x, int classes, int steps,
                        const suite_edit *only, int *refused, char *err) {
    const suite_part *parts[] = {&s->all, x->target, x->network, x->method};
    cfg_file *c = read_base(x->network, x->method, err);
    int bad = !c || (x->method->replace[0] && replace_all(c, err));
    if (!bad && classes) bad = cfg_set_classes(c, classes, err);
    if (!bad && steps) bad = set_steps(c, steps);
    for (int k = 0; k < 4 && !bad; k++) {
        for (int i = 0; i < parts[k]->n_edits && !bad; i++) {
            const suite_edit *e = &parts[k]->edits[i];
            if (!only || e == only) bad = edit(c, s, e, parts[k] == x->method, err);
        }
    }
    *refused = !bad && cfg_check(c, err);
    if (!bad && !*refused) return c;
    cfg_free(c);
    return NULL;
}

/* Which edit it is that a cfg cannot have: each alone. err holds what is wrong with all of them. */
static void blame(const suite_file *s, const suite_cell *x, int classes, int steps, char *err) {
    const suite_part *parts[] = {&s->all, x->target, x->network, x->method};
    char said[ERR_LEN];
    int refused;
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < parts[k]->n_edits; i++) {
            const suite_edit *e = &parts[k]->edits[i];
            cfg_free(edited(s, x, classes, steps, e, &refused, said));
            if (!refused) continue;
            fail(err, "%s:%d: %s.%s=%.60s: %.600s", s->path, e->line, e->section, e->key, e->val,
                 sentence(said));
            return;
        }
    }
    snprintf(said, sizeof said, "%.*s", ERR_LEN - 1, err);
    fail(err, "%s:%d: method %s with %.200s: %.600s", s->path, x->method->line, x->method->name,
         x->network->cfg, sentence(said));
}

static cfg_file *effective(const suite_file *s, const suite_cell *x, int classes, int steps,
                           char *err) {
    int refused;
    cfg_file *c = edited(s, x, classes, steps, NULL, &refused, err);
    if (refused) blame(s, x, classes, steps, err);
    return c;
}

char *suite_cfg(const suite_file *s, const suite_cell *x, int classes, int *steps,
                char phi[PATH_LEN], char *err) {
    cfg_file *c = effective(s, x, classes, *steps, err), where = {.path = s->path};
    if (!c) return NULL;
    cfg_meta_shared m = cfg_get_meta_shared(c);
    memcpy(phi, m.phi, PATH_LEN);
    *steps = (int)cfg_get_num(c, 0, "max_batches", 0);
    char *text = NULL;
    if (*steps < 1)
        section_fail(err, &where, x->network->line, "network", x->network->name,
                     "its cfg has no max_batches: say steps= or epochs=");
    else if (x->method->phi[0] && !m.present)
        section_fail(err, &where, x->method->line, "phi", x->method->phi,
                     "the network's cfg has no [meta_shared]");
    else {
        for (int i = 1; i < c->n; i++)
            if (is(c, i, "meta_shared")) cfg_unset(c, i, "phi");
        if (!(text = cfg_text(c))) fail(err, "%s: no memory for the cfg of %s", s->path, x->id);
    }
    cfg_free(c);
    return text;
}

int suite_cfg_batch(const suite_file *s, const suite_cell *x, int *batch, int *channels,
                    char *err) {
    cfg_file *c = effective(s, x, 0, 0, err);
    if (!c) return -1;
    *batch = (int)cfg_get_num(c, 0, "batch", 1);
    *channels = (int)cfg_get_num(c, 0, "channels", 0);
    cfg_free(c);
    return 0;
}
