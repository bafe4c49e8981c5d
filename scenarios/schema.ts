// The scenario language as one schema, and as JSON Schema for editors.
// Not here: reading YAML and pointing at mistakes (language/scenario.ts), what a step does
// (runner/).

import { z } from 'zod'
import { Name } from '#proto/vm-spec.ts'
import { ClientPart, ClusterPart, TypistPart, VmPart } from './language/cluster.ts'
import { Expectation } from './language/expectations.ts'
import { GroupPart, RulePart } from './language/high-availability.ts'
import { PersonPart } from './language/persons.ts'
import { Step } from './language/timeline.ts'

export const Scenario = z
  .strictObject({
    name: Name.describe('As the folder is called'),
    about: z.string().min(1).describe('One sentence: what this shows'),
    seed: z.int().min(0).default(1).describe('For whatever is chosen at random'),
    repetitions: z
      .int()
      .min(1)
      .max(1000)
      .default(1)
      .describe('It is run so often, each time with the next seed, and passes when all have'),
    cluster: ClusterPart,
    traces: z
      .string()
      .regex(/^[a-z0-9.-]+\.csv$/, 'name a .csv file of the folder')
      .optional()
      .describe('Load traces: a file of the folder, a VM a line (docs/scenarios.md)'),
    vms: z.array(VmPart).default([]).describe('The VMs'),
    groups: z.array(GroupPart).default([]).describe('VMs that are declared about together'),
    rules: z.array(RulePart).default([]).describe('Which VMs belong where'),
    persons: z.array(PersonPart).default([]).describe('Who has an account; without any: nobody'),
    clients: z.array(ClientPart).default([]).describe('Who writes to them meanwhile'),
    typists: z.array(TypistPart).default([]).describe('Who works at their screens meanwhile'),
    timeline: z.array(Step).default([]).describe('What happens'),
    expectations: z.array(Expectation).default([]).describe('What should come of it'),
  })
  .meta({ title: 'Godwit scenario' })

export type Scenario = z.infer<typeof Scenario>

/** What an editor needs to complete and check scenario.yaml (JSON Schema 2020-12). */
export const scenarioJsonSchema = (): JsonSchema =>
  z.toJSONSchema(Scenario, { io: 'input' }) as JsonSchema

/** The part of JSON Schema that our own schema uses. */
export interface JsonSchema {
  readonly title?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly oneOf?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
}
