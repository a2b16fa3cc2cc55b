/* commit.h - which state of the sources this program was built from. */
#ifndef MP_COMMIT_H
#define MP_COMMIT_H
/* git's short name of it, with -dirty after it where files were changed; "unknown" where make
 * found no git. */
const char *program_commit(void);
/* VERSION and DATE of the Makefile. */
const char *program_version(void);
const char *program_date(void);
#endif
