/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "manifest.h"
#include "string-table.h"
#include "strv.h"
#include "text.h"

static const char *const runtime_type_table[_RUNTIME_TYPE_MAX] = {
        [RUNTIME_SYSTEM] = "system",
        [RUNTIME_MANAGED] = "managed",
};
DEFINE_STRING_TABLE(runtime_type, RuntimeType);

static const char *const runtime_base_table[_RUNTIME_BASE_MAX] = {
        [RUNTIME_BASE_HOST] = "host",
        [RUNTIME_BASE_SELF] = "self",
};
DEFINE_STRING_TABLE(runtime_base, RuntimeBase);

static void manifest_mount_done(ManifestMount *m) {
        free(m->source);
        free(m->target);
        strv_free(m->selective);
}

Manifest* manifest_ref(Manifest *m) {
        if (m)
                m->n_more_refs++;
        return m;
}

Manifest* manifest_free(Manifest *m) {
        if (!m)
                return NULL;
        if (m->n_more_refs > 0) {
                m->n_more_refs--;
                return NULL;
        }

        for (size_t i = 0; i < m->n_mounts; i++)
                manifest_mount_done(m->mounts + i);
        free(m->mounts);
        free(m->name);
        free(m->language);
        free(m->version);
        free(m->description);
        strv_free(m->environment);
        free(m->package_manager);
        free(m->cache_volume);
        free(m->min_memory_text);
        free(m->recommended_memory_text);
        strv_free(m->architectures);
        strv_free(m->packages);
        strv_free(m->warnings);
        free(m);
        return NULL;
}

/* Reads all of fd, of which about expected bytes are there, but not more than one byte beyond the cap, which
 * the parser then refuses. */
static int read_capped(int fd, size_t expected, char **ret, size_t *ret_size) {
        size_t size = 0, capacity = expected < MANIFEST_SIZE_MAX ? expected + 1 : MANIFEST_SIZE_MAX + 1;
        _cleanup_free_ char *data = NULL;

        data = malloc(capacity);
        if (!data)
                return -ENOMEM;
        while (size < capacity) {
                ssize_t n = read(fd, data + size, capacity - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
        }

        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int manifest_load_at(int dir_fd, const char *file_name, Manifest **ret, char **reterr_message) {
        _cleanup_free_ char *data = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        size_t size = 0;
        int r;

        /* Not blocking: it may be a FIFO. */
        fd = openat(dir_fd, "runtime.yml", O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY);
        if (fd < 0) {
                r = -errno;
                if (r == -ENOENT)
                        return message_set(reterr_message, r,
                                           "%s: there is no such file, a runtime needs one", file_name);
                if (r == -ELOOP)
                        return message_set(reterr_message, -EINVAL,
                                           "%s: it is a symbolic link, put the file itself there",
                                           file_name);
                return message_set(reterr_message, r, "%s: cannot be opened: %s", file_name, strerror(-r));
        }
        if (fstat(fd, &st) < 0)
                return message_set(reterr_message, -errno, "%s: cannot be examined: %m", file_name);
        if (!S_ISREG(st.st_mode))
                return message_set(reterr_message, -EINVAL,
                                   "%s: it is no regular file, put a text file there", file_name);

        r = read_capped(fd, (size_t) st.st_size, &data, &size);
        if (r < 0)
                return message_set(reterr_message, r, "%s: cannot be read: %s", file_name, strerror(-r));
        return manifest_parse(data, size, file_name, ret, reterr_message);
}

/* Names of one architecture are one. */
static const char* architecture_canonical(const char *s) {
        if (strcmp(s, "amd64") == 0)
                return "x86_64";
        if (strcmp(s, "arm64") == 0)
                return "aarch64";
        return s;
}

bool manifest_supports_machine(const Manifest *m, const char *machine) {
        if (!m->architectures)
                return true;
        STRV_FOREACH(a, m->architectures)
                if (strcmp(architecture_canonical(*a), architecture_canonical(machine)) == 0)
                        return true;
        return false;
}
