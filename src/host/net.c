/* net.c - what a network of ours says of itself; see net.h and net_internal.h. */
#include "host/net_internal.h"
#include <stdlib.h>

host_net *host_of(const network *net) {
    host_layer *record = net->n > 0 ? host_mark(&net->layers[0]) : NULL;
    return record ? record->of : NULL;
}

host_progress *host_progress_of(host_net *h) { return &h->progress; }
engine *host_engine(host_net *h) { return h->e; }
int host_node(const host_net *h, int layer) { return layer < 0 ? 0 : h->layers[layer].node; }
int host_layer_of(const host_net *h, int node) {
    int i = 0;
    while (h->layers[i].node < node) i++;
    return node ? i : -1;
}

int host_inputs(const host_net *h, int layer, const int **ins) {
    return engine_inputs(h->e, h->layers[layer].first, ins);
}

float *host_phi(host_net *h) { return h->phi; }
double *host_phi_update(host_net *h) { return h->dphi; }

void host_phi_set(host_net *h, const float phi[PHI_LEN]) {
    memcpy(h->phi, phi, sizeof h->phi);
    engine_changed(h->e, h->phi);
}

void host_phi_update_clear(host_net *h) {
    engine_read(h->e, h->dphi);
    memset(h->dphi, 0, sizeof h->dphi);
    engine_changed(h->e, h->dphi);
}

int host_has_one_pass(const host_net *h) { return h->one_pass; }
int host_perturbs(const host_net *h) { return h->n_perturb; }
const cfg_meta_shared *host_shared(const host_net *h) { return &h->shared; }
float host_inference_t(const host_net *h) { return h->t_infer; }
void host_seed(host_net *h, uint64_t seed) { h->seed = seed; }
uint64_t host_seed_of(const host_net *h) { return h->seed; }

void host_set_mode(host_net *h, const engine_mode *m) {
    h->has_mode = m != NULL;
    if (m) h->mode = *m;
}

const layer *host_output_layer(const network *net) {
    int i = net->n - 1;
    while (i > 0 && net->layers[i].type == COST) i--;
    return &net->layers[i];
}

int host_is_output(const network *net, int i) {
    return &net->layers[i] == host_output_layer(net) && net->layers[i].type != COST;
}

int host_tensors(const host_layer *hl, const layer *l, host_tensor out[3]) {
    memset(out, 0, 3 * sizeof *out);
    if (hl->stock || hl->shares || !hl->kind->sizes) return 0;
    host_sizes s = hl->kind->sizes(l);
    out[0] = (host_tensor){l->weights, l->weight_updates, s.weights, 1};
    out[1] = (host_tensor){l->biases, l->bias_updates, s.n, 0};
    if (s.batch_norm) out[2] = (host_tensor){l->scales, l->scale_updates, s.n, 0};
    return s.weights || s.n;
}

double host_updates_squared(const network *net) {
    host_net *h = host_of(net);
    host_tensor t[3];
    int n = 0;
    engine_span *a = malloc(3 * (size_t)net->n *
                            sizeof *a); /* all at once: a device is waited for each time */
    if (!a) {
        fprintf(stderr, "metaperturb: not enough memory for the norm of the gradient\n");
        exit(1);
    }
    for (int i = 0; i < net->n; i++) {
        if (!host_tensors(&h->layers[i], &net->layers[i], t)) continue;
        for (int k = 0; k < 3; k++)
            if (t[k].n) a[n++] = (engine_span){t[k].update, t[k].n};
    }
    double sum = engine_squares(h->e, a, n);
    free(a);
    return sum;
}
