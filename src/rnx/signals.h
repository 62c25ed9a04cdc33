/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Signals as events, for as long as a job is attached. What the caller ignores (nohup) stays ignored. */

/* Returns a descriptor to poll, or a negative errno. */
int signals_open(void);
/* The next signal, 0 if there is none. */
int signals_read(int fd);
/* Everything as it was before signals_open(), but for SIGPIPE. */
void signals_restore(void);

/* For work that has to clean up: from now on the signals that end a process are only noted, and interrupt what waits. */
void signals_note(void);
/* The last one, 0 if there was none. */
int signals_noted(void);

/* Ends the process by a signal, as if it had never been caught. */
void signals_die(int signo) __attribute__((__noreturn__));
