/* parallel.c - the same work for every item of a list, on several threads. */
#include "data/dataset_internal.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>

typedef struct {
    pthread_mutex_t lock;
    int n, next, bad; /* bad: lowest failed item, n: none */
    int (*fn)(void *, int, char *);
    void *arg;
    char *err;
} job;

static void *work(void *p) {
    enum {
        CHUNK = 8
    }; /* of neighbouring items, so that tiny ones do not spend their time at the lock */
    job *j = p;
    char err[ERR_LEN];
    for (;;) {
        pthread_mutex_lock(&j->lock);
        int i = j->next, end = i + CHUNK < j->n ? i + CHUNK : j->n, stop = i >= j->n || i > j->bad;
        if (!stop) j->next = end;
        pthread_mutex_unlock(&j->lock);
        if (stop) return NULL;
        for (; i < end; i++) {
            if (!j->fn(j->arg, i, err)) continue;
            pthread_mutex_lock(&j->lock);
            if (i < j->bad) {
                j->bad = i;
                memcpy(j->err, err, ERR_LEN);
            }
            pthread_mutex_unlock(&j->lock);
            break;
        }
    }
}

int data_parallel(int n, int threads, int (*fn)(void *, int, char *), void *arg, char *err) {
    enum { MAX = 64 };
    job j = {.n = n, .bad = n, .fn = fn, .arg = arg, .err = err};
    pthread_t t[MAX];
    int started = 0;
    sigset_t all, old;
    pthread_mutex_init(&j.lock, NULL);
    /* Signals are for the main thread, which knows how to stop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started < threads - 1 && started < MAX && started < n &&
           !pthread_create(&t[started], NULL, work, &j))
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    work(&j); /* this thread helps; without any other it does all */
    for (int i = 0; i < started; i++) pthread_join(t[i], NULL);
    pthread_mutex_destroy(&j.lock);
    return j.bad < n ? j.bad : -1;
}
