/* cfg_shape_windows.c - the output of layers that move a window over a picture, with what
 * AlexeyAB's fork adds to them. */
#include "host/cfg_walk.h"

/* What antialiasing= leaves of a map that the layer has made at stride 1; or the map. */
static int blurred(cfg_walk *x, long long w, long long h, long long c) {
    cfg_geometry g = cfg_get_geometry(x->c, x->sec);
    long long size = g.antialiasing == 2 ? 2 : 3, pad = size - 2;
    if (!g.antialiasing) return cfg_output(x, w, h, c);
    if (w + 2 * pad < size || h + 2 * pad < size)
        return FAIL("antialiasing", "antialiasing=%d needs more than a map of %lld x %lld",
                    g.antialiasing, w, h);
    return cfg_output(x, (w + 2 * pad - size) / g.stride_x + 1,
                      (h + 2 * pad - size) / g.stride_y + 1, c);
}

static int differ(cfg_walk *x, int sec, const char *key, double def) {
    return cfg_get_num(x->c, sec, key, def) != cfg_get_num(x->c, x->sec, key, def);
}

/* Weights of another layer, which keeps and trains them, and stores them in the file. */
static int shares(cfg_walk *x) {
    static const char *const owners[] = {"dontload",    "dontsave",       "numload",
                                         "flipped",     "dontloadscales", "learning_rate",
                                         "dont_update", "burnin_update",  NULL};
    static const struct {
        const char *key;
        double def;
    } same[] = {{"filters", 1}, {"size", 1}, {"groups", 1}, {"batch_normalize", 0}};
    int from = 0;
    if (cfg_referred(x, "share_index", (double)cfg_num(x, "share_index", 0), &from)) return -1;
    int sec = x->shapes[from].section;
    if (cfg_kind_at(x->c, sec)->id != CFG_S_CONVOLUTIONAL)
        return FAIL("share_index", "layer %d is no [convolutional]: it has no weights to share",
                    from);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (differ(x, sec, same[i].key, same[i].def))
            return FAIL("share_index",
                        "%s= is %lld here and %.0f in layer %d: layers that share "
                        "weights must have the same",
                        same[i].key, cfg_num(x, same[i].key, same[i].def),
                        cfg_get_num(x->c, sec, same[i].key, same[i].def), from);
    long long c = from ? x->shapes[from - 1].c : x->first.c;
    if (c != x->in.c)
        return FAIL("share_index",
                    "%lld channels come in here and %lld into layer %d: layers that "
                    "share weights must have the same",
                    x->in.c, c, from);
    for (int i = 0; owners[i]; i++)
        if (cfg_get(x->c, x->sec, owners[i]))
            return FAIL(owners[i], "%s= has no effect with share_index=: give it in layer %d",
                        owners[i], cfg_get_owner(x->c, x->sec));
    if (cfg_num(x, "xnor", 0) || cfg_get_num(x->c, sec, "xnor", 0))
        return FAIL("share_index", "%s", "xnor=1 cannot be shared: the host runs it; remove it");
    return 0;
}

int cfg_shape_convolutional(cfg_walk *x) {
    long long n = cfg_num(x, "filters", 1), size = cfg_num(x, "size", 1),
              groups = cfg_num(x, "groups", 1);
    long long pad = cfg_num(x, "pad", 0) ? size / 2 : cfg_num(x, "padding", 0);
    cfg_geometry g = cfg_get_geometry(x->c, x->sec);
    const char *beyond = cfg_beyond_host(x->c, x->sec);
    if (x->in.c % groups || n % groups)
        return FAIL("groups",
                    "groups=%lld must divide the %lld input channels and the %lld filters", groups,
                    x->in.c, n);
    if (x->in.w + 2 * pad < size || x->in.h + 2 * pad < size)
        return FAIL("size", "size=%lld is larger than its input of %lld x %lld, padding included",
                    size, x->in.w + 2 * pad, x->in.h + 2 * pad);
    if (g.dilation > 1 && 2 * pad != size - 1)
        return FAIL("dilation",
                    "dilation=%d needs pad=1 and an odd size: with other padding the "
                    "fork's output and what it reads do not fit each other",
                    g.dilation);
    if (cfg_num(x, "xnor", 0) && beyond)
        return FAIL(beyond, "%s= does not go with xnor=1, which the host runs; remove one", beyond);
    if (cfg_num(x, "xnor", 0) && !cfg_word_is_host(cfg_activation(x->c, x->sec)))
        return FAIL("activation", "%s",
                    "xnor=1 is run by the host, which does not know this activation; remove xnor=");
    if (cfg_num(x, "numload", 0) > n)
        return FAIL("numload", "numload=%lld is more than filters=%lld", cfg_num(x, "numload", 0),
                    n);
    long long sx = g.antialiasing ? 1 : g.stride_x, sy = g.antialiasing ? 1 : g.stride_y;
    if (blurred(x, (x->in.w + 2 * pad - size) / sx + 1, (x->in.h + 2 * pad - size) / sy + 1, n))
        return -1;
    if (cfg_get(x->c, x->sec, "share_index")) return shares(x);
    double per = (double)(x->in.c / groups) * (double)n * (double)(size * size);
    return cfg_add_floats(x, per + (double)n * (cfg_num(x, "batch_normalize", 0) ? 4 : 1));
}

/* Of [maxpool] and [local_avgpool]: Darknet's default is a window as large as the stride. */
static int pool(cfg_walk *x, long long *w, long long *h) {
    cfg_geometry g = cfg_get_geometry(x->c, x->sec);
    long long size = cfg_num(x, "size", (double)cfg_num(x, "stride", 1)),
              padding = cfg_num(x, "padding", (double)(size - 1));
    if (x->in.w + padding < size || x->in.h + padding < size)
        return FAIL("size", "size=%lld is larger than its input of %lld x %lld, padding included",
                    size, x->in.w + padding, x->in.h + padding);
    if (padding - padding / 2 >= size)
        return FAIL("padding",
                    "padding=%lld lets a window of size %lld lie outside the picture; at most %lld",
                    padding, size, 2 * size - 2);
    *w = (x->in.w + padding - size) / (g.antialiasing ? 1 : g.stride_x) + 1;
    *h = (x->in.h + padding - size) / (g.antialiasing ? 1 : g.stride_y) + 1;
    return 0;
}

/* The largest of channels, not of a window: keys of windows have no effect then. */
static int depth(cfg_walk *x) {
    static const char *const windows[] = {
        "stride_x", "stride_y", "padding", "maxpool_zero_nonmax", "antialiasing", NULL};
    long long own = cfg_num(x, "out_channels", 1);
    for (int i = 0; windows[i]; i++)
        if (cfg_get(x->c, x->sec, windows[i]))
            return FAIL(windows[i], "%s= has no effect with maxpool_depth=1; remove the line",
                        windows[i]);
    if (cfg_num(x, "size", 1) != 1 || cfg_num(x, "stride", 1) != 1)
        return FAIL("maxpool_depth", "%s",
                    "maxpool_depth=1 takes the largest of channels: it needs "
                    "size=1 and stride=1");
    if (own > x->in.c)
        return FAIL("out_channels", "out_channels=%lld is more than the %lld channels that come in",
                    own, x->in.c);
    return cfg_output(x, x->in.w, x->in.h, own);
}

int cfg_shape_maxpool(cfg_walk *x) {
    long long w, h;
    if (cfg_num(x, "maxpool_depth", 0)) return depth(x);
    if (cfg_get(x->c, x->sec, "out_channels"))
        return FAIL("out_channels", "%s", "out_channels= is of maxpool_depth=1 alone; add that");
    if (pool(x, &w, &h)) return -1;
    cfg_geometry g = cfg_get_geometry(x->c, x->sec);
    int one = g.antialiasing || (g.stride_x == 1 && g.stride_y == 1);
    if (cfg_num(x, "maxpool_zero_nonmax", 0) && !(one && w == x->in.w && h == x->in.h))
        return FAIL("maxpool_zero_nonmax", "%s",
                    "maxpool_zero_nonmax=1 needs stride=1 and the "
                    "padding that keeps the size, which is the default");
    return blurred(x, w, h, x->in.c);
}

int cfg_shape_local_avgpool(cfg_walk *x) {
    long long w, h;
    return pool(x, &w, &h) ? -1 : cfg_output(x, w, h, x->in.c);
}

int cfg_shape_reorg3d(cfg_walk *x) {
    long long s = cfg_num(x, "stride", 1);
    if (x->in.w % s || x->in.h % s)
        return FAIL("stride", "stride=%lld does not divide the input of %lld x %lld", s, x->in.w,
                    x->in.h);
    return cfg_output(x, x->in.w / s, x->in.h / s, x->in.c * s * s);
}
