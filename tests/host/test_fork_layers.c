/* test_fork_layers.c - cfgs of AlexeyAB's fork, read and run through the host: every layer's output
 * against what the fork computed (../shared/golden_alexeyab/B_layers), and what must be refused. */
#include "fork_vectors.h"
#include "host/net.h"
#include "engine/mode.h"
#include <math.h>
#include <unistd.h>

enum { MOST_LAYERS = 200 };
#define TOL 1e-4

/* Layers of one net in manifest.tsv: where their outputs lie in the file. */
typedef struct {
    size_t at[MOST_LAYERS], n[MOST_LAYERS];
    int head[MOST_LAYERS]; /* the host's own code runs it, or its output means another thing */
    int layers;
} places;

static places find(const char *net) {
    places p = {.layers = 0};
    char *text = fork_text("B_layers/manifest.tsv"), *at = text, *f[16];
    while (fork_row(&at, f, 16) >= 9) {
        if (strcmp(f[0], net) || p.layers == MOST_LAYERS) continue;
        p.head[p.layers] = !strcmp(f[2], "yolo") || !strcmp(f[2], "softmax");
        p.at[p.layers] = (size_t)atoll(f[7]);
        p.n[p.layers++] = (size_t)atoll(f[8]);
    }
    free(text);
    return p;
}

/* |a - b| / max(1, |b|), the largest. */
static double apart(const float *a, const float *b, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - b[i]) / fmax(1, fabs((double)b[i]));
        if (!(d <= most)) most = d;
    }
    return most;
}

static const char *file(const char *net, const char *end) {
    static char name[2][128];
    static int turn;
    turn = !turn;
    snprintf(name[turn], sizeof name[turn], "B_layers/%s.%s", net, end);
    return name[turn];
}

/* keep: through the plain product and our own passes, as training has it; else folded. */
static void compare(network *net, const char *name, int keep) {
    places p = find(name);
    host_net *h = host_of(net);
    engine_mode m = mode_one_pass(1);
    float *want = fork_floats(file(name, "out.bin"), 0, NULL),
          *x = fork_floats(file(name, "input.bin"), 0, NULL);
    CHECK(p.layers == net->n, "%s: %d layers, %d in the manifest", name, net->n, p.layers);
    m.keep = keep;
    host_set_mode(h, &m);
    network_predict(net, x);
    for (int i = 0; i < net->n && i < p.layers; i++) {
        if (p.head[i]) continue;
        float *got = calloc(p.n[i] + 1, sizeof *got);
        shape4 s = engine_shape(host_engine(h), host_node(h, i));
        CHECK(shape_len(s) == p.n[i], "%s layer %d: %zu numbers, not %zu", name, i, shape_len(s),
              p.n[i]);
        if (shape_len(s) == p.n[i]) {
            engine_export(host_engine(h), host_node(h, i), got);
            double d = apart(got, want + p.at[i], p.n[i]);
            CHECK(d <= TOL, "%s layer %d (keep %d): off by %g", name, i, keep, d);
        }
        free(got);
    }
    free(want), free(x);
}

static void one_net(const char *name) {
    char err[ERR_LEN], path[4096];
    snprintf(path, sizeof path, "%s", fork_path(file(name, "cfg")));
    cfg_file *c = cfg_read(path, err);
    CHECK(c, "%s", err);
    network *net = c ? host_open(c, 1, err) : NULL;
    if (c) CHECK(net, "%s", err);
    if (net) {
        CHECK(host_load(net, fork_path(file(name, "weights")), 0, err) == 0, "%s", err);
        compare(net, name, 0);
        compare(net, name, 1);
        host_close(net);
    }
    cfg_free(c);
}

/* Gradients through the host: of half the sum of squares of the last output, against differences of
 * it, for the first weights of every layer that has any. */
static double loss_of(network *net, float *x) {
    double sum = 0;
    const float *y = network_predict(net, x);
    for (int i = 0; i < net->batch * net->outputs; i++) sum += .5 * y[i] * y[i];
    return sum;
}

static void test_gradients(const char *name, const char *text) {
    char err[ERR_LEN];
    cfg_file *c = cfg_read_text("t.cfg", text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    CHECK(net, "%s: %s", name, err);
    if (!net) {
        cfg_free(c);
        return;
    }
    host_net *h = host_of(net);
    engine *e = host_engine(h);
    host_init(net, 3);
    size_t n = (size_t)net->inputs * (size_t)net->batch;
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (float)sin(1.7 * (double)i) * .5f + .3f;
    engine_mode m = mode_one_pass(1);
    m.keep = m.theta_grads = 1;
    host_set_mode(h, &m);
    loss_of(net, x);
    int last = host_node(h, net->n - 1);
    float *y = malloc(sizeof *y * (size_t)(net->outputs * net->batch));
    engine_export(e, last, y);
    for (int i = 0; i < net->outputs * net->batch; i++) y[i] = -y[i];
    engine_begin(e);
    engine_import_delta(e, last, y);
    for (int k = engine_nodes(e) - 1; k > 0; k--) engine_backward(e, k, &m);
    engine_read(e, NULL);
    for (int i = 0; i < net->n; i++)
        for (int k = 0; k < 6 && k < net->layers[i].nweights; k++) {
            float *w = net->layers[i].weights + k, kept = *w;
            const float step = 3e-3f;
            *w = kept + step;
            engine_changed(e, NULL);
            double up = loss_of(net, x);
            *w = kept - step;
            engine_changed(e, NULL);
            double down = loss_of(net, x), want = -(up - down) / (2 * (double)step);
            *w = kept;
            engine_changed(e, NULL);
            double got = (double)net->layers[i].weight_updates[k];
            CHECK(fabs(got - want) <= 2e-3 * fmax(1, fabs(want)),
                  "%s layer %d weight %d: %g, not %g", name, i, k, got, want);
        }
    free(x), free(y);
    host_close(net);
    cfg_free(c);
}

static void refused(const char *text, const char *word) {
    char err[ERR_LEN] = "";
    cfg_file *c = cfg_read_text("t.cfg", text, err);
    CHECK(!c && strstr(err, word), "\"%s\" does not say \"%s\"", err, word);
    cfg_free(c);
}

/* The host gets a stand-in, so its own code must not be asked. */
static void test_alone(const char *text, const char *word) {
    char err[ERR_LEN] = "";
    cfg_file *c = cfg_read_text("t.cfg", text, err);
    CHECK(c, "%s", err);
    network *net = c ? host_open_alone(c, NULL, err) : NULL;
    CHECK(!net && strstr(err, word), "\"%s\" does not say \"%s\"", err, word);
    cfg_free(c);
}

#define NET "[net]\nwidth=8\nheight=8\nchannels=3\n"

#define CONV(n, act) "[convolutional]\nfilters=" #n "\nsize=3\npad=1\nactivation=" #act "\n"

#define PLAIN "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n"

/* Strides, dilation, pooling, blurs, shared weights. */
static void test_refused_geometry(void) {
    static const struct {
        const char *text, *word;
    } wrong[] = {
        {"[convolutional]\nsize=3\ndilation=2\n", "dilation=2 needs pad=1 and an odd size"},
        {"[convolutional]\nsize=4\npad=1\ndilation=2\n", "dilation=2 needs pad=1"},
        {"[convolutional]\nxnor=1\nstride_x=2\n", "stride_x= does not go with xnor=1"},
        {"[convolutional]\nstride_y=0\n", "stride_y=0 is out of range"},
        {"[convolutional]\nantialiasing=3\n", "antialiasing=3 is out of range"},
        {"[convolutional]\nsize=8\nantialiasing=2\n",
         "antialiasing=2 needs more than a map of 1 x"},
        {"[maxpool]\nout_channels=2\n", "out_channels= is of maxpool_depth=1 alone"},
        {"[maxpool]\nmaxpool_depth=1\nout_channels=4\n", "more than the 3 channels"},
        {"[maxpool]\nmaxpool_depth=1\nsize=2\n", "size=1 and stride=1"},
        {"[maxpool]\nmaxpool_depth=1\nantialiasing=1\n", "antialiasing= has no effect"},
        {"[maxpool]\nsize=2\nstride=2\nmaxpool_zero_nonmax=1\n", "needs stride=1"},
        {"[maxpool]\nsize=3\npadding=0\nmaxpool_zero_nonmax=1\n", "that keeps the size"},
        {"[local_avg]\nsize=12\npadding=2\n", "larger than its input"},
        {"[connected]\noutput=4\nactivation=norm_chan\n", "works over the channels of a map"},
        {"[local]\nactivation=norm_chan\n", "works over the channels of a map"},
        {"[convolutional]\nxnor=1\nactivation=norm_chan\n", "xnor=1 is run by the host"},
        {"[reorg3d]\nstride=3\n", "stride=3 does not divide"},
        {"[reorg3d]\nreverse=1\n", "reverse=1 belongs to the AlexeyAB fork"},
        {PLAIN "[convolutional]\nfilters=5\nsize=3\nshare_index=0\n", "filters= is 5 here and 4"},
        {PLAIN PLAIN "[maxpool]\n[convolutional]\nshare_index=-1\n", "no [convolutional]"},
        {"[convolutional]\nshare_index=0\n", "the layer itself"},
        {PLAIN "[convolutional]\nfilters=4\nsize=3\nshare_index=-1\n", "3 into layer 0"},
        {PLAIN PLAIN PLAIN "dontload=1\nshare_index=1\n", "dontload= has no effect"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[600];
        snprintf(text, sizeof text, NET "%s", wrong[i].text);
        refused(text, wrong[i].word);
    }
}

static void test_geometry(void) {
    test_alone(NET "[convolutional]\nstride_x=2\n", "with stride_x=");
    test_alone(NET "[convolutional]\nactivation=norm_chan\n",
               "activation=norm_chan: the host alone");
    test_alone(NET "[maxpool]\nstride_y=2\n", "with stride_y=");
    test_alone(NET "[reorg3d]\nstride=2\n", "[reorg3d]: the host alone cannot run it");
    refused(NET "[local_avgpool]\nsize=2\n[rnn]\noutput=4\n", "with recurrent layers");
    /* clang-format off */
    test_gradients("strides", NET CONV(4, tanh)
        "[convolutional]\nfilters=4\nsize=3\npad=1\nstride_x=2\nactivation=tanh\n"
        "[convolutional]\nbatch_normalize=1\nfilters=5\nsize=3\npad=1\ndilation=2\nstride=2\n"
        "activation=tanh\n" CONV(2, linear));
    /* maxpool_zero_nonmax jumps: test_engine_fork.h. */
    test_gradients("pools", NET CONV(6, tanh)
        "[maxpool]\nsize=2\nstride_y=2\n" CONV(6, tanh)
        "[local_avgpool]\nsize=3\nstride_x=2\n" CONV(6, tanh)
        "[maxpool]\nmaxpool_depth=1\nout_channels=4\n" CONV(4, tanh) CONV(2, linear));
    test_gradients("blurs", NET CONV(4, tanh)
        "[convolutional]\nfilters=4\nsize=3\npad=1\nstride=2\nantialiasing=1\nactivation=tanh\n"
        CONV(4, tanh) "[route]\nlayers=-1,-2\n[maxpool]\nsize=2\nstride_x=2\nantialiasing=2\n"
        CONV(2, linear));
    test_gradients("channels",
        NET CONV(4, normalize_channels_softmax) CONV(4, norm_chan_softmax_maxval)
        "[convolutional]\nfilters=4\nsize=3\npad=1\nbatch_normalize=1\nstride=2\nantialiasing=1\n"
        "activation=norm_chan_softmax\n" CONV(4, tanh)
        "[shortcut]\nfrom=-2\nactivation=norm_chan_softmax\n"
        "[activation]\nactivation=norm_chan_softmax_maxval\n" CONV(4, logistic)
        "[sam]\nfrom=-2\nactivation=norm_chan\n" CONV(2, linear));
    /* clang-format on */
    test_gradients("reorg3d", NET CONV(4, tanh) "[reorg3d]\nstride=2\n" CONV(2, linear));
}

/* Two layers on the weights of a third: their gradients add up there, it alone is stored and
 * stepped. */
static void test_share(void) {
    /* clang-format off */
    static const char text[] = NET CONV(4, tanh) CONV(4, tanh)
        "[convolutional]\nfilters=4\nsize=3\npad=1\nshare_index=-1\nactivation=logistic\n"
        "[convolutional]\nfilters=4\nsize=3\npad=1\nshare_index=2\nstride_x=2\nactivation=tanh\n"
        CONV(2, linear);
    /* clang-format on */
    char err[ERR_LEN], path[] = "/tmp/mp_test_share_XXXXXX";
    test_gradients("share_index", text);
    cfg_file *c = cfg_read_text("t.cfg", text, err);
    network *net = host_open(c, 1, err), *other = host_open(c, 1, err);
    CHECK(net && other, "%s", err);
    close(mkstemp(path));
    host_init(net, 3);
    size_t n = (size_t)net->inputs * (size_t)net->batch;
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (float)sin(2.3 * (double)i);
    CHECK(cfg_weight_floats(c) == 112 + 148 + 74, "%lld floats", cfg_weight_floats(c));
    CHECK(!host_save(net, path, 0, err) && !host_load(other, path, 0, err), "%s", err);
    double mine = loss_of(net, x), loaded = loss_of(other, x);
    CHECK(mine == loaded && mine > 0, "after loading: %g, not %g", loaded, mine);
    float kept = net->layers[2].weights[0];
    CHECK(!net->layers[2].update && !net->layers[3].update, "sharers step by themselves");
    memset(net->truth, 0, sizeof(float) * (size_t)(net->truths * net->batch));
    memcpy(net->input, x, n * sizeof *x);
    train_network_datum(net);
    engine_read(host_engine(host_of(net)), NULL);
    CHECK(net->layers[2].weights[0] == kept, "the host's idle weights have moved");
    host_close(net), host_close(other);
    unlink(path);
    free(x);
    cfg_free(c);
}

/* Another picture size, and back: outputs as those of networks read with that size. */
static void test_sizes(void) {
    static const char layers[] = CONV(
        4, tanh) "[convolutional]\nfilters=4\nsize=3\npad=1\nstride_x=2\nactivation=tanh\n"
                 "[convolutional]\nfilters=4\nsize=3\npad=1\nstride=2\nantialiasing=1\nactivation="
                 "tanh\n"
                 "[upsample]\n[maxpool]\nsize=2\nstride_x=2\n[reorg3d]\nstride=2\n"
                 "[local_avgpool]\nsize=3\n[maxpool]\nmaxpool_depth=1\nout_channels=4\n" CONV(
                     2, linear);
    char text[2][1000], err[ERR_LEN];
    network *net[2];
    cfg_file *c[2];
    float *x = malloc(sizeof *x * 3 * 64 * 64);
    for (int i = 0; i < 3 * 64 * 64; i++) x[i] = (float)sin(1.9 * i);
    for (int k = 0; k < 2; k++) {
        snprintf(text[k], sizeof *text, "[net]\nwidth=%d\nheight=%d\nchannels=3\n%s", k ? 48 : 32,
                 k ? 64 : 32, layers);
        c[k] = cfg_read_text("t.cfg", text[k], err);
        net[k] = c[k] ? host_open(c[k], 1, err) : NULL;
        CHECK(net[k], "%s", err);
        if (!net[k]) exit(t_done("test_fork_layers"));
        host_init(net[k], 3);
    }
    double small = loss_of(net[0], x), large = loss_of(net[1], x);
    CHECK(!host_resize(net[0], 48, 64, err), "%s", err);
    CHECK(net[0]->outputs == net[1]->outputs && loss_of(net[0], x) == large, "resized");
    CHECK(!host_resize(net[0], 32, 32, err) && loss_of(net[0], x) == small, "and back");
    for (int k = 0; k < 2; k++) host_close(net[k]), cfg_free(c[k]);
    free(x);
}

#define SUM(from, type, norm) \
    "[shortcut]\nfrom=" from "\nweights_type=" #type "\nweights_normalization=" #norm "\n"

/* Sums with and without weights, learned vectors: their gradients, and what does not fit. */
static void test_sums(void) {
    test_gradients("several",
                   NET CONV(4, tanh) CONV(6, tanh)
                       CONV(4, tanh) "[shortcut]\nfrom=-2,-3,0\nactivation=tanh\n" CONV(2, linear));
    test_gradients("each a weight", NET CONV(4, tanh) CONV(3, tanh) CONV(4, tanh)
                                        SUM("-2,-3", per_feature, relu) CONV(2, linear));
    test_gradients("each channel a weight", NET CONV(4, tanh) CONV(6, tanh) CONV(4, tanh)
                                                SUM("0,1", per_channel, softmax) CONV(2, linear));
    test_gradients("implicit",
                   NET CONV(4, tanh) "[implicit]\nfilters=4\nmean=1\nstd=.1\n"
                                     "[scale_channels]\nfrom=-2\n[avgpool]\n"
                                     "[implicit]\nfilters=4\n[shortcut]\nfrom=-2\nactivation=tanh\n"
                                     "[implicit]\nfilters=2\natoms=2\n[connected]\noutput=4\n"
                                     "activation=tanh\n[shortcut]\nfrom=-3\n");
    test_gradients("yolor", NET "[implicit_add]\nfilters=3\n[implicit_mul]\nfilters=4\n"
                                "[implicit]\nfilters=3\natoms=1\nmean=2\n[route]\nlayers=-3\n" CONV(
                                    3, tanh) "[control_channels]\nfrom=2\n[shift_channels]\nfrom="
                                             "0\n" CONV(4, tanh) "[control_channels]\nfrom=1\n");
    refused(NET CONV(4, tanh) CONV(4, tanh) "[shortcut]\nfrom=-2\nweights_type=per_feature\n",
            "needs weights_normalization=relu or softmax");
    refused(NET CONV(4, tanh) CONV(4, tanh) "[shortcut]\nfrom=-2\nweights_normalization=relu\n",
            "without weights_type= does nothing");
    refused(NET CONV(4, tanh) CONV(4, tanh)
                SUM("-2", per_feature, relu) "weights_normalizion=relu\n",
            "give one of them");
    refused(NET CONV(4, tanh) CONV(4, tanh) SUM("-2", per_feature, relu) "beta=.5\n",
            "the factors are learned");
    refused(NET CONV(4, tanh) CONV(4, tanh) "[shortcut]\nfrom=-2,-1\nalpha=2\n",
            "goes with one layer");
    refused(NET CONV(4, tanh) "[maxpool]\nsize=2\nstride=2\n[shortcut]\nfrom=-2,-1\n",
            "width and height are the same");
    refused(NET CONV(4, tanh) "[shortcut]\nfrom=-1,-2\n", "would be layer -1");
    refused(NET CONV(4, tanh) CONV(3, tanh) "[shift_channels]\nfrom=0\n", "it must be 1 x 1");
    refused(NET "[implicit]\nfilters=4\n" CONV(3, tanh) "[control_channels]\nfrom=0\n",
            "with the 3 channels");
    refused(NET CONV(3, tanh) "[control_channels]\n", "from= is missing");
    test_alone(NET CONV(4, tanh) CONV(4, tanh) "[shortcut]\nfrom=-2,-1\n", "several layers");
    test_alone(NET "[implicit]\nfilters=4\n", "[implicit]: the host alone");
}

/* Which of six iterations move the weights of layer 1: a mask, the first iteration in bit 0. */
static int stepped(const char *keys) {
    char text[600], err[ERR_LEN];
    int mask = 0;
    snprintf(text, sizeof text,
             "[net]\nbatch=2\nsubdivisions=2\nwidth=8\nheight=8\nchannels=3\nburn_in=2\n"
             "learning_rate=.1\npower=1\n" PLAIN "%s%s\n[connected]\noutput=3\n"
             "activation=linear\n[softmax]\n",
             PLAIN, keys);
    cfg_file *c = cfg_read_text("t.cfg", text, err);
    network *net = c ? host_open(c, 1, err) : NULL;
    CHECK(net, "%s", err);
    if (!net) return -1;
    host_init(net, 3);
    for (int i = 0; i < net->batch * net->inputs; i++) net->input[i] = (float)sin(1.1 * i);
    for (int b = 0; b < net->batch; b++) net->truth[b * 3 + 1] = 1;
    for (int k = 0; k < 6; k++) {
        engine_read(host_engine(host_of(net)), NULL);
        float before = net->layers[1].weights[3], other = net->layers[0].weights[3];
        for (int s = 0; s < 2; s++) train_network_datum(net);
        engine_read(host_engine(host_of(net)), NULL);
        mask |= (net->layers[1].weights[3] != before) << k;
        CHECK(net->layers[0].weights[3] != other, "%s: layer 0 stands still", keys);
        if (net->layers[1].weights[3] == before)
            CHECK(net->layers[1].weight_updates[3] == 0, "%s: updates add up", keys);
    }
    host_close(net);
    cfg_free(c);
    return mask;
}

/* The fork: iteration i steps if i > dont_update and i >= burnin_update*burn_in. */
static void test_frozen(void) {
    CHECK(stepped("") == 63, "all steps");
    CHECK(stepped("dont_update=2") == 60, "from the third iteration on");
    CHECK(stepped("dont_update=100") == 0, "none");
    CHECK(stepped("burnin_update=1") == 62, "from burn_in on");
    CHECK(stepped("burnin_update=2") == 56, "from twice burn_in on");
    CHECK(stepped("burnin_update=2\ndont_update=4") == 48, "the later one");
    refused(NET "[local]\nfilters=2\nsize=3\nactivation=leaky\ndont_update=1\n",
            "knows no dont_update=");
    refused(NET "[convolutional]\nxnor=1\ndont_update=1\n", "knows no dont_update=");
    refused(NET PLAIN PLAIN PLAIN "share_index=1\ndont_update=1\n", "no effect with share_index=");
}

static void test_vectors(void) {
    static const char *const nets[] = {"csp_mish_shaped",
                                       "batchnorm_layer",
                                       "connected",
                                       "dropout_off",
                                       "route_groups",
                                       "scale_channels",
                                       "sam",
                                       "conv_geometry",
                                       "maxpool",
                                       "spp",
                                       "local_avgpool",
                                       "antialiasing_conv",
                                       "antialiasing_maxpool",
                                       "share_index",
                                       "conv_activations",
                                       "reorg3d",
                                       "shortcut_plain",
                                       "shortcut_per_feature_relu",
                                       "shortcut_per_channel_relu",
                                       "shortcut_per_feature_softmax",
                                       "shortcut_per_channel_softmax",
                                       "implicit"};
    if (fork_there("B_layers"))
        for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) one_net(nets[i]);
    else
        SKIP("no %s", fork_path("B_layers"));
}

int main(void) {
    refused(NET "[local]\nfilters=2\nsize=3\nactivation=mish\n", "mish");
    refused(NET "[convolutional]\nfilters=2\nxnor=1\nactivation=mish\n", "xnor=1");
    test_alone(NET "[convolutional]\nfilters=2\nactivation=mish\n", "the host alone");
    test_alone(NET "[convolutional]\nfilters=4\n[route]\nlayers=-1\ngroups=2\n", "with groups=");
    static const char *const own[] = {
        "[convolutional]\nfilters=4\nactivation=mish\n",
        "[convolutional]\nfilters=4\n[route]\nlayers=-1\ngroups=2\n",
        "[convolutional]\nfilters=4\n[convolutional]\nfilters=4\n[sam]\nfrom=-2\n",
        "[convolutional]\nfilters=6\n[yolo]\nclasses=1\niou_loss=ciou\n",
        "[convolutional]\nfilters=6\n[yolo]\nclasses=1\nmax=200\n"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        char text[400];
        snprintf(text, sizeof text, NET "%s[rnn]\noutput=4\n", own[i]);
        refused(text, "runs a network with recurrent layers");
    }
    refused(NET "policy=sgdr\nsgdr_cycle=9\n[rnn]\noutput=4\n", "policy=sgdr");
    test_alone(NET "[convolutional]\nfilters=6\n[yolo]\nclasses=1\nscale_x_y=1.05\n", "AlexeyAB");
    refused(NET "[convolutional]\nfilters=3\n[route]\nlayers=-1\ngroups=2\n", "does not divide");
    refused(NET "[convolutional]\nfilters=4\n[route]\nlayers=-1\ngroups=2\ngroup_id=2\n",
            "not below");
    refused(NET "[convolutional]\nfilters=3\n[avgpool]\n[scale_channels]\n", "from= is missing");
    refused(NET "[convolutional]\nfilters=3\n[scale_channels]\nfrom=1\n", "the layer itself");
    refused(NET
            "[convolutional]\nfilters=3\n[convolutional]\nfilters=3\n[scale_channels]\nfrom=0\n",
            "1 x 1");
    refused(NET "[convolutional]\nfilters=3\n[convolutional]\nfilters=2\n[sam]\nfrom=0\n",
            "the same shape");
    if (!engine_on_gpu())
        test_gradients("activations", NET CONV(4, mish) CONV(4, swish)
                                          CONV(4, gelu) "[shortcut]\nfrom=-2\nactivation=mish\n");
    test_gradients("groups",
                   NET CONV(4, tanh) CONV(
                       6, tanh) "[route]\nlayers=-1,-2\ngroups=2\ngroup_id=1\n" CONV(2, linear));
    test_gradients("scale_channels",
                   NET CONV(4, tanh) "[avgpool]\n" CONV(
                       4, logistic) "[scale_channels]\nfrom=0\nactivation="
                                    "leaky\n" CONV(1, logistic) "[scale_channels]\nfrom="
                                                                "-2\nscale_wh=1\n");
    test_gradients("sam", NET CONV(4, tanh) CONV(4, logistic) "[sam]\nfrom=-2\n" CONV(2, linear));
    test_refused_geometry();
    test_geometry();
    test_share();
    test_sizes();
    test_sums();
    test_frozen();
    test_vectors();
    return t_done("test_fork_layers");
}
