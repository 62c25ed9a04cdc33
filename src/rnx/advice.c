/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "rnx.h"
#include "runtime-name.h"
#include "verbs.h"

/* Words of other tools (docker, podman, kubectl, systemd, Slurm, ssh), a list with blanks between. What is meant here,
 * or else what is to be said. */
typedef struct Phrase {
        const char *words, *meant, *sentence;
} Phrase;

static const char no_terminal[] = "a job has no terminal; its input and output are those of rnx without an option",
                  no_privilege[] = "jobs have no privileges and no devices, which cannot be changed",
                  no_volume[] = "files are brought in with --upload=PATH and fetched with --download=PATH, there are no volumes";

static const Phrase verb_phrases[] = {
        { "ps ls jobs squeue queue history top all", "rnx list" },
        { "logs output tail journal cat attach follow", "rnx log" },
        { "rm remove del forget prune purge", "rnx delete" },
        { "kill cancel scancel terminate abort down end", "rnx stop" },
        { "inspect show describe info stat stats sacct", "rnx status" },
        { "start create submit sbatch srun exec-new launch queue-up", "rnx run" },
        { "images image runtimes environments envs languages", "rnx runtime list" },
        { "pull build add install", "rnx runtime install" },
        { "uninstall rmi", "rnx runtime remove" },
        { "import convert", "rnx runtime import" },
        { "pack export save", "rnx runtime pack" },
        { "verify check", "rnx runtime verify" },
        { "test", "rnx runtime test" },
        { "watch poll join", "rnx wait" },
        { "exec enter shell login ssh", NULL, "a running job cannot be entered; start another one with: rnx run COMMAND" },
        { "cp copy push scp", NULL, "files travel with the job: rnx run --upload=PATH --download=PATH COMMAND" },
        { "volume volumes vol mount", NULL, no_volume },
        { "network networks net", NULL, "the network of a job is chosen with: rnx run --network=none|host COMMAND" },
        { "restart rerun retry", NULL, "a job runs once; run its command again with: rnx run COMMAND" },
        { "pause unpause freeze thaw suspend resume", NULL, "a job cannot be paused; systemctl freeze joblet-job-N can, for an administrator" },
        { "schedule at cron timer", NULL, "a job starts at once; a timer of systemd's can call: rnx run --detach COMMAND" },
        { "events monitor", NULL, "events are in the journal: journalctl -u joblet -f" },
};

static const Phrase option_phrases[] = {
        { "memory mem m memory-limit max-mem ram mem-limit", "--max-memory=SIZE" },
        { "cpus cpu cpu-limit cpu-quota cpu-shares cpus-per-task c nproc", NULL,
          "write --max-cpu=PERCENT, in percent of one core: 200 for two" },
        { "cpuset-cpus cpuset cores cpu-list taskset cpu-affinity", "--cpu-cores=LIST" },
        { "image env-name r use with", "--runtime=NAME" },
        { "v volume volumes mount bind B V", NULL, no_volume },
        { "i t it ti interactive tty pty stdin", NULL, no_terminal },
        { "rm remove auto-remove collect", NULL, "of a job that has ended only its record remains, which 'rnx delete' forgets" },
        { "net", "--network=NAME" },
        { "p P publish port ports expose", NULL, "there are no ports to publish: a job with --network=host uses those of the host" },
        { "u user uid gid group", NULL, "the jobs of each user run as a user of their own, which cannot be chosen" },
        { "cwd chdir C D working-directory pwd dir directory", "--workdir=DIR" },
        { "time-limit max-time runtime-max walltime time t", "--timeout=TIME" },
        { "background bg async no-wait no-block B daemon", "--detach" },
        { "a attach wait foreground", NULL, "rnx run waits for the end of a job anyway, unless --detach is given" },
        { "file files input copy cp add", "--upload=PATH" },
        { "output o out fetch artifact artifacts save", "--download=PATH" },
        { "E setenv environment var", "--env=NAME=VALUE" },
        { "unit N job-name J title label l", "--name=NAME" },
        { "privileged cap-add device gpus gpu security-opt g", NULL, no_privilege },
        { "entrypoint command cmd exec", NULL, "the command is what follows the options: rnx run [OPTION...] COMMAND [ARG...]" },
        { "pipe P", NULL, "the streams of a job are those of rnx without an option" },
        { "n lines last limit head", "--limit=N" },
        { "n lines last limit head", "--tail=N" },
        { "n tail limit", "--lines=N" },
        { "f follow-log watch F", "--follow" },
        { "status filter s", "--state=STATE" },
        { "format fields columns output o", "--output=FIELDS" },
        { "wide w no-trunc", "--full" },
        { "all-users", "--all" },
        { "T time times", "--timestamps" },
        { "o out-file to", "--output=FILE" },
        { "V", "--version" },
        { "verbose v", "--verbose" },
};

static bool list_has(const char *list, const char *word, size_t size) {
        while (*list) {
                size_t n = strcspn(list, " ");

                if (n == size && memcmp(list, word, n) == 0)
                        return true;
                list += n + strspn(list + n, " ");
        }
        return false;
}

/* Near enough to be a slip of the fingers, or the beginning of a name. Smaller is nearer; UINT32_MAX: not at all. */
static unsigned slip(const char *word, const char *name) {
        size_t n = strlen(word), size = strlen(name);
        unsigned distance;

        if (n >= 3 && size > n && strncmp(word, name, n) == 0)
                return 1;
        distance = runtime_name_distance(word, name);
        return distance <= (n < 4 ? 1 : n < 8 ? 2 : 3) && distance < n ? distance : UINT32_MAX;
}

static const Verb* verb_closest(const char *group, const char *word) {
        const Verb *closest = NULL;
        unsigned best = UINT32_MAX;

        for (const Verb *v = verbs; v->name; v++) {
                unsigned d = verb_in_group(v, group) ? slip(word, v->name) : UINT32_MAX;

                if (d < best) {
                        best = d;
                        closest = v;
                }
        }
        return closest;
}

/* What a shell here would run by that name. */
static bool is_program(const char *word) {
        _cleanup_free_ char *path = strdup(getenv("PATH") ?: "");
        char *rest = path, *directory;

        if (strchr(word, '/'))
                return access(word, X_OK) >= 0;
        while (path && (directory = strsep(&rest, ":"))) {
                _cleanup_free_ char *file = NULL;

                if (asprintf(&file, "%s/%s", directory, word) < 0) {
                        file = NULL;
                        return false;
                }
                if (access(file, X_OK) >= 0)
                        return true;
        }
        return false;
}

int advise_verb(const char *group, const char *word) {
        static const struct {
                const char *words, *meant;
        } runtime_phrases[] = {
                { "ls ps all", "list" },   { "show inspect describe status", "info" }, { "add pull get", "install" },
                { "rm delete uninstall", "remove" }, { "check", "verify" },  { "build create export zip", "pack" },
        };
        bool in_runtime = group && strcmp(group, "runtime") == 0;
        const char *space = group ? " " : "";
        const Verb *v;

        for (size_t i = 0; in_runtime && i < ELEMENTSOF(runtime_phrases); i++)
                if (list_has(runtime_phrases[i].words, word, strlen(word)))
                        return log_error(-EINVAL, "unknown verb 'runtime %s', see 'rnx help'; did you mean 'rnx runtime %s'?", word,
                                         runtime_phrases[i].meant);

        v = verb_closest(group, word);
        for (size_t i = 0; !in_runtime && i < ELEMENTSOF(verb_phrases); i++) {
                const Phrase *p = verb_phrases + i;

                if (!list_has(p->words, word, strlen(word)))
                        continue;
                if (p->meant)
                        return log_error(-EINVAL, "unknown verb '%s', see 'rnx help'; did you mean '%s'?", word, p->meant);
                return log_error(-EINVAL, "unknown verb '%s', see 'rnx help'; %s", word, p->sentence);
        }
        if (v)
                return log_error(-EINVAL, "unknown verb '%s%s%s', see 'rnx help'; did you mean 'rnx %s%s%s'?", group ?: "",
                                 space, word, group ?: "", space, v->name);
        if (!group && is_program(word))
                return log_error(-EINVAL, "unknown verb '%s', see 'rnx help'; to run a program write: rnx run %s", word, word);
        return log_error(-EINVAL, "unknown verb '%s%s%s', see 'rnx help'", group ?: "", space, word);
}

static bool tables_have(const Option *const *tables, size_t n_tables, const char *meant) {
        return option_find(tables, n_tables, meant + 2, strcspn(meant + 2, "="), 0);
}

static const Option* option_closest(const Option *const *tables, size_t n_tables, const char *word) {
        const Option *closest = NULL;
        unsigned best = UINT32_MAX;

        for (size_t i = 0; i < n_tables; i++)
                for (const Option *o = tables[i]; o && !option_is_end(o); o++) {
                        unsigned d = o->name ? slip(word, o->name) : UINT32_MAX;

                        if (d < best) {
                                best = d;
                                closest = o;
                        }
                }
        return closest;
}

int advise_option(const Option *const *tables, size_t n_tables, const char *who, const char *name, size_t size, char letter) {
        const char one[] = { letter, 0 };
        _cleanup_free_ char *word = name ? strndup(name, size) : strdup(one);
        const char *dashes = name ? "--" : "-";
        const Option *closest;
        bool runs = strcmp(who, "rnx run") == 0;

        if (!word)
                return log_oom();
        for (size_t i = 0; i < ELEMENTSOF(option_phrases); i++) {
                const Phrase *p = option_phrases + i;

                if (!list_has(p->words, word, strlen(word)))
                        continue;
                if (p->meant && tables_have(tables, n_tables, p->meant))
                        return log_error(-EINVAL, "unknown option %s%s, see '%s --help'; did you mean %s?", dashes, word, who,
                                         p->meant);
                if (p->sentence && runs)
                        return log_error(-EINVAL, "unknown option %s%s, see '%s --help'; %s", dashes, word, who, p->sentence);
        }
        closest = name ? option_closest(tables, n_tables, word) : NULL;
        if (closest)
                return log_error(-EINVAL, "unknown option --%s, see '%s --help'; did you mean --%s%s%s?", word, who, closest->name,
                                 option_wants_value(closest) ? "=" : "", option_wants_value(closest) ? closest->argument : "");
        return log_error(-EINVAL, "unknown option %s%s, see '%s --help'", dashes, word, who);
}
