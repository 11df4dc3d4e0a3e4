import assert from "node:assert/strict";
import { compareVersions, readElf } from "./elf.ts";

Deno.test("readElf() refuses what is no 64-bit little-endian ELF file", () => {
  assert.throws(() => readElf(new TextEncoder().encode("#!/bin/sh\nexit 0\n".padEnd(64, "#"))), /no 64-bit/);
  const big = new Uint8Array(64);
  big.set([0x7f, 0x45, 0x4c, 0x46, 2, 2]);
  assert.throws(() => readElf(big), /no 64-bit/);
});

Deno.test("readElf() refuses another machine", () => {
  const riscv = new Uint8Array(64);
  riscv.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  riscv[18] = 0xf3;
  assert.throws(() => readElf(riscv), /neither for amd64 nor for arm64/);
});

Deno.test("readElf() refuses a file without program headers", () => {
  const bare = new Uint8Array(64);
  bare.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  bare[18] = 0x3e;
  assert.throws(() => readElf(bare), /not dynamically linked/);
});

Deno.test("compareVersions() orders by number, not by letter", () => {
  assert.deepEqual(["2.27", "2.4", "2.4.1", "3.0", "2.36"].sort(compareVersions), [
    "2.4",
    "2.4.1",
    "2.27",
    "2.36",
    "3.0",
  ]);
});
