/* test_cfg_edit.c - [perturb] into a cfg and out again: the text by hand, every cfg that comes with
 * Darknet byte for byte, shapes layer by layer, what is refused, and the list of all problems. */
#include "host/cfg.h"
#include "host/cfg_attach.h"
#include "base/files.h"
#include "test.h"
#include <dirent.h>
#include <unistd.h>

static char dir[] = "/tmp/mp_test_cfg_edit_XXXXXX", file[64], err[ERR_LEN];

static const char *put(const char *text) {
    FILE *f = fopen(file, "wb");
    if (!f || fputs(text, f) < 0 || fclose(f)) exit(1);
    return file;
}

/* Attached, the text must be `want`; detached again, as it was. */
static void both_ways(const char *what, const char *where, const char *text, const char *want) {
    int n;
    char *got = cfg_attach(put(text), where, NULL, &n, err);
    CHECK(got && !strcmp(got, want), "%s: %s\n%s", what, got ? "" : err, got ? got : "");
    if (!got) return;
    char *back = cfg_detach(put(got), &n, err);
    CHECK(back && !strcmp(back, text), "%s, back: %s\n%s", what, back ? "" : err, back ? back : "");
    free(got);
    free(back);
}

#define NET "[net]\nwidth=8\nheight=8\nchannels=3\n"
#define SHARED "\n[meta_shared]\n"
#define CONV3 "[convolutional]\nfilters=3\nactivation=relu\n"
#define CONV3L "[convolutional]\nfilters=3\nactivation=linear\n"
#define P(a) "\n[perturb]\nactivation=" a "\n"

static void test_text(void) {
    both_ways(
        "comments, blanks, references", "0,2",
        "# top\n" NET "# of the net\n\n\n[convolutional]\n filters = 3 \nactivation =  leaky "
        "\n#next\n[maxpool]\nstride=1\nsize=1\n"
        "[shortcut]\nfrom=0\nactivation=relu\n\n[route]\nlayers = -1,  0\n[shortcut]\nfrom=-2",
        "# top\n" NET SHARED
        "# of the net\n\n\n[convolutional]\n filters = 3 \nactivation =  linear \n" P(
            "leaky") "#next\n[maxpool]\n"
                     "stride=1\nsize=1\n[shortcut]\nfrom=1\nactivation=linear\n" P(
                         "relu") "\n[route]\nlayers = -1,  1\n[shortcut]\nfrom=-2");
    both_ways("a relative reference across a [perturb]", "1",
              NET "[conv]\nactivation=relu\n[conv]\nactivation=relu\n[conv]\nactivation=relu\n["
                  "shortcut]\nfrom=-3\n",
              NET SHARED "[conv]\nactivation=relu\n[conv]\nactivation=linear\n" P(
                  "relu") "[conv]\nactivation=relu\n[shortcut]\nfrom=-4\n");
    both_ways(
        "no activation given: the host's default", "0",
        NET "[convolutional]\nfilters=2\n[avgpool]\n",
        NET SHARED
        "[convolutional]\nfilters=2\n# no activation= was given: logistic\nactivation=linear\n" P(
            "logistic") "[avgpool]\n");
    both_ways(
        "CRLF, no newline at the end", "0",
        "[net]\r\nwidth=8\r\nheight=8\r\nchannels=3\r\n\r\n[convolutional]\r\nactivation=relu",
        "[net]\r\nwidth=8\r\nheight=8\r\nchannels=3\r\n\r\n[meta_shared]\r\n\r\n[convolutional]"
        "\r\nactivation=linear\r\n\r\n[perturb]\r\n"
        "activation=relu");
    both_ways("comments behind values, keys given twice", "0,1",
              NET "[convolutional] # first\nfilters=3 # three\nactivation=leaky\t# not "
                  "relu\nactivation=relu\n[shortcut]\nfrom=0 # 0\n"
                  "[shortcut]\nfrom=0 # the convolution\n",
              NET SHARED "[convolutional] # first\nfilters=3 # three\nactivation=linear\t# not "
                         "relu\nactivation=relu\n" P("leaky") "[shortcut]\nfrom=1 # 0\n" P(
                             "linear") "[shortcut]\nfrom=1 # the convolution\n");
    both_ways("a layer without an activation", "1",
              NET "[convolutional]\nactivation=relu\n[maxpool]\nsize=2\nstride=2\n",
              NET SHARED
              "[convolutional]\nactivation=relu\n[maxpool]\nsize=2\nstride=2\n" P("linear"));
    both_ways("weights of another layer, which its [perturb] has none of", "1,2",
              NET CONV3 CONV3 CONV3 "share_index=-1\n" CONV3 "share_index=1\n[shortcut]\nfrom=1\n",
              NET SHARED CONV3 CONV3L P("relu") CONV3L "share_index=-2\n" P("relu") CONV3
              "share_index=1\n[shortcut]\nfrom=2\n");
    both_ways("conv: not where a blur follows the activation", "conv",
              NET "[convolutional]\nantialiasing=1\nactivation=relu\n[convolutional]\n"
                  "stride_x=2\nactivation=relu\n",
              NET SHARED "[convolutional]\nantialiasing=1\nactivation=relu\n[convolutional]\n"
                         "stride_x=2\nactivation=linear\n" P("relu"));
    int n;
    char *none = cfg_attach(put(NET "[convolutional]\nantialiasing=1\nactivation=relu\n"), "0",
                            NULL, &n, err);
    CHECK(!none && strstr(err, "cannot stand between it and its blur"), "%s", err);
    both_ways(
        "conv: batch norm only; an add by itself", "conv",
        NET
        "[convolutional]\nbatch_normalize=1\nactivation=relu\n[convolutional]\nactivation=linear\n",
        NET SHARED "[convolutional]\nbatch_normalize=1\nactivation=linear\n" P(
            "relu") "[convolutional]\nactivation=linear\n");
}

/* ---- the cfgs of others ---- */

static int restored, compared;

/* The layer of the attached network that stands for layer i of the plain one; its own [perturb], if
 * there is one, is the next. */
static void compare_shapes(const char *path, const cfg_file *plain, const cfg_file *with) {
    int at = 0, w, h, c, W, H, C, layers = cfg_layer_count(plain);
    cfg_perturb *p = calloc((size_t)with->n, sizeof *p);
    int n = cfg_get_perturbs(with, p, with->n), k = 0;
    for (int i = 0; i < layers; i++, at++) {
        int bad = cfg_layer_shape(plain, i, &w, &h, &c) || cfg_layer_shape(with, at, &W, &H, &C);
        CHECK(!bad && w == W && h == H && c == C,
              "%s: layer %d is %d x %d x %d, attached %d x %d x %d", path, i, w, h, c, W, H, C);
        if (k < n && p[k].layer == at + 1) {
            at++, k++;
            bad = cfg_layer_shape(with, at, &W, &H, &C);
            CHECK(!bad && w == W && h == H && c == C, "%s: [perturb] behind layer %d", path, i);
        }
        compared++;
    }
    CHECK(k == n && at == cfg_layer_count(with), "%s: %d of %d [perturb] met", path, k, n);
    CHECK(cfg_weight_floats(plain) == cfg_weight_floats(with), "%s: other weights", path);
    free(p);
}

static void try_file(const char *path, const char *where, int shapes) {
    int n, m;
    size_t len;
    char *text = cfg_attach(path, where, NULL, &n, err);
    const char *last = strrchr(path, '/') + 1;
    int recurrent = !strncmp(last, "rnn", 3) || !strncmp(last, "gru", 3),
        no_add = strstr(err, "no such layer") != NULL;
    if (!text) {
        CHECK((recurrent && strstr(err, "recurrent")) || (no_add && !strcmp(where, "residual")),
              "%s", err);
        return;
    }
    char *old = (char *)file_slurp(path, &len, err), *back = cfg_detach(put(text), &m, err);
    CHECK(old && back && !strcmp(old, back) && m == n, "%s -where %s: not restored: %s", path,
          where, back ? "" : err);
    cfg_file *plain = shapes ? cfg_read_text(path, old, err) : NULL,
             *with = shapes ? cfg_read_text(path, text, err) : NULL;
    if (shapes && plain && with)
        compare_shapes(path, plain, with);
    else
        CHECK(!shapes, "%s", err);
    restored++;
    cfg_free(plain);
    cfg_free(with);
    free(old);
    free(back);
    free(text);
}

static void try_folder(const char *folder, int least) {
    char path[512];
    int n = 0;
    struct dirent *d;
    DIR *dp = opendir(folder);
    while (dp && (d = readdir(dp))) {
        const char *dot = strrchr(d->d_name, '.');
        if (!dot || strcmp(dot, ".cfg")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        /* A [shortcut] has its shapes compared in the smaller ones and in YOLO's. */
        int shapes = !strncmp(d->d_name, "yolo", 4) || !strncmp(d->d_name, "resnet18", 8);
        err[0] = 0;
        try_file(path, "residual", shapes);
        try_file(path, "conv", shapes);
        try_file(path, "all", 0);
        n++;
    }
    if (dp) closedir(dp);
    if (n < least) SKIP("only %d cfg files in %s", n, folder);
}

/* yolov3: the absolute references of its two [route], by hand. */
static void test_yolov3(void) {
    int n, seen = 0;
    char *text = cfg_attach("/usr/share/darknet/cfg/yolov3.cfg", "residual", NULL, &n, err);
    if (!text) {
        SKIP("yolov3.cfg of Debian's darknet is not there");
        return;
    }
    cfg_file *c = cfg_read_text("y", text, err);
    CHECK(n == 23 && c, "%d [perturb] in yolov3: %s", n, err);
    for (int i = 1; c && i < c->n; i++) {
        const char *v = cfg_get(c, i, "layers");
        if (!v || !strchr(v, ',')) continue;
        /* Layer 61 is the 19th [shortcut], layer 36 the 11th: behind 18 and 10 more layers, and
         * read at their [perturb]. */
        CHECK(!strcmp(v, seen ? "-1,47" : "-1,80"), "layers=%s", v);
        seen++;
    }
    CHECK(seen == 2, "%d [route] of two", seen);
    cfg_free(c);
    free(text);
}

/* ---- refusals, problems ---- */

static void refuse(const char *words, const char *where, const char *text) {
    int n;
    err[0] = 0;
    char *got = where ? cfg_attach(put(text), where, NULL, &n, err)
                      : cfg_detach(put(text), &n, err);
    CHECK(!got && strstr(err, words), "'%s' does not say '%s'", err, words);
    free(got);
}

static void test_refusals(void) {
    const char *plain = NET "[convolutional]\nactivation=relu\n[softmax]\n";
    refuse("no layer 7", "7", plain);
    refuse("not perturbed", "1", plain);
    refuse("neither residual", "0,", plain);
    refuse("neither residual", "resdual", plain);
    refuse("no such layer", "residual", plain);
    refuse("detach first", "0",
           NET "[meta_shared]\n[convolutional]\nactivation=linear\n[perturb]\n");
    refuse("recurrent", "conv", "[net]\ninputs=8\n[rnn]\noutput=4\n");
    refuse("nothing to take out", NULL, plain);
    refuse("cannot go back", NULL,
           NET "[meta_shared]\n[maxpool]\nsize=2\nstride=2\n[perturb]\nactivation=relu\n");
    refuse("cannot go back", NULL,
           NET "[meta_shared]\n[convolutional]\nactivation=leaky\n[perturb]\nactivation=relu\n");
}

static void problems(const char *what, int want, const char *lines, const char *text) {
    char *got = NULL;
    size_t len;
    FILE *f = open_memstream(&got, &len);
    int n = cfg_problems(put(text), f, err);
    fclose(f);
    CHECK(n == want, "%s: %d problems, %d wanted:\n%s", what, n, want, got);
    char mark[16];
    for (const char *s = lines; *s; s++) { /* a letter for each line number */
        snprintf(mark, sizeof mark, "cfg:%d:", *s - 'a' + 1);
        CHECK(strstr(got, mark), "%s: none in line %d:\n%s", what, *s - 'a' + 1, got);
    }
    free(got);
}

static void test_problems(void) {
    problems("none", 0, "", NET "[convolutional]\nfilters=2\n");
    problems("three lines", 3, "fgk",
             NET "[convolutional]\nfilters=two\nsiz=3\n[maxpool]\nsize=2\nstride=2\nsiez=1\n");
    problems(
        "shapes and lines", 3, "giq",
        NET
        "[convolutional]\nfilters=4\ngroups=3\n[shortcut]\nfrom=-9\n[convolutional]\nfilters=4\n"
        "[route]\nlayers=-1,0\n[maxpool]\nsize=2\nstride=2\nfoo=1\n");
    problems("a problem's consequences are not told", 1, "f",
             NET "[convolutional]\nfilters=4x\n[convolutional]\ngroups=4\nfilters=4\n");
    problems("an unknown section, and what stands in it", 2, "ek",
             NET "[pertrub]\na=b\nc=d\n[maxpool]\nsize=2\nstride=2\nsiez=1\n");
    CHECK(cfg_problems("/nonexistent.cfg", stdout, err) == -1 && strstr(err, "nonexistent"), "%s",
          err);
}

/* After a [net] that was refused in any way, every kind of layer is still looked at, and nothing
 * divides by what is missing. */
static void test_after_refused_net(void) {
    static const char *const nets[] = {"width=8\nchannels=3\n",
                                       "height=8\n",
                                       "width=8\nheight=8\n",
                                       "width=0\nheight=0\nchannels=0\n",
                                       "",
                                       "width=8\nheight=8\nchannels=x\n",
                                       "inputs=0\n",
                                       "inputs=x\n",
                                       "batch=3\nsubdivisions=2\nwidth=8\nheight=8\nchannels=3\n",
                                       "width=8\nheight=8\nchannels=3\ninputs=7\n",
                                       "width=65536\nheight=65536\nchannels=65536\n",
                                       "inputs=16\npolicy=steps\n"};
    static const char *const firsts[] = {"[convolutional]\nsize=3\npad=1\n",
                                         "[connected]\noutput=4\n", "[dropout]\n",
                                         "[upsample]\nstride=-2\n", "[softmax]\n"};
    static const char *const layers[] = {"[shortcut]\nfrom=-2\n",
                                         "[shortcut]\nfrom=-1\n",
                                         "[route]\nlayers=-1,-2\n",
                                         "[reorg]\nstride=2\n",
                                         "[reorg]\nstride=2\nreverse=1\n",
                                         "[upsample]\nstride=-2\n",
                                         "[upsample]\nstride=0\n",
                                         "[crop]\ncrop_height=2\ncrop_width=2\n",
                                         "[softmax]\ngroups=2\n",
                                         "[convolutional]\ngroups=2\n",
                                         "[convolutional]\ngroups=0\nstride=0\n",
                                         "[deconvolutional]\nsize=2\n",
                                         "[local]\nsize=3\n",
                                         "[maxpool]\nsize=2\nstride=2\n",
                                         "[avgpool]\n",
                                         "[yolo]\n",
                                         "[region]\n",
                                         "[detection]\n",
                                         "[iseg]\n",
                                         "[rnn]\n",
                                         "[crnn]\n",
                                         "[batchnorm]\n",
                                         "[dropout]\ndropblock=1\n",
                                         "[connected]\n"};
    enum {
        N = sizeof nets / sizeof *nets,
        F = sizeof firsts / sizeof *firsts,
        L = sizeof layers / sizeof *layers
    };
    int told = 0, all = 0;
    FILE *nowhere = fopen("/dev/null", "w");
    for (int k = 0; nowhere && k < N * F * L; k++) {
        char text[512];
        snprintf(text, sizeof text, "[net]\n%s%s%s%s", nets[k % N], firsts[k / N % F],
                 firsts[k / N % F], layers[k / N / F]);
        told += cfg_problems(put(text), nowhere, err) > 0;
        all++;
    }
    if (nowhere) fclose(nowhere);
    CHECK(all == N * F * L && told == all, "%d of %d refused", told, all);
    problems("a [net] without height, then a [shortcut]", 1, "a",
             "[net]\nwidth=8\nchannels=3\n[convolutional]\n[convolutional]\n"
             "[shortcut]\nfrom=-2\n");
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/t.cfg", dir);
    const char *shared = getenv("MP_SHARED");
    char yolo[512];
    snprintf(yolo, sizeof yolo, "%s/weights/yolo_fastest", shared ? shared : "../shared");
    test_text();
    try_folder("/usr/share/darknet/cfg", 40);
    try_folder(yolo, 2);
    CHECK(restored > 80 && compared > 500, "only %d files restored, %d shapes compared", restored,
          compared);
    test_yolov3();
    test_refusals();
    test_problems();
    test_after_refused_net();
    unlink(file);
    rmdir(dir);
    return t_done("test_cfg_edit");
}
