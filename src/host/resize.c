/* resize.c - another picture size for an attached network (random=1).
 *
 * The host's resize_network ends the program at a [dropout] and gives every layer buffers that the
 * engine does not use. Weights, optimizer state and running statistics have no size of the picture
 * in them and stay; the engine plans anew at the next pass. */
#include "host/net_internal.h"
#include <stdlib.h>

/* As the host does after the last layer. */
static void resize_ends(network *net) {
    const layer *last = &net->layers[net->n - 1];
    const layer *out = host_output_layer(net);
    size_t work = 0;
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].workspace_size > work) work = net->layers[i].workspace_size;
    net->inputs = net->layers[0].inputs;
    net->outputs = out->outputs;
    net->truths = last->truths ? last->truths : out->outputs;
    net->output = out->output;
    free(net->input);
    free(net->truth);
    free(net->workspace);
    net->input = calloc((size_t)net->inputs * (size_t)net->batch, sizeof(float));
    net->truth = calloc((size_t)net->truths * (size_t)net->batch, sizeof(float));
    net->workspace = calloc(1, work + 1);
}

int host_resize(network *net, int w, int h, char *err) {
    host_net *hn = host_of(net);
    if (net->w == w && net->h == h) return 0;
    for (int i = 0; i < net->n; i++) {
        const host_kind *k = hn->layers[i].kind;
        if (k->resize && !k->resize(net, i, 0, 0, 0)) continue;
        return fail(err, "layer %d cannot work on another picture size: set random=0", i);
    }
    net->w = w;
    net->h = h;
    for (int i = 0; i < net->n; i++) {
        hn->layers[i].kind->resize(net, i, w, h, 1);
        w = net->layers[i].out_w;
        h = net->layers[i].out_h;
    }
    resize_ends(net);
    host_drop_deltas(hn, net);
    host_tell_shapes(hn, net);
    return 0;
}
