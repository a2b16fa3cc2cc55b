/* test_data.c - .data files, lists, labels, idx files, splits: what they give, and every refusal.
 */
#include "data/dataset_internal.h"
#include "data_make.h"
#include <zlib.h>

static int says(const char *part) { return strstr(err, part) != NULL; }

static data_file *read_text(const char *text) {
    m_text("t.data", "%s", text);
    err[0] = 0;
    return data_file_read("t.data", err);
}

static void refused(const char *text, const char *part, const char *part2) {
    data_file *d = read_text(text);
    CHECK(!d && says(part) && says(part2), "\"%s\": %s", text, d ? "taken" : err);
    data_file_free(d);
}

static void test_data_file(void) {
    m_text("three.txt", "\xef\xbb\xbf"
                        "cat\r\n dog \r\nbird\r\n\r\n");
    m_text("names.txt", "Cat\nDog\nBird\nFish\n");
    m_text("l.txt", "x\n");
    data_file *d = read_text(
        "\xef\xbb\xbf# comment\r\n classes = 3\r\nlabels=three.txt\n;x\nnames=names.txt\n\ntrain = "
        "l.txt\n"
        "valid=missing/"
        "v.txt\nbackup=b\ntop=2\nsplit=half1\nimages_per_class=7\nseed=18446744073709551615\n"
        "eval=coco\nresults=r\n");
    CHECK(d, "%s", err);
    if (!d) return;
    CHECK(d->classes == 3 && d->top == 2 && d->split == SPLIT_HALF1 && d->images_per_class == 7 &&
              d->seed == UINT64_MAX,
          "numbers");
    CHECK(!strcmp(d->train, "l.txt") && !strcmp(d->valid, "missing/v.txt") &&
              !strcmp(d->backup, "b"),
          "paths");
    CHECK(!strcmp(d->label[0], "cat") && !strcmp(d->label[1], "dog") &&
              !strcmp(d->label[2], "bird"),
          "labels");
    CHECK(!strcmp(d->name[0], "Cat") && !strcmp(d->name[2], "Bird"),
          "names, the first three of four");
    data_file_free(d);
    d = read_text("classes=2");
    CHECK(d && !d->label && !strcmp(d->name[0], "0") && !strcmp(d->name[1], "1") && d->top == 1,
          "numbers for names: %s", err);
    data_file_free(d);
    /* Beside the .data file, where not found from here. */
    mkdir("deep", 0700);
    m_text("deep/t.data", "classes=3\nlabels=own.txt\ntrain=own.txt\n");
    m_text("deep/own.txt", "a\nb\nc");
    d = data_file_read("deep/t.data", err);
    CHECK(d && !strcmp(d->train, "deep/own.txt") && !strcmp(d->name[2], "c"), "%s", err);
    data_file_free(d);
    CHECK(!data_file_read("none.data", err) && says("none.data"), "%s", err);
    refused("classes=3\nlabesl=three.txt\n", "t.data:2: unknown key \"labesl\"",
            "did you mean \"labels\"");
    refused("classes=3\nzzzzzzzzz=1\n", "known: classes, train", "split");
    refused("classes=3\ntrain\n", "t.data:2", "key=value");
    refused("classes=3\ntrain=\n", "t.data:2", "no value");
    refused("classes=3\nclasses=3\n", "t.data:2", "line 1");
    refused("", "t.data", "no classes=");
    refused("classes=3x", "t.data:1: classes=3x", "whole number");
    refused("classes=0", "classes=0", "from 1");
    refused("classes=99999999999999999999", "classes=9999", "from 1");
    refused("classes=3\nseed=-1", "t.data:2: seed=-1", "whole number");
    refused("classes=3\nseed=18446744073709551616", "seed=1844", "2^64");
    refused("classes=3\nimages_per_class=0", "images_per_class=0", "from 1");
    refused("classes=3\nimages_per_class=ten", "images_per_class=ten", "whole number");
    refused("classes=3\nsplit=first", "half0 or half1", "first");
    refused("classes=3\ntop=4", "top=4", "3 classes");
    refused("classes=5\nlabels=three.txt", "three.txt has 3 names", "classes=5");
    refused("classes=5\nnames=names.txt", "names.txt has 4 names", "classes=5");
    refused("classes=3\nlabels=none.txt", "none.txt", "No such file");
    refused("classes=3\ntrain=far\\list.txt\n", "t.data:2: far\\list.txt: no such file", "`sed -i");
    refused("\xff\xfe"
            "c",
            "t.data", "UTF-16");
    /* No line, however long or strange, is more than an error. */
    char *line = malloc(20000);
    memset(line, 'k', 19999);
    line[19999] = 0;
    refused(line, "t.data:1", "4095");
    memcpy(line + 100, "=", 1);
    line[3000] = 0;
    refused(line, "t.data:1", "unknown key");
    free(line);
}

static void label_case(const char *path, int want, const char *part) {
    static char *label[] = {"car", "racecar", "cat", "dog", "dogma"};
    err[0] = 0;
    int got = data_label_of(path, label, 5, err);
    CHECK(got == want && (!part || (says(part) && says(path))), "%s: %d, %s", path, got, err);
}

static void test_labels(void) {
    label_case("img/car/1.png", 0, NULL);
    label_case("img/racecar/1.png", 1, NULL);
    label_case("img/racecar_racecar.png", 1, NULL);
    label_case("img/dogma.png", 4, NULL);
    label_case("img/racecar/car1.png", 1, NULL);
    label_case("car/racecar.png", -1, "\"racecar\"");
    label_case("img/cat_dog.png", -1, "\"cat\" and \"dog\"");
    label_case("dogma_racecar.png", -1, "two labels");
    label_case("img/bird.png", -1, "no label");
    static char *chain[] = {"aba", "a", "cabac", "ba"};
    CHECK(data_label_of("x/cabac", chain, 4, err) == 2, "the longest of a chain: %s", err);
    label_case("classification/dog/x.jpg", 3, NULL);
    label_case("classification/dogs/dog_7.jpg", 3, NULL);
    label_case("cats-and-dogs/train/cat.0.jpg", 2, NULL);
    label_case("scat/dog-and-more/1.png", 3, NULL);
    label_case(
        "scat/doggy/1.png", -1,
        "\"cat\" is in the folder's name \"scat\", \"dog\" is in the folder's name \"doggy\"");
    label_case("cat/dog/1.png", -1, "\"cat\" is the folder \"cat\", \"dog\" is the folder \"dog\"");
    label_case("cat/a_dog.png", -1, "\"dog\" is in the file's name \"a_dog.png\"");
    static char *slashed[] = {"/cat/", "/dog/", "dog"}, *digit[] = {"1", "2", "10", "/tmp"};
    CHECK(data_label_of("bobcat/a/dog/cat.png", slashed, 2, err) == 1, "slashes: %s", err);
    CHECK(data_label_of("a/dog/cat.png", slashed, 3, err) == 1, "slashes, and without: %s", err);
    CHECK(data_label_of("/tmp/x1/10/2.png", digit, 3, err) == 2, "folder 10: %s", err);
    CHECK(data_label_of("v2/set_10/1/10.png", digit, 3, err) == 0, "folder 1: %s", err);
    CHECK(data_label_of("v10/2/img_0010_1.png", digit, 3, err) == 1, "folder 2: %s", err);
    CHECK(data_label_of("12/10_345.png", digit, 3, err) == 2, "number in the file's name: %s", err);
    CHECK(data_label_of("all/1_2.png", digit, 3, err) == -1 && says("1_2.png"), "two numbers: %s",
          err);
    CHECK(data_label_of("x/caba", chain, 4, err) == 0, "%s", err);
}

/* A list of n images of 3 classes, image i of class i mod 3 and of colour i. */
static void make_list(int n) {
    FILE *f = fopen("list.txt", "wb");
    if (!f) m_die("list.txt");
    mkdir("img", 0700);
    for (int i = 0; i < n; i++) {
        char name[64];
        static const char *const label[] = {"cat", "dog", "bird"};
        snprintf(name, sizeof name, "img/%s_%d.png", label[i % 3], i);
        m_put_flat(name, 2 + i % 2, 3, i % 256);
        fprintf(f, "%s\n", name);
    }
    if (fclose(f)) m_die("list.txt");
}

static dataset *load(const char *more, data_part part, int c, int threads, int skip) {
    char text[512];
    snprintf(text, sizeof text, "classes=3\nlabels=three.txt\ntrain=list.txt\nvalid=valid.txt\n%s",
             more);
    data_file *d = read_text(text);
    if (!d) m_die(err);
    dataset *s = dataset_load(d, part, c, threads, skip, err);
    data_file_free(d);
    return s;
}

static void list_refused(const char *list, const char *part, const char *part2) {
    m_text("list.txt", "%s", list);
    char first[ERR_LEN] = "";
    for (int threads = 1; threads < 6; threads += 2) {
        dataset *s = load("", DATA_TRAIN, 3, threads, 0);
        CHECK(!s && says(part) && says(part2), "\"%.60s\": %s", list, s ? "taken" : err);
        if (threads == 1)
            strcpy(first, err);
        else
            CHECK(!strcmp(first, err), "with %d threads another sentence: %s", threads, err);
        dataset_free(s);
    }
}

static void test_lists(void) {
    make_list(60);
    for (int threads = 1; threads <= 5; threads += 2) {
        dataset *s = load("", DATA_TRAIN, 3, threads, 0);
        CHECK(s && s->n == 60 && s->classes == 3 && !s->skipped, "%s", err);
        int wrong = 0;
        for (int i = 0; s && i < s->n; i++) {
            const sample *t = &s->items[i];
            wrong += t->label != i % 3 || t->img.w != 2 + i % 2 || t->img.h != 3 || t->img.c != 3 ||
                     t->img.px[17] != i;
        }
        CHECK(!wrong, "%d items wrong with %d threads", wrong, threads);
        dataset_free(s);
    }
    dataset *s = load("", DATA_TRAIN, 1, 2, 0);
    CHECK(s && s->items[7].img.c == 1 && s->items[7].img.px[5] == 7, "gray: %s", err);
    dataset_free(s);
    /* What real lists look like. */
    m_text("list.txt",
           "\xef\xbb\xbfimg/cat_0.png\r\n\r\n  img/dog_1.png \t\r\nimg/dog_1.png\n\n \n");
    s = load("", DATA_TRAIN, 3, 2, 0);
    CHECK(s && s->n == 3 && s->items[0].label == 0 && s->items[2].label == 1, "%s", err);
    dataset_free(s);
    /* As it is, beside the list, beside the .data file. */
    mkdir("far", 0700);
    m_put_flat("far/cat_far.png", 2, 2, 9);
    m_text("far/list.txt", "cat_far.png\nimg/bird_2.png\n");
    m_text("far/t.data", "classes=3\nlabels=%s/three.txt\ntrain=list.txt\n", m_dir);
    rename("list.txt", "list.old");
    data_file *d = data_file_read("far/t.data", err);
    s = d ? dataset_load(d, DATA_TRAIN, 3, 1, 0, err) : NULL;
    CHECK(s && s->n == 2 && !strcmp(s->items[0].path, "far/cat_far.png"), "%s", err);
    CHECK(d && !dataset_load(d, DATA_VALID, 3, 1, 0, err) && says("no valid="), "%s", err);
    CHECK(d && !dataset_load(d, DATA_TRAIN_OTHER_HALF, 3, 1, 0, err) && says("no split="), "%s",
          err);
    CHECK(d && !dataset_load(d, DATA_TRAIN, 4, 1, 0, err) && says("4 channels"), "%s", err);
    dataset_free(s);
    data_file_free(d);
}

static void test_list_refusals(void) {
    unlink("list.txt");
    CHECK(!load("", DATA_TRAIN, 3, 1, 0) && says("list.txt") && says("No such file"), "%s", err);
    list_refused("", "list.txt", "empty");
    list_refused("\xef\xbb\xbf\r\n  \n", "list.txt", "empty");
    list_refused("img/cat_0.png\nimg/none_cat.png\nimg/dogs_lost.png\n",
                 "list.txt:2: img/none_cat.png", "no such image");
    list_refused("img/cat_0.png\n\nno such;touch PWNED cat\n",
                 "list.txt:3: no such;touch PWNED cat", "no such image");
    list_refused("img/cat_0.png\nimg\\cat_0.png\n", "list.txt:2: img\\cat_0.png",
                 "`sed -i 's|\\\\|/|g' list.txt`");
    list_refused("C:\\img\\cat_0.png\n", "list.txt:1: ", "drives have no letters");
    m_text("img/bad_dog.jpg", "%s", "\xff\xd8nonsense");
    list_refused("img/cat_0.png\nimg/bad_dog.jpg\nimg/none_cat.png\n",
                 "list.txt:2: img/bad_dog.jpg: ", "JPEG");
    list_refused("img/cat_0.png\nimg/cow_0.png\n", "list.txt:2: img/cow_0.png", "no label");
    list_refused("img/cat_dog_0.png\n", "list.txt:1", "\"cat\" and \"dog\"");
    CHECK(access("PWNED", F_OK) && access("bad.list", F_OK), "a shell ran");
    char *line = malloc(6000);
    memset(line, 'x', 5999);
    line[5999] = 0;
    list_refused(line, "list.txt:1", "4095");
    line[4000] = 0;
    memcpy(line, "cat", 3);
    list_refused(line, "list.txt:1: ", "no such image");
    free(line);
    m_text("list.txt", "img/none_cat.png\nimg/cat_0.png\nimg/bad_dog.jpg\nimg/bird_2.png\n");
    dataset *s = load("", DATA_TRAIN, 3, 3, 1);
    CHECK(s && s->n == 2 && s->skipped == 2 && s->items[0].label == 0 && s->items[1].label == 2,
          "skip_bad: %s", err);
    dataset_free(s);
    m_text("list.txt", "img/none_cat.png\nimg/bad_dog.jpg\n");
    CHECK(!load("", DATA_TRAIN, 3, 1, 1) && says("none of its 2 images"), "%s", err);
    m_put("list.txt", "img/cat_0.png\n\0\0", 16);
    CHECK(!load("", DATA_TRAIN, 3, 1, 0) && says("binary"), "%s", err);
    m_text("twins.txt", "cat\ndog\ncat\n");
    m_text("list.txt", "img/cat_0.png\n");
    data_file *d = read_text("classes=3\nlabels=twins.txt\ntrain=list.txt");
    CHECK(!d && says("twins.txt") && says("\"cat\""), "%s", err);
    d = read_text("classes=3\nnames=twins.txt\ntrain=list.txt");
    CHECK(!d && says("twins.txt") && says("\"cat\"") && says("labels="), "%s", err);
    d = read_text("classes=3\nnames=twins.txt\nlabels=three.txt\ntrain=list.txt");
    CHECK(d != NULL, "labels= that tell them apart: %s", err);
    data_file_free(d);
    d = read_text("classes=3\ntrain=list.txt");
    CHECK(d && !dataset_load(d, DATA_TRAIN, 3, 1, 0, err) && says("no labels="), "%s", err);
    data_file_free(d);
    d = read_text("classes=3\nnames=three.txt\ntrain=list.txt");
    s = d ? dataset_load(d, DATA_TRAIN, 3, 1, 0, err) : NULL;
    CHECK(s && s->n == 1, "names serve as labels: %s", err);
    dataset_free(s);
    data_file_free(d);
}

/* The number in the name img/LABEL_NUMBER.png. */
static int number_of(const sample *s) { return atoi(strrchr(s->path, '_') + 1); }

static void count(const dataset *s, int times[], int n, int per_class[3]) {
    memset(per_class, 0, 3 * sizeof *per_class);
    for (int i = 0, last = -1; i < s->n; i++) {
        int k = number_of(&s->items[i]);
        if (k >= n || k <= last) m_die("items out of order");
        last = k;
        times[k]++;
        per_class[s->items[i].label]++;
    }
}

static void test_split(void) {
    enum { N = 100 }; /* 34 cats, 33 dogs, 33 birds */
    int times[N], once[3], a[3], b[3];
    make_list(N);
    m_text("valid.txt", "img/cat_0.png\n");
    for (int limit = 0; limit < 2; limit++) {
        char half0[64], half1[64], all[64];
        const char *more = limit ? "images_per_class=11\nseed=5\n" : "seed=5\n";
        snprintf(all, sizeof all, "%s", more);
        snprintf(half0, sizeof half0, "%ssplit=half0\n", more);
        snprintf(half1, sizeof half1, "%ssplit=half1\n", more);
        dataset *whole = load(all, DATA_TRAIN, 3, 1, 0), *s = load(half0, DATA_TRAIN, 3, 2, 0);
        dataset *t = load(half1, DATA_TRAIN, 3, 1, 0),
                *u = load(half0, DATA_TRAIN_OTHER_HALF, 3, 1, 0);
        dataset *v = load(half1, DATA_VALID, 3, 1, 0);
        if (!whole || !s || !t || !u || !v) m_die(err);
        memset(times, 0, sizeof times);
        count(whole, times, N, once);
        CHECK(limit ? once[0] == 11 && once[1] == 11 && once[2] == 11
                    : once[0] == 34 && once[1] == 33,
              "images of a class");
        for (int i = 0; i < N; i++) times[i] *= -1;
        count(s, times, N, a);
        count(t, times, N, b);
        int odd = 0;
        for (int i = 0; i < N; i++) odd += times[i] != 0;
        CHECK(!odd, "halves: %d images twice or never", odd);
        for (int k = 0; k < 3; k++)
            CHECK(abs(a[k] - b[k]) <= 1 && a[k] + b[k] == once[k], "class %d: %d and %d", k, a[k],
                  b[k]);
        CHECK(abs(s->n - t->n) <= 1, "%d and %d", s->n, t->n);
        int differ = u->n != t->n;
        for (int i = 0; !differ && i < t->n; i++)
            differ = number_of(&u->items[i]) != number_of(&t->items[i]);
        CHECK(!differ, "the other half of half0 is half1");
        CHECK(v->n == 1, "valid is not split");
        dataset_free(whole);
        dataset_free(s);
        dataset_free(t);
        dataset_free(u);
        dataset_free(v);
    }
    dataset *s = load("split=half0\nseed=5", DATA_TRAIN, 3, 1, 0),
            *t = load("split=half0\nseed=6", DATA_TRAIN, 3, 1, 0);
    int differ = 0;
    for (int i = 0; s && t && i < s->n && i < t->n; i++)
        differ += number_of(&s->items[i]) != number_of(&t->items[i]);
    CHECK(differ > 20, "another seed, another split: %d differ", differ);
    dataset_free(s);
    dataset_free(t);
    /* Any image may come into either half: over many seeds each is in the first about every second
     * time. */
    unsigned char keep[30];
    int labels[30], in[30] = {0}, worst = 0;
    data_file d = {.classes = 3, .split = SPLIT_HALF0};
    for (int i = 0; i < 30; i++) labels[i] = i / 10;
    for (d.seed = 0; d.seed < 2000; d.seed++) {
        if (data_select(&d, labels, 30, 0, keep) != 15) m_die("half of 30");
        for (int i = 0; i < 30; i++) in[i] += keep[i];
    }
    for (int i = 0; i < 30; i++)
        if (abs(in[i] - 1000) > worst) worst = abs(in[i] - 1000);
    CHECK(worst < 112, "an image is in the first half %d times more or less than 1000 of 2000",
          worst); /* 5 sigma */
    m_text("list.txt", "img/cat_0.png\n");
    s = load("split=half0", DATA_TRAIN, 3, 1, 0);
    CHECK(s && s->n == 1, "%s", err);
    dataset_free(s);
    CHECK(!load("split=half1", DATA_TRAIN, 3, 1, 0) && says("no image"), "%s", err);
}

static void put_idx(const char *path, int gz, const unsigned char *p, size_t n) {
    if (!gz) {
        m_put(path, p, n);
        return;
    }
    gzFile f = gzopen(path, "wb");
    if (!f || gzwrite(f, p, (unsigned)n) != (int)n || gzclose(f)) m_die(path);
}

static dataset *load_idx(const char *path, const char *more, int c) {
    char text[512];
    snprintf(text, sizeof text, "classes=3\ntrain=%s\nvalid=%s\n%s", path, path, more);
    data_file *d = read_text(text);
    if (!d) m_die(err);
    dataset *s = dataset_load(d, DATA_TRAIN, c, 1, 0, err);
    data_file_free(d);
    return s;
}

enum { IDX = 10, PX = 3 * 4 }; /* images of 3 rows, 4 columns */
static unsigned char images[16 + IDX * PX + 1], marks[8 + IDX + 1];

static void idx_refused(const char *part, const char *part2) {
    for (int gz = 0; gz < 2; gz++) {
        const char *path = gz ? "q-images-idx3-ubyte.gz" : "q-images-idx3-ubyte";
        put_idx(path, gz, images, 16 + IDX * PX);
        put_idx(gz ? "q-labels-idx1-ubyte.gz" : "q-labels-idx1-ubyte", gz, marks, 8 + IDX);
        dataset *s = load_idx(path, "", 3);
        CHECK(!s && says(part) && says(part2), "%s: %s", path, s ? "taken" : err);
        dataset_free(s);
    }
}

static void test_idx(void) {
    memcpy(images, "\0\0\x08\x03\0\0\0\x0a\0\0\0\x03\0\0\0\x04", 16);
    memcpy(marks, "\0\0\x08\x01\0\0\0\x0a", 8);
    for (int i = 0; i < IDX * PX; i++) images[16 + i] = (unsigned char)(i * 2);
    for (int i = 0; i < IDX; i++) marks[8 + i] = (unsigned char)(i % 3);
    static const char *const name[][2] = {
        {"a-images-idx3-ubyte", "a-labels-idx1-ubyte"},
        {"images-idx3/a-images.idx3-ubyte", "images-idx3/a-labels.idx1-ubyte"},
        {"a-images-idx3-ubyte.gz", "a-labels-idx1-ubyte.gz"}};
    mkdir("images-idx3", 0700);
    for (int k = 0; k < 3; k++) {
        put_idx(name[k][0], k == 2, images, 16 + IDX * PX);
        put_idx(name[k][1], k == 2, marks, 8 + IDX);
        for (int c = 1; c <= 3; c += 2) {
            dataset *s = load_idx(name[k][0], "", c);
            CHECK(s && s->n == IDX && s->items[0].img.w == 4 && s->items[0].img.h == 3, "%s: %s",
                  name[k][0], err);
            int wrong = 0;
            for (int i = 0; s && i < IDX; i++) {
                wrong += s->items[i].label != i % 3;
                for (int j = 0; j < PX * c; j++)
                    wrong += s->items[i].img.px[j] != (i * PX + j / c) * 2 % 256;
            }
            CHECK(!wrong, "%s: %d wrong", name[k][0], wrong);
            dataset_free(s);
        }
    }
    dataset *s = load_idx(name[0][0], "images_per_class=2\nsplit=half1", 1);
    CHECK(s && s->n == 3 && strstr(s->items[0].path, "#"), "idx, split: %s", err);
    dataset_free(s);
    unsigned char keep[32];
    memcpy(keep, images, 32);
    memcpy(images + 4, "\0\0\0\x0b", 4);
    idx_refused("11", "q-");
    memcpy(images + 4, "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    idx_refused("q-images", "");
    memcpy(images, "\0\0\x08\x01", 4);
    idx_refused("q-images", "no idx3 file");
    memcpy(images, "P5 3", 4);
    idx_refused("q-images", "no idx3 file");
    memcpy(images, keep, 32);
    marks[8 + 4] = 3;
    idx_refused("q-labels", "label 4 is 3, but classes=3");
    marks[8 + 4] = 1;
    marks[7] = 9;
    idx_refused("q-labels", "");
    marks[7] = 10;
    /* Cut off anywhere, plain and compressed. */
    for (int gz = 0; gz < 2; gz++) {
        const char *path = gz ? "q-images-idx3-ubyte.gz" : "q-images-idx3-ubyte";
        put_idx(path, gz, images, 16 + IDX * PX);
        put_idx(gz ? "q-labels-idx1-ubyte.gz" : "q-labels-idx1-ubyte", gz, marks, 8 + IDX);
        struct stat st;
        int taken = 0;
        if (stat(path, &st)) m_die(path);
        for (off_t n = st.st_size - 1; n >= 0; n--) {
            if (truncate(path, n)) m_die(path);
            s = load_idx(path, "", 1);
            taken += s != NULL || !says("q-images");
            dataset_free(s);
        }
        CHECK(!taken, "%s: %d cut-off files taken", path, taken);
    }
    put_idx("q-images-idx3-ubyte", 0, images, 16 + IDX * PX + 1);
    CHECK(!load_idx("q-images-idx3-ubyte", "", 1) && says("q-images"), "a byte too many: %s", err);
    put_idx("q-images-idx3-ubyte.gz", 1, images, 16 + IDX * PX + 1);
    CHECK(!load_idx("q-images-idx3-ubyte.gz", "", 1) && says("longer"), "a byte too many: %s", err);
    put_idx("q-images-idx3-ubyte", 0, images, 16 + IDX * PX);
    unlink("q-labels-idx1-ubyte");
    CHECK(!load_idx("q-images-idx3-ubyte", "", 1) && says("q-labels-idx1-ubyte: no such file"),
          "%s", err);
    put_idx("plain.bin", 0, images, 16 + IDX * PX);
    CHECK(!load_idx("plain.bin", "", 1) && says("images-idx3"), "%s", err);
    CHECK(!load_idx("none-images-idx3-ubyte", "", 1) && says("no such file"), "%s", err);
}

static void test_fashion(void) {
    const char *dir = "/usr/share/datasets/fashion-mnist";
    if (access(dir, F_OK)) {
        SKIP("dataset-fashion-mnist is not installed");
        return;
    }
    m_text("f.data",
           "classes=10\ntrain=%s/train-images-idx3-ubyte.gz\nvalid=%s/"
           "t10k-images-idx3-ubyte.gz\nimages_per_class=100\n",
           dir, dir);
    data_file *d = data_file_read("f.data", err);
    dataset *s = d ? dataset_load(d, DATA_TRAIN, 1, 1, 0, err) : NULL,
            *v = d ? dataset_load(d, DATA_VALID, 3, 1, 0, err) : NULL;
    CHECK(s && s->n == 1000 && v && v->n == 10000, "%s", err);
    int per[10] = {0}, wrong = 0;
    for (int i = 0; v && i < v->n; i++) per[v->items[i].label]++;
    for (int k = 0; k < 10; k++) wrong += per[k] != 1000;
    CHECK(!wrong && s && s->items[0].img.w == 28, "its test set has 1000 images of each class");
    dataset_free(s);
    dataset_free(v);
    data_file_free(d);
}

/* Items 8 and 16 fail, one long after the other, on different threads: item 8 must be told,
 * whichever comes first. */
static int fail_late(void *arg, int i, char *e) {
    int late = *(int *)arg;
    if (i == 8 || i == 16) {
        usleep(i == late ? 60000 : 15000);
        snprintf(e, ERR_LEN, "item %d", i);
        return -1;
    }
    return 0;
}

static void test_parallel(void) {
    for (int late = 8; late <= 16; late += 8) {
        for (int threads = 1; threads <= 4; threads++) {
            int bad = data_parallel(40, threads, fail_late, &late, err);
            CHECK(bad == 8 && !strcmp(err, "item 8"), "late %d, %d threads: %d, %s", late, threads,
                  bad, err);
        }
    }
    int never = 0;
    CHECK(data_parallel(8, 3, fail_late, &never, err) == -1 &&
              data_parallel(0, 3, fail_late, &never, err) == -1,
          "nothing fails");
}

int main(void) {
    m_open();
    test_parallel();
    test_data_file();
    test_labels();
    test_lists();
    test_list_refusals();
    test_split();
    test_idx();
    test_fashion();
    m_close();
    return t_done("test_data");
}
