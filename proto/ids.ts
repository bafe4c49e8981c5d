// Names of things, branded so that one kind of id is never taken for another.
// A brand costs nothing at run time: every id is a plain string or number on the wire.
// Units: an Epoch and a PageIndex are whole numbers from 0; a Gpa is a byte address,
// a number < 2^53.

declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

export type VmId = Branded<string, 'VmId'>
export type NodeId = Branded<string, 'NodeId'>
export type MigrationId = Branded<string, 'MigrationId'>
/** Names one command of the coordinator to an agent; the agent's result carries it back. */
export type CommandId = Branded<string, 'CommandId'>
/** Grows with each start of a VM anywhere; whatever carries an older one is refused. */
export type Epoch = Branded<number, 'Epoch'>
/** Guest physical address, bytes. */
export type Gpa = Branded<number, 'Gpa'>
/** (GPA - start of RAM) / 4,096: the n-th page of a VM's RAM. */
export type PageIndex = Branded<number, 'PageIndex'>

/**
 * A name that is safe in a file name, a URL and a metric label: what a VM or a node may be called.
 */
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

export const asVmId = (name: string): VmId => name as VmId
export const asNodeId = (name: string): NodeId => name as NodeId
export const asMigrationId = (name: string): MigrationId => name as MigrationId
export const asCommandId = (name: string): CommandId => name as CommandId
export const asEpoch = (value: number): Epoch => value as Epoch
export const asPageIndex = (value: number): PageIndex => value as PageIndex
