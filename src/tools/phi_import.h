/* phi_import.h - phi from a file that PyTorch saved: the state_dict of the authors' module, in the
 * format of PyTorch up to 1.5 (pickles one after another, then the numbers) or that of later
 * versions (a zip archive). Nothing of the file is run. */
#ifndef MP_PHI_IMPORT_H
#define MP_PHI_IMPORT_H
#include "base/error.h"
#include "ops/perturb.h"

/* 0, or -1 and a sentence in err: neither format, damaged, other tensors than phi's, numbers that
 * are not finite, anything in it that is no plain tensor of float32. */
int phi_import(const char *path, float phi[PHI_LEN], char *err);
#endif
