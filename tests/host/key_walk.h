/* key_walk.h - for tests/host/test_key_walk.c: the networks that each section stands in, and what
 * becomes of each key. */
#ifndef KEY_WALK_H
#define KEY_WALK_H
#include "host/cfg_keys.h"

#define NET                                                                                 \
    "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\nlearning_rate=.1\nmomentum=.9\ndecay=." \
    "01\nmax_batches=10\n"
/* Where thousands of values meet one unit, steps of .1 throw it about, and rounding with it. */
#define GENTLE                                                                               \
    "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\nlearning_rate=.01\nmomentum=.9\ndecay=." \
    "01\nmax_batches=10\n"
#define CONV "[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=leaky\n"
#define HEAD "[connected]\noutput=5\nactivation=linear\n[softmax]\n[cost]\n"
#define TIMES                                                                                \
    "[net]\nbatch=2\ntime_steps=2\ninputs=6\nlearning_rate=.1\nmomentum=.9\ndecay=.01\nmax_" \
    "batches=10\n"
#define TOP "[connected]\noutput=4\nactivation=linear\n[softmax]\n[cost]\n"

/* Beside each section: where in its network it stands, the network. */
static const struct {
    cfg_section_id id;
    const char *text;
} stages[CFG_S_COUNT] = {
    [CFG_S_NET] = {CFG_S_NET, NET CONV HEAD},
    [CFG_S_CONVOLUTIONAL] = {CFG_S_CONVOLUTIONAL, NET CONV CONV HEAD},
    [CFG_S_DECONVOLUTIONAL] =
        {CFG_S_DECONVOLUTIONAL,
         NET CONV "[deconvolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n" HEAD},
    [CFG_S_CONNECTED] = {CFG_S_CONNECTED,
                         NET CONV "[connected]\noutput=6\nactivation=leaky\n" HEAD},
    [CFG_S_LOCAL] = {CFG_S_LOCAL,
                     NET "[convolutional]\nfilters=9\nsize=9\npad=1\nactivation=leaky\n"
                         "[local]\nfilters=3\nsize=3\nactivation=leaky\n" HEAD},
    [CFG_S_MAXPOOL] = {CFG_S_MAXPOOL, NET CONV "[maxpool]\nsize=2\nstride=2\n" HEAD},
    [CFG_S_AVGPOOL] = {CFG_S_AVGPOOL, NET CONV "[avgpool]\n" HEAD},
    [CFG_S_SHORTCUT] = {CFG_S_SHORTCUT,
                        NET CONV CONV CONV "[shortcut]\nfrom=-2\nactivation=leaky\n" HEAD},
    [CFG_S_ROUTE] = {CFG_S_ROUTE, NET CONV CONV "[route]\nlayers=-1\n" HEAD},
    [CFG_S_UPSAMPLE] = {CFG_S_UPSAMPLE, GENTLE CONV "[upsample]\nstride=2\n" HEAD},
    [CFG_S_REORG] = {CFG_S_REORG, GENTLE CONV "[reorg]\nstride=2\n" CONV HEAD},
    [CFG_S_CROP] = {CFG_S_CROP, NET "[crop]\ncrop_height=6\ncrop_width=6\n" CONV HEAD},
    [CFG_S_DROPOUT] = {CFG_S_DROPOUT, NET CONV "[dropout]\nprobability=.3\n" HEAD},
    [CFG_S_SOFTMAX] = {CFG_S_SOFTMAX,
                       NET CONV "[connected]\noutput=6\nactivation=linear\n[softmax]\n[cost]\n"},
    [CFG_S_COST] = {CFG_S_COST, NET CONV "[connected]\noutput=5\nactivation=linear\n[cost]\n"},
    [CFG_S_ACTIVATION] = {CFG_S_ACTIVATION, NET CONV "[activation]\nactivation=leaky\n" HEAD},
    [CFG_S_BATCHNORM] = {CFG_S_BATCHNORM, NET CONV "[batchnorm]\n" HEAD},
    [CFG_S_NORMALIZATION] = {CFG_S_NORMALIZATION,
                             NET CONV "[normalization]\nsize=3\nalpha=.1\n" HEAD},
    [CFG_S_LOGISTIC] = {CFG_S_LOGISTIC,
                        NET CONV "[connected]\noutput=5\nactivation=linear\n[logistic]\n"},
    [CFG_S_L2NORM] = {CFG_S_L2NORM, NET CONV "[l2norm]\n" HEAD},
    [CFG_S_YOLO] = {CFG_S_YOLO, NET CONV
                    "[convolutional]\nfilters=12\nsize=3\npad=1\nactivation=linear\n"
                    "[yolo]\nmask=0,1\nnum=3\nclasses=1\nanchors=2,2,3,4,6,5\nignore_thresh=.3\n"},
    [CFG_S_REGION] = {CFG_S_REGION,
                      NET CONV "[convolutional]\nfilters=14\nsize=3\npad=1\nactivation=linear\n"
                               "[region]\nnum=2\nclasses=2\nanchors=1,1,3,2\ncoord_scale=1\nobject_"
                               "scale=1\nnoobject_scale=1\n"
                               "class_scale=1\nthresh=.2\n"},
    [CFG_S_DETECTION] = {CFG_S_DETECTION,
                         NET CONV "[connected]\noutput=48\nactivation=linear\n"
                                  "[detection]\nside=2\nnum=2\ncoords=4\nclasses=2\n"},
    [CFG_S_ISEG] = {CFG_S_ISEG, NET CONV "[convolutional]\nfilters=6\nsize=3\npad=1\nactivation="
                                         "linear\n[iseg]\nclasses=2\nids=4\n"},
    [CFG_S_RNN] = {CFG_S_RNN, TIMES "[rnn]\noutput=5\nactivation=leaky\n" TOP},
    [CFG_S_GRU] = {CFG_S_GRU, TIMES "[gru]\noutput=5\n" TOP},
    [CFG_S_LSTM] = {CFG_S_LSTM, TIMES "[lstm]\noutput=5\n" TOP},
    [CFG_S_CRNN] =
        {CFG_S_CRNN,
         "[net]\nbatch=2\ntime_steps=2\nheight=8\nwidth=8\nchannels=3\nlearning_rate=.1\n"
         "[convolutional]\nfilters=4\nsize=9\npad=1\nactivation=leaky\n[crnn]\noutput_filters="
         "4\nhidden_filters=4\nactivation=leaky\n" TOP},
    [CFG_S_SCALE_CHANNELS] = {CFG_S_SCALE_CHANNELS,
                              NET CONV "[avgpool]\n[scale_channels]\nfrom=-2\n" HEAD},
    [CFG_S_SAM] = {CFG_S_SAM, NET CONV CONV "[sam]\nfrom=-2\n" HEAD},
    [CFG_S_LOCAL_AVGPOOL] = {CFG_S_LOCAL_AVGPOOL,
                             NET CONV "[local_avgpool]\nsize=2\nstride=2\n" HEAD},
    [CFG_S_REORG3D] = {CFG_S_REORG3D, GENTLE CONV "[reorg3d]\nstride=2\n" CONV HEAD},
    [CFG_S_IMPLICIT] = {CFG_S_IMPLICIT,
                        NET CONV "[implicit]\nfilters=8\n[scale_channels]\nfrom=-2\n" HEAD},
    [CFG_S_IMPLICIT_ADD] = {CFG_S_IMPLICIT_ADD, NET CONV "[implicit_add]\nfilters=8\n" HEAD},
    [CFG_S_IMPLICIT_MUL] = {CFG_S_IMPLICIT_MUL, NET CONV "[implicit_mul]\nfilters=8\n" HEAD},
    [CFG_S_SHIFT_CHANNELS] = {CFG_S_SHIFT_CHANNELS,
                              NET CONV "[avgpool]\n[implicit]\nfilters=8\n[route]\nlayers=-3\n"
                                       "[shift_channels]\nfrom=1\n" HEAD},
    [CFG_S_CONTROL_CHANNELS] = {CFG_S_CONTROL_CHANNELS,
                                NET CONV "[avgpool]\n[implicit]\nfilters=8\n[route]\nlayers=-3\n"
                                         "[control_channels]\nfrom=1\n" HEAD},
    [CFG_S_PERTURB] = {CFG_S_PERTURB, NET "[meta_shared]\ntrain=1\nanneal=0\n" CONV
                                          "[perturb]\nactivation=leaky\n" HEAD},
    [CFG_S_META_SHARED] = {CFG_S_META_SHARED, NET "[meta_shared]\ntrain=1\nanneal=0\n" CONV
                                                  "[perturb]\nactivation=leaky\n" HEAD},
};

/* Keys that have their effect in another network. */
static const struct {
    const char *section, *key, *text;
} others[] = {
    {"softmax", "spatial", NET CONV "[softmax]\n[cost]\n"},
    {"convolutional", "burnin_update",
     "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\nlearning_rate=.1\nburn_in=2\n" CONV CONV HEAD},
    {"convolutional", "share_index",
     NET "[convolutional]\nfilters=3\nsize=3\npad=1\n"
         "activation=leaky\n[convolutional]\nfilters=3\nsize=3\npad=1\nactivation=leaky\n" HEAD},
    {"reorg", "extra", NET CONV "[reorg]\n" HEAD},
    {"reorg", "stride",
     NET
     "[convolutional]\nfilters=16\nsize=3\npad=1\nactivation=leaky\n[reorg]\nstride=2\n" CONV HEAD},
    {"convolutional", "truth",
     NET CONV "[convolutional]\nfilters=1\nsize=3\npad=1\nactivation=logistic\n"
              "[connected]\noutput=64\nactivation=linear\n[cost]\n"},
};

/* What is demanded of a key. SAME: ours change as the host's, in outputs and in two steps. FORWARD:
 * outputs as the host's, and our step changes. OURS: only that ours change. HOST: recurrent
 * networks, which the host alone runs. IDLE: neither changes, as the host itself does nothing with
 * it. PICTURES: the pictures of training change. SAVED: what is loaded changes as the host's.
 * LISTED: not walked, for the reason given. */
typedef enum { SAME, FORWARD, OURS, HOST, IDLE, PICTURES, SAVED, LISTED } demand;

/* section: NULL, a key of every layer. more: keys set in both networks. from NULL: it is not given
 * there. */
typedef struct {
    const char *section, *key, *from, *to, *more;
    demand demand;
    const char *why;
} row;

#define BN_WHY                                                                                  \
    "the host's gradient of batch norm is wrong (tests/host/test_net.c and test_engine.c hold " \
    "ours against doubles)"
#define BN_HOST "the host alone ends at a [batchnorm] (test_engine.c holds ours against doubles)"
#define RAND_WHY "the host draws from rand(), we from a seed of our own"
#define LOADER "detector_train's pictures are made by it: tests/data/test_detection.c"
#define ADAM_WHY \
    "the host ignores adam=1 on a CPU (tests/ops/test_ops.c holds ours against doubles)"
#define FORK_HEAD \
    "not a key of the host (tests/host/test_yolo_own.c holds it against the fork's vectors)"
#define FORK_LAYER                                                                           \
    "the host has no such layer (tests/host/test_fork_layers.c holds it against the fork's " \
    "vectors)"
#define FORK_SUM \
    "not a key of the host (tests/host/test_fork_layers.c holds it against the fork's vectors)"
#define FROZEN "not a key of the host (tests/host/test_fork_layers.c: which steps are taken)"
#define GPU_ONLY "the host heeds it on a GPU alone"
#define NOT_USED "the host reads it and does nothing with it"
#define A_FILE "names a file; what the host does with it, tests/host/test_heads.c and cli.sh see"

/* The first that fits counts: section (NULL: any) and key. A flag without a row of its own goes
 * from 0 to 1. */
static const row rows[] = {
    {"implicit", "filters", NULL, "9", NULL, LISTED, "goes with the layer that reads it"},
    {"implicit", "atoms", NULL, "2", NULL, LISTED, "goes with the layer that reads it"},
    {"implicit", "mean", NULL, "1", NULL, LISTED,
     "what its numbers begin with (tests/host/test_fork_learned.c)"},
    {"implicit", "std", NULL, ".1", NULL, LISTED,
     "what its numbers begin with (tests/host/test_fork_learned.c)"},
    {"implicit_add", "filters", NULL, NULL, NULL, LISTED, "goes with the layer that reads it"},
    {"implicit_mul", "filters", NULL, NULL, NULL, LISTED, "goes with the layer that reads it"},
    {"shift_channels", "from", "1", "2", NULL, OURS, "not a section of the host"},
    {"control_channels", "from", "1", "2", NULL, OURS, "not a section of the host"},
    {"scale_channels", "from", NULL, "0", NULL, LISTED, FORK_LAYER},
    {"scale_channels", "scale_wh", NULL, "1", NULL, LISTED, FORK_LAYER},
    {"scale_channels", "activation", NULL, "leaky", NULL, LISTED, FORK_LAYER},
    {"sam", "from", NULL, "0", NULL, LISTED, FORK_LAYER},
    {"sam", "activation", NULL, "leaky", NULL, LISTED, FORK_LAYER},
    {NULL, "stride_x", NULL, "3", NULL, OURS, FORK_LAYER},
    {NULL, "stride_y", NULL, "3", NULL, OURS, FORK_LAYER},
    {"convolutional", "dilation", "1", "2", NULL, OURS, FORK_LAYER},
    {NULL, "antialiasing", "0", "2", "stride=2\n", OURS, FORK_LAYER},
    {"convolutional", "share_index", NULL, "0", NULL, OURS, FORK_LAYER},
    {"maxpool", "maxpool_depth", "0", "1", "size=1\nstride=1\n", OURS, FORK_LAYER},
    {"maxpool", "out_channels", NULL, "3", "size=1\nstride=1\nmaxpool_depth=1\n", OURS, FORK_LAYER},
    {"maxpool", "maxpool_zero_nonmax", "0", "1", "stride=1\n", OURS, FORK_LAYER},
    {"local_avgpool", "size", "2", "3", NULL, OURS, FORK_LAYER},
    {"local_avgpool", "stride", "2", "1", NULL, OURS, FORK_LAYER},
    {"local_avgpool", "padding", NULL, "0", "stride=1\n", OURS, FORK_LAYER},
    {"reorg3d", "stride", "2", "1", NULL, OURS, FORK_LAYER},
    /* [net] */
    {"net", "batch", "2", "4", NULL, SAME, NULL},
    {"net", "subdivisions", "1", "2", NULL, SAME, NULL},
    {"net", "height", "8", "10", NULL, SAME, NULL},
    {"net", "width", "8", "10", NULL, SAME, NULL},
    {"net", "channels", "3", "1", NULL, SAME, NULL},
    {"net", "inputs", NULL, "192", NULL, LISTED,
     "with width, height and channels it must be their product; test_cfg.c"},
    {"net", "time_steps", NULL, NULL, NULL, LISTED,
     "of recurrent networks, which the host alone runs"},
    {"net", "learning_rate", ".1", ".2", NULL, SAME, NULL},
    {"net", "momentum", ".9", ".5", NULL, SAME, NULL},
    {"net", "decay", ".01", ".3", NULL, SAME, NULL},
    {"net", "adam", "0", "1", NULL, OURS, ADAM_WHY},
    {"net", "B1", ".9", ".3", "adam=1\neps=.01\n", OURS, ADAM_WHY},
    {"net", "B2", ".99", ".3", "adam=1\neps=.01\n", OURS, ADAM_WHY},
    {"net", "eps", ".01", ".5", "adam=1\n", OURS, ADAM_WHY},
    {"net", "policy", "constant", "step", "step=1\nscale=.3\n", SAME, NULL},
    {"net", "burn_in", "0", "4", NULL, SAME, NULL},
    {"net", "power", "1", "2", "burn_in=4\n", SAME, NULL},
    {"net", "step", "1", "5", "policy=step\nscale=.3\n", SAME, NULL},
    {"net", "scale", ".9", ".3", "policy=step\nstep=1\n", SAME, NULL},
    {"net", "steps", "1,2", "7,9", "policy=steps\nscales=.2,.2\n", SAME, NULL},
    {"net", "scales", ".2,.2", ".9,.2", "policy=steps\nsteps=1,2\n", SAME, NULL},
    {"net", "gamma", ".9", ".5", "policy=exp\n", SAME, NULL},
    {"net", "max_batches", "10", "3", "policy=poly\npower=2\n", SAME, NULL},
    {"net", "max_crop", "12", "30", NULL, PICTURES, NULL},
    {"net", "min_crop", "8", "10", "max_crop=12\n", PICTURES, NULL},
    {"net", "max_ratio", "1.5", "4", "min_ratio=1\n", PICTURES, NULL},
    {"net", "min_ratio", "1", "1.4", "max_ratio=1.5\n", PICTURES, NULL},
    {"net", "angle", "0", "20", NULL, PICTURES, NULL},
    {"net", "aspect", "1", ".6", NULL, PICTURES, NULL},
    {"net", "saturation", "1", "2", NULL, PICTURES, NULL},
    {"net", "exposure", "1", "2", NULL, PICTURES, NULL},
    {"net", "hue", "0", ".2", NULL, PICTURES, NULL},
    {"net", "crop_pad", NULL, "2", NULL, PICTURES, NULL},
    {"net", "flip", "1", "0", NULL, PICTURES, NULL},
    {"net", "label_smooth_eps", "0", ".1", NULL, PICTURES, NULL},
    {"net", "cutout", "0", "4", NULL, PICTURES, NULL},
    {"net", "mixup", "0", "1", NULL, PICTURES, NULL},
    {"net", "mixup_alpha", "1", ".2", "mixup=1\n", PICTURES, NULL},
    {"net", "cutmix", "0", "1", NULL, PICTURES, NULL},
    {"net", "cutmix_alpha", "1", ".2", "cutmix=1\n", PICTURES, NULL},
    {"net", "bn_epsilon", NULL, NULL, NULL, LISTED,
     "a matter of 1e-5 where variances are near 1: tests/host/test_epsilon.c"},
    {"net", "letter_box", NULL, NULL, NULL, LISTED,
     "how detectors' pictures are fitted: tests/train/detector.sh"},
    {"net", "learning_rate_min", NULL, NULL, NULL, LISTED,
     "of policy=sgdr (tests/host/test_rates.c)"},
    {"net", "sgdr_cycle", NULL, NULL, NULL, LISTED, "of policy=sgdr (tests/host/test_rates.c)"},
    {"net", "sgdr_mult", NULL, NULL, NULL, LISTED, "of policy=sgdr (tests/host/test_rates.c)"},
    {"net", "mosaic", NULL, NULL, NULL, LISTED, LOADER},
    {"net", "mosaic_bound", NULL, NULL, NULL, LISTED, LOADER},
    {"net", "blur", NULL, NULL, NULL, LISTED, LOADER},
    {"net", "gaussian_noise", NULL, NULL, NULL, LISTED, LOADER},
    {"net", "ema_alpha", "0", ".9", NULL, OURS, "not a key of the host (tests/host/test_ema.c)"},
    /* keys of every layer: where they have their effect */
    {"convolutional", "learning_rate", "1", ".3", NULL, SAME, NULL},
    {"convolutional", "stopbackward", "0", "1", NULL, SAME, NULL},
    {"convolutional", "truth", "0", "1", NULL, SAME, NULL},
    {"convolutional", "dont_update", "0", "3", NULL, OURS, FROZEN},
    {"convolutional", "burnin_update", "0", "2", NULL, OURS, FROZEN},
    {"convolutional", "onlyforward", "0", "1", NULL, IDLE, NOT_USED},
    {"convolutional", "dontload", "0", "1", NULL, SAVED, NULL},
    {"convolutional", "numload", "0", "3", NULL, SAVED, NULL},
    {"convolutional", "dontloadscales", "0", "1", "batch_normalize=1\n", SAVED, NULL},
    {"convolutional", "dontsave", "0", "1", NULL, SAVED, NULL},
    /* layers */
    {"convolutional", "filters", "8", "6", NULL, SAME, NULL},
    {NULL, "filters", "4", "6", NULL, SAME, NULL},
    {"maxpool", "size", "2", "3", NULL, SAME, NULL},
    {"normalization", "size", "3", "5", NULL, SAME, NULL},
    {NULL, "size", "3", "5", NULL, SAME, NULL},
    {"convolutional", "stride", "1", "2", NULL, SAME, NULL},
    {"reorg", "stride", "2", "4", NULL, SAME, NULL},
    {"upsample", "stride", "2", "3", NULL, SAME, NULL},
    {"maxpool", "stride", "2", "1", NULL, SAME, NULL},
    {NULL, "stride", "1", "2", NULL, SAME, NULL},
    {"local", "pad", "0", "1", NULL, SAME, NULL},
    {NULL, "pad", "1", "0", NULL, SAME, NULL},
    {"maxpool", "padding", "0", "2", NULL, SAME, NULL},
    {NULL, "padding", "0", "1", "pad=0\n", SAME, NULL},
    {"convolutional", "groups", "1", "2", NULL, SAME, NULL},
    {"softmax", "groups", "1", "2", NULL, SAME, NULL},
    {NULL, "activation", "leaky", "tanh", NULL, SAME, NULL},
    {"deconvolutional", "batch_normalize", "0", "1", NULL, FORWARD, BN_WHY},
    {NULL, "batch_normalize", "0", "1", NULL, FORWARD, BN_WHY},
    {"convolutional", "xnor", "0", "1", NULL, SAME, NULL},
    {"softmax", "spatial", "0", "1", NULL, IDLE, GPU_ONLY},
    {"convolutional", "flipped", "0", "1", NULL, SAVED, NULL},
    {NULL, "output", "6", "9", NULL, SAME, NULL},
    {"shortcut", "from", "-2", "-3", NULL, SAME, NULL},
    {"shortcut", "weights_type", "per_feature", "per_channel", "weights_normalization=relu\n", OURS,
     FORK_SUM},
    {"shortcut", "weights_normalization", "relu", "softmax", "weights_type=per_feature\n", OURS,
     FORK_SUM},
    {"shortcut", "weights_normalizion", "relu", "softmax", "weights_type=per_feature\n", OURS,
     FORK_SUM},
    {"shortcut", "alpha", "1", ".4", NULL, SAME, NULL},
    {"shortcut", "beta", "1", "-.7", NULL, SAME, NULL},
    {"route", "layers", "-1", "-1,-2", NULL, SAME, NULL},
    {"route", "groups", NULL, "2", NULL, LISTED, FORK_LAYER},
    {"route", "group_id", NULL, "1", NULL, LISTED, FORK_LAYER},
    {"upsample", "scale", "1", ".3", NULL, SAME, NULL},
    {"reorg", "extra", "0", "7", NULL, SAME, NULL},
    {"crop", "crop_height", "6", "8", NULL, SAME, NULL},
    {"crop", "crop_width", "6", "8", NULL, SAME, NULL},
    {"crop", "shift", "0", ".2", NULL, IDLE, GPU_ONLY},
    {"crop", "angle", "0", "30", NULL, IDLE, GPU_ONLY},
    {"crop", "saturation", "1", "2", NULL, IDLE, GPU_ONLY},
    {"crop", "exposure", "1", "2", NULL, IDLE, GPU_ONLY},
    {"dropout", "probability", ".3", ".6", NULL, OURS, RAND_WHY},
    {"dropout", "dropblock", "0", "1", NULL, OURS,
     "not a key of the host (tests/host/test_dropblock.c)"},
    {"dropout", "dropblock_size_rel", ".2", ".6", "dropblock=1\n", OURS,
     "not a key of the host (tests/host/test_dropblock.c)"},
    {"dropout", "dropblock_size_abs", "2", "5", "dropblock=1\n", OURS,
     "not a key of the host (tests/host/test_dropblock.c)"},
    {"softmax", "temperature", "1", "3", NULL, SAME, NULL},
    {"cost", "type", "sse", "L1", NULL, SAME, NULL},
    {"cost", "scale", "1", ".3", NULL, SAME, NULL},
    {"normalization", "alpha", ".1", ".3", NULL, SAME, NULL},
    {"normalization", "beta", ".75", ".3", NULL, SAME, NULL},
    {"normalization", "kappa", "1", "2", NULL, SAME, NULL},
    /* heads */
    {"yolo", "classes", "1", "2", NULL, LISTED,
     "goes with filters= of the layer before (test_cfg.c, test_heads.c)"},
    {"yolo", "num", "3", "4", NULL, LISTED, "goes with anchors= (test_cfg.c, test_heads.c)"},
    {"yolo", "mask", "0,1", "1,2", NULL, SAME, NULL},
    {"yolo", "anchors", "2,2,3,4,6,5", "2,3,4,4,6,5", NULL, SAME, NULL},
    {"yolo", "max", NULL, NULL, NULL, LISTED,
     "the size of net->truth (tests/host/test_yolo_own.c)"},
    {"yolo", "scale_x_y", "1", "1.5", NULL, OURS, FORK_HEAD},
    {"yolo", "new_coords", "0", "1", NULL, OURS, FORK_HEAD},
    {"yolo", "iou_thresh", "1", ".1", "iou_loss=ciou\n", OURS, FORK_HEAD},
    {"yolo", "iou_normalizer", ".75", ".1", "iou_loss=ciou\n", OURS, FORK_HEAD},
    {"yolo", "obj_normalizer", "1", ".3", "iou_loss=ciou\n", OURS, FORK_HEAD},
    {"yolo", "cls_normalizer", "1", ".3", "counters_per_class=5\n", OURS, FORK_HEAD},
    {"yolo", "iou_loss", "mse", "giou", NULL, OURS, FORK_HEAD},
    {"yolo", "iou_thresh_kind", NULL, NULL, NULL, LISTED,
     "needs a box between two (tests/host/test_yolo_own.c)"},
    {"yolo", "label_smooth_eps", "0", ".2", "iou_loss=ciou\n", OURS, FORK_HEAD},
    {"yolo", "max_delta", "10", ".01", "iou_loss=ciou\n", OURS, FORK_HEAD},
    {"yolo", "focal_loss", "0", "1", NULL, OURS, FORK_HEAD},
    {"yolo", "objectness_smooth", "0", "1", NULL, OURS, FORK_HEAD},
    {"yolo", "counters_per_class", NULL, NULL, NULL, LISTED,
     "needs two classes (tests/host/test_yolo_own.c)"},
    {"yolo", "show_details", NULL, NULL, NULL, LISTED,
     "says which figure is the loss that is shown (tests/host/test_yolo_own.c)"},
    {"yolo", "nms_kind", NULL, NULL, NULL, LISTED,
     "of the boxes afterwards (tests/host/test_heads.c)"},
    {"yolo", "beta_nms", NULL, NULL, NULL, LISTED,
     "of the boxes afterwards (tests/host/test_heads.c)"},
    {NULL, "max", NULL, NULL, NULL, LISTED, "has one legal value (test_cfg.c)"},
    {NULL, "jitter", NULL, NULL, NULL, LISTED, LOADER},
    {"yolo", "ignore_thresh", ".3", ".9", NULL, SAME, NULL},
    {"yolo", "truth_thresh", "1", ".2", NULL, SAME, NULL},
    {NULL, "resize", NULL, NULL, NULL, LISTED, LOADER},
    {NULL, "random", NULL, NULL, NULL, LISTED, LOADER},
    {NULL, "map", NULL, NULL, NULL, LISTED, A_FILE},
    {NULL, "tree", NULL, NULL, NULL, LISTED, A_FILE},
    {"region", "classes", NULL, NULL, NULL, LISTED,
     "goes with filters= of the layer before (test_cfg.c, test_heads.c)"},
    {"region", "coords", NULL, NULL, NULL, LISTED,
     "goes with filters= of the layer before (test_cfg.c, test_heads.c)"},
    {"region", "num", NULL, NULL, NULL, LISTED,
     "goes with filters= of the layer before (test_cfg.c, test_heads.c)"},
    {"region", "anchors", "1,1,3,2", "1,2,2,2", NULL, SAME, NULL},
    {"region", "log", "0", "1", NULL, IDLE, NOT_USED},
    {"region", "sqrt", "0", "1", NULL, IDLE, NOT_USED},
    {"region", "absolute", "0", "1", NULL, IDLE, NOT_USED},
    {"region", "thresh", ".2", ".9", NULL, SAME, NULL},
    {"region", "classfix", "0", "-1", NULL, IDLE, NOT_USED},
    {"region", "coord_scale", "1", ".3", NULL, SAME, NULL},
    {"region", "object_scale", "1", ".3", NULL, SAME, NULL},
    {"region", "noobject_scale", "1", ".3", NULL, SAME, NULL},
    {"region", "mask_scale", "1", ".3", NULL, IDLE, NOT_USED},
    {"region", "class_scale", "1", ".3", NULL, SAME, NULL},
    {"detection", "classes", NULL, NULL, NULL, LISTED,
     "goes with output= of the layer before (test_cfg.c)"},
    {"detection", "coords", NULL, NULL, NULL, LISTED,
     "goes with output= of the layer before (test_cfg.c)"},
    {"detection", "num", NULL, NULL, NULL, LISTED,
     "goes with output= of the layer before (test_cfg.c)"},
    {"detection", "side", NULL, NULL, NULL, LISTED,
     "goes with output= of the layer before (test_cfg.c)"},
    {"detection", "reorg", "0", "1", NULL, IDLE, NOT_USED},
    {"detection", "coord_scale", "1", ".3", NULL, SAME, NULL},
    {"detection", "object_scale", "1", ".3", NULL, SAME, NULL},
    {"detection", "noobject_scale", "1", ".3", NULL, SAME, NULL},
    {"detection", "class_scale", "1", ".3", NULL, SAME, NULL},
    {"iseg", "classes", NULL, NULL, NULL, LISTED,
     "goes with filters= of the layer before (test_cfg.c)"},
    {"iseg", "ids", NULL, NULL, NULL, LISTED,
     "goes with filters= of the layer before (test_cfg.c)"},
    /* recurrent: the host's own, also under LD_PRELOAD */
    {"crnn", "output_filters", "4", "6", NULL, HOST, NULL},
    {"crnn", "hidden_filters", "4", "6", NULL, HOST, NULL},
    /* ours */
    {"perturb", "noise", "1", "0", NULL, OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"perturb", "sd", ".3", ".9", "noise=gaussian\nscale=0\n", OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"perturb", "scale", "1", "0", NULL, OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"meta_shared", "phi", NULL, NULL, NULL, LISTED, "names a file (tests/tools/phi.sh)"},
    {"meta_shared", "train", "1", "0", NULL, OURS,
     "not a section of the host (tests/host/test_net.c)"},
    {"meta_shared", "c_norm", "8", "80", NULL, OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"meta_shared", "h_norm", "8", "80", NULL, OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"meta_shared", "clip", "100", ".01", NULL, OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"meta_shared", "clip_test", "1", "0", "clip=.01\n", OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"meta_shared", "momentum", ".1", ".9", NULL, OURS,
     "not a section of the host (tests/ops/test_perturb.c)"},
    {"meta_shared", "anneal", "0", "1", NULL, OURS,
     "not a section of the host (tests/host/test_net.c)"},
    {"meta_shared", "adapt", "0", ".5", NULL, OURS,
     "not a section of the host (tests/host/test_cool.c)"},
    {"meta_shared", "cool", "0.5,1", "0,0.5", NULL, OURS,
     "not a section of the host (tests/host/test_net.c)"},
    {"meta_shared", "sigma", ".01", ".5", NULL, OURS,
     "not a section of the host (tests/tools/phi.sh)"},
};
#endif
