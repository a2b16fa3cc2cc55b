/* dump_net.c - one training pass of a cfg, as files of floats for scripts/peers.py check: dump_net
 * CFG FOLDER
 *
 * x (batch,c,h,w), truth, phi, theta (the host's order: biases, scales, weights of each layer),
 * eps0.. (one for each [perturb], NCHW); output, loss (a sum over the batch); dtheta and dphi:
 * minus the gradients of that sum. Everything random is drawn from a fixed seed. */
#include "ref.h"
#include "test.h"
#include "host/net.h"
#include "layout.h"

static const char *folder;

static void put(const char *name, const float *p, size_t n, const char *mode) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, mode);
    if (!f || fwrite(p, sizeof *p, n, f) != n || fclose(f)) {
        perror(path);
        exit(1);
    }
}

static void put_layer(const char *name, const layer *l, int updates) {
    size_t n = l->type == CONVOLUTIONAL ? (size_t)l->n : (size_t)l->outputs;
    size_t w = l->type == CONVOLUTIONAL ? (size_t)l->nweights
                                        : (size_t)l->inputs * (size_t)l->outputs;
    if (l->type != CONVOLUTIONAL && l->type != CONNECTED) return;
    put(name, updates ? l->bias_updates : l->biases, n, "ab");
    if (l->batch_normalize) put(name, updates ? l->scale_updates : l->scales, n, "ab");
    put(name, updates ? l->weight_updates : l->weights, w, "ab");
}

static void noise(network *net, const cfg_file *c, rng_stream *r) {
    host_net *h = host_of(net);
    cfg_perturb p[256];
    int np = cfg_get_perturbs(c, p, 256);
    for (int k = 0; k < np; k++) {
        const layer *l = &net->layers[p[k].layer];
        shape4 s = {net->batch, l->out_h, l->out_w, l->out_c};
        size_t n = shape_len(s);
        float *nchw = malloc(n * sizeof *nchw), *nhwc = malloc(n * sizeof *nhwc);
        for (size_t i = 0; i < n; i++) nhwc[nhwc_at(s, i)] = nchw[i] = rng_normal(r);
        char name[32];
        snprintf(name, sizeof name, "eps%d", k);
        put(name, nchw, n, "wb");
        free(nchw);
        engine_set_eps(host_engine(h), host_node(h, p[k].layer), nhwc); /* kept to the end */
    }
}

int main(int argc, char **argv) {
    char err[ERR_LEN] = "";
    cfg_file *c = argc == 3 ? cfg_read(argv[1], err) : NULL;
    network *net = c ? host_open(c, 1, err) : NULL;
    if (!net) {
        fprintf(stderr, "dump_net: %s\n", argc == 3 ? err : "dump_net CFG FOLDER");
        return 1;
    }
    folder = argv[2];
    host_net *h = host_of(net);
    host_init(net, 7);
    rng_stream r = rng_open(rng_key(7, RNG_TEST, 0, 0));
    size_t nx = (size_t)net->batch * (size_t)net->inputs,
           ny = (size_t)net->batch * (size_t)net->outputs;
    for (size_t i = 0; i < nx; i++) net->input[i] = rng_normal(&r);
    memset(net->truth, 0, ny * sizeof *net->truth);
    for (int b = 0; b < net->batch; b++)
        net->truth[b * net->outputs + (int)rng_below(&r, (uint32_t)net->outputs)] = 1;
    for (int k = 0; k < PHI_LEN; k++) host_phi(h)[k] = 0.2f * rng_normal(&r);
    noise(net, c, &r);
    engine_mode m = {.keep = 1,
                     .bn_batch = 1,
                     .perturb_batch = 1,
                     .noise = PERTURB_NOISE_SAMPLE,
                     .t = 1,
                     .theta_grads = 1,
                     .phi_grads = 1};
    host_set_mode(h, &m);
    net->train = 1;
    put("x", net->input, nx, "wb");
    put("truth", net->truth, ny, "wb");
    put("phi", host_phi(h), PHI_LEN, "wb");
    for (int i = 0; i < net->n; i++) put_layer("theta", &net->layers[i], 0);
    forward_network(net);
    backward_network(net);
    float dphi[PHI_LEN];
    for (int k = 0; k < PHI_LEN; k++) dphi[k] = (float)host_phi_update(h)[k];
    put("output", net->output, ny, "wb");
    put("loss", net->cost, 1, "wb");
    put("dphi", dphi, PHI_LEN, "wb");
    for (int i = 0; i < net->n; i++) put_layer("dtheta", &net->layers[i], 1);
    host_close(net);
    cfg_free(c);
    return 0;
}
