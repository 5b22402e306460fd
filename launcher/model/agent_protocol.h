/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/agent_protocol.h - what the agent and the control plane say to each other.
 *
 * All calls go from the agent to the control plane, as AWS JSON 1.1 over the same port, signed with the node's access key:
 *   public ECS operations  RegisterContainerInstance, DeregisterContainerInstance, SubmitTaskStateChange
 *   one long poll          SlipwayAgent_V20261121.PollTasks (IAM action ecs:Poll)
 *   log answers            SlipwayAgent_V20261121.SubmitLogs (IAM action ecs:Poll)
 *
 * The protocol is level-triggered: PollTasks always answers the whole desired state of the instance, so a lost answer, a restart of
 * either side or a repeated call changes nothing.
 *
 * RegisterContainerInstance's instanceIdentityDocument is {"slipwayAgent": {"machine"?: string, "session": string}} as text: what tells this
 * machine from others, and this process from others that say they are the same instance. A machine other than the one that registered
 * the instance gets an instance of its own; of several processes the one that registered last is its agent.
 * PollTasks input   {cluster, containerInstance, session?: string, seenVersion?: long, waitSeconds?: 0..30}
 *   answers at once when the instance's version differs from seenVersion or a log request waits, else after waitSeconds.
 * PollTasks output  {version: long,
 *                    tasks: [{taskArn, taskDefinitionArn, desiredStatus: RUNNING|STOPPED, stopReason?: string,
 *                             group?, startedBy?, clusterArn, createdAt: epoch seconds, launchType, tags: [...],
 *                             containers: [{name, containerArn}],
 *                             taskDefinition: {the stored document}, overrides: {...},
 *                             knownStatus: last status the control plane has}],
 *                    logRequests: [{requestId, taskArn, containerName?: string, cursor?: string, maxBytes: int,
 *                                   waitSeconds: int}],
 *                    execRequests: [{sessionId, taskArn, containerName, command, tokenValue}]}
 *   execRequests: sessions of ExecuteCommand that the agent opens a WebSocket connection for, to /v1/data-channel/SESSION-ID, said by
 *   the token (docs/internals/exec.md). One that it does not open is said again.
 *   tasks: every task placed on the instance whose STOPPED state was not reported yet. A task that the agent knows and that is not
 *   listed any more is finished business: the agent stops what runs of it and forgets it (its logs stay for a while).
 * SubmitTaskStateChange input (AWS's members): {cluster, task, status, reason?, containers: [{containerName, runtimeId?, exitCode?,
 *   networkBindings?: [{bindIP, containerPort, hostPort, protocol}, or containerPortRange, hostPortRange], reason?, status, imageDigest?}],
 *   pullStartedAt?, pullStoppedAt?, executionStoppedAt?}; status is one of PENDING, RUNNING, STOPPED (containers: PENDING, RUNNING,
 *   STOPPED). Container health is reported by the member "healthStatus" (HEALTHY|UNHEALTHY|UNKNOWN) of SlipwayAgent's
 *   SubmitHealth {cluster, task, containers: [{containerName, healthStatus}]}.
 *   In awsvpc mode networkBindings is [{bindIP: the task's address}].
 *   task-level `reason` for STOPPED is stoppedReason's text; member "stopCode" travels in reason as "CODE: text" with CODE one of
 *   TaskFailedToStart, EssentialContainerExited, UserInitiated.
 * GetTaskCredentials (IAM action ecs:Poll) input {cluster, containerInstance, task, roleType: TASK|EXECUTION}, output {roleArn,
 *   accessKeyId, secretAccessKey, sessionToken, expiration: epoch seconds, deniedFiles?: [{file, message}]}: a session of the task's role, named after the task's id,
 *   for a task of the own instance. A ClientException is the last word: the role is not there or does not trust tasks.
 *   deniedFiles (of EXECUTION): environmentFiles, as arn:aws:s3:::BUCKET/KEY, that the role has no right to read (s3:GetObject).
 * GetTaskSecrets (IAM action ecs:Poll) input {cluster, containerInstance, task}, output {containers: [{containerName, secrets:
 *   [{name, value}], repositoryCredentials?: {username, password}}]}: what the containers' secrets and repositoryCredentials name, for
 *   a task of the own instance, read with the rights of its execution role.
 *   A ClientException is the last word: something is missing or denied.
 * SubmitLogs input  {containerInstance, requestId, records: [{containerName, stream: stdout|stderr, timestamp: long (us),
 *   message: string (base64 of the raw bytes), partial: bool}], cursor: string, finished: bool}
 *   cursor: where the next request goes on; finished: all containers asked for have ended and every record was sent.
 * PutTaskLogEvents (IAM action ecs:Poll) input {cluster, containerInstance, task, containerName, events: [{position: long,
 *   timestamp: long (ms), message}]}, output {position}: lines of a container with the log driver awslogs, for the stream that its task
 *   definition names; lostLines: how many are not among them because max-buffer-size was reached. Positions grow with each line of
 *   a container; those up to the stream's position were taken before and are left
 *   out, so sending again doubles nothing. The answer's position is what is stored durably.
 * GetTaskLogs (of people's clients, IAM action ecs:DescribeTasks) input {cluster?, task, containerName?, cursor?, maxBytes?,
 *   waitSeconds?}, output {records, cursor, finished} as the agent sent them.
 * ExplainPlacement (of people's clients, IAM action ecs:RunTask) input {cluster?, taskDefinition, count?, group?, overrides?,
 *   placementConstraints?, placementStrategy?} as RunTask's, output {placed, unplaced, instances: [{containerInstanceArn, verdict:
 *   CHOSEN|REJECTED|PASSED_OVER, tasks, reason?, text}]}.
 * SubmitMetrics (IAM action ecs:StartTelemetrySession), after polls, at most every five seconds: {cluster, containerInstance,
 *   cpuUnits?, memoryMiB?: what the whole machine uses, tasks: [{task, cpuMs: since its containers started, cpuUnits?: mean since the
 *   sample before, memoryBytes}]}. Kept in memory only.
 * GetUsage (of people's clients, IAM action ecs:DescribeClusters) {cluster?} -> {instances: [{containerInstanceArn, status,
 *   agentConnected, sampledAt?, cpuUnits?, memoryMiB?, registeredCpu, registeredMemory, reservedCpu, reservedMemory, tasks: [{taskArn,
 *   group, lastStatus, cpuUnits?, memoryBytes?}]}]}.
 * RegisterManagedInstance (of `slipway agent --activation-id`, signed with the activation: its id without hyphens is the access key
 *   id, its code the secret) input {}, output {managedInstanceId, accessKeyId, secretAccessKey}: the credentials of one external
 *   instance, for everything else.
 * A report about a task that is not known any more, and an answer that nobody waits for any more, are acknowledged. A poll for an
 * instance that is not known is an InvalidParameterException: register again. One for an instance that was deregistered is an
 * InstanceDeregisteredException: stop what runs, and register again only when the agent is started again. One of an agent in whose place
 * another has registered is an AgentSupersededException: the tasks are the other's now, so end what runs of them here and report nothing.
 */
#define AGENT_TARGET_PREFIX "SlipwayAgent_V20261121"
/* Of PollTasks: the instance was deregistered, which ends its agent's work until it is started again. */
#define AGENT_DEREGISTERED "InstanceDeregisteredException"
/* Of PollTasks: another process registered as this instance since. */
#define AGENT_SUPERSEDED      "AgentSupersededException"
#define AGENT_IDENTITY        "slipwayAgent"
#define AGENT_IDENTITY_MAX    128 /* bytes of its members */
#define AGENT_POLL_WAIT_MAX_S 30
#define AGENT_LOG_WAIT_MAX_S  20
#define AGENT_LOG_EVENTS_MAX  10000
