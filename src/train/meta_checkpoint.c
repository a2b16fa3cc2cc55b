/* meta_checkpoint.c - see meta_checkpoint.h */
#include "train/meta_checkpoint.h"
#include "host/files.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "MPMETA01";
typedef struct { uint64_t len; uint32_t crc, zero; } section;

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void put_section(FILE *f, const void *p, size_t n) {
    section s = {n, file_crc32(p, n), 0};
    fwrite(&s, sizeof s, 1, f);     /* file_out_close looks at every write */
    fwrite(p, 1, n, f);
}

static int put_head(FILE *f, const checkpoint_head *h, const log_row *log, char *err) {
    size_t rows = (size_t)h->n_log * sizeof *log;
    unsigned char *p = malloc(sizeof *h + rows);
    if (!p) {
        snprintf(err, ERR_LEN, "not enough memory for a checkpoint");
        return -1;
    }
    memcpy(p, h, sizeof *h);
    if (rows) memcpy(p + sizeof *h, log, rows);
    put_section(f, p, sizeof *h + rows);
    free(p);
    return 0;
}

/* PATH stays where it is until the new file takes its name; without hard links it is moved, and checkpoint_open looks there. */
static void keep_old(const char *path) {
    char old[4200];
    snprintf(old, sizeof old, "%s.old", path);
    if (access(path, F_OK)) return;
    unlink(old);
    if (link(path, old)) rename(path, old);
}

int checkpoint_write(const char *path, const checkpoint_head *h, const log_row *log, checkpoint_task task, void *arg,
                     char *err) {
    file_out o;
    if (file_out_open(&o, path, err)) return -1;
    fwrite(magic, sizeof magic, 1, o.f);
    int bad = put_head(o.f, h, log, err);
    for (int k = 0; !bad && k < h->tasks; k++) {
        size_t len;
        unsigned char *p = task(arg, k, &len, err);
        if (p) put_section(o.f, p, len);
        bad = !p;
        free(p);
    }
    /* A full disk must show before the old state is touched. */
    if (!bad && !fflush(o.f) && !ferror(o.f)) keep_old(o.path);
    if (!bad) return file_out_close(&o, err);
    file_out_abort(&o);
    return -1;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int damaged(const checkpoint *c, const char *what, char *err) {
    snprintf(err, ERR_LEN, "%.400s: no whole checkpoint (%s)", c->path, what);
    return -1;
}

static unsigned char *get_section(checkpoint *c, size_t *len, char *err) {
    section s;
    struct stat st;
    long at = ftell(c->f);
    if (at < 0 || fstat(fileno(c->f), &st) || fread(&s, sizeof s, 1, c->f) != 1) {
        damaged(c, "it is cut short", err);
        return NULL;
    }
    if (s.len > (uint64_t)(st.st_size - at) - sizeof s) {
        damaged(c, "it is cut short", err);
        return NULL;
    }
    unsigned char *p = malloc((size_t)s.len + 1);
    if (!p) snprintf(err, ERR_LEN, "%.400s: not enough memory to read it", c->path);
    else if (fread(p, 1, (size_t)s.len, c->f) != (size_t)s.len || file_crc32(p, (size_t)s.len) != s.crc || s.zero) {
        damaged(c, "a checksum is wrong", err);
        free(p);
        p = NULL;
    }
    *len = (size_t)s.len;
    return p;
}

static int get_head(checkpoint *c, char *err) {
    char m[sizeof magic];
    size_t len;
    if (fread(m, sizeof m, 1, c->f) != 1 || memcmp(m, magic, sizeof m)) return damaged(c, "another kind of file", err);
    unsigned char *p = get_section(c, &len, err);
    if (!p) return -1;
    checkpoint_head *h = &c->head;
    int fits = len >= sizeof *h;
    if (fits) memcpy(h, p, sizeof *h);
    fits = fits && h->step >= 0 && h->tasks > 0 && h->n_log >= 0 && !h->settings[CHECKPOINT_SETTINGS - 1]
        && len == sizeof *h + (size_t)h->n_log * sizeof *c->log;
    if (fits && (c->log = malloc(len - sizeof *h + 1))) memcpy(c->log, p + sizeof *h, len - sizeof *h);
    free(p);
    if (!fits) return damaged(c, "written by another version of this program", err);
    if (c->log) return 0;
    snprintf(err, ERR_LEN, "%.400s: not enough memory to read it", c->path);
    return -1;
}

unsigned char *checkpoint_next(checkpoint *c, size_t *len, char *err) {
    unsigned char *p = get_section(c, len, err);
    if (!p || *len > CHECKPOINT_LINE) return p;
    free(p);
    damaged(c, "a task's part is too short", err);
    return NULL;
}

void checkpoint_close(checkpoint *c) {
    if (c->f) fclose(c->f);
    free(c->log);
    memset(c, 0, sizeof *c);
}

/* One file, all of it checked, and wound back to its first task. 1, 0: not there, -1 and err. */
static int open_one(checkpoint *c, char *err) {
    c->f = fopen(c->path, "rbe");
    if (!c->f) {
        if (access(c->path, F_OK)) return 0;
        return damaged(c, "it cannot be read", err);
    }
    if (get_head(c, err)) return -1;
    long tasks = ftell(c->f);
    for (int k = 0; k < c->head.tasks; k++) {
        size_t len;
        unsigned char *p = checkpoint_next(c, &len, err);
        if (!p) return -1;
        free(p);
    }
    if (fgetc(c->f) != EOF) return damaged(c, "it is longer than it should be", err);
    return tasks < 0 || fseek(c->f, tasks, SEEK_SET) ? damaged(c, "it cannot be read", err) : 1;
}

int checkpoint_open(checkpoint *c, const char *path, char *err) {
    memset(c, 0, sizeof *c);
    snprintf(c->path, sizeof c->path, "%s", path);
    int first = open_one(c, err);
    if (first > 0) return 1;
    checkpoint_close(c);
    snprintf(c->path, sizeof c->path, "%s.old", path);
    char why[ERR_LEN];
    int second = open_one(c, first ? why : err);
    if (second > 0) {
        fprintf(stderr, "metaperturb: %s: going on from %s, step %d\n", first ? err : "the last checkpoint is missing", c->path,
                c->head.step);
        return 1;
    }
    checkpoint_close(c);
    return first ? -1 : second;
}

int checkpoint_compare(const char *path, const char *theirs, const char *ours, char *err) {
    while (*theirs || *ours) {
        size_t a = strcspn(theirs, "\n"), b = strcspn(ours, "\n");
        if (a != b || memcmp(theirs, ours, a)) {
            snprintf(err, ERR_LEN, "%.300s: made with \"%.*s\", but now it is \"%.*s\": change that back, or begin without -resume",
                     path, a > 240 ? 240 : (int)a, theirs, b > 240 ? 240 : (int)b, ours);
            return -1;
        }
        theirs += a + (theirs[a] != 0);
        ours += b + (ours[b] != 0);
    }
    return 0;
}
