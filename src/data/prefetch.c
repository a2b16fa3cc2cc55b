/* prefetch.c - see prefetch.h */
#include "data/prefetch.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int ready, bad;
    char err[ERR_LEN];
} slot;

struct prefetch {
    prefetch_make make;
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ready, room;
    uint64_t claimed, next; /* the next thing to be made, to be given out */
    int holds, stop, slots, threads, handed;
    slot *slot;
    pthread_t *thread;
};

static int slot_of(const prefetch *p, uint64_t k) { return (int)(k % (uint64_t)p->slots); }

static void *work(void *arg) {
    prefetch *p = arg;
    pthread_mutex_lock(&p->lock);
    int me = p->handed++;
    for (;;) {
        /* What the caller still holds is next - 1: its slot is not free. */
        while (!p->stop && p->claimed - (p->next - (uint64_t)p->holds) >= (uint64_t)p->slots)
            pthread_cond_wait(&p->room, &p->lock);
        if (p->stop) break;
        uint64_t k = p->claimed++;
        slot *s = &p->slot[slot_of(p, k)];
        pthread_mutex_unlock(&p->lock);
        int bad = p->make(p->arg, me, slot_of(p, k), k, s->err);
        pthread_mutex_lock(&p->lock);
        s->bad = bad;
        s->ready = 1;
        if (k == p->next) pthread_cond_signal(&p->ready);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

prefetch *prefetch_new(prefetch_make make, void *arg, uint64_t first, int threads) {
    sigset_t all, old;
    prefetch *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->make = make;
    p->arg = arg;
    p->claimed = p->next = first;
    p->slots = prefetch_slots(threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->ready, NULL);
    pthread_cond_init(&p->room, NULL);
    p->slot = calloc((size_t)p->slots, sizeof *p->slot);
    p->thread = calloc((size_t)threads, sizeof *p->thread);
    /* Signals are for the main thread, which knows how to stop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (p->slot && p->thread && p->threads < threads &&
           !pthread_create(&p->thread[p->threads], NULL, work, p))
        p->threads++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (p->threads) return p;
    prefetch_free(p);
    return NULL;
}

int prefetch_next(prefetch *p, char *err) {
    pthread_mutex_lock(&p->lock);
    if (p->holds) p->slot[slot_of(p, p->next - 1)].ready = 0;
    p->holds = 0;
    pthread_cond_signal(&p->room);
    int at = slot_of(p, p->next);
    while (!p->slot[at].ready) pthread_cond_wait(&p->ready, &p->lock);
    p->holds = 1;
    p->next++;
    pthread_mutex_unlock(&p->lock);
    if (!p->slot[at].bad) return at;
    memcpy(err, p->slot[at].err, ERR_LEN);
    return -1;
}

void prefetch_free(prefetch *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stop = 1;
    pthread_cond_broadcast(&p->room);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->threads; i++) pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->ready);
    pthread_cond_destroy(&p->room);
    pthread_mutex_destroy(&p->lock);
    free(p->slot);
    free(p->thread);
    free(p);
}
