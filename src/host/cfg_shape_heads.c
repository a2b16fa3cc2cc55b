/* cfg_shape_heads.c - the same of layers that end a network, and of recurrent ones. */
#include "host/cfg_dialect.h"
#include "host/cfg_named.h"
#include "host/cfg_walk.h"
#include <string.h>

/* The file that tree= or map= names, if the layer has such a key. */
static int named(cfg_walk *x, const char *key, int (*check)(const char *, long long, char *),
                 long long classes) {
    char why[ERR_LEN];
    const char *path = cfg_get(x->c, x->sec, key);
    return path && check(path, classes, why) ? FAIL(key, "%s=%.200s: %.500s", key, path, why) : 0;
}

int cfg_shape_softmax(cfg_walk *x) {
    long long groups = cfg_num(x, "groups", 1);
    if (x->in.outputs % groups)
        return FAIL("groups", "groups=%lld does not divide the %lld inputs", groups, x->in.outputs);
    if (named(x, "tree", cfg_tree_check, x->in.outputs / groups)) return -1;
    return cfg_flat(x, x->in.outputs);
}

static int check_anchors(cfg_walk *x, long long numbers) {
    const char *anchors = cfg_get(x->c, x->sec, "anchors");
    if (anchors && cfg_list_length(anchors) != numbers)
        return FAIL("anchors", "%d numbers in anchors=; num=%lld needs %lld",
                    cfg_list_length(anchors), cfg_num(x, "num", 1), numbers);
    return 0;
}

static int check_channels(cfg_walk *x, long long need, const char *sum) {
    if (x->in.c == need) return 0;
    int before = x->sec - 1;
    while (before > 0 && cfg_kind_at(x->c, before)->id == CFG_S_META_SHARED) before--;
    int conv = before > 0 && cfg_kind_at(x->c, before)->id == CFG_S_CONVOLUTIONAL;
    return FAIL(NULL, "needs %s = %lld channels but gets %lld; set filters=%lld%s", sum, need,
                x->in.c, need,
                conv ? " in the [convolutional] before it" : " in the layer that feeds it");
}

static int check_random(cfg_walk *x) {
    double random = cfg_get_num(x->c, x->sec, "random", 0);
    if (random > 0 && random < 1)
        return FAIL("random", "%s",
                    "random= is 0, 1 (widths from w/1.4 to w*1.4), or that factor itself, above 1");
    return 0;
}

/* Keys of the fork that do nothing as they stand, or do not go together. */
static int check_dialect(cfg_walk *x, long long classes) {
    const cfg_file *c = x->c;
    const char *counters = cfg_get(c, x->sec, "counters_per_class");
    if (counters && cfg_list_length(counters) != classes)
        return FAIL("counters_per_class",
                    "%d counters, but classes=%lld: there must be one a class",
                    cfg_list_length(counters), classes);
    if (cfg_get(c, x->sec, "map") && cfg_yolo_dialect(c))
        return FAIL(
            "map", "%s",
            "map= is done by the host's own head alone, which does not know the keys of the "
            "AlexeyAB fork: remove map= and number the classes in the label files");
    if (cfg_get(c, x->sec, "map") && cfg_num(x, "max", 90) != 90)
        return FAIL("max", "%s", "max= does not go with map=: remove one of the two");
    return 0;
}

int cfg_shape_yolo(cfg_walk *x) {
    long long classes = cfg_num(x, "classes", 20), total = cfg_num(x, "num", 1), n = total;
    const char *mask = cfg_get(x->c, x->sec, "mask");
    if (mask) {
        double m[1000];
        n = cfg_list(mask, m, 1000);
        if (n > total) return FAIL("mask", "%lld masks, but num=%lld", n, total);
        for (int i = 0; i < n; i++) {
            if (m[i] >= total) return FAIL("mask", "mask %.0f is not below num=%lld", m[i], total);
        }
    }
    if (check_random(x) || check_dialect(x, classes) || check_anchors(x, 2 * total)) return -1;
    if (check_channels(x, n * (classes + 5), "masks x (classes + 5)")) return -1;
    return named(x, "map", cfg_map_check, classes) ? -1 : cfg_same(x);
}

int cfg_shape_region(cfg_walk *x) {
    long long classes = cfg_num(x, "classes", 20), coords = cfg_num(x, "coords", 4),
              n = cfg_num(x, "num", 1);
    if (cfg_num(x, "max", 30) != 30)
        return FAIL(
            "max",
            "max=%lld: this Darknet has room for exactly 30 boxes a picture; remove the line",
            cfg_num(x, "max", 30));
    if (check_random(x) || check_anchors(x, 2 * n) || named(x, "tree", cfg_tree_check, classes) ||
        named(x, "map", cfg_map_check, classes))
        return -1;
    return check_channels(x, n * (classes + coords + 1), "num x (classes + coords + 1)")
               ? -1
               : cfg_same(x);
}

int cfg_shape_detection(cfg_walk *x) {
    long long side = cfg_num(x, "side", 7), n = cfg_num(x, "num", 1);
    long long need = side * side * ((1 + cfg_num(x, "coords", 1)) * n + cfg_num(x, "classes", 1));
    if (need != x->in.outputs)
        return FAIL(
            NULL, "needs side x side x ((1 + coords) x num + classes) = %lld inputs but gets %lld",
            need, x->in.outputs);
    return cfg_flat(x, x->in.outputs);
}

int cfg_shape_iseg(cfg_walk *x) {
    if (check_channels(x, cfg_num(x, "classes", 20) + cfg_num(x, "ids", 32), "classes + ids"))
        return -1;
    return cfg_same(x);
}

static int recurrent(cfg_walk *x, int from_input, int from_self) {
    long long n = cfg_num(x, "output", 1);
    int bn = (int)cfg_num(x, "batch_normalize", 0);
    x->recurrent = 1;
    if (cfg_get(x->c, x->sec, "hidden") && cfg_num(x, "hidden", 0) != n)
        return FAIL(
            "hidden",
            "hidden=%lld but output=%lld: this Darknet's [rnn] has as many hidden units as outputs",
            cfg_num(x, "hidden", 0), n);
    if (cfg_flat(x, n)) return -1;
    return cfg_add_floats(x,
                          from_input * cfg_connected_floats((double)x->in.outputs, (double)n, bn) +
                              from_self * cfg_connected_floats((double)n, (double)n, bn));
}

int cfg_shape_crnn(cfg_walk *x) {
    double out = (double)cfg_num(x, "output_filters", 1),
           hidden = (double)cfg_num(x, "hidden_filters", 1), in = (double)x->in.c;
    double per = cfg_num(x, "batch_normalize", 0) ? 4 : 1;
    x->recurrent = 1;
    if (cfg_output(x, x->in.h, x->in.w, (long long)out))
        return -1; /* the host mistakes width for height here */
    return cfg_add_floats(x, 9 * hidden * (in + hidden + out) + per * (2 * hidden + out));
}

int cfg_shape_rnn(cfg_walk *x) { return recurrent(x, 1, 2); }
int cfg_shape_gru(cfg_walk *x) { return recurrent(x, 3, 3); }
int cfg_shape_lstm(cfg_walk *x) { return recurrent(x, 4, 4); }
