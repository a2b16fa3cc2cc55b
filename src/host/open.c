/* open.c - making, seeding and freeing a network. */
#include "host/cfg_dialect.h"
#include "host/cfg_memory.h"
#include "host/net_internal.h"
#include "host/phi.h"
#include "ops/rng.h"
#include <errno.h>
#include <math.h>
#include <unistd.h>

network *host_open(const cfg_file *c, int quiet, char *err) {
    cfg_memory m;
    err[0] = 0;
    /* The host would write where an allocation gave nothing. */
    if (cfg_memory_of(c, 0, &m, err) || cfg_memory_check(c->path, &m, err)) return NULL;
    network *net = host_parse(c, quiet, 0, err);
    if (net && !host_of(net)) {
        fail(err, "%s: recurrent networks ([rnn], [gru], [lstm], [crnn]) cannot be trained here",
             c->path);
        host_close(net);
        return NULL;
    }
    return net;
}

network *host_open_alone(const cfg_file *c, const char *weights, char *err) {
    err[0] = 0;
    if (cfg_get_meta_shared(c).present)
        return fail_null(err, "%s: the host alone cannot run a [perturb]", c->path);
    if (cfg_check_host(c, 0, err)) return NULL;
    if (weights && access(weights, R_OK))
        return fail_null(err, "%s: cannot be read: %s", weights, strerror(errno));
    network *net = host_parse(c, 1, 1, err);
    if (net && weights) host_real_load(net, (char *)weights, 0, net->n);
    return net;
}

void host_close(network *net) {
    if (!net) return;
    /* free_network leaves these behind. */
    void *left[] = {net->seen, net->t, net->cost, net->workspace, net->steps, net->scales};
    free_network(net);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) free(left[i]);
}

/* What feeds a [yolo] or [region] has few outputs, no batch norm, and exp() after it: by fan out
 * the first losses would be in the hundreds. The host's own scale, fan in, is used there. */
static void init_layer(layer *l, int feeds_head, rng_stream *r) {
    if (l->type == CONVOLUTIONAL) {
        int groups = l->groups ? l->groups : 1;
        float fan = (float)(feeds_head ? l->c : l->n) / (float)groups;
        float sd = sqrtf(2.0f / ((float)l->size * (float)l->size * fan));
        for (int k = 0; k < l->nweights; k++) l->weights[k] = sd * rng_normal(r);
        memset(l->biases, 0, sizeof(float) * (size_t)l->n);
    } else if (l->type == CONNECTED) {
        float a = 1 / sqrtf((float)l->inputs);
        for (size_t k = 0; k < (size_t)l->inputs * (size_t)l->outputs; k++)
            l->weights[k] = rng_uniform(r, -a, a);
        for (int k = 0; k < l->outputs; k++)
            l->biases[k] = l->batch_normalize ? 0 : rng_uniform(r, -a, a);
    }
}

void host_init(network *net, uint64_t seed) {
    host_net *h = host_of(net);
    h->seed = seed;
    engine_read(h->e, NULL);
    host_ema_drop(h);
    for (int i = 0; i < net->n; i++) {
        rng_stream r = rng_open(rng_key(seed, RNG_INIT, (uint64_t)i, 0));
        int head = i + 1 < net->n &&
                   (net->layers[i + 1].type == YOLO || net->layers[i + 1].type == REGION);
        init_layer(&net->layers[i], head, &r);
        if (net->layers[i].type == UPSAMPLE) host_init_learned(h, &net->layers[i], i);
    }
    if (h->shared.present && !h->phi_from_file) phi_init(h->phi, h->shared.sigma, seed);
    engine_changed(h->e, NULL);
}
