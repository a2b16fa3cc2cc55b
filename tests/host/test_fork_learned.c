/* test_fork_learned.c - numbers that layers of AlexeyAB's fork learn and the host knows nothing of:
 * the weights of a [shortcut], [implicit] vectors. What they begin with, their place in weights
 * files, that training goes on from a file bit for bit, and what else takes a network apart; and
 * when a stopbackward=N begins to let learn. */
#include "base/files.h"
#include "host/cfg_attach.h"
#include "host/net_internal.h"
#include "host/weights_info.h"
#include "test.h"
#include "tools/fold_net.h"

#define CONV "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n"
#define LAYERS                                                                              \
    CONV CONV "[shortcut]\nfrom=-2\nweights_type=per_channel\nweights_normalization=relu\n" \
              "[implicit]\nfilters=4\nmean=1\nstd=.1\n[scale_channels]\nfrom=-2\n"          \
              "[implicit_mul]\nfilters=4\n[implicit_add]\nfilters=4\n[route]\nlayers=4\n"   \
              "[control_channels]\nfrom=5\n[shift_channels]\nfrom = 6\n" CONV               \
              "[shortcut]\nfrom=-2, -4 ,2\nweights_type=per_feature\n"                      \
              "weights_normalizion=softmax\nactivation=leaky\n"
#define NET                                                                                     \
    "[net]\nbatch=2\nheight=6\nwidth=6\nchannels=3\nlearning_rate=.05\nmax_batches=20\ndecay=." \
    "01\n"
#define END "[avgpool]\n[connected]\noutput=3\nactivation=linear\n[softmax]\n"

enum { SUM = 2, IMPLICIT = 3, TIMES = 5, PLUS = 6, LAST_SUM = 11 };
static const int learned[] = {SUM, IMPLICIT, TIMES, PLUS, LAST_SUM};
enum { LEARNED = sizeof learned / sizeof *learned };
static char file[64];

static network *open_text(const char *text, uint64_t seed) {
    char err[ERR_LEN] = "";
    cfg_file *c = cfg_read_text("learned.cfg", text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    cfg_free(c);
    CHECK(net != NULL, "%s", err);
    if (!net) exit(t_done("test_fork_learned"));
    if (seed) host_init(net, seed);
    return net;
}

static int same(const network *a, const network *b) {
    for (int k = 0; k < LEARNED; k++) {
        const layer *x = &a->layers[learned[k]], *y = &b->layers[learned[k]];
        if (x->nweights != y->nweights ||
            memcmp(x->weights, y->weights, sizeof(float) * (size_t)x->nweights))
            return 0;
    }
    return 1;
}

static void test_beginning(void) {
    network *a = open_text(NET LAYERS END, 3), *b = open_text(NET LAYERS END, 3),
            *c = open_text(NET LAYERS END, 4), *plain = open_text(NET LAYERS END, 0);
    CHECK(same(a, b) && !same(a, c), "the seed decides");
    CHECK(a->layers[SUM].nweights == 8 && a->layers[LAST_SUM].nweights == 4, "numbers of weights");
    for (int i = 0; i < 8; i++) CHECK(a->layers[SUM].weights[i] == 1, "sums begin with 1");
    double far = 0, near = 1;
    for (int i = 0; i < 4; i++) {
        double d = fabs((double)a->layers[IMPLICIT].weights[i] - 1);
        far = fmax(far, d), near = fmin(near, d);
        CHECK(fabs((double)a->layers[TIMES].weights[i] - 1) < .1, "implicit_mul lies about 1");
        CHECK(fabs((double)a->layers[PLUS].weights[i]) < .1, "implicit_add lies about 0");
    }
    CHECK(far <= .1 && far > .03 && near < far, "mean=1 std=.1 gave %g to %g from 1", near, far);
    CHECK(plain->layers[IMPLICIT].weights[0] != 0 && plain->layers[SUM].weights[0] == 1,
          "without a seed they begin too");
    host_close(a), host_close(b), host_close(c), host_close(plain);
}

static void step(network *net, int k) {
    for (int i = 0; i < net->inputs * net->batch; i++)
        net->input[i] = (float)sin((double)(i * (k + 2)));
    memset(net->truth, 0, sizeof(float) * (size_t)(net->truths * net->batch));
    for (int b = 0; b < net->batch; b++) net->truth[b * net->truths + (b + k) % 3] = 1;
    train_network_datum(net);
    engine_read(host_engine(host_of(net)), NULL);
}

static int moved(const network *a, const network *b, int layer) {
    int n = 0;
    for (int i = 0; i < a->layers[layer].nweights; i++)
        n += a->layers[layer].weights[i] != b->layers[layer].weights[i];
    return n;
}

/* Five steps in one go, or two, a file, and three. */
static void test_going_on(const char *more) {
    char text[2000], err[ERR_LEN] = "";
    snprintf(text, sizeof text, NET "%s" LAYERS END, more);
    network *straight = open_text(text, 5), *first = open_text(text, 5), *then = open_text(text, 6),
            *begun = open_text(text, 5);
    for (int k = 0; k < 5; k++) step(straight, k);
    for (int k = 0; k < 2; k++) step(first, k);
    CHECK(!host_save(first, file, 1, err) && !host_load(then, file, 0, err), "%s", err);
    for (int k = 2; k < 5; k++) step(then, k);
    CHECK(same(straight, then), "%s: another state after going on", more);
    for (int k = 0; k < LEARNED; k++)
        CHECK(moved(straight, begun, learned[k]) == begun->layers[learned[k]].nweights,
              "%s: layer %d has not learned", more, learned[k]);
    host_close(straight), host_close(first), host_close(then), host_close(begun);
}

/* The host's part of a file: layer by layer, and nothing else. */
static void test_file(void) {
    char err[ERR_LEN] = "", *told = NULL;
    size_t n, told_len, at = 20;
    network *net = open_text(NET LAYERS END, 7), *back = open_text(NET LAYERS END, 8);
    cfg_file *c = cfg_read_text("learned.cfg", NET LAYERS END, err);
    CHECK(!host_save(net, file, 0, err) && !host_load(back, file, 0, err), "%s", err);
    CHECK(same(net, back), "what is saved is loaded");
    unsigned char *p = file_slurp(file, &n, err);
    CHECK(p && n == 20 + 4 * (size_t)cfg_weight_floats(c), "%zu bytes", n);
    for (int i = 0; p && i < net->n; i++) {
        size_t len = sizeof(float) * (size_t)net->layers[i].nweights;
        for (int k = 0; k < LEARNED; k++)
            if (i == learned[k])
                CHECK(!memcmp(p + at, net->layers[i].weights, len), "layer %d in the file", i);
        at += 4 * (size_t)host_layer_floats(&net->layers[i]);
    }
    free(p);
    char cfg[80];
    snprintf(cfg, sizeof cfg, "%s.cfg", file);
    FILE *f = fopen(cfg, "w"), *to = open_memstream(&told, &told_len);
    fputs(NET LAYERS END, f);
    fclose(f);
    CHECK(!weights_info(file, cfg, to, err), "%s", err);
    fclose(to);
    CHECK(strstr(told, "implicit_mul") && strstr(told, "    2 shortcut") &&
              strstr(told, " 8 floats"),
          "%s", told);
    CHECK(!weights_partial(cfg, file, file, 4, err) && host_load(back, file, 0, err) &&
              strstr(err, "first 4 layers"),
          "a file that ends behind an [implicit]: \"%s\"", err);
    free(told);
    unlink(cfg);
    cfg_free(c);
    host_close(net), host_close(back);
}

/* Keys of every layer, which the stand-in must have too. */
static void test_layer_keys(void) {
    char err[ERR_LEN] = "";
    static const char text[] = NET CONV "[implicit]\nfilters=4\nlearning_rate=0\ndontload=1\n"
                                        "[scale_channels]\nfrom=-2\n[implicit]\nfilters=4\n"
                                        "[shortcut]\nfrom=-2\n" END;
    network *net = open_text(text, 3), *begun = open_text(text, 3), *other = open_text(text, 4),
            *fresh = open_text(text, 4);
    for (int k = 0; k < 2; k++) step(net, k);
    CHECK(!moved(net, begun, 1), "learning_rate=0, and layer 1 has moved");
    CHECK(moved(net, begun, 3) == 4, "layer 3 has not learned");
    CHECK(!host_save(net, file, 0, err) && !host_load(other, file, 0, err), "%s", err);
    CHECK(moved(other, begun, 1) == 4 && !moved(other, fresh, 1), "dontload=1, and it was loaded");
    host_close(net), host_close(begun), host_close(other), host_close(fresh);
}

/* stopbackward=3: layer 0 begins to learn at the third step, as in the fork. */
static void test_stops(void) {
    static const char text[] =
        "[net]\nbatch=2\nheight=6\nwidth=6\nchannels=3\nlearning_rate=.05\nmax_batches=9\n"
        "decay=0\n" CONV "[convolutional]\nfilters=4\nsize=3\nstopbackward=3\n"
        "activation=leaky\n" END;
    network *net = open_text(text, 3), *begun = open_text(text, 3);
    for (int k = 0; k < 4; k++) {
        step(net, k);
        CHECK(!moved(net, begun, 0) == (k < 2) && !moved(net, begun, 1) == (k < 2), "after step %d",
              k + 1);
    }
    host_close(net), host_close(begun);
}

static void test_other_size(void) {
    char err[ERR_LEN] = "";
    network *net = open_text(NET LAYERS CONV, 3), *large = open_text(NET LAYERS CONV, 3);
    host_net *h = host_of(net);
    CHECK(!host_resize(net, 9, 12, err), "%s", err);
    const layer *l = net->layers;
    CHECK(l[SUM].out_w == 9 && l[SUM].out_h == 12 && l[LAST_SUM].out_w == 9, "sums have its size");
    CHECK(l[IMPLICIT].out_w == 1 && l[IMPLICIT].out_h == 1, "a vector has none");
    float *x = calloc((size_t)net->inputs * 2, sizeof *x);
    network_predict(net, x);
    shape4 s = engine_shape(host_engine(h), host_node(h, LAST_SUM));
    CHECK(s.h == 12 && s.w == 9 && s.c == 4 && same(net, large), "the engine's follow");
    free(x);
    host_close(net), host_close(large);
}

/* Lists in from= are numbered anew and back. */
static void test_attach(void) {
    char err[ERR_LEN] = "", cfg[80];
    int count;
    snprintf(cfg, sizeof cfg, "%s.cfg", file);
    FILE *f = fopen(cfg, "w");
    fputs(NET LAYERS END, f);
    fclose(f);
    char *text = cfg_attach(cfg, "all", NULL, &count, err);
    CHECK(text, "%s", err);
    network *net = text ? open_text(text, 9) : NULL;
    f = text ? fopen(cfg, "w") : NULL;
    if (f) fputs(text, f), fclose(f);
    char *back = text ? cfg_detach(cfg, &count, err) : NULL;
    CHECK(back && !strcmp(back, NET LAYERS END), "%s%s", err, back ? back : "");
    fold_plan *p = net ? fold_plan_make(net, cfg, text, 0, err) : NULL;
    char *plain_text = p ? fold_text(p, err) : NULL;
    CHECK(plain_text, "%s", err);
    network *plain = plain_text ? open_text(plain_text, 10) : NULL;
    if (plain) fold_weights(p, plain);
    for (int i = 0, k = 0, n = 0; plain && i < net->n; i++) { /* in order, whatever was inserted */
        const layer *l = &net->layers[i], *q;
        if (l->type != UPSAMPLE || !l->nweights) continue;
        while (plain->layers[k].type != UPSAMPLE || !plain->layers[k].nweights) k++;
        q = &plain->layers[k++];
        CHECK(q->nweights == l->nweights &&
                  !memcmp(q->weights, l->weights, sizeof(float) * (size_t)l->nweights),
              "learned numbers %d are lost in folding", n);
        CHECK(fold_sum(q) != 0, "they count in the sum that is compared");
        CHECK(++n <= LEARNED, "%d layers", n);
    }
    if (plain) host_close(plain);
    if (net) host_close(net);
    fold_plan_free(p);
    free(text), free(back), free(plain_text);
    unlink(cfg);
}

int main(void) {
    snprintf(file, sizeof file, "/tmp/mp_learned_%d", (int)getpid());
    test_beginning();
    test_going_on("");
    test_going_on("adam=1\nlearning_rate=.01\n");
    test_going_on("ema_alpha=.9\n");
    test_file();
    test_layer_keys();
    test_other_size();
    test_stops();
    test_attach();
    unlink(file);
    return t_done("test_fork_learned");
}
