/* test_files.c - files that are whole or not there at all, and .phi files: exact in a round trip,
 * refused in every damaged form. */
#include "base/files.h"
#include "host/phi.h"
#include "test.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/mp_test_files_XXXXXX", file[64], tmp[72];
static char err[ERR_LEN];

static int exists(const char *p) { return access(p, F_OK) == 0; }

static void put(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f)) exit(1);
}

static int holds(const char *path, const char *text) {
    size_t n;
    unsigned char *p = file_slurp(path, &n, err);
    int same = p && n == strlen(text) && !memcmp(p, text, n) && p[n] == 0;
    free(p);
    return same;
}

static void test_write(void) {
    file_out o;
    CHECK(file_out_open(&o, file, err) == 0, "%s", err);
    fputs("one", o.f);
    fflush(o.f);
    CHECK(!exists(file) && exists(tmp), "the name must not appear before the end");
    CHECK(file_out_close(&o, err) == 0 && holds(file, "one") && !exists(tmp), "%s", err);
    if (chmod(file, 0640)) exit(1);
    CHECK(file_out_open(&o, file, err) == 0, "%s", err);
    fputs("two!", o.f);
    fflush(o.f);
    CHECK(holds(file, "one"), "a reader sees the old file until the end");
    file_out_abort(&o);
    file_out_abort(&o);
    CHECK(holds(file, "one") && !exists(tmp), "abort leaves the old file");
    CHECK(file_out_close(&o, err) == -1 && strstr(err, "not open"), "close after abort: %s", err);
    CHECK(file_out_open(&o, file, err) == 0 && fputs("two!", o.f) >= 0 &&
              file_out_close(&o, err) == 0,
          "%s", err);
    struct stat st;
    CHECK(holds(file, "two!") && !stat(file, &st) && (st.st_mode & 0777) == 0640,
          "content and rights");
    char link[80];
    snprintf(link, sizeof link, "%s/link", dir);
    if (symlink(file, link)) exit(1);
    CHECK(file_out_open(&o, link, err) == 0 && fputs("three", o.f) >= 0 &&
              file_out_close(&o, err) == 0,
          "%s", err);
    CHECK(!lstat(link, &st) && S_ISLNK(st.st_mode) && holds(file, "three"),
          "behind a link, the file is replaced");
    unlink(link);
    if (chdir(dir)) exit(1);
    CHECK(file_out_open(&o, "bare", err) == 0 && fputs("x", o.f) >= 0 &&
              file_out_close(&o, err) == 0 && holds("bare", "x"),
          "a name without folder: %s", err);
    unlink("bare");
}

static void test_write_refusals(void) {
    file_out o;
    char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    CHECK(file_out_open(&o, "/nonexistent/x", err) == -1 && strstr(err, "/nonexistent/x") &&
              strstr(err, "No such file"),
          "%s", err);
    CHECK(file_out_open(&o, dir, err) == -1 && strstr(err, "no ordinary file"), "%s", err);
    CHECK(file_out_open(&o, "/dev/null", err) == -1 &&
              strstr(err, "/dev/null: cannot be written: it is no ordinary file"),
          "%s", err);
    CHECK(file_out_open(&o, longer, err) == -1 && strstr(err, "the path is too long"), "%s", err);
    file_out_abort(&o);
}

/* Writes more than there is room for, in small pieces (the stream's buffer hides the failure) and
 * large ones. */
static int overfill(const char *path, const char *reason) {
    static char block[1 << 16];
    char t[200];
    int bad = 0;
    snprintf(t, sizeof t, "%s.tmp", path);
    put(path, "old", 3);
    for (int size = 1; size <= (int)sizeof block; size *= 256) {
        file_out o;
        if (file_out_open(&o, path, err)) return 1;
        for (int n = 0; n < 1 << 20; n += size) fwrite(block, 1, (size_t)size, o.f);
        if (file_out_close(&o, err) != -1 || !strstr(err, path) || !strstr(err, reason)) bad |= 2;
        if (!holds(path, "old")) bad |= 4;
        if (exists(t)) bad |= 8;
    }
    /* Only what is left in the buffer does not fit: the failure shows at the very end. */
    file_out o;
    if (file_out_open(&o, path, err)) return 1;
    setvbuf(o.f, NULL, _IOFBF, 1 << 21);
    for (int n = 0; n < 1 << 20; n += 1 << 16) fwrite(block, 1, 1 << 16, o.f);
    if (file_out_close(&o, err) != -1 || !strstr(err, reason) || !holds(path, "old") || exists(t))
        bad |= 16;
    if (bad) printf("last sentence: %s\n", err);
    fflush(stdout);
    return bad;
}

enum { NO_MOUNT = 99 };
static int child(int (*f)(void)) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(f());
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int on_small_disk(void) {
    char at[80], path[160];
    snprintf(at, sizeof at, "%s/disk", dir);
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mkdir(at, 0700))
        return NO_MOUNT;
    if (mount("tmpfs", at, "tmpfs", 0, "size=64k")) return NO_MOUNT;
    snprintf(path, sizeof path, "%s/f", at);
    return overfill(path, "No space left on device; make room");
}

static int under_limit(void) {
    struct rlimit r = {1 << 15, 1 << 15};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &r)) return 98;
    return overfill(file, "File too large");
}

static void test_full_disk(void) {
    int rc = child(on_small_disk);
    if (rc == NO_MOUNT)
        SKIP("no right to mount a small disk");
    else
        CHECK(rc == 0, "a full disk: %d", rc);
    rc = child(under_limit);
    CHECK(rc == 0, "a size limit: %d", rc);
    char at[80];
    snprintf(at, sizeof at, "%s/disk", dir);
    rmdir(at);
}

static int write_fifo(const char *path) {
    static char b[200001];
    memset(b, 'z', sizeof b);
    put(path, b, sizeof b);
    return 0;
}

static void test_slurp(void) {
    size_t n = 7;
    put(file, "", 0);
    CHECK(holds(file, ""), "an empty file");
    put(file, "a\0b", 3);
    unsigned char *p = file_slurp(file, &n, err);
    CHECK(p && n == 3 && !memcmp(p, "a\0b", 4), "bytes of value 0");
    free(p);
    CHECK(!file_slurp("/nonexistent", &n, err) &&
              strstr(err, "/nonexistent: cannot be read: No such file"),
          "%s", err);
    CHECK(!file_slurp(dir, &n, err) && strstr(err, "is a folder"), "%s", err);
    CHECK(!file_slurp("/dev/zero", &n, err) && strstr(err, "no ordinary file"), "%s", err);
    char fifo[80];
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    if (mkfifo(fifo, 0600)) exit(1);
    pid_t pid = fork();
    if (pid == 0) _exit(write_fifo(fifo));
    p = file_slurp(fifo, &n, err);
    CHECK(p && n == 200001 && p[0] == 'z' && p[200000] == 'z' && p[n] == 0, "a pipe of %zu bytes",
          n);
    free(p);
    waitpid(pid, NULL, 0);
    unlink(fifo);
}

static void test_crc(void) {
    CHECK(file_crc32("123456789", 9) == 0xcbf43926u, "the check value of CRC-32");
    CHECK(file_crc32("", 0) == 0, "of nothing");
}

/* ---- phi ---- */

static uint64_t state = 0x9e3779b97f4a7c15ull;
static uint32_t next(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32);
}

/* Any finite bit pattern, with the corners: both zeros, denormals, the largest, the smallest. */
static void random_phi(float phi[PHI_LEN], int round) {
    static const uint32_t corners[] = {0,           0x80000000u, 1,           0x80000001u,
                                       0x007fffffu, 0x00800000u, 0x7f7fffffu, 0xff7fffffu};
    for (int i = 0; i < PHI_LEN; i++) {
        uint32_t u = next();
        if (i < 8) u = corners[i];
        if (i >= 8 && round % 3 == 1) u &= 0x807fffffu; /* denormals */
        if ((u >> 23 & 255) == 255) u ^= 0x40000000u;
        memcpy(&phi[i], &u, 4);
    }
}

static void test_phi_round_trip(void) {
    float a[PHI_LEN], b[PHI_LEN];
    for (int i = 0; i < 300; i++) {
        random_phi(a, i);
        memset(b, 0xaa, sizeof b);
        int w = phi_write(file, a, i % 2 ? "one\ncrc32 00000000\n\nthree" : NULL, err),
            r = w ? -1 : phi_read(file, b, err);
        CHECK(!w && !r && !memcmp(a, b, sizeof a), "round %d: %s", i,
              w || r ? err : "numbers differ");
    }
    phi_init(a, 0.01f, 7);
    phi_init(b, 0.01f, 7);
    CHECK(!memcmp(a, b, sizeof a), "the same seed, the same phi");
    phi_init(b, 0.01f, 8);
    double sum = 0, sq = 0;
    for (int i = 0; i < PHI_LEN; i++) sum += a[i], sq += (double)a[i] * a[i];
    CHECK(memcmp(a, b, sizeof a) && fabs(sum / PHI_LEN) < 0.004 &&
              fabs(sqrt(sq / PHI_LEN) - 0.01) < 0.004,
          "mean %g sd %g", sum / PHI_LEN, sqrt(sq / PHI_LEN));
    a[5] = NAN;
    CHECK(phi_write(file, a, NULL, err) == -1 && strstr(err, file) && strstr(err, "number 5") &&
              strstr(err, "not finite"),
          "%s", err);
    CHECK(phi_read(file, b, err) == 0, "the old file stays: %s", err);
}

/* Every prefix is refused; every changed byte is refused or changes no number; a refused file
 * changes nothing. */
static void test_phi_damage(void) {
    float a[PHI_LEN], b[PHI_LEN], before[PHI_LEN];
    size_t n;
    for (int i = 0; i < PHI_LEN; i++) a[i] = (float)(i - 40) * 0.0123f;
    memset(before, 0x55, sizeof before);
    if (phi_write(file, a, "note", err)) exit(1);
    unsigned char *text = file_slurp(file, &n, err);
    if (!text) exit(1);
    int accepted = 0, wrong = 0, touched = 0;
    for (size_t i = 0; i < n; i++) {
        put(file, text, i);
        memcpy(b, before, sizeof b);
        wrong += phi_read(file, b, err) != -1 || !strstr(err, file);
        touched += memcmp(b, before, sizeof b) != 0;
    }
    CHECK(wrong == 0 && touched == 0, "%d prefixes accepted, %d changed phi", wrong, touched);
    for (size_t i = 0; i < n; i++) {
        static const char other[] = "0123456789+-.eE \n#\tx\0\377";
        for (size_t k = 0; k < sizeof other - 1; k++) {
            unsigned char old = text[i];
            text[i] = (unsigned char)other[k];
            put(file, text, n);
            memcpy(b, before, sizeof b);
            int rc = phi_read(file, b, err);
            wrong += rc ? memcmp(b, before, sizeof b) != 0 || !strstr(err, file)
                        : memcmp(a, b, sizeof a) != 0;
            accepted += rc == 0 && old != text[i];
            text[i] = old;
        }
    }
    CHECK(wrong == 0, "%d changed bytes gave other numbers", wrong);
    CHECK(accepted > 20, "a changed comment is no damage, but only %d changes were accepted",
          accepted);
    free(text);
}

static void refuse(const char *start, const char *from, const char *to, const char *words) {
    char text[4096] = "", *at;
    float a[PHI_LEN], b[PHI_LEN];
    size_t n;
    for (int i = 0; i < PHI_LEN; i++) a[i] = 0.5f;
    if (phi_write(file, a, NULL, err)) exit(1);
    unsigned char *good = file_slurp(file, &n, err);
    if (!good || !(at = strstr((char *)good, from))) exit(1);
    snprintf(text, sizeof text, "%s%.*s%s%s", start, (int)((char *)at - (char *)good), (char *)good,
             to, at + strlen(from));
    free(good);
    put(file, text, strlen(text));
    CHECK(phi_read(file, b, err) == -1 && strstr(err, file) && strstr(err, words),
          "want \"%s\", got \"%s\"", words, err);
}

static void test_phi_refusals(void) {
    float b[PHI_LEN];
    CHECK(phi_read("/nonexistent/a.phi", b, err) == -1 &&
              strstr(err, "/nonexistent/a.phi: cannot be read"),
          "%s", err);
    refuse("\n", "crc32", "crc32", ":1: this is no .phi file");
    refuse("", "phi 1", "phi 2", ":1: this is no .phi file of version 1");
    refuse("", "e1_all", "e1_al", ":3: unknown name \"e1_al\"");
    refuse("", "e1_all", "e1_self", ":3: e1_self is given twice, first in line 2");
    refuse("", "e1_all", "# e1_all", ": e1_all is missing");
    refuse("", "e1_all 0.5", "e1_all", ":3: e1_all has 8 numbers; there must be 9");
    refuse("", "kernels 0.5", "kernels 0.5 0.5", ":6: kernels has 37 numbers; there must be 36");
    refuse("", "scale 0.5", "scale 0,5", ":7: scale: \"0,5\" is not a finite number");
    refuse("", "scale 0.5", "scale nan", "\"nan\" is not a finite number");
    refuse("", "scale 0.5", "scale 1e99", "\"1e99\" is not a finite number");
    refuse("", "scale 0.5", "scale 0x1p-1", "\"0x1p-1\" is not a finite number");
    refuse("", "scale 0.5", "scale 0.25", "the numbers do not have the checksum");
    refuse("", "crc32 ", "crc32 0", ":8: crc32 must be 8 hexadecimal digits");
    refuse("", "crc32 ", "# crc32 ", ": crc32 is missing");
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/f", dir);
    snprintf(tmp, sizeof tmp, "%s.tmp", file);
    test_write();
    test_write_refusals();
    test_full_disk();
    test_slurp();
    test_crc();
    test_phi_round_trip();
    test_phi_damage();
    test_phi_refusals();
    unlink(file);
    rmdir(dir);
    return t_done("test_files");
}
