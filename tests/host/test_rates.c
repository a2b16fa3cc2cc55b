/* test_rates.c - policy=sgdr and policy=cosine, which the host does not know: every update has the
 * rate of ops/rate.h. */
#include "alone.h"
#include "ops/rate.h"

static const char *const net_text = "[net]\nbatch=4\nsubdivisions=2\nheight=8\nwidth=8\nchannels="
                                    "3\nlearning_rate=.02\nmomentum=.9\n"
                                    "decay=.001\nmax_batches=12\nburn_in=2\n%s\n"
                                    "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n"
                                    "[avgpool]\n[softmax]\n";

static network *open_net(const char *policy) {
    char text[1024], err[ERR_LEN] = "";
    snprintf(text, sizeof text, net_text, policy);
    network *net = alone_open(text, 0, err);
    if (!net) {
        CHECK(0, "%s", err);
        exit(t_done("test_rates"));
    }
    alone_fill(net, 3);
    return net;
}

static void step(network *net, int k) {
    for (int part = 0; part < 2; part++) {
        alone_fill_input(net, 10 + (uint64_t)(2 * k + part));
        memset(net->truth, 0, (size_t)net->truths * 2 * sizeof *net->truth);
        net->truth[k % 4] = net->truth[4 + (k + part) % 4] = 1;
        train_network_datum(net);
    }
}

static void same_as_by_hand(const char *policy, rate_plan plan) {
    network *net = open_net(policy), *hand = open_net("policy=constant"), *flat = open_net("");
    plan.rate = 0.02f, plan.burn_in = 2, plan.max_batches = 12;
    hand->burn_in = 0;
    for (int k = 0; k < 9; k++) {
        hand->learning_rate = rate_at(&plan, k + 1);
        step(net, k);
        step(hand, k);
        step(flat, k);
        CHECK(host_rate(net) == rate_at(&plan, k + 1), "%s: step %d is told %g, not %g", policy, k,
              (double)host_rate(net), (double)rate_at(&plan, k + 1));
    }
    CHECK(alone_apart(alone_parameters(net, 1), alone_parameters(hand, 1)) == 0,
          "%s: not as with the rate set by hand", policy);
    CHECK(alone_apart(alone_parameters(net, 1), alone_parameters(flat, 1)) > 1e-4,
          "%s: as with a constant rate", policy);
    host_close(net);
    host_close(hand);
    host_close(flat);
}

int main(void) {
    rate_plan p = rate_default();
    p.sgdr_cycle = 3, p.sgdr_mult = 2, p.least = 0.004f;
    same_as_by_hand("policy=sgdr\nsgdr_cycle=3\nsgdr_mult=2\nlearning_rate_min=.004", p);
    p = rate_default();
    same_as_by_hand("policy=sgdr", p);
    p.least = 0;
    same_as_by_hand("policy=cosine", p);
    return t_done("test_rates");
}
