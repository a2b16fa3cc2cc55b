/* classifier.h - training and testing of classifiers, on the host's network and our engine. */
#ifndef MP_CLASSIFIER_H
#define MP_CLASSIFIER_H
#include "ops/metrics.h"
#include "train/session.h"

/* A picture counts as right in top-k where its class is among so many, if nothing else is said. */
#define CLASSIFIER_TOP 5

/* Each returns 0, or -1 and one sentence in err; nothing is left half written. */
int classifier_train(const session_args *a, char *err);
int classifier_valid(const session_args *a, char *err);
int classifier_predict(const session_args *a, char *err);

/* The same training on a train list that is loaded already, without report or line; `then` gets the
 * trained network. Its state goes to a->keep as that of `classifier train` goes to NAME.backup;
 * with a->weights that file it goes on, bit for bit. seconds: of all pieces together. 0; 1: a
 * signal stopped it, and `then` was not called; -1 and err. */
typedef struct {
    long steps;
    double seconds, loss;
} classifier_trained;
typedef int (*classifier_then)(void *of, const session *c, const classifier_trained *t, char *err);
int classifier_train_in_memory(const session_args *a, const dataset *train, classifier_then then,
                               void *of, char *err);

/* A session whose outputs are the classes of its data. */
int classifier_open(session *c, const session_args *a, int load_flags, char *err);

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
#endif
