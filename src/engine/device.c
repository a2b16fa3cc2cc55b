/* device.c - which table runs the networks of this process. */
#include "engine/backend.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNSAID = -2, CPU = -1 };
static int asked = UNSAID;

void engine_use_gpu(int device) { asked = device < 0 ? CPU : device; }

/* What engine_use_gpu said, else METAPERTURB_GPU. */
static int wanted(void) {
    const char *text = getenv("METAPERTURB_GPU");
    char *end;
    if (asked != UNSAID) return asked;
    if (!text || !*text) return CPU;
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < CPU || n > 1023)
        engine_die("METAPERTURB_GPU=%s: must be the number of a CUDA device, or -1 for the CPU",
                   text);
    return (int)n;
}

#ifdef MP_GPU
#include <cuda_runtime_api.h>
#include <dirent.h>

int engine_has_gpu(void) { return 1; }

/* How many devices a process sees, found out without CUDA, which then would not look at the
 * variable any more. */
static int visible(const char *list) {
    int n = 0;
    if (list) {
        for (n = *list != 0; *list; list++) n += *list == ',';
        return n;
    }
    DIR *d = opendir("/proc/driver/nvidia/gpus");
    if (!d) return 0;
    for (struct dirent *f; (f = readdir(d));) n += f->d_name[0] != '.';
    closedir(d);
    return n;
}

/* The n-th of CUDA_VISIBLE_DEVICES becomes the only one, so that it is the current device of every
 * thread. */
static void show_only(int n) {
    char name[64];
    const char *list = getenv("CUDA_VISIBLE_DEVICES");
    if (!list) {
        snprintf(name, sizeof name, "%d", n);
    } else {
        for (int k = 0; k < n && list; k++) {
            list = strchr(list, ',');
            if (list) list++;
        }
        if (!list || !*list) engine_die("-i %d: CUDA_VISIBLE_DEVICES names fewer devices", n);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(list, ","), list);
    }
    setenv("CUDA_VISIBLE_DEVICES", name, 1);
}

static const backend *chosen = &engine_cpu;

static void choose(void) {
    const char *rank = getenv("OMPI_COMM_WORLD_LOCAL_RANK");
    int device = wanted();
    if (device == ENGINE_ANY_GPU) { /* ranks of one machine share out its devices */
        int n = visible(getenv("CUDA_VISIBLE_DEVICES"));
        device = rank && n > 0 ? atoi(rank) % n : 0;
    }
    if (device < 0) return;
    if (engine_uses_bf16())
        engine_die(
            "METAPERTURB_BF16 is the processor's; on a device METAPERTURB_TF32 does the like");
    show_only(device);
    int count = 0;
    cudaError_t e = cudaGetDeviceCount(&count);
    if (e != cudaSuccess || count < 1)
        engine_die("no CUDA device %d (%s): look at nvidia-smi; -nogpu goes without", device,
                   e != cudaSuccess ? cudaGetErrorString(e) : "none is there");
    chosen = &engine_cuda;
}

const backend *engine_backend(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose);
    return chosen;
}
#else
int engine_has_gpu(void) { return 0; }

const backend *engine_backend(void) {
    if (wanted() >= 0)
        engine_die("this build runs on the CPU alone: `make GPU=1` builds one for CUDA");
    return &engine_cpu;
}
#endif

int engine_on_gpu(void) { return engine_backend() != &engine_cpu; }
