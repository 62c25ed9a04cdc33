/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pager.h"
#include "rnx.h"
#include "strv.h"
#include "terminal.h"

static pid_t pager_pid = 0;

/* Words of $PAGER, without a shell: it may come with quotes that we then take literally, as systemd does. */
static int pager_words(const char *command, char ***ret) {
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *copy = strdup(command);
        char *state = NULL;

        if (!copy)
                return -ENOMEM;
        for (char *w = strtok_r(copy, " \t", &state); w; w = strtok_r(NULL, " \t", &state))
                if (strv_extend(&words, w) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(words);
        return 0;
}

static _Noreturn void pager_exec(char **words) {
        (void) setenv("LESS", getenv("SYSTEMD_LESS") ?: "FRSXMK", 1);
        (void) setenv("LESSCHARSET", getenv("SYSTEMD_LESSCHARSET") ?: terminal_is_utf8() ? "utf-8" : "iso8859", 1);
        /* Text of others is shown: no shell, no editor, no other file from within the pager. */
        (void) setenv("LESSSECURE", "1", 1);

        if (words)
                (void) execvp(words[0], words);
        (void) execlp("less", "less", NULL);
        (void) execlp("more", "more", NULL);
        (void) execlp("cat", "cat", NULL);
        _exit(EXIT_FAILURE);
}

void pager_open(void) {
        _cleanup_strv_free_ char **words = NULL;
        const char *command = getenv("SYSTEMD_PAGER") ?: getenv("PAGER"), *term = getenv("TERM");
        int fds[2];

        if (pager_pid > 0 || !arg_pager || !on_tty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0)
                return;
        if (command && (!*command || strcmp(command, "cat") == 0))
                return;
        if (command && pager_words(command, &words) < 0)
                return;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;

        (void) fflush(stdout);
        pager_pid = fork();
        if (pager_pid == 0) {
                if (dup2(fds[0], STDIN_FILENO) < 0)
                        _exit(EXIT_FAILURE);
                pager_exec(words);
        }
        if (pager_pid > 0) {
                (void) dup2(fds[1], STDOUT_FILENO);
                /* Ctrl-C is for the pager. When it is quit early, writing ends us quietly. */
                (void) signal(SIGINT, SIG_IGN);
        }
        (void) close(fds[0]);
        (void) close(fds[1]);
}

bool pager_is_open(void) {
        return pager_pid > 0;
}

void pager_close(void) {
        if (pager_pid <= 0)
                return;

        (void) fflush(stdout);
        (void) fclose(stdout);
        while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
                ;
        pager_pid = 0;
}
