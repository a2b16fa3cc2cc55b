/* runtime.c - memory, streams, events and copies; see sim.h. */
#include "sim.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Noreturn void sim_die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("cuda_sim: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

/* ---- memory ---- */

#define ARENA ((size_t)64 << 30)
enum { ALIGN = 256, MAX_BLOCKS = 1 << 16, MAX_LOCKED = 1 << 12 };
typedef struct {
    size_t at, bytes;
    int live;
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *device, *mirror;
static block blocks[MAX_BLOCKS];
static int n_blocks;
static size_t top;
static struct {
    char *p;
    size_t bytes;
} locked[MAX_LOCKED];
static int n_locked;
static cudaError_t last;

static void open_arena(void) {
    int fd = memfd_create("cuda_sim", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)ARENA)) sim_die("no memory");
    mirror = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    device = mmap(NULL, ARENA, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    close(fd);
    if (mirror == MAP_FAILED || device == MAP_FAILED) sim_die("no memory");
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static block *block_of(const void *p) {
    size_t at = (size_t)((const char *)p - device);
    for (int i = 0; i < n_blocks; i++)
        if (blocks[i].live && at >= blocks[i].at && at < blocks[i].at + blocks[i].bytes)
            return &blocks[i];
    return NULL;
}

void *sim_reach(const void *p, size_t bytes) {
    if (!p) return NULL;
    pthread_mutex_lock(&lock);
    block *b = device && (const char *)p >= device && (const char *)p < device + ARENA ? block_of(p)
                                                                                       : NULL;
    if (!b) sim_die("%p is no memory of the device", p);
    size_t at = (size_t)((const char *)p - device);
    if (at + bytes > b->at + b->bytes)
        sim_die("%zu bytes at %p reach beyond a block of %zu", bytes, p, b->bytes);
    pthread_mutex_unlock(&lock);
    return mirror + at;
}

/* On a device these may wait for all of it, which breaks off any thread's recording. */
static atomic_int recordings;
static void no_recording(const char *what) {
    if (atomic_load(&recordings))
        sim_die("%s while a step is recorded, by this thread or another", what);
}

cudaError_t cudaMalloc(void **p, size_t bytes) {
    no_recording("cudaMalloc");
    const char *limit = getenv("CUDA_SIM_BYTES"); /* a small device, for the test of its end */
    pthread_once(&once, open_arena);
    pthread_mutex_lock(&lock);
    size_t room = (bytes + ALIGN - 1) / ALIGN * ALIGN, live = 0;
    block *b = NULL;
    for (int i = 0; i < n_blocks; i++) {
        if (blocks[i].live)
            live += blocks[i].bytes;
        else if (!b && (blocks[i].bytes + ALIGN - 1) / ALIGN * ALIGN == room)
            b = &blocks[i];
    }
    if ((limit && live + bytes > (size_t)strtoull(limit, NULL, 10)) || n_blocks == MAX_BLOCKS ||
        top + room > ARENA) {
        pthread_mutex_unlock(&lock);
        return last = cudaErrorMemoryAllocation;
    }
    if (!b) {
        b = &blocks[n_blocks++];
        b->at = top;
        top += room;
    }
    b->bytes = bytes;
    b->live = 1;
    memset(mirror + b->at, 0xff, bytes);
    *p = device + b->at;
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t bytes) {
    no_recording("cudaMallocHost");
    *p = malloc(bytes);
    pthread_mutex_lock(&lock);
    if (!*p || n_locked == MAX_LOCKED) sim_die("no page-locked memory");
    memset(*p, 0xff, bytes);
    locked[n_locked].p = *p;
    locked[n_locked++].bytes = bytes;
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

static int is_locked(const void *p) {
    int yes = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < n_locked; i++)
        yes |= (const char *)p >= locked[i].p && (const char *)p < locked[i].p + locked[i].bytes;
    pthread_mutex_unlock(&lock);
    return yes;
}

cudaError_t cudaGetDeviceCount(int *n) {
    *n = getenv("CUDA_SIM_NONE") ? 0 : 1;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void) {
    cudaError_t e = last;
    last = cudaSuccess;
    return e;
}

const char *cudaGetErrorString(cudaError_t e) {
    return e == cudaSuccess                 ? "no error"
           : e == cudaErrorMemoryAllocation ? "out of memory"
                                            : "an error";
}

/* ---- streams ---- */

typedef struct op {
    struct op *next;
    void (*run)(void *args);
    size_t bytes;
    _Alignas(16) char args[];
} op;
struct CUgraph_st {
    op *first, **end;
};
struct CUgraphExec_st {
    op *first;
};
struct CUstream_st {
    op *first, **end;
    long queued, done;
    struct CUstream_st *other;
    pthread_mutex_t lock;
    struct CUgraph_st *capture;
};
struct CUevent_st {
    struct CUstream_st *s;
    long at;
};
static struct CUstream_st *streams;

static struct CUstream_st *must_be(cudaStream_t s) {
    if (!s) sim_die("the default stream is used: it waits for all others");
    return s;
}

void sim_queue(cudaStream_t s, void (*run)(void *args), const void *args, size_t bytes) {
    op *o = malloc(sizeof *o + bytes);
    if (!o) sim_die("no memory");
    o->next = NULL;
    o->run = run;
    o->bytes = bytes;
    memcpy(o->args, args, bytes);
    must_be(s);
    pthread_mutex_lock(&s->lock);
    if (s->capture) {
        *s->capture->end = o;
        s->capture->end = &o->next;
        pthread_mutex_unlock(&s->lock);
        return;
    }
    *s->end = o;
    s->end = &o->next;
    s->queued++;
    pthread_mutex_unlock(&s->lock);
}

/* all: with everything else, which a stream that is being recorded by another thread does not
 * hinder: it has nothing to run. */
static void flush_if(struct CUstream_st *s, int all) {
    pthread_mutex_lock(&s->lock);
    if (s->capture && !all) sim_die("a stream that is being recorded is waited for");
    while (s->first) {
        op *o = s->first;
        o->run(o->args);
        s->first = o->next;
        if (!s->first) s->end = &s->first;
        s->done++;
        free(o);
    }
    pthread_mutex_unlock(&s->lock);
}

static void flush(struct CUstream_st *s) { flush_if(s, 0); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *p, unsigned flags) {
    struct CUstream_st *s = calloc(1, sizeof *s);
    if (!s || flags != cudaStreamNonBlocking) sim_die("cudaStreamCreateWithFlags");
    s->end = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_lock(&lock);
    s->other = streams;
    streams = s;
    pthread_mutex_unlock(&lock);
    *p = s;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s) {
    flush(must_be(s));
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t s) {
    flush(must_be(s));
    pthread_mutex_lock(&lock);
    for (struct CUstream_st **p = &streams; *p; p = &(*p)->other) {
        if (*p != s) continue;
        *p = s->other;
        break;
    }
    pthread_mutex_unlock(&lock);
    free(s);
    return cudaSuccess;
}

/* Waits for everything, as the device does. */
static void flush_all(void) {
    pthread_mutex_lock(&lock);
    struct CUstream_st *s = streams;
    pthread_mutex_unlock(&lock);
    for (; s; s = s->other) flush_if(s, 1);
}

cudaError_t cudaFree(void *p) {
    no_recording("cudaFree");
    if (!p) return cudaSuccess;
    flush_all();
    size_t bytes = 0;
    pthread_mutex_lock(&lock);
    block *b = block_of(p);
    if (!b || device + b->at != (char *)p) sim_die("cudaFree of %p, which is no block", p);
    bytes = b->bytes;
    memset(mirror + b->at, 0xff, bytes);
    b->live = 0;
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p) {
    no_recording("cudaFreeHost");
    flush_all();
    pthread_mutex_lock(&lock);
    for (int i = 0; i < n_locked; i++) {
        if (locked[i].p != (char *)p) continue;
        memset(p, 0xff, locked[i].bytes);
        locked[i] = locked[--n_locked];
        free(p);
        p = NULL;
        break;
    }
    if (p) sim_die("cudaFreeHost of %p, which is no block", p);
    pthread_mutex_unlock(&lock);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *p, unsigned flags) {
    *p = calloc(1, sizeof **p);
    return *p && flags == cudaEventDisableTiming ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
    e->s = must_be(s);
    pthread_mutex_lock(&s->lock);
    e->at = s->queued;
    pthread_mutex_unlock(&s->lock);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e) {
    if (!e->s) return cudaSuccess;
    pthread_mutex_lock(&e->s->lock);
    int over = e->s->done >= e->at;
    pthread_mutex_unlock(&e->s->lock);
    if (!over) flush(e->s);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t e) {
    free(e);
    return cudaSuccess;
}

/* ---- copies ---- */

typedef struct {
    void *to;
    const void *from;
    size_t bytes;
    int fill;
    enum cudaMemcpyKind kind;
} copy_args;

static void run_copy(void *p) {
    copy_args *a = p;
    void *to = a->kind == cudaMemcpyDeviceToHost ? a->to : sim_reach(a->to, a->bytes);
    const void *from = a->kind == cudaMemcpyHostToDevice ? a->from : sim_reach(a->from, a->bytes);
    memmove(to, from, a->bytes);
}

static void run_fill(void *p) {
    copy_args *a = p;
    memset(sim_reach(a->to, a->bytes), a->fill, a->bytes);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t s) {
    copy_args a = {.to = to, .from = from, .bytes = bytes, .kind = kind};
    /* From pageable memory a copy may be made at once or later: whoever counts on either is wrong.
     */
    if (kind == cudaMemcpyHostToDevice && !is_locked(from))
        sim_die("a copy from memory that is not page-locked");
    if (kind != cudaMemcpyDeviceToDevice && must_be(s)->capture)
        sim_die("a copy to or from the CPU is recorded");
    sim_queue(s, run_copy, &a, sizeof a);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int fill, size_t bytes, cudaStream_t s) {
    copy_args a = {.to = to, .bytes = bytes, .fill = fill};
    sim_queue(s, run_fill, &a, sizeof a);
    return cudaSuccess;
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode mode) {
    flush(must_be(s));
    pthread_mutex_lock(&s->lock);
    s->capture = calloc(1, sizeof *s->capture);
    if (!s->capture || mode != cudaStreamCaptureModeRelaxed) sim_die("cudaStreamBeginCapture");
    s->capture->end = &s->capture->first;
    atomic_fetch_add(&recordings, 1);
    pthread_mutex_unlock(&s->lock);
    if (getenv("CUDA_SIM_SLOW"))
        usleep(50000); /* so that other threads come to what they must not do meanwhile */
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g) {
    if (!must_be(s)->capture) sim_die("nothing is being recorded");
    pthread_mutex_lock(&s->lock);
    *g = s->capture;
    s->capture = NULL;
    atomic_fetch_sub(&recordings, 1);
    pthread_mutex_unlock(&s->lock);
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t g, unsigned long long flags) {
    if (flags || !(*exec = calloc(1, sizeof **exec))) sim_die("cudaGraphInstantiate");
    (*exec)->first = g->first;
    g->first = NULL;
    return cudaSuccess;
}

static void drop_ops(op *o) {
    while (o) {
        op *next = o->next;
        free(o);
        o = next;
    }
}

cudaError_t cudaGraphDestroy(cudaGraph_t g) {
    drop_ops(g->first);
    free(g);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    flush_all();
    drop_ops(exec->first);
    free(exec);
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s) {
    for (op *o = exec->first; o; o = o->next) sim_queue(s, o->run, o->args, o->bytes);
    return cudaSuccess;
}
