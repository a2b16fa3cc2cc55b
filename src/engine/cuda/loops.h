/* loops.h - what the CUDA back end computes by itself, as loops whose iterations know nothing of
 * each other.
 *
 * kernels.cu launches each over a grid; tests/cuda_sim runs the same text on the CPU. NHWC:
 * neighbouring iterations touch neighbouring channels. Nothing is added up atomically: sums go
 * through bands of rows, then chunks of bands, then one iteration a channel, always in the same
 * order. Each loop's comment says what one iteration is; the meaning of the numbers is that of the
 * CPU's loops (engine/cpu). */
#ifndef MP_CUDA_LOOPS_H
#define MP_CUDA_LOOPS_H
#include "engine/cuda/loops_maps.h"
#include "engine/cuda/loops_pool.h"
#include "engine/cuda/loops_noise.h"
#include "engine/cuda/loops_norm.h"
#include "engine/cuda/loops_optim.h"
#endif
