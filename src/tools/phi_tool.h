/* phi_tool.h - the commands `phi show`, `phi import`, `phi plot`. */
#ifndef MP_PHI_TOOL_H
#define MP_PHI_TOOL_H
#include "train/session.h"

/* a->phi: the file; a->cfg, weights, data: a network to measure it on, or all NULL. 0, or -1 and
 * one sentence in err. */
int phi_show(const session_args *a, char *err);
/* From a file that PyTorch saved to a .phi file. */
int phi_convert(const char *from, const char *to, char *err);
/* OUT.png: kernels and responses; with a network OUT-maps.png too: feature maps before and after.
 * out NULL: PHI.png. */
int phi_plot(const session_args *a, const char *out, char *err);
#endif
