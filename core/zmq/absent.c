/*
 * What Debian's libzmq is built with and no program of ours uses: Kerberos, and multicast by PGM
 * and NORM.
 *
 * Kerberos has no archive, and its seven libraries would be loaded at each start; PGM looks its
 * protocol up in /etc/protocols, with whatever nsswitch.conf names, as soon as there is a context.
 * NORM brings the mathematical library. All are for addresses and options that nobody can give us:
 * sockets are files here. The first that is called nevertheless ends the program.
 */
#include <stdlib.h>

#define ABSENT(name)                                                                               \
    _Noreturn void name(void);                                                                     \
    void name(void)                                                                                \
    {                                                                                              \
        abort();                                                                                   \
    }

#define NOTHING(name)                                                                              \
    extern const void *const name;                                                                 \
    const void *const name = NULL;

ABSENT(gss_accept_sec_context)
ABSENT(gss_acquire_cred)
ABSENT(gss_delete_sec_context)
ABSENT(gss_display_name)
ABSENT(gss_import_name)
ABSENT(gss_init_sec_context)
ABSENT(gss_release_buffer)
ABSENT(gss_release_cred)
ABSENT(gss_release_name)
ABSENT(gss_unwrap)
ABSENT(gss_wrap)

NOTHING(GSS_C_NT_HOSTBASED_SERVICE)
NOTHING(GSS_C_NT_USER_NAME)

ABSENT(pgm_bind3)
ABSENT(pgm_close)
ABSENT(pgm_connect)
ABSENT(pgm_error_free)
ABSENT(pgm_free)
ABSENT(pgm_freeaddrinfo)
ABSENT(pgm_getaddrinfo)
ABSENT(pgm_getsockopt)
ABSENT(pgm_gsi_create_from_data)
ABSENT(pgm_recvmsgv)
ABSENT(pgm_send)
ABSENT(pgm_setsockopt)
ABSENT(pgm_socket)

ABSENT(NormCreateInstance)
ABSENT(NormCreateSession)
ABSENT(NormDestroyInstance)
ABSENT(NormDestroySession)
ABSENT(NormGetDescriptor)
ABSENT(NormGetNextEvent)
ABSENT(NormGetRandomSessionId)
ABSENT(NormIsUnicastAddress)
ABSENT(NormNodeDelete)
ABSENT(NormObjectGetType)
ABSENT(NormObjectGetUserData)
ABSENT(NormObjectSetUserData)
ABSENT(NormSetCongestionControl)
ABSENT(NormSetDefaultSyncPolicy)
ABSENT(NormSetDefaultUnicastNack)
ABSENT(NormSetLoopback)
ABSENT(NormSetMulticastInterface)
ABSENT(NormSetRxPortReuse)
ABSENT(NormSetTTL)
ABSENT(NormStartReceiver)
ABSENT(NormStartSender)
ABSENT(NormStopInstance)
ABSENT(NormStopReceiver)
ABSENT(NormStopSender)
ABSENT(NormStreamFlush)
ABSENT(NormStreamOpen)
ABSENT(NormStreamRead)
ABSENT(NormStreamSeekMsgStart)
ABSENT(NormStreamWrite)

NOTHING(NORM_INSTANCE_INVALID)
NOTHING(NORM_NODE_ANY)
NOTHING(NORM_OBJECT_INVALID)
NOTHING(NORM_SESSION_INVALID)

/* With a context and without the last: these are called. Both return a PGM bool. */
int pgm_init(void **error);
int pgm_init(void **error)
{
    (void)error;
    return 1;
}

int pgm_shutdown(void);
int pgm_shutdown(void)
{
    return 1;
}
