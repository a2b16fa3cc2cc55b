/* net_internal.h - what the files of the border share; not for other rooms. */
#ifndef MP_NET_INTERNAL_H
#define MP_NET_INTERNAL_H
#include "host/net.h"

typedef struct {
    int node;               /* of the engine */
    int stock;              /* the host's own code runs this layer */
    int reads_host;         /* the next layer is stock: our output must reach the host's buffer, its delta ours */
    int feeds_engine;       /* a stock layer whose output an engine layer reads */
    void (*forward)(layer, network);    /* the host's, for stock layers */
    void (*backward)(layer, network);
    float *m, *v;           /* Adam's moments of weights, biases, scales, in that order; made at the first step */
} host_layer;

typedef struct {
    int layer, channels;
    float *mean, *var;      /* (channels, 4) */
} host_perturb;

struct host_net {
    engine *e;
    int n;
    host_layer *layers;
    int n_perturb;
    host_perturb *perturb;
    cfg_meta_shared shared;
    float phi[PHI_LEN], phi_m[PHI_LEN], phi_v[PHI_LEN];
    double dphi[PHI_LEN];
    float phi_sgd[PHI_LEN];     /* Darknet's SGD keeps momentum in the update */
    int phi_from_file;
    uint64_t seed;
    float t_infer;
    int has_mode;
    engine_mode mode, now;      /* the caller's, and that of the pass under way */
    int slot0;                  /* layer i has extra == slot0 + i */
};

/* Trainable arrays of a layer as the host holds them: weights, biases, scales. Unused ones have n == 0. */
typedef struct { float *w, *update; size_t n; int is_weight; } host_tensor;
int host_tensors(const layer *l, host_tensor out[3]);

int host_attach(network *net, const cfg_file *c, char *err);
void host_release(host_net *h);
host_net *host_slot(int extra, int *layer);         /* NULL: not ours */
int host_slots_new(host_net *h, int n);             /* first slot, or -1: no room */
void host_slots_drop(host_net *h);

void host_run_forward(layer l, network net);
void host_run_backward(layer l, network net);
void host_run_update(layer l, update_args a);

/* The host's own functions behind those that we catch. */
list *host_real_read_cfg(char *path);
void host_real_load(network *net, char *path, int start, int cutoff);
void host_real_save(network *net, char *path, int cutoff);
network *host_parse(const cfg_file *c, int quiet, char *err);
/* The host's own lines on stderr are not wanted until host_unhush. */
int host_hush(void);
void host_unhush(int saved);

/* Floats that the host stores for a layer; -1: a type that it stores in a way of its own. */
long long host_layer_floats(const layer *l);
#endif
