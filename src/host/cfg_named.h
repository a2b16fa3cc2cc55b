/* cfg_named.h - files that a cfg names and the host reads without looking: tree= and map=. */
#ifndef MP_CFG_NAMED_H
#define MP_CFG_NAMED_H
#include "host/cfg.h"

/* tree=: a line NAME PARENT for each class; parents are lines before (the first is 0), -1 has none;
 * children of one parent stand together. classes: how many lines there must be. 0, or -1 and what
 * is wrong with FILE:LINE. */
int cfg_tree_check(const char *path, long long classes, char *err);
/* map=: a class from 0 to classes - 1 in each line. */
int cfg_map_check(const char *path, long long classes, char *err);
#endif
