/*
 * How far a msgpack value reaches, found from its headers alone.
 *
 * Needed twice. The hand-over's map has no length before it: the reader must know when it
 * is complete. And msgpack-c allocates what an array's or map's header claims (up to 2^32
 * elements) before it has seen one of them: nothing goes to it that was not measured here.
 */
#pragma once

#include <stddef.h>

/* Deeper nesting than any message has. */
#define MSGPACK_DEPTH_MAX 8

/*
 * The bytes that the one value at the start of data takes, which are all there.
 * -EAGAIN: it is not complete yet; -EBADMSG: no msgpack, nested too deep, or it claims
 * more elements than MESSAGE_MAX bytes can hold. Allocates nothing.
 */
int msgpack_frame_size(const void *data, size_t size, size_t *ret_size);
