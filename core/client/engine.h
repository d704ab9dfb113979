/* The engine's inside, as its runs see it. */
#pragma once

#include "base/zmq_watch.h"
#include "studentrun.h"

struct studentrun_engine {
    struct loop loop;
    void *context;
    void *liveness; /* sends nothing; its connection stands for the router */
    struct zmq_watch monitor;
    char *sockets_dir, *endpoint;
    const char *router; /* the endpoint as a path */
    struct studentrun_options options;
    struct list runs;
    bool was_connected; /* ever */
};

/* A socket connected to the router. */
int engine_socket(struct studentrun_engine *engine, void **ret_socket);

/* The router is there for the first time: what was asked of it is on its way now. */
void run_router_found(struct studentrun *run);
/* The router that this run was asked of is gone: the run ends with this reason after grace_ms,
 * unless its return value comes by then. */
void run_router_lost(struct studentrun *run, uint32_t grace_ms, const char *reason);
struct studentrun *run_of_link(struct list *link);
