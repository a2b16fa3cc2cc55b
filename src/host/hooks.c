/* hooks.c - the functions of libdarknet.so that we stand in front of.
 *
 * The library calls itself through its PLT, so a definition in the program, or in a preloaded
 * library, comes first. Since gcc 13 (Debian 13) that holds between its source files alone: what is
 * called from the file that defines it goes past us. So these are caught where one file calls
 * another. Only these few (scripts/check_symbols.sh holds the list); everything else goes through
 * function pointers. */
#include "base/files.h"
#include "host/hush.h"
#include "host/net_internal.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CATCH __attribute__((visibility("default")))

CATCH network *parse_network_cfg(char *path);
CATCH list *read_cfg(char *path);
CATCH layer get_network_output_layer(network *net);
CATCH void load_weights(network *net, char *path);
CATCH void load_weights_upto(network *net, char *path, int start, int cutoff);
CATCH void save_weights(network *net, char *path);
CATCH void save_weights_upto(network *net, char *path, int cutoff);
CATCH layer make_convolutional_layer(int batch, int h, int w, int c, int n, int groups, int size,
                                     int stride, int padding, ACTIVATION activation,
                                     int batch_normalize, int binary, int xnor, int adam);
CATCH layer make_upsample_layer(int batch, int w, int h, int c, int stride);
CATCH int resize_network(network *net, int w, int h);
CATCH void free_layer(layer l);
CATCH void file_error(char *s);
CATCH void malloc_error(void);

/* The cfg between its reading and the moment its network stands. */
static _Thread_local struct {
    const cfg_file *cfg;
    cfg_file *mine;    /* read here, for a program that knows nothing of us; else NULL */
    int translated;    /* the host is given our text, and need not be caught at read_cfg */
    int upsamples,     /* [upsample] sections that the host has made layers of */
        convolutions;  /* [convolutional] sections */
    int failed, alone; /* alone: the network stays the host's */
    char err[ERR_LEN];
} pending;

static void *real(const char *name) {
    void *p = dlsym(RTLD_NEXT, name);
    if (!p) {
        fprintf(stderr,
                "metaperturb: libdarknet.so has no function %s: is this Debian's darknet?\n", name);
        exit(1);
    }
    return p;
}

/* dlsym gives an object pointer; copying its bytes is how POSIX means it to become a function
 * pointer. */
#define REAL(name)                   \
    static __typeof__(name) *fn;     \
    if (!fn) {                       \
        void *p_ = real(#name);      \
        memcpy(&fn, &p_, sizeof fn); \
    }

static void die(const char *text) {
    host_unhush();
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static list *real_read_cfg(char *path) {
    REAL(read_cfg)
    return fn(path);
}

void host_real_load(network *net, char *path, int start, int cutoff) {
    REAL(load_weights_upto)
    fn(net, path, start, cutoff);
}

void host_real_save(network *net, char *path, int cutoff) {
    REAL(save_weights_upto)
    fn(net, path, cutoff);
}

/* Bytes as a file that only this process sees, under `path`: its descriptor, or -1. */
static int memory_file(const void *p, size_t n, char path[64]) {
    int fd = memfd_create("metaperturb", MFD_CLOEXEC);
    size_t at = 0;
    while (fd >= 0 && at < n) {
        ssize_t k = write(fd, (const char *)p + at, n - at);
        if (k <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)k;
    }
    if (fd >= 0) snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static int translate(const cfg_file *c, char path[64]) {
    char *text = cfg_for_host(c);
    pending.upsamples = pending.convolutions = 0;
    int fd = text ? memory_file(text, strlen(text), path) : -1;
    if (fd < 0) {
        char err[ERR_LEN];
        snprintf(err, sizeof err, "metaperturb: the cfg cannot be handed to the host: %s",
                 strerror(errno));
        die(err);
    }
    free(text);
    return fd;
}

static void forget_mine(void) {
    if (!pending.mine) return;
    cfg_free(pending.mine);
    pending.mine = NULL;
    pending.cfg = NULL;
}

static const cfg_file *read_mine(const char *path) {
    char err[ERR_LEN];
    forget_mine();
    pending.mine = cfg_read(path, err);
    if (!pending.mine) die(err);
    return pending.cfg = pending.mine;
}

static network *parse_translated(const cfg_file *c) {
    char path[64];
    REAL(parse_network_cfg)
    int fd = translate(c, path);
    pending.translated = 1;
    network *net = fn(path);
    pending.translated = 0;
    close(fd);
    return net;
}

network *parse_network_cfg(char *path) {
    network *net = parse_translated(read_mine(path));
    forget_mine();
    return net;
}

/* By dlsym on the library itself a program reaches parse_network_cfg past us; where the library
 * calls this one through its PLT, it is met here. */
list *read_cfg(char *path) {
    char translated[64];
    if (pending.translated) return real_read_cfg(path);
    int fd = translate(read_mine(path), translated);
    list *l = real_read_cfg(translated);
    close(fd);
    return l;
}

static int layers_of(const cfg_file *c) { return c->n - 1 - cfg_get_meta_shared(c).present; }

/* parse_network_cfg asks for the output layer once all layers stand: the first moment at which a
 * network can be attached. */
layer get_network_output_layer(network *net) {
    const cfg_file *c = pending.cfg;
    if (c && !pending.alone && net->n == layers_of(c) && !host_of(net)) {
        pending.failed = host_attach(net, c, pending.err);
        if (pending.mine && pending.failed) die(pending.err);
        forget_mine();
        pending.cfg = NULL;
    }
    REAL(get_network_output_layer)
    return fn(net);
}

network *host_parse(const cfg_file *c, int quiet, int alone, char *err) {
    if (quiet) host_hush();
    pending.cfg = c;
    pending.failed = 0;
    pending.alone = alone;
    pending.err[0] = 0;
    network *net = parse_translated(c);
    pending.cfg = NULL;
    pending.alone = 0;
    host_unhush();
    if (!pending.failed) return net;
    fail(err, "%s", pending.err);
    free_network(net);
    return NULL;
}

void load_weights(network *net, char *path) { load_weights_upto(net, path, 0, net->n); }

void load_weights_upto(network *net, char *path, int start, int cutoff) {
    char err[ERR_LEN];
    host_net *h = host_of(net);
    if (h && start == 0 && cutoff >= net->n) {
        if (host_load(net, path, HOST_PARTIAL_OK, err)) die(err);
        return;
    }
    if (access(path, R_OK)) {
        snprintf(err, sizeof err, "%s: cannot read weights: %s", path, strerror(errno));
        die(err);
    }
    if (!h) {
        host_real_load(net, path, start, cutoff);
        return;
    }
    size_t len;
    unsigned char *p = file_slurp(path, &len, err);
    engine_read(h->e, NULL);
    if (!p || host_stock_load(net, p, len, path, start, cutoff, err)) die(err);
    free(p);
    engine_changed(h->e, NULL);
}

void save_weights(network *net, char *path) { save_weights_upto(net, path, net->n); }

void save_weights_upto(network *net, char *path, int cutoff) {
    char err[ERR_LEN];
    host_net *h = host_of(net);
    if (h) engine_read(h->e, NULL);
    if (!h)
        host_real_save(net, path, cutoff);
    else if (cutoff < net->n ? host_save_upto(net, path, cutoff, err)
                             : host_save(net, path, 0, err))
        die(err);
}

/* The shape of layer i; where it cannot be known there is nothing to go on with. */
static void take_shape(layer *l, const cfg_file *c, int i) {
    int w, h, ch;
    if (cfg_layer_shape(c, i, &w, &h, &ch)) die("metaperturb: a layer has no shape");
    host_reshape(l, w, h, ch);
}

/* A layer of the kind has been made, the next of *made so far: if it `differs` from what the host
 * takes it for it gets its shape here, before the next layer is made. */
static void made(layer *l, int *count, int (*kind)(const cfg_file *c, int section),
                 int (*differs)(const cfg_file *c, int section)) {
    const cfg_file *f = pending.cfg;
    int at = 0, layer_of = -1;
    for (int i = 1; f && i < f->n; i++) {
        if (cfg_kind_at(f, i)->flags & KIND_NO_LAYER) continue;
        layer_of++;
        if (!kind(f, i) || at++ < *count) continue;
        ++*count;
        if (differs(f, i)) take_shape(l, f, layer_of);
        break;
    }
}

/* Stand-ins for what the host does not know are [upsample] stride=1 to it. */
layer make_upsample_layer(int batch, int w, int h, int c, int stride) {
    REAL(make_upsample_layer)
    layer l = fn(batch, w, h, c, stride);
    made(&l, &pending.upsamples, cfg_host_upsample, cfg_stands_in);
    return l;
}

static int is_convolution(const cfg_file *c, int section) {
    return cfg_kind_at(c, section)->id == CFG_S_CONVOLUTIONAL;
}
static int differs(const cfg_file *c, int section) { return cfg_beyond_host(c, section) != NULL; }

layer make_convolutional_layer(int batch, int h, int w, int c, int n, int groups, int size,
                               int stride, int padding, ACTIVATION activation, int batch_normalize,
                               int binary, int xnor, int adam) {
    REAL(make_convolutional_layer)
    layer l = fn(batch, h, w, c, n, groups, size, stride, padding, activation, batch_normalize,
                 binary, xnor, adam);
    made(&l, &pending.convolutions, is_convolution, differs);
    return l;
}

int resize_network(network *net, int w, int h) {
    char err[ERR_LEN];
    if (host_of(net)) {
        if (host_resize(net, w, h, err)) die(err);
        return 0;
    }
    REAL(resize_network)
    return fn(net, w, h);
}

void free_layer(layer l) {
    host_layer *record = host_mark(&l);
    if (record) host_release(record->of);
    REAL(free_layer)
    fn(l);
}

void file_error(char *s) {
    host_unhush();
    fflush(stdout);
    fprintf(stderr, "darknet: cannot open file: %s\n", s);
    exit(1);
}

void malloc_error(void) {
    host_unhush();
    fflush(stdout);
    fprintf(stderr, "darknet: not enough memory\n");
    exit(1);
}
