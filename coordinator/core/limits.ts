// The coordinator's own numbers, each with its reason and its relation to the others. Lease, margin
// and heartbeat are settings (units.ts has their defaults): two rooms must agree on those, nobody
// else needs to know these.

/** A fence device that has failed, or does not answer, is asked again after this. */
export const fenceAgainMs = 5000

/** Heartbeats a node may miss before it is `suspect`. Below the lease: 3 × 250 ms < 2500 ms. */
export const heartbeatsMissedMax = 3

/**
 * A VM that its live node no longer reports is lost only after this. An agent delivers the events
 * that a broken link held up right after its hello: "it shut itself down" must win over "it is not
 * there".
 */
export const absentGraceMs = 1000
/**
 * The same for a VM that this node never confirmed over this link: its report may still be on the
 * way.
 */
export const unconfirmedGraceMs = 5000

/** A waiting VM asks for a node again after this; and after a node refused it for want of room. */
export const placementRetryMs = 250
export const refusedRetryMs = 1000

/**
 * A start that neither result nor report answers in this time is given up (and gets a new epoch).
 */
export const startAnswerMsMax = 15_000

/**
 * `run` goes from source to destination in a round trip: a release that has no sequel for this long
 * is in doubt.
 */
export const releasedDoubtMs = 1500
/**
 * A source that copies reports each 250 ms; after this silence it is asked by a cancel, which
 * always has an answer.
 */
export const migrationSilenceMs = 5000

/** A stale copy is told to go once in this time, not at every heartbeat. */
export const dropRepeatMs = 1000

/**
 * Expected CPU demand over cores: beyond this nothing more is placed. Above 1, for demands seldom
 * coincide.
 */
export const cpuOvercommitMax = 4

/** Ended migrations and events kept (in memory, in the store). A view shows 200 of each. */
export const endedMigrationsKept = 200
export const eventsKept = 1000
export const viewEvents = 200

/** Page logs kept, in memory only: each is a MB or two at most (runNumbersMax of proto). */
export const pageLogsKept = 32

/**
 * Removed VMs whose last node could not be told; remembered so that a late report does not bring
 * them back.
 */
export const tombstonesKept = 10_000
/** Incarnations of a node that a newer one displaced, and that may not come back. */
export const displacedKept = 20

/** Layers of a disk; each clone adds one to parent and child (DiskRef allows 64). */
export const diskLayersMax = 63
/**
 * Of a disk with more layers some are merged: a read looks through them all, and each is an open
 * file. Far below the most, so that there is time for it.
 */
export const mergeLayersAbove = 16
/** More would only share the same store. */
export const mergesPerNodeMax = 1
/** A merge that failed is tried again after this, doubled each time up to the longest. */
export const mergeRetryMs = 1000
export const mergeRetryMsMax = 60_000

/**
 * Migrations at once, in all and out of or into a node: more would only share the same links and
 * cores, and stretch every downtime. An operator with more of both may say so.
 */
export const migrationsMax = 4
export const migrationsPerNodeMax = 1

/** Rebalancing: how often, and how long a VM that was moved stays where it is. */
export const rebalanceEveryMs = 5000
export const moveCooldownMs = 30_000

/**
 * A node that was fenced so often within this time flaps: others are preferred to it, and nothing
 * goes back to it by itself.
 */
export const flapsMax = 3
export const flapWindowMs = 600_000

/** Consolidation: how often it is thought of, and how long after a plan the next one is not. */
export const consolidateEveryMs = 1000
export const consolidateRestMs = 15_000

/** How often the rules are looked at, and how many moves of theirs are under way at once. */
export const keepRulesEveryMs = 500
export const ruleMovesMax = 4
/** A move that failed is tried again after this, doubled each time up to the longest. */
export const ruleRetryMs = 2000
export const ruleRetryMsMax = 60_000

/**
 * A VM that crashed or could not start waits for this before its next start, doubled each time;
 * when it has run for so long, it has begun anew.
 */
export const restartBackoffMs = 500
export const restartBackoffMsMax = 30_000
export const restartsForgottenMs = 60_000
