/**
 * Repeated logic: functions and sequences of statements whose tokens are equal once all identifiers are the same.
 *
 * @module
 */
import ts from "typescript";
import type { SourceFile } from "./sources.ts";

/** A place of repeated code. */
export interface Place {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The last line. */
  readonly last: number;
}

/** Places with equal code. */
export interface Repetition {
  /** Tokens at each place. */
  readonly tokens: number;
  readonly places: readonly Place[];
}

interface Unit extends Place {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
  readonly key: string;
}

/**
 * Finds groups of equal code, the most tokens that could be saved first.
 *
 * Statements are compared within one block at a time, so that a group is never a part of two functions. Imports, types
 * and interfaces do not count. Literals have to be equal.
 *
 * @param least tokens that a place has at least.
 */
export function repetitions(files: readonly SourceFile[], least: number): readonly Repetition[] {
  const groups = new Map<string, Unit[]>();
  const streams = new Streams();
  for (const file of files) {
    for (const unit of unitsOf(file, least, streams)) {
      const group = groups.get(unit.key);
      if (group === undefined) groups.set(unit.key, [unit]);
      else if (!group.some((one) => overlap(one, unit))) group.push(unit);
    }
  }
  const found = [...groups.values()].filter((group) => group.length > 1)
    .toSorted(([a], [b]) => (b?.tokens ?? 0) - (a?.tokens ?? 0));
  const kept: Unit[][] = [];
  for (const group of found) {
    // A group within a larger one of as many places says nothing new.
    if (!kept.some((larger) => group.every((unit) => larger.some((one) => contains(one, unit))))) kept.push(group);
  }
  return kept.map((group) => ({
    tokens: group[0]?.tokens ?? 0,
    places: group.map(({ path, line, last }) => ({ path, line, last })),
  })).toSorted((a, b) => b.tokens * (b.places.length - 1) - a.tokens * (a.places.length - 1));
}

function overlap(a: Unit, b: Unit): boolean {
  return a.path === b.path && a.start < b.end && b.start < a.end;
}

function contains(a: Unit, b: Unit): boolean {
  return a.path === b.path && a.start <= b.start && b.end <= a.end;
}

/** Gives equal token streams the same number: numbers are compared in place of long texts. */
class Streams {
  readonly #numbers = new Map<string, number>();

  numberOf(tokens: readonly string[]): number {
    const text = tokens.join(" ");
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }
}

function unitsOf({ path, text }: SourceFile, least: number, streams: Streams): readonly Unit[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const units: Unit[] = [];
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1;
  const add = (start: number, end: number, tokens: number, key: string) => {
    if (tokens >= least) units.push({ path, line: lineOf(start), last: lineOf(end), start, end, tokens, key });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const tokens = tokensOf(node, source);
      add(node.getStart(source), node.end, tokens.length, `${streams.numberOf(tokens)}`);
    }
    if (ts.isBlock(node) || ts.isSourceFile(node)) {
      const statements = node.statements.filter((one) => !isDeclarationOnly(one)).map((statement) => {
        const tokens = tokensOf(statement, source);
        return { statement, size: tokens.length, number: streams.numberOf(tokens) };
      });
      statements.forEach(({ statement: first }, from) => {
        let [tokens, key] = [0, ""];
        for (const { statement, size, number } of statements.slice(from)) {
          [tokens, key] = [tokens + size, key === "" ? `${number}` : `${key} ${number}`];
          add(first.getStart(source), statement.end, tokens, key);
        }
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return units;
}

function isDeclarationOnly(node: ts.Node): boolean {
  return ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node);
}

function tokensOf(node: ts.Node, source: ts.SourceFile): readonly string[] {
  const children = node.getChildren(source).filter((child) => child.kind !== ts.SyntaxKind.JSDoc);
  if (children.length > 0) return children.flatMap((child) => tokensOf(child, source));
  const text = node.getText(source);
  if (text === "") return [];
  return [ts.isIdentifier(node) || ts.isPrivateIdentifier(node) ? "_" : text];
}
