/* client_threads.c - a program with threads that uses libdarknet.so: each saves a network of its
 * own, while another writes lines to standard error. Under LD_PRELOAD of the plug-in not one of
 * these may be lost.
 *
 *   client_threads CFG FOLDER LINES */
#include <darknet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { SAVERS = 4 };
typedef struct {
    network *net;
    char path[4096];
} saver;
static atomic_int done;

static void *save(void *arg) {
    saver *s = arg;
    while (!atomic_load(&done)) save_weights(s->net, s->path);
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t thread[SAVERS];
    saver s[SAVERS];
    if (argc != 4) return 2;
    for (int i = 0; i < SAVERS; i++) {
        s[i].net = parse_network_cfg(argv[1]);
        snprintf(s[i].path, sizeof s[i].path, "%s/%d.weights", argv[2], i);
    }
    for (int i = 0; i < SAVERS; i++)
        if (pthread_create(&thread[i], NULL, save, &s[i])) return 3;
    for (int k = 0; k < atoi(argv[3]); k++) {
        fprintf(stderr, "line of the program %d\n", k);
        usleep(100);
    }
    atomic_store(&done, 1);
    for (int i = 0; i < SAVERS; i++) pthread_join(thread[i], NULL);
    fprintf(stderr, "line of the program, the last\n");
    return 0;
}
