/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From words to a running program, as execvp(3) does it, and in words why it did not: of what the C library does it
 * leaves out that anything the kernel refuses is given to a shell, whose complaints about a program for another
 * processor nobody understands, and adds that nothing is executed that could only die of its first system call. */

#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/utsname.h>

#include "relay.h"
#include "strv.h"
#include "text.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define SHELL_OF_SCRIPTS "/bin/sh"
#define NAME_MAX_MESSAGE 200U
#define HEAD_SIZE 256U /* of a file, to tell what it is */

/* What systemd tells the relay does not concern the command. The rest, what an administrator gives all jobs
 * (Environment= in a drop-in) among it, is the command's too, unless the job has its own. */
static bool is_for_relay(const char *assignment) {
        static const char *const names[] = {
                "NOTIFY_SOCKET", "JOURNAL_STREAM", "LISTEN_FDS",       "LISTEN_FDNAMES",
                "LISTEN_PID",    "LISTEN_PIDFDID", "SYSTEMD_EXEC_PID", "WATCHDOG_PID",
                "WATCHDOG_USEC", "MAINPID",        "MANAGERPID",       "MANAGERPIDFDID",
        };
        size_t n = strcspn(assignment, "=");

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strlen(names[i]) == n && memcmp(assignment, names[i], n) == 0)
                        return true;
        return false;
}

static bool is_given(const Launch *l, const char *assignment) {
        size_t n = strcspn(assignment, "=");

        STRV_FOREACH(e, l->environment)
                if (strncmp(*e, assignment, n) == 0 && (*e)[n] == '=')
                        return true;
        return false;
}

/* The strings are not copied. */
static char** make_environment(const Launch *l) {
        char **result = calloc(strv_length(environ) + strv_length(l->environment) + 1, sizeof(char*)), **p = result;

        if (!result)
                return NULL;
        STRV_FOREACH(e, environ)
                if (!is_for_relay(*e) && !is_given(l, *e))
                        *p++ = *e;
        STRV_FOREACH(e, l->environment)
                *p++ = *e;
        return result;
}

/* The next place where a program may be: 1 with a path, 0 after the last, -ENOMEM. *position is NULL after the last. */
static int next_candidate(const char *name, const char **position, char **ret) {
        const char *end;
        int n;

        if (!*position)
                return 0;
        if (strchr(name, '/')) {
                *position = NULL;
                *ret = strdup(name);
                return *ret ? 1 : -ENOMEM;
        }
        end = strchrnul(*position, ':');
        n = (int) (end - *position);
        if (asprintf(ret, "%.*s%s%s", n, *position, n > 0 ? "/" : "", name) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        *position = *end ? end + 1 : NULL;
        return 1;
}

typedef enum FileKind {
        FILE_UNREADABLE,
        FILE_SCRIPT,  /* text without "#!": for a shell */
        FILE_NAMED,   /* text with "#!": what it names was not executed */
        FILE_ELF,
        FILE_UNKNOWN,
} FileKind;

typedef union FileHead {
        char bytes[HEAD_SIZE];
        Elf64_Ehdr elf; /* what is used of it is at the same place in both classes */
} FileHead;

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden"))); /* of the relay itself, by the linker */

static uint16_t head_machine(const FileHead *head) {
        bool big = (unsigned char) head->bytes[EI_DATA] == ELFDATA2MSB;

        return big ? be16toh(head->elf.e_machine) : le16toh(head->elf.e_machine);
}

static FileKind file_kind(const char *path, FileHead *head) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        const char *newline;
        ssize_t n;

        *head = (FileHead) {};
        n = fd < 0 ? -1 : pread(fd, head->bytes, sizeof(head->bytes), 0);
        if (n < 0)
                return FILE_UNREADABLE;
        if (n >= SELFMAG && memcmp(head->bytes, ELFMAG, SELFMAG) == 0)
                return FILE_ELF;
        if (n >= 2 && memcmp(head->bytes, "#!", 2) == 0)
                return FILE_NAMED;
        /* As shells do: the first line tells */
        newline = memchr(head->bytes, '\n', (size_t) n);
        return memchr(head->bytes, 0, newline ? (size_t) (newline - head->bytes) : (size_t) n) ? FILE_UNKNOWN : FILE_SCRIPT;
}

static int execute_script(const char *path, char **command, char **environment) {
        _cleanup_free_ const char **argv = calloc(strv_length(command) + 2, sizeof(char*));
        size_t n = 0;

        if (!argv)
                return ENOMEM;
        argv[n++] = SHELL_OF_SCRIPTS;
        argv[n++] = path;
        for (char **word = command + 1; *word; word++)
                argv[n++] = *word;
        (void) execve(SHELL_OF_SCRIPTS, (char**) argv, environment);
        return errno;
}

/* A program that the kernel would execute for a processor that this one can be as well: i386 and x32 on x86_64, arm on aarch64.
 * A job has native system calls only. Whatever else is foreign the kernel refuses, or an emulator of the host runs it. */
static bool is_compatible_only(const FileHead *head) {
        static const struct {
                uint16_t native, compatible;
        } pairs[] = {
                { EM_X86_64, EM_386 }, { EM_AARCH64, EM_ARM }, { EM_PPC64, EM_PPC }, { EM_SPARCV9, EM_SPARC }, { EM_SPARCV9, EM_SPARC32PLUS },
        };
        uint16_t own = __ehdr_start.e_machine, machine = head_machine(head);

        if (head->bytes[EI_CLASS] != ELFCLASS32 || __ehdr_start.e_ident[EI_CLASS] != ELFCLASS64)
                return false;
        if (machine == own)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if (pairs[i].native == own && pairs[i].compatible == machine)
                        return true;
        return false;
}

static int execute_one(const char *path, char **command, char **environment) {
        FileHead head;

        if (access(path, X_OK) >= 0 && file_kind(path, &head) == FILE_ELF && is_compatible_only(&head))
                return ENOEXEC;
        (void) execve(path, command, environment);
        if (errno != ENOEXEC)
                return errno;
        return file_kind(path, &head) == FILE_SCRIPT ? execute_script(path, command, environment) : ENOEXEC;
}

int program_execute(const Launch *l) {
        _cleanup_free_ char **environment = make_environment(l);
        const char *position = launch_getenv(l, "PATH") ?: DEFAULT_PATH;
        int error = ENOENT;

        if (!environment)
                return ENOMEM;
        for (;;) {
                _cleanup_free_ char *path = NULL;
                int r = next_candidate(l->command[0], &position, &path);

                if (r <= 0)
                        return r < 0 ? -r : error;
                r = execute_one(path, l->command, environment);
                if (r != EACCES && r != ENOENT && r != ENOTDIR)
                        return r;
                if (error != EACCES)
                        error = r;
        }
}

/* The file that was tried last, for messages: it is there, and may be executed. NULL if there is none. */
static char* find(const Launch *l) {
        const char *position = launch_getenv(l, "PATH") ?: DEFAULT_PATH;

        for (;;) {
                _cleanup_free_ char *path = NULL;

                if (next_candidate(l->command[0], &position, &path) <= 0)
                        return NULL;
                if (access(path, X_OK) >= 0)
                        return TAKE_PTR(path);
        }
}

static const char* machine_name(uint16_t machine) {
        static const struct {
                uint16_t machine;
                const char *name;
        } names[] = {
                { EM_X86_64, "x86_64" }, { EM_AARCH64, "aarch64" },     { EM_386, "i386" },   { EM_ARM, "arm" },
                { EM_RISCV, "riscv" },   { EM_PPC64, "ppc64" },         { EM_PPC, "ppc" },    { EM_S390, "s390x" },
                { EM_MIPS, "mips" },     { EM_LOONGARCH, "loongarch" }, { EM_SPARCV9, "sparc64" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names[i].machine == machine)
                        return names[i].name;
        return NULL;
}

static int describe_elf(const char *shown, const FileHead *head, char **reterr_message) {
        const char *name = machine_name(head_machine(head));
        struct utsname u;

        if (uname(&u) < 0)
                return -errno;
        if (name && strcmp(name, u.machine) == 0 && is_compatible_only(head))
                return message_set(reterr_message, 126, "cannot execute %s: it is a program for another processor (%s with 32 bits), this host has %s",
                                   shown, name, u.machine);
        if (name && strcmp(name, u.machine) == 0)
                return message_set(reterr_message, 126, "cannot execute %s: it is a damaged program, or none", shown);
        return message_set(reterr_message, 126, "cannot execute %s: it is a program for another processor (%s), this host has %s",
                           shown, name ?: "of a kind unknown here", u.machine);
}

static int describe_format(const Launch *l, const char *shown, char **reterr_message) {
        _cleanup_free_ char *path = find(l), *interpreter = NULL;
        FileHead head;

        switch (path ? file_kind(path, &head) : FILE_UNREADABLE) {
        case FILE_ELF:
                return describe_elf(shown, &head, reterr_message);
        case FILE_NAMED:
                head.bytes[sizeof(head.bytes) - 1] = 0;
                head.bytes[strcspn(head.bytes, "\n")] = 0;
                interpreter = text_for_message(head.bytes + 2 + strspn(head.bytes + 2, " \t"), NAME_MAX_MESSAGE);
                return message_set(reterr_message, 126, "cannot execute %s: its interpreter %s cannot be executed here",
                                   shown, interpreter ?: "?");
        default:
                return message_set(reterr_message, 126, "cannot execute %s: it is neither a program of this host nor a script", shown);
        }
}

int program_describe_error(const Launch *l, int error, char **reterr_message) {
        _cleanup_free_ char *shown = text_for_message(l->command[0], NAME_MAX_MESSAGE), *path = NULL;

        if (!shown)
                return -ENOMEM;
        switch (error) {
        case ENOENT:
                path = find(l);
                if (path)
                        return message_set(reterr_message, 126, "cannot execute %s: its interpreter does not exist here", shown);
                /* fall through */
        case ENOTDIR:
                return message_set(reterr_message, 127, "command not found: %s", shown);
        case ENOEXEC:
                return describe_format(l, shown, reterr_message);
        case E2BIG:
                return message_set(reterr_message, 126, "cannot execute %s: its arguments and variables are longer than Linux takes, "
                                   "2 MiB together as a rule; give long data in a file (--upload) or on standard input", shown);
        default:
                return message_set(reterr_message, 126, "cannot execute %s: %s", shown, strerror(error));
        }
}
