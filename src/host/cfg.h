/* cfg.h - a Darknet cfg file, checked before the host sees it.
 *
 * Every section and key is known here with its type and range; a wrong one gives one sentence with
 * file and line. [meta_shared] is taken out (layer indices stay as Darknet counts them), [perturb]
 * becomes
 * `[upsample] stride=1`, keys of ours are removed: what is left is a cfg that an unmodified Darknet
 * parses. */
#ifndef MP_CFG_H
#define MP_CFG_H
#include "base/error.h"
#include "base/path.h"
#include <stddef.h>
#include <stdio.h>

typedef struct {
    char *key, *val;
    int line;
} cfg_option;
/* type "perturb"; aliases: full name. refused: lines of it with a problem (cfg_problems only).
 * last: its last line with an option, also one given twice, which is not among the options. */
typedef struct {
    char *type;
    int line, last, n;
    cfg_option *options;
    int refused;
} cfg_section;
typedef struct {
    char *path;
    int n;
    cfg_section *sections;
} cfg_file; /* sections[0] is [net] */

/* [meta_shared], defaults of the paper filled in; 0 in c_norm, h_norm means "derive from the
 * network". */
typedef struct {
    int present, line, train, clip_test; /* train 0, clip_test 1 */
    char phi[PATH_LEN]; /* "" : random at initial scale; relative paths are relative to the cfg file
                         */
    float c_norm, h_norm, clip, momentum, anneal, sigma; /* 0, 0, 100, 0.1, 0.4, 0.01 */
    float adapt;   /* share of training pictures known above which the noise grows; 0: off */
    float cool[2]; /* shares of max_batches between which the noise fades out; 0, 0: never */
} cfg_meta_shared;

/* [perturb] of layer `layer` (Darknet's index). noise: a perturb_kind (ops/perturb.h); sd: of
 * noise=gaussian. */
typedef struct {
    int layer, noise, scale;
    char activation[32];
    float sd;
} cfg_perturb;

/* [dropout] of layer `layer`: does it say dropblock=1? Then the side of a block, or (rel > 0) its
 * share of the map's. */
typedef struct {
    int abs;
    float rel;
} cfg_dropblock;
int cfg_get_dropblock(const cfg_file *c, int layer, cfg_dropblock *out);

/* Strides, dilation and blur of a [convolutional], [maxpool] or [local_avgpool]: antialiasing= 1 or
 * 2 blurs after the layer, and the strides are those of the blur. */
typedef struct {
    int stride_x, stride_y, dilation, antialiasing;
} cfg_geometry;
cfg_geometry cfg_get_geometry(const cfg_file *c, int section);
/* The layer whose weights a [convolutional] shares by share_index=, in the end; -1: its own. */
int cfg_get_owner(const cfg_file *c, int section);
/* 1: another layer shares its weights. */
int cfg_is_shared(const cfg_file *c, int layer);

/* A layer is stepped only after so many iterations: dont_update=, or burnin_update= times
 * burn_in=. */
double cfg_get_frozen(const cfg_file *c, int section);

/* bn_epsilon=: whose batch norm a weights file means, and which is written: as the file's header
 * says, and Darknet's; else one of them. */
typedef enum { CFG_EPSILON_HEADER, CFG_EPSILON_DARKNET, CFG_EPSILON_ALEXEYAB } cfg_epsilon;

/* Keys of ours in [net]. */
typedef struct {
    cfg_epsilon epsilon;
    int crop_pad, flip; /* -1: not given; default 1 */
    int letter_box; /* how pictures are fitted to the network (docs/detectors.md); -1: not given */
    int cutout;     /* 0: none */
    float label_smooth;
    float mixup, cutmix; /* the alphas; 0: off */
    double ema_alpha;    /* 0: no average */
} cfg_net_extra;

/* Read and check. NULL and a sentence in err: missing file, unknown section or key (nearest known
 * one named), value no number or out of range, from/layers outside the network, missing required
 * key, [perturb] rules. Warnings (keys that only the AlexeyAB fork knows, a key given twice,
 * comments after a value) go to stderr once each. */
cfg_file *cfg_read(const char *path, char *err);
/* Every problem of the file, a sentence a line to `out`, instead of the first alone, and the
 * warnings of cfg_read on stderr; without those that may only follow from one told before. Returns
 * how many, or -1 and err: the file cannot be read. */
int cfg_problems(const char *path, FILE *out, char *err);
/* The same syntax, but sections and keys that are the caller's business (META files): at least one
 * section, no key twice. */
cfg_file *cfg_read_plain(const char *path, char *err);
/* As cfg_read, and the file's own text (malloc'd, *text; NULL where it failed): a pipe gives it
 * once. */
cfg_file *cfg_read_keep(const char *path, char **text, char *err);
/* As cfg_read, without warnings, of a text in memory; `name` stands for the file in messages, and
 * for its folder. */
cfg_file *cfg_read_text(const char *name, const char *text, char *err);
void cfg_free(cfg_file *c);

cfg_meta_shared cfg_get_meta_shared(const cfg_file *c);
int cfg_get_perturbs(const cfg_file *c, cfg_perturb *out, int max); /* returns their number */
cfg_net_extra cfg_get_net_extra(const cfg_file *c);
/* What trains badly without being wrong, a line each on stderr. cfg_problems says it too. */
void cfg_warn_training(const cfg_file *c);

/* Value of a key of section i, or NULL. */
const char *cfg_get(const cfg_file *c, int section, const char *key);
double cfg_get_num(const cfg_file *c, int section, const char *key, double def);

/* ---- changes: none is checked, until cfg_check is asked ---- */

/* Sets (or adds) a key, as if it stood in the file: 0, or -1 (no memory, no such section) and
 * nothing changed. */
int cfg_set(cfg_file *c, int section, const char *key, const char *val);
/* Takes it out, if it is there. */
void cfg_unset(cfg_file *c, int section, const char *key);
/* A key more at the section's end, whatever it has: 0, or -1: no memory. */
int cfg_append(cfg_section *s, const char *key, const char *val, int line);
/* Takes the blanks of a value out, as the host does; those inside stay (inner) in names of files.
 */
void cfg_squeeze(char *s, int inner);
/* The section goes; from= and layers= stay as they are. */
void cfg_drop(cfg_file *c, int section);
/* The section becomes one of another type (its full name) without keys: 0, or -1: no memory. */
int cfg_renew(cfg_file *c, int section, const char *type);
/* Everything that cfg_read checks: values, required keys, [net], references, shapes. 0, or -1 and
 * err. */
int cfg_check(const cfg_file *c, char *err);

/* Give the classifier `classes` outputs: changes output= of the last [connected], or filters= of
 * the last [convolutional], before the [softmax]. -1 and err if the network does not end that way.
 */
int cfg_set_classes(cfg_file *c, int classes, char *err);

/* Has a section of this name (in full) such a key, with an effect here? Keys that only another
 * Darknet heeds: 0. */
int cfg_knows(const char *section, const char *key);

/* 0, or -1 and err: a key asks for something in training that is not done here. Every command that
 * trains asks first. */
int cfg_check_training(const cfg_file *c, char *err);

/* 0, or -1 and err: it has what the host alone does not know, or is given a stand-in for; in
 * inference, or in training too. */
int cfg_check_host(const cfg_file *c, int training, char *err);

/* The cfg for the unmodified host, as text (malloc'd; NULL: no memory). */
char *cfg_for_host(const cfg_file *c);
/* All of it as text, one form whatever blanks and comments the file had (malloc'd; NULL: no
 * memory). */
char *cfg_text(const cfg_file *c);

/* Layers as the host counts them: [net] and [meta_shared] are none. */
int cfg_layer_count(const cfg_file *c);
/* Output of a layer. Where the host keeps no picture size (softmax, cost, rnn, ...): 1 x 1 x its
 * outputs. -1: no such layer, or the network does not fit together (after cfg_set). */
int cfg_layer_shape(const cfg_file *c, int layer, int *w, int *h, int *ch);
/* All of them, out[0 .. cfg_layer_count - 1]; floats: that the host stores for it, -1: in a way of
 * its own (dontsave, dontload, numload, dontloadscales). 0, or -1 and err. */
typedef struct {
    const char *type;
    int w, h, c;
    long long floats;
} cfg_layer;
int cfg_get_layers(const cfg_file *c, cfg_layer *out, char *err);
/* Floats after the header of a complete stock .weights file. -1: unknown, as some layer has
 * dontsave, dontload, numload or dontloadscales. */
long long cfg_weight_floats(const cfg_file *c);
#endif
