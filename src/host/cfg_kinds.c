/* cfg_kinds.c - every section and key: see cfg_keys.h. The host's keys and defaults were read off
 * the running library (Debian's 61c9d02), by logging every option it asks for; the others are names
 * that the AlexeyAB fork asks for. */
#include "host/cfg_keys.h"
#include <math.h>

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
/* Another Darknet's, without effect on what comes out here: why. Its training alone: unless it has
 * this value. */
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
/* Of the fork, and done by the engine. */
#define OWN_INT(n, lo, hi) {n, CFG_INT, CFG_DONE, 0, lo, hi, NULL}
#define OWN_FLT(n, lo, hi) {n, CFG_FLOAT, CFG_DONE, 0, lo, hi, NULL}
#define OWN_WORD(n, w) {n, CFG_ENUM, CFG_DONE, 0, 0, 0, w}
#define END {NULL, 0, 0, 0, 0, 0, NULL}

/* Those of the host, which its own code can run; and with those of the fork, for layers that the
 * engine runs. */
#define HOST_ACTIVATIONS                                                                    \
    "linear", "relu", "leaky", "logistic", "tanh", "elu", "selu", "loggy", "relie", "ramp", \
        "plse", "stair", "hardtan", "lhtan"
const char *const cfg_host_activations[] = {HOST_ACTIVATIONS, NULL};
#define FORK_ACTIVATIONS \
    HOST_ACTIVATIONS, "mish", "swish", "silu", "hard_mish", "relu6", "gelu", "revleaky"
static const char *const activations[] = {FORK_ACTIVATIONS, NULL};
static const char *const epsilons[] = {"darknet", "alexeyab", NULL};
static const char *const policies[] = {"constant", "step",   "steps", "exp",    "poly",
                                       "sigmoid",  "random", "sgdr",  "cosine", NULL};
static const char *const costs[] = {"sse", "masked", "L1", "seg", "smooth", "wgan", NULL};
static const char *const iou_losses[] = {"mse", "iou", "giou", "diou", "ciou", NULL};
static const char *const nms_kinds[] = {"default", "greedynms", "diounms", NULL};
static const char *const weights_types[] = {"none", "per_feature", "per_layer", "per_channel",
                                            NULL};
static const char *const weights_norms[] = {"none", "relu", "avg_relu", "softmax", NULL};
const char *const cfg_noises[] = {"0", "1", "gaussian", "mean", "unit", NULL};
/* And over the channels of a pixel, of layers that give pictures. */
#define CHANNEL_ACTIVATIONS                                                             \
    "norm_chan", "norm_chan_softmax", "norm_chan_softmax_maxval", "normalize_channels", \
        "normalize_channels_softmax", "normalize_channels_softmax_maxval"
const char *const cfg_channel_words[] = {CHANNEL_ACTIVATIONS, NULL};
static const char *const map_activations[] = {FORK_ACTIVATIONS, CHANNEL_ACTIVATIONS, NULL};
const char *const cfg_fork_sections[] = {"Gaussian_yolo", "conv_lstm", "history", "contrastive",
                                         "empty",         "silence",   NULL};

#define ACTIVATION WORD("activation", activations)
#define MAP_ACTIVATION WORD("activation", map_activations)
#define HOST_ACTIVATION WORD("activation", cfg_host_activations)

static const cfg_key cfg_keys_net[] = {
    INT("batch", 1, 1e6),
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
    {"learning_rate_min", CFG_FLOAT, CFG_OURS, 0, 0, 1e30, NULL},
    {"sgdr_cycle", CFG_INT, CFG_OURS, 0, 1, BIG, NULL},
    {"sgdr_mult", CFG_INT, CFG_OURS, 0, 1, 1000, NULL},
    FORK("seq_scales", "of training on sequences alone"),
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
    FORK("dynamic_minibatch", "a matter of speed and memory there"),
    FORK("optimized_memory", "a matter of speed and memory there"),
    FORK("workspace_size_limit_MB", "a matter of speed and memory there"),
    {"blur", CFG_INT, CFG_OURS, 0, 0, 127, NULL},
    {"gaussian_noise", CFG_INT, CFG_OURS, 0, 0, 127, NULL},
    {"mosaic", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"mosaic_bound", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"letter_box", CFG_INT, CFG_DONE, 0, 0, 1, NULL},
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
const cfg_key cfg_layer_keys[] = {FLAG("truth"),
                                  FLAG("onlyforward"),
                                  INT("stopbackward", 0, BIG),
                                  FLAG("dontsave"),
                                  FLAG("dontload"),
                                  INT("numload", 0, BIG),
                                  FLAG("dontloadscales"),
                                  FLT("learning_rate", 0, 1e30),
                                  ON_GPU("smooth", 0),
                                  {"dont_update", CFG_INT, CFG_OURS, 0, 0, BIG, NULL},
                                  {"burnin_update", CFG_INT, CFG_OURS, 0, 0, BIG, NULL},
                                  TRAIN("train_only_bn", 0),
                                  FORK("stream", "a matter of speed and memory there"),
                                  FORK("wait_stream", "a matter of speed and memory there"),
                                  END};

static const cfg_key cfg_keys_convolutional[] = {INT("filters", 1, 1e6),
                                                 INT("size", 1, 1024),
                                                 INT("stride", 1, 1024),
                                                 INT("pad", 0, 1024),
                                                 INT("padding", 0, 1024),
                                                 INT("groups", 1, 1e6),
                                                 MAP_ACTIVATION,
                                                 FLAG("batch_normalize"),
                                                 ON_GPU("binary", 0),
                                                 FLAG("xnor"),
                                                 FLAG("flipped"),
                                                 ON_GPU("dot", 0),
                                                 OWN_INT("stride_x", 1, 1024),
                                                 OWN_INT("stride_y", 1, 1024),
                                                 OWN_INT("dilation", 1, 1024),
                                                 OWN_INT("antialiasing", 0, 2),
                                                 MODEL("assisted_excitation", 0),
                                                 OWN_INT("share_index", -1e6, 1e6),
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
static const cfg_key cfg_keys_deconvolutional[] = {
    INT("filters", 1, 1e6),  INT("size", 1, 1024), INT("stride", 1, 1024),  INT("pad", 0, 1024),
    INT("padding", 0, 1024), HOST_ACTIVATION,      FLAG("batch_normalize"), END};
static const cfg_key cfg_keys_connected[] = {INT("output", 1, 1e8), ACTIVATION,
                                             FLAG("batch_normalize"), END};
static const cfg_key cfg_keys_local[] = {INT("filters", 1, 1e6), INT("size", 1, 1024),
                                         INT("stride", 1, 1024), FLAG("pad"),
                                         HOST_ACTIVATION,        END};
static const cfg_key cfg_keys_maxpool[] = {
    INT("size", 1, 65535),           INT("stride", 1, 65535),
    INT("padding", 0, 65535),        OWN_INT("stride_x", 1, 65535),
    OWN_INT("stride_y", 1, 65535),   OWN_INT("maxpool_depth", 0, 1),
    OWN_INT("out_channels", 1, 1e6), OWN_INT("maxpool_zero_nonmax", 0, 1),
    OWN_INT("antialiasing", 0, 2),   END};
static const cfg_key cfg_keys_local_avgpool[] = {
    INT("size", 1, 65535),         INT("stride", 1, 65535),       INT("padding", 0, 65535),
    OWN_INT("stride_x", 1, 65535), OWN_INT("stride_y", 1, 65535), END};
static const cfg_key cfg_keys_reorg3d[] = {INT("stride", 1, 1024), MODEL("reverse", 0), END};
/* The last of the keys' names is the one that the fork once had. */
static const cfg_key cfg_keys_shortcut[] = {INTS("from", -1e6, 1e6),
                                            MAP_ACTIVATION,
                                            FLT("alpha", -HUGE_F, HUGE_F),
                                            FLT("beta", -HUGE_F, HUGE_F),
                                            OWN_WORD("weights_type", weights_types),
                                            OWN_WORD("weights_normalization", weights_norms),
                                            OWN_WORD("weights_normalizion", weights_norms),
                                            END};
static const cfg_key cfg_keys_implicit[] = {OWN_INT("filters", 1, 1e6), OWN_INT("atoms", 1, 65535),
                                            OWN_FLT("mean", -HUGE_F, HUGE_F),
                                            OWN_FLT("std", 0, HUGE_F), END};
static const cfg_key cfg_keys_implicit_add[] = {OWN_INT("filters", 1, 1e6), END};
static const cfg_key cfg_keys_implicit_mul[] = {OWN_INT("filters", 1, 1e6), END};
static const cfg_key cfg_keys_shift_channels[] = {INT("from", -1e6, 1e6), END};
static const cfg_key cfg_keys_control_channels[] = {INT("from", -1e6, 1e6), END};
static const cfg_key cfg_keys_route[] = {INTS("layers", -1e6, 1e6), OWN_INT("groups", 1, 1e6),
                                         OWN_INT("group_id", 0, 1e6), END};
static const cfg_key cfg_keys_scale_channels[] = {INT("from", -1e6, 1e6), OWN_INT("scale_wh", 0, 1),
                                                  MAP_ACTIVATION, END};
static const cfg_key cfg_keys_sam[] = {INT("from", -1e6, 1e6), MAP_ACTIVATION, END};
static const cfg_key cfg_keys_upsample[] = {INT("stride", -1024, 1024),
                                            FLT("scale", -HUGE_F, HUGE_F), END};
static const cfg_key cfg_keys_reorg[] = {INT("stride", 1, 1024), FLAG("reverse"), FLAG("flatten"),
                                         INT("extra", 0, BIG), END};
static const cfg_key cfg_keys_crop[] = {INT("crop_height", 1, 65535),
                                        INT("crop_width", 1, 65535),
                                        FLAG("flip"),
                                        FLT("angle", 0, 360),
                                        ABOVE("saturation", 0, 1000),
                                        ABOVE("exposure", 0, 1000),
                                        FLAG("noadjust"),
                                        FLT("shift", -HUGE_F, HUGE_F),
                                        END};
static const cfg_key cfg_keys_dropout[] = {
    BELOW("probability", 0, 1),
    {"dropblock", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"dropblock_size_rel", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 1, NULL},
    {"dropblock_size_abs", CFG_INT, CFG_OURS, 0, 1, 65535, NULL},
    END};
static const cfg_key cfg_keys_softmax[] = {INT("groups", 1, BIG), ABOVE("temperature", 0, HUGE_F),
                                           STR("tree"),           FLAG("spatial"),
                                           FLAG("noloss"),        END};
static const cfg_key cfg_keys_cost[] = {WORD("type", costs), FLT("scale", 0, HUGE_F),
                                        ON_GPU("ratio", 0),  ON_GPU("noobj", 1),
                                        ON_GPU("thresh", 0), END};
static const cfg_key cfg_keys_activation[] = {MAP_ACTIVATION, END};
static const cfg_key cfg_keys_normalization[] = {
    FLT("alpha", -HUGE_F, HUGE_F), FLT("beta", -HUGE_F, HUGE_F), FLT("kappa", -HUGE_F, HUGE_F),
    INT("size", 1, 65535), END};
static const cfg_key none[] = {END};
#define cfg_keys_avgpool none
#define cfg_keys_batchnorm none
#define cfg_keys_logistic none
#define cfg_keys_l2norm none

static const cfg_key cfg_keys_yolo[] = {
    INT("classes", 1, 1e6),
    INT("num", 1, 1000),
    INTS("mask", 0, 999),
    FLTS("anchors", 0, 65535),
    {"max", CFG_INT, CFG_DONE, 0, 1, 1e5, NULL},
    BELOW("jitter", 0, 1),
    FLT("ignore_thresh", 0, 1),
    FLT("truth_thresh", 0, 1),
    FLT("random", 0, 4),
    STR("map"),
    {"scale_x_y", CFG_FLOAT, CFG_DONE, CFG_ABOVE, 0, 100, NULL},
    {"new_coords", CFG_INT, CFG_DONE, 0, 0, 1, NULL},
    {"iou_thresh", CFG_FLOAT, CFG_DONE, 0, 0, 1, NULL},
    {"iou_normalizer", CFG_FLOAT, CFG_DONE, 0, 0, HUGE_F, NULL},
    {"obj_normalizer", CFG_FLOAT, CFG_DONE, 0, 0, HUGE_F, NULL},
    {"cls_normalizer", CFG_FLOAT, CFG_DONE, 0, 0, HUGE_F, NULL},
    TRAIN("delta_normalizer", 1),
    {"iou_loss", CFG_ENUM, CFG_DONE, 0, 0, 0, iou_losses},
    {"iou_thresh_kind", CFG_ENUM, CFG_DONE, 0, 0, 0, iou_losses + 1},
    {"beta_nms", CFG_FLOAT, CFG_DONE, CFG_ABOVE, 0, 1000, NULL},
    {"nms_kind", CFG_ENUM, CFG_DONE, 0, 0, 0, nms_kinds},
    {"label_smooth_eps", CFG_FLOAT, CFG_DONE, 0, 0, 1, NULL},
    {"max_delta", CFG_FLOAT, CFG_DONE, CFG_ABOVE, 0, HUGE_F, NULL},
    {"counters_per_class", CFG_FLOATS, CFG_DONE, CFG_ABOVE, 0, HUGE_F, NULL},
    {"focal_loss", CFG_INT, CFG_DONE, 0, 0, 1, NULL},
    {"objectness_smooth", CFG_INT, CFG_DONE, 0, 0, 1, NULL},
    {"show_details", CFG_INT, CFG_DONE, 0, 0, 1, NULL},
    {"resize", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 100, NULL},
    FORK("track_history_size", "of following boxes through a video"),
    FORK("sim_thresh", "of following boxes through a video"),
    FORK("dets_for_track", "of following boxes through a video"),
    FORK("dets_for_show", "of following boxes through a video"),
    FORK("track_ciou_norm", "of following boxes through a video"),
    TRAIN("embedding_layer", NAN),
    FORK("uc_normalizer", "of [Gaussian_yolo] alone"),
    FORK("beta1", "a name that no Darknet asks a [yolo] for"),
    END};
static const cfg_key cfg_keys_region[] = {INT("classes", 1, 1e6),
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
                                          FLT("random", 0, 4),
                                          FLT("coord_scale", 0, HUGE_F),
                                          FLT("object_scale", 0, HUGE_F),
                                          FLT("noobject_scale", 0, HUGE_F),
                                          FLT("mask_scale", 0, HUGE_F),
                                          FLT("class_scale", 0, HUGE_F),
                                          FLAG("bias_match"),
                                          STR("tree"),
                                          STR("map"),
                                          TRAIN("focal_loss", 0),
                                          {"resize", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 100, NULL},
                                          END};
static const cfg_key cfg_keys_detection[] = {INT("classes", 1, 1e6),
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
static const cfg_key cfg_keys_iseg[] = {INT("classes", 1, 1e6), INT("ids", 1, 1e6), END};
static const cfg_key cfg_keys_rnn[] = {
    INT("output", 1, 1e8),
    HOST_ACTIVATION,
    FLAG("batch_normalize"),
    FLAG("shortcut"),
    FORK("hidden", "an [rnn] here has as many hidden units as output="),
    MODEL("logistic", 0),
    END};
static const cfg_key cfg_keys_gru[] = {INT("output", 1, 1e8), FLAG("batch_normalize"), FLAG("tanh"),
                                       END};
static const cfg_key cfg_keys_lstm[] = {INT("output", 1, 1e8), FLAG("batch_normalize"), END};
static const cfg_key cfg_keys_crnn[] = {INT("output_filters", 1, 1e6),
                                        INT("hidden_filters", 1, 1e6),
                                        HOST_ACTIVATION,
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
static const cfg_key cfg_keys_perturb[] = {{"activation", CFG_ENUM, CFG_OURS, 0, 0, 0, activations},
                                           {"noise", CFG_ENUM, CFG_OURS, 0, 0, 0, cfg_noises},
                                           {"sd", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, 10, NULL},
                                           {"scale", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
                                           END};
static const cfg_key cfg_keys_meta_shared[] = {
    {"phi", CFG_STR, CFG_OURS, 0, 0, 0, NULL},
    {"train", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"c_norm", CFG_FLOAT, CFG_OURS, 0, 0, BIG, NULL},
    {"h_norm", CFG_FLOAT, CFG_OURS, 0, 0, BIG, NULL},
    {"clip", CFG_FLOAT, CFG_OURS, CFG_ABOVE, 0, HUGE_F, NULL},
    {"clip_test", CFG_INT, CFG_OURS, 0, 0, 1, NULL},
    {"momentum", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
    {"anneal", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
    {"adapt", CFG_FLOAT, CFG_OURS, 0, 0, 1, NULL},
    {"cool", CFG_FLOATS, CFG_OURS, 0, 0, 1, NULL},
    {"sigma", CFG_FLOAT, CFG_OURS, 0, 0, 1000, NULL},
    END};

#define ROW(ID, name, alias, flags, act, ...) \
    [CFG_S_##ID] = {#name, alias, CFG_S_##ID, cfg_keys_##name, flags, act},
const cfg_kind cfg_kinds[CFG_S_COUNT] = {HOST_KINDS(ROW)};
