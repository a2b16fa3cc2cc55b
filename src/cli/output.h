/* output.h - what every command checks before it begins and after it has ended. */
#ifndef MP_OUTPUT_H
#define MP_OUTPUT_H
#include "cli/options.h"

/* From now on: a program whose standard output could not be written ends with status 1 and says so.
 */
void output_checked(void);
/* The files that the options name can be written. 0, or -1 and err. */
int output_possible(const options *o, unsigned command, char *err);
#endif
