/* classifier.h - training and testing of classifiers, on the host's network and our engine. */
#ifndef MP_CLASSIFIER_H
#define MP_CLASSIFIER_H
#include "data/batch.h"
#include "data/dataset.h"
#include "host/net.h"
#include "ops/metrics.h"

typedef struct {
    const char *data, *cfg, *weights, *image; /* file names; weights may be NULL for training */
    const char *cfg_text, *body; /* not NULL: the text in place of the file cfg; weights to begin
                                    with (host_load_body) */
    const char *const *images;   /* of predict and test: what names pictures (data/pictures.h) */
    int n_images;
    const char *out;                 /* of predict: where they are drawn; NULL: nowhere */
    const char *phi, *backup, *json; /* NULL: as the cfg and .data file say; no JSON */
    const char *keep; /* training in memory: a file to keep its state in, NULL: none */
    uint64_t seed;
    int seed_given, threads;
    int clear, skip_bad, samples;
    int every; /* validate every so many steps while training; 0: never */
    int top;
    int training; /* 1: the memory of a step is told before the network is opened, and checked */
} classifier_args;

/* Each returns 0, or -1 and one sentence in err; nothing is left half written. */
int classifier_train(const classifier_args *a, char *err);
int classifier_valid(const classifier_args *a, char *err);
int classifier_predict(const classifier_args *a, char *err);

/* The same training on a train list that is loaded already, without report or line; `then` gets the
 * trained network. Its state goes to a->keep as that of `classifier train` goes to NAME.backup;
 * with a->weights that file it goes on, bit for bit. seconds: of all pieces together. 0; 1: a
 * signal stopped it, and `then` was not called; -1 and err. */
typedef struct classifier classifier;
typedef struct {
    long steps;
    double seconds, loss;
} classifier_trained;
typedef int (*classifier_then)(void *of, const classifier *c, const classifier_trained *t,
                               char *err);
int classifier_train_in_memory(const classifier_args *a, const dataset *train, classifier_then then,
                               void *of, char *err);

/* A cfg with its network: opened, seeded, weights loaded; what all three and meta-training share.
 */
struct classifier {
    cfg_file *cfg;
    data_file *data;
    network *net;
    host_net *h;
};
int classifier_open(classifier *c, const classifier_args *a, int load_flags, char *err);
/* Before a network is opened: one line on the memory of a training step, or -1 and err where there
 * is less. */
int memory_of_training(const cfg_file *cfg, char *err);
/* The same for a network of any kind: fits says, before weights are loaded, whether network and
 * data belong together. */
typedef int (*network_fits)(const classifier *c, const classifier_args *a, char *err);
int network_with_data(classifier *c, const classifier_args *a, int load_flags, network_fits fits,
                      char *err);
void classifier_close(classifier *c);

/* Tells if one-pass inference has to do with statistics of noisy passes. */
void classifier_note_statistics(const classifier *c, const classifier_args *a);

/* How pictures are fitted to the network, in training and every test: letter_box=1 of [net]:
 * FIT_LETTERBOX; else with crop_pad FIT_STRETCH, as its training always was; else FIT_CENTRE, the
 * host's. */
image_fit classifier_fit(const cfg_file *cfg);
/* The augmentation that a cfg asks for. */
augment classifier_augment(const cfg_file *cfg, const network *net);

/* The running statistics of one pass (host/net.h), from 50 batches of training images. */
int classifier_collect(network *net, const dataset *s, const augment *a, char *err);

/* Probabilities p (net->batch, outputs) (=) of net->batch pictures X: the mean over `samples` draws
 * of noise, 0: one deterministic pass. batch: its number in the test, of which the draws are made.
 * Also of a network that the host runs alone. */
void classifier_outputs(network *net, float *X, uint64_t batch, int samples, float *p);

/* 0, or -1 and err: the probabilities p[net->outputs] of the picture `path` are no numbers. */
int classifier_finite(const network *net, const float *p, const char *path, char *err);

/* Measure all images of s: `samples` noise samples averaged per image, 0: one deterministic pass.
 * Also of a network that the host runs alone. */
int classifier_measure(network *net, const dataset *s, image_fit fit, int samples, int top,
                       metrics *m, char *err);
/* The same, with all probabilities stored in keep (s->n, outputs); NULL: not kept. */
int classifier_measure_keep(network *net, const dataset *s, image_fit fit, int samples, int top,
                            metrics *m, float *keep, char *err);

/* Noise of tests must not meet that of training under the same seed: the draws of pass s of a batch
 * have the top bit set. */
static inline uint64_t test_draw(uint64_t batch, int samples, int s) {
    return (1ULL << 63) | (batch * (uint64_t)samples + (uint64_t)s);
}

/* One training step's batch through the host's train_network_datum, without copying it. Mean loss
 * of an image. */
float classifier_step(network *net, const batch_t *b);
/* Forward and backward in the mode that is set, without an update. Mean loss of an image. */
float classifier_pass(network *net, const batch_t *b);
#endif
