/* results.c - see results.h */
#include "study/results.h"
#include "base/error.h"
#include "base/path.h"
#include "base/files.h"
#include "train/report.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int complain(const char *path, const char *what, char *err) {
    return fail(err, "%.400s: %s: %s", path, what, strerror(errno));
}

/* Locks that belong to the open file, not the process: closing another descriptor of the same file
 * does not lose them. */
static int lock(int fd, short type, uint64_t at, uint64_t len, int wait) {
    struct flock l = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = (off_t)len};
    int bad;
    do bad = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &l);
    while (bad && errno == EINTR);
    return bad;
}

/* What a line of `compare` must have to count as done: of the metrics those that its first version
 * wrote, so that a later one damages no earlier line. */
static const char *lacks(const cJSON *line) {
    static const char *const texts[] = {"hash", "target", "network", "method"};
    static const char *const numbers[] = {"seed", "steps", "samples", "top1",
                                          "nll",  "ece",   "images"};
    if (!cJSON_IsObject(line)) return "it is no JSON object";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!cJSON_IsString(cJSON_GetObjectItem(line, texts[i]))) return texts[i];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!cJSON_IsNumber(cJSON_GetObjectItem(line, numbers[i]))) return numbers[i];
    const cJSON *train = cJSON_GetObjectItem(cJSON_GetObjectItem(line, "seconds"), "train");
    return cJSON_IsNumber(train) ? NULL : "seconds";
}

/* One line, of text or not: cJSON alone would stop at a zero byte and take what stands before it.
 */
static cJSON *read_line(const char *s, size_t n, const char **wrong) {
    *wrong = memchr(s, 0, n) ? "it holds a zero byte" : NULL;
    if (*wrong) return NULL;
    cJSON *line = cJSON_ParseWithLengthOpts(s, n + 1, NULL, 1);
    *wrong = lacks(line);
    if (!*wrong) return line;
    cJSON_Delete(line);
    return NULL;
}

cJSON *results_read(const char *path, int quiet, char *err) {
    cJSON *all = cJSON_CreateArray();
    size_t len;
    if (!all || (access(path, F_OK) && errno == ENOENT)) return all;
    char *text = (char *)file_slurp(path, &len, err), *end;
    int number = 0, bad = 0;
    for (char *s = text; s && (end = memchr(s, '\n', len - (size_t)(s - text))); s = end + 1) {
        const char *wrong;
        *end = 0;
        number++;
        cJSON *line = read_line(s, (size_t)(end - s), &wrong);
        cJSON_AddItemToArray(all, line);
        if (line) continue;
        bad++;
        if (!quiet && bad < 10)
            fprintf(
                stderr,
                "metaperturb: %.400s:%d: a damaged line, passed over, so that its cell counts as "
                "missing: %s%s\n",
                path, number, strchr(wrong, ' ') ? "" : "no ", wrong);
    }
    free(text);
    if (text && (!bad || bad < number)) return all;
    if (text)
        fail(err, "%.400s: not one of its %d lines is a result: is this a results file?", path,
             number);
    cJSON_Delete(all);
    return NULL;
}

static void make_folders(const char *path) {
    char dir[PATH_LEN];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
        mkdir(dir, 0777); /* what cannot be made is told when the file is opened */
    }
}

/* Cuts off a piece without line end. */
static int mend(int fd) {
    off_t end = lseek(fd, 0, SEEK_END), keep = end;
    char c = '\n';
    if (end < 0) return -1;
    while (keep > 0) {
        if (pread(fd, &c, 1, keep - 1) != 1) return -1;
        if (c == '\n') break;
        keep--;
    }
    return keep == end ? 0 : ftruncate(fd, keep);
}

int results_append(const char *path, const cJSON *line, char *err) {
    make_folders(path);
    char *text = report_text(line, 0);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666), bad = -1;
    if (!text)
        errno = ENOMEM;
    else if (fd >= 0 && !lock(fd, F_WRLCK, 0, 0, 1) && !mend(fd)) {
        size_t n = strlen(text);
        text[n] = '\n'; /* in place of the closing 0: one write for the whole line */
        ssize_t put = write(fd, text, n + 1);
        if (put >= 0 && put != (ssize_t)(n + 1)) errno = ENOSPC;
        bad = put != (ssize_t)(n + 1) || fsync(fd);
    }
    if (bad) complain(path, "cannot be written", err);
    if (fd >= 0) close(fd);
    free(text);
    return bad ? -1 : 0;
}

const cJSON *results_find(const cJSON *lines, uint64_t hash) {
    char name[20];
    const cJSON *line, *found = NULL;
    snprintf(name, sizeof name, "%016" PRIx64, hash);
    cJSON_ArrayForEach(line, lines) {
        const char *h = cJSON_GetStringValue(cJSON_GetObjectItem(line, "hash"));
        if (h && !strcmp(h, name)) found = line;
    }
    return found;
}

int results_whole(const cJSON *line, const char *key) {
    const cJSON *v = cJSON_GetObjectItem(line, key);
    return cJSON_IsNumber(v) ? v->valueint : 0;
}

int claims_open(const char *path, char *err) {
    char name[PATH_LEN + 100];
    snprintf(name, sizeof name, "%s.lock", path);
    make_folders(path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    return fd < 0 ? complain(name, "cannot be made", err) : fd;
}

/* Places of a file are signed. */
static uint64_t place(uint64_t hash) { return hash >> 2; }
int claims_take(int claims, uint64_t hash) { return !lock(claims, F_WRLCK, place(hash), 1, 0); }
void claims_leave(int claims, uint64_t hash) { lock(claims, F_UNLCK, place(hash), 1, 0); }
