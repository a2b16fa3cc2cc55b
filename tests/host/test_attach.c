/* test_attach.c - [perturb] in detectors of YOLOv4's kind: CSP blocks, residuals, mish, SPP, PAN
 * and gates. Every layer reads what it read before; with multipliers of 1 the network computes what
 * it computed; no head's numbers are perturbed; detaching gives the file back. */
#include "base/files.h"
#include "engine/mode.h"
#include "host/cfg_attach.h"
#include "host/cfg_keys.h"
#include "host/net.h"
#include "test.h"

enum { MOST = 256 };

static char dir[] = "/tmp/mp_test_attach_XXXXXX", err[ERR_LEN];
static const char *const cfgs[] = {"tests/lib/tiny-csp.cfg", "tests/lib/tiny-pan.cfg"};
enum { CSP, PAN };

static const char *in_dir(const char *name) {
    static char path[2][64];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static const char *put(const char *text) {
    const char *path = in_dir("t.cfg");
    FILE *f = fopen(path, "wb");
    if (!f || fputs(text, f) < 0 || fclose(f)) exit(1);
    return path;
}

static int is(const cfg_file *c, int section, const char *type) {
    return !strcmp(c->sections[section].type, type);
}

/* ---- what reads what: by the cfg's text alone */

/* The layers that the one in `section` names, counted from 0. */
static int named(const cfg_file *c, int section, int layer, int out[16]) {
    const char *s = cfg_get(c, section, "layers");
    int n = 0;
    if (!s) s = cfg_get(c, section, "from");
    while (s && *s && n < 16) {
        char *end;
        long v = strtol(s, &end, 10);
        out[n++] = (int)(v < 0 ? layer + v : v);
        s = *end ? end + 1 : end;
    }
    return n;
}

/* Where layer i of the plain network is found in the attached one, by counting; the number of
 * [perturb] with it. place[i]: behind its [perturb], if it has one. */
static int count_places(const cfg_file *with, int place[MOST]) {
    int n = 0, layer = 0, plain = 0;
    for (int i = 1; i < with->n; i++) {
        if (is(with, i, "meta_shared")) continue;
        if (is(with, i, "perturb"))
            place[plain - 1] = layer, n++;
        else
            place[plain++] = layer;
        layer++;
    }
    return n;
}

static void same_readers(const char *what, const cfg_file *plain, const cfg_file *with,
                         const int *place) {
    int layers = cfg_layer_count(plain), before[16], after[16];
    for (int i = 0; i < layers; i++) {
        int s = cfg_section_of(plain, i), own = place[i];
        /* Not its [perturb], but the layer itself, which is one before. */
        if (is(with, cfg_section_of(with, own), "perturb")) own--;
        int t = cfg_section_of(with, own), n = named(plain, s, i, before),
            m = named(with, t, own, after);
        CHECK(!strcmp(plain->sections[s].type, with->sections[t].type) && n == m,
              "%s: layer %d is [%s], was [%s]", what, own, with->sections[t].type,
              plain->sections[s].type);
        for (int k = 0; k < n && k < m; k++)
            CHECK(after[k] == place[before[k]], "%s: layer %d reads %d, not %d", what, i, after[k],
                  place[before[k]]);
        const char *keys[] = {"groups", "group_id", "mask", "anchors", "classes", "filters"};
        for (int k = 0; k < 6; k++) {
            const char *a = cfg_get(plain, s, keys[k]), *b = cfg_get(with, t, keys[k]);
            CHECK(!a == !b && (!a || !strcmp(a, b)), "%s: layer %d: another %s", what, i, keys[k]);
        }
    }
}

/* ---- what it computes */

static network *open_text(const char *path, const char *text, cfg_file **c) {
    *c = cfg_read_text(path, text, err);
    return *c ? host_open(*c, 1, err) : NULL;
}

/* Every [perturb] multiplies by 1. */
static char *idle(const char *text) {
    const char *head = "[perturb]\n";
    char *out = calloc(1, 3 * strlen(text) + 1), *to = out;
    for (const char *s = text, *p; s; s = p) {
        p = strstr(s, head);
        size_t n = p ? (size_t)(p - s) + strlen(head) : strlen(s);
        memcpy(to, s, n), to += n;
        if (p) to = strcpy(to, "noise=0\nscale=0\n") + strlen("noise=0\nscale=0\n");
        p = p ? p + strlen(head) : NULL;
    }
    return out;
}

static void compare_outputs(const char *what, network *plain, network *with, const int *place) {
    size_t n = (size_t)plain->batch * (size_t)plain->inputs;
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = .5f + .5f * (float)sin(.37 * (double)i + (double)(i % 91));
    engine_mode m = mode_one_pass(1);
    network *both[] = {plain, with};
    for (int k = 0; k < 2; k++) {
        m.keep = 1;
        host_set_mode(host_of(both[k]), &m);
        network_predict(both[k], x);
    }
    for (int i = 0; i < plain->n; i++) {
        if (plain->layers[i].type == YOLO) continue; /* not by the engine */
        engine *e = host_engine(host_of(plain)), *f = host_engine(host_of(with));
        int a = host_node(host_of(plain), i), b = host_node(host_of(with), place[i]);
        size_t len = shape_len(engine_shape(e, a));
        CHECK(len == shape_len(engine_shape(f, b)), "%s: layer %d has another shape", what, i);
        if (len != shape_len(engine_shape(f, b))) continue;
        float *y = malloc(len * sizeof *y), *z = malloc(len * sizeof *z);
        engine_export(e, a, y), engine_export(f, b, z);
        double most = 0, size = 0;
        for (size_t k = 0; k < len; k++) {
            double d = fabs((double)y[k] - (double)z[k]);
            if (!(d <= most)) most = d;
            size = fmax(size, fabs((double)y[k]));
        }
        CHECK(most <= 2e-4 * (1 + size), "%s: layer %d is off by %g of %g", what, i, most, size);
        free(y), free(z);
    }
    free(x);
}

static void same_outputs(const char *what, const char *path, const char *text, const int *place) {
    cfg_file *c, *d;
    char *old, *quiet = idle(text);
    size_t len;
    old = (char *)file_slurp(path, &len, err);
    network *plain = open_text(path, old, &c), *with = open_text(path, quiet, &d);
    CHECK(plain && with, "%s: %s", what, err);
    if (plain && with) {
        host_init(plain, 5);
        CHECK(!host_save(plain, in_dir("w"), 0, err) && !host_load(with, in_dir("w"), 0, err),
              "%s: %s", what, err);
        compare_outputs(what, plain, with, place);
    }
    host_close(plain), host_close(with);
    cfg_free(c), cfg_free(d);
    free(old), free(quiet);
}

/* ---- one cfg, one -where */

static int attach_one(const char *path, const char *where, int run) {
    char what[128];
    int n = 0, m = 0, place[MOST];
    size_t len;
    snprintf(what, sizeof what, "%s -where %s", strrchr(path, '/') + 1, where ? where : "(none)");
    char *text = cfg_attach(path, where, NULL, &n, err);
    CHECK(text, "%s: %s", what, err);
    if (!text) return 0;
    char *old = (char *)file_slurp(path, &len, err), *back = cfg_detach(put(text), &m, err);
    CHECK(back && m == n && !strcmp(back, old), "%s: not restored: %s", what, back ? "" : err);
    cfg_file *plain = cfg_read_text(path, old, err), *with = cfg_read_text(path, text, err);
    CHECK(plain && with, "%s: %s", what, err);
    if (plain && with) {
        CHECK(count_places(with, place) == n, "%s: %d are not %d", what, n,
              count_places(with, place));
        CHECK(cfg_layer_count(with) == cfg_layer_count(plain) + n, "%s: other layers", what);
        same_readers(what, plain, with, place);
        for (int i = 2; i < with->n; i++)
            CHECK(!is(with, i, "yolo") || !is(with, i - 1, "perturb"),
                  "%s: section %d: a head's numbers are perturbed", what, i);
        if (run) same_outputs(what, path, text, place);
    }
    cfg_free(plain), cfg_free(with);
    free(old), free(back), free(text);
    return n;
}

/* Each layer alone: put in rightly, or refused because a head decodes it. */
static void each_layer(const char *path, int heads) {
    cfg_file *c = cfg_read(path, err);
    CHECK(c, "%s", err);
    if (!c) return;
    int refused = 0;
    for (int i = 0; i < cfg_layer_count(c); i++) {
        char where[16];
        int n, s = cfg_section_of(c, i);
        if (is(c, s, "yolo")) continue;
        snprintf(where, sizeof where, "%d", i);
        int head = s + 1 < c->n && is(c, s + 1, "yolo");
        char *text = head ? cfg_attach(path, where, NULL, &n, err) : NULL;
        if (head) {
            CHECK(!text && strstr(err, "boxes and scores"), "%s: layer %d: %s", path, i, err);
            refused++;
        } else
            CHECK(attach_one(path, where, 0) == 1, "%s: layer %d", path, i);
        free(text);
    }
    CHECK(refused == heads, "%s: %d of %d heads refused", path, refused, heads);
    cfg_free(c);
}

/* ---- by hand */

#define NET "[net]\nwidth=16\nheight=16\nchannels=3\n"
#define CONV(f, a) "[convolutional]\nbatch_normalize=1\nfilters=" #f "\nsize=1\nactivation=" a "\n"
#define YOLO "[yolo]\nmask=0\nanchors=4,4\nclasses=1\nnum=1\n"

static void chosen(const char *what, const char *where, const char *text, int want,
                   const char *has) {
    int n = 0;
    char *got = cfg_attach(put(text), where, NULL, &n, err);
    CHECK(want ? got && n == want && strstr(got, has) : !got && strstr(err, has), "%s: %d: %s\n%s",
          what, n, got ? "" : err, got ? got : "");
    free(got);
}

static void test_places(void) {
    /* Batch norm in the head, a route and an upsampling behind it: still the head's numbers. */
    const char *far = NET CONV(6, "mish")
        CONV(6, "linear") "[upsample]\nstride=2\n[route]\nlayers=-1\n" YOLO;
    chosen("a head further on", "conv", far, 1,
           "activation=linear\n\n[perturb]\nactivation=mish\n");
    chosen("the head's convolution", "1", far, 0, "boxes and scores");
    chosen("what follows it", "2", far, 0, "boxes and scores");
    chosen("two feed a head", "conv",
           NET CONV(6, "relu") CONV(3, "linear") CONV(3, "linear") "[route]\nlayers=-1,-2\n" YOLO,
           1, "[perturb]\nactivation=relu");
    chosen("a sum that a head decodes", "residual",
           NET CONV(6, "relu") CONV(6, "linear") "[shortcut]\nfrom=-2\n" YOLO, 0, "no such layer");
    chosen("a gate", "conv", NET CONV(6, "mish") CONV(6, "logistic") "[sam]\nfrom=-2\n" YOLO, 0,
           "no such layer");
    const char *gated = NET CONV(8, "mish") CONV(8, "logistic") "[sam]\nfrom=-2\n" CONV(6, "linear")
        YOLO;
    chosen("a gate stays as it is, what it gates does not", "all", gated, 1,
           "[perturb]\nactivation=mish");
    chosen("a gate by its number", "1", gated, 1, "[perturb]\nactivation=logistic");
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    const char *const wheres[] = {NULL, "conv", "all", "residual"};
    for (int k = 0; k < 2; k++)
        for (int w = 0; w < (k == CSP ? 3 : 4); w++) {
            int n = attach_one(cfgs[k], wheres[w], 1);
            int want[2][4] = {{19, 19, 19, 0}, {4, 33, 37, 4}};
            CHECK(n == want[k][w], "%s: %d [perturb], not %d", cfgs[k], n, want[k][w]);
        }
    each_layer(cfgs[CSP], 2);
    each_layer(cfgs[PAN], 2);
    test_places();
    unlink(in_dir("t.cfg")), unlink(in_dir("w"));
    rmdir(dir);
    return t_done("test_attach");
}
