/* cfg_values.c - see cfg.h: what the keys of ours say, defaults filled in; the number of classes.
 */
#include "host/cfg.h"
#include "host/cfg_keys.h"
#include "ops/perturb.h"
#include <stdio.h>
#include <string.h>

static int is(const cfg_file *c, int section, const char *type) {
    return !strcmp(c->sections[section].type, type);
}

cfg_meta_shared cfg_get_meta_shared(const cfg_file *c) {
    cfg_meta_shared m = {
        .clip_test = 1, .clip = 100, .momentum = 0.1f, .anneal = 0.4f, .sigma = 0.01f};
    for (int i = 1; i < c->n; i++) {
        if (!is(c, i, "meta_shared")) continue;
        m.present = 1;
        m.line = c->sections[i].line;
        m.train = (int)cfg_get_num(c, i, "train", 0);
        m.c_norm = (float)cfg_get_num(c, i, "c_norm", 0);
        m.h_norm = (float)cfg_get_num(c, i, "h_norm", 0);
        m.clip = (float)cfg_get_num(c, i, "clip", m.clip);
        m.clip_test = cfg_get_num(c, i, "clip_test", 1) != 0;
        m.momentum = (float)cfg_get_num(c, i, "momentum", m.momentum);
        m.anneal = (float)cfg_get_num(c, i, "anneal", m.anneal);
        m.sigma = (float)cfg_get_num(c, i, "sigma", m.sigma);
        const char *phi = cfg_get(c, i, "phi"), *cool = cfg_get(c, i, "cool");
        double fall[2];
        m.adapt = (float)cfg_get_num(c, i, "adapt", 0);
        if (cool && cfg_list(cool, fall, 2) == 2)
            for (int k = 0; k < 2; k++) m.cool[k] = (float)fall[k];
        if (phi && path_beside(m.phi, phi, c->path)) m.phi[0] = 0; /* cfg_check has refused it */
        break;
    }
    return m;
}

int cfg_get_perturbs(const cfg_file *c, cfg_perturb *out, int max) {
    int n = 0, layer = 0;
    for (int i = 1; i < c->n; i++) {
        if (is(c, i, "meta_shared")) continue;
        if (is(c, i, "perturb") && n++ < max) {
            const char *a = cfg_get(c, i, "activation"), *noise = cfg_get(c, i, "noise");
            cfg_perturb *p = &out[n - 1];
            *p = (cfg_perturb){.layer = layer,
                               .noise = PERTURB_KIND_PAPER,
                               .scale = (int)cfg_get_num(c, i, "scale", 1),
                               .sd = (float)cfg_get_num(c, i, "sd", 0.6)};
            for (int k = 0; noise && cfg_noises[k]; k++)
                if (!strcmp(noise, cfg_noises[k])) p->noise = k;
            snprintf(p->activation, sizeof p->activation, "%s", a ? a : "linear");
        }
        layer++;
    }
    return n;
}

int cfg_get_dropblock(const cfg_file *c, int layer, cfg_dropblock *out) {
    int i = cfg_section_of(c, layer);
    if (!is(c, i, "dropout") || cfg_get_num(c, i, "dropblock", 0) == 0) return 0;
    *out = (cfg_dropblock){(int)cfg_get_num(c, i, "dropblock_size_abs", 7),
                           (float)cfg_get_num(c, i, "dropblock_size_rel", 0)};
    return 1;
}

cfg_geometry cfg_get_geometry(const cfg_file *c, int section) {
    double stride = cfg_get_num(c, section, "stride", 1);
    return (cfg_geometry){.stride_x = (int)cfg_get_num(c, section, "stride_x", stride),
                          .stride_y = (int)cfg_get_num(c, section, "stride_y", stride),
                          .dilation = (int)cfg_get_num(c, section, "dilation", 1),
                          .antialiasing = (int)cfg_get_num(c, section, "antialiasing", 0)};
}

double cfg_get_frozen(const cfg_file *c, int section) {
    double until = cfg_get_num(c, section, "dont_update", 0),
           burn = cfg_get_num(c, section, "burnin_update", 0) * cfg_get_num(c, 0, "burn_in", 0) - 1;
    return burn > until ? burn : until;
}

/* Darknet's index of a section's layer. */
static int layer_of(const cfg_file *c, int section) {
    int n = 0;
    for (int i = 1; i < section; i++) n += !is(c, i, "meta_shared");
    return n;
}

int cfg_get_owner(const cfg_file *c, int section) {
    int owner = -1;
    while (is(c, section, "convolutional") && cfg_get(c, section, "share_index")) {
        int at = (int)cfg_get_num(c, section, "share_index", 0), here = layer_of(c, section);
        owner = at < 0 ? here + at : at;
        if (owner < 0 || owner >= here) return -1; /* refused, by cfg_check */
        section = cfg_section_of(c, owner);
    }
    return owner;
}

int cfg_is_shared(const cfg_file *c, int layer) {
    for (int i = 1; i < c->n; i++)
        if (cfg_get_owner(c, i) == layer) return 1;
    return 0;
}

cfg_net_extra cfg_get_net_extra(const cfg_file *c) {
    int mixup = cfg_get_num(c, 0, "mixup", 0) != 0, cutmix = cfg_get_num(c, 0, "cutmix", 0) != 0;
    const char *epsilon = cfg_get(c, 0, "bn_epsilon");
    return (cfg_net_extra){
        .epsilon = !epsilon                       ? CFG_EPSILON_HEADER
                   : !strcmp(epsilon, "alexeyab") ? CFG_EPSILON_ALEXEYAB
                                                  : CFG_EPSILON_DARKNET,
        .letter_box = (int)cfg_get_num(c, 0, "letter_box", -1),
        .crop_pad = (int)cfg_get_num(c, 0, "crop_pad", -1),
        .flip = (int)cfg_get_num(c, 0, "flip", 1),
        .cutout = (int)cfg_get_num(c, 0, "cutout", 0),
        .label_smooth = (float)cfg_get_num(c, 0, "label_smooth_eps", 0),
        .ema_alpha = cfg_get_num(c, 0, "ema_alpha", 0),
        .mixup = mixup ? (float)cfg_get_num(c, 0, "mixup_alpha", 1) : 0,
        .cutmix = cutmix ? (float)cfg_get_num(c, 0, "cutmix_alpha", 1) : 0,
    };
}

static int keeps_channels(const cfg_file *c, int section) {
    cfg_section_id id = cfg_kind_at(c, section)->id;
    if (id == CFG_S_MAXPOOL && cfg_get_num(c, section, "maxpool_depth", 0)) return 0;
    return id == CFG_S_AVGPOOL || id == CFG_S_LOCAL_AVGPOOL || id == CFG_S_MAXPOOL ||
           id == CFG_S_DROPOUT || id == CFG_S_ACTIVATION || id == CFG_S_BATCHNORM ||
           id == CFG_S_PERTURB || id == CFG_S_META_SHARED;
}

int cfg_set_classes(cfg_file *c, int classes, char *err) {
    int i = c->n - 1;
    while (i > 0 && !is(c, i, "softmax")) i--;
    if (i == 0)
        return cfg_fail(err, c, 0,
                        "no [softmax]: the number of classes cannot be set for this network");
    if (cfg_get(c, i, "tree"))
        return cfg_fail(err, c, c->sections[i].line,
                        "[softmax] has a tree, which fixes the number of classes");
    for (i--; i > 0 && keeps_channels(c, i);) i--;
    int conn = i > 0 && is(c, i, "connected"), conv = i > 0 && is(c, i, "convolutional");
    if (!conn && !conv)
        return cfg_fail(
            err, c, i > 0 ? c->sections[i].line : 0,
            "the layer that feeds [softmax] is neither [connected] nor [convolutional]: "
            "the number of classes cannot be set");
    if (classes < 1)
        return cfg_fail(err, c, c->sections[i].line, "%d classes: there must be at least 1",
                        classes);
    char n[16];
    snprintf(n, sizeof n, "%d", classes);
    if (cfg_set(c, i, conn ? "output" : "filters", n))
        return cfg_fail(err, c, 0, "no memory to read the cfg");
    return 0;
}

int cfg_knows(const char *section, const char *key) {
    const cfg_kind *k = cfg_kind_find(section);
    const cfg_key *t = k && !strcmp(k->name, section) ? cfg_key_find(k, key) : NULL;
    return t && !cfg_key_is_idle(t);
}
