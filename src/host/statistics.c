/* statistics.c - two sets of running statistics (batch norm's and [perturb]'s) for networks with
 * [perturb].
 *
 * Noise changes what every later layer sees: max(noisy) lies above max(mean), relu(noisy) above
 * relu(mean). What training collects fits noisy passes; a pass with E[z] in the noise's place needs
 * statistics of its own (conv4, 50 images a class of Fashion-MNIST: 60.0 % top-1 with the noisy
 * ones, 77.9 % with its own). The layers hold the set in use, `spare` the other. */
#include "host/net_internal.h"

/* The k-th array of statistics and its length; 0 after the last. */
static size_t array(const host_net *h, const network *net, int k, float **p) {
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const host_layer *hl = &h->layers[i];
        if (hl->stock || hl->shares || !hl->kind->sizes || !hl->kind->sizes(l).batch_norm) continue;
        if (k < 2) {
            *p = k ? l->rolling_variance : l->rolling_mean;
            return hl->kind->sizes(l).n;
        }
        k -= 2;
    }
    if (k >= 2 * h->n_perturb) return 0;
    *p = k % 2 ? h->perturb[k / 2].var : h->perturb[k / 2].mean;
    return PERTURB_K * (size_t)h->perturb[k / 2].channels;
}

size_t host_statistics_len(const host_net *h, const network *net) {
    size_t sum = 0, n;
    float *p;
    for (int k = 0; (n = array(h, net, k, &p)); k++) sum += n;
    return sum;
}

void host_statistics_copy(const host_net *h, const network *net, float *p, int set) {
    float *at;
    size_t n;
    for (int k = 0; (n = array(h, net, k, &at)); k++, p += n)
        memcpy(set ? at : p, set ? p : at, n * sizeof *p);
}

/* Layers <-> spare; or layers -> spare alone. */
static void exchange(host_net *h, const network *net, int both) {
    float *p, *to = h->spare;
    size_t n;
    engine_read(h->e, NULL);
    for (int k = 0; (n = array(h, net, k, &p)); k++) {
        for (size_t i = 0; i < n; i++) {
            float v = p[i];
            if (both) p[i] = to[i];
            to[i] = v;
        }
        to += n;
    }
    engine_changed(h->e, NULL);
}

void host_statistics_select(host_net *h, const network *net, int one_pass) {
    if (!h->one_pass || one_pass == h->one_pass_in) return;
    exchange(h, net, 1);
    h->one_pass_in = one_pass;
}

void host_statistics_drop(host_net *h, const network *net) {
    host_statistics_select(h, net, 0);
    h->one_pass = 0;
}

void host_statistics_for(host_net *h, const network *net, const engine_mode *m) {
    if (!h->n_perturb) return;
    int learn = m->bn_batch || m->perturb_batch;
    if (m->noise != PERTURB_NOISE_MEAN) {
        /* The weights move on, or the noisy statistics: those of one pass are out of date. */
        if (learn)
            host_statistics_drop(h, net);
        else
            host_statistics_select(h, net, 0);
        return;
    }
    if (learn && !h->one_pass) {
        exchange(h, net, 0); /* it starts from the noisy ones */
        h->one_pass = h->one_pass_in = 1;
    }
    host_statistics_select(h, net, 1);
}
