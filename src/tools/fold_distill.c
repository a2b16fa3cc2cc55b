/* fold_distill.c - see fold_distill.h */
#include "tools/fold_distill.h"
#include "engine/mode.h"
#include "train/classifier.h"
#include <math.h>

static const double RATE = 3e-4; /* docs/fold.md has 1e-3, too */
static const double NOTHING =
    1e-6; /* of KL: float rounding, and Adam would follow it at full rate */

/* Mean KL(p || q) of an image. */
static double divergence(const network *plain, const float *p) {
    size_t n = (size_t)plain->batch * (size_t)plain->outputs;
    const float *q = plain->output;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i] > 0) sum += (double)p[i] * (log((double)p[i]) - log(fmax((double)q[i], 1e-30)));
    return sum / plain->batch;
}

/* What the host's update reads. Nothing of it is stored in a file. */
static void set_optimizer(network *plain) {
    plain->adam = 1;
    plain->B1 = 0.9f;
    plain->B2 = 0.999f;
    plain->eps = 1e-8f;
    plain->decay = 0;
    plain->burn_in = 0;
    plain->policy = CONSTANT;
    *plain->seen = 0;
}

int fold_distill(network *net, network *plain, const fold_images *im, int steps, double kl[2],
                 char *err) {
    size_t inputs = (size_t)net->batch * (size_t)net->inputs,
           outputs = (size_t)net->batch * (size_t)net->outputs, seen = *plain->seen;
    float *X = calloc(inputs, sizeof *X), *p = calloc(outputs, sizeof *p);
    engine_mode m = mode_one_pass(1);
    int tenth = steps / 10 > 0 ? steps / 10 : 1, bad = !X || !p;
    m.keep = m.theta_grads = 1;
    if (bad)
        fail(err, "not enough memory to train the folded network");
    else
        set_optimizer(plain);
    kl[0] = kl[1] = 0;
    for (int k = 0; k < steps && !bad; k++) {
        batch_t b = {.X = X, .truth = p};
        im->fill(im->of, k, X);
        classifier_outputs(net, X, 0, 0, p);
        host_set_mode(host_of(plain), &m);
        plain->learning_rate = (float)(RATE * 0.5 * (1 + cos(3.14159265358979 * k / steps)));
        session_pass(plain, &b);
        double d = divergence(plain, p);
        if (!k && d < NOTHING) {
            steps = 0;
            break;
        }
        if (k < tenth) kl[0] += d / tenth;
        if (k >= steps - tenth) kl[1] += d / tenth;
        *plain->seen += (size_t)plain->batch;
        update_network(plain);
    }
    if (!bad) host_set_mode(host_of(plain), NULL);
    *plain->seen = seen;
    free(X);
    free(p);
    return bad ? -1 : steps;
}
