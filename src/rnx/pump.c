/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pump.h"

#define PAGE_SIZE 4096U
#define BUFFER_SIZE (128U * 1024U)
#define SPLICE_SIZE (1024U * 1024U)
#define PIPE_SIZE (1024U * 1024U)
#define ENLARGE_AFTER (512U * 1024U) /* small output is not worth pinning memory, of which a user has a limited share */
#define ROUNDS_MAX 16U               /* then look at the other streams */

/* One that is slow, or stands still (Ctrl-S), would hold up splice() for as long as it takes what is in the
 * pipe, and write() for a page: and with it the signals of its user. */
static void pump_init_terminal(Pump *p) {
        char path[64];

        p->no_splice = p->enlarged = true;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", p->to);
        p->own_to = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (p->own_to < 0)
                return; /* another user's */
        p->to = p->own_to;
        p->to_may_block = false;
}

static void pump_init(Pump *p, int from, int to) {
        struct stat st;

        *p = (Pump) { .from = from, .to = to, .own_to = -EBADF };
        if (fstat(to, &st) >= 0) {
                p->to_is_socket = S_ISSOCK(st.st_mode);
                p->to_may_block = S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode);
        }
        if (fstat(from, &st) >= 0)
                p->from_may_block = !S_ISFIFO(st.st_mode) && !S_ISREG(st.st_mode);
        p->no_splice = p->to_is_socket;
        if (isatty(to))
                pump_init_terminal(p);
}

void pump_init_output(Pump *p, int pipe_fd, int to) {
        pump_init(p, pipe_fd, to);
        p->from_is_ours = true;
        p->from_may_block = false;
}

void pump_init_input(Pump *p, int from, int pipe_fd) {
        pump_init(p, from, pipe_fd);
        p->to_may_block = false;
}

void pump_close(Pump *p) {
        if (p->from >= 0)
                (void) safe_close(p->from_is_ours ? p->from : p->to);
        p->own_to = safe_close(p->own_to);
        free(p->buffer);
        *p = (Pump) { .from = -EBADF, .to = -EBADF, .own_to = -EBADF, .moved = p->moved, .read_failed = p->read_failed };
}

size_t pump_poll(const Pump *p, struct pollfd ret[static 2]) {
        if (!pump_is_open(p))
                return 0;
        if (p->ready || p->end > p->start) {
                ret[0] = (struct pollfd) { .fd = p->to, .events = POLLOUT };
                return 1;
        }
        ret[0] = (struct pollfd) { .fd = p->from, .events = POLLIN };
        if (p->from_is_ours)
                return 1;
        /* Whether the job still has its standard input open, even while there is nothing to send. */
        ret[1] = (struct pollfd) { .fd = p->to, .events = 0 };
        return 2;
}

static void enlarge(Pump *p) {
        if (p->enlarged || p->moved < ENLARGE_AFTER)
                return;
        p->enlarged = true;
        (void) fcntl(p->from_is_ours ? p->from : p->to, F_SETPIPE_SZ, PIPE_SIZE);
}

/* Both return the bytes moved, 0 at the end of input, -EAGAIN when one of the two has to be waited for. */
static ssize_t move_by_splice(Pump *p) {
        ssize_t n = splice(p->from, NULL, p->to, NULL, SPLICE_SIZE, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

        if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR || errno == EPIPE)))
                return n < 0 ? -errno : n;
        if (n == 0 && !p->from_is_ours)
                return 0;
        /* Not between these two, or no more, or not just now: some drivers know no splicing, and some (virtio
         * console) take an empty pipe for one that has ended. What is wrong, and whether this is the end, read()
         * and write() tell. */
        p->no_splice = true;
        return -EINVAL;
}

static ssize_t buffer_write(Pump *p) {
        size_t size = p->end - p->start;
        ssize_t n;

        if (p->to_is_socket)
                n = send(p->to, p->buffer + p->start, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
                n = write(p->to, p->buffer + p->start,
                          p->to_may_block && size > PAGE_SIZE ? PAGE_SIZE : size);
        if (n == 0)
                return -EIO; /* not the end, but a device that would keep us here */
        if (n < 0)
                return -errno;
        p->start += (size_t) n;
        return n;
}

static ssize_t move_by_copy(Pump *p) {
        ssize_t n;

        if (!p->buffer) {
                p->buffer = malloc(BUFFER_SIZE);
                if (!p->buffer)
                        return -ENOMEM;
        }
        if (p->end > p->start)
                return buffer_write(p);

        /* "ready" promises that reading does not block. */
        n = read(p->from, p->buffer, BUFFER_SIZE);
        if (n < 0)
                p->read_failed = errno != EAGAIN && errno != EINTR;
        if (n <= 0)
                return n < 0 ? -errno : 0;
        p->start = 0;
        p->end = (size_t) n;
        return buffer_write(p);
}

static int pump_finish(Pump *p, int r) {
        pump_close(p);
        return r;
}

/* One of the two has to be waited for. Which one did not have to this time tells which it is. */
static int pump_wait(Pump *p, bool had_room) {
        p->ready = p->end > p->start || !had_room;
        return 1;
}

int pump_run(Pump *p, const struct pollfd *fds, size_t n_fds) {
        bool had_room = p->ready || p->end > p->start;

        if (!pump_is_open(p) || n_fds == 0)
                return pump_is_open(p);
        if (n_fds == 2 && fds[1].revents & (POLLERR | POLLNVAL))
                return pump_finish(p, -EPIPE);
        if (!fds[0].revents)
                return 1;
        if (!had_room && p->no_splice)
                return pump_wait(p, false);

        for (unsigned i = 0; i < ROUNDS_MAX; i++) {
                bool copy = p->no_splice;
                ssize_t n = copy ? move_by_copy(p) : move_by_splice(p);

                if (n == -EINTR)
                        continue;
                if (n == -EAGAIN)
                        return pump_wait(p, had_room || i > 0);
                if (p->no_splice && !copy)
                        return pump_wait(p, false);
                if (n <= 0)
                        return pump_finish(p, (int) n);

                p->moved += (uint64_t) n;
                enlarge(p);
                if (copy || p->from_may_block)
                        return pump_wait(p, true);
        }
        return pump_wait(p, true);
}
