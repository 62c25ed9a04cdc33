/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "atomic-file.h"
#include "joblet-package.h"
#include "text.h"
#include "tree-manifest.h"

#define WORKERS_MAX 8U
#define TICK_MSEC 100
#define MESSAGE_MAX 4096U

typedef struct Worker {
        pid_t pid;
        int fd; /* what it says when it fails: "ERRNO MESSAGE" */
} Worker;

unsigned share_count(void) {
        cpu_set_t set;
        int n = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);

        return n < 1 ? 1 : n > (int) WORKERS_MAX ? WORKERS_MAX : (unsigned) n;
}

void* share_memory(size_t size) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        return p == MAP_FAILED ? NULL : p;
}

static void __attribute__((__noreturn__)) work(ShareFunction function, void *userdata, unsigned worker, int fd, pid_t parent) {
        char *message = NULL;
        int r;

        /* A death of the parent before this is seen at once. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                _exit(EXIT_FAILURE);
        r = function(userdata, worker, &message);
        if (r < 0)
                (void) dprintf(fd, "%d %s", -r, message ?: strerror(-r));
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start(Worker *w, ShareFunction function, void *userdata, unsigned i) {
        pid_t parent = getpid();
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        w->pid = fork();
        if (w->pid == 0)
                work(function, userdata, i, fds[1], parent);
        w->fd = fds[0];
        safe_close(fds[1]);
        return w->pid < 0 ? -errno : 0;
}

/* The pipe has come to its end or has a message. Returns 0 or what the message says. */
static int collect(Worker *w, char **reterr_message) {
        char text[MESSAGE_MAX];
        ssize_t n;
        char *end;
        long error;

        do
                n = read(w->fd, text, sizeof(text) - 1);
        while (n < 0 && errno == EINTR);
        w->fd = safe_close(w->fd);
        if (n <= 0)
                return 0;
        text[n] = 0;
        error = strtol(text, &end, 10);
        return message_set(reterr_message, error > 0 && error < 4096 ? -(int) error : -EIO, "%s", *end ? end + 1 : "");
}

static void report(const uint64_t *done, uint64_t total, int *progress_fd) {
        if (*progress_fd >= 0 && done && dprintf(*progress_fd, "%" PRIu64 " %" PRIu64 "\n", __atomic_load_n(done, __ATOMIC_RELAXED), total) < 0)
                *progress_fd = -EBADF; /* nobody looks any more */
}

static int wait_for_messages(Worker *workers, unsigned n, const uint64_t *done, uint64_t total, int progress_fd, char **reterr_message) {
        for (;;) {
                struct pollfd fds[WORKERS_MAX];
                unsigned open = 0;

                for (unsigned i = 0; i < n; i++) {
                        fds[i] = (struct pollfd) { .fd = workers[i].fd, .events = POLLIN };
                        open += workers[i].fd >= 0;
                }
                if (open == 0)
                        return 0;
                if (poll(fds, n, TICK_MSEC) < 0 && errno != EINTR)
                        return -errno;
                if (was_stopped())
                        return message_set(reterr_message, -EINTR, "interrupted");
                report(done, total, &progress_fd);
                for (unsigned i = 0; i < n; i++) {
                        int r = workers[i].fd >= 0 && fds[i].revents ? collect(workers + i, reterr_message) : 0;

                        if (r < 0)
                                return r;
                }
        }
}

/* With an error at hand nobody needs to finish. */
static int end(Worker *workers, unsigned n, int error, char **reterr_message) {
        for (unsigned i = 0; i < n; i++) {
                siginfo_t si = {};

                if (workers[i].pid <= 0)
                        continue;
                if (error < 0)
                        (void) kill(workers[i].pid, SIGKILL);
                while (waitid(P_PID, (id_t) workers[i].pid, &si, WEXITED) < 0 && errno == EINTR)
                        ;
                safe_close(workers[i].fd);
                if (error >= 0 && (si.si_code != CLD_EXITED || si.si_status != 0))
                        error = message_set(reterr_message, -EIO, "a helper process ended before its work was done (%s %d)",
                                            si.si_code == CLD_EXITED ? "exit code" : "signal", si.si_status);
        }
        return error;
}

int share_work(ShareFunction function, void *userdata, const uint64_t *done, uint64_t total, int progress_fd, char **reterr_message) {
        Worker workers[WORKERS_MAX] = {};
        unsigned n = share_count();
        int r = 0;

        for (unsigned i = 0; i < WORKERS_MAX; i++)
                workers[i].fd = -EBADF;
        for (unsigned i = 0; r >= 0 && i < n; i++)
                r = start(workers + i, function, userdata, i);
        if (r >= 0)
                r = wait_for_messages(workers, n, done, total, progress_fd, reterr_message);
        return end(workers, n, r, reterr_message);
}

int read_digests(int dir_fd, char **ret, size_t *ret_size) {
        return file_read_at(dir_fd, MANIFEST_DIGESTS_NAME, TREE_MANIFEST_SIZE_MAX, ret, ret_size);
}

typedef struct Hashing {
        FileTree *tree;
        int dir_fd;
        uint64_t *next; /* shared: the first item that nobody has taken */
        char (*digests)[SHA256_HEX_SIZE]; /* shared: one for each item */
} Hashing;

static int hash_share(void *userdata, unsigned worker, char **reterr_message) {
        const Hashing *h = userdata;

        for (;;) {
                uint64_t i = __atomic_fetch_add(h->next, 1, __ATOMIC_RELAXED);
                int r;

                if (i >= h->tree->n_items)
                        return 0;
                if (h->tree->items[i].type != FILE_REGULAR)
                        continue;
                r = file_item_hash(h->tree->items + i, h->dir_fd, h->digests[i], reterr_message);
                if (r < 0)
                        return r;
        }
}

int hash_in_parallel(FileTree *t, int dir_fd, char **reterr_message) {
        Hashing h = { .tree = t, .dir_fd = dir_fd };
        int r;

        if (t->n_items == 0)
                return 0;
        h.next = share_memory(sizeof(*h.next));
        h.digests = share_memory(t->n_items * sizeof(*h.digests));
        if (!h.next || !h.digests)
                return -ENOMEM;
        r = share_work(hash_share, &h, NULL, 0, -EBADF, reterr_message);
        for (size_t i = 0; r >= 0 && i < t->n_items; i++)
                if (t->items[i].type == FILE_REGULAR) {
                        t->items[i].digest = strdup(h.digests[i]);
                        if (!t->items[i].digest)
                                r = -ENOMEM;
                }
        (void) munmap(h.next, sizeof(*h.next));
        (void) munmap(h.digests, t->n_items * sizeof(*h.digests));
        return r;
}
