/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading dictionaries, a{sv}: the options of our methods, and the properties that PID 1 answers with. */

#include <stddef.h>
#include <systemd/sd-bus.h>

/* Called for each entry, with its value, a variant, next in the message. It reads or skips that. */
typedef int (*BusEntryFunction)(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error);

int bus_dictionary_read(sd_bus_message *m, BusEntryFunction function, void *userdata, sd_bus_error *error);

/* Enters the variant, or refuses one that holds another type. sd_bus_message_exit_container() leaves it. */
int bus_option_enter(sd_bus_message *m, const char *name, const char *signature, sd_bus_error *error);

/* Reads an array of strings, of at most so many, into a vector that the caller frees. Returns 0, or a negative errno,
 * with error set if it is the caller's. Unlike sd_bus_message_read_strv(), in some versions, it takes time that grows
 * with their number only. */
int bus_strings_read(sd_bus_message *m, const char *what, size_t max, char ***ret, sd_bus_error *error);

/* Reads a string of at most so many bytes, which belongs to the message. What a caller sends may have 32 MiB, and what is
 * made of it would be more than the bus takes from us. */
int bus_string_read(sd_bus_message *m, const char *what, size_t max, const char **ret, sd_bus_error *error);

/* Refuses an option that there is not: its name is cut and made fit for a message. */
int bus_refuse_option(sd_bus_error *error, const char *name, const char *advice);

#define BUS_OPTION_STRINGS_MAX 64U
#define BUS_OPTION_SIZE_MAX 4096U /* bytes of a string, or of all strings of an array */

/* An option and where its value goes. By signature: "b" and "h" int, "u" uint32_t, "t" uint64_t, "s"
 * const char* that belongs to the message, "as" char** that the caller frees. */
typedef struct BusOption {
        const char *name, *signature;
        void *value;
} BusOption;

/* Reads a dictionary in which there may be these options, and no others; NULL and 0 for a method that has
 * none. Returns 0, or a negative errno, with error set to org.joblet.Error.InvalidOption and a sentence
 * if it is the caller's. */
int bus_options_read(sd_bus_message *m, const BusOption *options, size_t n_options, sd_bus_error *error);
