/* bench.h - how long things take: one line for people, a JSON file for scripts. Images and labels
 * are random, in memory; weights are random too; perturbations run at t = 1.
 *
 * JSON: seconds {median, min} of one step or pass, images_per_second, gflops (multiply-adds of
 * convolutions and connected layers counted twice, three times that in training), peak_mb (the
 * process' largest resident set), steps, batch, threads, and for networks `share`: the part of the
 * time that each kind of layer took ("other": clearing deltas, copies, what is between layers). */
#ifndef MP_BENCH_H
#define MP_BENCH_H
#include <stdint.h>

#define BENCH_STEPS 20

typedef struct {
    const char *cfg, *data,
        *json; /* data: bench_data; in bench_step real batches instead of one in memory, or NULL */
    int batch, steps; /* 0: the cfg's batch / subdivisions; BENCH_STEPS */
    int host;         /* the host's own functions, ours not attached */
    int threads;
    uint64_t seed;
} bench_args;

/* Training steps; of meta-training (theta's and phi's, one task); forward passes; batches from the
 * loader alone. 0, or -1 and one sentence in err. */
int bench_step(const bench_args *a, char *err);
int bench_meta(const bench_args *a, char *err);
int bench_predict(const bench_args *a, char *err);
int bench_data(const bench_args *a, char *err);
#endif
