/* theta.c - see theta.h */
#include "host/theta.h"
#include "host/net_internal.h"
#include <math.h>

/* theta -> p (set 0), or p -> theta; floats. p NULL: only that. */
static size_t walk(const network *net, float *p, int set) {
    const host_net *h = host_of(net);
    size_t at = 0;
    for (int i = 0; i < net->n; i++) {
        host_tensor t[3];
        if (!host_tensors(&h->layers[i], &net->layers[i], t)) continue;
        for (int k = 0; k < 3; k++) {
            if (p && t[k].n && set) memcpy(t[k].w, p + at, t[k].n * sizeof *p);
            if (p && t[k].n && !set) memcpy(p + at, t[k].w, t[k].n * sizeof *p);
            at += t[k].n;
        }
    }
    return at;
}

size_t host_theta_len(const network *net) { return walk(net, NULL, 0); }

void host_theta_get(const network *net, float *to) {
    engine_read(host_of(net)->e, NULL);
    walk(net, to, 0);
}

void host_theta_set(network *net, const float *from) {
    engine_read(host_of(net)->e, NULL);
    walk(net, (float *)(size_t)from, 1);
    engine_changed(host_of(net)->e, NULL);
}

size_t host_running_len(const network *net) { return host_statistics_len(host_of(net), net); }

void host_running_get(const network *net, float *to) {
    engine_read(host_of(net)->e, NULL);
    host_statistics_copy(host_of(net), net, to, 0);
}

void host_running_set(network *net, const float *from) {
    engine_read(host_of(net)->e, NULL);
    host_statistics_copy(host_of(net), net, (float *)(size_t)from, 1);
    engine_changed(host_of(net)->e, NULL);
}

/* Of one array; the updates become 0. Returns the sum of the squares. */
static double way_of(const network *net, const host_tensor *t, const float *v, double scale,
                     float *way) {
    double batch = (double)net->batch * net->subdivisions, sum = 0;
    double left = 1 - pow((double)net->B2, *net->t);
    for (size_t k = 0; k < t->n; k++) {
        double root = v ? sqrt((double)v[k] / left) + (double)net->eps : INFINITY;
        way[k] = (float)(-(double)t->update[k] / batch * scale / root);
        sum += (double)way[k] * (double)way[k];
        t->update[k] = 0;
    }
    return sum;
}

double host_theta_way(network *net, float *way) {
    host_net *h = host_of(net);
    double sum = 0;
    engine_read(h->e, NULL);
    for (int i = 0; i < net->n; i++) {
        const host_layer *hl = &h->layers[i];
        const layer *l = &net->layers[i];
        host_tensor t[3];
        if (!host_tensors(hl, l, t)) continue;
        int still = host_stands_still(hl, net->batch * net->subdivisions);
        const float *v = still ? NULL : hl->v;
        for (int k = 0; k < 3; k++) {
            if (!t[k].n) continue;
            sum += way_of(net, &t[k], v, (double)l->learning_rate_scale, way);
            way += t[k].n;
            if (v) v += t[k].n;
        }
    }
    engine_changed(h->e, NULL);
    return sqrt(sum);
}

double host_theta_reach(network *net, int steps) {
    double sum = 0, b = (double)net->B1;
    for (int k = 0; k < steps; k++) sum += (1 - pow(b, k + 1)) / (1 - pow(b, *net->t + k));
    return (double)host_rate(net) * sum;
}
