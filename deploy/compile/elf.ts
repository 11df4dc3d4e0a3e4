/**
 * The requirements of an ELF file: its loader, its libraries and the versions of their symbols.
 *
 * Layouts are those of the System V ABI for 64-bit little-endian files, which both amd64 and arm64 Linux are.
 *
 * @module
 */
import { elfMachine } from "../../lib/release/elf_header.ts";

/** The requirements of a dynamically linked file. */
export interface ElfNeeds {
  readonly machine: "amd64" | "arm64";
  /** The path of the dynamic loader. */
  readonly interpreter: string;
  /** Shared libraries by name, sorted. */
  readonly libraries: readonly string[];
  /** The newest `GLIBC_` version that any symbol asks for, as in `2.27`. */
  readonly glibc: string;
}

const programType = { load: 1, dynamic: 2, interpreter: 3 } as const;
const dynamicTag = { needed: 1, stringTable: 5, versionNeeds: 0x6ffffffe, versionNeedsCount: 0x6fffffff } as const;

interface Program {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/**
 * Reads the program headers and the dynamic section.
 *
 * @throws {Error} if this is no dynamically linked 64-bit little-endian ELF file for amd64 or arm64.
 */
export function readElf(bytes: Uint8Array): ElfNeeds {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) {
    throw new Error("Cannot read the file: it is no 64-bit little-endian ELF file.");
  }
  const machine = elfMachine(bytes);
  if (machine === undefined) throw new Error("Cannot read the ELF file: it is neither for amd64 nor for arm64.");
  const programs = readPrograms(view);
  const interpreter = find(programs, programType.interpreter);
  const dynamic = readDynamic(view, find(programs, programType.dynamic));
  const strings = fileOffset(programs, single(dynamic, dynamicTag.stringTable));
  const needed = (dynamic.get(dynamicTag.needed) ?? []).map((at) => text(bytes, strings + at));
  return {
    machine,
    interpreter: text(bytes, interpreter.offset),
    libraries: needed.sort(),
    glibc: newestGlibc(symbolVersions(view, bytes, programs, dynamic, strings)),
  };
}

function readPrograms(view: DataView): Program[] {
  const start = long(view, 32);
  const entrySize = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * entrySize;
    return {
      type: view.getUint32(at, true),
      offset: long(view, at + 8),
      address: long(view, at + 16),
      size: long(view, at + 32),
    };
  });
}

function readDynamic(view: DataView, program: Program): Map<number, number[]> {
  const entries = new Map<number, number[]>();
  for (let at = program.offset; at < program.offset + program.size; at += 16) {
    const tag = long(view, at);
    if (tag === 0) break;
    entries.set(tag, [...entries.get(tag) ?? [], long(view, at + 8)]);
  }
  return entries;
}

function symbolVersions(
  view: DataView,
  bytes: Uint8Array,
  programs: readonly Program[],
  dynamic: ReadonlyMap<number, readonly number[]>,
  strings: number,
): string[] {
  const versions: string[] = [];
  let need = fileOffset(programs, single(dynamic, dynamicTag.versionNeeds));
  for (let left = single(dynamic, dynamicTag.versionNeedsCount); left > 0; left--) {
    let entry = need + view.getUint32(need + 8, true);
    for (let names = view.getUint16(need + 2, true); names > 0; names--) {
      versions.push(text(bytes, strings + view.getUint32(entry + 8, true)));
      entry += view.getUint32(entry + 12, true);
    }
    need += view.getUint32(need + 12, true);
  }
  return versions;
}

function newestGlibc(versions: readonly string[]): string {
  const numbers = versions.filter((name) => /^GLIBC_[0-9.]+$/.test(name)).map((name) => name.slice("GLIBC_".length));
  const newest = numbers.sort(compareVersions).at(-1);
  if (newest === undefined) throw new Error("Cannot read the ELF file: it asks for no version of glibc.");
  return newest;
}

/** Orders dotted numbers: `2.4` before `2.27`. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left.split(".").map(Number), right.split(".").map(Number)];
  const differing = a.findIndex((part, index) => part !== (b[index] ?? 0));
  return differing < 0 ? a.length - b.length : (a[differing] ?? 0) - (b[differing] ?? 0);
}

function find(programs: readonly Program[], type: number): Program {
  const program = programs.find((candidate) => candidate.type === type);
  if (program === undefined) throw new Error("Cannot read the ELF file: it is not dynamically linked.");
  return program;
}

function single(dynamic: ReadonlyMap<number, readonly number[]>, tag: number): number {
  const [value] = dynamic.get(tag) ?? [];
  if (value === undefined) throw new Error(`Cannot read the ELF file: its dynamic section lacks tag ${tag}.`);
  return value;
}

function fileOffset(programs: readonly Program[], address: number): number {
  const segment = programs.find(({ type, address: start, size }) =>
    type === programType.load && address >= start && address < start + size
  );
  if (segment === undefined) throw new Error("Cannot read the ELF file: an address lies outside its segments.");
  return address - segment.address + segment.offset;
}

function long(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function text(bytes: Uint8Array, at: number): string {
  return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
}
