/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "cleanup.h"
#include "journal-sync.h"
#include "log.h"

/* Locked by whoever asks; says when what journald has answered was asked, and when it has answered. */
#define STATE_PATH PKGRUNDIR "/journal-sync"
#define PAUSE_USEC (USEC_PER_SEC / 5)
#define STEP_MSEC 10

uint64_t monotonic_now(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

static int milliseconds_left(uint64_t until_usec) {
        uint64_t now = monotonic_now();

        return now < until_usec ? (int) ((until_usec - now + 999) / 1000) : 0;
}

/* io.systemd.Journal in systemd-journald.service(8) */
static bool ask(uint64_t until_usec) {
        static const char call[] = "{\"method\":\"io.systemd.Journal.Synchronize\"}"; /* the NUL at the end belongs to the protocol */
        const struct sockaddr_un address = { .sun_family = AF_UNIX,
                                             .sun_path = "/run/systemd/journal/io.systemd.journal" };
        _cleanup_close_ int fd = -EBADF;
        char c = 1;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr*) &address, sizeof address) < 0 ||
            write(fd, call, sizeof call) != sizeof call) {
                log_warning_errno(-errno, "Failed to synchronize with journald, the newest lines may be missing: %m");
                return true; /* there is nothing to wait for */
        }
        while (poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, milliseconds_left(until_usec)) > 0)
                if (read(fd, &c, 1) != 1 || c == 0)
                        return true;
        return false;
}

static void read_state(int fd, uint64_t *ret_asked, uint64_t *ret_answered) {
        char text[64] = "";

        *ret_asked = *ret_answered = 0;
        if (pread(fd, text, sizeof text - 1, 0) < 0 ||
            sscanf(text, "%" SCNu64 " %" SCNu64, ret_asked, ret_answered) != 2)
                *ret_asked = *ret_answered = 0;
}

static void write_state(int fd, uint64_t asked, uint64_t answered) {
        if (dprintf(fd, "%" PRIu64 " %" PRIu64 "\n", asked, answered) < 0) /* over what is there: it is opened afresh each time */
                log_warning_errno(-errno, "Failed to write %s, ignoring: %m", STATE_PATH);
}

static void step(uint64_t until_usec) {
        int left = milliseconds_left(until_usec);

        (void) poll(NULL, 0, left < STEP_MSEC ? left : STEP_MSEC);
}

bool journal_sync(uint64_t written_usec, int patience_msec) {
        _cleanup_close_ int fd = open(STATE_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        uint64_t until = monotonic_now() + (uint64_t) patience_msec * 1000, asked, answered, now;
        bool done, locked = false;

        if (fd < 0) {
                log_warning_errno(-errno, "Failed to open %s, ignoring: %m", STATE_PATH);
                return ask(until);
        }
        for (;;) {
                locked = locked || flock(fd, LOCK_EX | LOCK_NB) >= 0;
                read_state(fd, &asked, &answered);
                if (asked > written_usec)
                        return true;
                now = monotonic_now();
                if (locked && (now >= answered + PAUSE_USEC || now < answered))
                        break;
                if (now >= until)
                        return false;
                step(until);
        }
        asked = monotonic_now();
        done = ask(until);
        if (done)
                write_state(fd, asked, monotonic_now());
        return done;
}
