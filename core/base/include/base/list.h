/*
 * An intrusive doubly linked list: the link is a member of what is listed. A link that
 * is on no list points at itself, so that unlinking twice is harmless.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define list_for_each(item, head)                                                                  \
    for (struct list *item = (head)->next; item != (head); item = item->next)

/* The item at hand may be removed meanwhile; no other may. */
#define list_for_each_safe(item, following, head)                                                  \
    for (struct list *item = (head)->next, *following = item->next; item != (head);                \
         item = following, following = item->next)

static inline void list_init(struct list *link)
{
    link->next = link->prev = link;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}
