#include <mosquitto.h>
#include <mqtt_protocol.h>
/* The session's own loop is woken by an eventfd, which Swift's Glibc module does not show. */
#include <sys/eventfd.h>
