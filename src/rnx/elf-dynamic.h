/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The strings of the dynamic section of a program or library (elf(5)): which libraries it needs, and
 * where it looks for them. The bytes are hostile. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* tag is DT_NEEDED, DT_RPATH or DT_RUNPATH. text lies in the data, whoever is at which offset knows.
 * Anything but 0 ends the walk. */
typedef int (*ElfStringFunction)(int64_t tag, const char *text, void *userdata);

bool is_elf(const char *data, size_t size);

/* Calls function for each string. data must be aligned to 8 bytes. Files that are not of 64 bits and of
 * this machine's byte order, or are broken, have none. Returns 0, or what function returned. */
int elf_dynamic_strings(const char *data, size_t size, ElfStringFunction function, void *userdata);
