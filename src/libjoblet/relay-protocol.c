/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "relay-fields.h"
#include "relay-protocol.h"
#include "strv.h"
#include "text.h"

#define FAILURE_TEXT_MAX 4096U

static const char *const event_table[_RELAY_EVENT_MAX] = {
        [RELAY_STARTED] = "started",
        [RELAY_EXITED] = "exited",
        [RELAY_SIGNALED] = "signaled",
        [RELAY_FAILED] = "failed",
        [RELAY_ENDED] = "ended",
};

void relay_notice_done(RelayNotice *n) {
        free(n->text);
        *n = (RelayNotice) { .event = _RELAY_EVENT_INVALID };
}

static bool code_is_valid(RelayEvent event, int code) {
        switch (event) {
        case RELAY_EXITED:
                return code >= 0 && code <= 255;
        case RELAY_SIGNALED:
                return code > 0 && code < _NSIG;
        case RELAY_FAILED:
                return code >= 125 && code <= 127;
        default:
                return code == 0;
        }
}

int relay_notice_format(const RelayNotice *n, char **ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        if ((int) n->event < 0 || n->event >= _RELAY_EVENT_MAX || !code_is_valid(n->event, n->code))
                return -EINVAL;

        switch (n->event) {
        case RELAY_STARTED:
        case RELAY_ENDED:
                r = asprintf(ret, "%s", event_table[n->event]);
                break;
        case RELAY_FAILED:
                text = text_for_message(n->text ?: "", FAILURE_TEXT_MAX);
                if (!text)
                        return -ENOMEM;
                r = asprintf(ret, "%s %d %s", event_table[n->event], n->code, text);
                break;
        default:
                r = asprintf(ret, "%s %d", event_table[n->event], n->code);
        }
        return r < 0 ? -ENOMEM : 0;
}

/* The number at the start of s, in one spelling only. *ret_rest is what follows it. */
static int code_parse(const char *s, int *ret, const char **ret_rest) {
        int value = 0;
        size_t n = strspn(s, "0123456789");

        if (n == 0 || n > 3 || (s[0] == '0' && n > 1))
                return -EBADMSG;
        for (size_t i = 0; i < n; i++)
                value = value * 10 + (s[i] - '0');
        *ret = value;
        *ret_rest = s + n;
        return 0;
}

static int notice_parse_rest(RelayEvent event, const char *s, RelayNotice *ret) {
        _cleanup_free_ char *text = NULL;
        int code = 0;

        if (event != RELAY_STARTED && event != RELAY_ENDED) {
                if (*s++ != ' ' || code_parse(s, &code, &s) < 0)
                        return -EBADMSG;
        }
        if (!code_is_valid(event, code))
                return -EBADMSG;

        if (event == RELAY_FAILED) {
                if (*s++ != ' ' || strlen(s) > FAILURE_TEXT_MAX + 3 || !text_is_line(s))
                        return -EBADMSG;
                text = strdup(s);
                if (!text)
                        return -ENOMEM;
        } else if (*s)
                return -EBADMSG;

        *ret = (RelayNotice) { .event = event, .code = code, .text = TAKE_PTR(text) };
        return 0;
}

int relay_notice_parse(const char *packet, RelayNotice *ret) {
        size_t n = strcspn(packet, " ");

        for (int i = 0; i < _RELAY_EVENT_MAX; i++)
                if (strlen(event_table[i]) == n && memcmp(packet, event_table[i], n) == 0)
                        return notice_parse_rest((RelayEvent) i, packet + n, ret);
        return -EBADMSG;
}

int relay_signal_parse(const char *packet, int *ret_signo) {
        static const char verb[] = "signal ";
        int signo;

        if (strncmp(packet, verb, strlen(verb)) != 0 ||
            code_parse(packet + strlen(verb), &signo, &packet) < 0 || *packet)
                return -EBADMSG;
        if (signo <= 0 || signo >= _NSIG)
                return -ERANGE;
        *ret_signo = signo;
        return 0;
}

/* The descriptors of a RelayGo by name, in the order in which they travel. */
static const struct {
        const char *name;
        size_t offset;
} go_fds[] = {
        { "stdin", offsetof(RelayGo, stdin_fd) },       { "stdout", offsetof(RelayGo, stdout_fd) },
        { "stderr", offsetof(RelayGo, stderr_fd) },     { "control", offsetof(RelayGo, control_fd) },
        { "upload", offsetof(RelayGo, upload_fd) },     { "download", offsetof(RelayGo, download_fd) },
        { "command", offsetof(RelayGo, command_fd) },   { "outcome", offsetof(RelayGo, outcome_fd) },   { "listen", offsetof(RelayGo, listen_fd) },
};

static int* go_fd(const RelayGo *go, size_t i) {
        return (int*) ((char*) go + go_fds[i].offset);
}

void relay_go_done(RelayGo *go) {
        for (size_t i = 0; i < ELEMENTSOF(go_fds); i++)
                safe_close(*go_fd(go, i));
        free(go->workdir);
        strv_free(go->download);
        *go = RELAY_GO_NULL;
}

static int go_format(const RelayGo *go, char **ret) {
        _cleanup_strv_free_ char **lines = NULL;
        int r;

        r = strv_extend(&lines, "go");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(go_fds); i++)
                if (*go_fd(go, i) >= 0)
                        r = strv_extendf(&lines, "fd=%s", go_fds[i].name);
        if (r >= 0 && go->workdir)
                r = field_extend(&lines, "workdir", go->workdir);
        STRV_FOREACH(path, go->download)
                if (r >= 0)
                        r = field_extend(&lines, "download", *path);
        if (r >= 0)
                r = strv_extendf(&lines, "upload-max=%" PRIu64, go->upload_max);
        if (r >= 0)
                r = strv_extendf(&lines, "abandon=%" PRIu64, go->abandon_usec);
        if (r >= 0)
                r = strv_extendf(&lines, "stop=%" PRIu64, go->stop_usec);
        if (r < 0)
                return r;

        *ret = strv_join(lines, "\n");
        return *ret ? 0 : -ENOMEM;
}

static int send_with_fds(int fd, const char *packet, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * RELAY_FDS_MAX)];
        } control = {};
        struct iovec iov = { .iov_base = (char*) packet, .iov_len = strlen(packet) };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (iov.iov_len == 0)
                return -EINVAL;
        if (iov.iov_len >= RELAY_PACKET_MAX || n_fds > RELAY_FDS_MAX)
                return -EMSGSIZE;
        if (n_fds > 0) {
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
                msg.msg_control = &control;
                msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        }
        return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int relay_send(int fd, const char *packet) {
        return send_with_fds(fd, packet, NULL, 0);
}

int relay_go_send(int fd, const RelayGo *go) {
        _cleanup_free_ char *packet = NULL;
        int fds[ELEMENTSOF(go_fds)];
        size_t n_fds = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(go_fds); i++)
                if (*go_fd(go, i) >= 0)
                        fds[n_fds++] = *go_fd(go, i);

        r = go_format(go, &packet);
        if (r < 0)
                return r;
        return send_with_fds(fd, packet, fds, n_fds);
}

/* Hands the next descriptor to the field of that name. */
static int go_take_fd(RelayGo *go, const char *name, int *fds, size_t n_fds, size_t *n_taken) {
        for (size_t i = 0; i < ELEMENTSOF(go_fds); i++) {
                if (strcmp(go_fds[i].name, name) != 0)
                        continue;
                if (*go_fd(go, i) >= 0 || *n_taken >= n_fds || fds[*n_taken] < 0)
                        return -EBADMSG;
                *go_fd(go, i) = TAKE_FD(fds[*n_taken]);
                (*n_taken)++;
                return 0;
        }
        return -EBADMSG;
}

static int go_parse_fields(char *text, int *fds, size_t n_fds, RelayGo *go) {
        const char *key;
        char *value;
        size_t n_taken = 0;
        int r;

        while ((r = field_next(&text, &key, &value)) > 0) {
                if (strcmp(key, "fd") == 0)
                        r = go_take_fd(go, value, fds, n_fds, &n_taken);
                else if (strcmp(key, "workdir") == 0 && !go->workdir)
                        r = (go->workdir = strdup(value)) ? 0 : -ENOMEM;
                else if (strcmp(key, "download") == 0)
                        r = strv_extend(&go->download, value);
                else if (strcmp(key, "upload-max") == 0)
                        r = field_number(value, &go->upload_max);
                else if (strcmp(key, "abandon") == 0)
                        r = field_number(value, &go->abandon_usec);
                else if (strcmp(key, "stop") == 0)
                        r = field_number(value, &go->stop_usec);
                else
                        r = -EBADMSG;
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : n_taken == n_fds ? 0 : -EBADMSG;
}

int relay_go_parse(const char *packet, int *fds, size_t n_fds, RelayGo *ret) {
        static const char verb[] = "go\n";
        _cleanup_(relay_go_done) RelayGo go = RELAY_GO_NULL;
        _cleanup_free_ char *copy = NULL;
        int r = -EBADMSG;

        if (strncmp(packet, verb, strlen(verb)) == 0) {
                copy = strdup(packet + strlen(verb));
                r = copy ? go_parse_fields(copy, fds, n_fds, &go) : -ENOMEM;
        }
        for (size_t i = 0; i < n_fds; i++)
                fds[i] = safe_close(fds[i]);
        if (r < 0)
                return r;

        *ret = go;
        go = RELAY_GO_NULL;
        return 0;
}

typedef struct Received {
        int fds[RELAY_FDS_MAX];
        size_t n_fds;
        struct ucred ucred;
        bool has_ucred;
} Received;

static void received_done(Received *received) {
        for (size_t i = 0; i < received->n_fds; i++)
                safe_close(received->fds[i]);
}

/* Collects what came beside a packet. No descriptor stays unowned, however many were sent. */
static int received_collect(Received *received, struct msghdr *msg) {
        struct cmsghdr *c;
        int r = 0;

        for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS) {
                        memcpy(&received->ucred, CMSG_DATA(c), sizeof(received->ucred));
                        received->has_ucred = true;
                } else if (c->cmsg_type == SCM_RIGHTS) {
                        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                        for (size_t i = 0; i < n; i++) {
                                int fd;

                                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                                if (received->n_fds < RELAY_FDS_MAX)
                                        received->fds[received->n_fds++] = fd;
                                else {
                                        safe_close(fd);
                                        r = -EBADMSG;
                                }
                        }
                }
        }
        return r;
}

int relay_receive(int fd, char **ret_packet, int *ret_fds, size_t *ret_n_fds, uid_t *ret_uid,
                  pid_t *ret_pid) {
        _cleanup_(received_done) Received received = {};
        _cleanup_free_ char *packet = NULL;
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * RELAY_FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
        } control;
        struct iovec iov = { .iov_len = RELAY_PACKET_MAX };
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
        };
        ssize_t n;

        iov.iov_base = packet = malloc(RELAY_PACKET_MAX + 1);
        if (!packet)
                return -ENOMEM;

        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == ECONNRESET ? 0 : -errno;
        if (received_collect(&received, &msg) < 0 || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
                return -EBADMSG;
        if (n == 0)
                return 0;
        if (memchr(packet, 0, n) || (received.n_fds > 0 && !ret_fds))
                return -EBADMSG;
        if ((ret_uid || ret_pid) && !received.has_ucred)
                return -EBADMSG;

        packet[n] = 0;
        if (ret_uid)
                *ret_uid = received.ucred.uid;
        if (ret_pid)
                *ret_pid = received.ucred.pid;
        if (ret_fds) {
                memcpy(ret_fds, received.fds, sizeof(int) * received.n_fds);
                *ret_n_fds = received.n_fds;
                received.n_fds = 0;
        }
        *ret_packet = TAKE_PTR(packet);
        return 1;
}
