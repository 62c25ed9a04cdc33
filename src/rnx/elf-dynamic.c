/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <elf.h>
#include <endian.h>
#include <string.h>

#include "elf-dynamic.h"

#define ELF_DATA (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)

bool is_elf(const char *data, size_t size) {
        return size > SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0;
}

static bool in_file(size_t size, uint64_t offset, uint64_t length) {
        return offset <= size && length <= size - offset;
}

/* The table of strings that section s refers to, ended by a zero byte, or NULL. */
static const char *string_table(const char *data, size_t size, const Elf64_Shdr *sections, unsigned n,
                                const Elf64_Shdr *s, uint64_t *ret_size) {
        const Elf64_Shdr *t;

        if (s->sh_link >= n)
                return NULL;
        t = sections + s->sh_link;
        if (t->sh_type != SHT_STRTAB || t->sh_size == 0 || !in_file(size, t->sh_offset, t->sh_size) ||
            data[t->sh_offset + t->sh_size - 1] != 0)
                return NULL;
        *ret_size = t->sh_size;
        return data + t->sh_offset;
}

int elf_dynamic_strings(const char *data, size_t size, ElfStringFunction function, void *userdata) {
        const Elf64_Ehdr *e = (const Elf64_Ehdr*) data;
        const Elf64_Shdr *sections;

        if (!is_elf(data, size) || size < sizeof(*e) || e->e_ident[EI_CLASS] != ELFCLASS64 ||
            e->e_ident[EI_DATA] != ELF_DATA || e->e_shentsize != sizeof(Elf64_Shdr) || e->e_shoff % 8 != 0 ||
            !in_file(size, e->e_shoff, e->e_shnum * sizeof(Elf64_Shdr)))
                return 0;
        sections = (const Elf64_Shdr*) (data + e->e_shoff);
        for (unsigned i = 0; i < e->e_shnum; i++) {
                const Elf64_Shdr *s = sections + i;
                const Elf64_Dyn *entries;
                uint64_t strings_size = 0;
                const char *strings;

                if (s->sh_type != SHT_DYNAMIC || s->sh_offset % 8 != 0 ||
                    !in_file(size, s->sh_offset, s->sh_size))
                        continue;
                entries = (const Elf64_Dyn*) (data + s->sh_offset);
                strings = string_table(data, size, sections, e->e_shnum, s, &strings_size);
                for (size_t k = 0;
                     strings && k < s->sh_size / sizeof(Elf64_Dyn) && entries[k].d_tag != DT_NULL; k++) {
                        int64_t tag = entries[k].d_tag;
                        int r;

                        if ((tag != DT_NEEDED && tag != DT_RPATH && tag != DT_RUNPATH) ||
                            entries[k].d_un.d_val >= strings_size)
                                continue;
                        r = function(tag, strings + entries[k].d_un.d_val, userdata);
                        if (r != 0)
                                return r;
                }
        }
        return 0;
}
