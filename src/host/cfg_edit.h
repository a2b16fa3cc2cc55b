/* cfg_edit.h - a cfg changed as text: what is not changed stays byte for byte (comments, blanks,
 * order, line ends).
 *
 * Sections are counted as in cfg_file. Changes are noted and made at the end, by cfg_edit_text,
 * which also renumbers every `layers=` and `from=` whose target has moved. Lack of memory is noted
 * too and told there. */
#ifndef MP_CFG_EDIT_H
#define MP_CFG_EDIT_H
#include "host/cfg.h"

typedef struct cfg_edit cfg_edit;

/* text NULL: the file at `path`, read and checked as cfg_read does; else that text, under the name
 * `path`. NULL and err. */
cfg_edit *cfg_edit_open(const char *path, const char *text, char *err);
void cfg_edit_free(cfg_edit *e);
/* As it was read, and its text. */
const cfg_file *cfg_edit_cfg(const cfg_edit *e);
const char *cfg_edit_original(const cfg_edit *e);

/* The section goes, with one empty line before it. What refers to its layer then means the layer
 * before it, or what is inserted after it. */
void cfg_edit_drop(cfg_edit *e, int section);
/* `text` (lines, each ending in \n), of `layers` layers, comes after the section's last option,
 * after an empty line. What refers to the section's layer then means the last of them (but
 * share_index= the layer itself). Once for each section. */
void cfg_edit_insert(cfg_edit *e, int section, const char *text, int layers);
/* Another value in place of the present one. */
void cfg_edit_set(cfg_edit *e, int section, const char *key, const char *val);
/* Removes the line of a key that is there. */
void cfg_edit_unset(cfg_edit *e, int section, const char *key);
/* Removes line number `line` if it holds nothing but `text`: 1. */
int cfg_edit_unset_line(cfg_edit *e, int line, const char *text);
/* All keys of CFG_OURS. Those of CFG_DONE stay: scale_x_y= and groups= change what
 * the network computes, wherever it runs. */
void cfg_edit_unset_ours(cfg_edit *e, int section);
/* `text` (as above, without the empty line) after the section's last option. */
void cfg_edit_append(cfg_edit *e, int section, const char *text);

/* Darknet's index of the section's layer before and after all changes; -1: [net], [meta_shared], or
 * dropped. */
int cfg_edit_layer(const cfg_edit *e, int section);
int cfg_edit_new_layer(const cfg_edit *e, int section);
int cfg_edit_first_new(const cfg_edit *e, int section); /* of the first layer inserted after it */

/* The result, malloc'd; NULL and err. */
char *cfg_edit_text(cfg_edit *e, char *err);
#endif
