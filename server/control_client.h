/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/control_client.h - the agent's view of the control plane, over a struct client. Keeps one registry password and
 * renews it well before it expires. An interrupt ends all calls of the client within about a second, and every later one. Thread-safe. */
#include "launcher/agent/agent.h"
#include "server/client.h"

struct control_client;
struct control_client *control_client_new(struct client *borrowed);
void control_client_free(struct control_client *c);
/* Where its plane reads objects of S3; borrowed. Without, it cannot. */
struct s3_reader;
void control_client_set_s3(struct control_client *c, struct s3_reader *s3);
struct control_plane control_client_plane(struct control_client *c);
