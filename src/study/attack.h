/* attack.h - projected gradient descent on the pictures: how far a classifier can be trusted when
 * somebody wants it to fail.
 *
 * For each picture x of label y, PGD looks for x + delta in [0,1], |delta| <= eps, with the
 * greatest loss -log p(y), from a random start, by steps along the gradient of the loss averaged
 * over `samples` draws of noise (expectation over transformation: Athalye et al., ICML 2018); of
 * all points passed, the one with the greatest loss counts. samples 0: the deterministic pass is
 * attacked. */
#ifndef MP_ATTACK_H
#define MP_ATTACK_H
#include "ops/ball.h"
#include "train/session.h"

typedef struct {
    session_args c; /* c.samples: of the attack's gradients and of the prediction it is to change */
    const char *norm; /* linf, l2 or l1; NULL: linf */
    const char *eps;  /* radii, as 0.01,0.02 or 2/255,4/255; pixels are 0..1. NULL: eight of the
                         norm's own */
    const char *transfer, *transfer_weights; /* cfg and weights of another network, whose gradients
                                                are tried too; NULL: none */
    const char *plot, *beside; /* picture to draw; JSON files of earlier runs to draw too, with
                                  commas; NULL: none */
    int steps;                 /* of PGD */
    int images;                /* test images, evenly spread over the list; 0: all */
    int check;   /* the largest radius again with 4 times the steps and with 4 times the samples */
    double step; /* length of a step in parts of eps; below 0: 0.025, in L1 0.033, but at least 2.5
                    / steps */
} attack_args;

/* Prints a table and writes c.json. 0, or -1 and one sentence in err. */
int classifier_attack(const attack_args *a, char *err);

/* The sum over a batch of -log p(label) at net->batch pictures X, averaged over the passes of
 * `samples` draws from `draw` on (0: one pass with the noise's mean), as loss (batch), and its
 * gradient g (batch, c, h, w), both (=). p: batch*outputs floats to work with. */
void attack_gradient(network *net, float *X, float *truth, int samples, uint64_t draw, float *g,
                     double *loss);

/* What was measured at one radius. */
typedef struct {
    double eps;
    double top1, nll;     /* of the attacked network, parts of 1 */
    double transfer_top1; /* pictures made against the other network; -1: none */
} attack_row;

/* Whether the runs in `beside` can be drawn: asked before hours of work. 0, or -1 and err. */
int attack_plot_check(const attack_args *a, char *err);
/* Draws rows, and the runs in `beside`, as curves. 0, or -1 and err. */
int attack_plot(const attack_args *a, const attack_row *rows, int n, char *err);
#endif
