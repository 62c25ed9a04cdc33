/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "launch.h"
#include "strv.h"

#define LAUNCH_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void launch_done(Launch *l) {
        free(l->text);
        free(l->command);
        free(l->environment);
        *l = (Launch) {};
}

static size_t words_size(char *const *words) {
        size_t size = 0;

        STRV_FOREACH(w, words)
                size += strlen(*w) + 1;
        return size;
}

static char* words_copy(char *p, char *const *words) {
        STRV_FOREACH(w, words)
                p = stpcpy(p, *w) + 1;
        return p;
}

static bool is_assignment(const char *s) {
        const char *equals = strchr(s, '=');

        return equals && equals > s;
}

static int launch_format(char *const *command, char *const *environment, char **ret, size_t *ret_size) {
        _cleanup_free_ char *head = NULL;
        size_t size;
        char *text;

        if (strv_length(command) == 0 || !**command)
                return -EINVAL;
        STRV_FOREACH(e, environment)
                if (!is_assignment(*e))
                        return -EINVAL;
        if (asprintf(&head, "launch %zu %zu", strv_length(command), strv_length(environment)) < 0) {
                head = NULL;
                return -ENOMEM;
        }

        size = strlen(head) + 1 + words_size(command) + words_size(environment);
        if (size > LAUNCH_SIZE_MAX)
                return -E2BIG;
        text = malloc(size);
        if (!text)
                return -ENOMEM;
        (void) words_copy(words_copy(stpcpy(text, head) + 1, command), environment);
        *ret = text;
        *ret_size = size;
        return 0;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

int launch_write(char *const *command, char *const *environment) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        r = launch_format(command, environment, &text, &size);
        if (r < 0)
                return r;
        fd = memfd_create("joblet-launch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, LAUNCH_SEALS) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* A decimal number in one spelling, which ends in end. */
static int count_parse(const char **p, char end, size_t *ret) {
        size_t n = 0, digits = strspn(*p, "0123456789");

        if (digits == 0 || digits > 8 || (**p == '0' && digits > 1) || (*p)[digits] != end)
                return -EBADMSG;
        for (size_t i = 0; i < digits; i++)
                n = n * 10 + (size_t) ((*p)[i] - '0');
        *p += digits;
        *ret = n;
        return 0;
}

/* Takes n strings off the text, each with its NUL. More than there are bytes there cannot be. */
static int words_parse(char **p, const char *end, size_t n, char ***ret) {
        _cleanup_free_ char **words = NULL;

        if (n > (size_t) (end - *p))
                return -EBADMSG;
        words = calloc(n + 1, sizeof(char*));
        if (!words)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                size_t left = (size_t) (end - *p), length = strnlen(*p, left);

                if (length == left)
                        return -EBADMSG;
                words[i] = *p;
                *p += length + 1;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

/* The text ends in a NUL behind its size bytes. */
static int launch_split(Launch *l, size_t size) {
        static const char verb[] = "launch ";
        const char *head = l->text, *end = l->text + size;
        size_t n_words, n_variables;
        char *p;
        int r;

        if (strncmp(head, verb, strlen(verb)) != 0)
                return -EBADMSG;
        head += strlen(verb);
        if (count_parse(&head, ' ', &n_words) < 0)
                return -EBADMSG;
        head++;
        if (count_parse(&head, 0, &n_variables) < 0 || n_words == 0 || head == end)
                return -EBADMSG;

        p = l->text + (head - l->text) + 1;
        r = words_parse(&p, end, n_words, &l->command);
        if (r >= 0)
                r = words_parse(&p, end, n_variables, &l->environment);
        if (r < 0)
                return r;
        STRV_FOREACH(e, l->environment)
                if (!is_assignment(*e))
                        return -EBADMSG;
        return p == end && **l->command ? 0 : -EBADMSG;
}

/* Takes ownership of text, which is one byte longer than size. */
static int launch_take(char *text, size_t size, Launch *ret) {
        _cleanup_(launch_done) Launch l = { .text = text };
        int r;

        text[size] = 0;
        r = launch_split(&l, size);
        if (r < 0)
                return r;
        *ret = l;
        l = (Launch) {};
        return 0;
}

int launch_parse(const char *data, size_t size, Launch *ret) {
        char *copy;

        if (size == 0 || size > LAUNCH_SIZE_MAX)
                return -EBADMSG;
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, size);
        return launch_take(copy, size, ret);
}

int launch_read(int fd, Launch *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size, done = 0;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > LAUNCH_SIZE_MAX)
                return -EBADMSG;
        size = (size_t) st.st_size;
        text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        while (done < size) {
                ssize_t n = pread(fd, text + done, size - done, (off_t) done);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EBADMSG;
                done += (size_t) n;
        }
        return launch_take(TAKE_PTR(text), size, ret);
}

const char* launch_getenv(const Launch *l, const char *name) {
        size_t n = strlen(name);

        STRV_FOREACH(e, l->environment)
                if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
                        return *e + n + 1;
        return NULL;
}
