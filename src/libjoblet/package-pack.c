/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "package-zip.h"
#include "text.h"
#include "tree-manifest.h"

#define TIMESTAMP_FIELD 0x5455U
#define LEVEL 6 /* as zip(1): 9 takes twice as long for less than one percent */

/* What libzip writes to: a file of ours. It keeps its place to itself. */
typedef struct Output {
        int fd;
        uint64_t position, size;
        zip_error_t error;
} Output;

static zip_int64_t output_write(Output *o, const uint8_t *data, uint64_t size) {
        uint64_t written = 0;

        while (written < size) {
                ssize_t n = pwrite(o->fd, data + written, size - written, (off_t) o->position);

                if (n < 0 && errno != EINTR) {
                        zip_error_set(&o->error, ZIP_ER_WRITE, errno);
                        return -1;
                }
                if (n > 0) {
                        written += (uint64_t) n;
                        o->position += (uint64_t) n;
                }
        }
        if (o->position > o->size)
                o->size = o->position;
        return (zip_int64_t) written;
}

static zip_int64_t output_seek(Output *o, void *data, uint64_t size) {
        zip_int64_t position = zip_source_seek_compute_offset(o->position, o->size, data, size, &o->error);

        if (position < 0)
                return -1;
        o->position = (uint64_t) position;
        return 0;
}

static zip_int64_t output_call(void *userdata, void *data, zip_uint64_t size, zip_source_cmd_t command) {
        Output *o = userdata;

        switch (command) {
        case ZIP_SOURCE_STAT:
                zip_stat_init(data);
                ((zip_stat_t*) data)->size = o->size;
                ((zip_stat_t*) data)->valid |= ZIP_STAT_SIZE;
                return sizeof(zip_stat_t);
        case ZIP_SOURCE_ERROR:
                return zip_error_to_data(&o->error, data, size);
        case ZIP_SOURCE_OPEN:
        case ZIP_SOURCE_CLOSE:
        case ZIP_SOURCE_READ: /* it is empty when it is opened */
        case ZIP_SOURCE_FREE:
        case ZIP_SOURCE_BEGIN_WRITE:
        case ZIP_SOURCE_COMMIT_WRITE:
        case ZIP_SOURCE_ROLLBACK_WRITE:
        case ZIP_SOURCE_REMOVE:
                return 0;
        case ZIP_SOURCE_SEEK:
        case ZIP_SOURCE_SEEK_WRITE:
                return output_seek(o, data, size);
        case ZIP_SOURCE_TELL:
        case ZIP_SOURCE_TELL_WRITE:
                return (zip_int64_t) o->position;
        case ZIP_SOURCE_WRITE:
                return output_write(o, data, size);
        case ZIP_SOURCE_SUPPORTS:
                return ZIP_SOURCE_SUPPORTS_WRITABLE;
        default:
                zip_error_set(&o->error, ZIP_ER_OPNOTSUPP, 0);
                return -1;
        }
}

/* What libzip reads from: one file of the tree, open only while it is its turn. */
typedef struct Input {
        const FileItem *item;
        int dir_fd; /* not ours */
        int fd;
        uint64_t *done;
        zip_error_t error;
} Input;

static int input_open(Input *i) {
        i->fd = openat(i->dir_fd, i->item->path, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (i->fd < 0)
                zip_error_set(&i->error, ZIP_ER_OPEN, errno);
        return i->fd < 0 ? -1 : 0;
}

static zip_int64_t input_read(Input *i, void *data, uint64_t size) {
        ssize_t n;

        do
                n = read(i->fd, data, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                zip_error_set(&i->error, ZIP_ER_READ, errno);
        else if (i->done)
                (void) __atomic_add_fetch(i->done, (uint64_t) n, __ATOMIC_RELAXED);
        return n;
}

static zip_int64_t input_call(void *userdata, void *data, zip_uint64_t size, zip_source_cmd_t command) {
        Input *i = userdata;

        switch (command) {
        case ZIP_SOURCE_OPEN:
                return input_open(i);
        case ZIP_SOURCE_READ:
                return input_read(i, data, size);
        case ZIP_SOURCE_CLOSE:
                i->fd = safe_close(i->fd);
                return 0;
        case ZIP_SOURCE_STAT:
                zip_stat_init(data);
                ((zip_stat_t*) data)->size = i->item->size;
                ((zip_stat_t*) data)->valid |= ZIP_STAT_SIZE;
                return sizeof(zip_stat_t);
        case ZIP_SOURCE_ERROR:
                return zip_error_to_data(&i->error, data, size);
        case ZIP_SOURCE_FREE:
                safe_close(i->fd);
                free(i);
                return 0;
        case ZIP_SOURCE_SUPPORTS:
                return ZIP_SOURCE_SUPPORTS_READABLE;
        default:
                zip_error_set(&i->error, ZIP_ER_OPNOTSUPP, 0);
                return -1;
        }
}

static zip_source_t* input_new(zip_t *zip, const FileItem *item, int dir_fd, uint64_t *done) {
        Input *i = calloc(1, sizeof(Input));
        zip_source_t *source;

        if (!i)
                return NULL;
        *i = (Input) { .item = item, .dir_fd = dir_fd, .fd = -EBADF, .done = done };
        zip_error_init(&i->error);
        source = zip_source_function(zip, input_call, i);
        if (!source)
                free(i);
        return source;
}

typedef struct Packer {
        zip_t *zip;
        int dir_fd;
        const PackOptions *options;
        char *digests; /* manifest.sha256 */
        size_t digests_size;
} Packer;

/* Marks the entry with the mode and time that it has on Unix. */
static int set_attributes(Packer *p, zip_int64_t index, mode_t mode, int64_t mtime, bool compress) {
        int64_t time = mtime < p->options->time && mtime > 0 ? mtime : p->options->time;
        uint32_t t = (uint32_t) time;
        const zip_uint8_t stamp[] = { 1, (uint8_t) t, (uint8_t) (t >> 8), (uint8_t) (t >> 16),
                                      (uint8_t) (t >> 24) };
        zip_uint64_t i = (zip_uint64_t) index;

        if (index < 0 ||
            zip_file_set_external_attributes(p->zip, i, 0, ZIP_OPSYS_UNIX,
                                             (uint32_t) mode << 16 | (S_ISDIR(mode) ? 0x10 : 0)) < 0 ||
            zip_file_set_mtime(p->zip, i, (time_t) time, 0) < 0 ||
            zip_file_extra_field_set(p->zip, i, TIMESTAMP_FIELD, ZIP_EXTRA_FIELD_NEW, stamp, sizeof(stamp),
                                     ZIP_FL_LOCAL | ZIP_FL_CENTRAL) < 0 ||
            (!S_ISDIR(mode) &&
             zip_set_file_compression(p->zip, i, compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE, LEVEL) < 0))
                return -EIO;
        return 0;
}

static int add_source(Packer *p, const char *name, zip_source_t *source, mode_t mode, int64_t mtime,
                      bool compress) {
        zip_int64_t index;

        if (!source)
                return -ENOMEM;
        index = zip_file_add(p->zip, name, source, ZIP_FL_ENC_UTF_8);
        if (index < 0) {
                zip_source_free(source);
                return -EIO;
        }
        return set_attributes(p, index, mode, mtime, compress);
}

static int add_directory(Packer *p, const char *name, int64_t mtime) {
        return set_attributes(p, zip_dir_add(p->zip, name, ZIP_FL_ENC_UTF_8), S_IFDIR | 0755, mtime, false);
}

static int add_item(Packer *p, const FileItem *item) {
        const PackOptions *o = p->options;
        _cleanup_free_ char *name = NULL;

        if (strcmp(item->path, MANIFEST_DIGESTS_NAME) == 0)
                return 0;
        if (asprintf(&name, "%s/%s/%s", o->language, o->name, item->path) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        switch (item->type) {
        case FILE_DIRECTORY:
                return add_directory(p, name, item->mtime);
        case FILE_LINK:
                return add_source(p, name, zip_source_buffer(p->zip, item->target, strlen(item->target), 0),
                                  S_IFLNK | 0777, item->mtime, false);
        default:
                return add_source(p, name, input_new(p->zip, item, p->dir_fd, o->done),
                                  S_IFREG | (item->mode & 0111 ? 0755 : 0644), item->mtime, !o->store);
        }
}

static int add_top(Packer *p) {
        const PackOptions *o = p->options;
        _cleanup_free_ char *name = NULL, *language = NULL, *digests = NULL;
        int r;

        if (asprintf(&name, "%s/%s", o->language, o->name) < 0 ||
            asprintf(&digests, "%s/" MANIFEST_DIGESTS_NAME, name) < 0)
                return -ENOMEM;
        r = add_directory(p, o->language, o->time);
        if (r >= 0)
                r = add_directory(p, name, o->time);
        if (r >= 0)
                r = add_source(p, digests, zip_source_buffer(p->zip, p->digests, p->digests_size, 0),
                               S_IFREG | 0644, o->time, !o->store);
        return r;
}

static int message_from_zip_error(char **reterr_message, zip_error_t *error) {
        return message_set(reterr_message, -EIO, "the package cannot be written: %s",
                           zip_error_strerror(error));
}

static int write_entries(Packer *p, const FileTree *t, int fd, char **reterr_message) {
        Output output = { .fd = fd };
        zip_source_t *source;
        zip_error_t error;
        int r;

        zip_error_init(&output.error);
        zip_error_init(&error);
        source = zip_source_function_create(output_call, &output, &error);
        if (!source)
                return -ENOMEM;
        p->zip = zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &error);
        if (!p->zip) {
                zip_source_free(source);
                return message_from_zip_error(reterr_message, &error);
        }

        r = add_top(p);
        for (size_t i = 0; r >= 0 && i < t->n_items; i++)
                r = add_item(p, t->items + i);
        if (r >= 0 && zip_close(p->zip) >= 0)
                return 0;
        r = r == -ENOMEM ? r : message_from_zip_error(reterr_message, zip_get_error(p->zip));
        zip_discard(p->zip);
        return r;
}

int package_pack(int dir_fd, const FileTree *t, const PackOptions *options, int fd, char **reterr_message) {
        Packer p = { .dir_fd = dir_fd, .options = options };
        int r;

        r = package_check_items(t, reterr_message);
        if (r >= 0)
                r = tree_manifest_format(t, &p.digests, &p.digests_size, reterr_message);
        if (r >= 0)
                r = write_entries(&p, t, fd, reterr_message);
        free(p.digests);
        return r;
}
