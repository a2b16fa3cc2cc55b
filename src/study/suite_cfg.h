/* suite_cfg.h - the cfg that a cell of a SUITE trains. */
#ifndef MP_SUITE_CFG_H
#define MP_SUITE_CFG_H
#include "study/suite_cells.h"

/* The network's cfg as the method wants it, with all edits, `classes` outputs and `steps` steps (0:
 * the cfg's own, told in *steps). *phi: the file that the cfg itself names, "" if none; not in the
 * text. The text (malloc'd), or NULL and err. */
char *suite_cfg(const suite_file *s, const suite_cell *c, int classes, int *steps,
                char phi[PATH_LEN], char *err);
/* batch x subdivisions' images of one step, for epochs=, and the channels of the pictures. */
int suite_cfg_batch(const suite_file *s, const suite_cell *c, int *batch, int *channels, char *err);
#endif
