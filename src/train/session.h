/* session.h - an opened network with its cfg and its data: what training, tests and meta-training
 * of classifiers and detectors begin with. */
#ifndef MP_SESSION_H
#define MP_SESSION_H
#include "data/batch.h"
#include "data/dataset.h"
#include "host/net.h"

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
} session_args;

/* A cfg with its network: opened, seeded, weights loaded. */
typedef struct {
    cfg_file *cfg;
    data_file *data;
    network *net;
    host_net *h;
} session;
/* fits says, before weights are loaded, whether network and data belong together. */
typedef int (*session_fits)(const session *c, const session_args *a, char *err);
int session_open(session *c, const session_args *a, int load_flags, session_fits fits, char *err);
void session_close(session *c);

/* Says if one-pass inference has to do with statistics of noisy passes. */
void session_note_statistics(const session *c, const session_args *a);

/* One training step's batch through the host's train_network_datum, without copying it. Mean loss
 * of an image. */
float session_step(network *net, const batch_t *b);
/* Forward and backward in the mode that is set, without an update. Mean loss of an image. */
float session_pass(network *net, const batch_t *b);

/* Noise of tests must not meet that of training under the same seed: the draws of pass s of a batch
 * have the top bit set. */
static inline uint64_t test_draw(uint64_t batch, int samples, int s) {
    return (1ULL << 63) | (batch * (uint64_t)samples + (uint64_t)s);
}
#endif
