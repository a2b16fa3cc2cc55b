/* meta_state.c - see meta_run.h. The file, little-endian: "MPSTATE1", u32 crc32 of the payload, u64
 * its length; the payload: u32 identity of the run, i32 step, f64 seconds, phi and Adam's two
 * moments (3 x 82 f32), u64 length and text of the log (JSON), then per task u64 length and the
 * bytes of a .weights file with optimizer state. Loaders and noise need only the step. */
#include "base/files.h"
#include "train/meta_run.h"
#include "train/ranks.h"
#include "train/report.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static const char magic[8] = "MPSTATE1";
enum { HEAD = 20, TAG_LEN = 1, TAG_BYTES = 2 };
typedef struct {
    unsigned char *p;
    size_t len;
} bytes;

static int no_memory(char *err) { return fail(err, "not enough memory for the state of the run"); }

static int put(bytes *b, const void *p, size_t n) {
    unsigned char *q = realloc(b->p, b->len + n + 1);
    if (!q) return -1;
    if (n) memcpy(q + b->len, p, n);
    b->p = q;
    b->len += n;
    return 0;
}

static int take(bytes *b, void *p, size_t n) {
    if (n > b->len) return -1;
    memcpy(p, b->p, n);
    b->p += n;
    b->len -= n;
    return 0;
}

/* All that must be the same for a state to fit; the number of steps and of ranks may change. */
static uint32_t identity(const meta_run *r) {
    char text[16384];
    int at = snprintf(text, sizeof text, "%d %d %.9g %.9g %.9g %.9g %llu", r->n, r->m->batch,
                      r->m->learning_rate, r->m->decay, r->m->phi_learning_rate, r->m->phi_decay,
                      (unsigned long long)r->seed);
    if (r->m->restart)
        at += snprintf(text + at, sizeof text - (size_t)at, " restart %d", r->m->restart);
    if (r->m->lookahead)
        at += snprintf(text + at, sizeof text - (size_t)at, " lookahead %d", r->m->lookahead);
    uint32_t id = file_crc32(text, (size_t)at);
    for (int k = 0; k < r->n; k++) {
        const meta_task *t = &r->m->tasks[k];
        at = snprintf(text, sizeof text, "%u %s %s %s %d %d", id, t->data,
                      t->cfg[0] ? t->cfg : r->m->cfg, t->split, t->size, t->flip);
        id = file_crc32(text, (size_t)at);
    }
    return id;
}

/* A task's network as the bytes of its weights file. */
static int network_bytes(const meta_run *r, int k, bytes *out, char *err) {
    char path[PATH_LEN + 100];
    snprintf(path, sizeof path, "%s.task%d", r->out, k);
    if (host_save(r->tasks[k].c.net, path, 1, err)) return -1;
    out->p = file_slurp(path, &out->len, err);
    unlink(path);
    return out->p ? 0 : -1;
}

static int restore_network(meta_task_run *t, const unsigned char *p, size_t n, char *err) {
    char path[64];
    int fd = memfd_create("metaperturb-state", MFD_CLOEXEC), bad = -1;
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!f) return no_memory(err);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fwrite(p, 1, n, f) == n && !fflush(f))
        bad = host_load(t->c.net, path, 0, err);
    else
        no_memory(err);
    fclose(f);
    return bad;
}

static int put_head(const meta_run *r, bytes *b) {
    uint32_t id = identity(r);
    int32_t step = r->step;
    double seconds = r->before + report_now() - r->start;
    char *log = cJSON_PrintUnformatted(r->log);
    uint64_t n = log ? strlen(log) : 0;
    int bad = !log || put(b, &id, sizeof id) || put(b, &step, sizeof step) ||
              put(b, &seconds, sizeof seconds) || put(b, r->phi, sizeof r->phi) ||
              put(b, r->m1, sizeof r->m1) || put(b, r->m2, sizeof r->m2) || put(b, &n, sizeof n) ||
              put(b, log, n);
    free(log);
    return bad;
}

/* Rank 0 gathers the tasks in their order; every owner sends. bad is one rank's own; they agree
 * behind it. */
static int gather(meta_run *r, bytes *all, char *err) {
    int bad = 0;
    for (int k = 0; k < r->n; k++) {
        bytes b = {0};
        int owner = k % ranks_count();
        if (r->tasks[k].mine) bad |= network_bytes(r, k, &b, err);
        uint64_t len = b.len;
        if (ranks_id() != 0 && r->tasks[k].mine) {
            ranks_send(&len, sizeof len, TAG_LEN);
            ranks_send(b.p, b.len, TAG_BYTES);
        } else if (ranks_id() == 0 && owner != 0) {
            ranks_receive(&len, sizeof len, owner, TAG_LEN);
            b = (bytes){malloc(len + 1), len};
            if (!b.p) abort(); /* the sender waits for us: nothing better is left */
            ranks_receive(b.p, len, owner, TAG_BYTES);
        }
        if (ranks_id() == 0 && (put(all, &len, sizeof len) || put(all, b.p, b.len)))
            bad = no_memory(err);
        free(b.p);
    }
    return bad;
}

static int write_file(const meta_run *r, const bytes *b, char *err) {
    char path[PATH_LEN + 100], old[PATH_LEN + 100];
    file_out o;
    uint32_t crc = file_crc32(b->p, b->len);
    uint64_t len = b->len;
    snprintf(path, sizeof path, "%s.state", r->out);
    snprintf(old, sizeof old, "%s.state.1", r->out);
    if (file_out_open(&o, path, err)) return -1;
    if (fwrite(magic, sizeof magic, 1, o.f) != 1 || fwrite(&crc, sizeof crc, 1, o.f) != 1 ||
        fwrite(&len, sizeof len, 1, o.f) != 1 || fwrite(b->p, 1, b->len, o.f) != b->len ||
        fflush(o.f)) {
        int e = errno;
        file_out_abort(&o);
        return fail(err, "%s: cannot write the state of the run: %s", path, strerror(e));
    }
    if (rename(path, old) && errno != ENOENT) {
        int e = errno;
        file_out_abort(&o);
        return fail(err, "%s: cannot be kept as %s: %s", path, old, strerror(e));
    }
    return file_out_close(&o, err);
}

int meta_state_save(meta_run *r, char *err) {
    bytes b = {0};
    int bad = ranks_id() == 0 && put_head(r, &b) ? no_memory(err) : 0;
    bad |= gather(r, &b, err);
    bad = ranks_agree(bad,
                      err); /* before a state with a part missing takes the place of a whole one */
    if (!bad) bad = ranks_agree(ranks_id() == 0 ? write_file(r, &b, err) : 0, err);
    free(b.p);
    return bad;
}

/* The payload of a whole file. NULL and err: damaged, or unreadable; NULL and err empty: not there.
 */
static unsigned char *read_whole(const char *path, size_t *len, char *err) {
    uint32_t crc;
    uint64_t n;
    err[0] = 0;
    if (access(path, F_OK) && errno == ENOENT) return NULL;
    unsigned char *p = file_slurp(path, len, err);
    if (!p) return NULL;
    if (*len >= HEAD && !memcmp(p, magic, sizeof magic)) {
        memcpy(&crc, p + 8, sizeof crc);
        memcpy(&n, p + 12, sizeof n);
        if (n == *len - HEAD && file_crc32(p + HEAD, n) == crc) {
            memmove(p, p + HEAD, n);
            *len = n;
            return p;
        }
    }
    fail(err, "%.400s: damaged or cut short", path);
    free(p);
    return NULL;
}

/* OUT.state; where there is none, OUT.state.1: a kill between the two renames leaves that alone.
 * b->p NULL: neither is there. A damaged one is not a missing one: the user decides what to lose.
 */
static int read_state(const meta_run *r, bytes *b, char *err) {
    char path[PATH_LEN + 100], before[PATH_LEN + 100], why[ERR_LEN];
    snprintf(path, sizeof path, "%s.state", r->out);
    snprintf(before, sizeof before, "%s.state.1", r->out);
    b->p = read_whole(path, &b->len, err);
    if (b->p) return 0;
    if (!err[0]) {
        b->p = read_whole(before, &b->len, err);
        return b->p || !err[0] ? 0 : -1;
    }
    unsigned char *p = read_whole(before, &b->len, why);
    size_t n = strlen(err);
    if (p)
        snprintf(err + n, ERR_LEN - n,
                 "; %.300s, the state before it, is whole: rename it to go on from there", before);
    else
        snprintf(err + n, ERR_LEN - n,
                 "; there is no whole state before it: remove it to start anew");
    free(p);
    return -1;
}

static int restore(meta_run *r, bytes b, char *err) {
    uint32_t id;
    int32_t step;
    uint64_t n;
    if (take(&b, &id, sizeof id) || take(&b, &step, sizeof step) ||
        take(&b, &r->before, sizeof r->before) || take(&b, r->phi, sizeof r->phi) ||
        take(&b, r->m1, sizeof r->m1) || take(&b, r->m2, sizeof r->m2) || take(&b, &n, sizeof n) ||
        n > b.len)
        goto cut;
    if (id != identity(r))
        return fail(
            err,
            "%s.state: the state of a run with other tasks, rates, batch, restart=, "
            "lookahead= or seed than %s: give -out another name, or remove it to start anew",
            r->out, r->a->meta);
    cJSON *log = cJSON_ParseWithLength((const char *)b.p, n);
    if (log) {
        cJSON_DeleteItemFromObject(r->json, "log");
        cJSON_AddItemToObject(r->json, "log", r->log = log);
    }
    b.p += n;
    b.len -= n;
    for (int k = 0; k < r->n; k++) {
        if (take(&b, &n, sizeof n) || n > b.len) goto cut;
        if (r->tasks[k].mine && restore_network(&r->tasks[k], b.p, n, err)) return -1;
        b.p += n;
        b.len -= n;
    }
    r->step = step;
    return 0;
cut:
    return fail(err, "%s.state: its parts do not fit together", r->out);
}

int meta_state_load(meta_run *r, char *err) {
    bytes b = {0};
    int bad = ranks_id() == 0 ? read_state(r, &b, err) : 0;
    if (ranks_agree(bad, err)) return -1;
    uint64_t len = b.p ? b.len : 0;
    ranks_broadcast(&len, sizeof len, 0);
    if (ranks_id() != 0 && len) b = (bytes){malloc(len), len};
    if (len && !b.p) bad = no_memory(err);
    if (ranks_agree(bad, err)) {
        free(b.p);
        return -1;
    }
    if (len) {
        ranks_broadcast(b.p, len, 0);
        bad = restore(r, b, err);
    }
    free(b.p);
    return ranks_agree(bad, err);
}
