/**
 * Passwords: uniform over all texts that fulfil a policy.
 *
 * A password is drawn in three steps that together give each permitted text the same probability: how many characters each
 * class has, weighted by the number of texts with these counts; in which places they stand; which characters they are.
 * Drawing whole passwords until one fulfils the policy would give the same distribution and could take for ever.
 *
 * @module
 */
import { type CharacterClass, characterClasses } from "../../../api/keyring/generator_limits.ts";
import { charactersOf, type PasswordSpec } from "../../../api/keyring/generators.ts";
import { log2Of, shuffled, uniformBelow, uniformBigBelow } from "./random.ts";

/** A class in use. */
interface UsedClass {
  readonly characters: string;
  readonly least: number;
}

/** A password, and the binary logarithm of the number of permitted passwords. */
export function generatePassword(spec: PasswordSpec): { readonly text: string; readonly bits: number } {
  const classes = usedClasses(spec);
  const counted = new PolicyCounts(classes, spec.length);
  const places = shuffled(counted.draw().flatMap((count, at) => Array<number>(count).fill(at)));
  const text = places.map((at) => pick(classes[at]?.characters ?? "")).join("");
  return { text, bits: log2Of(counted.total) };
}

/** The number of passwords that a policy permits; 1 or more. */
export function passwordCount(spec: PasswordSpec): bigint {
  return new PolicyCounts(usedClasses(spec), spec.length).total;
}

function usedClasses(spec: PasswordSpec): readonly UsedClass[] {
  return (Object.keys(characterClasses) as CharacterClass[]).flatMap((name) => {
    const least = spec.classes[name];
    return least === undefined ? [] : [{ characters: charactersOf(spec, name), least }];
  });
}

function pick(characters: string): string {
  return characters.charAt(uniformBelow(characters.length));
}

/** Counts the texts of a length whose characters come from classes, each with a least number. */
class PolicyCounts {
  readonly #classes: readonly UsedClass[];
  readonly #length: number;
  /** By class and length: the number of texts of this length from this class and those behind it. */
  readonly #texts: readonly (readonly bigint[])[];

  constructor(classes: readonly UsedClass[], length: number) {
    this.#classes = classes;
    this.#length = length;
    const none = Array.from({ length: length + 1 }, (_, size) => size === 0 ? 1n : 0n);
    this.#texts = classes.reduceRight<readonly (readonly bigint[])[]>(
      (behind, one) => [none.map((_, size) => sum(weights(one, size, behind[0] ?? none))), ...behind],
      [none],
    );
  }

  get total(): bigint {
    return this.#texts[0]?.[this.#length] ?? 0n;
  }

  /** The number of characters of each class: a draw in which each choice is weighted by the texts that have it. */
  draw(): readonly number[] {
    let left = this.#length;
    return this.#classes.map((one, at) => {
      const count = weightedIndex(weights(one, left, this.#texts[at + 1] ?? []));
      left -= count;
      return count;
    });
  }
}

/**
 * For each number of characters of a class: the number of texts of length `size` with so many of them, in any places, and
 * the rest from the classes behind it.
 */
function weights({ characters, least }: UsedClass, size: number, behind: readonly bigint[]): readonly bigint[] {
  let ways = 1n;
  return Array.from({ length: size + 1 }, (_, count) => {
    // Choices of places times choices of characters: C(size, count) · characters^count, from its predecessor.
    if (count > 0) ways = ways * BigInt((size - count + 1) * characters.length) / BigInt(count);
    return count < least ? 0n : ways * (behind[size - count] ?? 0n);
  });
}

function weightedIndex(parts: readonly bigint[]): number {
  let drawn = uniformBigBelow(sum(parts));
  return parts.findIndex((part) => {
    drawn -= part;
    return drawn < 0n;
  });
}

function sum(parts: readonly bigint[]): bigint {
  return parts.reduce((total, part) => total + part, 0n);
}
