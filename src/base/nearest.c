/* nearest.c - see nearest.h */
#include "base/nearest.h"
#include <string.h>

/* Edit distance; two letters swapped count once, as in a slip of the fingers. */
static int distance(const char *a, const char *b) {
    enum { MAX = 48 };
    int la = (int)strlen(a), lb = (int)strlen(b), d[MAX + 1][MAX + 1];
    if (la > MAX || lb > MAX) return MAX;
    for (int i = 0; i <= la; i++) d[i][0] = i;
    for (int j = 0; j <= lb; j++) d[0][j] = j;
    for (int i = 1; i <= la; i++) {
        for (int j = 1; j <= lb; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[la][lb];
}

void nearest_consider(nearest *n, const char *name) {
    int d = distance(n->word, name), longer = (int)strlen(name);
    if (d < n->d && 3 * d <= (longer > 3 ? longer : 3)) {
        n->d = d;
        n->name = name;
    }
}
