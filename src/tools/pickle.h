/* pickle.h - the few things of Python's pickle that a file of tensors needs, and nothing else.
 *
 * A pickle is a program for a stack machine that may call any function by name. This reader calls
 * nothing: it builds a tree of plain values, and knows two names, OrderedDict and
 * _rebuild_tensor_v2, each of which becomes a value of its own. Every other name or instruction
 * ends the reading with a sentence. No recursion; memory is bounded by the file's length. */
#ifndef MP_PICKLE_H
#define MP_PICKLE_H
#include <stddef.h>
#include <stdint.h>

typedef enum {
    PK_NONE,
    PK_BOOL,
    PK_INT,
    PK_TEXT,
    PK_NAME,
    PK_TUPLE,
    PK_LIST,
    PK_DICT,
    PK_STORAGE,
    PK_TENSOR
} pk_kind;

/* Values refer to each other by their numbers. A tuple's, list's or dict's (key, value, ...) parts
 * are chained: first, then each link's next. */
typedef struct {
    pk_kind kind;
    long long number; /* BOOL, INT; STORAGE: its length in floats; TENSOR: offset in floats */
    const unsigned char *text; /* TEXT, NAME (module, new line, name), STORAGE (its key); not ended
                                * by 0. An INT of more than 7 bytes is a TEXT of its bytes */
    size_t len;
    int first, last, n;        /* of chained parts: links */
    int storage, size, stride; /* TENSOR: a STORAGE and two tuples of INT */
} pk_value;
typedef struct {
    int value, next;
} pk_link;

typedef struct {
    const unsigned char *p;
    size_t len, at; /* read from here; after the pickle afterwards */
    pk_value *v;
    pk_link *link;
    int *stack, *memo;
    int n_v, n_link, n_stack, n_memo, room;
} pickle;

/* Room for pickles of a file of `len` bytes. -1: no memory. */
int pickle_begin(pickle *k, const unsigned char *p, size_t len);
void pickle_end(pickle *k);
/* The pickle at k->at: the number of its value, or -1 and a reason in err (ERR_LEN). Earlier values
 * stay. */
int pickle_read(pickle *k, char *err);
/* The value that a dict has under a key, or -1. */
int pickle_get(const pickle *k, int dict, const char *key);
/* Part i of a tuple or list, or -1. */
int pickle_part(const pickle *k, int v, int i);
#endif
