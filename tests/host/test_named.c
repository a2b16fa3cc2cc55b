/* test_named.c - what a cfg names beside itself (tree=, map=), and what `cfg check` and training
 * must agree on. */
#include "host/cfg.h"
#include "test.h"
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mp_test_named_XXXXXX", named[64], cfg[64], err[ERR_LEN];

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f)) exit(1);
}

/* Problems that `cfg check` lists, the first line in `told`; -1: it could not read the cfg. */
static int problems(char told[2048]) {
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    int n = cfg_problems(cfg, f, err);
    fclose(f);
    snprintf(told, 2048, "%s", text);
    free(text);
    return n;
}

/* Both refuse the cfg with these words, or both take it (NULL). */
static void both(const char *what, const char *text, const char *words) {
    char told[2048];
    put(cfg, text);
    cfg_file *c = cfg_read(cfg, err);
    int n = problems(told);
    if (words)
        CHECK(!c && n == 1 && strstr(err, words) && strstr(told, words), "%s: %d: %s / %s", what, n,
              c ? "taken" : err, told);
    else
        CHECK(c && n == 0, "%s: %d: %s %s", what, n, c ? "" : err, told);
    cfg_free(c);
}

#define NET "[net]\nheight=4\nwidth=4\nchannels=2\n"
static char softmax[512], region[512], yolo[512], map[512];

static void test_trees(void) {
    static const struct {
        const char *tree, *words;
    } cases[] = {
        {"animal -1\nthing -1\ndog 0\ncat 0\n", NULL},
        {"animal -1\r\nthing -1\r\ndog 0\r\ncat 0", NULL},
        {"animal -1\nthing -1\ndog 0\n", "the tree has 3 classes, the layer 4"},
        {"", "the tree has 0 classes, the layer 4"},
        {"animal -1\nthing\ndog 0\ncat 0\n", ":2: a line of a tree is NAME PARENT"},
        {"a -1\nb -1\nc 0 0\nd 0\n", ":3: a line of a tree"},
        {"a -1\n\nb -1\nc 0\n", ":2: a line of a tree"},
        {"a -1\nb -1\nc 3\nd 0\n", ":3: its parent must be -1 or the number of a line before"},
        {"a -1\nb -1\nc -2\nd 0\n", ":3: its parent must be"},
        {"a -1\nb -1\nc x\nd 0\n", ":3: a line of a tree"},
        {"a -1\nb 0\nc -1\nd 0\n", ":3: the children of a parent must stand together"}};
    unlink(named);
    both("no tree file, [softmax]", softmax, "No such file");
    both("no tree file, [region]", region, "No such file");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(named, cases[i].tree);
        both("[softmax] tree=", softmax, cases[i].words);
        both("[region] tree=", region, cases[i].words);
    }
    char name[400];
    memset(name, 'x', 299);
    strcpy(name + 299, " -1\nb -1\nc 0\nd 0\n");
    put(named, name);
    both("a name too long", softmax, "longer than the 255 characters");
    unlink(named);
    mkdir(named, 0700);
    both("a folder", softmax, "is a folder");
    rmdir(named);
}

static void test_maps(void) {
    static const struct {
        const char *map, *words;
    } cases[] = {{"0\n3\n1\n", NULL},
                 {"0\n4\n", ":2: a line of a map is one class, from 0 to"},
                 {"-1\n", ":1: a line of a map"},
                 {"0\nx\n", ":2: a line"},
                 {"", "the map is empty"}};
    unlink(named);
    both("no map file, [yolo]", yolo, "No such file");
    both("no map file, [region]", map, "No such file");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(named, cases[i].map);
        both("[yolo] map=", yolo, cases[i].words);
        both("[region] map=", map, cases[i].words);
    }
}

static void test_agreement(void) {
    both("keys given twice", NET "batch=2\nbatch=4\n[connected]\noutput=3\noutput=4\n", NULL);
    both("a comment behind a value", NET "batch=2 # images\n[connected]\noutput=3\n", NULL);
    both("without the blank", NET "batch=2# images\n[connected]\noutput=3\n",
         "a comment needs a blank before its #");
    both("keys of the fork, and one left over",
         NET "show_receptive_field=1\nmax_epochs=5\n[maxpool]\nsize=2\nmaxpool_zero_nonmax=0\n",
         NULL);
    both("one that changes the network", NET "[convolutional]\nfilters=3\nbin_output=1\n",
         "belongs to the AlexeyAB fork and changes the network");
    both("burn_in at max_batches", NET "burn_in=10\nmax_batches=10\n[connected]\noutput=3\n", NULL);
}

int main(void) {
    if (!mkdtemp(folder)) return 1;
    snprintf(named, sizeof named, "%s/named", folder);
    snprintf(cfg, sizeof cfg, "%s/a.cfg", folder);
    snprintf(softmax, sizeof softmax, NET "[connected]\noutput=4\n[softmax]\ntree=%s\n", named);
    snprintf(
        region, sizeof region,
        NET
        "[convolutional]\nfilters=9\n[region]\nclasses=4\ncoords=4\nnum=1\nanchors=1,1\ntree=%s\n",
        named);
    snprintf(
        map, sizeof map,
        NET
        "[convolutional]\nfilters=9\n[region]\nclasses=4\ncoords=4\nnum=1\nanchors=1,1\nmap=%s\n",
        named);
    snprintf(yolo, sizeof yolo,
             NET "[convolutional]\nfilters=9\n[yolo]\nclasses=4\nnum=1\nanchors=1,1\nmap=%s\n",
             named);
    test_trees();
    test_maps();
    test_agreement();
    unlink(named);
    unlink(cfg);
    rmdir(folder);
    return t_done("test_named");
}
