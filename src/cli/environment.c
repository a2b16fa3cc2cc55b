/* environment.c - see environment.h. */
#include "cli/environment.h"
#include <stddef.h>

static const environment environments[] = {
    {"GOMP_SPINCOUNT, OMP_WAIT_POLICY",
     "how long threads spin before they sleep, as libgomp reads it; where neither is set, "
     "GOMP_SPINCOUNT is 5000"},
    {"METAPERTURB_GPU",
     "the number of the CUDA device where neither -i nor -nogpu is given, -1 for "
     "the CPU (builds with GPU=1)"},
    {"METAPERTURB_TF32", "1: as -tf32"},
    {"METAPERTURB_BF16", "1: as -bf16"},
    {"METAPERTURB_GRAPHS", "0: CUDA's graphs are not used"},
    {"ONEDNN_MAX_CPU_ISA", "the newest instructions that oneDNN may use"},
};
enum { ENVIRONMENTS = sizeof environments / sizeof *environments };

const environment *environment_at(int i) { return i < ENVIRONMENTS ? &environments[i] : NULL; }
