/* resize.c - another picture size for an attached network (random=1).
 *
 * The host's resize_network ends the program at a [dropout] and gives every layer buffers that the
 * engine does not use. Weights, optimizer state and running statistics have no size of the picture
 * in them and stay; the engine plans anew at the next pass. */
#include "host/net_internal.h"
#include <stdlib.h>

/* Exported by libdarknet.so, not all in its header. */
void resize_convolutional_layer(layer *l, int w, int h);
void resize_maxpool_layer(layer *l, int w, int h);
void resize_region_layer(layer *l, int w, int h);
void resize_yolo_layer(layer *l, int w, int h);
void resize_route_layer(layer *l, network *net);
void resize_shortcut_layer(layer *l, int w, int h);
void resize_upsample_layer(layer *l, int w, int h);
void resize_reorg_layer(layer *l, int w, int h);
void resize_normalization_layer(layer *l, int w, int h);

static int can_resize(const layer *l) {
    switch (l->type) {
    case CONVOLUTIONAL:
    case MAXPOOL:
    case REGION:
    case YOLO:
    case ROUTE:
    case UPSAMPLE:
    case REORG:
    case NORMALIZATION:
    case DROPOUT: return 1;
    case SHORTCUT: return l->w == l->out_w && l->h == l->out_h;
    default: return 0;
    }
}

/* A dropout works in place on what stands before it. */
static void resize_dropout(layer *l, const layer *before) {
    l->w = l->out_w = before->out_w;
    l->h = l->out_h = before->out_h;
    l->inputs = l->outputs = before->outputs;
    free(l->rand);
    l->rand = calloc((size_t)l->inputs * (size_t)l->batch, sizeof(float));
    l->output = before->output;
    l->delta = before->delta;
}

static void resize_layer(network *net, int i, int w, int h) {
    layer *l = &net->layers[i];
    switch (l->type) {
    case CONVOLUTIONAL: resize_convolutional_layer(l, w, h); break;
    case MAXPOOL: resize_maxpool_layer(l, w, h); break;
    case REGION: resize_region_layer(l, w, h); break;
    case YOLO: resize_yolo_layer(l, w, h); break;
    case ROUTE: resize_route_layer(l, net); break;
    case SHORTCUT: resize_shortcut_layer(l, w, h); break;
    case UPSAMPLE: resize_upsample_layer(l, w, h); break;
    case REORG: resize_reorg_layer(l, w, h); break;
    case NORMALIZATION: resize_normalization_layer(l, w, h); break;
    case DROPOUT: resize_dropout(l, &net->layers[i - 1]); break;
    default: break;
    }
}

/* As the host does behind the last layer. */
static void resize_ends(network *net) {
    const layer *last = &net->layers[net->n - 1];
    layer out = get_network_output_layer(net);
    size_t work = 0;
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].workspace_size > work) work = net->layers[i].workspace_size;
    net->inputs = net->layers[0].inputs;
    net->outputs = out.outputs;
    net->truths = last->truths ? last->truths : out.outputs;
    net->output = out.output;
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
        if (can_resize(&net->layers[i]) && (i > 0 || net->layers[i].type != DROPOUT)) continue;
        return fail(err, "layer %d cannot work on another picture size: set random=0", i);
    }
    net->w = w;
    net->h = h;
    for (int i = 0; i < net->n; i++) {
        resize_layer(net, i, w, h);
        w = net->layers[i].out_w;
        h = net->layers[i].out_h;
    }
    resize_ends(net);
    host_drop_deltas(hn, net);
    host_tell_shapes(hn, net);
    return 0;
}
