/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs the real relay as its daemon, its client and its journal. Usage: relay_spawn(), relay_go(),
 * relay_collect(). */

#include <stdbool.h>
#include <sys/types.h>

#include "relay-protocol.h"
#include "test.h"

typedef struct Buffer {
        char *data; /* with a NUL behind it */
        size_t size, allocated;
        bool (*sink)(void *userdata, const char *data, size_t size); /* takes what comes instead of keeping it */
        void *userdata;
        bool failed; /* of sink */
} Buffer;

typedef struct RelayTest {
        char *work; /* the job's own directory, removed at the end */
        pid_t pid;
        int daemon_fd;
        int control_fd;                    /* the client's end, as those below */
        int stdin_fd, stdout_fd, stderr_fd;
        int upload_fd, download_fd;
        int journal_fd;
        int outcome_fd;

        char **command, **environment; /* what is to be executed */
        RelayGo go;        /* what is to be sent beside descriptors: set before relay_go() */
        bool as_nobody;    /* set before relay_spawn(), as the next two */
        bool in_namespace; /* as first process of a PID namespace */
        const char *program;

        const char *input, *upload; /* what is to be written, and how much */
        size_t input_size, upload_size;

        Buffer out, err, journal, download; /* journal: of both streams, as systemd connects them */
        RelayNotice client[4], daemon[4]; /* what was said to each */
        size_t n_client, n_daemon;
        RelayOutcome outcome;
        int exit_code; /* of the relay; -1 if it died of a signal */
} RelayTest;

enum {
        WITH_CLIENT = 1 << 0, /* standard output and error, and a control socket */
        WITH_STDIN = 1 << 1,
        WITH_UPLOAD = 1 << 2,
        WITH_DOWNLOAD = 1 << 3,
        WITHOUT_DAEMON = 1 << 4, /* it goes right afterwards */
        MERGED = 1 << 5,         /* with a client: both streams in one pipe */
};

int relay_test_setup(void **state);
int relay_test_teardown(void **state);

/* Starts the relay and takes its hello; the arguments are those of the command, up to NULL. */
void relay_spawn(RelayTest *t, const char *command, ...) __attribute__((__sentinel__));
void relay_go(RelayTest *t, unsigned flags);
/* Reads and writes until the relay has ended. */
void relay_collect(RelayTest *t);
/* Until so much has come to the client on standard output. */
void relay_read_until(RelayTest *t, size_t size);
/* The client dies. */
void relay_vanish(RelayTest *t);

/* All of it, with a script for sh. */
void relay_run(RelayTest *t, unsigned flags, const char *script);

void assert_notices(const RelayTest *t, RelayEvent event, int code);
