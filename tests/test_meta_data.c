/* test_meta_data.c - the tasks that the prepare scripts make, through the same doors as meta-training: halves disjoint and complete,
 * classes of a group shared by its two tasks, groups disjoint, and no test image anywhere. */
#include "data_make.h"
#include "train/meta_file.h"
#include <sys/wait.h>

static char root[4096];

static int run(const char *fmt, ...) {
    char command[16384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A flat picture of its own colour: b is 0 in train folders and 255 in those of the test. */
static void put(const char *path, int size, int r, int g, int b) {
    raster p = {size, size, 3, malloc((size_t)size * (size_t)size * 3)};
    for (int i = 0; i < size * size; i++) {
        p.px[3 * i] = (unsigned char)r;
        p.px[3 * i + 1] = (unsigned char)g;
        p.px[3 * i + 2] = (unsigned char)b;
    }
    m_put_png(path, &p);
    free(p.px);
}

static void make_folder(const char *path) { if (mkdir(path, 0777)) m_die(path); }

/* The publishers' layout: train/nX/images/nX_I.JPEG, val/images, test/images. */
static void make_source(int classes, int each) {
    char path[256];
    make_folder("tiny-imagenet-200");
    make_folder("tiny-imagenet-200/train");
    for (int k = 0; k < classes; k++) {
        snprintf(path, sizeof path, "tiny-imagenet-200/train/n%08d", 1000 + 7 * k);
        make_folder(path);
        strcat(path, "/images");
        make_folder(path);
        for (int i = 0; i < each; i++) {
            snprintf(path, sizeof path, "tiny-imagenet-200/train/n%08d/images/n%08d_%d.JPEG", 1000 + 7 * k, 1000 + 7 * k, i);
            put(path, 64, k, 40 * i, 0);
        }
    }
    static const char *const others[] = {"val", "test"};
    for (int o = 0; o < 2; o++) {
        snprintf(path, sizeof path, "tiny-imagenet-200/%s", others[o]);
        make_folder(path);
        strcat(path, "/images");
        make_folder(path);
        for (int i = 0; i < 20; i++) {
            snprintf(path, sizeof path, "tiny-imagenet-200/%s/images/%s_%d.JPEG", others[o], others[o], i);
            put(path, 64, i, 0, 255);
        }
    }
}

typedef struct { dataset *half[2]; data_file *d; } opened;

static opened open_task(const meta_task *t) {
    opened o = {.d = data_file_read(t->data, err)};
    CHECK(o.d, "%s", err);
    if (!o.d) return o;
    o.d->split = strcmp(t->split, "half1") ? SPLIT_HALF0 : SPLIT_HALF1;
    o.half[0] = dataset_load(o.d, DATA_TRAIN, 3, 2, 0, err);
    if (o.half[0]) o.half[1] = dataset_load(o.d, DATA_TRAIN_OTHER_HALF, 3, 2, 0, err);
    CHECK(o.half[1], "%s", err);
    return o;
}

static void close_task(opened *o) {
    dataset_free(o->half[0]);
    dataset_free(o->half[1]);
    data_file_free(o->d);
}

static int by_path(const void *a, const void *b) { return strcmp(((const sample *)a)->path, ((const sample *)b)->path); }

/* How many images two sorted sets share. */
static int shared(const dataset *a, const dataset *b) {
    int n = 0;
    for (int i = 0, j = 0; i < a->n && j < b->n;) {
        int c = strcmp(a->items[i].path, b->items[j].path);
        n += c == 0;
        i += c <= 0;
        j += c >= 0;
    }
    return n;
}

static void check_task(const opened *o, const char *name, int classes, int each, int size, int made_here) {
    int test_images = 0, *count = calloc((size_t)classes, sizeof *count);
    CHECK(o->d->classes == classes, "%s: %d classes", name, o->d->classes);
    CHECK(o->half[0]->n + o->half[1]->n == classes * each, "%s: %d + %d images", name, o->half[0]->n, o->half[1]->n);
    for (int h = 0; h < 2; h++) {
        qsort(o->half[h]->items, (size_t)o->half[h]->n, sizeof(sample), by_path);
        for (int i = 0; i < o->half[h]->n; i++) {
            const sample *s = &o->half[h]->items[i];
            if (h == 0) count[s->label]++;
            CHECK(s->img.w == size && s->img.h == size, "%s: %dx%d", s->path, s->img.w, s->img.h);
            test_images += made_here && s->img.px[2] != 0;
        }
    }
    CHECK(!shared(o->half[0], o->half[1]), "%s: its halves share images", name);
    CHECK(!test_images, "%s: %d test images", name, test_images);
    int uneven = 0;
    for (int k = 0; k < classes; k++) uneven += abs(2 * count[k] - each) > 1;
    CHECK(!uneven, "%s: %d classes are not halved", name, uneven);
    free(count);
}

/* Tasks 2g and 2g+1 of a META file are a group with the halves swapped; different groups share nothing. */
static void check_meta(const char *path, int tasks, int classes, int each, int size, int made_here) {
    meta_file *m = meta_file_read(path, err);
    CHECK(m, "%s", err);
    if (!m) return;
    CHECK(m->n == tasks, "%d tasks", m->n);
    opened before = {0};
    for (int k = 0; k + 1 < m->n; k += 2) {
        opened a = open_task(&m->tasks[k]), b = open_task(&m->tasks[k + 1]);
        if (!a.half[1] || !b.half[1]) break;
        check_task(&a, m->tasks[k].name, classes, each, size, made_here);
        check_task(&b, m->tasks[k + 1].name, classes, each, size, made_here);
        CHECK(a.half[0]->n == b.half[1]->n && shared(a.half[0], b.half[1]) == a.half[0]->n, "group %d: halves not swapped", k / 2);
        CHECK(a.half[1]->n == b.half[0]->n && shared(a.half[1], b.half[0]) == b.half[0]->n, "group %d: halves not swapped", k / 2);
        int same = 0;
        for (int c = 0; c < classes; c++) same += !strcmp(a.d->name[c], b.d->name[c]);
        CHECK(same == classes, "group %d: its tasks share %d of %d classes", k / 2, same, classes);
        for (int c = 0; before.d && c < classes; c++) {
            for (int e = 0; e < before.d->classes; e++) CHECK(strcmp(a.d->name[c], before.d->name[e]), "class %s twice", a.d->name[c]);
        }
        if (before.d) CHECK(!shared(a.half[0], before.half[0]) && !shared(a.half[0], before.half[1]), "groups share images");
        close_task(&before);
        close_task(&b);
        before = a;
    }
    close_task(&before);
    meta_file_free(m);
}

static void tiny_imagenet(void) {
    make_source(200, 5);
    CHECK(!run("'%s/scripts/prepare_tiny_imagenet.sh' tiny-imagenet-200 cache/tiny_imagenet >log 2>&1", root), "see log");
    make_folder("cfg_meta");
    CHECK(!run("cp '%s/cfg_meta/tiny_imagenet.meta' cfg_meta/", root), "cp");
    check_meta("cfg_meta/tiny_imagenet.meta", 10, 40, 5, 32, 1);
    CHECK(run("grep -qE 'val_|test_' cache/tiny_imagenet/index.tsv"), "a test image is in the index");
    CHECK(!run("test $(wc -l <cache/tiny_imagenet/index.tsv) = 1000"), "images missing");
    /* The same from the publishers' zip. */
    CHECK(!run("mv cache/tiny_imagenet first && python3 -m zipfile -c tiny-imagenet-200.zip tiny-imagenet-200"), "zip");
    CHECK(!run("'%s/scripts/prepare_tiny_imagenet.sh' tiny-imagenet-200.zip cache/tiny_imagenet >log 2>&1", root), "see log");
    CHECK(!run("diff -r first cache/tiny_imagenet"), "the zip gives other tasks than the folder");
}

static void refusals(void) {
    static const struct { const char *command, *words; } bad[] = {
        {"prepare_tiny_imagenet.sh none", "no such file"}, {"prepare_tiny_imagenet.sh cfg_meta o", "Tiny ImageNet"},
        {"prepare_tiny_imagenet.sh tiny-imagenet-200 cache/tiny_imagenet", "there already"},
        {"prepare_folder.sh tiny-imagenet-200/train 3 o", "even number"}, {"prepare_folder.sh none 2 o", "no such folder"},
        {"prepare_folder.sh tiny-imagenet-200/train 300 o", "need 300 classes"}, {"prepare_folder.sh broken 2 o", "broken/b/x.png"},
    };
    CHECK(!run("mkdir -p broken/a broken/b && cp first/train/c000/00000.png broken/a/1.png && cp broken/a/1.png broken/a/2.png && "
               "cp broken/a/1.png broken/b/1.png && echo no >broken/b/x.png"), "made");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(run("'%s/scripts/'%s >log 2>&1", root, bad[i].command) == 1, "%s", bad[i].command);
        CHECK(!run("grep -qF -- '%s' log", bad[i].words), "%s does not say '%s'", bad[i].command, bad[i].words);
    }
    CHECK(access("o", F_OK) && access("o.tmp", F_OK), "a refusal left something behind");
}

static void any_folder(void) {
    CHECK(!run("SIZE=24 '%s/scripts/prepare_folder.sh' tiny-imagenet-200/train 8 any >log 2>&1", root), "see log");
    check_meta("any/tasks.meta", 8, 50, 5, 24, 1);
}

int main(void) {
    if (!getcwd(root, sizeof root)) m_die("getcwd");
    if (run("/usr/bin/python3 -c 'import PIL' 2>/dev/null")) {
        SKIP("python3-pil is not installed: the prepare scripts cannot run");
        return t_done("test_meta_data");
    }
    m_open();
    tiny_imagenet();
    any_folder();
    refusals();
    if (t_failed) run("cat log");
    m_close();
    /* The real one, where somebody has prepared it. */
    if (chdir(root)) m_die("chdir");
    if (access("cache/tiny_imagenet/group0.data", F_OK)) SKIP("no cache/tiny_imagenet: the real tasks are not looked at");
    else check_meta("cfg_meta/tiny_imagenet.meta", 10, 40, 500, 32, 0);
    return t_done("test_meta_data");
}
