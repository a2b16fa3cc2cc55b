/* test_key_walk.c - every key of every section that `cfg check` accepts without a warning is given
 * another value: what comes out of our network, in a forward pass and in two steps of training,
 * must change as the host's alone does. No key is left out but those that key_walk.h lists, each
 * with its reason; a key of the tables without a row there is a failure.
 *
 * test_key_walk SECTION KEY walks over that one alone. */
#include "alone.h"
#include "key_walk.h"
#include "host/net_internal.h"
#include "train/classifier.h"
#include <omp.h>

static const double TOL = 2e-5, CHANGE = 3e-4; /* relative to the largest value */

/* ---- the cfg of a key and a value ---- */

static int at_section(const cfg_file *c, cfg_section_id id) {
    int last = -1; /* the last of its kind: the ones before it are the stage */
    for (int i = 0; i < c->n; i++)
        if (cfg_kind_find(c->sections[i].type)->id == id) last = i;
    if (id != CFG_S_CONVOLUTIONAL && id != CFG_S_CONNECTED) return last;
    for (int i = 0, seen = 0; i < c->n; i++) /* of three: the one in the middle */
        if (cfg_kind_find(c->sections[i].type)->id == id && (id == CFG_S_CONNECTED || seen++ == 1))
            return i;
    return last;
}

static void set_lines(cfg_file *c, int sec, const char *lines) {
    char copy[256];
    snprintf(copy, sizeof copy, "%s", lines);
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
        char *eq = strchr(line, '=');
        *eq = 0;
        cfg_set(c, sec, line, eq + 1);
    }
}

static const char *stage_of(const cfg_kind *k, const char *key) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(others[i].section, k->name) && !strcmp(others[i].key, key))
            return others[i].text;
    return stages[k->id].text;
}

/* malloc'd; value NULL: the key is not given. */
static char *with(const cfg_kind *k, const row *r, const char *key, const char *value) {
    char err[ERR_LEN];
    cfg_file *c = cfg_read_text("stage.cfg", stage_of(k, key), err);
    if (!c) {
        printf("%s\n", err);
        exit(1);
    }
    int sec = at_section(c, k->id);
    if (r && r->more) set_lines(c, sec, r->more);
    if (value) cfg_set(c, sec, key, value);
    char *text = cfg_text(c);
    cfg_free(c);
    return text;
}

/* ---- one network: what comes out ---- */

typedef struct {
    int ok;
    alone_values out, step, after, loaded;
    char err[ERR_LEN];
} outcome;

static void boxes_into(float *t, int per_box, rng_stream *r, int classes) {
    for (int k = 0; k < 3; k++, t += per_box) {
        for (int j = 0; j < 4; j++) t[j] = rng_uniform(r, 0.2f, 0.8f);
        t[4] = (float)rng_below(r, (uint32_t)classes);
    }
}

static void fill_truth(network *net, uint64_t seed) {
    const layer *last = &net->layers[net->n - 1];
    rng_stream r = rng_open(rng_key(seed, RNG_TEST, 3, 0));
    memset(net->truth, 0, sizeof(float) * (size_t)net->truths * (size_t)net->batch);
    for (int b = 0; b < net->batch; b++) {
        float *t = net->truth + (size_t)b * (size_t)net->truths;
        if (last->type == YOLO || last->type == REGION)
            boxes_into(t, 5, &r, last->classes);
        else if (last->type == DETECTION)
            for (int i = 0; i < 4; i += 2) {
                float *cell = t + i * (1 + 2 + 4);
                cell[0] = 1;
                cell[1 + i / 2] = 1;
                for (int j = 3; j < 7; j++) cell[j] = rng_uniform(&r, 0.2f, 0.8f);
            }
        else if (last->type == ISEG) {
            for (int i = 0; i < 2; i++)
                for (int j = 0; j < last->w * last->h; j++)
                    t[i * (last->w * last->h + 1) + 1 + j] = rng_below(&r, 3) == 0;
            t[last->w * last->h + 1] = 1;
            t[2 * (last->w * last->h + 1)] = -1;
        } else if (last->type == COST && net->n > 1 && net->layers[net->n - 2].type != SOFTMAX)
            for (int i = 0; i < net->truths; i++) t[i] = rng_uniform(&r, -1, 1);
        else
            t[(b + (int)seed) % net->truths] = 1;
    }
}

static void note_loaded(network *net, outcome *o, const char *file) {
    char path[] = "/tmp/mp_test_walk_XXXXXX";
    close(mkstemp(path));
    alone_fill(net, 21);
    load_weights(net, (char *)(size_t)file);
    o->loaded = alone_parameters(net, 1);
    save_weights(net, path);
    FILE *f = fopen(path, "rb");
    float v;
    if (!f || fseek(f, 20, SEEK_SET)) exit(1);
    while (fread(&v, sizeof v, 1, f) == 1) alone_push(&o->loaded, &v, 1);
    fclose(f);
    unlink(path);
}

/* Of a recurrent network: what the host predicts. Its training and its end run into null pointers
 * ([lstm], [crnn], [rnn]). */
static outcome predict(const char *text) {
    outcome o = {0};
    network *net = alone_open(text, 1, o.err);
    if (!net) return o;
    alone_voice v = alone_hush();
    o.ok = 1;
    alone_fill(net, 11);
    alone_fill_input(net, 12);
    network_predict(net, net->input);
    o.out = alone_output(net);
    alone_speak(v);
    return o;
}

static outcome run(const char *text, int host_alone, const char *file) {
    outcome o = {0};
    network *net = alone_open(text, host_alone, o.err);
    if (!net) return o;
    alone_voice v = alone_hush();
    LAYER_TYPE last = net->layers[net->n - 1].type;
    o.ok = 1;
    if (host_of(net)) host_seed(host_of(net), 5);
    alone_fill(net, 11);
    alone_fill_input(net, 12);
    srand(3);
    if (last != ISEG) { /* it looks for a truth that is not there */
        network_predict(net, net->input);
        o.out = alone_output(net);
    }
    for (int k = 0; k < 2 * net->subdivisions; k++) {
        fill_truth(net, (uint64_t)k);
        float loss = train_network_datum(net) / 10;
        alone_push(&o.step, &loss, 1);
    }
    alone_values p = alone_parameters(net, 1);
    for (size_t i = 0; i < p.n; i++) alone_push(&o.step, &(float){(float)p.v[i]}, 1);
    free(p.v);
    if (host_of(net))
        for (int i = 0; i < PHI_LEN; i++) alone_push(&o.after, &host_phi(host_of(net))[i], 1);
    if (last != ISEG) {
        network_predict(net, net->input);
        alone_push(&o.after, net->output, (size_t)net->outputs * (size_t)net->batch);
    }
    if (file) note_loaded(net, &o, file);
    host_close(net);
    alone_speak(v);
    return o;
}

static void outcome_free(outcome *o) {
    free(o->out.v);
    free(o->step.v);
    free(o->after.v);
    free(o->loaded.v);
}

static double changed(const outcome *a, const outcome *b) {
    double out = alone_apart(a->out, b->out), step = alone_apart(a->step, b->step),
           after = alone_apart(a->after, b->after);
    return fmax(out, fmax(step, after));
}

/* ---- pictures of training ---- */

static double pictures_apart(const char *from, const char *to) {
    enum { SIDE = 16, PICTURES_ = 6 };
    sample items[PICTURES_];
    rng_stream r = rng_open(rng_key(31, RNG_TEST, 0, 0));
    alone_values got[2] = {{0}, {0}};
    for (int i = 0; i < PICTURES_; i++) {
        items[i] = (sample){
            {SIDE, SIDE + 2, 3, malloc(SIDE * (SIDE + 2) * 3)}, i % 3, (char *)(size_t)"made"};
        for (int k = 0; k < SIDE * (SIDE + 2) * 3; k++)
            items[i].img.px[k] = (unsigned char)rng_below(&r, 256);
    }
    dataset s = {.n = PICTURES_, .classes = 3, .items = items};
    for (int side = 0; side < 2; side++) {
        char err[ERR_LEN];
        cfg_file *c = cfg_read_text("stage.cfg", side ? to : from, err);
        network *net = alone_open(side ? to : from, 0, err);
        if (!c || !net) return -1;
        augment a = classifier_augment(c, net);
        size_t n = 12 * (size_t)(net->w * net->h * net->c);
        float *X = calloc(n, sizeof *X), truth[12 * 3];
        if (batch_train(&s, &a, 4, 1, 12, X, truth, NULL)) exit(1);
        alone_push(&got[side], X, n);
        alone_push(&got[side], truth, 12 * 3);
        free(X);
        host_close(net);
        cfg_free(c);
    }
    double apart = alone_apart(got[0], got[1]);
    for (int i = 0; i < PICTURES_; i++) free(items[i].img.px);
    free(got[0].v);
    free(got[1].v);
    return apart;
}

/* ---- one key ---- */

static int walked, listed;
static char stock[] = "/tmp/mp_test_walk_XXXXXX";

/* Weights for every variant of the [convolutional] stage, by the host. */
static void make_stock(const char *text) {
    char err[ERR_LEN];
    network *net = alone_open(text, 1, err);
    if (!net) exit(1);
    alone_voice v = alone_hush();
    alone_fill(net, 17);
    host_real_save(net, stock, net->n);
    host_close(net);
    alone_speak(v);
}

static double as_the_host(const outcome *ours, const outcome *host, demand d) {
    double e = alone_apart(ours->out, host->out);
    if (d == FORWARD) return e;
    if (d == SAVED) return alone_apart(ours->loaded, host->loaded);
    return fmax(e, alone_apart(ours->step, host->step));
}

static void compare(const char *name, const row *r, demand d, const char *from, const char *to) {
    const char *file = d == SAVED ? stock : NULL;
    if (file) make_stock(from);
    int with_host = d != OURS, with_ours = d != HOST;
    outcome none = {.ok = 1}, a = with_ours ? run(from, 0, file) : none,
            b = with_ours ? run(to, 0, file) : none;
    outcome c = !with_host ? none : with_ours ? run(from, 1, file) : predict(from);
    outcome e = !with_host ? none : with_ours ? run(to, 1, file) : predict(to);
    CHECK(a.ok && b.ok && c.ok && e.ok, "%s: refused: %s%s%s%s", name, a.err, b.err, c.err, e.err);
    if (a.ok && b.ok && c.ok && e.ok) {
        double ours = d == SAVED ? alone_apart(a.loaded, b.loaded) : changed(&a, &b);
        double host = d == SAVED ? alone_apart(c.loaded, e.loaded) : changed(&c, &e);
        double step = d == FORWARD ? alone_apart(a.step, b.step) : 1;
        if (with_ours && with_host)
            CHECK(as_the_host(&a, &c, d) <= TOL && as_the_host(&b, &e, d) <= TOL,
                  "%s: ours are %.2e, then %.2e from the host's", name, as_the_host(&a, &c, d),
                  as_the_host(&b, &e, d));
        if (d == IDLE)
            CHECK(ours <= TOL && host <= TOL,
                  "%s: listed as without effect, but ours change by %.2e, the host's by %.2e", name,
                  ours, host);
        else
            CHECK((!with_ours || ours > CHANGE) && (!with_host || host > CHANGE) && step > CHANGE,
                  "%s: ours change by %.2e (the step by %.2e), the host's by %.2e", name, ours,
                  step, host);
    }
    outcome *all[] = {&a, &b, &c, &e};
    for (int i = 0; i < 4; i++) outcome_free(all[i]);
    (void)r;
}

static const row *row_of(const cfg_kind *k, const cfg_key *key) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].key, key->name) &&
            (!rows[i].section || !strcmp(rows[i].section, k->name)))
            return &rows[i];
    return NULL;
}

static int recurrent(const cfg_kind *k) { return k->id >= CFG_S_RNN && k->id <= CFG_S_CRNN; }
static int own_key(const cfg_kind *k, const cfg_key *key) {
    const cfg_key *t = k->keys;
    while (t->name && t != key) t++;
    return t == key;
}

static void walk_key(const cfg_kind *k, const cfg_key *key) {
    static const row flag = {NULL, NULL, "0", "1", NULL, SAME, NULL};
    const row *r = row_of(k, key);
    int is_flag = key->kind == CFG_INT && key->lo == 0 && key->hi == 1;
    char name[128];
    snprintf(name, sizeof name, "[%s] %s", k->name, key->name);
    if (!r && is_flag) r = &flag;
    CHECK(r != NULL, "%s has no row in key_walk.h", name);
    if (!r) return;
    if (r->demand == LISTED) {
        CHECK(r->why && strlen(r->why) > 10, "%s is left out without a reason", name);
        listed++;
        return;
    }
    CHECK(r->demand == SAME || r->demand == PICTURES || r->demand == SAVED || r->demand == HOST ||
              r->why,
          "%s: no reason", name);
    demand d = recurrent(k)                                       ? HOST
               : k->id >= CFG_S_PERTURB || k->id == CFG_S_DROPOUT ? OURS
                                                                  : r->demand;
    if (r->demand == PICTURES) d = PICTURES;
    char *from = with(k, r, key->name, r->from), *to = with(k, r, key->name, r->to);
    walked++;
    if (d == PICTURES) {
        double apart = pictures_apart(from, to);
        CHECK(apart > CHANGE, "%s: the pictures of training change by %.2e", name, apart);
    } else {
        compare(name, r, d, from, to);
    }
    free(from);
    free(to);
}

/* Keys of every layer have their effect where key_walk.h's [convolutional] rows have it; elsewhere
 * ours must do what the host does, which mostly is nothing. */
static void walk_section(const cfg_kind *k, const char *only) {
    const cfg_key *key;
    for (int i = 0; (key = cfg_key_at(k, i)); i++) {
        if (cfg_key_is_idle(key) || (only && strcmp(only, key->name))) continue;
        if (own_key(k, key) || k->id == CFG_S_CONVOLUTIONAL) walk_key(k, key);
    }
}

int main(int argc, char **argv) {
    close(mkstemp(stock));
    omp_set_num_threads(1); /* networks of a few hundred numbers */
    for (int id = 0; id < CFG_S_COUNT; id++) {
        const cfg_kind *k = &cfg_kinds[id];
        if (argc > 1 && strcmp(argv[1], k->name)) continue;
        CHECK(stages[id].text != NULL && stages[id].id == k->id,
              "[%s] has no network in key_walk.h", k->name);
        if (stages[id].text) walk_section(k, argc > 2 ? argv[2] : NULL);
    }
    unlink(stock);
    printf("%d keys walked, %d listed with a reason\n", walked, listed);
    return t_done("test_key_walk");
}
