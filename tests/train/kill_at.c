/* kill_at.c - kill_at N FOLDER COMMAND...: runs the command and kills it with SIGKILL as it is
 * about to make its N-th call that changes something in FOLDER: a file opened to be made or cut,
 * written to, cut, synced, renamed or removed. N = 0 kills nothing and prints on descriptor 3 how
 * many such calls there were. Exit status: 137 if it was killed, else the command's; 125 if it
 * cannot be watched here.
 *
 * The kernel stops each such call and asks (seccomp's user notification), whichever thread makes it
 * and whichever library. */
#define _GNU_SOURCE // NOLINT(bugprone-reserved-identifier): how glibc is asked for more
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Which argument says where: a path or a descriptor. Opening counts only with one of `flags` in
 * argument 2. */
typedef struct {
    long nr;
    int path, descriptor;
    unsigned flags;
} watched;
static const watched calls[] = {
    {SYS_openat, 1, -1, O_CREAT | O_TRUNC},
    {SYS_write, -1, 0, 0},
    {SYS_pwrite64, -1, 0, 0},
    {SYS_writev, -1, 0, 0},
    {SYS_ftruncate, -1, 0, 0},
    {SYS_fsync, -1, 0, 0},
    {SYS_fdatasync, -1, 0, 0},
    {SYS_unlinkat, 1, -1, 0},
    {SYS_renameat, 1, -1, 0},
    {SYS_renameat2, 1, -1, 0},
    {SYS_linkat, 1, -1, 0},
#ifdef SYS_rename
    {SYS_open, 0, -1, 0},
    {SYS_rename, 0, -1, 0},
    {SYS_unlink, 0, -1, 0},
    {SYS_link, 0, -1, 0},
    {SYS_truncate, 0, -1, 0},
#endif
};
enum { CALLS = sizeof calls / sizeof *calls };

static void quit(const char *what) {
    fprintf(stderr, "kill_at: %s: %s\n", what, strerror(errno));
    exit(125);
}

/* In the child: a filter that asks about the calls above; the descriptor where it asks. */
static int ask_about_calls(void) {
    struct sock_filter code[CALLS + 3];
    int n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].nr,
                                                 (unsigned char)(CALLS - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {(unsigned short)n, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

/* A descriptor (or none, -1) goes from the child to its parent. */
static void pass(int socket, int fd) {
    char byte = fd >= 0, room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec io = {&byte, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = room;
        m.msg_controllen = sizeof room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    if (sendmsg(socket, &m, 0) != 1) _exit(125);
}

static int passed(int socket) {
    char byte = 0, room[CMSG_SPACE(sizeof(int))];
    struct iovec io = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    int fd = -1;
    if (recvmsg(socket, &m, 0) == 1 && byte && CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

/* Where a call points to: what a descriptor is open on, or the text at an address of the other
 * process. */
static int place_of(const struct seccomp_notif *ask, char *place, size_t room) {
    const watched *w = calls;
    while (w->nr != ask->data.nr) w++;
    if (w->flags && !(ask->data.args[2] & w->flags)) return 0;
    if (w->descriptor >= 0) {
        char link[64];
        snprintf(link, sizeof link, "/proc/%u/fd/%d", ask->pid, (int)ask->data.args[w->descriptor]);
        ssize_t n = readlink(link, place, room - 1);
        place[n > 0 ? n : 0] = 0;
        return n > 0;
    }
    memset(place, 0, room);
    struct iovec to = {place, room - 1},
                 from = {(void *)(uintptr_t)ask->data.args[w->path], room - 1};
    /* A page at a time: the text may end just before one that is not there. */
    from.iov_len = 4096 - (size_t)((uintptr_t)from.iov_base & 4095);
    to.iov_len = from.iov_len;
    return process_vm_readv((pid_t)ask->pid, &to, 1, &from, 1, 0) > 0;
}

/* Answers until the command has ended or was killed. Returns the number of calls that counted. */
static long watch(int fd, pid_t child, long nth, const char *folder) {
    long count = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char place[8192];
    while (poll(&p, 1, -1) > 0 && p.revents & POLLIN) {
        struct seccomp_notif ask = {0};
        struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &ask)) continue;
        count += place_of(&ask, place, sizeof place) && !strncmp(place, folder, strlen(folder));
        if (nth && count == nth) {
            kill(child, SIGKILL);
            return count;
        }
        answer.id = ask.id;
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    return count;
}

int main(int argc, char **argv) {
    int pair[2], status;
    if (argc < 4 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        quit("kill_at N FOLDER COMMAND...");
    pid_t child = fork();
    if (child < 0) quit("fork");
    if (!child) {
        pass(pair[1], ask_about_calls());
        execvp(argv[3], argv + 3);
        _exit(127);
    }
    close(pair[1]);
    int fd = passed(pair[0]);
    if (fd < 0) {
        kill(child, SIGKILL);
        errno = EPERM;
        quit("this system does not let a program be watched (seccomp)");
    }
    long count = watch(fd, child, atol(argv[1]), argv[2]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (!atol(argv[1])) dprintf(3, "%ld\n", count);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
