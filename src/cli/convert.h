/* convert.h - the commands that change files and train nothing: `cfg ...` and `weights ...`. */
#ifndef MP_CONVERT_H
#define MP_CONVERT_H
#include "cli/options.h"

/* Each: 0, or -1 and one sentence in err. */
int convert_attach(const options *o, char *err);
int convert_detach(const options *o, char *err);
int convert_check(const options *o, char *err);
int convert_info(const options *o, char *err);
int convert_partial(const options *o, char *err);
#endif
