/* cfg_walk.h - the walk from [net] to the last layer, and what each kind of layer does on it.
 * Inside the room only.
 *
 * A kind's function reads what the layer gets from x->in, checks the keys that belong together, and
 * stores the layer's output by cfg_output, cfg_flat or cfg_same and its weights by cfg_add_floats:
 * the host's own arithmetic. Each returns 0, or -1 and x->err. */
#ifndef MP_CFG_WALK_H
#define MP_CFG_WALK_H
#include "host/cfg_keys.h"
#include <stdio.h>

typedef struct {
    long long w, h, c, outputs;
    int picture, guess, section;
    long long floats;
} cfg_shape; /* guess: after a layer with a problem */

typedef struct cfg_walk {
    const cfg_file *c;
    char *err;
    cfg_shape *shapes;     /* of the layers so far */
    int layer, sec;        /* Darknet's index, index in c->sections */
    cfg_shape in, first;   /* of the layer; of the network */
    double minibatch;      /* pictures (times time steps) that the host allocates for */
    long long floats, own; /* of the weights so far, and of this layer; -1: unknown */
    int recurrent, perturbs, meta,
        dropblock;               /* the last three: the section where the first one stands */
    FILE *all;                   /* tell every problem there and go on */
    int found, outside, guesses; /* problems told; this one is a reference to no layer; layers with
                                    a guessed shape */
} cfg_walk;

static inline long long cfg_num(const cfg_walk *x, const char *key, double def) {
    return (long long)cfg_get_num(x->c, x->sec, key, def);
}
static inline const cfg_section *cfg_here(const cfg_walk *x) { return &x->c->sections[x->sec]; }

/* A sentence about a key of this layer, or (NULL) the layer itself. */
#define FAIL(key, fmt, ...)                                                           \
    cfg_fail(x->err, x->c, key ? cfg_key_line(x->c, x->sec, key) : cfg_here(x)->line, \
             "[%s] (layer %d) " fmt, cfg_here(x)->type, x->layer, __VA_ARGS__)

int cfg_output(cfg_walk *x, long long w, long long h, long long c);
int cfg_same(cfg_walk *x);
/* Outputs without a picture size, as the host leaves them. */
int cfg_flat(cfg_walk *x, long long outputs);
int cfg_add_floats(cfg_walk *x, double n);
/* Darknet's index of the layer that a number in from=, layers= or share_index= means; -1 and err if
 * there is none before this one. */
int cfg_referred(cfg_walk *x, const char *key, double value, int *layer);
/* Of a connected layer. */
double cfg_connected_floats(double in, double out, int bn);

#define CFG_SHAPE(ID, name, alias, flags, act, shape, ...) int cfg_shape_##shape(cfg_walk *x);
HOST_KINDS(CFG_SHAPE)
#undef CFG_SHAPE
#endif
