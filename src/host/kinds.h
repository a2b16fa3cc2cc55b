/* kinds.h - the kinds of sections, a row each: all that the host's border knows of a layer.
 *
 *   ID         CFG_S_ID is its number
 *   name       in a cfg; its keys are cfg_keys_NAME (cfg_kinds.c)
 *   alias      another name in a cfg, or NULL
 *   flags      below
 *   act        what it does without activation=, NULL: it has none
 *   shape      cfg_shape_SHAPE: what must fit, its output and its weights (cfg_walk.h)
 *   attach     its node in the engine (kinds.c); NULL: the host's own code runs it
 *   resize     for another picture size (resize.c); NULL: it belongs to one
 *   sizes      of its trainable arrays (kinds.c); NULL: it has none, or not for the engine
 *
 * The first six are read by programs that have no network, in cfg_kinds.c, the others in kinds.c. A
 * new layer is a row here, the functions it names, and a row in engine/engine.h. */
#ifndef MP_KINDS_H
#define MP_KINDS_H

enum {
    KIND_NO_LAYER = 1,
    KIND_LAYER = 2,   /* takes the keys that every layer of the host has */
    KIND_PICTURE = 4, /* its input must have width, height and channels */
    KIND_OURS = 8,    /* the engine runs it, but for cases of its own (attach) */
    KIND_RECURRENT = 16,
    KIND_HEAD = 32,      /* outputs and losses: they are not perturbed */
    KIND_STAND_IN = 128, /* the host is given an [upsample] of its shape (cfg_stands_in) */
    KIND_FORK_MAP = KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_STAND_IN,
    KIND_NAMED = 64 /* `bench` shows its share of the time; else it is among the other layers */
};

/* clang-format off */
#define HOST_KINDS(ROW)                                                                           \
    ROW(NET, net, "network", KIND_NO_LAYER,                                                       \
        NULL, same, NULL, NULL, NULL)                                                             \
    ROW(CONVOLUTIONAL, convolutional, "conv", KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_NAMED, \
        "logistic", convolutional, add_convolutional, resize_conv, sizes_conv)                    \
    ROW(DECONVOLUTIONAL, deconvolutional, "deconv", KIND_LAYER | KIND_PICTURE,                    \
        "logistic", deconvolutional, NULL, NULL, NULL)                                            \
    ROW(CONNECTED, connected, "conn", KIND_LAYER | KIND_OURS | KIND_NAMED,                        \
        "logistic", connected, add_connected, NULL, sizes_connected)                              \
    ROW(LOCAL, local, NULL, KIND_LAYER | KIND_PICTURE,                                            \
        "logistic", local, NULL, NULL, NULL)                                                      \
    ROW(MAXPOOL, maxpool, "max", KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_NAMED,              \
        NULL, maxpool, add_maxpool, resize_maxpool, NULL)                                         \
    ROW(AVGPOOL, avgpool, "avg", KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_NAMED,              \
        NULL, avgpool, add_avgpool, NULL, NULL)                                                   \
    ROW(SHORTCUT, shortcut, NULL, KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_NAMED,             \
        "linear", shortcut, add_shortcut, resize_shortcut, sizes_learned)                         \
    ROW(ROUTE, route, NULL, KIND_LAYER | KIND_OURS | KIND_NAMED,                                  \
        NULL, route, add_route, resize_route, NULL)                                               \
    ROW(UPSAMPLE, upsample, NULL, KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_NAMED,             \
        NULL, upsample, add_upsample, resize_upsample, NULL)                                      \
    ROW(REORG, reorg, NULL, KIND_LAYER | KIND_PICTURE,                                            \
        NULL, reorg, NULL, resize_reorg, NULL)                                                    \
    ROW(CROP, crop, NULL, KIND_LAYER | KIND_PICTURE,                                              \
        NULL, crop, NULL, NULL, NULL)                                                             \
    ROW(DROPOUT, dropout, NULL, KIND_LAYER | KIND_OURS | KIND_NAMED,                              \
        NULL, dropout, add_dropout, resize_dropout, NULL)                                         \
    ROW(SOFTMAX, softmax, "soft", KIND_LAYER | KIND_OURS | KIND_HEAD | KIND_NAMED,                \
        NULL, softmax, add_softmax, NULL, NULL)                                                   \
    ROW(COST, cost, NULL, KIND_LAYER | KIND_HEAD,                                                 \
        NULL, flat, NULL, NULL, NULL)                                                             \
    ROW(ACTIVATION, activation, NULL, KIND_LAYER | KIND_OURS,                                     \
        NULL, same, add_activation, NULL, NULL)                                                   \
    ROW(BATCHNORM, batchnorm, NULL, KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_NAMED,           \
        NULL, batchnorm, add_batchnorm, NULL, sizes_batchnorm)                                    \
    ROW(NORMALIZATION, normalization, "lrn", KIND_LAYER | KIND_PICTURE,                           \
        NULL, same, NULL, resize_normalization, NULL)                                             \
    ROW(LOGISTIC, logistic, NULL, KIND_LAYER | KIND_HEAD,                                         \
        NULL, same, NULL, NULL, NULL)                                                             \
    ROW(L2NORM, l2norm, NULL, KIND_LAYER | KIND_HEAD,                                             \
        NULL, same, NULL, NULL, NULL)                                                             \
    ROW(YOLO, yolo, NULL, KIND_LAYER | KIND_PICTURE | KIND_HEAD | KIND_NAMED,                     \
        NULL, yolo, add_yolo, resize_yolo, NULL)                                                  \
    ROW(REGION, region, NULL, KIND_LAYER | KIND_PICTURE | KIND_HEAD | KIND_NAMED,                 \
        NULL, region, NULL, resize_region, NULL)                                                  \
    ROW(DETECTION, detection, NULL, KIND_LAYER | KIND_HEAD,                                       \
        NULL, detection, NULL, NULL, NULL)                                                        \
    ROW(ISEG, iseg, NULL, KIND_LAYER | KIND_PICTURE | KIND_HEAD,                                  \
        NULL, iseg, NULL, NULL, NULL)                                                             \
    ROW(RNN, rnn, NULL, KIND_LAYER | KIND_RECURRENT,                                              \
        NULL, rnn, NULL, NULL, NULL)                                                              \
    ROW(GRU, gru, NULL, KIND_LAYER | KIND_RECURRENT,                                              \
        NULL, gru, NULL, NULL, NULL)                                                              \
    ROW(LSTM, lstm, NULL, KIND_LAYER | KIND_RECURRENT,                                            \
        NULL, lstm, NULL, NULL, NULL)                                                             \
    ROW(CRNN, crnn, NULL, KIND_LAYER | KIND_PICTURE | KIND_RECURRENT,                             \
        NULL, crnn, NULL, NULL, NULL)                                                             \
    ROW(SCALE_CHANNELS, scale_channels, NULL, KIND_FORK_MAP,                                      \
        "linear", scale_channels, add_scale_channels, resize_as_from, NULL)                       \
    ROW(SAM, sam, NULL, KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_STAND_IN,                    \
        "linear", sam, add_scale_channels, resize_as_from, NULL)                                  \
    ROW(LOCAL_AVGPOOL, local_avgpool, "local_avg", KIND_FORK_MAP,                                 \
        NULL, local_avgpool, add_local_avgpool, resize_own, NULL)                                 \
    ROW(REORG3D, reorg3d, NULL, KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_STAND_IN,            \
        NULL, reorg3d, add_reorg3d, resize_own, NULL)                                             \
    ROW(IMPLICIT, implicit, NULL, KIND_LAYER | KIND_OURS | KIND_STAND_IN,                         \
        NULL, implicit, add_implicit, resize_not, sizes_learned)                                  \
    ROW(IMPLICIT_ADD, implicit_add, NULL, KIND_LAYER | KIND_OURS | KIND_STAND_IN,                 \
        NULL, implicit, add_implicit, resize_not, sizes_learned)                                  \
    ROW(IMPLICIT_MUL, implicit_mul, NULL, KIND_LAYER | KIND_OURS | KIND_STAND_IN,                 \
        NULL, implicit, add_implicit, resize_not, sizes_learned)                                  \
    ROW(SHIFT_CHANNELS, shift_channels, NULL, KIND_FORK_MAP,                                      \
        NULL, channels, add_shift_channels, resize_as_before, NULL)                               \
    ROW(CONTROL_CHANNELS, control_channels, NULL,                                                 \
        KIND_LAYER | KIND_PICTURE | KIND_OURS | KIND_STAND_IN,                                    \
        NULL, channels, add_control_channels, resize_as_before, NULL)                             \
    ROW(PERTURB, perturb, NULL, KIND_PICTURE | KIND_OURS | KIND_NAMED,                            \
        NULL, perturb, add_perturb, resize_upsample, NULL)                                        \
    ROW(META_SHARED, meta_shared, NULL, KIND_NO_LAYER,                                            \
        NULL, same, NULL, NULL, NULL)
/* clang-format on */
#endif
