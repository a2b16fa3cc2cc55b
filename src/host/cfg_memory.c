/* cfg_memory.c - see cfg_memory.h. What the host and the engine allocate, layer by layer, from the
 * cfg alone; held against measured peaks by tests/host/memory.sh. */
#include "host/cfg_memory.h"
#include "engine/engine.h"
#include "host/cfg_keys.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MB = 1 << 20, FLOAT = 4 };
static const double HOST_ADDRESS =
    400.0 * MB; /* of metaperturb-host before it opens a network; its pages: */
static const double HOST_RESIDENT = 90.0 * MB;
static double told_limit;

void cfg_memory_limit(double bytes) { told_limit = bytes; }

static int is(const cfg_layer *l, const char *type) { return !strcmp(l->type, type); }

typedef struct {
    double resident, kept, address, deltas, floats, workspace;
} sums; /* kept: for the way back */

/* Bytes of the map that a blur (antialiasing=) reads, of the whole mini-batch; 0: there is none. */
static double before_blur(const cfg_file *c, const cfg_layer *l, int i, int sec, double each) {
    int conv = is(l, "convolutional"), first = i == 0;
    if (!conv && !is(l, "maxpool")) return 0;
    if (!cfg_get_geometry(c, sec).antialiasing) return 0;
    double size = cfg_get_num(c, sec, "size", cfg_get_num(c, sec, "stride", 1)),
           pad = conv ? 2 * (cfg_get_num(c, sec, "pad", 0) != 0 ? (int)size / 2
                                                                : cfg_get_num(c, sec, "padding", 0))
                      : cfg_get_num(c, sec, "padding", size - 1);
    double w = first ? cfg_get_num(c, 0, "width", 1) : l[-1].w,
           h = first ? cfg_get_num(c, 0, "height", 1) : l[-1].h;
    return (w + pad - size + 1) * (h + pad - size + 1) * l->c * each;
}

/* Of a [convolutional] that shares another's: the host fills its own all the same. */
static double idle_weights(const cfg_file *c, const cfg_layer *l, int i, int sec) {
    double in = i ? l[-1].c : cfg_get_num(c, 0, "channels", 1),
           size = cfg_get_num(c, sec, "size", 1);
    if (cfg_get_owner(c, sec) < 0) return 0;
    return in / cfg_get_num(c, sec, "groups", 1) * l->c * size * size * FLOAT;
}

/* each: bytes of one number of all pictures of a mini-batch. */
static void add_layer(sums *s, const cfg_file *c, const cfg_layer *l, int i, double each) {
    double outputs = (double)l->w * l->h * l->c * each, own = outputs;
    int sec = cfg_section_of(c, i),
        weights = is(l, "convolutional") || is(l, "connected") || is(l, "deconvolutional");
    int norm = weights && cfg_get_num(c, sec, "batch_normalize", 0) != 0;
    const char *a = cfg_activation(c, sec);
    double inner = before_blur(c, l, i, sec, each);
    if (a && cfg_word_over_channels(a)) s->resident += fmax(outputs, inner);
    s->resident += outputs + inner;
    s->address += inner + 2 * idle_weights(c, l, i, sec);
    s->resident += idle_weights(c, l, i, sec);
    if (inner > 0) own = inner;
    s->kept += own * (norm || is(l, "maxpool") ? 1 : is(l, "perturb") ? 1.25 : 0);
    /* The input in bfloat16, for the weights' gradient; a delta in it. */
    if (weights && i > 0 && engine_uses_bf16())
        s->kept += (double)l[-1].w * l[-1].h * l[-1].c * each / 2;
    s->address += outputs * (2 + 2 * norm + is(l, "maxpool") +
                             is(l, "dropout")); /* outputs, deltas, and more of the host */
    /* The host's own code runs it and keeps its outputs: those of the layer before it are carried
     * to the host too. */
    if (!(cfg_kind_at(c, sec)->flags & KIND_OURS)) s->resident += outputs * (2 + 2 * (i > 0));
    if (fmax(outputs, inner) > s->deltas) s->deltas = fmax(outputs, inner);
    if (l->floats > 0) s->floats += (double)l->floats;
    double size = cfg_get_num(c, sec, "size", 1), patch = (double)l->w * l->h * size * size;
    if (is(l, "convolutional") && i > 0) patch *= l[-1].c;
    if (is(l, "convolutional") && patch > s->workspace) s->workspace = patch;
}

int cfg_memory_of(const cfg_file *c, int training, cfg_memory *m, char *err) {
    int n = cfg_layer_count(c), adam = cfg_get_num(c, 0, "adam", 0) != 0,
        ema = cfg_get_num(c, 0, "ema_alpha", 0) != 0;
    cfg_layer *l = calloc((size_t)n + 1, sizeof *l);
    if (!l) fail(err, "%s: not enough memory", c->path);
    if (!l || cfg_get_layers(c, l, err)) {
        free(l);
        return -1;
    }
    double batch = cfg_get_num(c, 0, "batch", 1) / cfg_get_num(c, 0, "subdivisions", 1) *
                   cfg_get_num(c, 0, "time_steps", 1);
    double inputs = cfg_get_num(c, 0, "inputs", 0), w = cfg_get_num(c, 0, "width", 0);
    if (w > 0) inputs = w * cfg_get_num(c, 0, "height", 0) * cfg_get_num(c, 0, "channels", 0);
    /* A picture in the engine, in the host, and in each of the loader's three batches. */
    sums s = {.resident = inputs * batch * FLOAT * 2,
              .kept = inputs * batch * FLOAT * 3,
              .address = inputs * batch * FLOAT * 2};
    for (int i = 0; i < n; i++) add_layer(&s, c, &l[i], i, batch * FLOAT);
    free(l);
    double weights = s.floats * FLOAT;
    if (engine_uses_bf16()) s.resident += s.deltas;
    double step = s.resident + s.kept + 3 * s.deltas + weights * (4 + 2 * adam + ema);
    double pass = s.resident + weights * 3;
    s.address += weights * (2 + 2 * adam) + s.workspace * FLOAT;
    *m = (cfg_memory){HOST_RESIDENT + (training ? step : pass), step + s.address, batch};
    return 0;
}

/* ---- what there is ---- */

/* The number after `key` in a file of the system; -1: no such line. */
static double number_in(const char *path, const char *key) {
    char line[512];
    double v = -1;
    FILE *f = fopen(path, "re");
    while (f && v < 0 && fgets(line, sizeof line, f)) {
        size_t n = strlen(key);
        char *end;
        if (strncmp(line, key, n)) continue;
        double got = strtod(line + n, &end);
        if (end != line + n) v = got;
    }
    if (f) fclose(f);
    return v;
}

/* The least of what the machine has free and the control groups allow, or the limit that was told;
 * -1 bytes: not known. */
typedef struct {
    double bytes;
    const char *why;
} cfg_room;

static void lower(cfg_room *r, double bytes, const char *why) {
    if (bytes < 0 || (r->bytes >= 0 && bytes >= r->bytes)) return;
    r->bytes = bytes;
    r->why = why;
}

/* The limits of this process's control groups, version 2 or 1, from its own up to the root. */
static void cgroups(cfg_room *r) {
    char line[4096], path[4600];
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        char *at = strchr(line, ':'), *group = at ? strchr(at + 1, ':') : NULL;
        if (!group) continue;
        int two = group == at + 1, one = !two && !strncmp(at + 1, "memory:", 7);
        if (!two && !one) continue;
        group++;
        group[strcspn(group, "\n")] = 0;
        for (char *cut = group + strlen(group); cut; cut = strrchr(group, '/')) {
            *cut = 0;
            snprintf(path, sizeof path, "/sys/fs/cgroup%s%s/%s", two ? "" : "/memory", group,
                     two ? "memory.max" : "memory.limit_in_bytes");
            lower(r, number_in(path, ""), "the limit of its control group");
        }
    }
    if (f) fclose(f);
}

static cfg_room room_now(void) {
    cfg_room r = {-1, ""};
    if (told_limit > 0) return (cfg_room){told_limit, "-memory"};
    double free_kb = number_in("/proc/meminfo", "MemAvailable:");
    if (free_kb >= 0) lower(&r, free_kb * 1024 + HOST_RESIDENT, "what this machine has free");
    cgroups(&r);
    return r;
}

static double limit_of(int resource) {
    struct rlimit l;
    return getrlimit(resource, &l) || l.rlim_cur == RLIM_INFINITY ? -1 : (double)l.rlim_cur;
}

static const char *size_text(double bytes, char text[32]) {
    if (bytes < 1000.0 * MB)
        snprintf(text, 32, "%.0f MB", bytes / MB);
    else
        snprintf(text, 32, "%.1f GB", bytes / MB / 1024);
    return text;
}

int cfg_memory_check(const char *path, const cfg_memory *m, char *err) {
    cfg_room room = room_now();
    char need[32], has[32];
    double address = HOST_ADDRESS + m->address, most = limit_of(RLIMIT_AS),
           data = limit_of(RLIMIT_DATA);
    if (data >= 0 && (most < 0 || data + HOST_ADDRESS < most)) most = data + HOST_ADDRESS;
    int by_room = room.bytes >= 0 && m->resident > room.bytes;
    if (!by_room && (most < 0 || address <= most)) return 0;
    return fail(err,
                "%.500s: needs about %s of memory for %.0f pictures at once, more than %s, %s: "
                "raise subdivisions, "
                "or make batch, width and height smaller",
                path, size_text(by_room ? m->resident : address, need), m->batch,
                by_room ? room.why : "the limit of this shell (ulimit -v)",
                size_text(by_room ? room.bytes : most, has));
}

void cfg_memory_tell(FILE *out, const char *path, const cfg_memory *m) {
    cfg_room room = room_now();
    char need[32], has[32];
    fprintf(out, "%s: about %s of memory for %.0f pictures at once", path,
            size_text(m->resident, need), m->batch);
    if (room.bytes >= 0) fprintf(out, "; %s: %s", room.why, size_text(room.bytes, has));
    fputc('\n', out);
}
