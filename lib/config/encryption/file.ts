/**
 * Reads an EncryptionConfiguration that a cluster already uses, in YAML or JSON. It is as strict as kube-apiserver: an
 * unknown field is a problem, so that no part of the file is lost when it is rewritten.
 *
 * @module
 */
import { readYaml } from "../../base/yaml_positions.ts";
import { Problems } from "../problems.ts";
import { hasAnchors } from "./document.ts";
import type { EncryptionEntry } from "./entries.ts";
import { listMistakes, maskedNames } from "./rules.ts";
import { Walker } from "./walker.ts";

export type { EncryptionEntry, EncryptionProvider, KmsEntry } from "./entries.ts";

/** A file that kube-apiserver accepts. */
export interface EncryptionFile {
  readonly entries: readonly EncryptionEntry[];
  /** Sentences about keys for which kube-apiserver would refuse the file. */
  readonly doubts: readonly string[];
  /**
   * Fails with a complaint about a provider's name.
   *
   * @throws {KmsError} `config`, with the file's name and the position of the name.
   */
  complainOfName(entry: number, provider: number, text: string): never;
}

/**
 * Parses and validates the text of a file.
 *
 * @param path as the operator gave it.
 * @throws {KmsError} `config`, one line `path:line:column: field: …` for each problem; no line contains a key.
 */
export function readEncryptionFile(path: string, text: string): EncryptionFile {
  const yaml = readYaml(text);
  const problems = new Problems(path, yaml.position);
  for (const { position, text } of yaml.problems) problems.atPosition(position, text);
  if (yaml.value === undefined) return problems.fail();
  if (hasAnchors(text)) {
    problems.at([], "anchors (&) and aliases (*) cannot be carried over; write out what they stand for");
  }
  refuseLoneReturns(text, problems);
  const walker = new Walker(problems, yaml.position);
  const entries = walker.file(yaml.value);
  checkLists(entries, problems);
  problems.throwIfAny();
  return {
    entries,
    doubts: walker.doubts,
    complainOfName(entry, provider, text) {
      problems.at(["resources", entry, "providers", provider, "kms", "name"], text);
      return problems.fail();
    },
  };
}

/** Refuses a lone carriage return: it is a line break in YAML, but not for the package that writes YAML. */
function refuseLoneReturns(text: string, problems: Problems): void {
  const before = /^[^\r]*(?:\r\n[^\r]*)*(?=\r(?!\n))/.exec(text)?.[0].split("\n");
  if (before === undefined) return;
  const position = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  problems.atPosition(position, "a carriage return stands here alone; end lines with a newline");
}

function checkLists(entries: readonly EncryptionEntry[], problems: Problems): void {
  const lists = entries.map(({ resources }) => resources);
  lists.forEach((list, entry) => {
    for (const { index, text } of listMistakes(list)) problems.at(["resources", entry, "resources", index], text);
  });
  for (const { entry, index, by } of maskedNames(lists)) {
    const text = `is covered by "${by}" of an earlier entry, and kube-apiserver refuses that`;
    problems.at(["resources", entry, "resources", index], text);
  }
}
