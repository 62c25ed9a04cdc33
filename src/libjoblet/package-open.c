/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <sys/stat.h>

#include "package-zip.h"
#include "strv.h"
#include "text.h"
#include "tree-manifest.h"

#define SHOWN_MAX 200U
#define TIMESTAMP_FIELD 0x5455U /* of Info-ZIP: flags, then seconds since 1970 */
#define PROBLEMS_SHOWN_MAX 5U

Package* package_free(Package *p) {
        if (!p)
                return NULL;
        package_plan_free(p->plan);
        manifest_free(p->manifest);
        free(p->entries);
        if (p->zip)
                zip_discard(p->zip);
        free(p);
        return NULL;
}

const PackagePlan* package_plan(const Package *p) {
        return p->plan;
}

const Manifest* package_manifest(const Package *p) {
        return p->manifest;
}

bool package_has_digests(const Package *p) {
        return p->has_digests;
}

int package_failed(char **reterr_message, int error, const char *path, const char *reason) {
        _cleanup_free_ char *shown = text_for_message(path, SHOWN_MAX);

        return shown ? message_set(reterr_message, error, "%s: %s", shown, reason) : -ENOMEM;
}

/* The time without a zone is what packages hold; who has an exact one says so in a field of its own. */
static int64_t entry_time(zip_t *zip, uint64_t index, const zip_stat_t *st) {
        const zip_uint8_t *field;
        zip_uint16_t size = 0;

        field = zip_file_extra_field_get_by_id(zip, index, TIMESTAMP_FIELD, 0, &size, ZIP_FL_CENTRAL);
        if (field && size >= 5 && (field[0] & 1))
                return (int32_t) ((uint32_t) field[1] | (uint32_t) field[2] << 8 |
                                  (uint32_t) field[3] << 16 | (uint32_t) field[4] << 24);
        return st->valid & ZIP_STAT_MTIME ? (int64_t) st->mtime : 0;
}

static int read_entry(zip_t *zip, uint64_t index, PackageEntry *ret) {
        const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
        zip_uint32_t attributes = 0;
        zip_uint8_t system = 0;
        zip_stat_t st;

        if (zip_stat_index(zip, index, ZIP_FL_ENC_RAW, &st) < 0 || (st.valid & needed) != needed || !st.name)
                return -EBADMSG;
        if (zip_file_get_external_attributes(zip, index, 0, &system, &attributes) < 0)
                return -EBADMSG;
        *ret = (PackageEntry) {
                .name = st.name,
                .index = index,
                .size = st.size,
                .packed_size = st.comp_size,
                .mode = system == ZIP_OPSYS_UNIX || system == ZIP_OPSYS_OS_X ? attributes >> 16 : 0,
                .mtime = entry_time(zip, index, &st),
                .encrypted = (st.valid & ZIP_STAT_ENCRYPTION_METHOD) && st.encryption_method != ZIP_EM_NONE,
                .supported = st.comp_method == ZIP_CM_STORE || st.comp_method == ZIP_CM_DEFLATE,
        };
        return 0;
}

static int read_entries(Package *p, const PackageLimits *limits, char **reterr_message) {
        zip_int64_t n = zip_get_num_entries(p->zip, 0);

        if (n < 0 || (uint64_t) n > limits->entries)
                return message_set(reterr_message, -E2BIG, "package refused: it has %lld entries, more than the %zu that are allowed",
                                   (long long) n, limits->entries);
        p->entries = calloc((size_t) n + 1, sizeof(PackageEntry));
        if (!p->entries)
                return -ENOMEM;
        for (zip_int64_t i = 0; i < n; i++)
                if (read_entry(p->zip, (uint64_t) i, p->entries + i) < 0)
                        return message_set(reterr_message, -EINVAL, "package refused: entry %lld cannot be read, the package is damaged",
                                           (long long) i + 1);
        p->n_entries = (size_t) n;
        return 0;
}

int package_read(Package *p, const FileItem *item, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        zip_file_t *file;
        size_t n = 0;

        if (item->size > max)
                return -E2BIG;
        data = malloc((size_t) item->size + 1);
        if (!data)
                return -ENOMEM;
        file = zip_fopen_index(p->zip, item->index, 0);
        if (!file)
                return -EBADMSG;

        /* One byte more than there should be: the end is where libzip compares the checksum. */
        for (;;) {
                zip_int64_t k = zip_fread(file, data + n, item->size + 1 - n);

                if (k < 0 || (k > 0 && n + (size_t) k > item->size)) {
                        (void) zip_fclose(file);
                        return -EBADMSG;
                }
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        (void) zip_fclose(file);
        if (n != item->size)
                return -EBADMSG;
        data[n] = 0;
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = n;
        return 0;
}

static int read_links(Package *p, char **reterr_message) {
        for (size_t i = 0; i < p->plan->tree->n_items; i++) {
                FileItem *item = p->plan->tree->items + i;
                size_t size;
                int r;

                if (item->type != FILE_LINK)
                        continue;
                r = package_read(p, item, FILE_TREE_TARGET_MAX, &item->target, &size);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 || strlen(item->target) != size)
                        return package_failed(reterr_message, -EINVAL, item->path,
                                              "the target of this link in the package is damaged");
        }
        return package_plan_check_links(p->plan, p->manifest->base == RUNTIME_BASE_SELF, reterr_message);
}

static int read_manifest(Package *p, char **reterr_message) {
        const FileItem *item = file_tree_find(p->plan->tree, "runtime.yml");
        _cleanup_free_ char *data = NULL, *name = NULL;
        size_t size = 0;
        int r;

        r = package_read(p, item, MANIFEST_SIZE_MAX, &data, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return message_set(reterr_message, -EINVAL, "package refused: its runtime.yml is %s",
                                   r == -E2BIG ? "too large" : "damaged");
        if (asprintf(&name, "%s/runtime.yml", p->plan->name) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        return manifest_parse(data, size, name, &p->manifest, reterr_message);
}

/* Moves the digests to the plan. */
static int apply_digests(Package *p, FileTree *promised) {
        for (size_t i = 0; i < promised->n_items; i++) {
                FileItem *item = file_tree_find(p->plan->tree, promised->items[i].path);

                if (item && item->type == FILE_REGULAR)
                        item->digest = TAKE_PTR(promised->items[i].digest);
        }
        p->has_digests = true;
        return 0;
}

static int read_digests(Package *p, char **reterr_message) {
        const FileItem *item = file_tree_find(p->plan->tree, MANIFEST_DIGESTS_NAME);
        _cleanup_(file_tree_freep) FileTree *promised = NULL;
        _cleanup_free_ char *data = NULL, *list = NULL;
        _cleanup_strv_free_ char **problems = NULL;
        size_t size = 0;
        int r;

        if (!item || item->type != FILE_REGULAR)
                return 0;
        r = package_read(p, item, TREE_MANIFEST_SIZE_MAX, &data, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return message_set(reterr_message, -EINVAL,
                                   "package refused: its " MANIFEST_DIGESTS_NAME " is %s",
                                   r == -E2BIG ? "too large" : "damaged");
        r = tree_manifest_parse(data, size, &promised, reterr_message);
        if (r < 0)
                return r;
        r = tree_manifest_compare(promised, p->plan->tree, PROBLEMS_SHOWN_MAX, &problems);
        if (r < 0)
                return r;
        if (r == 0)
                return apply_digests(p, promised);
        list = strv_join(problems, ", ");
        return list ? message_set(reterr_message, -EINVAL, "package refused: it is not what its " MANIFEST_DIGESTS_NAME " says: %s%s",
                                  list, (size_t) r > PROBLEMS_SHOWN_MAX ? ", and more" : "") : -ENOMEM;
}

/* Takes ownership of source. */
static int open_source(zip_source_t *source, const PackageBytes *bytes, const PackageLimits *limits, Package **ret,
                       char **reterr_message) {
        _cleanup_(package_freep) Package *p = calloc(1, sizeof(Package));
        zip_error_t error;
        int r;

        if (!p) {
                zip_source_free(source);
                return -ENOMEM;
        }
        zip_error_init(&error);
        p->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
        if (!p->zip) {
                zip_source_free(source);
                r = message_set(reterr_message, -EINVAL, "package refused: %s", zip_error_code_zip(&error) == ZIP_ER_NOZIP ?
                                "it is no zip file" : zip_error_strerror(&error));
                zip_error_fini(&error);
                return r;
        }

        r = read_entries(p, limits, reterr_message);
        if (r >= 0)
                r = package_check_names(bytes, p->entries, p->n_entries, reterr_message);
        if (r >= 0)
                r = package_plan_new(p->entries, p->n_entries, bytes->size, limits, &p->plan, reterr_message);
        if (r >= 0)
                r = read_manifest(p, reterr_message);
        if (r >= 0)
                r = read_links(p, reterr_message);
        if (r >= 0)
                r = read_digests(p, reterr_message);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

int package_open(int fd, const PackageLimits *limits, Package **ret, char **reterr_message) {
        zip_source_t *source;
        zip_error_t error;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return message_set(reterr_message, -errno, "the package cannot be read: %s",
                                   strerror(errno));
        if (!S_ISREG(st.st_mode))
                return message_set(reterr_message, -EINVAL, "package refused: it is no regular file");
        zip_error_init(&error);
        source = package_source_new(fd, (uint64_t) st.st_size, &error);
        zip_error_fini(&error);
        return source ? open_source(source, &(PackageBytes) { .fd = fd, .size = (uint64_t) st.st_size }, limits, ret, reterr_message) : -ENOMEM;
}

int package_open_bytes(const void *data, size_t size, const PackageLimits *limits, Package **ret,
                       char **reterr_message) {
        zip_source_t *source;
        zip_error_t error;

        zip_error_init(&error);
        source = zip_source_buffer_create(data, size, 0, &error);
        zip_error_fini(&error);
        return source ? open_source(source, &(PackageBytes) { .fd = -EBADF, .data = data, .size = size }, limits, ret, reterr_message) : -ENOMEM;
}
