/* slots.c - from layer.extra back to the network: the host passes layers by value and its update gets no network. */
#include "host/net_internal.h"
#include <pthread.h>

enum { BLOCK = 1024, BLOCKS = 4096 };
typedef struct { host_net *h; int layer; } slot;

/* Blocks never move, so a reader needs no lock while another network is attached. */
static slot *blocks[BLOCKS];
static int used = 1;        /* 0 is what the host leaves in every layer: not ours */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static slot *slot_at(int i) { return &blocks[i / BLOCK][i % BLOCK]; }

int host_slots_new(host_net *h, int n) {
    int first = -1;
    pthread_mutex_lock(&lock);
    if (used + n < BLOCK * BLOCKS) {
        first = used;
        for (int i = 0; i < n; i++) {
            int at = first + i;
            if (!blocks[at / BLOCK]) blocks[at / BLOCK] = calloc(BLOCK, sizeof(slot));
            if (!blocks[at / BLOCK]) { first = -1; break; }
            *slot_at(at) = (slot){h, i};
        }
        if (first > 0) used = first + n;
    }
    pthread_mutex_unlock(&lock);
    return first;
}

void host_slots_drop(host_net *h) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < h->n; i++) slot_at(h->slot0 + i)->h = NULL;
    /* The common order, last made first freed, gives the numbers back. */
    if (h->slot0 + h->n == used) used = h->slot0;
    pthread_mutex_unlock(&lock);
}

host_net *host_slot(int extra, int *layer) {
    if (extra <= 0 || extra >= BLOCK * BLOCKS || !blocks[extra / BLOCK]) return NULL;
    slot *s = slot_at(extra);
    if (layer) *layer = s->layer;
    return s->h;
}
