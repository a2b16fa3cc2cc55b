/* complete.h - what may stand next on the command line: scripts/completion.bash asks. */
#ifndef MP_COMPLETE_H
#define MP_COMPLETE_H

/* What may stand in place of the last of argv, after those before it; the program's name is not
 * among them. A line for each word that begins with it; or `files ENDINGS` (bash's pattern),
 * `files` for any, `folders`. */
void complete(int argc, char **argv);
#endif
