/* output.h - what every command checks after it has ended. */
#ifndef MP_OUTPUT_H
#define MP_OUTPUT_H

/* From now on: a program whose standard output could not be written ends with status 1 and says so.
 */
void output_checked(void);
#endif
