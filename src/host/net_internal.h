/* net_internal.h - what the files of the border share; not for other rooms. */
#ifndef MP_NET_INTERNAL_H
#define MP_NET_INTERNAL_H
#include "host/cfg_keys.h"
#include "host/net.h"
#include "host/weights_file.h"
#include "ops/rate.h"

typedef struct host_yolo host_yolo;
struct host_kind;
/* What learned numbers of ours begin with: mean plus a number drawn, uniform within +-spread or
 * normal with that standard deviation. */
typedef struct {
    float mean, spread;
    int normal;
} host_init_of;

typedef struct {
    host_net *of;
    const struct host_kind *kind;
    int first, node; /* of the engine: the layer's nodes, of which the last has its output */
    double frozen;   /* it is stepped only after so many iterations */
    int shares;      /* the weights of another layer (share_index=), which trains them */
    host_init_of init;
    int stop_steps;   /* stopbackward=N above 1, which the fork heeds before step N alone */
    int stock;        /* the host's own code runs this layer */
    int reads_host;   /* the next layer is stock: our output must reach the host's buffer, its delta
                         ours */
    int feeds_engine; /* a stock layer whose output an engine layer reads */
    void (*forward)(layer, network); /* the host's, for stock layers */
    void (*backward)(layer, network);
    host_yolo *yolo; /* a [yolo] head of ours (yolo.c) */
    float *m,
        *v; /* Adam's moments of weights, biases, scales, in that order; made at the first step */
} host_layer;

typedef struct {
    int layer, channels;
    float *mean, *var; /* (channels, 4) */
} host_perturb;

/* Of adapt= (adapt.c): the running share of training pictures classified right, and the share of
 * the noise that follows. */
typedef struct {
    float right, t;
    int known;
} host_adaptation;

enum { LATE = 1, LATE_UPDATE }; /* without, with the optimizer's step */

struct host_net {
    engine *e;
    int n;
    host_layer *layers;
    int n_perturb;
    host_perturb *perturb;
    cfg_meta_shared shared;
    float phi[PHI_LEN], phi_m[PHI_LEN], phi_v[PHI_LEN];
    double dphi[PHI_LEN];
    float phi_sgd[PHI_LEN]; /* Darknet's SGD keeps momentum in the update */
    int phi_from_file;
    uint64_t seed;
    float t_infer;
    host_adaptation adapt;
    host_progress progress;
    int has_mode;
    engine_mode mode, now;     /* the caller's, and that of the pass under way */
    float *spare;              /* see statistics.c */
    int one_pass, one_pass_in; /* statistics of one pass exist; the layers hold them */
    cfg_epsilon epsilon;       /* of weights files */
    float *ema;                /* see ema.c; NULL: not asked for */
    double ema_alpha;
    uint64_t ema_steps; /* averaged so far; 0: there is no average yet */
    int ema_in,
        stepped; /* the layers hold the average; a step has been taken and not been averaged */
    char untrainable[ERR_LEN]; /* why the cfg cannot be trained with; "": it can */
    int own_rate;              /* see rate.c */
    rate_plan rate;
    const size_t *seen; /* the network's */
    int late;           /* in host_train_pass: nothing is waited for that need not be */
    layer *marked;      /* the network's layers, once they carry our marks; NULL before */
    int file_version[3];
};

/* A layer on its way into the engine: its place in the network and in the cfg, and the node that it
 * reads. */
typedef struct {
    host_net *h;
    network *net;
    const cfg_file *c;
    const layer *l;
    const cfg_perturb *perturb; /* NULL: it is none */
    int i, section, in;
    char *err; /* says at first that there is no memory */
} host_place;

/* Numbers of a layer's weights and of its biases, of which batch norm has as many scales. */
typedef struct {
    size_t weights, n;
    int batch_norm;
} host_sizes;

/* The second half of a row of kinds.h. */
typedef struct host_kind {
    int (*attach)(const host_place *p); /* the new node's number; -1 and p->err */
    /* 0, or -1: it cannot, and then for no size. really: do it, else only tell. */
    int (*resize)(network *net, int i, int w, int h, int really);
    host_sizes (*sizes)(const layer *l);
} host_kind;
const host_kind *host_kind_of(const cfg_file *c, int section);

/* The layer that a node is of; -1: the input. */
int host_layer_of(const host_net *h, int node);
/* The nodes that a layer reads; returns how many. */
int host_inputs(const host_net *h, int layer, const int **ins);
/* The layer whose output a program reads: the last that is no [cost]. */
const layer *host_output_layer(const network *net);
/* Is it layer i? Not of a network of [cost] alone. */
int host_is_output(const network *net, int i);

/* A stand-in gets this output. (layers.c, as all up to host_init_learned) */
void host_reshape(layer *l, int w, int h, int c);
/* The host goes on running the layer: its node, or -1. */
int host_add_foreign(const host_place *p);
/* Shape of a layer's output as the host sees it; types without a picture give a vector. */
void host_shape(const layer *l, int *h, int *w, int *c);
/* Frees the buffers that only the host's own code would use. */
void host_drop_deltas(host_net *h, network *net);
/* The engine learns the shapes of the layers that the host runs. */
void host_tell_shapes(host_net *h, const network *net);
/* The numbers of layer i that the host knows nothing of begin anew. */
void host_init_learned(const host_net *h, layer *l, int i);

/* Trainable arrays of a layer as the host holds them: weights, biases, scales. Unused ones have n
 * == 0. Returns 0 if the engine trains none. */
typedef struct {
    float *w, *update;
    size_t n;
    int is_weight;
} host_tensor;
int host_tensors(const host_layer *hl, const layer *l, host_tensor out[3]);

/* Does the optimizer leave the layer as it is at the network's present step, of `batch` images? */
int host_stands_still(const host_layer *hl, int batch);

/* Gives the layers of a parsed network our functions. 0, or -1 and err; a recurrent network stays
 * the host's. */
int host_attach(network *net, const cfg_file *c, char *err);
void host_release(host_net *h);

/* The host passes layers by value, and its update gets no network: each layer of ours carries the
 * address of our record of it in `combine_cpu`, the field that no code of the host reads, copies or
 * frees (tests/test_mark.c). It moves with the layer, stays through every resize, and is gone with
 * it. NULL: not ours. */
static inline host_layer *host_mark(const layer *l) { return (host_layer *)(void *)l->combine_cpu; }
static inline void host_set_mark(layer *l, host_layer *record) {
    l->combine_cpu = (float *)(void *)record;
}
static inline int host_index(const host_layer *record) {
    return (int)(record - record->of->layers);
}

/* Has cool= taken all the noise out at the network's present step? */
int host_cooled(const host_net *h, const network *net);
/* After a training pass, l: its softmax, whose output is the host's again. */
void host_adapt(host_net *h, const network *net, const layer *l);

/* Floats in one set of running statistics (statistics.c). */
size_t host_statistics_len(const host_net *h, const network *net);
/* What the layers hold: into p, or (set) from there. */
void host_statistics_copy(const host_net *h, const network *net, float *p, int set);
/* The layers hold the set that a pass of this mode reads and writes. */
void host_statistics_for(host_net *h, const network *net, const engine_mode *m);
/* The layers hold the set of one pass, or that of noisy passes. */
void host_statistics_select(host_net *h, const network *net, int one_pass);
/* The set of one pass is forgotten. */
void host_statistics_drop(host_net *h, const network *net);

/* Makes the average of the parameters, if the cfg asks for one (ema.c). 0, or -1 and err. */
int host_ema_open(host_net *h, const network *net, const cfg_file *c, char *err);
/* The average is forgotten. */
void host_ema_drop(host_net *h);
/* Averages what is due; then the layers hold the average, or (0) the live parameters. */
void host_ema_select(host_net *h, const network *net, int average);
/* The same, with what a pass of this mode runs on. */
void host_ema_for(host_net *h, const network *net, const engine_mode *m);
/* Floats of the average. */
size_t host_ema_len(host_net *h, const network *net);

/* 1: layer i becomes a head of ours, which the engine sees as a foreign layer (yolo.c); 0: the
 * host's own code runs it; -1 and err. */
int host_yolo_open(host_net *h, network *net, const cfg_file *c, int i, char *err);
/* Sets net->truths, once all layers stand. */
void host_yolo_room(const host_net *h, network *net);
void host_yolo_forward(host_net *h, int i, const layer *l, const network *net);
void host_yolo_backward(host_net *h, int i);
void host_yolo_free(host_yolo *y);

/* Reads the rate that a cfg asks for and the host does not know (rate.c). */
void host_rate_open(host_net *h, const network *net, const cfg_file *c);
/* That rate, else `hosts`, at an update every `pictures`. */
float host_rate_at(const host_net *h, float hosts, int pictures);

void host_run_forward(layer l, network net);
void host_run_backward(layer l, network net);
void host_run_update(layer l, update_args a);

/* Reads layers start .. end-1 from the host's part of a weights file (stock.c); p[0..len-1] is the
 * whole file `path`. 0, or -1 and err. */
int host_stock_load(network *net, const unsigned char *p, size_t len, const char *path, int start,
                    int end, char *err);
/* Writes layers 0 .. end-1 as the host does. 0, or -1 and errno. */
int host_stock_save(const network *net, int end, FILE *f);
/* Numbers of another network, whose first layers happen to fill the file as well, give themselves
 * away by a variance below 0: -1 and err. 0: none. */
int host_stock_fits(const network *net, const unsigned char *p, size_t len, const char *path,
                    int end, char *err);
/* Floats of a layer in such a file. */
long long host_file_floats(const layer *l, const weights_head *head);
/* How many rolling variances all layers have. */
size_t host_variances_len(const network *net);
/* Copies them out of the layers, or (set) into them. */
void host_variances(const network *net, float *p, int set);
/* Writes the whole trailer into f (trailer.c). 0, or -1 and errno. */
int host_trailer_save(network *net, int resume, FILE *f);
/* Are its chunks of this network? 0, or -1 and err; payload NULL: there is no trailer. */
int host_trailer_check(network *net, const unsigned char *payload, size_t n, int load_flags,
                       const char *path, char *err);
/* Loads the chunks for before the host's part, or (late) those for after it. */
void host_trailer_load(network *net, const unsigned char *payload, size_t n, int load_flags,
                       int late);
/* Writes layers 0 .. end-1 without a trailer, as the host's `partial` does. 0, or -1 and err. */
int host_save_upto(network *net, const char *path, int end, char *err);

/* The host's own functions under those that we catch. */
void host_real_load(network *net, char *path, int start, int cutoff);
void host_real_save(network *net, char *path, int cutoff);
/* The host's network of a cfg, attached unless `alone`; quiet: without its table. NULL and err. */
network *host_parse(const cfg_file *c, int quiet, int alone, char *err);
#endif
