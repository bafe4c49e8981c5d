// The part of the WebAssembly JavaScript API that the engine uses, as types.
// TypeScript has them only in its DOM library, whose other globals (window, document, ...) the
// engine must not see: it runs in worker threads of Node and, one day, of a browser.
// Source: WebAssembly JavaScript Interface, W3C, sections 5.1 to 5.6.

declare namespace WebAssembly {
  type AnyFunction = (...args: never) => unknown
  type ImportValue = AnyFunction | Global | Memory | Table | number | bigint
  type Imports = Record<string, Record<string, ImportValue>>
  type ExportValue = AnyFunction | Global | Memory | Table
  type Exports = Record<string, ExportValue>

  interface MemoryDescriptor {
    /** In WebAssembly pages of 64 KiB. */
    initial: number
    maximum?: number
    shared?: boolean
  }

  interface Memory {
    /** A SharedArrayBuffer when the memory was made `shared`. */
    readonly buffer: ArrayBuffer | SharedArrayBuffer
    grow(deltaPages: number): number
  }
  const Memory: { prototype: Memory; new (descriptor: MemoryDescriptor): Memory }

  interface Module {
    readonly [Symbol.toStringTag]: string
  }
  const Module: {
    prototype: Module
    new (bytes: ArrayBuffer | ArrayBufferView): Module
    exports(module: Module): { name: string; kind: string }[]
    imports(module: Module): { module: string; name: string; kind: string }[]
  }

  interface Instance {
    readonly exports: Exports
  }
  const Instance: { prototype: Instance; new (module: Module, imports?: Imports): Instance }

  interface Global {
    value: number | bigint
  }
  const Global: {
    prototype: Global
    new (descriptor: { value: string; mutable?: boolean }, value?: number | bigint): Global
  }

  interface Table {
    readonly length: number
    get(index: number): unknown
    set(index: number, value?: unknown): void
    grow(delta: number, value?: unknown): number
  }
  const Table: {
    prototype: Table
    new (descriptor: { element: string; initial: number; maximum?: number }): Table
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function compile(bytes: ArrayBuffer | ArrayBufferView): Promise<Module>
  function validate(bytes: ArrayBuffer | ArrayBufferView): boolean
}
