/* cfg_dialect.c - see cfg_dialect.h */
#include "host/cfg_dialect.h"
#include "host/cfg_keys.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int cfg_layer_section(const cfg_file *c, int layer) {
    for (int i = 1; i < c->n; i++)
        if (strcmp(c->sections[i].type, "meta_shared") && layer-- == 0) return i;
    return 0;
}

/* Keys of the fork, and the value at which each changes nothing; NAN: there is none such. */
static const struct {
    const char *name;
    double same;
} numbers[] = {
    {"scale_x_y", 1},      {"new_coords", 0},           {"iou_thresh", 1},
    {"iou_normalizer", 1}, {"obj_normalizer", 1},       {"cls_normalizer", 1},
    {"focal_loss", 0},     {"label_smooth_eps", 0},     {"objectness_smooth", 0},
    {"max_delta", NAN},    {"counters_per_class", NAN},
};

static int speaks(const cfg_file *c, int sec) {
    const char *loss = cfg_get(c, sec, "iou_loss");
    if (loss && strcmp(loss, "mse")) return 1;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *val = cfg_get(c, sec, numbers[i].name);
        if (val && !(strtod(val, NULL) == numbers[i].same)) return 1;
    }
    return 0;
}

int cfg_yolo_dialect(const cfg_file *c) {
    for (int i = 1; i < c->n; i++)
        if (!strcmp(c->sections[i].type, "yolo") && speaks(c, i)) return 1;
    return 0;
}

/* What a head puts out depends on two keys alone; how it learns, on all. */
static int check_head(const cfg_file *c, int sec, int training, char *err) {
    double most = cfg_get_num(c, sec, "max", 90);
    if (strcmp(c->sections[sec].type, "yolo")) return 0;
    int decoded = cfg_get_num(c, sec, "scale_x_y", 1) != 1 || cfg_get_num(c, sec, "new_coords", 0);
    if (decoded || (training && speaks(c, sec)))
        return cfg_fail(err, c, c->sections[sec].line,
                        "[yolo] has keys of the AlexeyAB fork, which the host alone does not know");
    if (!training || most == 90) return 0;
    return cfg_fail(err, c, cfg_key_line(c, sec, "max"),
                    "[yolo] max=%.0f: the host alone has room for 90 boxes", most);
}

int cfg_check_host(const cfg_file *c, int training, char *err) {
    const char *policy = cfg_get(c, 0, "policy");
    if (training && policy && (!strcmp(policy, "sgdr") || !strcmp(policy, "cosine")))
        return cfg_fail(err, c, cfg_key_line(c, 0, "policy"),
                        "[net] policy=%s: the host alone does not know it", policy);
    for (int i = 1; i < c->n; i++) {
        const char *a = cfg_get(c, i, "activation");
        const char *beyond = cfg_beyond_host(c, i);
        if (cfg_stands_in(c, i) || beyond)
            return cfg_fail(err, c, c->sections[i].line, "[%s]: the host alone cannot run it%s%s%s",
                            c->sections[i].type, beyond ? " with " : "", beyond ? beyond : "",
                            beyond ? "=" : "");
        if (a && strcmp(c->sections[i].type, "perturb") && !cfg_word_is_host(a))
            return cfg_fail(err, c, cfg_key_line(c, i, "activation"),
                            "[%s] activation=%s: the host alone does not know it",
                            c->sections[i].type, a);
        if (training && cfg_get_frozen(c, i) > 0)
            return cfg_fail(err, c, c->sections[i].line,
                            "[%s] dont_update= or burnin_update=: the host alone does not know it",
                            c->sections[i].type);
        if (check_head(c, i, training, err)) return -1;
    }
    return 0;
}
