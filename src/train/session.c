/* session.c - opening a cfg with its network, data and weights; one step of training. */
#include "train/session.h"
#include "host/cfg_memory.h"

static int set_phi(cfg_file *c, const char *phi, char *err) {
    for (int i = 0; i < c->n; i++) {
        if (!strcmp(c->sections[i].type, "meta_shared")) {
            char full[PATH_LEN];
            if (!realpath(phi, full)) return fail(err, "%s: no such phi file", phi);
            cfg_set(c, i, "phi", full);
            return 0;
        }
    }
    return fail(err, "%s: -phi needs a [meta_shared] section in the cfg, and it has none", c->path);
}

static int session_memory_check(const cfg_file *cfg, char *err) {
    cfg_memory m;
    if (cfg_memory_of(cfg, 1, &m, err) || cfg_memory_check(cfg->path, &m, err)) return -1;
    cfg_memory_tell(stdout, cfg->path, &m);
    fflush(stdout);
    return 0;
}

/* Training may begin with weights of another number of classes. */
static int load(session *c, const session_args *a, int flags, char *err) {
    int heads = 0;
    if (!host_load(c->net, a->weights, flags, err)) return 0;
    for (int i = 0; i < c->net->n; i++)
        heads += c->net->layers[i].type == YOLO || c->net->layers[i].type == REGION;
    if (!(flags & HOST_PARTIAL_OK) || !host_other_outputs(c->net, a->weights)) return -1;
    if (host_load_body(c->net, a->weights, err)) return -1;
    fprintf(stderr,
            "%s: warning: of another number of classes than %s: the %s anew, and steps are counted "
            "from 0; `metaperturb weights partial` makes a file without %s\n",
            a->weights, a->cfg,
            heads > 1 ? "convolutions before its heads begin" : "last layer with weights begins",
            heads > 1 ? "them" : "it");
    return 0;
}

int session_open(session *c, const session_args *a, int load_flags, session_fits fits, char *err) {
    memset(c, 0, sizeof *c);
    c->cfg = a->cfg_text ? cfg_read_text(a->cfg, a->cfg_text, err) : cfg_read(a->cfg, err);
    if (!c->cfg) return -1;
    c->data = data_file_read(a->data, err);
    if (!c->data || (a->phi && set_phi(c->cfg, a->phi, err))) goto fail;
    if (a->training && session_memory_check(c->cfg, err)) goto fail;
    c->net = host_open(c->cfg, a->cfg_text || (a->weights && a->image), err);
    if (!c->net) goto fail;
    c->h = host_of(c->net);
    if (fits(c, a, err)) goto fail;
    host_init(c->net, a->seed);
    if (a->body && host_load_body(c->net, a->body, err)) goto fail;
    if (a->weights && load(c, a, load_flags, err)) goto fail;
    if (a->seed_given) host_seed(c->h, a->seed);
    return 0;
fail:
    session_close(c);
    return -1;
}

void session_close(session *c) {
    host_close(c->net);
    data_file_free(c->data);
    cfg_free(c->cfg);
    memset(c, 0, sizeof *c);
}

void session_note_statistics(const session *c, const session_args *a) {
    if (a->samples == 0 && host_perturbs(c->h) && !host_has_one_pass(c->h) &&
        host_inference_t(c->h) != 0)
        printf("%s holds no statistics of one pass (training was not finished?): those of noisy "
               "passes stand in\n",
               a->weights);
}

float session_step(network *net, const batch_t *b) {
    float *X = net->input, *y = net->truth;
    net->input = b->X;
    net->truth = b->truth;
    float loss;
    if (host_of(net)) {
        *net->seen += (size_t)net->batch;
        loss = host_train_pass(net,
                               *net->seen / (size_t)net->batch % (size_t)net->subdivisions == 0, 0);
    } else {
        loss = train_network_datum(net); /* by the host alone */
    }
    net->input = X;
    net->truth = y;
    return loss / (float)net->batch;
}

float session_pass(network *net, const batch_t *b) {
    float *X = net->input, *y = net->truth;
    net->input = b->X;
    net->truth = b->truth;
    float loss = host_train_pass(net, 0, 1);
    net->input = X;
    net->truth = y;
    return loss / (float)net->batch;
}
