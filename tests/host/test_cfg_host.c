/* test_cfg_host.c - the host itself as the judge of our cfg reader: of the translated text, of
 * every layer's shape, of the size of the weights file, and of the tables of keys. Then every cfg
 * that comes with it. */
#include "host/cfg.h"
#include "host/cfg_keys.h"
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/mp_test_cfg_host_XXXXXX", file[64], listed[64];
static char err[ERR_LEN];

#define NET "[net]\nheight=8\nwidth=8\nchannels=3\n"

static void put(const char *text, size_t n) {
    FILE *f = fopen(file, "wb");
    if (!f || fwrite(text, 1, n, f) != n || fclose(f)) exit(1);
}

static cfg_file *parse(const char *text) {
    put(text, strlen(text));
    err[0] = 0;
    return cfg_read(file, err);
}

/* The program `darknet` holds its own unmodified copy of the host, beyond the reach of our hooks:
 * `partial` parses a cfg, lists its layers on stderr and writes its weights. 0: it ran to the end.
 */
static int darknet(char *listing, size_t size) {
    char out[80];
    snprintf(out, sizeof out, "%s/w", dir);
    unlink(out);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY), fd = open(listed, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (dup2(null, 1) < 0 || dup2(fd, 2) < 0) _exit(126);
        execlp("darknet", "darknet", "partial", file, "", out, "100000", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    FILE *f = fopen(listed, "rb");
    size_t n = f ? fread(listing, 1, size - 1, f) : 0;
    listing[n] = 0;
    if (f) fclose(f);
    return status;
}

/* Compare the shapes in the host's listing, "  12 conv ... ->  8 x  8 x  6", with ours. Returns how
 * many there were. */
static int compare_shapes(const char *name, const cfg_file *c, char *listing) {
    int layer = -1, n = 0;
    for (char *line = strtok(listing, "\n"); line; line = strtok(NULL, "\n")) {
        int at, got, w, h, ch, ow, oh, oc;
        if (sscanf(line, "%5d%n", &at, &got) == 1 && got == 5 && line[5] == ' ') layer = at;
        CHECK(!strstr(line, "Unused") && !strstr(line, "not recog") && !strstr(line, "going with"),
              "%s: %s", name, line);
        char *arrow = strstr(line, "->");
        /* Two tabs: a layer inside a [crnn]. The one of [local] has another order. */
        if (line[0] == '\t' || !arrow || strstr(line, "Layer") ||
            sscanf(arrow, "->%d x%d x%d", &w, &h, &ch) != 3)
            continue;
        n++;
        CHECK(cfg_layer_shape(c, layer, &ow, &oh, &oc) == 0 && w == ow && h == oh && ch == oc,
              "%s: layer %d is %d x %d x %d, the host's %d x %d x %d", name, layer, ow, oh, oc, w,
              h, ch);
    }
    CHECK(layer + 1 == cfg_layer_count(c), "%s: %d layers, the host has %d", name,
          cfg_layer_count(c), layer + 1);
    return n;
}

static int shapes_compared, have_darknet;

static void judge(const char *name, const cfg_file *c) {
    static char listing[1 << 18];
    char out[80], *t = cfg_for_host(c);
    struct stat st = {0};
    if (!t) exit(1);
    put(t, strlen(t));
    free(t);
    int status = darknet(listing, sizeof listing);
    CHECK(status == 0, "%s: the host refuses the translated text, wait status %x: %.300s", name,
          status, listing);
    shapes_compared += compare_shapes(name, c, listing);
    snprintf(out, sizeof out, "%s/w", dir);
    CHECK(!stat(out, &st) && st.st_size == 20 + 4 * cfg_weight_floats(c),
          "%s: the host's weights have %lld bytes, not %lld", name, (long long)st.st_size,
          20 + 4 * cfg_weight_floats(c));
    unlink(out);
}

static const char *const own[] = {
    "[net]\nheight=12\nwidth=16\nchannels=3\nbatch=2\npolicy=steps\nsteps=1,2\nscales=1,1\n[crop]"
    "\ncrop_height=10\ncrop_width=14\n"
    "[deconv]\nfilters=4\nsize=3\nstride=2\npad=1\nbatch_normalize=1\n[conv]\nfilters=8\ngroups="
    "4\nsize=3\nstride=2\npadding=2\n"
    "[meta_shared]\n[max]\nsize=3\nstride=2\n[perturb]\n[lrn]\n[batchnorm]\n[activation]\n[local]"
    "\nfilters=3\nsize=3\nstride=2\n"
    "pad=1\n[local]\nfilters=4\nsize=2\n[upsample]\nstride=4\n[upsample]\nstride=-2\n[reorg]"
    "\nstride=2\n[reorg]\nstride=2\n"
    "reverse=1\n[l2norm]\n[shortcut]\nfrom=-3\n[route]\nlayers=-1,-2\n[logistic]\n[dropout]\n[avg]"
    "\n[conn]\noutput=6\n"
    "batch_normalize=1\n[soft]\n[cost]\n",
    "[net]\nheight=4\nwidth=6\nchannels=3\n[crnn]\noutput_filters=5\nhidden_filters=4\nbatch_"
    "normalize=1\n[upsample]\n[conn]\noutput=9\n[lstm]\n"
    "output=5\nbatch_normalize=1\n[gru]\noutput=4\n[rnn]\noutput=7\nbatch_normalize=1\n[softmax]\n["
    "dropout]\n",
    NET "[conv]\nfilters=25\n[region]\n",
    NET "[conv]\nfilters=52\n[iseg]\n",
    NET "[conv]\nfilters=6\n[yolo]\nclasses=1\nmax=90\n[reorg]\nextra=5\n[conn]\noutput=6\n["
        "detection]\nside=1\ncoords=4\n[route]\n"
        "layers=0\n[crop]\ncrop_height=4\ncrop_width=4\n[shortcut]\nfrom=0\n",
    "[net]\ninputs=12\n[softmax]\n[dropout]\n[connected]\noutput=3\n[route]\nlayers=0\n",
};

static void test_host(void) {
    char listing[256];
    put("[net]\ninputs=1\n[softmax]\n", 25);
    have_darknet = darknet(listing, sizeof listing) != 127 << 8;
    if (!have_darknet) SKIP("there is no program darknet to judge the translated text");
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        cfg_file *c = parse(own[i]);
        CHECK(c != NULL, "%s", err);
        if (c && have_darknet) judge("own", c);
        cfg_free(c);
    }
}

/* ---- the tables ---- */

static void put_value(FILE *f, const cfg_key *k) {
    /* A window of 1 takes no padding. */
    int one = k->lo <= 1 && k->hi >= 1 && strcmp(k->name, "padding") != 0;
    if (k->kind == CFG_INT)
        fprintf(f, "%s=%d\n", k->name, one ? 1 : (int)k->lo);
    else if (k->kind == CFG_FLOAT)
        /* random= of a head is 0, 1 or a factor above 1. */
        fprintf(f, "%s=%g\n", k->name, !strcmp(k->name, "random") ? 1 : k->hi > 0.5 ? 0.5 : k->hi);
    else
        fprintf(f, "%s=%s\n", k->name, k->words[0]);
}

/* Every key that the tables call the host's is one that the host asks for: given all of them at
 * once, it lists none as unused. Files, lists and `max` (which has one legal value, its default)
 * are left out: test_host and the stock cfgs have them. */
static void test_keys(void) {
    static char listing[1 << 16];
    for (int id = 1; id < CFG_S_COUNT; id++) {
        const cfg_kind *k = &cfg_kinds[id];
        const cfg_key *key;
        if (!(k->flags & KIND_LAYER) || k->flags & KIND_STAND_IN) continue;
        int filters = id == CFG_S_YOLO ? 6 : id == CFG_S_ISEG ? 2 : 3, keys = 0;
        FILE *f = fopen(file, "w");
        if (!f) exit(1);
        fprintf(f, NET "[convolutional]\nfilters=%d\n%s[%s]\n%s", filters,
                id == CFG_S_DETECTION ? "[avgpool]\n" : "", k->name,
                id == CFG_S_ROUTE      ? "layers=0\n"
                : id == CFG_S_SHORTCUT ? "from=0\n"
                                       : "");
        for (int i = 0; (key = cfg_key_at(k, i)); i++) {
            if (key->owner != CFG_HOST || key->kind == CFG_STR || key->kind == CFG_INTS ||
                key->kind == CFG_FLOATS || !strcmp(key->name, "from") || !strcmp(key->name, "max"))
                continue;
            put_value(f, key);
            keys++;
        }
        if (fclose(f)) exit(1);
        cfg_file *c = cfg_read(file, err);
        CHECK(c && keys >= 8, "[%s] %d keys: %s", k->name, keys, err);
        cfg_free(c);
        int status = darknet(listing, sizeof listing);
        CHECK(status == 0 && !strstr(listing, "Unused"),
              "[%s] has keys that the host does not know: %s", k->name,
              strstr(listing, "Unused") ? strstr(listing, "Unused") : listing);
    }
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}
static int is_cfg(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 4 && !strcmp(d->d_name + n - 4, ".cfg");
}

/* Every cfg of a folder is accepted; the host judges those whose parsing is quick. */
static void test_folder(const char *folder, int at_least) {
    struct dirent **list;
    int n = scandir(folder, &list, is_cfg, by_name);
    if (n < 0) {
        SKIP("%s is not there", folder);
        return;
    }
    CHECK(n >= at_least, "%s: %d files", folder, n);
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        err[0] = 0;
        cfg_file *c = cfg_read(path, err);
        CHECK(c && cfg_weight_floats(c) > 0, "%s", err);
        /* What only the fork has, Darknet alone lays out otherwise (test_fork_layers.c). */
        if (c && have_darknet && cfg_weight_floats(c) < 8000000 && !cfg_check_host(c, 0, err))
            judge(path, c);
        cfg_free(c);
        free(list[i]);
    }
    free(list);
}

/* The weights that come with a cfg are exactly as long as we say. */
static void test_fork_weights(void) {
    const char *shared = getenv("MP_SHARED"),
               *names[] = {"yolo-fastest-1.1", "yolo-fastest-1.1-xl"};
    for (int i = 0; i < 2; i++) {
        char path[512];
        struct stat st;
        snprintf(path, sizeof path, "%s/weights/yolo_fastest/%s.weights",
                 shared ? shared : "../shared", names[i]);
        if (stat(path, &st)) {
            SKIP("%s is not there", path);
            continue;
        }
        strcpy(strrchr(path, '.'), ".cfg");
        cfg_file *c = cfg_read(path, err);
        CHECK(c && st.st_size == 20 + 4 * cfg_weight_floats(c), "%s: %s", path, err);
        if (c && have_darknet) judge(path, c);
        cfg_free(c);
    }
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/t.cfg", dir);
    snprintf(listed, sizeof listed, "%s/err", dir);
    test_host();
    if (have_darknet) test_keys();
    test_folder("/usr/share/darknet/cfg", 40);
    test_folder("cfg", 10);
    test_fork_weights();
    CHECK(!have_darknet || shapes_compared > 200, "only %d shapes compared with the host's",
          shapes_compared);
    unlink(file);
    unlink(listed);
    rmdir(dir);
    return t_done("test_cfg_host");
}
