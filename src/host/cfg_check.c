/* cfg_check.c - what takes more than one value: required keys, references between layers, and the
 * shape of every layer, followed from [net] to the end by the host's own arithmetic. Shapes and the
 * size of the weights file come from the same walk. */
#include "host/cfg_walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_net(cfg_walk *x) {
    cfg_input in = {0};
    int bad = cfg_check_net(x->c, &in,
                            x->err); /* what it found before a problem holds: the walk may go on */
    x->minibatch = in.minibatch;
    /* No side is ever 0, as layers divide by them: not of a plain vector, and not of what a refused
     * [net] leaves open. */
    x->in = (cfg_shape){.w = 1, .h = 1, .c = in.inputs > 0 ? in.inputs : 1, .outputs = in.inputs};
    if (in.picture)
        x->in = (cfg_shape){.w = in.w, .h = in.h, .c = in.c, .outputs = in.inputs, .picture = 1};
    return bad;
}

/* cool=FROM,TO: after the noise has set in, and downwards. */
static int check_cool(cfg_walk *x) {
    const char *list = cfg_get(x->c, x->sec, "cool");
    double fall[2], rise = cfg_get_num(x->c, x->sec, "anneal", 0.4);
    if (!list || (cfg_list(list, fall, 2) == 2 && rise <= fall[0] && fall[0] < fall[1])) return 0;
    return cfg_fail(x->err, x->c, cfg_key_line(x->c, x->sec, "cool"),
                    "cool=%s: two shares of max_batches are wanted, the first below the second and "
                    "not below anneal (%g), as in cool=0.6,0.9",
                    list, rise);
}

/* The host's own code steps some layers, at every step. */
static int check_frozen(cfg_walk *x, const cfg_kind *k) {
    int host = !(k->flags & KIND_OURS) || cfg_num(x, "xnor", 0);
    const char *key = cfg_get(x->c, x->sec, "dont_update") ? "dont_update" : "burnin_update";
    if (!host || !cfg_get(x->c, x->sec, key) || cfg_get_frozen(x->c, x->sec) <= 0) return 0;
    return FAIL(key, "the host trains this layer, and knows no %s=; remove the line", key);
}

/* adapt= looks at the classes of the last layer. */
static int check_adapt(const cfg_walk *x) {
    const cfg_file *c = x->c;
    int last = c->n - 1;
    if (!x->meta || cfg_get_num(c, x->meta, "adapt", 0) == 0) return 0;
    while (last > 0 && cfg_kind_at(c, last)->id == CFG_S_COST) last--;
    if (cfg_kind_at(c, last)->id == CFG_S_SOFTMAX && cfg_get_num(c, last, "groups", 1) == 1)
        return 0;
    return cfg_fail(x->err, c, cfg_key_line(c, x->meta, "adapt"),
                    "adapt= needs a network that ends in a [softmax] of one group: it counts the "
                    "training pictures that are classified right");
}

#define SHAPE(ID, name, alias, flags, act, shape, ...) [CFG_S_##ID] = cfg_shape_##shape,
static int (*const shapes[CFG_S_COUNT])(cfg_walk *x) = {HOST_KINDS(SHAPE)};

static int one_section(cfg_walk *x) {
    const cfg_kind *k = cfg_kind_at(x->c, x->sec);
    if (k->id == CFG_S_NET)
        return cfg_fail(x->err, x->c, cfg_here(x)->line,
                        "a second [net]: only the first section may be [net]");
    if (k->id == CFG_S_META_SHARED) {
        if (x->meta)
            return cfg_fail(x->err, x->c, cfg_here(x)->line,
                            "a second [meta_shared], the first is in line %d: "
                            "all [perturb] layers share one",
                            x->c->sections[x->meta].line);
        x->meta = x->sec;
        const char *phi = cfg_get(x->c, x->sec, "phi");
        if (phi && strlen(phi) + strlen(x->c->path) >= PATH_LEN)
            return cfg_fail(x->err, x->c, cfg_key_line(x->c, x->sec, "phi"),
                            "[meta_shared] phi=: the path is too long");
        return check_cool(x);
    }
    if (k->id == CFG_S_PERTURB && !x->perturbs) x->perturbs = x->sec;
    if (k->flags & KIND_PICTURE && !x->in.picture)
        return FAIL(NULL,
                    "needs a picture (width, height, channels), but what comes before gives none%s",
                    x->layer == 0 ? ": give them in [net]" : "");
    return shapes[k->id](x) ? -1 : check_frozen(x, k);
}

/* The sentence in err: refused with it, or told and gone on. */
static int tell(cfg_walk *x, int consequence) {
    if (!x->all) return -1;
    if (consequence) return 0;
    fprintf(x->all, "%s\n", x->err);
    x->found++;
    return 0;
}

/* What a layer may give that could not be followed. */
static cfg_shape guess(const cfg_walk *x) {
    long long c = cfg_num(x, "filters", (double)x->in.c);
    return (cfg_shape){.w = x->in.w,
                       .h = x->in.h,
                       .c = c,
                       .outputs = x->in.w * x->in.h * c,
                       .picture = x->in.picture,
                       .guess = 1};
}

static int next_section(cfg_walk *x) {
    cfg_section_id id = cfg_kind_at(x->c, x->sec)->id;
    int joins = cfg_reads(x->c, x->sec) || cfg_get(x->c, x->sec, "share_index"),
        suspect = x->in.guess || (joins && x->guesses);
    int is_layer = id != CFG_S_META_SHARED && id != CFG_S_NET;
    x->outside = 0;
    x->own = 0;
    int bad = one_section(x);
    if (bad && tell(x, cfg_here(x)->refused || (suspect && !x->outside))) return -1;
    if (!is_layer) return 0;
    if (bad)
        x->shapes[x->layer] = guess(x);
    else
        x->shapes[x->layer].guess = suspect || cfg_here(x)->refused;
    x->shapes[x->layer].section = x->sec;
    x->shapes[x->layer].floats = x->own;
    x->guesses += x->shapes[x->layer].guess;
    x->in = x->shapes[x->layer++];
    return 0;
}

/* The host's own code runs these networks, on stand-ins for what it does not know. */
static int check_recurrent(cfg_walk *x) {
    char why[ERR_LEN];
    if (!cfg_check_host(x->c, 1, why)) return 0;
    return fail(x->err, "%.900s, and it runs a network with recurrent layers", why);
}

static int walk_all(cfg_walk *x) {
    const cfg_file *c = x->c;
    if (c->n == 0)
        return cfg_fail(x->err, c, 0,
                        "the file is empty: a cfg starts with [net] and lists its layers");
    if (cfg_kind_at(c, 0)->id != CFG_S_NET)
        return cfg_fail(x->err, c, c->sections[0].line, "the first section must be [net], not [%s]",
                        c->sections[0].type);
    if (take_net(x)) {
        if (tell(x, c->sections[0].refused)) return -1;
        x->in.picture = x->in.guess = 1;
    }
    x->first = x->in;
    for (x->sec = 1; x->sec < c->n; x->sec++) {
        if (next_section(x)) return -1;
    }
    int others = 0;
    for (int i = 1; i < c->n; i++) {
        cfg_section_id id = cfg_kind_at(c, i)->id;
        others += id != CFG_S_COST && id != CFG_S_META_SHARED;
    }
    if (!others)
        return cfg_fail(x->err, c, 0,
                        "no layers: after [net] there must be at least one that is not [cost]");
    if (x->perturbs && !x->meta)
        return cfg_fail(x->err, c, c->sections[x->perturbs].line,
                        "[perturb] needs a [meta_shared] section, which holds its "
                        "weights phi; add one after [net]");
    if (x->perturbs && x->recurrent)
        return cfg_fail(x->err, c, c->sections[x->perturbs].line,
                        "[perturb] cannot stand in a network with recurrent layers");
    if (x->dropblock && x->recurrent)
        return cfg_fail(x->err, c, cfg_key_line(c, x->dropblock, "dropblock"),
                        "[dropout] dropblock=1 cannot stand in a network with recurrent layers");
    if (check_adapt(x)) return -1;
    return x->recurrent ? check_recurrent(x) : 0;
}

/* Values too: cfg_set may have changed them since the file was read. */
static int check_values(const cfg_file *c, char *err) {
    for (int i = 0; i < c->n; i++) {
        const cfg_kind *k = cfg_kind_at(c, i);
        for (int j = 0; j < c->sections[i].n; j++) {
            const cfg_option *o = &c->sections[i].options[j];
            const cfg_key *key = cfg_key_find(k, o->key);
            if (!key) return cfg_fail_key(err, c, o->line, k, o->key);
            if (cfg_check_value(c, k, key, o, err)) return -1;
        }
    }
    return 0;
}

static void warn(const cfg_walk *x) {
    if (x->meta && !x->perturbs)
        fprintf(stderr,
                "%s:%d: warning: [meta_shared] without any [perturb] layer: nothing is perturbed\n",
                x->c->path, x->c->sections[x->meta].line);
}

int cfg_check_all(const cfg_file *c, FILE *out) {
    char err[ERR_LEN];
    cfg_walk x = {
        .c = c, .err = err, .shapes = calloc((size_t)c->n + 1, sizeof(cfg_shape)), .all = out};
    if (!x.shapes) cfg_fail(err, c, 0, "no memory to check the cfg");
    if (!x.shapes || walk_all(&x)) { /* what walk_all says of the file as a whole */
        fprintf(out, "%s\n", err);
        x.found++;
    }
    free(x.shapes);
    if (!x.found) warn(&x);
    cfg_warn_training(c);
    return x.found;
}

static int run(cfg_walk *x, const cfg_file *c, char *err) {
    *x = (cfg_walk){.c = c, .err = err, .shapes = calloc((size_t)c->n + 1, sizeof(cfg_shape))};
    if (!x->shapes) return cfg_fail(err, c, 0, "no memory to check the cfg");
    return check_values(c, err) ? -1 : walk_all(x);
}

int cfg_check(const cfg_file *c, char *err) {
    cfg_walk x;
    int bad = run(&x, c, err);
    free(x.shapes);
    if (!bad) warn(&x);
    return bad;
}

int cfg_layer_count(const cfg_file *c) {
    int n = -1;
    for (int i = 0; i < c->n; i++) n += strcmp(c->sections[i].type, "meta_shared") != 0;
    return n;
}

int cfg_layer_shape(const cfg_file *c, int layer, int *w, int *h, int *ch) {
    char err[ERR_LEN];
    cfg_walk x;
    int bad = layer < 0 || layer >= cfg_layer_count(c) ? -1 : 0;
    if (bad) return -1;
    if (!(bad = run(&x, c, err))) {
        *w = (int)x.shapes[layer].w;
        *h = (int)x.shapes[layer].h;
        *ch = (int)x.shapes[layer].c;
    }
    free(x.shapes);
    return bad;
}

int cfg_get_layers(const cfg_file *c, cfg_layer *out, char *err) {
    cfg_walk x;
    int bad = run(&x, c, err);
    for (int i = 0; !bad && i < x.layer; i++) {
        const cfg_shape *s = &x.shapes[i];
        out[i] = (cfg_layer){cfg_kind_at(c, s->section)->name, (int)s->w, (int)s->h, (int)s->c,
                             s->floats};
    }
    free(x.shapes);
    return bad;
}

long long cfg_weight_floats(const cfg_file *c) {
    char err[ERR_LEN];
    cfg_walk x;
    long long n = run(&x, c, err) ? -1 : x.floats;
    free(x.shapes);
    return n;
}
