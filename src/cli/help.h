/* help.h - `metaperturb help ...`: what is known of a topic; the manual and completion for `make
 * install`. */
#ifndef MP_HELP_H
#define MP_HELP_H

/* argv[0..argc-1] after the word help. 0, or -1 and a sentence in err. */
int help(int argc, char **argv, char *err);
/* All commands of a group with their options; 0: there is no such group. */
int help_group(const char *group);
#endif
