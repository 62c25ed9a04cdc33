/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>

#include "bus-error.h"
#include "bus-options.h"
#include "strv.h"
#include "text.h"

#define NAME_SHOWN_MAX 64U

int bus_dictionary_read(sd_bus_message *m, BusEntryFunction function, void *userdata, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = function(m, name, userdata, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int bus_option_enter(sd_bus_message *m, const char *name, const char *signature, sd_bus_error *error) {
        const char *contents;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r < 0)
                return r;
        if (strcmp(contents, signature) != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_OPTION, "%s: its type is %s, not %s", name,
                                         signature, contents);
        return sd_bus_message_enter_container(m, 'v', signature);
}

int bus_strings_read(sd_bus_message *m, const char *what, size_t max, char ***ret, sd_bus_error *error) {
        _cleanup_(strv_builder_done) StrvBuilder b = {};
        const char *s;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0) {
                if (b.n >= max)
                        return sd_bus_error_setf(error, ERROR_INVALID_OPTION, "%s: more than %zu words are not allowed", what, max);
                r = strv_builder_consume(&b, strdup(s));
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = strv_builder_take(&b);
        return 0;
}

int bus_string_read(sd_bus_message *m, const char *what, size_t max, const char **ret, sd_bus_error *error) {
        int r = sd_bus_message_read_basic(m, 's', ret);

        if (r < 0 || strlen(*ret) <= max)
                return r;
        return sd_bus_error_setf(error, ERROR_INVALID_OPTION, "%s: it has %zu bytes, at most %zu are allowed", what, strlen(*ret), max);
}

int bus_refuse_option(sd_bus_error *error, const char *name, const char *advice) {
        _cleanup_free_ char *shown = text_for_message(name, NAME_SHOWN_MAX);

        return shown ? sd_bus_error_setf(error, ERROR_INVALID_OPTION, "there is no option %s; %s", shown, advice) : -ENOMEM;
}

typedef struct Table {
        const BusOption *options;
        size_t n;
        uint64_t seen; /* a bit for each */
} Table;

/* "use A, B or C", of a table that is not empty. */
static int list_names(const Table *t, char **ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *list = NULL;
        int r;

        for (size_t i = 0; i + 1 < t->n; i++) {
                r = strv_extend(&names, t->options[i].name);
                if (r < 0)
                        return r;
        }
        list = strv_join(names, ", ");
        if (!list)
                return -ENOMEM;
        return asprintf(ret, "use %s%s%s", list, *list ? " or " : "", t->options[t->n - 1].name) < 0 ? -ENOMEM : 0;
}

static int refuse_unknown(const Table *t, const char *name, sd_bus_error *error) {
        _cleanup_free_ char *names = NULL;

        if (t->n == 0)
                return bus_refuse_option(error, name, "this method has none");
        if (list_names(t, &names) < 0) {
                names = NULL;
                return -ENOMEM;
        }
        return bus_refuse_option(error, name, names);
}

static int read_strings(sd_bus_message *m, const char *name, char ***ret, sd_bus_error *error) {
        int r = bus_strings_read(m, name, BUS_OPTION_STRINGS_MAX, ret, error);

        if (r < 0 || strv_size(*ret) <= BUS_OPTION_SIZE_MAX)
                return r;
        return sd_bus_error_setf(error, ERROR_INVALID_OPTION, "%s: more than %u bytes are not allowed", name, BUS_OPTION_SIZE_MAX);
}

static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error) {
        Table *t = userdata;
        int r;

        for (size_t i = 0; i < t->n; i++) {
                const BusOption *o = t->options + i;

                if (strcmp(o->name, name) != 0)
                        continue;
                if (t->seen & UINT64_C(1) << i)
                        return sd_bus_error_setf(error, ERROR_INVALID_OPTION, "%s: it was given twice", name);
                t->seen |= UINT64_C(1) << i;
                r = bus_option_enter(m, name, o->signature, error);
                if (r >= 0 && strcmp(o->signature, "as") == 0)
                        r = read_strings(m, name, o->value, error);
                else if (r >= 0 && strcmp(o->signature, "s") == 0)
                        r = bus_string_read(m, name, BUS_OPTION_SIZE_MAX, o->value, error);
                else if (r >= 0)
                        r = sd_bus_message_read_basic(m, o->signature[0], o->value);
                return r < 0 ? r : sd_bus_message_exit_container(m);
        }
        return refuse_unknown(t, name, error);
}

int bus_options_read(sd_bus_message *m, const BusOption *options, size_t n_options, sd_bus_error *error) {
        return bus_dictionary_read(m, read_option, &(Table) { options, n_options, 0 }, error);
}
