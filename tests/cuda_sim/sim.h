/* sim.h - a stand-in for a CUDA device, for machines without one: what the CUDA back end calls of
 * the CUDA runtime, of cuDNN and of cuBLAS, in plain loops after their documentation. Tests link it
 * in place of those libraries (make SIM=1), and so run the very code that drives a GPU, with the
 * kernels' own loops. It is strict where a device is, or where it forgives what another day it
 * would not:
 *
 *   - memory of the device lies at addresses that the CPU cannot read or write; kernels and copies
 * reach it by a second mapping;
 *   - memory begins, and ends, as NaN; a pointer into no live block, or a size beyond its block,
 * ends the program;
 *   - what is queued on a stream runs when somebody waits for it, and not before: a result read too
 * early is not there yet, page-locked memory written again too early has lost what it held. */
#ifndef CUDA_SIM_H
#define CUDA_SIM_H
#include <cuda_runtime_api.h>
#include <stddef.h>

_Noreturn void sim_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Where the CPU reaches `bytes` bytes of the device at p; NULL stays NULL. Ends the program if they
 * lie in no live block. */
void *sim_reach(const void *p, size_t bytes);

/* Queue run(args): `bytes` bytes of args are copied, 16-byte aligned. */
void sim_queue(cudaStream_t s, void (*run)(void *args), const void *args, size_t bytes);
#endif
