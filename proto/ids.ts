// Names of things, branded so that one kind of id is never taken for another.
// A brand costs nothing at run time: every id is a plain string or number on the wire.
// Units: an Epoch is a whole number from 0.

declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

export type VmId = Branded<string, 'VmId'>
export type NodeId = Branded<string, 'NodeId'>
export type MigrationId = Branded<string, 'MigrationId'>
/** Names one command of the coordinator to an agent; the agent's result carries it back. */
export type CommandId = Branded<string, 'CommandId'>
/** Grows with each start of a VM anywhere; whatever carries an older one is refused. */
export type Epoch = Branded<number, 'Epoch'>

/**
 * A name that is safe in a file name, a URL and a metric label: what a VM or a node may be called.
 */
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
/** So many that fits. */
export const nameLettersMax = 63
/** Before the name of a template in the store, where both together are one name. */
export const templatePrefix = 'template-'
/** So many of its own a template has at most. */
export const templateLettersMax = nameLettersMax - templatePrefix.length

export const asVmId = (name: string): VmId => name as VmId
export const asNodeId = (name: string): NodeId => name as NodeId
export const asMigrationId = (name: string): MigrationId => name as MigrationId
export const asCommandId = (name: string): CommandId => name as CommandId
export const asEpoch = (value: number): Epoch => value as Epoch
