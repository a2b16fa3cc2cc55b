/* test_cfg.c - the cfg reader: every refusal with its sentence, every typo, layout, values,
 * warnings, random damage. */
#include "host/cfg.h"
#include "host/cfg_keys.h"
#include "ops/perturb.h"
#include "test.h"
#include <fcntl.h>
#include <unistd.h>

static char dir[] = "/tmp/mp_test_cfg_XXXXXX", file[64], warnings[64];
static char err[ERR_LEN];

static void put(const char *text, size_t n) {
    FILE *f = fopen(file, "wb");
    if (!f || fwrite(text, 1, n, f) != n || fclose(f)) exit(1);
}

static cfg_file *parse(const char *text) {
    put(text, strlen(text));
    err[0] = 0;
    return cfg_read(file, err);
}

/* What a call writes to stderr, into `warned`. */
static char warned[8192];
static int saved = -1;
static void catch_stderr(void) {
    fflush(stderr);
    saved = dup(2);
    int fd = open(warnings, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (saved < 0 || fd < 0 || dup2(fd, 2) < 0) exit(1);
    close(fd);
}
static void release_stderr(void) {
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    FILE *f = fopen(warnings, "rb");
    size_t n = f ? fread(warned, 1, sizeof warned - 1, f) : 0;
    warned[n] = 0;
    if (f) fclose(f);
}

static int occurrences(const char *s, const char *what) {
    int n = 0;
    for (; (s = strstr(s, what)); s += strlen(what)) n++;
    return n;
}

#define NET "[net]\nheight=8\nwidth=8\nchannels=3\n"       /* 4 lines */
#define CONV "[convolutional]\nfilters=6\nsize=3\npad=1\n" /* 4 lines */

typedef struct {
    const char *text;
    int line;
    const char *words, *more;
} refusal;
static const refusal refusals[] = {
    {"", 0, "empty", "[net]"},
    {"# only a comment\n\n", 0, "empty", ""},
    {"batch=1\n[net]\n", 1, "before the first section", "[net]"},
    {"[convolutional]\nfilters=1\n", 1, "first section must be [net]", "[convolutional]"},
    {"[net]\nheight=8\nwidth=8\n", 1, "channels is missing", ""},
    {"[net]\n[connected]\n", 1, "width is missing", "inputs"},
    {"[net]\nheight=8\nwidth=8\nchannels=3\ninputs=12\n" CONV, 5, "inputs=12", "192"},
    {NET, 0, "no layers", ""},
    {NET "[cost]\n", 0, "no layers", "[cost]"},
    {NET CONV "[net]\ninputs=4\n", 9, "second [net]", ""},
    {NET "[convolutonal]\n", 5, "unknown section [convolutonal]", "did you mean [convolutional]"},
    {NET "[frobnicator]\n", 5, "unknown section [frobnicator]", "known: net convolutional"},
    {NET "[Gaussian_yolo]\n", 5, "Gaussian_yolo", "AlexeyAB"},
    {NET "[convolutional\n", 5, "must end with ']'", ""},
    {NET CONV "filters 6\n", 9, "'=' is missing", ""},
    {NET CONV "stride=\n", 9, "stride has no value", ""},
    {NET "[perturb]\nactivaton=relu\n", 6,
     "[perturb] unknown key \"activaton\"; did you mean \"activation\"?", ""},
    {NET "[maxpool]\nfilters=3\n", 6, "unknown key \"filters\" (a key of convolutional",
     "known: size, stride"},
    {NET "[meta_shared]\nk=3\n", 6, "unknown key \"k\"", "known: phi, train, c_norm"},
    {NET "batch=abc\n" CONV, 5, "batch=abc", "not a whole number"},
    {NET "batch=0\n" CONV, 5, "batch=0", "out of range"},
    {NET "batch=-4\n" CONV, 5, "out of range", "[1, 1000000]"},
    {NET "batch=8.5\n" CONV, 5, "not a whole number", ""},
    {NET "batch=99999999999999999999\n" CONV, 5, "batch=", "not a whole number"},
    {NET "batch=8-\n" CONV, 5, "not a whole number", ""},
    {NET "learning_rate=1.2.3\n" CONV, 5, "not a number", ""},
    {NET "learning_rate=1e\n" CONV, 5, "not a number", ""},
    {NET "batch=64# comment\n" CONV, 5, "not a whole number", "comment needs a blank before its #"},
    {NET "batch= # 64\n" CONV, 5, "batch has no value", ""},
    {NET "batch=3\nsubdivisions=2\n" CONV, 6, "batch=3 is not a multiple of subdivisions=2", ""},
    {NET "subdivisions=0\n" CONV, 5, "subdivisions=0", "out of range"},
    {NET "learning_rate=0\n" CONV, 5, "must be above 0", ""},
    {NET "learning_rate=nan\n" CONV, 5, "not a number", ""},
    {NET "learning_rate=inf\n" CONV, 5, "not a number", ""},
    {NET "learning_rate=1e999\n" CONV, 5, "not a number", ""},
    {NET "learning_rate=0x1p-3\n" CONV, 5, "not a number", ""},
    {NET "momentum=1\n" CONV, 5, "[0, 1)", ""},
    {NET "policy=stpes\n" CONV, 5, "unknown policy \"stpes\"", "did you mean \"step"},
    {NET "policy=cosine\n" CONV, 5, "policy=cosine needs max_batches=", ""},
    {NET "mosaic_bound=1\n" CONV, 5, "mosaic_bound without mosaic=1", ""},
    {NET CONV "[yolo]\nclasses=1\nrandom=.5\n", 11, "random=", "above 1"},
    {NET "policy=steps\nsteps=10\n" CONV, 5, "policy=steps needs", "scales is missing"},
    {NET "policy=steps\nscales=.1\n" CONV, 5, "policy=steps needs", "steps is missing"},
    {NET "policy=steps\nsteps=10,20\nscales=.1\n" CONV, 7, "2 steps but 1 scales", ""},
    {NET "policy=steps\nsteps=20,10\nscales=.1,.1\n" CONV, 6, "must rise", ""},
    {NET "policy=steps\nsteps=10,\nscales=.1,.1\n" CONV, 6, "not a list of whole numbers", ""},
    {NET "policy=step\nscale=.1\n" CONV, 5, "policy=step needs step=", ""},
    {NET "policy=step\nstep=3\n" CONV, 5, "policy=step needs scale=", ""},
    {NET "policy=exp\n" CONV, 5, "policy=exp needs gamma=", ""},
    {NET "policy=sigmoid\ngamma=.1\n" CONV, 5, "policy=sigmoid needs step=", ""},
    {NET "policy=poly\n" CONV, 5, "policy=poly needs max_batches=", ""},
    {NET "policy=poly\nmax_batches=0\n" CONV, 6, "at least 1", ""},
    {NET "crop_pad=-1\n" CONV, 5, "crop_pad=-1", "out of range"},
    {NET "flip=2\n" CONV, 5, "flip=2", "out of range"},
    {NET "label_smooth_eps=1.1\n" CONV, 5, "label_smooth_eps=1.1", "[0, 1]"},
    {NET "cutout=-3\n" CONV, 5, "cutout=-3", "out of range"},
    {NET "mixup=2\n" CONV, 5, "mixup=2", "[0, 1]"},
    {NET "mixup=1\nmixup_alpha=0\n" CONV, 6, "mixup_alpha=0", "(0, 100]"},
    {NET "ema_alpha=1\n" CONV, 5, "ema_alpha=1", "[0, 1)"},
    {NET "cutmix_alpha=1\n" CONV, 5, "cutmix_alpha without cutmix=1", ""},
    {"[net]\nheight=60000\nwidth=60000\nchannels=3\n" CONV, 1, "more than the host can count", ""},
    {NET "[convolutional]\nfilters=900000\nsize=1\nbatch_normalize=1\n[upsample]\nstride=500\n", 9,
     "host can count", "layer 1"},
    {NET "[convolutional]\nactivation=reul\n", 6, "unknown activation \"reul\"",
     "did you mean \"relu\""},
    {NET "[local]\nactivation=norm_chan\n", 6, "activation=norm_chan", "over the channels"},
    {NET "[convolutional]\nactivation=zzzzzzzz\n", 6, "unknown activation",
     "known: linear, relu, leaky"},
    {NET CONV "[cost]\ntype=ssse\n", 10, "unknown type \"ssse\"", "did you mean \"sse\""},
    {NET "[convolutional]\nsize=0\n", 6, "size=0", "out of range"},
    {NET "[convolutional]\nstride=0\n", 6, "stride=0", "out of range"},
    {NET "[convolutional]\nsize=9\n", 6, "size=9 is larger than its input of 8 x 8", "layer 0"},
    {NET "[convolutional]\nfilters=4\ngroups=2\n", 7, "groups=2 must divide the 3 input channels",
     ""},
    {NET "[convolutional]\ncoordconv=1\n", 6, "coordconv=1", "AlexeyAB"},
    {NET CONV "[route]\nlayers=0\ngroups=2\ngroup_id=2\n", 12, "group_id=2", "groups=2"},
    {NET "[maxpool]\nsize=12\npadding=2\n", 6, "larger than its input", "10 x 10"},
    {NET "[local]\nsize=9\n", 6, "size=9 is larger", ""},
    {NET "[deconvolutional]\npadding=8\n", 5, "gives a picture of -8 x -8 x 1", "too small"},
    {NET CONV "[shortcut]\nactivation=linear\n", 9, "from= is missing", "layer 1"},
    {"[net]\ninputs=6\n[rnn]\noutput=5\nhidden=7\n", 5, "hidden=7 but output=5",
     "as many hidden units"},
    {NET "[convolutional]\nfilters=3\n[reorg]\nstride=2\n", 8,
     "stride=2: 3 channels cannot be divided by 4", ""},
    {NET CONV "[shortcut]\nfrom=-9\n", 10, "from=-9 would be layer -8", "(layer 1)"},
    {NET CONV "[shortcut]\nfrom=1\n", 10, "is the layer itself", "(layer 1)"},
    {NET CONV "[shortcut]\nfrom=5\n", 10, "would be layer 5", "only layers 0 to 0"},
    {NET CONV "[shortcut]\nfrom=-1,x\n", 10, "not a list of whole numbers", ""},
    {NET CONV "[crop]\ncrop_height=8\ncrop_width=4\n[shortcut]\nfrom=0\n", 13, "layer 0 is 8 x 8",
     "4 x 8"},
    {"[net]\ninputs=9\n[softmax]\n[connected]\noutput=4\n[shortcut]\nfrom=0\n", 7,
     "gives no picture", ""},
    {NET CONV "[route]\n", 9, "layers= is missing", ""},
    {NET CONV "[route]\nlayers=-1,-2\n", 10, "layers=-2 would be layer -1", ""},
    {NET CONV "[route]\nlayers=-1,x\n", 10, "not a list of whole numbers", ""},
    {NET CONV "[maxpool]\nsize=2\nstride=2\n[route]\nlayers=0,1\n", 13,
     "layer 1 is 4 x 4 but the first is 8 x 8", ""},
    {NET CONV "[upsample]\nstride=0\n", 10, "stride=0", "out of range"},
    {NET CONV "[upsample]\nstride=-9\n", 9, "too small", ""},
    {NET CONV "[reorg]\nstride=3\n", 10, "stride=3 does not divide", ""},
    {NET CONV "[reorg]\nstride=2\nreverse=1\n", 10, "6 channels cannot be divided by 4", ""},
    {NET "[crop]\ncrop_height=9\ncrop_width=4\n", 7, "cannot be cut out of 8 x 8", ""},
    {NET CONV "[dropout]\nprobability=1\n", 10, "[0, 1)", ""},
    {NET "[dropout]\n", 5, "cannot be the first layer", ""},
    {NET CONV "[dropout]\ndropblock=2\n", 10, "dropblock=2", "[0, 1]"},
    {NET CONV "[dropout]\ndropblock=1\ndropblock_size_abs=0\n", 11, "dropblock_size_abs=0",
     "out of range"},
    {NET CONV "[dropout]\ndropblock=1\ndropblock_size_rel=1.5\n", 11, "dropblock_size_rel=1.5",
     "(0, 1]"},
    {NET CONV "[dropout]\ndropblock=1\ndropblock_size_rel=.5\ndropblock_size_abs=3\n", 11,
     "give one of them", "layer 1"},
    {NET CONV "[dropout]\ndropblock_size_abs=3\n", 10, "without dropblock=1", ""},
    {NET CONV "[softmax]\n[dropout]\ndropblock=1\n", 11, "needs a picture", "layer 2"},
    {NET CONV "[dropout]\ndropblock=1\n[rnn]\n", 10, "recurrent", ""},
    {NET "[connected]\noutput=9\n[softmax]\ngroups=2\n", 8, "groups=2 does not divide", "9"},
    {"[net]\ninputs=9\n" CONV, 3, "needs a picture", "[net]"},
    {NET "[softmax]\n" CONV, 6, "needs a picture", "layer 1"},
    {NET CONV "[yolo]\nclasses=80\n", 9, "= 85 channels but gets 6",
     "set filters=85 in the [convolutional]"},
    {NET CONV "[yolo]\nclasses=1\nmax=0\n", 11, "max=0", "range"},
    {NET CONV "[yolo]\nclasses=1\nmap=x\nmax=30\n", 12, "map=", "max="},
    {NET CONV "[yolo]\nclasses=1\nmap=x\niou_loss=ciou\n", 11, "map=", "AlexeyAB"},
    {NET CONV "[yolo]\nclasses=2\ncounters_per_class=3\n", 11, "1 counters", "classes=2"},
    {NET CONV "[yolo]\nclasses=1\niou_loss=siou\n", 11, "iou_loss", "siou"},
    {NET CONV "[yolo]\nclasses=1\nnms_kind=cornersnms\n", 11, "nms_kind", "greedynms"},
    {NET CONV "[yolo]\nclasses=1\nanchors=1,2,3\n", 11, "3 numbers in anchors=", "needs 2"},
    {NET CONV "[yolo]\nclasses=1\nmask=1\nnum=1\n", 11, "mask 1 is not below num=1", ""},
    {NET CONV "[yolo]\nclasses=1\nmask=0,0\nnum=1\n", 11, "2 masks", "num=1"},
    {NET CONV "[yolo]\nclasses=1\nnew_coords=2\n", 11, "new_coords=2", "range"},
    {NET CONV "[yolo]\nclasses=0\n", 10, "classes=0", "out of range"},
    {NET CONV "[region]\nclasses=3\n", 9, "num x (classes + coords + 1) = 8 channels but gets 6",
     ""},
    {NET CONV "[region]\nclasses=1\nanchors=1\n", 11, "1 numbers in anchors=", "needs 2"},
    {NET CONV "[region]\nclasses=1\nmax=90\n", 11, "max=90", "30"},
    {NET CONV "[detection]\nclasses=3\n", 9, "= 245 inputs but gets 384", ""},
    {NET CONV "[iseg]\n", 9, "classes + ids = 52 channels", ""},
    {NET "[meta_shared]\n" CONV "[meta_shared]\n", 10, "second [meta_shared]", "line 5"},
    {NET CONV "[perturb]\n", 9, "[perturb] needs a [meta_shared]", ""},
    {NET "[meta_shared]\n[perturb]\n" CONV, 6, "cannot be the first layer", ""},
    {NET "[meta_shared]\n" CONV "[perturb]\nnoise=2\n", 11, "unknown noise \"2\"",
     "did you mean \"0\""},
    {NET "[meta_shared]\n" CONV "[perturb]\nnoise=gausian\n", 11, "did you mean \"gaussian\"", ""},
    {NET "[meta_shared]\n" CONV "[perturb]\nnoise=gaussian\nsd=0\n", 12, "sd=0", "(0, 10]"},
    {NET "[meta_shared]\n" CONV "[perturb]\nnoise=unit\nsd=.6\n", 12,
     "sd= belongs to noise=gaussian", ""},
    {NET "[meta_shared]\n" CONV "[perturb]\nnoise=gaussian\nscale=1\n", 12, "has no scale", ""},
    {NET "[meta_shared]\n" CONV "[perturb]\nactivation=reul\n", 11, "did you mean \"relu\"", ""},
    {NET "[meta_shared]\nanneal=1.5\n" CONV "[perturb]\n", 6, "anneal=1.5", "[0, 1]"},
    {NET "[meta_shared]\nadapt=.5\n" CONV "[perturb]\n", 6, "adapt= needs", "[softmax]"},
    {NET "[meta_shared]\nadapt=2\n" CONV "[perturb]\n[softmax]\n", 6, "adapt=2", "[0, 1]"},
    {NET "[meta_shared]\ncool=0.9,0.6\n" CONV "[perturb]\n", 6, "cool=0.9,0.6", "0.6,0.9"},
    {NET "[meta_shared]\ncool=0.2,0.6\n" CONV "[perturb]\n", 6, "not below anneal (0.4)", ""},
    {NET "[meta_shared]\ncool=0.6\n" CONV "[perturb]\n", 6, "two shares", ""},
    {NET "[meta_shared]\ncool=0.6,0.9,1\n" CONV "[perturb]\n", 6, "two shares", ""},
    {NET "[meta_shared]\ncool=0.6,1.1\n" CONV "[perturb]\n", 6, "cool=", "[0, 1]"},
    {NET "[meta_shared]\nclip=0\n" CONV "[perturb]\n", 6, "above 0", ""},
    {NET "[meta_shared]\n" CONV "[softmax]\n[perturb]\n", 11, "needs a picture", ""},
    {NET "[meta_shared]\n" CONV "[perturb]\n[rnn]\n", 10, "recurrent", ""},
    {"[meta_shared]\n" NET, 1, "first section must be [net]", ""},
};

static void test_refusals(void) {
    catch_stderr();
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const refusal *r = &refusals[i];
        char start[128];
        snprintf(start, sizeof start, r->line ? "%s:%d: " : "%s: ", file, r->line);
        cfg_file *c = parse(r->text);
        CHECK(!c, "accepted:\n%s", r->text);
        CHECK(!strncmp(err, start, strlen(start)) && strstr(err, r->words) && strstr(err, r->more),
              "case %zu: want \"%s%s\" and \"%s\", got \"%s\"", i, start, r->words, r->more, err);
        cfg_free(c);
    }
    release_stderr();
}

static void refuse_bytes(const char *text, size_t n, const char *words) {
    put(text, n);
    cfg_file *c = cfg_read(file, err);
    CHECK(!c && strstr(err, file) && strstr(err, words), "want \"%s\", got \"%s\"", words, err);
    cfg_free(c);
}

static void test_files(void) {
    static const char nul[] = NET "[convolutional]\nfil\0ters=3\n";
    refuse_bytes(nul, sizeof nul - 1, ":6: a byte of value 0");
    size_t n = (16 << 20) + 1;
    char *big = malloc(n);
    if (!big) exit(1);
    memset(big, '#', n);
    refuse_bytes(big, n, "too many for a cfg");
    free(big);
    CHECK(!cfg_read("/nonexistent/x.cfg", err) && strstr(err, "x.cfg") &&
              strstr(err, "No such file"),
          "%s", err);
    CHECK(!cfg_read(dir, err) && strstr(err, "folder"), "%s", err);
    char many[200000] = NET;
    char *s = many + strlen(many);
    for (int i = 0; i < 10001; i++) s += sprintf(s, "[activation]\n");
    refuse_bytes(many, strlen(many), "more than 10000 sections");
    char deep[4200] = "/tmp/";
    for (int i = 0; i < 2000; i++) strcat(deep, "./");
    strcat(deep, file + 5);
    put(NET CONV, strlen(NET CONV));
    cfg_file *c = cfg_read(deep, err);
    CHECK(c != NULL, "a path of %zu characters: %s", strlen(deep), err);
    cfg_free(c);
    put(NET "[x]\n", strlen(NET "[x]\n"));
    CHECK(!cfg_read(deep, err) && strstr(err, ":5: unknown section [x]"),
          "a long path hides the sentence: %s", err);
}

/* What the host accepts in layout, we accept: CR, BOM, blanks anywhere, comments, no last newline.
 */
static void test_layout(void) {
    cfg_file *a = parse(NET CONV "activation=relu"),
             *b = parse("\xef\xbb\xbf# c\r\n;c\r\n \t[ne t]\r\nhei ght = 8\r\n width=8\r\n\r\n"
                        "channels = 3 \r\n[conv]\r\nfilters=6\r\nsize=3\r\npad=1\r\n"
                        "activation\t=\trelu  \r\n");
    CHECK(a && b, "%s", err);
    if (a && b) {
        char *ta = cfg_for_host(a), *tb = cfg_for_host(b);
        CHECK(ta && tb && !strcmp(ta, tb), "the same cfg in two layouts:\n%s\n%s", ta, tb);
        CHECK(b->sections[1].line == 8 && b->sections[1].options[0].line == 9, "lines %d %d",
              b->sections[1].line, b->sections[1].options[0].line);
        free(ta);
        free(tb);
    }
    cfg_free(a);
    cfg_free(b);
}

static void refuse_typo(const cfg_kind *k, const char *typo, int suggest) {
    char text[256], want[128];
    if (cfg_key_find(k, typo) || !*typo) return;
    int net = k->id == CFG_S_NET;
    snprintf(text, sizeof text, "%s[%s]\n%s=1\n", net ? "" : NET, k->name, typo);
    snprintf(want, sizeof want, ":%d: [%s] unknown key \"%s\"", net ? 2 : 6, k->name, typo);
    cfg_file *c = parse(text);
    CHECK(!c && strstr(err, want) && (!suggest || strstr(err, "did you mean \"")), "[%s] %s: %s",
          k->name, typo, err);
    cfg_free(c);
}

/* Every one-letter slip (left out, doubled, wrong, swapped) in every key of every section. */
static void test_typos(void) {
    int keys = 0;
    for (int id = 0; id < CFG_S_COUNT; id++) {
        const cfg_kind *k = &cfg_kinds[id];
        const cfg_key *key;
        for (int i = 0; (key = cfg_key_at(k, i)); i++, keys++) {
            int n = (int)strlen(key->name), suggest = n >= 4 && key->owner <= CFG_DONE;
            for (int at = 0; at < n; at++) {
                char t[64];
                snprintf(t, sizeof t, "%.*s%s", at, key->name, key->name + at + 1);
                refuse_typo(k, t, suggest);
                snprintf(t, sizeof t, "%.*s%c%s", at + 1, key->name, key->name[at],
                         key->name + at + 1);
                refuse_typo(k, t, suggest);
                snprintf(t, sizeof t, "%s", key->name);
                t[at] = t[at] == 'q' ? 'j' : 'q';
                refuse_typo(k, t, suggest);
                snprintf(t, sizeof t, "%s", key->name);
                if (at && t[at] != t[at - 1])
                    t[at] = t[at - 1], t[at - 1] = key->name[at], refuse_typo(k, t, suggest);
            }
            for (int j = 0; key->kind == CFG_ENUM && key->words[j]; j++) {
                char text[256];
                snprintf(text, sizeof text, "%s[%s]\n%s=%sq\n", id ? NET : "", k->name, key->name,
                         key->words[j]);
                cfg_file *c = parse(text);
                CHECK(!c && strstr(err, "did you mean"), "%s", err);
                cfg_free(c);
            }
        }
    }
    CHECK(keys > 300, "only %d keys", keys);
}

static void test_values(void) {
    catch_stderr();
    cfg_file *c = parse(NET "crop_pad=4\nflip=0\nadam=1\neps=1e-8\nmosaic=1\n[meta_shared]\nphi="
                            "sub dir/a.phi\ntrain=1\nc_norm=64\n" CONV
                            "[perturb]\nactivation=relu\nnoise=0\n" CONV
                            "[perturb]\nscale=0\n[avgpool]\n[softmax]\n");
    release_stderr();
    CHECK(c != NULL, "%s", err);
    if (!c) return;
    cfg_meta_shared m = cfg_get_meta_shared(c);
    char want[128];
    snprintf(want, sizeof want, "%s/sub dir/a.phi", dir);
    CHECK(!strcmp(m.phi, want), "phi %s, want %s", m.phi, want);
    CHECK(m.present && m.line == 10 && m.train == 1 && m.c_norm == 64 && m.h_norm == 0 &&
              m.clip == 100 && m.momentum == 0.1f && m.anneal == 0.4f && m.sigma == 0.01f,
          "[meta_shared] values");
    cfg_perturb p[2];
    CHECK(cfg_get_perturbs(c, p, 2) == 2 && cfg_get_perturbs(c, NULL, 0) == 2, "perturbs");
    CHECK(p[0].layer == 1 && p[0].noise == 0 && p[0].scale == 1 && !strcmp(p[0].activation, "relu"),
          "first [perturb]");
    CHECK(p[1].layer == 3 && p[1].noise == 1 && p[1].scale == 0 &&
              !strcmp(p[1].activation, "linear"),
          "second [perturb]");
    CHECK(cfg_get_net_extra(c).crop_pad == 4 && cfg_get_net_extra(c).flip == 0, "[net] extras");
    CHECK(cfg_get_num(c, 0, "eps", 0) == 1e-8 && cfg_get_num(c, 0, "decay", 7) == 7 &&
              !cfg_get(c, 0, "decay"),
          "numbers");
    CHECK(cfg_layer_count(c) == 6, "%d layers", cfg_layer_count(c));
    char *t = cfg_for_host(c);
    CHECK(t && !strstr(t, "meta_shared") && !strstr(t, "perturb") && !strstr(t, "crop_pad") &&
              !strstr(t, "flip") && !strstr(t, "mosaic") &&
              occurrences(t, "[upsample]\nstride=1\n") == 2 && strstr(t, "eps=1e-8\n"),
          "text:\n%s", t);
    free(t);
    int w, h, ch;
    CHECK(cfg_layer_shape(c, 4, &w, &h, &ch) == 0 && w == 1 && h == 1 && ch == 6,
          "avgpool %d %d %d", w, h, ch);
    CHECK(cfg_layer_shape(c, 6, &w, &h, &ch) == -1 && cfg_layer_shape(c, -1, &w, &h, &ch) == -1,
          "layers out of range");
    CHECK(cfg_set_classes(c, 11, err) == 0 && cfg_layer_shape(c, 5, &w, &h, &ch) == 0 && ch == 11,
          "%d classes: %s", ch, err);
    CHECK(cfg_set(c, 2, "stride", "0") == 0 && cfg_layer_shape(c, 0, &w, &h, &ch) == -1,
          "a bad value set later");
    CHECK(cfg_set(c, 99, "stride", "1") == -1 && cfg_set(c, -1, "stride", "1") == -1,
          "no such section");
    cfg_free(c);
    c = parse(
        NET
        "mixup=1\nmixup_alpha=.2\ncutmix=1\nlabel_smooth_eps=0.1\ncutout=9\nema_alpha=.998\n" CONV);
    CHECK(c != NULL, "%s", err);
    cfg_net_extra x = cfg_get_net_extra(c);
    CHECK(x.mixup == 0.2f && x.cutmix == 1 && x.label_smooth == 0.1f && x.cutout == 9 &&
              x.crop_pad == -1 && x.ema_alpha == 0.998,
          "[net] regularizers");
    t = cfg_for_host(c);
    CHECK(t && !strstr(t, "mixup") && !strstr(t, "cutmix") && !strstr(t, "label_smooth") &&
              !strstr(t, "cutout") && !strstr(t, "ema"),
          "text:\n%s", t);
    free(t);
    cfg_free(c);
    c = parse(NET "[meta_shared]\n" CONV "[perturb]\nnoise=gaussian\n[perturb]\nnoise=mean\nscale="
                  "0\n[perturb]\nnoise=unit\n[perturb]\n");
    cfg_perturb q[4];
    CHECK(c && cfg_get_perturbs(c, q, 4) == 4 && q[0].noise == PERTURB_KIND_GAUSSIAN &&
              q[0].sd == 0.6f && q[1].noise == PERTURB_KIND_MEAN && q[1].scale == 0 &&
              q[2].noise == PERTURB_KIND_UNIT && q[3].noise == PERTURB_KIND_PAPER,
          "kinds of noise: %s", err);
    cfg_free(c);
    catch_stderr(); /* it warns of a [meta_shared] without [perturb] */
    c = parse(NET "[meta_shared]\n" CONV "[dropout]\ndropblock=1\n" CONV
                  "[dropout]\nprobability=.1\n[dropout]\ndropblock=1\n"
                  "dropblock_size_rel=.25\n[dropout]\ndropblock=1\ndropblock_size_abs=3\n");
    release_stderr();
    cfg_dropblock d[1] = {{0, 0}};
    CHECK(c && !cfg_get_dropblock(c, 0, d) && cfg_get_dropblock(c, 1, d) && d[0].abs == 7 &&
              d[0].rel == 0 && !cfg_get_dropblock(c, 3, d) && cfg_get_dropblock(c, 4, d) &&
              d[0].rel == 0.25f && cfg_get_dropblock(c, 5, d) && d[0].abs == 3 &&
              !cfg_get_dropblock(c, 6, d),
          "dropblock: %s", err);
    t = c ? cfg_for_host(c) : NULL;
    CHECK(t && !strstr(t, "dropblock") && strstr(t, "probability=.1"), "text:\n%s", t);
    free(t);
    cfg_free(c);
    c = parse(NET "mixup=0\nmixup_alpha=.2\n" CONV);
    CHECK(c && cfg_get_net_extra(c).mixup == 0, "mixup=0: %s", err);
    cfg_free(c);
    c = parse(NET CONV "[cost]\n");
    CHECK(c && cfg_set_classes(c, 3, err) == -1 && strstr(err, "no [softmax]"), "%s", err);
    cfg_free(c);
    c = parse(NET CONV "[reorg]\n[softmax]\n");
    CHECK(c && cfg_set_classes(c, 3, err) == -1 && strstr(err, ":9: ") && strstr(err, "neither"),
          "%s", err);
    cfg_free(c);
    c = parse(NET CONV "dontload=1\n");
    CHECK(c && cfg_weight_floats(c) == -1, "dontload makes the size unknown: %s", err);
    cfg_free(c);
}

/* Each key of another Darknet has a reason beside it, or is refused: in training, or altogether,
 * unless its value changes nothing. */
static void test_other_darknets(void) {
    int keys[2] = {0, 0};
    for (int id = 0; id < CFG_S_COUNT; id++) {
        const cfg_kind *k = &cfg_kinds[id];
        const cfg_key *key;
        for (int i = 0; (key = cfg_key_at(k, i)); i++) {
            if (key->owner == CFG_FORK)
                CHECK(key->words && strlen(key->words[0]) > 8, "[%s] %s has no reason beside it",
                      k->name, key->name);
            if (key->owner != CFG_FORK_TRAIN ||
                (id > CFG_S_NET && keys[1] && cfg_key_find(&cfg_kinds[CFG_S_LOGISTIC], key->name)))
                continue;
            char same[64];
            snprintf(same, sizeof same, "%g", key->lo);
            cfg_option o = {(char *)(size_t)key->name,
                            key->words ? (char *)(size_t)key->words[0] : same, 7};
            cfg_section sec = {.type = (char *)(size_t)k->name, .line = 3, .n = 1, .options = &o};
            cfg_file c = {.path = (char *)(size_t)"t.cfg", .n = 1, .sections = &sec};
            if (key->words || isfinite(key->lo)) CHECK(!cfg_check_training(&c, err), "%s", err);
            o.val = (char *)(size_t)"0.37";
            CHECK(cfg_check_training(&c, err) && strstr(err, "t.cfg:7: [") &&
                      strstr(err, key->name) && strstr(err, "remove the line"),
                  "[%s] %s=0.37 may be trained with: %s", k->name, key->name, err);
            keys[id > CFG_S_NET]++;
        }
    }
    CHECK(keys[0] > 12 && keys[1] > 9, "%d keys of [net] and %d of layers", keys[0], keys[1]);
}

static void test_warnings(void) {
    catch_stderr();
    cfg_file *c = parse(NET "track=1\n" CONV "coordconv=0\n" CONV "coordconv=0\n[meta_shared]\n");
    release_stderr();
    CHECK(c && occurrences(warned, "\n") == 3 && occurrences(warned, "track") == 1 &&
              occurrences(warned, "coordconv") == 1,
          "warnings:\n%s", warned);
    CHECK(strstr(warned, ":5: warning: [net] key \"track\"") &&
              strstr(warned, "it changes training, which is refused") &&
              strstr(warned, "[meta_shared] without any [perturb]"),
          "warnings:\n%s", warned);
    cfg_free(c);
    catch_stderr();
    c = parse(NET "batch=2\nbatch=4\n" CONV);
    release_stderr();
    CHECK(c && cfg_get_num(c, 0, "batch", 0) == 2 &&
              strstr(warned, ":6: warning: [net] batch is given twice") &&
              strstr(warned, "batch=2 in line 5"),
          "%s%s", warned, err);
    cfg_free(c);
    catch_stderr();
    c = parse(NET CONV "filters=7\n[conv] # the last\nfilters=4\t# or 5\nactivation=relu #x\n");
    release_stderr();
    CHECK(c && cfg_get_num(c, 1, "filters", 0) == 6 &&
              strstr(warned, ":9: warning: [convolutional] filters is given twice: Darknet goes by "
                             "the first, filters=6 in line 6"),
          "given twice, as pjreddie's yolov3-openimages and yolo9000 do: %s%s", warned, err);
    CHECK(c && c->n == 3 && cfg_get_num(c, 2, "filters", 0) == 4 &&
              !strcmp(cfg_get(c, 2, "activation"), "relu") && occurrences(warned, "\n") == 2 &&
              strstr(warned, ":10: warning: what stands after a blank and #"),
          "comments: %s%s", warned, err);
    cfg_free(c);
}

/* Random damage: refused or accepted, but never a crash, and what is accepted can be translated and
 * read again. */
static void test_damage(void) {
    static const char good[] = NET
        "batch=4\npolicy=steps\nsteps=1,2\nscales=.1,.1\n[meta_shared]\nphi=a\n" CONV "[perturb]\n"
        "[shortcut]\nfrom=-2\n[route]\nlayers=-1,-3\n[maxpool]\nsize=2\nstride=2\n[yolo]\nclasses="
        "1\nmask=0,1\nnum=2\nanchors=1,2,3,4\n";
    unsigned long long s = 88172645463325252ull;
    int accepted = 0;
    catch_stderr();
    for (int i = 0; i < 4000; i++) {
        char t[sizeof good];
        memcpy(t, good, sizeof good);
        for (int k = 0; k < 1 + i % 3; k++) {
            s ^= s << 13, s ^= s >> 7, s ^= s << 17;
            t[s % (sizeof good - 1)] = "0123456789-,=[]\n #;.eabc\377"[(s >> 32) % 26];
        }
        put(t, sizeof good - 1);
        cfg_file *c = cfg_read(file, err);
        if (!c) continue;
        char *text = cfg_for_host(c);
        cfg_file *again = text ? parse(text) : NULL;
        accepted++;
        CHECK(again && cfg_weight_floats(again) == cfg_weight_floats(c), "%s\nfrom\n%s", err, t);
        free(text);
        cfg_free(again);
        cfg_free(c);
    }
    release_stderr();
    CHECK(accepted > 20 && accepted < 3900, "%d of 4000 damaged files accepted", accepted);
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/t.cfg", dir);
    snprintf(warnings, sizeof warnings, "%s/err", dir);
    test_refusals();
    test_files();
    test_layout();
    test_typos();
    test_values();
    test_other_darknets();
    test_warnings();
    test_damage();
    unlink(file);
    unlink(warnings);
    rmdir(dir);
    return t_done("test_cfg");
}
