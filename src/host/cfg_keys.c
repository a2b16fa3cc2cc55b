/* cfg_keys.c - see cfg_keys.h. The host's keys and defaults were read off the running library
 * (Debian's 61c9d02), by logging every option it asks for; the others are names that the AlexeyAB
 * fork asks for. */
#include "host/cfg_keys.h"
#include "base/nearest.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG 1e9
#define HUGE_F 1e30
#define INT(n, lo, hi) {n, CFG_INT, CFG_HOST, 0, lo, hi, NULL}
#define FLAG(n) {n, CFG_INT, CFG_HOST, 0, 0, 1, NULL}
#define FLT(n, lo, hi) {n, CFG_FLOAT, CFG_HOST, 0, lo, hi, NULL}
#define ABOVE(n, lo, hi) {n, CFG_FLOAT, CFG_HOST, CFG_ABOVE, lo, hi, NULL}
#define BELOW(n, lo, hi) {n, CFG_FLOAT, CFG_HOST, CFG_BELOW, lo, hi, NULL}
#define INTS(n, lo, hi) {n, CFG_INTS, CFG_HOST, 0, lo, hi, NULL}
#define FLTS(n, lo, hi) {n, CFG_FLOATS, CFG_HOST, 0, lo, hi, NULL}
#define WORD(n, w) {n, CFG_ENUM, CFG_HOST, 0, 0, 0, w}
#define STR(n) {n, CFG_STR, CFG_HOST, 0, 0, 0, NULL}
/* Another Darknet's,
without effect on what comes out here: why. Its training alone: unless it has this value. */
#define FORK(n, why)                                                       \
    {                                                                      \
        n, CFG_STR, CFG_FORK, 0, 0, 0, (const char *const[]) { why, NULL } \
    }
#define TRAIN(n, same) {n, CFG_STR, CFG_FORK_TRAIN, 0, same, 0, NULL}
#define TRAIN_WORD(n, w)                                                         \
    {                                                                            \
        n, CFG_STR, CFG_FORK_TRAIN, 0, NAN, 0, (const char *const[]) { w, NULL } \
    }
#define ON_GPU(n, same) {n, CFG_STR, CFG_FORK_TRAIN, CFG_GPU, same, 0, NULL}
#define COMMAND(n, same) {n, CFG_STR, CFG_FORK_TRAIN, CFG_COMMAND, same, 0, NULL}
#define MODEL(n, same) {n, CFG_STR, CFG_FORK_MODEL, 0, same, 0, NULL}
#define END {NULL, 0, 0, 0, 0, 0, NULL}

static const char *const activations[] = {"linear", "relu",  "leaky",   "logistic", "tanh",
                                          "elu",    "selu",  "loggy",   "relie",    "ramp",
                                          "plse",   "stair", "hardtan", "lhtan",    NULL};
static const char *const epsilons[] = {"darknet", "alexeyab", NULL};
static const char *const policies[] = {"constant", "step",    "steps",  "exp",
                                       "poly",     "sigmoid", "random", NULL};
static const char *const costs[] = {"sse", "masked", "L1", "seg", "smooth", "wgan", NULL};
static const char *const iou_losses[] = {"mse", "iou", "giou", "diou", "ciou", NULL};
static const char *const nms_kinds[] = {"default", "greedynms", "diounms", NULL};
const char *const cfg_noises[] = {"0", "1", "gaussian", "mean", "unit", NULL};
static const char *const fork_words[] = {"mish",
                                         "swish",
                                         "hard_mish",
                                         "relu6",
                                         "gelu",
                                         "revleaky",
                                         "norm_chan",
                                         "norm_chan_softmax",
                                         "norm_chan_softmax_maxval",
                                         "normalize_channels",
                                         "normalize_channels_softmax",
                                         "normalize_channels_softmax_maxval",
                                         "sgdr",
                                         NULL};
static const char *const fork_sections[] = {"scale_channels",
                                            "sam",
                                            "Gaussian_yolo",
                                            "conv_lstm",
                                            "history",
                                            "local_avg",
                                            "local_avgpool",
                                            "reorg3d",
                                            "contrastive",
                                            "empty",
                                            "silence",
                                            "implicit",
                                            NULL};

#define ACTIVATION WORD("activation", activations)

static const cfg_key net[] = {INT("batch", 1, 1e6),
                              INT("subdivisions", 1, 1e6),
                              INT("time_steps", 1, 1e5),
                              INT("height", 1, 65535),
                              INT("width", 1, 65535),
                              INT("channels", 1, 65535),
                              INT("inputs", 1, 2147483647),
                              ABOVE("learning_rate", 0, 1e30),
                              BELOW("momentum", 0, 1),
                              FLT("decay", 0, 1e6),
                              FLAG("adam"),
                              BELOW("B1", 0, 1),
                              BELOW("B2", 0, 1),
                              ABOVE("eps", 0, 1),
                              WORD("policy", policies),
                              INT("burn_in", 0, BIG),
                              FLT("power", 0, 1000),
                              INT("step", 1, BIG),
                              FLT("scale", 0, 1e6),
                              INTS("steps", -BIG, BIG),
                              FLTS("scales", 0, 1e6),
                              ABOVE("gamma", 0, 1e6),
                              INT("max_batches", 0, BIG),
                              INT("max_crop", 0, 65535),
                              INT("min_crop", 0, 65535),
                              FLT("max_ratio", 0, 1e6),
                              FLT("min_ratio", 0, 1e6),
                              COMMAND("center", 0),
                              ON_GPU("clip", 0),
                              FLT("angle", 0, 360),
                              ABOVE("aspect", 0, 1000),
                              ABOVE("saturation", 0, 1000),
                              ABOVE("exposure", 0, 1000),
                              FLT("hue", 0, 1),
                              FORK("notruth", "of the host's GPU code alone"),
                              COMMAND("random", 0),
                              {"crop_pad", CFG_INT, CFG_OURS, 0, 0, 4096, NULL},
                              {"flip", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                              {"label_smooth_eps", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
                              {"cutout", CFG_INT, CFG_OURS, 0, 0, 4096, NULL},
                              {"mixup", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                              {"mixup_alpha", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 100, NULL},
                              {"cutmix", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                              {"cutmix_alpha", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 100, NULL},
                              {"ema_alpha", CFG_FLOAT, CFG_OURS, CFG_BELOW, 0, 1, NULL},
                              {"bn_epsilon", CFG_ENUM, CFG_OURS, 0, 0, 0, epsilons},
                              FORK("seen", "the count of pictures comes from the weights file"),
                              FORK("learning_rate_min", "of policy=sgdr, which is refused"),
                              FORK("sgdr_cycle", "of policy=sgdr, which is refused"),
                              FORK("sgdr_mult", "of policy=sgdr, which is refused"),
                              FORK("seq_scales", "of policy=sgdr, which is refused"),
                              TRAIN("track", 0),
                              FORK("augment_speed", "of track=1 alone"),
                              FORK("sequential_subdivisions", "of track=1 alone"),
                              TRAIN("try_fix_nan", 0),
                              TRAIN("weights_reject_freq", 0),
                              TRAIN("equidistant_point", 0),
                              TRAIN("badlabels_rejection_percentage", 0),
                              TRAIN("num_sigmas_reject_badlabels", 0),
                              FORK("use_cuda_graph", "a matter of speed and memory there"),
                              FORK("loss_scale", "of its half precision alone"),
                              TRAIN("dynamic_minibatch", 0),
                              FORK("optimized_memory", "a matter of speed and memory there"),
                              FORK("workspace_size_limit_MB", "a matter of speed and memory there"),
                              TRAIN("blur", 0),
                              TRAIN("gaussian_noise", 0),
                              TRAIN("mosaic", 0),
                              FORK("mosaic_bound", "of mosaic=1 alone"),
                              {"letter_box", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                              TRAIN("contrastive", 0),
                              FORK("contrastive_jit_flip", "of contrastive=1 alone"),
                              FORK("contrastive_color", "of contrastive=1 alone"),
                              TRAIN("unsupervised", 0),
                              TRAIN("resize_step", 32),
                              TRAIN("attention", 0),
                              TRAIN("adversarial_lr", 0),
                              FORK("max_chart_loss", "the height of its chart"),
                              FORK("show_receptive_field", "what it prints"),
                              FORK("max_epochs", "max_batches says how long to train"),
                              END};

/* Keys of every layer of the host. */
static const cfg_key layer[] = {FLAG("truth"),
                                FLAG("onlyforward"),
                                INT("stopbackward", 0, BIG),
                                FLAG("dontsave"),
                                FLAG("dontload"),
                                INT("numload", 0, BIG),
                                FLAG("dontloadscales"),
                                FLT("learning_rate", 0, 1e30),
                                ON_GPU("smooth", 0),
                                TRAIN("dont_update", 0),
                                TRAIN("burnin_update", 0),
                                TRAIN("train_only_bn", 0),
                                FORK("stream", "a matter of speed and memory there"),
                                FORK("wait_stream", "a matter of speed and memory there"),
                                END};

static const cfg_key convolutional[] = {INT("filters", 1, 1e6),
                                        INT("size", 1, 1024),
                                        INT("stride", 1, 1024),
                                        INT("pad", 0, 1024),
                                        INT("padding", 0, 1024),
                                        INT("groups", 1, 1e6),
                                        ACTIVATION,
                                        FLAG("batch_normalize"),
                                        ON_GPU("binary", 0),
                                        FLAG("xnor"),
                                        FLAG("flipped"),
                                        ON_GPU("dot", 0),
                                        MODEL("stride_x", NAN),
                                        MODEL("stride_y", NAN),
                                        MODEL("dilation", 1),
                                        MODEL("antialiasing", 0),
                                        MODEL("assisted_excitation", 0),
                                        MODEL("share_index", NAN),
                                        MODEL("cbn", 0),
                                        MODEL("bin_output", 0),
                                        MODEL("sway", 0),
                                        MODEL("rotate", 0),
                                        MODEL("stretch", 0),
                                        MODEL("stretch_sway", 0),
                                        MODEL("coordconv", 0),
                                        MODEL("reverse", 0),
                                        FORK("angle", "of rotate=1 alone"),
                                        TRAIN("grad_centr", 0),
                                        END};
static const cfg_key deconvolutional[] = {
    INT("filters", 1, 1e6),  INT("size", 1, 1024), INT("stride", 1, 1024),  INT("pad", 0, 1024),
    INT("padding", 0, 1024), ACTIVATION,           FLAG("batch_normalize"), END};
static const cfg_key connected[] = {INT("output", 1, 1e8), ACTIVATION, FLAG("batch_normalize"),
                                    END};
static const cfg_key local[] = {INT("filters", 1, 1e6),
                                INT("size", 1, 1024),
                                INT("stride", 1, 1024),
                                FLAG("pad"),
                                ACTIVATION,
                                END};
static const cfg_key maxpool[] = {INT("size", 1, 65535),    INT("stride", 1, 65535),
                                  INT("padding", 0, 65535), MODEL("stride_x", NAN),
                                  MODEL("stride_y", NAN),   MODEL("maxpool_depth", 0),
                                  MODEL("out_channels", 1), MODEL("maxpool_zero_nonmax", 0),
                                  MODEL("antialiasing", 0), END};
static const cfg_key shortcut[] = {INT("from", -1e6, 1e6),
                                   ACTIVATION,
                                   FLT("alpha", -HUGE_F, HUGE_F),
                                   FLT("beta", -HUGE_F, HUGE_F),
                                   MODEL("weights_type", NAN),
                                   MODEL("weights_normalization", NAN),
                                   MODEL("weights_normalizion", NAN),
                                   END};
static const cfg_key route[] = {INTS("layers", -1e6, 1e6), MODEL("groups", 1), MODEL("group_id", 0),
                                END};
static const cfg_key upsample[] = {INT("stride", -1024, 1024), FLT("scale", -HUGE_F, HUGE_F), END};
static const cfg_key reorg[] = {INT("stride", 1, 1024), FLAG("reverse"), FLAG("flatten"),
                                INT("extra", 0, BIG), END};
static const cfg_key crop[] = {INT("crop_height", 1, 65535),
                               INT("crop_width", 1, 65535),
                               FLAG("flip"),
                               FLT("angle", 0, 360),
                               ABOVE("saturation", 0, 1000),
                               ABOVE("exposure", 0, 1000),
                               FLAG("noadjust"),
                               FLT("shift", -HUGE_F, HUGE_F),
                               END};
static const cfg_key dropout[] = {
    BELOW("probability", 0, 1),
    {"dropblock", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"dropblock_size_rel", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 1, NULL},
    {"dropblock_size_abs", CFG_INT, CFG_OURS, 0, 1, 65535, NULL},
    END};
static const cfg_key softmax[] = {INT("groups", 1, BIG), ABOVE("temperature", 0, HUGE_F),
                                  STR("tree"),           FLAG("spatial"),
                                  FLAG("noloss"),        END};
static const cfg_key cost[] = {WORD("type", costs), FLT("scale", 0, HUGE_F), ON_GPU("ratio", 0),
                               ON_GPU("noobj", 1),  ON_GPU("thresh", 0),     END};
static const cfg_key activation[] = {ACTIVATION, END};
static const cfg_key normalization[] = {FLT("alpha", -HUGE_F, HUGE_F), FLT("beta", -HUGE_F, HUGE_F),
                                        FLT("kappa", -HUGE_F, HUGE_F), INT("size", 1, 65535), END};
static const cfg_key none[] = {END};
static const cfg_key yolo[] = {
    INT("classes", 1, 1e6),
    INT("num", 1, 1000),
    INTS("mask", 0, 999),
    FLTS("anchors", 0, 65535),
    {"max", CFG_INT, CFG_OURS, 0, 1, 1e5, NULL},
    BELOW("jitter", 0, 1),
    FLT("ignore_thresh", 0, 1),
    FLT("truth_thresh", 0, 1),
    FLAG("random"),
    STR("map"),
    {"scale_x_y", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 100, NULL},
    {"new_coords", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"iou_thresh", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
    {"iou_normalizer", CFG_FLOAT, CFG_OURS, 0, 0, HUGE_F, NULL},
    {"obj_normalizer", CFG_FLOAT, CFG_OURS, 0, 0, HUGE_F, NULL},
    {"cls_normalizer", CFG_FLOAT, CFG_OURS, 0, 0, HUGE_F, NULL},
    TRAIN("delta_normalizer", 1),
    {"iou_loss", CFG_ENUM, CFG_OURS, 0, 0, 0, iou_losses},
    {"iou_thresh_kind", CFG_ENUM, CFG_OURS, 0, 0, 0, iou_losses + 1},
    {"beta_nms", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 1000, NULL},
    {"nms_kind", CFG_ENUM, CFG_OURS, 0, 0, 0, nms_kinds},
    {"label_smooth_eps", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
    {"max_delta", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, HUGE_F, NULL},
    {"counters_per_class", CFG_FLOATS, CFG_OURS, CFG_ABOVE, 0, HUGE_F, NULL},
    {"focal_loss", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"objectness_smooth", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"show_details", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    TRAIN("resize", 1),
    FORK("track_history_size", "of following boxes through a video"),
    FORK("sim_thresh", "of following boxes through a video"),
    FORK("dets_for_track", "of following boxes through a video"),
    FORK("dets_for_show", "of following boxes through a video"),
    FORK("track_ciou_norm", "of following boxes through a video"),
    TRAIN("embedding_layer", NAN),
    END};
static const cfg_key region[] = {INT("classes", 1, 1e6),
                                 INT("coords", 1, 1000),
                                 INT("num", 1, 1000),
                                 FLTS("anchors", 0, 65535),
                                 INT("max", 1, BIG),
                                 FLAG("log"),
                                 FLAG("sqrt"),
                                 FLAG("softmax"),
                                 FLAG("background"),
                                 BELOW("jitter", 0, 1),
                                 FLAG("rescore"),
                                 FLT("thresh", 0, 1),
                                 INT("classfix", -2, 2),
                                 FLAG("absolute"),
                                 FLAG("random"),
                                 FLT("coord_scale", 0, HUGE_F),
                                 FLT("object_scale", 0, HUGE_F),
                                 FLT("noobject_scale", 0, HUGE_F),
                                 FLT("mask_scale", 0, HUGE_F),
                                 FLT("class_scale", 0, HUGE_F),
                                 FLAG("bias_match"),
                                 STR("tree"),
                                 STR("map"),
                                 TRAIN("focal_loss", 0),
                                 TRAIN("resize", 1),
                                 END};
static const cfg_key detection[] = {INT("classes", 1, 1e6),
                                    INT("coords", 1, 1000),
                                    INT("num", 1, 1000),
                                    INT("side", 1, 65535),
                                    FLAG("rescore"),
                                    FLAG("softmax"),
                                    FLAG("sqrt"),
                                    INT("max", 1, BIG),
                                    FLT("coord_scale", 0, HUGE_F),
                                    FLAG("forced"),
                                    FLT("object_scale", 0, HUGE_F),
                                    FLT("noobject_scale", 0, HUGE_F),
                                    FLT("class_scale", 0, HUGE_F),
                                    BELOW("jitter", 0, 1),
                                    FLAG("random"),
                                    FLAG("reorg"),
                                    TRAIN("resize", 1),
                                    END};
static const cfg_key iseg[] = {INT("classes", 1, 1e6), INT("ids", 1, 1e6), END};
static const cfg_key rnn[] = {INT("output", 1, 1e8),
                              ACTIVATION,
                              FLAG("batch_normalize"),
                              FLAG("shortcut"),
                              FORK("hidden", "an [rnn] here has as many hidden units as output="),
                              MODEL("logistic", 0),
                              END};
static const cfg_key gru[] = {INT("output", 1, 1e8), FLAG("batch_normalize"), FLAG("tanh"), END};
static const cfg_key lstm[] = {INT("output", 1, 1e8), FLAG("batch_normalize"), END};
static const cfg_key crnn[] = {INT("output_filters", 1, 1e6),
                               INT("hidden_filters", 1, 1e6),
                               ACTIVATION,
                               FLAG("batch_normalize"),
                               FLAG("shortcut"),
                               MODEL("output", NAN),
                               MODEL("hidden", NAN),
                               MODEL("size", 3),
                               MODEL("stride", 1),
                               MODEL("dilation", 1),
                               MODEL("groups", 1),
                               MODEL("pad", 1),
                               MODEL("padding", 1),
                               MODEL("xnor", 0),
                               END};
static const cfg_key perturb[] = {{"activation", CFG_ENUM, CFG_OURS, 0, 0, 0, activations},
                                  {"noise", CFG_ENUM, CFG_OURS, 0, 0, 0, cfg_noises},
                                  {"sd", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 10, NULL},
                                  {"scale", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                                  END};
static const cfg_key meta_shared[] = {{"phi", CFG_STR, CFG_OURS, 0, 0, 0, NULL},
                                      {"train", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                                      {"c_norm", CFG_FLOAT, CFG_OURS, 0, 0, BIG, NULL},
                                      {"h_norm", CFG_FLOAT, CFG_OURS, 0, 0, BIG, NULL},
                                      {"clip", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, HUGE_F, NULL},
                                      {"clip_test", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                                      {"momentum", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
                                      {"anneal", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
                                      {"sigma", CFG_FLOAT, CFG_OURS, 0, 0, 1000, NULL},
                                      END};

static const cfg_kind kinds[] = {
    {"net", "network", CFG_S_NET, net, 0, 0},
    {"convolutional", "conv", CFG_S_CONVOLUTIONAL, convolutional, 1, 1},
    {"deconvolutional", "deconv", CFG_S_DECONVOLUTIONAL, deconvolutional, 1, 1},
    {"connected", "conn", CFG_S_CONNECTED, connected, 1, 0},
    {"local", NULL, CFG_S_LOCAL, local, 1, 1},
    {"maxpool", "max", CFG_S_MAXPOOL, maxpool, 1, 1},
    {"avgpool", "avg", CFG_S_AVGPOOL, none, 1, 1},
    {"shortcut", NULL, CFG_S_SHORTCUT, shortcut, 1, 1},
    {"route", NULL, CFG_S_ROUTE, route, 1, 0},
    {"upsample", NULL, CFG_S_UPSAMPLE, upsample, 1, 1},
    {"reorg", NULL, CFG_S_REORG, reorg, 1, 1},
    {"crop", NULL, CFG_S_CROP, crop, 1, 1},
    {"dropout", NULL, CFG_S_DROPOUT, dropout, 1, 0},
    {"softmax", "soft", CFG_S_SOFTMAX, softmax, 1, 0},
    {"cost", NULL, CFG_S_COST, cost, 1, 0},
    {"activation", NULL, CFG_S_ACTIVATION, activation, 1, 0},
    {"batchnorm", NULL, CFG_S_BATCHNORM, none, 1, 1},
    {"normalization", "lrn", CFG_S_NORMALIZATION, normalization, 1, 1},
    {"logistic", NULL, CFG_S_LOGISTIC, none, 1, 0},
    {"l2norm", NULL, CFG_S_L2NORM, none, 1, 0},
    {"yolo", NULL, CFG_S_YOLO, yolo, 1, 1},
    {"region", NULL, CFG_S_REGION, region, 1, 1},
    {"detection", NULL, CFG_S_DETECTION, detection, 1, 0},
    {"iseg", NULL, CFG_S_ISEG, iseg, 1, 1},
    {"rnn", NULL, CFG_S_RNN, rnn, 1, 0},
    {"gru", NULL, CFG_S_GRU, gru, 1, 0},
    {"lstm", NULL, CFG_S_LSTM, lstm, 1, 0},
    {"crnn", NULL, CFG_S_CRNN, crnn, 1, 1},
    {"perturb", NULL, CFG_S_PERTURB, perturb, 0, 1},
    {"meta_shared", NULL, CFG_S_META_SHARED, meta_shared, 0, 0},
};
_Static_assert(sizeof kinds / sizeof kinds[0] == CFG_S_COUNT,
               "one row of kinds[] per cfg_section_id, in its order");

const cfg_kind *cfg_kind_of(cfg_section_id id) { return &kinds[id]; }

const cfg_kind *cfg_kind_find(const char *name) {
    for (int i = 0; i < CFG_S_COUNT; i++) {
        if (!strcmp(name, kinds[i].name) || (kinds[i].alias && !strcmp(name, kinds[i].alias)))
            return &kinds[i];
    }
    return NULL;
}

const cfg_key *cfg_key_at(const cfg_kind *k, int i) {
    const cfg_key *t = k->keys;
    for (int own = 1;; own = 0, t = layer) {
        for (; t->name; t++) {
            if (i-- == 0) return t;
        }
        if (!own || !k->layer_keys) return NULL;
    }
}

const cfg_key *cfg_key_find(const cfg_kind *k, const char *name) {
    const cfg_key *t;
    for (int i = 0; (t = cfg_key_at(k, i)); i++) {
        if (!strcmp(t->name, name)) return t;
    }
    return NULL;
}

int cfg_key_is_idle(const cfg_key *k) { return k->owner != CFG_HOST && k->owner != CFG_OURS; }

static int among(const char *const *list, const char *s) {
    while (*list && strcmp(*list, s)) list++;
    return *list != NULL;
}

int cfg_kind_is_fork(const char *name) { return among(fork_sections, name); }
int cfg_word_is_fork(const char *word) { return among(fork_words, word); }

/* ---- sentences ---- */

/* Text of a file may hold anything: what goes to a terminal is short and printable. */
typedef struct {
    char s[64];
} shown;
static shown show(const char *s) {
    shown q;
    size_t i = 0;
    for (; s[i] && i < sizeof q.s - 4; i++) q.s[i] = s[i] >= ' ' && s[i] < 127 ? s[i] : '?';
    snprintf(q.s + i, sizeof q.s - i, "%s", s[i] ? "..." : "");
    return q;
}

int cfg_fail(char *err, const cfg_file *c, int line, const char *fmt, ...) {
    const char *path = c->path ? c->path : "cfg";
    size_t len = strlen(path), keep = 240;
    int n = snprintf(err, ERR_LEN, "%s%s", len > keep ? "..." : "",
                     len > keep ? path + len - keep : path);
    if (line > 0) n += snprintf(err + n, ERR_LEN - (size_t)n, ":%d", line);
    n += snprintf(err + n, ERR_LEN - (size_t)n, ": ");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err + n, ERR_LEN - (size_t)n, fmt, ap);
    va_end(ap);
    return -1;
}

static void append(char *s, size_t size, const char *sep, const char *word) {
    size_t n = strlen(s);
    snprintf(s + n, size - n, "%s%s", n ? sep : "", word);
}

int cfg_fail_section(char *err, const cfg_file *c, int line, const char *name) {
    if (cfg_kind_is_fork(name))
        return cfg_fail(err, c, line,
                        "section [%s] belongs to the AlexeyAB fork; this Darknet has no such layer",
                        name);
    nearest n = {name, NULL, 99};
    char known[ERR_LEN] = "";
    for (int i = 0; i < CFG_S_COUNT; i++) {
        nearest_consider(&n, kinds[i].name);
        if (kinds[i].alias) nearest_consider(&n, kinds[i].alias);
        append(known, sizeof known, " ", kinds[i].name);
    }
    if (n.name)
        return cfg_fail(err, c, line, "unknown section [%s]; did you mean [%s]?", show(name).s,
                        n.name);
    return cfg_fail(err, c, line, "unknown section [%s]; known: %.600s", show(name).s, known);
}

int cfg_fail_key(char *err, const cfg_file *c, int line, const cfg_kind *k, const char *name) {
    nearest n = {name, NULL, 99};
    char known[ERR_LEN] = "", owners[ERR_LEN] = "";
    const cfg_key *t;
    for (int i = 0; (t = cfg_key_at(k, i)); i++) {
        if (cfg_key_is_idle(t)) continue;
        nearest_consider(&n, t->name);
        append(known, sizeof known, ", ", t->name);
    }
    if (n.name)
        return cfg_fail(err, c, line, "[%s] unknown key \"%s\"; did you mean \"%s\"?", k->name,
                        show(name).s, n.name);
    for (int i = 0; i < CFG_S_COUNT; i++) {
        if (&kinds[i] != k && cfg_key_find(&kinds[i], name))
            append(owners, sizeof owners, ", ", kinds[i].name);
    }
    return cfg_fail(err, c, line, "[%s] unknown key \"%s\"%s%.120s%s; known: %.600s", k->name,
                    show(name).s, owners[0] ? " (a key of " : "", owners, owners[0] ? ")" : "",
                    known);
}

static int fail_word(char *err, const cfg_file *c, const cfg_kind *k, const cfg_key *key,
                     const cfg_option *o) {
    if (cfg_word_is_fork(o->val))
        return cfg_fail(err, c, o->line,
                        "[%s] %s=%s belongs to the AlexeyAB fork; this Darknet does not know it",
                        k->name, o->key, o->val);
    nearest n = {o->val, NULL, 99};
    char known[ERR_LEN] = "";
    for (int i = 0; key->words[i]; i++) {
        nearest_consider(&n, key->words[i]);
        append(known, sizeof known, ", ", key->words[i]);
    }
    if (n.name)
        return cfg_fail(err, c, o->line, "[%s] unknown %s \"%s\"; did you mean \"%s\"?", k->name,
                        o->key, show(o->val).s, n.name);
    return cfg_fail(err, c, o->line, "[%s] unknown %s \"%s\"; known: %s", k->name, o->key,
                    show(o->val).s, known);
}

/* ---- one value ---- */

/* One number up to `end`; strtod alone would also take "inf", "nan", hexadecimal and an empty text.
 */
static int number(const char *s, const char *end, int whole, double *out) {
    char *stop;
    if (s == end || strspn(s, whole ? "+-0123456789" : "+-.eE0123456789") < (size_t)(end - s))
        return -1;
    errno = 0;
    if (whole) {
        long long v = strtoll(s, &stop, 10);
        *out = (double)v;
    } else {
        *out = strtod(s, &stop);
    }
    /* ERANGE of a tiny number is no error: strtod then gives the nearest there is. */
    return stop == end && isfinite(*out) && !(errno == ERANGE && fabs(*out) > 1) ? 0 : -1;
}

static int in_range(const cfg_key *k, double v) {
    return (k->open & CFG_ABOVE ? v > k->lo : v >= k->lo) &&
           (k->open & CFG_BELOW ? v < k->hi : v <= k->hi);
}

static int fail_range(char *err, const cfg_file *c, const cfg_kind *k, const cfg_key *key,
                      const cfg_option *o) {
    if (key->open & CFG_ABOVE && key->hi >= 1000)
        return cfg_fail(err, c, o->line, "[%s] %s=%s is out of range: it must be above %g", k->name,
                        o->key, show(o->val).s, key->lo);
    return cfg_fail(err, c, o->line, "[%s] %s=%s is out of range: it must lie in %c%.10g, %.10g%c",
                    k->name, o->key, show(o->val).s, key->open & CFG_ABOVE ? '(' : '[', key->lo,
                    key->hi, key->open & CFG_BELOW ? ')' : ']');
}

static int check_numbers(const cfg_file *c, const cfg_kind *k, const cfg_key *key,
                         const cfg_option *o, char *err) {
    int whole = key->kind == CFG_INT || key->kind == CFG_INTS,
        list = key->kind == CFG_INTS || key->kind == CFG_FLOATS;
    for (const char *s = o->val;; s++) {
        const char *end = list ? strchr(s, ',') : NULL;
        double v;
        if (!end) end = s + strlen(s);
        if (number(s, end, whole, &v))
            return cfg_fail(err, c, o->line, "[%s] %s=%s: %s%s%s", k->name, o->key, show(o->val).s,
                            list ? "not a list of " : "not a ",
                            list ? (whole ? "whole numbers" : "numbers")
                                 : (whole ? "whole number" : "number"),
                            strchr(o->val, '#') ? " (a comment needs a blank before its #)" : "");
        if (!in_range(key, v)) return fail_range(err, c, k, key, o);
        if (!*end) return 0;
        s = end;
    }
}

/* Does this value of a key of training change it? */
static int changes_training(const cfg_key *key, const char *val) {
    double v;
    if (key->owner != CFG_FORK_TRAIN) return 0;
    if (key->words) return strcmp(key->words[0], val) != 0;
    return number(val, val + strlen(val), 0, &v) || v != key->lo;
}

static const char *whose(const cfg_key *key) {
    return key->open & CFG_GPU ? "the host does it on a GPU alone"

           : key->open & CFG_COMMAND ? "the host's own `classifier train` does it"
                                     : "a key of the AlexeyAB fork";
}

void cfg_warn_idle(const cfg_file *c, const cfg_kind *k, const cfg_key *key, const cfg_option *o) {
    const char *none = key->owner == CFG_FORK_MODEL ? "this value changes nothing"
                                                    : "this value changes nothing in training";

    fprintf(
        stderr,
        "%s:%d: warning: [%s] key \"%s\" is of another Darknet (the AlexeyAB fork or an old one): ignored: %s\n",
        c->path, o->line, k->name, key->name,
        key->owner == CFG_FORK          ? key->words[0]
        : changes_training(key, o->val) ? "it changes training, which is refused with it"
                                        : none);
}

int cfg_check_training(const cfg_file *c, char *err) {
    for (int i = 0; i < c->n; i++) {
        const cfg_kind *k = cfg_kind_find(c->sections[i].type);
        for (int j = 0; j < c->sections[i].n; j++) {
            const cfg_option *o = &c->sections[i].options[j];
            const cfg_key *key = cfg_key_find(k, o->key);
            if (!key || !changes_training(key, o->val)) continue;

            return cfg_fail(
                err, c, o->line,
                "[%s] %s=%s changes training, and cannot be done here (%s); remove the line to "
                "train without it",
                k->name, o->key, show(o->val).s, whose(key));
        }
    }
    return 0;
}

int cfg_check_value(const cfg_file *c, const cfg_kind *k, const cfg_key *key, const cfg_option *o,
                    char *err) {
    double v;
    switch (key->owner) {
    case CFG_FORK:
    case CFG_FORK_TRAIN: return 0;
    case CFG_FORK_MODEL:
        if ((!number(o->val, o->val + strlen(o->val), 0, &v) && v == key->lo) ||
            !strcmp(o->val, "none"))
            return 0;
        return cfg_fail(err, c, o->line,
                        "[%s] %s=%s belongs to the AlexeyAB fork and changes the network; "
                        "this Darknet cannot compute it",
                        k->name, o->key, show(o->val).s);
    }
    switch (key->kind) {
    case CFG_ENUM:
        for (int i = 0; key->words[i]; i++) {
            if (!strcmp(key->words[i], o->val)) return 0;
        }
        return fail_word(err, c, k, key, o);
    case CFG_STR: return 0;
    default: return check_numbers(c, k, key, o, err);
    }
}

int cfg_list(const char *val, double *out, int max) {
    int n = 0;
    for (const char *s = val;; s++, n++) {
        if (n < max) out[n] = strtod(s, NULL);
        s = strchr(s, ',');
        if (!s) return n + 1;
    }
}
