/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "message.h"
#include "signals.h"

static sigset_t caught;

int signals_open(void) {
        static const int wanted[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
        int fd;

        (void) sigemptyset(&caught);
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                struct sigaction old;

                if (sigaction(wanted[i], NULL, &old) >= 0 && old.sa_handler != SIG_IGN)
                        (void) sigaddset(&caught, wanted[i]);
        }
        fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        (void) sigprocmask(SIG_BLOCK, &caught, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        return fd;
}

int signals_read(int fd) {
        struct signalfd_siginfo info;

        return read(fd, &info, sizeof(info)) == sizeof(info) ? (int) info.ssi_signo : 0;
}

void signals_restore(void) {
        (void) sigprocmask(SIG_UNBLOCK, &caught, NULL);
}

static volatile sig_atomic_t noted = 0;

static void note(int signo) {
        noted = signo;
}

void signals_note(void) {
        static const int wanted[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
        const struct sigaction action = { .sa_handler = note };

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                struct sigaction old;

                if (sigaction(wanted[i], NULL, &old) >= 0 && old.sa_handler != SIG_IGN)
                        (void) sigaction(wanted[i], &action, NULL);
        }
}

int signals_noted(void) {
        return noted;
}

void signals_die(int signo) {
        sigset_t set;

        message_release();
        (void) signal(signo, SIG_DFL);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, signo);
        (void) raise(signo);
        (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
        _exit(128 + signo);
}
