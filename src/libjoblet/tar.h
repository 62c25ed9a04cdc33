/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tar streams: ustar with pax headers, and GNU's sparse files (version 1.0); read with GNU's long names as well.
 * Both ends, the client and the relay inside a job, use this one. Names are bytes and stay what they are. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "cleanup.h"

/* A range of a file that holds data; what is between two of them is a hole. */
typedef struct TarExtent {
        uint64_t offset, size;
} TarExtent;

#define TAR_EXTENTS_MAX 8192U

enum {
        TAR_FILE = '0',
        TAR_HARD_LINK = '1',
        TAR_SYMBOLIC_LINK = '2',
        TAR_CHARACTER_DEVICE = '3',
        TAR_BLOCK_DEVICE = '4',
        TAR_DIRECTORY = '5',
        TAR_FIFO = '6',
};

typedef struct TarEntry {
        char type;  /* of the above, or another that a reader must refuse */
        char *name; /* as it is there: hostile until checked */
        char *link; /* target of a link, else NULL */
        mode_t mode;
        uint64_t size; /* of a file, with its holes */
        struct timespec mtime;
        bool sparse;         /* only the extents hold data: in ascending order, without overlap */
        TarExtent *extents;
        size_t n_extents;
} TarEntry;

/* Of a file, without its holes. */
uint64_t tar_entry_stored(const TarEntry *e);

/* As read(): bytes, 0 at the end, a negative errno. */
typedef ssize_t (*TarRead)(void *userdata, void *buffer, size_t size);

typedef struct TarReader {
        TarRead read;
        void *userdata;
        char *buffer;
        size_t start, end;
        uint64_t contents; /* of the current entry, not yet handed out */
        unsigned padding;  /* after them */
        TarEntry entry;
        uint64_t offset; /* in the file, of what is handed out next */
        size_t extent;   /* ... which lies in this one, if it is sparse */
        const char *problem; /* what is wrong with the stream, after -EBADMSG */
} TarReader;

#define TAR_READER_NULL                                                                                      \
        (TarReader) {                                                                                        \
        }

int tar_reader_init(TarReader *r, TarRead read, void *userdata);
void tar_reader_done(TarReader *r);
/* The next entry, valid until the next call; contents that were not asked for are skipped. Returns 1, 0
 * after the end mark, -EBADMSG with r->problem set, -ENOMEM, or what read returned. A stream that stops
 * without an end mark is malformed. */
int tar_reader_next(TarReader *r, const TarEntry **ret);
/* Some of the contents, and where in the file they belong. Returns 1, 0 at their end, errors as above. */
int tar_reader_data(TarReader *r, const char **ret_data, size_t *ret_size, uint64_t *ret_offset);

/* Writes all; 0 or a negative errno. */
typedef int (*TarWrite)(void *userdata, const void *data, size_t size);

typedef struct TarWriter {
        TarWrite write;
        void *userdata;
        char *buffer;
        size_t used;
        uint64_t contents; /* that are still to come for the current entry */
        unsigned padding;
        char *block; /* of tar_writer_file() */
} TarWriter;

#define TAR_WRITER_NULL                                                                                      \
        (TarWriter) {                                                                                        \
        }

int tar_writer_init(TarWriter *w, TarWrite write, void *userdata);
void tar_writer_done(TarWriter *w);
int tar_writer_header(TarWriter *w, const TarEntry *entry);
/* The contents, without holes. Not more than the header said; what is missing is filled with zeros before the next
 * header. */
int tar_writer_data(TarWriter *w, const void *data, size_t size);
/* A regular file that is open: header and all that is in it. size, sparse and extents of the entry are filled in, from
 * what can be read and not from what the kernel tells: that is 0 in /proc and 4096 in /sys. What is added to a file
 * meanwhile is left out. Returns 0, 1 if the file could not be read as it should be, with the reason in *ret_problem
 * (the entry is not there then, or its end is zeros), or what the writer returned. */
int tar_writer_file(TarWriter *w, TarEntry *entry, int fd, const char **ret_problem);
/* The end mark. */
int tar_writer_end(TarWriter *w);

/* A header as it is in the stream. */
#define TAR_BLOCK 512U

typedef struct TarHeader {
        char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
        char type, link[100], magic[6], version[2];
        char user[32], group[32], major[8], minor[8], prefix[155], pad[12];
} TarHeader;

_Static_assert(sizeof(TarHeader) == TAR_BLOCK, "size of a tar header");

/* The checksum, which counts itself as blanks. */
unsigned tar_header_checksum(const TarHeader *h);

static inline unsigned tar_padding(uint64_t size) {
        return (unsigned) (-size & (TAR_BLOCK - 1));
}
