/* cfg_attach.h - [perturb] put into a plain cfg, and taken out again.
 *
 * Attaching puts [meta_shared] after [net] and a [perturb] after each chosen layer, moves the
 * layer's activation into it (activation=linear stays behind), and renumbers from= and layers=:
 * what read the layer reads its [perturb] now. Nothing else changes, and detaching gives the same
 * bytes back: it is tried before anything is returned. */
#ifndef MP_CFG_ATTACH_H
#define MP_CFG_ATTACH_H
#include "host/cfg.h"

/* where: "residual": after each [shortcut]; "conv": after each [convolutional] with batch norm
 * (where none has it: with an activation other than linear); "all": both; "2,5,7": after these
 * layers, as Darknet counts them in the file as it is. NULL: residual if there is a [shortcut],
 * else conv. phi: value of phi= in [meta_shared], or NULL. The new cfg as text (malloc'd), the
 * number of [perturb] in *count; NULL and err: no layer chosen, one that cannot be perturbed (a
 * head, a loss), [perturb] there already, a recurrent network, or the file does not pass cfg_read.
 */
char *cfg_attach(const char *path, const char *where, const char *phi, int *count, char *err);

/* Also of a file written by hand. NULL and err: no [perturb] and no [meta_shared], or a [perturb]
 * whose activation has no layer to go back to. */
char *cfg_detach(const char *path, int *count, char *err);
#endif
