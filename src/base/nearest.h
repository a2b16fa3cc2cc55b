/* nearest.h - the known word that a misspelt one is nearest to. */
#ifndef MP_NEAREST_H
#define MP_NEAREST_H

/* Begin with {word, NULL, 99}; name: the nearest considered so far that is at most a third of its
 * letters away, or NULL. */
typedef struct {
    const char *word, *name;
    int d;
} nearest;
void nearest_consider(nearest *n, const char *name);
#endif
