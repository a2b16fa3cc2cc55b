/* launch.c - what all files of the CUDA back end share: launching a loop, and ending where the
 * device fails. */
#include "engine/cuda/cuda.h"
#include <stdio.h>
#include <string.h>

_Noreturn void engine_cuda_die(const char *what, const char *why) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(what, "("), what);
    engine_die("the GPU failed (%s: %s); -nogpu goes without it", name, why);
}

int engine_cuda_live(engine *e) {
    cuda_own *o = cuda_of(e);
    o->sum = o->sum * 1099511628211u + 1;
    return o->phase != STEP_REPEATED;
}

void engine_cuda_each(engine *e, cuda_loop which, size_t n, const cuda_job *job) {
    if (!n || !engine_cuda_live(e)) return;
    const char *why = engine_cuda_launch(which, (uint32_t)n, job, cuda_of(e)->stream);
    if (why) engine_cuda_die("a kernel", why);
}

void engine_cuda_delta_act(engine *e, node *n, act_kind a, const float *x) {
    if (a == ACT_LINEAR) return;
    if (!x && act_needs_input(a))
        engine_die("node %d: a GPU cannot train activation=%s in this kind of layer; -nogpu can",
                   n->id, act_name(a));
    const float *from;
    float *to = engine_delta_change(e, n, &from);
    engine_cuda_each(e, RUN_act_back, shape_len(n->s),
                     &(cuda_job){.dx = to, .dy = from, .x = x, .y = n->y.p, .act = a});
}
