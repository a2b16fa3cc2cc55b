/* manual.h - the pages of the manual, from the tables of commands, options and files. */
#ifndef MP_MANUAL_H
#define MP_MANUAL_H

/* The page metaperturb(1), or metaperturb-GROUP(1), for man; -1 and err: no such group. */
int manual(const char *group, char *err);
#endif
