/* rate.c - learning rates that the host does not know: policy=sgdr and policy=cosine, which is sgdr
 * with one cycle of max_batches. The host is told a constant one, which each update replaces. */
#include "host/net_internal.h"

void host_rate_open(host_net *h, const network *net, const cfg_file *c) {
    const char *policy = cfg_get(c, 0, "policy");
    int cosine = policy && !strcmp(policy, "cosine");
    h->own_rate = cosine || (policy && !strcmp(policy, "sgdr"));
    h->seen = net->seen;
    h->rate = rate_default();
    rate_plan *p = &h->rate;
    p->rate = net->learning_rate;
    p->least = (float)cfg_get_num(c, 0, "learning_rate_min", cosine ? 0 : (double)p->least);
    p->burn_in = net->burn_in;
    p->power = (float)cfg_get_num(c, 0, "power", (double)p->power);
    p->max_batches = net->max_batches;
    if (cosine) return;
    p->sgdr_cycle = (int)cfg_get_num(c, 0, "sgdr_cycle", 0);
    p->sgdr_mult = (int)cfg_get_num(c, 0, "sgdr_mult", p->sgdr_mult);
}

float host_rate_at(const host_net *h, float hosts, int pictures) {
    return h->own_rate ? rate_at(&h->rate, (long)(*h->seen / (size_t)pictures)) : hosts;
}

float host_rate(network *net) {
    const host_net *h = host_of(net);
    float hosts = get_current_rate(net);
    return h ? host_rate_at(h, hosts, net->batch * net->subdivisions) : hosts;
}
