/* environment.h - what the environment says to the programs: for help and the manual. */
#ifndef MP_ENVIRONMENT_H
#define MP_ENVIRONMENT_H

typedef struct {
    const char *name, *what;
} environment;

/* NULL after the last. */
const environment *environment_at(int i);
#endif
