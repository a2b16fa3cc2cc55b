/* attach.c - from the host's parsed `network` to an engine graph, layer by layer. */
#include "host/net_internal.h"
#include "host/phi.h"
#include <omp.h>

static void mark_borders(host_net *h, network *net) {
    for (int i = 0; i < net->n; i++) {
        if (h->layers[i].stock && i > 0) h->layers[i - 1].reads_host = 1;
    }
    for (int i = 0; i < net->n; i++) {
        if (h->layers[i].stock) continue;
        const int *ins, n = host_inputs(h, i, &ins);
        for (int k = 0; k < n; k++)
            if (ins[k] > 0) h->layers[host_layer_of(h, ins[k])].feeds_engine = 1;
    }
}

/* 0 in c_norm: the largest channel count of any [perturb]; in h_norm: the height of the network's
 * input. */
static void derive_norms(host_net *h, const network *net, const cfg_perturb *p, int n) {
    if (h->shared.c_norm <= 0) {
        for (int k = 0; k < n; k++) {
            int c = net->layers[p[k].layer].out_c;
            if (c > h->shared.c_norm) h->shared.c_norm = (float)c;
        }
    }
    if (h->shared.h_norm <= 0) h->shared.h_norm = (float)(net->h > 0 ? net->h : 1);
}

static int build_graph(host_net *h, network *net, const cfg_file *c, const cfg_perturb *p, int np,
                       char *err) {
    int vector = net->h <= 0 || net->w <= 0 || net->c <= 0;
    shape4 s = {0, vector ? 1 : net->h, vector ? 1 : net->w, vector ? net->inputs : net->c};
    engine_add(h->e, NODE_INPUT, NULL, 0, &(engine_op){.fixed = s});
    for (int i = 0, k = 0; i < net->n; i++) {
        const cfg_perturb *here = k < np && p[k].layer == i ? &p[k++] : NULL;
        host_place at = {
            h, net, c, &net->layers[i], here, i, cfg_section_of(c, i), host_node(h, i - 1), err};
        h->layers[i].kind = host_kind_of(c, at.section);
        h->layers[i].first = engine_nodes(h->e);
        h->layers[i].frozen = cfg_get_frozen(c, at.section);
        h->layers[i].shares = cfg_get_owner(c, at.section) >= 0;
        int (*attach)(const host_place *) = h->layers[i].kind->attach;
        h->layers[i].node = attach ? attach(&at) : host_add_foreign(&at);
        if (h->layers[i].node < 0) return -1;
    }
    return 0;
}

static int recurrent(const cfg_file *c) {
    for (int i = 1; i < c->n; i++)
        if (cfg_kind_at(c, i)->flags & KIND_RECURRENT) return 1;
    return 0;
}

static int load_phi(host_net *h, char *err) {
    if (!h->shared.present) return 0;
    if (h->shared.phi[0]) {
        h->phi_from_file = 1;
        return phi_read(h->shared.phi, h->phi, err);
    }
    phi_init(h->phi, h->shared.sigma, h->seed);
    return 0;
}

static void take_over(host_net *h, network *net) {
    h->marked = net->layers;
    int phi_owner = h->n_perturb ? h->perturb[0].layer : -1;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        host_layer *hl = &h->layers[i];
        hl->of = h;
        hl->stop_steps = l->stopbackward > 1 ? l->stopbackward : 0;
        host_set_mark(l, hl);
        l->forward = host_run_forward;
        if (!hl->stock || l->backward) l->backward = host_run_backward;
        host_tensor t[3];
        if (hl->shares) l->update = NULL;
        if (!hl->stock && (host_tensors(hl, l, t) || i == phi_owner)) l->update = host_run_update;
        /* The host starts at 0, and a fresh network in test mode then multiplies by a million. */
        if (l->rolling_variance)
            for (int k = 0; k < l->out_c; k++) l->rolling_variance[k] = 1;
    }
}

int host_attach(network *net, const cfg_file *c, char *err) {
    if (recurrent(c)) return 0;
    cfg_perturb *p = calloc((size_t)net->n + 1, sizeof *p);
    host_net *h = calloc(1, sizeof *h);
    if (!p || !h) goto no_memory;
    int np = cfg_get_perturbs(c, p, net->n);
    h->n = net->n;
    h->t_infer = 1;
    h->shared = cfg_get_meta_shared(c);
    h->epsilon = cfg_get_net_extra(c).epsilon;
    cfg_check_training(c, h->untrainable);
    h->layers = calloc((size_t)net->n, sizeof *h->layers);
    h->perturb = calloc((size_t)np + 1, sizeof *h->perturb);
    h->e = engine_new();
    if (!h->layers || !h->perturb || !h->e) goto no_memory;
    derive_norms(h, net, p, np);
    if (load_phi(h, err)) goto fail;
    fail(err, "%s: not enough memory for the network", c->path);
    if (build_graph(h, net, c, p, np, err)) goto fail;
    host_yolo_room(h, net);
    host_rate_open(h, net, c);
    h->spare = calloc(host_statistics_len(h, net) + 1, sizeof *h->spare);
    if (!h->spare) goto no_memory;
    if (host_ema_open(h, net, c, err)) goto fail;
    mark_borders(h, net);
    take_over(h, net);
    host_drop_deltas(h, net);
    free(p);
    return 0;
no_memory:
    fail(err, "%s: not enough memory for the network", c->path);
fail:
    free(p);
    if (h) host_release(h);
    return -1;
}

void host_release(host_net *h) {
    for (int i = 0; h->marked && i < h->n; i++) host_set_mark(&h->marked[i], NULL);
    for (int k = 0; k < h->n_perturb; k++) {
        free(h->perturb[k].mean);
        free(h->perturb[k].var);
    }
    for (int i = 0; h->layers && i < h->n; i++) {
        free(h->layers[i].m);
        free(h->layers[i].v);
        host_yolo_free(h->layers[i].yolo);
    }
    if (h->e) engine_free(h->e);
    free(h->spare);
    free(h->ema);
    free(h->layers);
    free(h->perturb);
    free(h);
}
