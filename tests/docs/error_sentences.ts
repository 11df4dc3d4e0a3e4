/**
 * The error sentences of the product, read from its source by the TypeScript compiler.
 *
 * A sentence is a string or template that reaches an operator through an error: an argument of the constructor of a class
 * of errors, an argument of a function that makes or throws one, a `why` of a table of meanings, or a word of a table of
 * failures; also a warning, a line of the log at `error` or `warn`, and a refusal over HTTP. Constants, tables and
 * functions of ours that a sentence puts in are followed. It may be a whole sentence or the end of one; a placeholder
 * stands as `{name}`.
 *
 * @module
 */
import { join, relative } from "node:path";
import ts from "typescript";

/** One sentence. */
export interface ErrorSentence {
  readonly text: string;
  /** Where it stands: paths from the root of the repository, without line numbers, sorted. */
  readonly files: readonly string[];
}

/** Errors of the programmer: they reach an operator as the sentence for an unknown failure, never by their own text. */
const programmersErrors = ["Error", "TypeError", "RangeError", "SyntaxError", "DOMException"];

/** Their strings name the attempted operation, as a part of another sentence. */
const namingActions = ["abortError", "orAborted", "actionOf"];

/** The text behind such a word is a line of the log, the text behind such a number a refusal over HTTP. */
const failing = /^(error|warn|lost|silent|failed|[45]\d\d)$/;

/** Fields of an object whose message is about a failure. */
const failures = /^(action: "(warning|accept_refused)"|type: "telemetry_port"|ready: false)$/;

/** Properties whose strings end a sentence. */
const endings = /^(why|since|problem|problems|hint|absent|complaint|advice)$/;

/** Functions that return the end of a sentence, and functions that note a complaint about a config. */
const wordings =
  /^(why|reason|complaint|problem)|^describe[A-Z]|(Why|Reason|Failure|Refusal|Problem|Mistake|Hint|Fault)$|^words$/;
const complaints = /^#?(complain|complainOf\w+|problem|refine|remark|note|warn|fail|at|atPosition)$/;

/** Strings that begin as an error does are sentences wherever they stand: in the rows of the log, a schema or a report. */
const beginnings =
  /^((Cannot|Trousseau (failed|cannot|may not)|Stored data|The state folder [{"][^ ]*|Every user of this machine|All of group|What this node has sealed|\{name\}: This|must|unknown key;|the process there) |(is missing|has no value|is empty|has too many); |is (too long|not valid)$)/;

/** Its sentences are verdicts on another plugin, not errors of this one. */
const verdicts = "lib/conformance/";

/** Constants by a server's codes, or by the fields that are refused: the end of a sentence for each. */
const codeTables = /^([a-z]+Codes|refused[A-Z]\w*Fields)$/;

/** Files whose strings are all ends of sentences. */
const tables = /_failures\.ts$/;

/**
 * @param root the folder of the repository, absolute.
 * @returns all sentences, sorted by text.
 */
export async function errorSentences(root: string): Promise<readonly ErrorSentence[]> {
  const program = ts.createProgram(await sources(join(root, "lib")), {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.full.d.ts"],
    types: [],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  });
  const validator = program.getTypeChecker();
  const found = new Map<string, Set<string>>();
  for (const file of program.getSourceFiles()) {
    if (!file.fileName.startsWith(join(root, "lib/")) || file.fileName.startsWith(join(root, verdicts))) continue;
    const path = relative(root, file.fileName);
    for (const text of sentencesIn(file, validator)) found.set(text, (found.get(text) ?? new Set()).add(path));
  }
  return [...found].map(([text, files]) => ({ text, files: [...files].sort() }))
    .sort((one, other) => one.text < other.text ? -1 : 1);
}

async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) found.push(...await sources(path));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) found.push(path);
  }
  return found.sort();
}

function sentencesIn(file: ts.SourceFile, validator: ts.TypeChecker): Set<string> {
  const found = new Set<string>();
  const seen = new Set<ts.Node>();
  const take = (node: ts.Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    const text = literal(node);
    if (text !== undefined) {
      if (isWording(text)) found.add(text.trim());
      return inserted(node).forEach(take);
    }
    if (ts.isFunctionLike(node) || isAction(node)) return;
    if (isNaming(node)) behind(node, validator).forEach(take);
    if (ts.isIdentifier(node) || ts.isElementAccessExpression(node)) return;
    ts.forEachChild(node, take);
  };
  const visit = (node: ts.Node): void => {
    takenFrom(node, validator).forEach(take);
    messageIn(node).forEach(take);
    const text = literal(node);
    if (text === undefined) return ts.forEachChild(node, visit);
    if (beginnings.test(text)) found.add(text.trim());
    // A template may hold a call that makes an error of its own.
    inserted(node).forEach(visit);
  };
  if (tables.test(file.fileName)) takeAll(file, take);
  else visit(file);
  return found;
}

/** A reference to a text that is written elsewhere. */
type Naming = ts.Identifier | ts.CallExpression | ts.ElementAccessExpression;

function isNaming(node: ts.Node): node is Naming {
  return ts.isIdentifier(node) || ts.isCallExpression(node) || ts.isElementAccessExpression(node);
}

/** A constant's value, a table's values, and the text that a called function of the product returns. */
function behind(node: Naming, validator: ts.TypeChecker): readonly ts.Node[] {
  const type = validator.getTypeAtLocation(node);
  // The result of an asynchronous function is followed as well.
  if (!mayBeText(validator.getAwaitedType(type) ?? type)) return [];
  if (ts.isCallExpression(node)) {
    const declaration = validator.getResolvedSignature(node)?.declaration;
    if (declaration === undefined || !isOurs(declaration)) return [];
    if (ts.isArrowFunction(declaration) && !ts.isBlock(declaration.body)) return [declaration.body];
    return "body" in declaration ? returned(declaration.body) : [];
  }
  const named = ts.isIdentifier(node) ? node : node.expression;
  const symbol = ts.isShorthandPropertyAssignment(named.parent)
    ? validator.getShorthandAssignmentValueSymbol(named.parent)
    : validator.getSymbolAtLocation(named);
  const declaration = symbol?.valueDeclaration;
  if (declaration === undefined || !ts.isVariableDeclaration(declaration) || !isOurs(declaration)) return [];
  return declaration.initializer === undefined ? [] : [declaration.initializer];
}

/** Also where the type is unknown, as that of a table's value is whose key comes from another package. */
function mayBeText(type: ts.Type): boolean {
  return type.isUnion()
    ? type.types.some(mayBeText)
    : (type.flags & (ts.TypeFlags.StringLike | ts.TypeFlags.Any)) !== 0;
}

/** Whether an expression names the attempted operation. */
function isAction(node: ts.Node): boolean {
  if (ts.isIdentifier(node)) return node.text === "action";
  if (ts.isPropertyAccessExpression(node)) return isAction(node.name);
  return ts.isCallExpression(node) && namingActions.includes(calledName(node));
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.includes("/lib/") && !node.getSourceFile().isDeclarationFile;
}

/** Every string of a file of tables, its functions included. */
function takeAll(node: ts.Node, take: (node: ts.Node) => void): void {
  if (literal(node) !== undefined && !ts.isImportDeclaration(node.parent)) return take(node);
  ts.forEachChild(node, (child) => takeAll(child, take));
}

/** The text behind a word of {@linkcode failing}, the message of an object of {@linkcode failures}, and a text with its place. */
function messageIn(node: ts.Node): readonly ts.Node[] {
  if (ts.isObjectLiteralExpression(node)) {
    const texts = node.properties.filter(({ name }) => name?.getText() === (isPlaced(node) ? "text" : "message"));
    if (!isPlaced(node) && !node.properties.some((property) => failures.test(property.getText()))) return [];
    return texts.map((property) =>
      ts.isPropertyAssignment(property) ? property.initializer : property.name ?? property
    );
  }
  const words = ts.isCallExpression(node) ? node.arguments : ts.isArrayLiteralExpression(node) ? node.elements : [];
  return words.filter((_, index) => {
    const before = words[index - 1];
    return before !== undefined && failing.test(ts.isNumericLiteral(before) ? before.text : literal(before) ?? "");
  });
}

/** Whether an object has the place in a file that its `text` is about. */
function isPlaced({ properties }: ts.ObjectLiteralExpression): boolean {
  return properties.some(({ name }) => name?.getText() === "position" || name?.getText() === "column");
}

/** The nodes below `node` whose strings are sentences. */
function takenFrom(node: ts.Node, validator: ts.TypeChecker): readonly ts.Node[] {
  if (ts.isNewExpression(node)) {
    const name = node.expression.getText();
    const isError = !programmersErrors.includes(name) && isErrorType(validator.getTypeAtLocation(node));
    return isError ? node.arguments ?? [] : [];
  }
  if (ts.isCallExpression(node)) {
    const name = calledName(node);
    if (namingActions.includes(name)) return [];
    const type = validator.getTypeAtLocation(node);
    const fails = complaints.test(name) || isErrorType(type) || (type.flags & ts.TypeFlags.Never) !== 0;
    return fails ? node.arguments : [];
  }
  if (ts.isVariableDeclaration(node) && codeTables.test(node.name.getText())) return textsOf(node.initializer);
  if (ts.isPropertyAssignment(node)) return endings.test(node.name.getText()) ? [node.initializer] : [];
  if (ts.isShorthandPropertyAssignment(node)) return endings.test(node.name.getText()) ? [node.name] : [];
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) {
    const name = node.name?.getText().replace("#", "") ?? "";
    return wordings.test(name) ? returned(node.body) : [];
  }
  return [];
}

/** The texts that an object has for its keys. */
function textsOf(table: ts.Node | undefined): readonly ts.Node[] {
  if (table !== undefined && (ts.isAsExpression(table) || ts.isSatisfiesExpression(table))) {
    return textsOf(table.expression);
  }
  if (table === undefined || !ts.isObjectLiteralExpression(table)) return [];
  return table.properties.flatMap((row) => ts.isPropertyAssignment(row) ? [row.initializer] : []);
}

function returned(body: ts.Node | undefined): readonly ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isReturnStatement(node) && node.expression !== undefined) found.push(node.expression);
    else if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  if (body !== undefined) ts.forEachChild(body, visit);
  return found;
}

function calledName({ expression }: ts.CallExpression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.getText() : expression.getText();
}

/** Whether a type is a class of errors, or a union with one. */
function isErrorType(type: ts.Type): boolean {
  if (type.isUnion()) return type.types.some(isErrorType);
  if (type.symbol?.name === "Error") return true;
  return (type.getBaseTypes?.() ?? []).some(isErrorType);
}

/** More than one word, and one of its own: a single one is a name, a code or a unit. */
function isWording(text: string): boolean {
  return /\S \S/.test(text.replace(/\{[^}]*\}/g, "x")) && /[a-z]/i.test(text.replace(/\{[^}]*\}/g, ""));
}

/** The text of a string, a template or a sum of them; `undefined` for any other node. */
function literal(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text +
      node.templateSpans.map((span) => `{${placeholder(span.expression)}}${span.literal.text}`).join("");
  }
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [literal(node.left), literal(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

/** The expressions that a template puts in, also in a sum of templates. */
function inserted(node: ts.Node): readonly ts.Node[] {
  if (ts.isTemplateExpression(node)) return node.templateSpans.map(({ expression }) => expression);
  return ts.isBinaryExpression(node) ? [node.left, node.right].flatMap(inserted) : [];
}

/** A name for the value that a template puts in: the last name of its expression. */
function placeholder(expression: ts.Expression): string {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isPropertyAccessExpression(expression)) return expression.name.text.replace(/^#/, "");
  if (ts.isCallExpression(expression)) {
    const [argument] = expression.arguments;
    if (argument !== undefined && !ts.isFunctionLike(argument) && literal(argument) === undefined) {
      return placeholder(argument);
    }
    return calledName(expression).replace(/^this\.#?/, "");
  }
  if (ts.isNonNullExpression(expression) || ts.isParenthesizedExpression(expression)) {
    return placeholder(expression.expression);
  }
  if (ts.isBinaryExpression(expression)) return placeholder(expression.left);
  return "…";
}
