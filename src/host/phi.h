/* phi.h - .phi files: the 82 weights of the perturbation as text, exact in a round trip.
 *
 *   # metaperturb phi 1
 *   # how it was trained, any number of comment lines
 *   e1_self 9 numbers / e1_all 9 / e2_self 9 / e2_all 9 / kernels 36 / scale 10      (one name a
 * line, %.9g each) crc32 xxxxxxxx       of the 82 floats, little-endian
 */
#ifndef MP_PHI_H
#define MP_PHI_H
#include "base/error.h"
#include "ops/perturb.h"

/* 0, or -1 and a sentence in err: missing, no such name, too few or too many numbers, not a number,
 * checksum. */
int phi_read(const char *path, float phi[PHI_LEN], char *err);
/* Written to a temporary file, synced, renamed. `note`: comment text, may hold newlines, may be
 * NULL. */
int phi_write(const char *path, const float phi[PHI_LEN], const char *note, char *err);
/* N(0, sigma^2), the paper's start, from stream RNG_PHI of the seed. */
void phi_init(float phi[PHI_LEN], float sigma, unsigned long long seed);
#endif
