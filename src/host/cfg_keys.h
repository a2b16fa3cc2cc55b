/* cfg_keys.h - the tables behind cfg.h: every section and key, with kind, range and owner. Inside
 * the room only.
 *
 * One row per key serves the checks, the translation for the host, the lists in messages and the
 * tests. */
#ifndef MP_CFG_KEYS_H
#define MP_CFG_KEYS_H
#include "host/cfg.h"
#include "host/kinds.h"

typedef enum { CFG_INT, CFG_FLOAT, CFG_INTS, CFG_FLOATS, CFG_ENUM, CFG_STR } cfg_key_kind;

/* Whose key: of the host; of ours, or of training by us, so that no other program need read it; of
 * another Darknet and done by us, where a network means the same only with it (all but the host's
 * are taken out for the host); or of another Darknet and taken out with a warning. Of these, one
 * that changes nothing that comes out (words[0] says why), one that changes training alone (an
 * error in training, unless it has the value that changes nothing), and one that changes what the
 * network computes (an error, with the same exception). */
typedef enum {
    CFG_HOST,
    CFG_OURS,
    CFG_DONE,
    CFG_FORK,
    CFG_FORK_TRAIN,
    CFG_FORK_MODEL
} cfg_key_owner;
enum {
    CFG_ABOVE = 1,
    CFG_BELOW = 2, /* lo, hi are themselves out of range */
    CFG_GPU = 4,
    CFG_COMMAND = 8
}; /* CFG_FORK_TRAIN: of the host's GPU code, of its own commands */

typedef struct {
    const char *name;
    unsigned char kind, owner, open;
    double lo, hi; /* FORK_TRAIN, FORK_MODEL: lo is the harmless value, NAN if there is none */
    const char *const *words; /* CFG_ENUM: ends with NULL */
} cfg_key;

#define CFG_SECTION_ID(ID, ...) CFG_S_##ID,
typedef enum { HOST_KINDS(CFG_SECTION_ID) CFG_S_COUNT } cfg_section_id;
#undef CFG_SECTION_ID

typedef struct {
    const char *name, *alias; /* alias NULL: none */
    cfg_section_id id;
    const cfg_key *keys;    /* ends with name NULL */
    int flags;              /* of kinds.h */
    const char *activation; /* without activation=; NULL: it has none */
} cfg_kind;

extern const char *const cfg_noises[]; /* the words of noise=, by perturb_kind; ends with NULL */

extern const cfg_kind cfg_kinds[CFG_S_COUNT];
extern const cfg_key cfg_layer_keys[];           /* of every layer of the host */
extern const char *const cfg_host_activations[]; /* that the host knows; ends with NULL */
extern const char *const cfg_channel_words[], *const cfg_fork_sections[]; /* end with NULL */
const cfg_kind *cfg_kind_find(const char *name); /* name or alias; NULL: none */
/* The kind of a section of a checked cfg; its activation, with the default; NULL: it has none. */
const cfg_kind *cfg_kind_at(const cfg_file *c, int section);
const char *cfg_activation(const cfg_file *c, int section);
/* The key by which a section names other layers that it reads, from= or layers=; NULL: none. */
const char *cfg_reads(const cfg_file *c, int section);
/* The first key by which a [convolutional], [maxpool] or [route] is more than the host's; NULL. */
const char *cfg_beyond_host(const cfg_file *c, int section);
/* The host is given an [upsample] instead, which becomes a layer of the same shape. */
int cfg_stands_in(const cfg_file *c, int section);
/* The host is given an [upsample], for whatever reason. */
int cfg_host_upsample(const cfg_file *c, int section);
/* The section of a layer, as the host counts layers; 0: there is none. */
int cfg_section_of(const cfg_file *c, int layer);
const cfg_key *cfg_key_at(const cfg_kind *k,
                          int i); /* its own, then those of every layer; NULL: no more */
const cfg_key *cfg_key_find(const cfg_kind *k, const char *name);
int cfg_key_is_idle(const cfg_key *k); /* nothing comes of it here, or it is refused */
void cfg_warn_idle(const cfg_file *c, const cfg_kind *k, const cfg_key *key, const cfg_option *o);
int cfg_word_is_host(const char *activation);       /* the host knows it */
int cfg_word_over_channels(const char *activation); /* not of each number by itself */

/* "FILE:LINE: text" into err; always -1. Long paths lose their front, never the text. */
int cfg_fail(char *err, const cfg_file *c, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The sentences for an unknown section, key or word, with the nearest known ones. -1. */
int cfg_fail_section(char *err, const cfg_file *c, int line, const char *name);
int cfg_fail_key(char *err, const cfg_file *c, int line, const cfg_kind *k, const char *name);

/* One value against its row. 0, or -1 and err. */
int cfg_check_value(const cfg_file *c, const cfg_kind *k, const cfg_key *key, const cfg_option *o,
                    char *err);
/* What cfg_check finds, all of it, told to `out`: their number. */
int cfg_check_all(const cfg_file *c, FILE *out);
/* Where a comment begins in a line, or in what stands after its =: at a # after a blank; else
 * len. */
size_t cfg_comment(const char *s, size_t len);
/* Numbers of a checked list; returns how many there are and stores up to max. */
int cfg_list(const char *val, double *out, int max);
/* ---- shared by cfg_check.c, cfg_shape.c and cfg_check_net.c ---- */

/* Where a key stands, for messages; the section's own line if it is not given. */
int cfg_key_line(const cfg_file *c, int sec, const char *key);
int cfg_list_length(const char *list);

/* What the first layer gets. minibatch: pictures (times time steps) that the host allocates for.
 * picture: w, h and c are given. */
typedef struct {
    long long w, h, c, inputs;
    int picture;
    double minibatch;
} cfg_input;
/* Checks [net]. 0, or -1 and err. */
int cfg_check_net(const cfg_file *c, cfg_input *in, char *err);
#endif
