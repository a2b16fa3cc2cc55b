/* ranks.h - the processes of one run: those that mpirun started, or this one alone, which then is rank 0 of 1.
 *
 * ranks.c is the only file that knows MPI. MPI is started only when a launcher has started us, so that a run alone begins at once.
 * All functions but ranks_at are for the main thread. What one rank cannot go on with ends all of them: see ranks_fail. */
#ifndef MP_RANKS_H
#define MP_RANKS_H
#include "host/cfg.h"

void ranks_start(void);
void ranks_end(void);           /* every rank, at the end of a good run */
int ranks_me(void);
int ranks_count(void);

/* Processor threads for this rank: its share of the processors that it and its neighbours on this machine may use, `asked` at
 * most. Collective. */
int ranks_threads(int asked);

/* What this thread is at, for the message if the process dies in it: "task latin, latin.data". Any thread.
 * / What rank r owns, for rank 0 to tell of a neighbour that was killed. */
void ranks_at(const char *text);
void ranks_owns(int r, const char *text);

/* n bytes of rank 0 for all. Collective. */
void ranks_share(void *p, size_t n);
/* n bytes to a rank / from a rank. Every send meets one receive with the same n. */
void ranks_send(int to, const void *p, size_t n);
void ranks_receive(int from, void *p, size_t n);

/* Rank 0 tells the message on stderr (once, whichever rank it came from), then all ranks end with status 1. */
_Noreturn void ranks_fail(const char *message);
/* Rank 0, now and then in long work: ends here if another rank has failed. */
void ranks_look(void);
#endif
