/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "extract.h"
#include "text.h"
#include "unpack.h"

#define ENTRIES_MAX 1000000U
#define NAME_MAX_MESSAGE 200U

typedef struct Unpack {
        TarReader *reader;
        Extract extract;
        uint64_t bytes_max, bytes;
        size_t n_entries;
        const TarEntry *entry;
        char *message;
} Unpack;

static void unpack_done(Unpack *u) {
        extract_done(&u->extract);
        free(u->message);
}

static int refuse_name(Unpack *u, const char *name, int error, const char *rule) {
        _cleanup_free_ char *shown = text_for_message(name, NAME_MAX_MESSAGE);

        return message_set(&u->message, error, "cannot unpack \"%s\": %s", shown ?: "?", rule);
}

static int refuse(Unpack *u, int error, const char *rule) {
        return refuse_name(u, u->entry->name, error, rule);
}

/* Takes a positive or a negative errno. */
static int refuse_errno(Unpack *u, int error) {
        error = error < 0 ? error : -error;
        return refuse(u, error,
                      error == -EEXIST ? "there is something of that name already; two uploads for one name" :
                      error == -ELOOP  ? "its name leads through something that is not a directory" :
                                         strerror(-error));
}

static int make_file(Unpack *u, int dir_fd, const char *base) {
        const TarEntry *e = u->entry;
        uint64_t stored = tar_entry_stored(e);
        _cleanup_close_ int fd = -EBADF;
        int r, error;

        if (stored > u->bytes_max - u->bytes) {
                char rule[80];

                (void) snprintf(rule, sizeof(rule), "more than %" PRIu64 " bytes may not be uploaded",
                                u->bytes_max);
                return refuse(u, -EFBIG, rule);
        }
        u->bytes += stored;

        fd = openat(dir_fd, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return refuse_errno(u, errno);
        r = extract_contents(&u->extract, u->reader, e, fd, &error);
        return r > 0 ? refuse_errno(u, error) : r;
}

/* Whatever it points to: in the job there is nothing but the job's own, and nothing is unpacked through it. */
static int make_symbolic_link(Unpack *u, int fd, const char *base) {
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, u->entry->mtime };

        if (symlinkat(u->entry->link, fd, base) < 0)
                return refuse_errno(u, errno);
        (void) utimensat(fd, base, times, AT_SYMLINK_NOFOLLOW);
        return 0;
}

static int make_hard_link(Unpack *u, const char *name) {
        _cleanup_free_ char *target = NULL;
        _cleanup_close_ int target_fd = -EBADF;
        const char *rule, *base, *target_base;
        int r, fd;

        r = entry_name_clean(u->entry->link, &target, &rule);
        if (r == -EPERM || (r >= 0 && !*target))
                return refuse(u, -EPERM, "it is a hard link to what is not uploaded");
        if (r < 0)
                return r;

        r = extract_parent(&u->extract, target, false, &fd, &target_base);
        if (r < 0)
                return refuse_errno(u, r);
        target_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (target_fd < 0)
                return refuse_errno(u, errno);
        r = extract_parent(&u->extract, name, true, &fd, &base);
        if (r < 0)
                return refuse_errno(u, r);
        return linkat(target_fd, target_base, fd, base, 0) < 0 ? refuse_errno(u, errno) : 0;
}

static int unpack_entry(Unpack *u) {
        const TarEntry *e = u->entry;
        _cleanup_free_ char *name = NULL;
        const char *base, *rule;
        int r, fd;

        if (++u->n_entries > ENTRIES_MAX)
                return refuse(u, -EFBIG, "there are too many files");
        r = entry_name_clean(e->name, &name, &rule);
        if (r == -EPERM)
                return refuse(u, r, rule);
        if (r < 0)
                return r;
        if (!*name)
                return e->type == TAR_DIRECTORY ? 0 : refuse(u, -EPERM, "it has no name");

        switch (e->type) {
        case TAR_HARD_LINK:
                return make_hard_link(u, name);
        case TAR_DIRECTORY:
                r = extract_directory(&u->extract, name, e);
                return r < 0 ? refuse_errno(u, r) : 0;
        case TAR_FILE:
        case TAR_SYMBOLIC_LINK:
                r = extract_parent(&u->extract, name, true, &fd, &base);
                if (r < 0)
                        return refuse_errno(u, r);
                return e->type == TAR_FILE ? make_file(u, fd, base) : make_symbolic_link(u, fd, base);
        default:
                return refuse(u, -EPERM, "only files, directories and links can be uploaded");
        }
}

int unpack(TarReader *reader, int dir_fd, uint64_t bytes_max, char **reterr_message) {
        _cleanup_(unpack_done) Unpack u = { .reader = reader, .extract = EXTRACT_NULL, .bytes_max = bytes_max };
        const char *name = "";
        int r;

        u.extract.root_fd = dir_fd;
        while ((r = tar_reader_next(reader, &u.entry)) > 0) {
                r = unpack_entry(&u);
                if (r < 0)
                        break;
        }
        if (r >= 0) {
                r = extract_finish(&u.extract, &name);
                if (r < 0)
                        r = refuse_name(&u, name, r, strerror(-r));
        }
        if (r == -EBADMSG && reader->problem)
                return message_set(reterr_message, r, "the upload is no complete archive: %s",
                                   reader->problem);
        *reterr_message = TAKE_PTR(u.message);
        return r;
}
