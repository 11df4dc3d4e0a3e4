/**
 * Mutants of a source file: each is the file with one small change that a good test notices.
 *
 * @module
 */
import ts from "typescript";

/** One change. */
export interface Mutant {
  /** The path from the root of the repository. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The name of its row in {@linkcode operators}. */
  readonly operator: string;
  /** The text of the original, and that of the mutant. */
  readonly from: string;
  readonly to: string;
  /** The place of the original in the file, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
}

type Change = readonly [start: number, end: number, to: string];

const swaps: Readonly<Record<string, readonly string[]>> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "&&": ["||"],
  "||": ["&&"],
  "??": ["&&"],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "&": ["|"],
  "|": ["&"],
  "<<": [">>>"],
  ">>": ["<<"],
  ">>>": ["<<"],
};

/** Every way to change code, by name: which nodes it changes, and how. */
const operators = {
  /** Another operator between two values. */
  swap: (node, file) => {
    if (!ts.isBinaryExpression(node)) return [];
    const { operatorToken: token } = node;
    const text = token.getText(file);
    // A sum of texts with a minus is no number, which any test of the text notices: it would only be noise.
    if (text === "+" && [node.left, node.right].some(isText)) return [];
    return (swaps[text] ?? []).map((to): Change => [token.getStart(file), token.end, to]);
  },
  /** A number that is one more, and 0 where it is 1 or more. */
  number: (node, file) => {
    if (!ts.isNumericLiteral(node)) return [];
    const value = Number(node.text);
    const place = [node.getStart(file), node.end] as const;
    return Number.isSafeInteger(value) ? [[...place, String(value + 1)]] : [];
  },
  /** The other truth value. */
  truth: (node, file) => {
    if (node.kind !== ts.SyntaxKind.TrueKeyword && node.kind !== ts.SyntaxKind.FalseKeyword) return [];
    if (ts.isLiteralTypeNode(node.parent)) return [];
    return [[node.getStart(file), node.end, node.kind === ts.SyntaxKind.TrueKeyword ? "false" : "true"]];
  },
  /** A condition that always holds, and one that never does. */
  condition: (node, file) => {
    const condition = ts.isIfStatement(node) || ts.isWhileStatement(node)
      ? node.expression
      : ts.isConditionalExpression(node)
      ? node.condition
      : undefined;
    if (condition === undefined) return [];
    const place = [condition.getStart(file), condition.end] as const;
    // A loop that never ends is noticed by its time alone.
    return ts.isWhileStatement(node) ? [[...place, "false"]] : [[...place, "true"], [...place, "false"]];
  },
  /** A negation that is gone. */
  negation: (node, file) =>
    ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken
      ? [[node.getStart(file), node.operand.getStart(file), ""]]
      : [],
  /** A statement that is gone: a call, an assignment, a throw. */
  statement: (node, file) => {
    const gone = ts.isExpressionStatement(node) || ts.isThrowStatement(node);
    return gone ? [[node.getStart(file), node.end, ";"]] : [];
  },
  /** A text of a format that is another one; sentences for people are no format. */
  text: (node, file) => {
    if (!ts.isStringLiteral(node) || node.text === "" || / /.test(node.text) && !/^trousseau/.test(node.text)) {
      return [];
    }
    const parent = node.parent;
    const ofTypes = ts.isLiteralTypeNode(parent) || ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent);
    return ofTypes ? [] : [[node.getStart(file), node.end, JSON.stringify(`${node.text}x`)]];
  },
  /** A part of a call's list or of an array that is gone. */
  element: (node, file) =>
    ts.isArrayLiteralExpression(node) && node.elements.length > 1
      ? node.elements.map((element, index): Change => {
        const next = node.elements[index + 1];
        const previous = node.elements[index - 1];
        if (next !== undefined) return [element.getStart(file), next.getStart(file), ""];
        return [previous?.end ?? element.getStart(file), element.end, ""];
      })
      : [],
} as const satisfies Record<string, (node: ts.Node, file: ts.SourceFile) => readonly Change[]>;

/**
 * All mutants of a file, in the order of their places.
 *
 * @param file its path, for the report.
 */
export function mutantsOf(file: string, source: string): readonly Mutant[] {
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.ES2022, true);
  const found: Mutant[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isImportDeclaration(node)) return;
    for (const [operator, changes] of Object.entries(operators)) {
      for (const [start, end, to] of changes(node, parsed)) {
        const line = parsed.getLineAndCharacterOfPosition(start).line + 1;
        found.push({ file, line, operator, from: source.slice(start, end), to, start, end });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found.toSorted((one, other) => one.start - other.start);
}

/** A mutant that behaves as the original. It is found by the text of its line, since the number changes with the lines above. */
export interface Equivalent extends Pick<Mutant, "file" | "operator" | "from" | "to"> {
  /** The line of the original, without the space around it. */
  readonly line: string;
  readonly reason: string;
}

/** The identity of a mutant in the list of those that behave as the original. */
export function identityOf(mutant: Mutant, source: string): string {
  return identityIn({ ...mutant, line: source.split("\n")[mutant.line - 1]?.trim() ?? "" });
}

/** The identity of the mutant that a row of the list means. */
export function identityIn({ file, operator, from, to, line }: Omit<Equivalent, "reason">): string {
  return [file, operator, from, to, line].join(" | ");
}

/** The source with the change made. */
export function mutated(source: string, { start, end, to }: Mutant): string {
  return source.slice(0, start) + to + source.slice(end);
}

function isText(node: ts.Node): boolean {
  return ts.isStringLiteral(node) || ts.isTemplateLiteral(node) ||
    (ts.isBinaryExpression(node) && (isText(node.left) || isText(node.right)));
}
