/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "figures.h"

#define FILE_SIZE_MAX (64U * 1024U)

/* A decimal number at s that ends at a blank, a newline or the end. */
static bool number_parse(const char *s, uint64_t *ret) {
        uint64_t number = 0;
        const char *p = s;

        for (; *p >= '0' && *p <= '9'; p++)
                if (__builtin_mul_overflow(number, 10U, &number) ||
                    __builtin_add_overflow(number, (unsigned) (*p - '0'), &number))
                        return false;
        if (p == s || !strchr(" \n", *p)) /* finds the final NUL as well */
                return false;
        *ret = number;
        return true;
}

/* "KEY NUMBER", one a line. */
static bool line_number(const char *text, const char *key, uint64_t *ret) {
        size_t n = strlen(key);

        for (const char *line = text; line && *line;
             line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                if (strncmp(line, key, n) == 0 && line[n] == ' ')
                        return number_parse(line + n + 1, ret);
        return false;
}

void figures_parse_cpu(Figures *f, const char *cpu_stat) {
        (void) line_number(cpu_stat, "usage_usec", &f->cpu_usec);
}

void figures_parse_memory_peak(Figures *f, const char *memory_peak) {
        (void) number_parse(memory_peak, &f->memory_peak);
}

void figures_parse_memory_events(Figures *f, const char *memory_events) {
        uint64_t killed;

        if (line_number(memory_events, "oom_kill", &killed) && killed > 0)
                f->oom = true;
}

/* The sum of "KEY=NUMBER" over all lines, which are one for each device. */
static uint64_t sum(const char *text, const char *key) {
        uint64_t total = 0, number;

        for (const char *p = text; (p = strstr(p, key)); p += strlen(key))
                if (p > text && p[-1] == ' ' && number_parse(p + strlen(key), &number))
                        total += number;
        return total;
}

void figures_parse_io(Figures *f, const char *io_stat) {
        f->io_read_bytes = sum(io_stat, "rbytes=");
        f->io_write_bytes = sum(io_stat, "wbytes=");
}

const char* figures_find_group(const char *proc_cgroup, size_t *ret_size) {
        static const char prefix[] = "0::/";

        for (const char *line = proc_cgroup; line && *line;
             line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
                const char *path = line + strlen(prefix) - 1;
                size_t n;

                if (strncmp(line, prefix, strlen(prefix)) != 0)
                        continue;
                n = strcspn(path, "\n");
                /* A group outside the namespace of groups shows as "/../..": out of reach. */
                if (n >= 3 && strncmp(path, "/..", 3) == 0)
                        return NULL;
                *ret_size = n;
                return path;
        }
        return NULL;
}

static bool read_text(int dir_fd, const char *path, char *text, size_t size) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
        size_t n = 0;
        ssize_t k;

        if (fd < 0)
                return false;
        while (n + 1 < size && (k = read(fd, text + n, size - 1 - n)) > 0)
                n += (size_t) k;
        text[n] = 0;
        return n > 0;
}

static int open_group(void) {
        static char text[FILE_SIZE_MAX];
        char path[PATH_MAX];
        const char *group;
        size_t size;

        if (!read_text(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)))
                return -ENOENT;
        group = figures_find_group(text, &size);
        if (!group || size > INT_MAX ||
            snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s", (int) size, group) >= PATH_MAX)
                return -ENOENT;
        return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

uint64_t figures_read_memory_max(void) {
        _cleanup_close_ int fd = open_group();
        char text[32];
        uint64_t max;

        if (fd < 0 || !read_text(fd, "memory.max", text, sizeof(text)) || !number_parse(text, &max))
                return UINT64_MAX; /* "max" */
        return max;
}

void figures_read(Figures *ret) {
        static char text[FILE_SIZE_MAX];
        _cleanup_close_ int fd = open_group();

        *ret = FIGURES_NULL;
        if (fd < 0)
                return;

        if (read_text(fd, "cpu.stat", text, sizeof(text)))
                figures_parse_cpu(ret, text);
        if (read_text(fd, "memory.peak", text, sizeof(text)))
                figures_parse_memory_peak(ret, text);
        if (read_text(fd, "memory.events", text, sizeof(text)))
                figures_parse_memory_events(ret, text);
        if (read_text(fd, "io.stat", text, sizeof(text)))
                figures_parse_io(ret, text);
}
