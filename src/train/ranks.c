/* ranks.c - see ranks.h */
#include "train/ranks.h"
#include <errno.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG_DATA = 1, TAG_FAILED, PIECE = 1 << 30, NAP_MICROSECONDS = 200, PATIENCE_SECONDS = 5, OWNS_LEN = 200 };

typedef struct { int pid; long host; char owns[OWNS_LEN]; } peer;
static struct {
    int started, me, count;
    peer *peers;                        /* rank 0: all of them */
    struct sigaction term;              /* the handler of SIGTERM before ours */
} R = {.count = 1};
static _Thread_local char at_work[512] = "at its start";

int ranks_me(void) { return R.me; }
int ranks_count(void) { return R.count; }

static void check(int rc, const char *what) {
    char text[MPI_MAX_ERROR_STRING];
    int n;
    if (rc == MPI_SUCCESS) return;
    MPI_Error_string(rc, text, &n);
    fprintf(stderr, "metaperturb: rank %d: %s: %s\n", R.me, what, text);
    MPI_Abort(MPI_COMM_WORLD, 1);
}
#define MPI_CHECK(call) check((call), #call)

/* Waiting ranks sleep in between: where ranks share processors, those that compute need them. */
static void nap(void) { usleep(NAP_MICROSECONDS); }

/* ---- ends ------------------------------------------------------------------------------------------------------ */

_Noreturn static void end_all(const char *message) {
    fflush(stdout);
    fprintf(stderr, "metaperturb: %s\n", message);
    fflush(stderr);
    R.started = 0;
    MPI_Abort(MPI_COMM_WORLD, 1);
    _exit(1);
}

void ranks_look(void) {
    int there;
    MPI_Status st;
    char message[ERR_LEN];
    if (!R.started || R.me) return;
    MPI_CHECK(MPI_Iprobe(MPI_ANY_SOURCE, TAG_FAILED, MPI_COMM_WORLD, &there, &st));
    if (!there) return;
    MPI_CHECK(MPI_Recv(message, ERR_LEN, MPI_CHAR, st.MPI_SOURCE, TAG_FAILED, MPI_COMM_WORLD, &st));
    message[ERR_LEN - 1] = 0;
    end_all(message);
}

_Noreturn void ranks_fail(const char *message) {
    char text[ERR_LEN] = "";
    if (!R.started) {
        fflush(stdout);
        fprintf(stderr, "metaperturb: %s\n", message);
        exit(1);
    }
    snprintf(text, sizeof text, "rank %d, %s", R.me, message);
    if (R.me) {
        /* Rank 0 tells it and ends us all; if it is too busy to listen, we do. */
        MPI_Request sent;
        MPI_Isend(text, ERR_LEN, MPI_CHAR, 0, TAG_FAILED, MPI_COMM_WORLD, &sent);
        for (int k = 0; k < PATIENCE_SECONDS * (1000000 / NAP_MICROSECONDS); k++) {
            int done;
            MPI_Test(&sent, &done, MPI_STATUS_IGNORE);
            nap();
        }
    }
    end_all(text);
}

/* exit() from the depths (oneDNN, the host, no memory), whose own sentence stands on stderr already. */
static void at_exit(void) {
    char text[ERR_LEN];
    if (!R.started) return;
    snprintf(text, sizeof text, "rank %d, %s: this process ended (see above)", R.me, at_work);
    end_all(text);
}

static void put(const char *s) {
    if (write(2, s, strlen(s)) < 0) { /* nobody is left to tell */ }
}

static void put_rank(int r) {
    char digits[16];
    int n = 15;
    digits[n] = 0;
    do digits[--n] = (char)('0' + r % 10); while (r /= 10);
    put("metaperturb: rank ");
    put(digits + n);
}

static void on_crash(int sig) {
    put_rank(R.me);
    put(", ");
    put(at_work);
    put(": this process crashed; please report it\n");
    signal(sig, SIG_DFL);
    raise(sig);
}

/* mpirun ends all ranks by SIGTERM when one was killed: rank 0 tells which, where it can see that. */
static void on_term(int sig) {
    for (int r = 1; r < R.count && R.peers; r++) {
        const peer *p = &R.peers[r];
        if (p->host != R.peers[0].host || !kill(p->pid, 0) || errno != ESRCH) continue;
        put_rank(r);
        put(", ");
        put(p->owns);
        put(": this process was killed; -resume goes on from the last checkpoint\n");
        _exit(1);
    }
    if (R.term.sa_handler != SIG_DFL && R.term.sa_handler != SIG_IGN) R.term.sa_handler(sig);
    else _exit(1);
}

/* ---- begin ----------------------------------------------------------------------------------------------------- */

static int launched(void) {
    static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) if (getenv(signs[i])) return 1;
    return 0;
}

static void meet_peers(void) {
    peer mine = {.pid = (int)getpid(), .host = gethostid()};
    R.peers = R.me ? NULL : calloc((size_t)R.count, sizeof *R.peers);
    if (!R.me && !R.peers) end_all("not enough memory for the list of ranks");
    MPI_CHECK(MPI_Gather(&mine, (int)sizeof mine, MPI_BYTE, R.peers, (int)sizeof mine, MPI_BYTE, 0, MPI_COMM_WORLD));
}

void ranks_start(void) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    int level;
    if (R.started || !launched()) return;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level)) {
        fprintf(stderr, "metaperturb: MPI cannot be started: start one process without mpirun\n");
        exit(1);
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_CHECK(MPI_Comm_rank(MPI_COMM_WORLD, &R.me));
    MPI_CHECK(MPI_Comm_size(MPI_COMM_WORLD, &R.count));
    R.started = 1;
    meet_peers();
    atexit(at_exit);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], on_crash);
    struct sigaction term = {.sa_handler = on_term, .sa_flags = SA_RESTART};
    if (!R.me) sigaction(SIGTERM, &term, &R.term);
}

void ranks_end(void) {
    if (!R.started) return;
    if (!R.me) sigaction(SIGTERM, &R.term, NULL);
    MPI_CHECK(MPI_Finalize());
    R.started = 0;
    free(R.peers);
    R.peers = NULL;
}

void ranks_at(const char *text) { snprintf(at_work, sizeof at_work, "%s", text); }
void ranks_owns(int r, const char *text) {
    if (R.peers) snprintf(R.peers[r].owns, OWNS_LEN, "%s", text);
}

int ranks_threads(int asked) {
    enum { WORDS = sizeof(cpu_set_t) / sizeof(long) };
    cpu_set_t mine, all;
    int own, sum, fair;
    MPI_Comm machine;
    CPU_ZERO(&mine);
    if (!R.started || sched_getaffinity(0, sizeof mine, &mine)) return asked;
    own = CPU_COUNT(&mine);
    MPI_CHECK(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, R.me, MPI_INFO_NULL, &machine));
    MPI_CHECK(MPI_Allreduce(&mine, &all, WORDS, MPI_LONG, MPI_BOR, machine));
    MPI_CHECK(MPI_Allreduce(&own, &sum, 1, MPI_INT, MPI_SUM, machine));
    MPI_CHECK(MPI_Comm_free(&machine));
    fair = own * CPU_COUNT(&all) / sum;
    if (fair < 1) fair = 1;
    return asked < fair ? asked : fair;
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

static void wait_for(MPI_Request *q) {
    for (int done = 0;; nap()) {
        MPI_CHECK(MPI_Test(q, &done, MPI_STATUS_IGNORE));
        if (done) return;
        ranks_look();
    }
}

typedef int (*mover)(void *p, int n, int peer, MPI_Request *q);
static int send_piece(void *p, int n, int to, MPI_Request *q) {
    return MPI_Isend(p, n, MPI_BYTE, to, TAG_DATA, MPI_COMM_WORLD, q);
}
static int receive_piece(void *p, int n, int from, MPI_Request *q) {
    return MPI_Irecv(p, n, MPI_BYTE, from, TAG_DATA, MPI_COMM_WORLD, q);
}
static int share_piece(void *p, int n, int root, MPI_Request *q) {
    return MPI_Ibcast(p, n, MPI_BYTE, root, MPI_COMM_WORLD, q);
}

/* MPI counts in ints: long messages go in pieces. */
static void move(void *p, size_t n, int peer, mover m, const char *what) {
    MPI_Request q;
    for (size_t at = 0; R.started && at < n; at += PIECE) {
        int k = n - at < PIECE ? (int)(n - at) : PIECE;
        check(m((char *)p + at, k, peer, &q), what);
        wait_for(&q);
    }
}

void ranks_share(void *p, size_t n) { move(p, n, 0, share_piece, "broadcast"); }
void ranks_send(int to, const void *p, size_t n) { move((void *)(size_t)p, n, to, send_piece, "send"); }
void ranks_receive(int from, void *p, size_t n) { move(p, n, from, receive_piece, "receive"); }
