/* Telling a service manager how the service is: sd_notify(3)'s protocol, a datagram. */
#pragma once

/* state: "READY=1" and the like. Nothing happens where no service manager asks for it. */
void notify_service_manager(const char *state);
