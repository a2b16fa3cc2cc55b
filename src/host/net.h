/* net.h - a Darknet network whose layers run on our engine.
 *
 * The host's own parser builds its `network`; every layer that the engine knows then gets our
 * forward, backward and update in its function pointers, so that forward_network, backward_network,
 * train_network_datum and network_predict of the host simply run. Layers that the engine does not
 * know keep the host's code, and data is carried across.
 *
 * A network is found again through a field of `layer` that no code of the host reads. Networks of
 * other programs (through LD_PRELOAD) are attached the same way; recurrent networks are left to the
 * host altogether. */
#ifndef MP_NET_H
#define MP_NET_H
#include "engine/engine.h"
#include "host/cfg.h"
#include <darknet.h>
#include <stdint.h>

typedef struct host_net host_net;

/* Build the network of a checked cfg and attach it. quiet: the host's table of layers is not shown.
 * NULL and err on failure. host_close frees everything, also what the host's free_network leaks. */
network *host_open(const cfg_file *c, int quiet, char *err);
void host_close(network *net);
/* The same of a plain cfg, run by the host's own code alone: host_of is NULL, weights (NULL: the
 * host's random ones) are not checked against the cfg (load them by host_load first). For
 * comparisons, as in any other program that uses libdarknet. */
network *host_open_alone(const cfg_file *c, const char *weights, char *err);

/* The attached state, or NULL where the host runs the network alone. */
host_net *host_of(const network *net);
engine *host_engine(host_net *h);
int host_node(const host_net *h, int layer); /* engine node of a layer; of -1: the input */
/* 1: layer i names layer `at` as one that it reads, by from= or layers=. */
int host_reads(const network *net, int i, int at);
/* Of the layer's kind, as `bench` sums up its time. */
const char *host_layer_name(const cfg_file *c, int layer, int batch_norm);

/* Initial weights from a seed instead of the host's rand(): conv Kaiming normal, fan out (before a
 * head: fan in); connected uniform
 * +-1/sqrt(inputs); batch norm 1 and 0, rolling variance 1. Also seeds noise and dropout; phi,
 * where no file gave it. */
void host_init(network *net, uint64_t seed);
/* Seed of noise and dropout alone. */
void host_seed(host_net *h, uint64_t seed);
uint64_t host_seed_of(const host_net *h);

/* phi of the network: PHI_LEN floats that forward reads, and minus its summed gradient (+=), to be
 * cleared by the caller. */
float *host_phi(host_net *h);
void host_phi_set(host_net *h, const float phi[PHI_LEN]);
double *host_phi_update(host_net *h); /* after an engine_read of it */
void host_phi_update_clear(host_net *h);
/* Sum of the squares of all updates of theta: of minus its gradient, where no step with momentum
 * has been taken. */
double host_updates_squared(const network *net);
int host_perturbs(const host_net *h); /* number of [perturb] layers */
const cfg_meta_shared *host_shared(const host_net *h);

/* How the next passes run. NULL: by net->train, as any Darknet program expects: training with
 * noise, or deterministic inference with E[z]. The struct is copied; draw is used as it stands. */
void host_set_mode(host_net *h, const engine_mode *m);
/* A network with [perturb] has two sets of running statistics. Passes with noise read and, in
 * training, collect the first. Passes with PERTURB_NOISE_MEAN read the second if there is one:
 * passes with PERTURB_NOISE_MEAN, bn_batch and perturb_batch make it and collect it, a training
 * pass with noise makes it void. Files hold both. */
int host_has_one_pass(const host_net *h);

/* The learning rate of the network's present step, by any policy. */
float host_rate(network *net);

/* What a training loop has gathered so far, which a run that goes on needs beside the network: the
 * moving average of the loss and the seconds taken. known: 0 where no file gave it. Files to go on
 * from hold it. */
typedef struct {
    double average, seconds;
    int known;
} host_progress;
host_progress *host_progress_of(host_net *h);

/* Annealing coefficient of the perturbation at the network's present step: min(1,
 * step/(anneal*max_batches)), and with cool=FROM,TO on a straight line from 1 at FROM*max_batches
 * to 0 at TO*max_batches. The host counts a batch before it trains on it: the first step is 1. */
float host_annealing(const host_net *h, const network *net);
/* The coefficient that inference uses: 1, or what training has reached in this process or in the
 * loaded file. */
float host_inference_t(const host_net *h);

/* Pictures of w x h from now on: weights, optimizer state and running statistics stay. 0, or -1 and
 * err with nothing changed: a layer that belongs to one size ([connected], [softmax], ...).
 * Programs reach it through the host's resize_network. */
int host_resize(network *net, int w, int h, char *err);

/* Forward and backward of net->input and net->truth, as forward_network and backward_network of the
 * host, and the loss summed over the batch, which is also *net->cost. All is queued before the loss
 * is waited for, where the engine runs on a device. update: followed by the host's update_network.
 * The output (net->output) is carried out only if asked for. */
float host_train_pass(network *net, int update, int output);

enum { HOST_PARTIAL_OK = 1, HOST_CLEAR = 2 };

/* Read a weights file: the host's format, then our trailer if there is one. The size is checked
 * against the network before anything is changed. A file that ends exactly after a layer holds the
 * first layers only (darknet53.conv.74): loaded if HOST_PARTIAL_OK, with a line on stderr.
 * HOST_CLEAR: seen and optimizer state start anew. 0, or -1 and err. */
int host_load(network *net, const char *path, int flags, char *err);

/* Major, minor and revision of the weights file that was loaded last; zeros: none was. */
const int *host_file_version(const host_net *h);

/* What fine-tuning begins with: the file's stock part (no trailer) up to the last layer with
 * weights, whose weights too are taken if their number is this network's; else it keeps those it
 * has, and the file must hold that layer with another number of outputs. A network of several heads
 * takes all but the convolutions before them from a file for another number of classes. Steps count
 * from 0. 0, or -1 and err with nothing changed: another network's file, or one cut short. */
int host_load_body(network *net, const char *path, char *err);
/* 1: only that last layer, or those before the heads, have another number of outputs in the file.
 */
int host_other_outputs(const network *net, const char *path);

/* Write it: the host's format first and complete, then the trailer if there are [perturb] layers or
 * `resume` is set (optimizer state, so that training goes on bit for bit). Temporary file, sync,
 * rename. 0, or -1 and err. */
int host_save(network *net, const char *path, int resume, char *err);

/* Floats of a layer in a file that is loaded: without what dontload=, numload=, dontloadscales=
 * leave out. */
long long host_layer_floats(const layer *l);
#endif
