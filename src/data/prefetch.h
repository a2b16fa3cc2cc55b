/* prefetch.h - things made ahead of their use by threads: number k in slot k mod slots. Inside the
 * room only.
 *
 * Thing k must be a pure function of k; then the sequence does not depend on the number of threads.
 */
#ifndef MP_PREFETCH_H
#define MP_PREFETCH_H
#include "base/error.h"
#include <stdint.h>

/* Make number k in `slot`, on thread `thread` (0 .. threads-1). 0, or -1 and err (ERR_LEN). */
typedef int (*prefetch_make)(void *arg, int thread, int slot, uint64_t k, char *err);

typedef struct prefetch prefetch;
/* Slots that `threads` threads need: one in use, one being made by each thread, and one more ready.
 */
static inline int prefetch_slots(int threads) { return threads + 2; }
/* Numbers first, first+1, ... NULL: no memory or no thread. */
prefetch *prefetch_new(prefetch_make make, void *arg, uint64_t first, int threads);
/* The slot of the next one, the caller's until the next call; -1 and err if it could not be made.
 * One caller at a time. */
int prefetch_next(prefetch *p, char *err);
void prefetch_free(prefetch *p); /* at any time; NULL is fine. No thread runs any more after it */
#endif
